"""Alarms about the journal gather, so that lies fill no disk; and a state that was signed twice is kept twice."""

from __future__ import annotations

from datetime import timedelta

from adapters.alarms import AT_MOST, raise_alarm
from tests.adapters.conftest import Town
from tests.adapters.watching import convicted, looks, only_alarm, swap


def test_a_gateway_that_lies_again_and_again_fills_no_disk(laval: Town) -> None:
    """It shows an honest state in between: one open alarm of each kind with the first evidence, told until closed."""
    broker, line, _ = laval
    for _ in range(4):
        line.adapter.read_journal()
        honest = list(broker.gateway.leaves)
        swap(line, 1)
        looks(line, "journal-forked", times=1)
        broker.gateway.leaves[:] = honest
        broker.gateway.bustle(1)
    assert len(list((line.folder / "evidence").iterdir())) == 1
    first = only_alarm(line)
    line.adapter.close_alarm(first.number)
    swap(line, 1)
    looks(line, "journal-forked", times=1)
    assert only_alarm(line).number > first.number


def test_no_more_than_twenty_entries_are_told_of_one_kind(laval: Town) -> None:
    """Whoever has twenty broken promises to show needs no other; each that is closed makes room for one."""
    _, line, _ = laval
    line.adapter.read_journal()
    office, folder = line.adapter.office, line.adapter.evidence
    for index in range(AT_MOST + 5):
        raise_alarm(office, folder, "receipt-not-honoured", f"journal#{index}")
    found = line.adapter.alarms()
    assert [alarm.subject for alarm in found] == [f"journal#{index}" for index in range(AT_MOST)]
    line.adapter.close_alarm(found[0].number)
    for index in range(AT_MOST, AT_MOST + 2):
        raise_alarm(office, folder, "receipt-not-honoured", f"journal#{index}")
    assert line.adapter.alarms()[-1].subject == f"journal#{AT_MOST}"
    raise_alarm(office, folder, "receipt-not-honoured", "journal")
    raise_alarm(office, folder, "foreign-key-statement", "journal#7")
    assert len(line.adapter.alarms()) == AT_MOST + 2


def test_a_rollback_between_two_signings_of_one_tree_convicts(laval: Town) -> None:
    """A quiet journal is signed anew: what was signed smaller in between contradicts the first of the two."""
    broker, line, _ = laval
    line.adapter.read_journal()
    size = len(broker.gateway.leaves)
    for _ in range(2):
        broker.clock.forward(hours=1)
        line.adapter.read_journal()
    line.restart()
    between = broker.gateway.note(size=size - 1, at=broker.clock() - timedelta(minutes=90))
    broker.journal.notes, broker.journal.silent = [between], True
    looks(line, "checkpoint-rolled-back")
    assert convicted(line)[1].kind == "rollback"
