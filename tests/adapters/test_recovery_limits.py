"""What cannot be made good by itself after a loss is told to people, and holds nothing else up."""

from __future__ import annotations

import pytest

from adapters.recovery import PAPERS_LOST
from tests.adapters.conftest import Town
from tests.adapters.partners import sent
from tests.adapters.restoring import Backup, accept
from tests.adapters.test_papers import wide, with_papers
from tests.adapters.test_recovery import exchanged, later, lost, waiting
from tests.adapters.test_withdrawals import ended

__all__ = ["wide"]


def test_an_envelope_whose_papers_are_gone_is_a_matter_for_people(wide: Town) -> None:
    """Sealed they were at the broker only: neither it nor what follows from it leaves, and who sent it is told."""
    broker, line, shelter = wide
    exchanged(line, shelter)
    backup = Backup(broker)
    queued = with_papers(line)
    exchanged(line, shelter)
    shelter.adapter.accept(queued.ref)
    exchanged(shelter, line)
    line.adapter.cancel(queued.ref, "other")
    exchanged(line, shelter)
    lost(wide, backup)
    line.adapter.read_journal()
    assert [item for item in waiting(line) if item.startswith("env_")] == []
    assert [alarm.subject for alarm in line.adapter.alarms() if alarm.code == PAPERS_LOST] == [queued.envelope]


@pytest.mark.parametrize("known", [True, False])
def test_an_answer_that_may_have_been_lost_is_given_again(laval: Town, known: bool) -> None:  # noqa: FBT001 - a case
    """It leaves no receipt: the broker takes it once more, or says that it knows of nothing, which bothers nobody."""
    broker, _, shelter = laval
    ref, _ = ended(laval)
    backup = Backup(broker)
    shelter.adapter.answer_withdrawal(ref, "deleted")
    shelter.adapter.outbox.flush()
    assert len(broker.words) == 1
    for partner in laval[1:]:
        broker.gateway.bustle(1)
        partner.adapter.read_journal()
    backup.restart(shelter)
    accept(shelter)
    shelter.adapter.read_journal()
    if not known:
        shelter.client.refuse("answer_withdrawal", "envelope-unknown", status=404)
    later(broker)
    shelter.adapter.outbox.flush()
    later(broker)
    shelter.adapter.outbox.flush()
    assert (len(broker.words), waiting(shelter), shelter.adapter.alarms()) == (2, [], [])


def test_a_consent_that_waits_for_its_issuer_holds_nothing_else_up(laval: Town) -> None:
    """It is said again, and what does not rest on it leaves in the same round; it is tried again when asked for."""
    broker, line, _ = laval
    first, second = sent(line), sent(line)
    with line.store.transaction() as tx:
        cited = tx.traffic.waiting()[0].lane
    line.adapter.outbox.flush("statement")
    broker.unconfirmed = {cited}
    flushed = line.adapter.outbox.flush()
    assert (flushed.accepted, flushed.stopped) == ([f"{cited}@1", second.envelope], "statement-unconfirmed")
    assert (waiting(line), broker.unconfirmed) == ([first.envelope], set())
    assert line.adapter.outbox.flush().accepted == []
    broker.clock.forward(seconds=31)
    assert line.adapter.outbox.flush().accepted == [first.envelope]
    assert line.adapter.alarms() == []
