"""After a restore of the gateway: its journal goes on only for who was told so, and never from less than was seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import delete

from adapters.growth import JournalAlarmError
from adapters.pins import GatewayPins, pin_code, read_pins
from adapters.problems import GatewayProblemError
from adapters.store.tables import JournalRow, KeyStatementRow
from adapters.store.watch_tables import ShardRow
from journal.checkpoints import Checkpoint
from journal.notes import parse_note
from journal.shards import RESTARTED, commit
from keys import strictjson
from keys.documents import b64url, parse
from keys.errors import ForgedError, MalformedError, PasserelleError, UntrustedKeyError
from keys.terminal import DONE, REFUSED
from tests.adapters.broker_double import BrokerDouble
from tests.adapters.conftest import Town
from tests.adapters.gateway_double import ORIGIN
from tests.adapters.partners import Partner, sent
from tests.adapters.restoring import Backup, accept, as_published, codes
from tests.adapters.terminal import Command
from tests.adapters.watching import looks
from tests.journal.builders import journal_signer

OTHER = journal_signer(ORIGIN)


def restored(town: Town) -> tuple[BrokerDouble, Partner, Partner, Backup]:
    """A broker that is set back to a backup, after which both partners saw its journal grow."""
    broker, line, shelter = town
    line.adapter.read_journal()
    backup = Backup(broker)
    broker.gateway.bustle(4)
    shelter.adapter.read_journal()
    broker.gateway.bustle(3)
    broker.clock.forward(seconds=30)
    line.adapter.read_journal()
    return broker, line, shelter, backup


def size(partner: Partner) -> int:
    """How many entries a partner read."""
    return partner.adapter.office.book.size


def refused(partner: Partner, error: type[PasserelleError], code: str, announced: GatewayPins | None = None) -> None:
    """The partner accepts no restart, pins nothing, and keeps what it saw."""
    before, pins = size(partner), announced or partner.broker.pins
    with pytest.raises(error) as told:
        partner.adapter.accept_restart(pins, pin_code(pins))
    assert told.value.code == code
    assert size(partner) == before
    assert not partner.adapter.settings.pins.exists()


def announcing(broker: BrokerDouble, change: Callable[[dict[str, Any]], None]) -> GatewayPins:
    """What the gateway announces, changed."""
    members = broker.gateway.announced
    change(members)
    return parse(GatewayPins, strictjson.dumps(members), limit=100_000)


def test_until_it_is_accepted_a_restart_is_the_alarm_it_always_was(laval: Town) -> None:
    """The journal goes back; nothing newer is believed, and our copy is shown to the operator."""
    broker, line, shelter, backup = restored(laval)
    kept, seen = size(line), line.adapter.office.book.seen()
    assert seen is not None
    copy = as_published(broker, seen.note)
    backup.restart(line)
    broker.gateway.bustle(2)
    for partner in (line, shelter):
        looks(partner, "checkpoint-rolled-back")
        assert codes(partner.adapter.alarms()) == ["checkpoint-rolled-back"]
    assert (size(line), copy in broker.journal.contradicted) == (kept, True)


def test_a_restart_is_followed_once_the_code_was_compared(laval: Town) -> None:
    """The lost entries are told, the alarm is closed, and the journal is read on and signed for from there."""
    broker, line, shelter, backup = restored(laval)
    backup.restart(line)
    broker.gateway.bustle(2)
    lost = range(backup.held, broker.gateway.shards[-1].start)
    for partner in (line, shelter):
        looks(partner, "checkpoint-rolled-back", times=1)
        assert accept(partner) == lost
        assert partner.adapter.alarms() == []
        assert size(partner) == len(broker.gateway.leaves)
        assert read_pins(partner.adapter.settings.pins) == broker.pins
        partner.restart()
        assert partner.adapter.read_journal() == len(broker.gateway.leaves)
        assert accept(partner) == lost, "twice is once"
    assert len(broker.journal.cosigned[len(broker.gateway.leaves)]) == len((line, shelter))
    broker.gateway.rotate()
    assert line.adapter.read_journal() == len(broker.gateway.leaves)


def test_who_pins_the_gateway_afterwards_reads_it_through(laval: Town) -> None:
    """A newcomer has the restart in its pins, and reads what is left of the shard before."""
    broker, line, _, backup = restored(laval)
    backup.restart(line)
    newcomer = line.restart()
    with line.store.transaction() as tx:
        for row in (JournalRow, ShardRow, KeyStatementRow):
            tx.session.execute(delete(row))
    assert newcomer.read_journal() == len(broker.gateway.leaves)
    assert newcomer.alarms() == []


@pytest.mark.parametrize("wrong", ["AAAA BBBB CCCC DDDD", "", "x"])
def test_another_code_accepts_nothing(laval: Town, wrong: str) -> None:
    """What somebody in between announces does not have the code that the operator read aloud."""
    _, line, _, backup = restored(laval)
    backup.restart(line)
    with pytest.raises(UntrustedKeyError, match="pin-code-differs"):
        line.adapter.accept_restart(line.broker.pins, wrong)
    assert not line.adapter.settings.pins.exists()


def test_without_a_restart_there_is_nothing_to_accept(laval: Town) -> None:
    """Neither for a journal that went on in order, nor for one that never did."""
    broker, line, _, _ = restored(laval)
    refused(line, MalformedError, "no-restart")
    broker.gateway.rotate()
    refused(line, MalformedError, "no-restart")


@pytest.mark.parametrize(
    "change",
    [
        lambda members: members.update(receipts=b64url(OTHER.vkeys[0].public_key)),
        lambda members: members.update(issuer="https://autre.example"),
        lambda members: members["journal"].update(vkeys=[str(each) for each in OTHER.vkeys]),
    ],
)
def test_nothing_that_was_pinned_may_change(laval: Town, change: Callable[[dict[str, Any]], None]) -> None:
    """Even where the code is right: a restart adds shards, and takes nothing with it."""
    broker, line, _, backup = restored(laval)
    backup.restart(line)
    try:
        announced = announcing(broker, change)
    except MalformedError:
        pytest.fail("the announcement must be one that a newcomer would pin")
    refused(line, ForgedError, "pins-changed", announced)


def test_a_shard_that_was_followed_may_not_change(laval: Town) -> None:
    """Of a journal that went on in order once, the second shard stays the one that was followed."""
    broker, line, _, _ = restored(laval)
    broker.gateway.rotate()
    line.adapter.read_journal()
    backup = Backup(broker)
    broker.gateway.bustle(2)
    line.adapter.read_journal()
    backup.restart(line)
    other = journal_signer(broker.gateway.shards[1].signer.origin)
    announced = announcing(
        broker, lambda members: members["shards"][0].update(vkeys=[str(each) for each in other.vkeys])
    )
    refused(line, ForgedError, "pins-changed", announced)
    assert accept(line).start == backup.held


def test_a_restart_from_less_than_was_seen_is_refused(laval: Town) -> None:
    """A broker that pretends that nobody saw more than the shelter cannot make the line forget what it saw."""
    _, line, shelter, backup = restored(laval)
    backup.restart(shelter)
    refused(line, JournalAlarmError, "hand-over-broken")
    assert accept(shelter).start == backup.held


def test_a_restart_from_another_past_of_the_same_size_is_refused(laval: Town) -> None:
    """Equal size, other root: what was seen is not what is gone on from."""
    broker, line, _, backup = restored(laval)
    seen = line.adapter.office.book.seen()
    assert seen is not None
    leaves = broker.gateway.leaves
    leaves[-1] = leaves[-2]
    forged = broker.gateway.note()
    backup.restore()
    broker.gateway.restart(backup.held, forged)
    refused(line, JournalAlarmError, "hand-over-broken")


@pytest.mark.parametrize("change", [{"size": -2}, {"size": 2}, {"root": bytes(32)}])
def test_a_restart_that_lies_about_what_is_left_is_refused(laval: Town, change: dict[str, Any]) -> None:
    """The first entry says which tree the backup holds; what is shown of the shard must be that one."""
    broker, line, _, backup = restored(laval)
    seen = line.adapter.office.book.seen()
    assert seen is not None
    witnessed = as_published(broker, seen.note)
    backup.restart(line)
    broker.gateway.leaves.pop()
    root = change.get("root", parse_note(broker.journal.show(1)).checkpoint.root)
    held = Checkpoint(ORIGIN, backup.held + change.get("size", 0), root)
    broker.gateway.hand_over(RESTARTED, commit(2, witnessed, held))
    refused(line, JournalAlarmError, "hand-over-broken")


def test_a_closed_shard_is_not_restarted_over(laval: Town) -> None:
    """Where the journal announced its next shard, another one that nobody announced is a broken hand-over."""
    broker, line, _, _ = restored(laval)
    broker.gateway.rotate()
    announced = announcing(broker, lambda members: members["shards"][0].update(restarted=True))
    refused(line, JournalAlarmError, "hand-over-broken", announced)


def test_who_was_told_nothing_learns_why_the_journal_is_silent(laval: Town) -> None:
    """A partner that saw no more than the backup holds has no alarm at first, and then the reason, not a riddle."""
    broker, line, shelter = laval
    for partner in (line, shelter):
        partner.adapter.read_journal()
    backup = Backup(broker)
    shelter.adapter.read_journal()
    broker.gateway.bustle(2)
    line.adapter.read_journal()
    backup.restart(line)
    assert shelter.adapter.read_journal() == backup.held
    broker.clock.forward(hours=2, seconds=1)
    looks(shelter, "restart-not-pinned")
    assert codes(shelter.adapter.alarms()) == ["journal-silent"]
    accept(shelter)
    assert shelter.adapter.alarms() == []


# A gateway that is still examined.


def test_a_restored_gateway_is_shown_what_was_seen(laval: Town) -> None:
    """Everything is refused until every witness has shown its last state: each exchange shows it."""
    broker, line, _, _ = restored(laval)
    for call in ("agreements", "lease", "events"):
        line.client.before[call] = GatewayProblemError("journal-restored", status=503)
    calls = line.client.calls.count("cosign")
    done = line.adapter.sync()
    assert set(done.troubles) == {"journal-restored"}
    assert line.client.calls.count("cosign") == calls + 1
    line.adapter.sync()
    assert line.client.calls.count("cosign") == calls + 1
    line.client.before["deposit"] = GatewayProblemError("journal-restored", status=503)
    queued = sent(line)
    line.client.before["register_statement"] = GatewayProblemError("journal-restored", status=503)
    assert line.adapter.sync().sent.stopped == "journal-restored"
    assert line.client.calls.count("cosign") == calls + 2
    with line.store.transaction() as tx:
        assert queued.envelope in {each.item for each in tx.traffic.waiting()}
    assert broker.deposits == []


# On the command line.


def test_the_command_accepts_by_the_code(laval: Town, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong code is refused in words; the right one says what is lost, in both languages."""
    broker, line, _, backup = restored(laval)
    backup.restart(line)
    monkeypatch.setattr("adapters.commands.journal.fetch_pins", lambda *_asked: broker.pins)
    status, _, said = command(line, "journal", "accept-restart", "AAAA BBBB CCCC DDDD")
    assert (status, "code" in said) == (REFUSED, True)
    line.restart()
    for locale, word in (("en_CA.UTF-8", "lost"), ("fr_CA.UTF-8", "perdues")):
        status, out, _ = command(line, "journal", "accept-restart", pin_code(broker.pins), locale=locale)
        assert (status, word in out, str(backup.held) in out) == (DONE, True, True)
        line.restart()
