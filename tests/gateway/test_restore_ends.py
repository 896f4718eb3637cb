"""How a restore ends in the cases that nobody wishes for: latecomers, forks, a note nobody has, a backup too old."""

import pytest

from gateway.alarms import settle_alarm
from journal.entries import read_leaf
from journal.notes import parse_note
from journal.shards import first_shard
from keys.errors import PasserelleError
from keys.statements import publish
from tests.builders import AT, LINE, SHELTER, root_key
from tests.gateway.chains import chain_head, publish_statement
from tests.gateway.first_day import SETTINGS
from tests.gateway.restoring import (
    Copy,
    begun,
    newest_note,
    restarted,
    resumed,
    show,
)
from tests.gateway.rotating import VKEYS, read_shard, rotated
from tests.gateway.sequencer.public_witness import NAME
from tests.gateway.witnessing import YEAR, forked, witness_vkey
from tests.gateway.world import World, envelope_id, refusal_of

MESSAGE: dict[str, object] = {"/id": envelope_id(1)}


def _refused(world: World, *without: str, restart: bool = False) -> str:
    with pytest.raises(PasserelleError) as refused:
        (restarted if restart else resumed)(world, *without)
    return refused.value.code


def _open(world: World) -> bool:
    return bool(world.shelter.get("/v1/events").status_code == 200)


def test_whoever_shows_late_what_is_known_to_be_lost_stops_nothing(observed: World, backup: World, lost: bytes) -> None:
    """A witness that was left out comes back with a checkpoint of the lost days: kept, and settled by the restart."""
    observed.act(lambda tx, at: tx.journal.append(at, type="audit.read", actor="gateway@laval"))
    largest = newest_note(observed)
    show(backup, largest, SHELTER)
    restarted(backup, LINE)
    for note in (lost, largest):
        assert refusal_of(show(backup, note, LINE)) == (409, "checkpoint-too-old")
    assert _open(backup)
    with backup.broker.store.reading() as tx:
        assert {each.note for each in tx.contradictions.all() if each.settled} == {lost, largest}
    observed.act(lambda tx, at: tx.journal.append(at, type="audit.read", actor="gateway@laval"))
    for note in (newest_note(observed), forked(3), forked(parse_note(largest).checkpoint.size)):
        assert refusal_of(show(backup, note, LINE)) == (503, "journal-contradicted")


def test_an_alarm_about_what_the_backup_holds_keeps_nothing_from_ending(observed: World, backup: World) -> None:
    """It is no loss: the restore ends, and the alarm stays until the operator settles it, as any other."""
    assert refusal_of(show(backup, forked(3), SHELTER)) == (503, "journal-contradicted")
    assert show(backup, newest_note(observed), LINE).status_code == 200
    assert _refused(backup, restart=True) == "not-restored"
    assert refusal_of(backup.line.deposit(backup.message(MESSAGE))) == (503, "journal-contradicted")
    _, passes = backup.act(lambda tx, at: settle_alarm(SETTINGS, tx, 1, "copy-signed", at))
    assert passes
    assert backup.line.register().status_code == 200
    assert backup.line.deposit(backup.message(MESSAGE)).status_code == 201


def test_when_nobody_has_the_note_the_journal_restarts_after_its_own(backup: World) -> None:
    """A public witness alone saw more and cannot give it: left out by name, it keeps nothing stopped for ever."""
    own = newest_note(backup)
    with backup.broker.store.transaction() as tx:
        tx.shown.keep(NAME, 99, AT)
    for address in (SHELTER, LINE):
        assert show(backup, own, address).status_code == 200
    assert _refused(backup) == "restore-lost"
    assert _refused(backup, restart=True) == "restore-note-missing"
    shard = restarted(backup, NAME)
    assert shard.start == parse_note(own).checkpoint.size
    assert _open(backup)
    assert read_shard(backup, shard).checkpoint.size == 2


def test_what_was_not_yet_published_keeps_its_place(observed: World, copied: Copy) -> None:
    """A key that a partner published in the backup's last second stands where it stood, and anybody reads it there."""
    public = witness_vkey(LINE, "second").public_key
    signed = publish(chain_head(observed, LINE), LINE, "witness", public, YEAR, root_key(LINE).signers)
    assert publish_statement(observed, signed, LINE).status_code == 201
    with copied(observed) as backup:
        begun(backup)
        between = newest_note(observed)
        observed.line.withdraw()
        held = len(backup.entries())
        show(backup, largest := newest_note(observed), SHELTER)
        shard = restarted(backup, LINE)
        first = read_shard(backup, first_shard(VKEYS))
        assert (first.checkpoint.size, shard.start) == (held, parse_note(largest).checkpoint.size)
        assert read_leaf(first.leaves[-1], held - 1).entry.type == "key.published"  # type: ignore[union-attr]  # in clear
        assert refusal_of(show(backup, between, LINE)) != (503, "journal-contradicted")


def test_a_fork_of_what_was_not_yet_published_is_not_signed_over(observed: World, copied: Copy) -> None:
    """Somebody saw another end of what this database holds: it went its own way, and signs nothing more."""
    for _ in range(3):
        observed.act(lambda tx, at: tx.journal.append(at, type="audit.read", actor="gateway@laval"))
    with copied(observed) as backup:
        begun(backup)
        held = len(backup.entries())
        show(backup, forked(held - 1), SHELTER)
        observed.line.withdraw()
        show(backup, newest_note(observed), LINE)
        assert _refused(backup, restart=True) == "restore-diverged"


@pytest.mark.parametrize("said", [True, False])
def test_a_backup_from_before_a_rotation_never_goes_on(observed: World, copied: Copy, *, said: bool) -> None:
    """The keys of the next shard have signed: whoever shows that stops everything, and no command ends it."""
    with copied(observed) as backup:
        rotated(observed)
        assert observed.line.withdraw().status_code == 201
        note = newest_note(observed)
        if said:
            begun(backup)
        for address in (SHELTER, LINE, SHELTER):
            assert refusal_of(show(backup, note, address)) == (503, "journal-contradicted")
        with backup.broker.store.reading() as tx:
            assert [each.note for each in tx.contradictions.all()] == [note]
        if not said:
            assert refusal_of(backup.line.deposit(backup.message(MESSAGE))) == (503, "journal-contradicted")
            begun(backup)
        assert _refused(backup, SHELTER, LINE) == "restore-behind"
        assert _refused(backup, SHELTER, LINE, restart=True) == "restore-behind"
        own = backup.client.get("/v1/journal/checkpoint").content
        for address in (SHELTER, LINE):
            show(backup, own, address)
        assert _refused(backup) == "restore-behind"
