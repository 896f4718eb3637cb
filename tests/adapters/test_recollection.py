"""A partner whose database is a backup does not sign for another past than it did, as far as the archive tells."""

from __future__ import annotations

import shutil
from datetime import timedelta

import pytest

from journal.entries import Opening, commitment_leaf
from journal.notes import parse_note
from tests.adapters.broker_double import BrokerDouble
from tests.adapters.conftest import Town
from tests.adapters.partners import Partner
from tests.adapters.watching import convicted
from tests.invented import LINE
from tests.journal.builders import entry_bytes


def restored(line: Partner, broker: BrokerDouble, looks: int) -> None:
    """A backup is made, so many more states are signed for, and the backup is restored."""
    line.adapter.read_journal()
    line.store.close()
    path, kept = line.folder / "adapter.sqlite", line.folder / "backup.sqlite"
    shutil.copy(path, kept)
    line.restart()
    for _ in range(looks):
        broker.clock.forward(seconds=10)
        broker.gateway.bustle(1)
        line.adapter.read_journal()
    line.store.close()
    for each in line.folder.glob("adapter.sqlite*"):
        each.unlink()
    shutil.copy(kept, path)
    line.restart()


def signed_for(broker: BrokerDouble) -> set[int]:
    """The sizes that the line signed for."""
    return {size for size, lines in broker.journal.cosigned.items() if LINE in lines}


def test_a_restored_partner_goes_on_with_an_honest_journal(laval: Town) -> None:
    """It finds its own signatures in the archive, and what it read holds them; asked once, it is not asked again."""
    broker, line, _ = laval
    restored(line, broker, 9)
    broker.gateway.bustle(3)
    line.adapter.read_journal()
    assert len(broker.gateway.leaves) in signed_for(broker)
    line.client.calls.clear()
    broker.gateway.bustle(1)
    line.adapter.read_journal()
    assert "checkpoints" not in line.client.calls
    assert line.adapter.alarms() == []


def test_a_restored_partner_signs_for_no_second_past(laval: Town) -> None:
    """Since the backup the gateway's journal became another one, and its archive still shows what we signed for."""
    broker, line, _ = laval
    restored(line, broker, 9)
    last, before = len(broker.gateway.leaves), signed_for(broker)
    other = commitment_leaf(Opening(entry_bytes(index=last - 2), bytes(32)))
    broker.gateway.leaves[last - 2] = other
    broker.gateway.bustle(1)
    for _ in range(2):
        line.adapter.read_journal()
    assert signed_for(broker) == before
    [alarm] = line.adapter.alarms()
    assert alarm.code == "journal-forked"
    assert convicted(line)[1].kind == "fork"


def test_a_restored_partner_signs_for_nothing_that_was_taken_back(laval: Town) -> None:
    """The journal shows less than we signed for: it grew from the backup, and not as far."""
    broker, line, _ = laval
    restored(line, broker, 5)
    before = signed_for(broker)
    broker.gateway.leaves.pop()
    broker.clock.forward(seconds=10)
    line.adapter.read_journal()
    assert signed_for(broker) == before
    assert [alarm.code for alarm in line.adapter.alarms()] == ["checkpoint-rolled-back"]
    assert convicted(line)[1].kind == "rollback"


def test_who_was_only_away_does_not_read_the_archive_through(laval: Town) -> None:
    """A few pages without a signature of ours say that nothing was forgotten."""
    broker, line, shelter = laval
    line.adapter.read_journal()
    for _ in range(40):
        broker.gateway.bustle(1)
        broker.clock.forward(seconds=10)
        shelter.adapter.read_journal()
    line.restart()
    line.client.calls.clear()
    line.adapter.read_journal()
    assert line.client.calls.count("checkpoints") <= 3
    assert len(broker.gateway.leaves) in signed_for(broker)


def test_an_archive_that_never_ends_is_left(laval: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """One honest note under ever new places turns no pages for ever, and nothing is signed meanwhile."""
    broker, line, _ = laval
    restored(line, broker, 3)
    broker.gateway.bustle(1)
    before, page = signed_for(broker), line.client.checkpoints
    [item, *_] = page(1, parse_note(broker.journal.notes[-1]).checkpoint.size - 1, broker.clock() - timedelta(days=1))
    served = []

    def endless(_shard: int, after: int, _since: object) -> tuple[object, ...]:
        served.append(after)
        assert len(served) < 50
        return (type(item)(after + 1, item.time, item.note),)

    monkeypatch.setattr(line.client, "checkpoints", endless)
    line.adapter.read_journal()
    assert signed_for(broker) == before
    monkeypatch.undo()
    line.adapter.read_journal()
    assert len(broker.gateway.leaves) in signed_for(broker)


def test_who_remembers_no_signature_looks_at_what_came_since_it_enrolled(laval: Town) -> None:
    """A backup of the first hour is a backup too."""
    broker, line, _ = laval
    restored(line, broker, 4)
    with line.store.transaction() as tx:
        tx.session.connection().exec_driver_sql("DELETE FROM watch")
    before = signed_for(broker)
    broker.gateway.leaves[-1] = commitment_leaf(Opening(entry_bytes(index=len(broker.gateway.leaves) - 1), bytes(32)))
    broker.gateway.bustle(1)
    line.adapter.read_journal()
    assert signed_for(broker) == before
    assert [alarm.code for alarm in line.adapter.alarms()] == ["journal-forked"]


def test_a_shard_that_began_since_is_looked_at_as_well(laval: Town) -> None:
    """What was signed for of it counts, and of the one that was closed."""
    broker, line, _ = laval
    line.adapter.read_journal()
    line.store.close()
    kept = line.folder / "backup.sqlite"
    shutil.copy(line.folder / "adapter.sqlite", kept)
    line.restart()
    broker.gateway.rotate()
    line.adapter.read_journal()
    broker.gateway.bustle(2)
    line.adapter.read_journal()
    before = signed_for(broker)
    line.store.close()
    for each in line.folder.glob("adapter.sqlite*"):
        each.unlink()
    shutil.copy(kept, line.folder / "adapter.sqlite")
    line.restart()
    broker.gateway.leaves[-1] = commitment_leaf(Opening(entry_bytes(index=len(broker.gateway.leaves) - 1), bytes(32)))
    line.adapter.read_journal()
    assert signed_for(broker) == before
    assert [alarm.code for alarm in line.adapter.alarms()] == ["journal-forked"]
