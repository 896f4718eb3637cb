"""After a backup was restored nothing is decided before witnesses have spoken; what is lost is said."""

import asyncio
from dataclasses import replace

import pytest

from gateway.sequencer.witnesses import ask_all
from gateway.shards import current_shard
from gateway.store.heads import StoppedError
from gateway.timers import tick
from journal.entries import read_leaf
from journal.notes import parse_note
from journal.shards import RESTARTED, check_opening, first_shard, restarted_after
from keys import strictjson
from keys.errors import PasserelleError
from tests.builders import AT, DAY, LINE, SHELTER
from tests.gateway.endings import CODE
from tests.gateway.first_day import SETTINGS, shard_signer
from tests.gateway.restoring import (
    Copy,
    begun,
    newest_note,
    restarted,
    resumed,
    show,
)
from tests.gateway.rotating import VKEYS, read_shard, rotated
from tests.gateway.sequencer.public_witness import NAME, LoopbackWitness, serving_witness
from tests.gateway.witnessing import bring, checkpoint_of, forked, request
from tests.gateway.world import World, envelope_id, refusal_of

MESSAGE: dict[str, object] = {"/id": envelope_id(1)}


def _refused(world: World, *without: str, restart: bool = False) -> str:
    with pytest.raises(PasserelleError) as refused:
        (restarted if restart else resumed)(world, *without)
    return refused.value.code


def _open(world: World) -> bool:
    return bool(world.shelter.get("/v1/events").status_code == 200)


def test_nothing_is_decided_appended_or_signed_meanwhile(backup: World) -> None:
    """Every call that asks for something is told to come back; time decides nothing, and nothing is published."""
    before, note = len(backup.entries()), newest_note(backup)
    for answer in (
        backup.line.register(),
        backup.line.deposit(backup.message(MESSAGE)),
        backup.line.withdraw(),
        backup.shelter.post("/v1/inbox/lease", b'{"max":5,"wait":0}'),
        backup.shelter.get("/v1/events"),
        backup.shelter.get("/v1/journal/openings"),
    ):
        assert refusal_of(answer) == (503, "journal-restored")
        assert answer.headers["retry-after"]
    backup.clock.at = AT + 400 * DAY
    tick(backup.broker)
    with pytest.raises(StoppedError):
        rotated(backup)
    assert newest_note(backup) == note
    assert len(backup.entries()) == before


def test_the_public_still_reads_and_partners_still_sign_in(backup: World) -> None:
    """The journal, the pins and health; whoever withdraws on the public page is told to wait."""
    open_paths = ("/v1/journal/checkpoint", "/v1/journal/checkpoints", "/.well-known/passerelle", "/healthz", "/readyz")
    for path in open_paths:
        assert backup.client.get(path).status_code == 200
    assert backup.line.token()
    page = backup.client.post("/withdraw", data={"code": CODE})
    assert (page.status_code, page.headers["retry-after"]) == (503, "2")


def test_a_backup_that_is_whole_goes_on_by_itself(observed: World, backup: World) -> None:
    """Once every witness has shown what it saw, and nobody saw more: the journal says who."""
    note = newest_note(observed)
    assert show(backup, note, SHELTER).status_code == 200
    assert not _open(backup)
    assert show(backup, note, LINE).status_code == 200
    assert _open(backup)
    last = backup.entries()[-1]
    assert (last.type, last.state) == ("admin.change", "restore-confirmed")
    told = strictjson.loads(last.document or b"", limit=1000)
    assert told == {"v": 1, "shown": sorted([SHELTER, LINE]), "without": []}
    backup.integrate()


def test_consents_wait_after_every_restore(observed: World, backup: World) -> None:
    """A withdrawal that no witness saw published is not in the backup: its issuer speaks first."""
    seen = newest_note(observed)
    assert observed.line.withdraw().status_code == 201
    for address in (SHELTER, LINE):
        assert show(backup, seen, address).status_code == 200
    assert _open(backup)
    assert backup.shelter.lease() == []
    assert refusal_of(backup.line.deposit(backup.message(MESSAGE))) == (503, "statement-unconfirmed")
    assert backup.line.register().status_code == 200
    backup.clock.move(minutes=2)
    assert len(backup.shelter.lease()) == 1


def test_an_old_checkpoint_counts_as_shown(observed: World, backup: World) -> None:
    """A witness that was away saw less than the backup holds, which is no loss."""
    with observed.broker.store.reading() as tx:
        first = tx.tiles.checkpoints(0, None, 1)[0].note
    for address in (SHELTER, LINE):
        assert show(backup, first, address).status_code == 200
    assert _open(backup)


def test_the_operator_goes_on_without_whoever_cannot_be_asked(observed: World, backup: World) -> None:
    """By name, and the journal says which; nobody else, and not while one is missing that was not named."""
    assert _refused(backup) == "witnesses-missing"
    assert _refused(backup, SHELTER) == "witnesses-missing"
    assert _refused(backup, SHELTER, "nobody@laval") == "witness-not-awaited"
    show(backup, newest_note(observed), SHELTER)
    assert _refused(backup, SHELTER, LINE) == "witness-not-awaited"
    resumed(backup, LINE)
    told = strictjson.loads(backup.entries()[-1].document or b"", limit=1000)
    assert told == {"v": 1, "shown": [SHELTER], "without": [LINE]}
    assert _refused(backup, LINE) == "not-restored"
    assert _refused(backup, LINE, restart=True) == "not-restored"


def test_whoever_has_no_witness_key_is_not_awaited(observed: World, backup: World) -> None:
    """Nor a suspended partner; what others show is kept all the same."""
    note = newest_note(observed)
    for address in set(observed.partners) - {SHELTER, LINE}:
        show(backup, note, address)
    assert not _open(backup)
    resumed(backup, SHELTER, LINE)
    assert _open(backup)


def test_where_nobody_witnesses_the_operator_decides(world: World) -> None:
    """One partner that shows what it saw does not speak for those who were never asked to."""
    begun(world)
    assert show(world, newest_note(world), SHELTER).status_code == 200
    assert not _open(world)
    resumed(world)
    assert _open(world)


def test_somebody_who_saw_more_keeps_everything_stopped(backup: World, lost: bytes) -> None:
    """What it shows is evidence, and the operator cannot go on as if nothing were lost."""
    assert refusal_of(show(backup, lost, SHELTER)) == (503, "journal-contradicted")
    assert refusal_of(show(backup, lost, LINE)) == (503, "journal-contradicted")
    assert not _open(backup)
    assert _refused(backup) == "restore-lost"
    with backup.broker.store.reading() as tx:
        [kept] = tx.contradictions.all()
        assert tx.shown.all() == {SHELTER: kept.size, LINE: kept.size}
    assert kept.note == lost


def test_what_a_copy_signed_says_nothing_of_the_backup(backup: World) -> None:
    """The operator explained it before: its witness is still awaited, and may be left out by name."""
    with backup.broker.store.transaction() as tx:
        tx.contradictions.explain(AT - DAY, AT + DAY, AT)
    assert refusal_of(show(backup, forked(99), SHELTER)) == (503, "journal-contradicted")
    with backup.broker.store.reading() as tx:
        assert tx.shown.all() == {}
    resumed(backup, SHELTER, LINE)
    assert _open(backup)


def test_a_note_that_is_not_ours_counts_for_nothing(backup: World) -> None:
    """Signed by other keys, of another origin, with another size, or none at all: nobody has shown anything."""
    own = shard_signer(1)
    stolen = forked(99, replace(own, ed25519=shard_signer(2).ed25519))
    assert refusal_of(show(backup, stolen, SHELTER)) == (404, "checkpoint-unknown")
    bare = request(checkpoint_of(backup))
    assert refusal_of(bring(backup, bare)) == (503, "journal-restored")
    with backup.broker.store.reading() as tx:
        assert tx.shown.all() == {}
        assert tx.contradictions.all() == []


def test_a_restart_says_what_is_lost(observed: World, backup: World, lost: bytes) -> None:
    """A new shard begins after the largest checkpoint shown, commits to it, and tells the entries that are gone."""
    held = len(backup.entries())
    for address in (SHELTER, LINE):
        show(backup, lost, address)
    shard = restarted(backup)
    end = parse_note(lost).checkpoint.size
    assert (shard.number, shard.start) == (2, end)
    with backup.broker.store.reading() as tx:
        leaves = tx.journal.leaves(shard.start, tx.journal.head().size)
        openings = dict(tx.journal.openings(shard.start + len(leaves), shard.start))
    opening = read_leaf(leaves[0], shard.start).entry  # type: ignore[union-attr]  # a hand-over is in clear
    first = first_shard(VKEYS)
    found = restarted_after(opening, first)
    assert (opening.state, found.checkpoint, found.held.size) == (RESTARTED, parse_note(lost).checkpoint, held)
    assert found.held == read_shard(backup, first).checkpoint
    check_opening(opening, shard, first, found.checkpoint, restarted=True)
    change = strictjson.loads(openings[shard.start + 1].entry, limit=100_000)
    assert isinstance(change, dict)
    assert (change["state"], opening.time <= backup.clock()) == ("journal-restarted", True)
    assert _open(backup)
    assert read_shard(backup, shard).checkpoint.size == 2
    listed = backup.client.get("/.well-known/passerelle").json()["shards"]
    assert [(each["number"], each["start"], each["restarted"]) for each in listed] == [(2, end, True)]
    assert newest_note(observed) == lost


def test_a_restart_is_never_before_what_was_lost(observed: World, backup: World) -> None:
    """The clock of this machine was set back too: the new shard begins when the lost checkpoint was signed."""
    observed.clock.move(hours=5)
    observed.line.withdraw()
    note = newest_note(observed)
    for address in (SHELTER, LINE):
        show(backup, note, address)
    shard = restarted(backup)
    with backup.broker.store.reading() as tx:
        [leaf] = tx.journal.leaves(shard.start, shard.start + 1)
    assert read_leaf(leaf, shard.start).entry.time == observed.clock.at > backup.clock.at  # type: ignore[union-attr]  # as above


def test_a_restart_needs_somebody_who_saw_more(observed: World, backup: World) -> None:
    """And everybody who is still awaited, or their names."""
    assert _refused(backup, SHELTER, LINE, restart=True) == "restore-whole"
    assert observed.line.withdraw().status_code == 201
    show(backup, newest_note(observed), SHELTER)
    assert _refused(backup, restart=True) == "witnesses-missing"
    assert _refused(backup, SHELTER, LINE, restart=True) == "witness-not-awaited"
    assert restarted(backup, LINE).number == 2


@pytest.mark.parametrize(("count", "minutes"), [(30, 0), (1, 1)])
def test_a_backup_that_was_served_first_cannot_restart(observed: World, copied: Copy, count: int, minutes: int) -> None:
    """It went its own way, further or later than what was seen: nobody could tell which entry a number means."""
    with copied(observed) as made:
        assert observed.line.withdraw().status_code == 201
        made.clock.move(minutes=minutes)
        for _ in range(count):
            made.act(lambda tx, at: tx.journal.append(at, type="audit.read", actor="gateway@laval"))
        begun(made)
        show(made, newest_note(observed), SHELTER)
        assert _refused(made, LINE, restart=True) == "restore-diverged"


def test_public_witnesses_are_awaited_too(observed: World, backup: World) -> None:
    """Asked by the broker itself: one that saw no more counts as shown, though it had cosigned before."""
    with serving_witness(LoopbackWitness(VKEYS)) as witness:
        backup.broker = replace(backup.broker, settings=replace(SETTINGS, witnesses=(witness.named,)))
        assert asyncio.run(ask_all(backup.broker)) == {}
        with backup.broker.store.reading() as tx:
            assert set(tx.shown.all()) == {NAME}
        assert asyncio.run(ask_all(backup.broker)) == {}
        assert len(witness.asked) == 1
    assert observed.broker.keys is backup.broker.keys


def test_a_public_witness_that_saw_more_is_believed(observed: World, backup: World) -> None:
    """It cannot give its checkpoint: the restart waits for whoever can, or names the witness."""
    with serving_witness(LoopbackWitness(VKEYS)) as witness:
        observed.broker = replace(observed.broker, settings=replace(SETTINGS, witnesses=(witness.named,)))
        backup.broker = replace(backup.broker, settings=observed.broker.settings)
        observed.line.withdraw()
        seen = newest_note(observed)
        observed.act(lambda tx, at: tx.journal.append(at, type="audit.read", actor="gateway@laval"))
        observed.integrate()
        assert asyncio.run(ask_all(observed.broker)) == {}
        assert asyncio.run(ask_all(backup.broker))[NAME].code == "witness-ahead"
    assert _refused(backup, SHELTER, LINE) == "restore-lost"
    assert _refused(backup, SHELTER, LINE, restart=True) == "restore-note-missing"
    show(backup, seen, SHELTER)
    assert _refused(backup, LINE, restart=True) == "restore-note-missing"
    assert restarted(backup, LINE, NAME).start == parse_note(seen).checkpoint.size


def test_a_restored_journal_that_was_contradicted_before_stays_so(backup: World, lost: bytes) -> None:
    """A restart settles what it explains, and nothing that somebody showed of an earlier shard or of a fork."""
    fork = forked(3)
    assert refusal_of(show(backup, fork, SHELTER)) == (503, "journal-contradicted")
    for address in (SHELTER, LINE):
        show(backup, lost, address)
    restarted(backup)
    with backup.broker.store.reading() as tx:
        assert tx.journal.head().contradicted
        assert [each.settled is None for each in tx.contradictions.all()].count(True) == 1
        shard = current_shard(backup.broker.keys, tx)
    assert read_shard(backup, shard).checkpoint.size == 2


def test_entries_that_were_not_yet_published_are_held(observed: World, copied: Copy) -> None:
    """A backup of a busy second has entries that a later checkpoint covers: a witness that saw it saw no more."""
    for _ in range(3):
        observed.act(lambda tx, at: tx.journal.append(at, type="audit.read", actor="gateway@laval"))
    with copied(observed) as backup:
        begun(backup)
        note = newest_note(observed)
        assert show(backup, note, SHELTER).status_code == 200
        assert show(backup, note, LINE).status_code == 200
        assert _open(backup)
        backup.integrate()
        assert checkpoint_of(backup).size == parse_note(note).checkpoint.size + 1
