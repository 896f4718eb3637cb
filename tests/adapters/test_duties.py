"""What is owed and by when: each side's duties, the most pressing first, gone once they are done."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from adapters.duties import Duty
from adapters.outgoing import Queued
from consent.envelope import Emergency
from keys.documents import new_id, validate
from tests.adapters.case_double import tell
from tests.adapters.conftest import Town
from tests.adapters.partners import arrived
from tests.adapters.test_dead_letters import refused
from tests.invented import AT, LINE, SHELTER


def kinds(duties: list[Duty]) -> list[str]:
    """Which duties, in their order."""
    return [duty.kind for duty in duties]


def test_an_answer_is_due_until_it_is_given(laval: Town) -> None:
    """At the moment the agreement promises; what is on hold is looked at again on its day."""
    broker, line, shelter = laval
    ref = arrived(line, shelter).ref
    assert shelter.adapter.duties() == [Duty("answer", AT + timedelta(hours=1), ref, LINE)]
    assert line.adapter.duties() == []
    review = broker.clock() + timedelta(days=2)
    for answer in (shelter.adapter.accept(ref), shelter.adapter.hold(ref, "waitlisted", review)):
        assert isinstance(answer, Queued)
    shelter.adapter.sync()
    assert shelter.adapter.duties() == [Duty("review", review, ref, LINE)]


def test_a_refusal_opens_a_follow_up_at_the_requester(laval: Town) -> None:
    """For fourteen days, until somebody tells what became of the person."""
    broker, line, shelter = laval
    ref = arrived(line, shelter).ref
    shelter.adapter.decline(ref, "no-capacity")
    shelter.adapter.sync()
    line.adapter.sync()
    [duty] = line.adapter.duties()
    assert (duty.kind, duty.due - broker.clock()) == ("follow-up", timedelta(days=14))
    assert isinstance(line.adapter.close_follow_up(ref, "solved"), Queued)
    line.adapter.sync()
    assert line.adapter.duties() == []


def test_every_kind_of_duty_is_told_in_the_order_of_its_time(laval: Town) -> None:
    """A withdrawal, an answer, an item that was refused, and the agreement's end."""
    broker, line, shelter = laval
    queued = arrived(line, shelter)
    cited = line.adapter.show(queued.ref).referral.header.authority
    assert cited is not None
    about = {"statement": cited.statement, "version": cited.version, "envelopes": [queued.envelope]}
    tell(broker, queued.ref, SHELTER, {"kind": "consent-ended", **about})
    shelter.adapter.sync()
    assert kinds(shelter.adapter.duties()) == ["withdrawal", "answer"]
    shelter.adapter.answer_withdrawal(queued.ref, "deleted")
    assert kinds(shelter.adapter.duties()) == ["answer"]
    refused(line)
    tell(broker, queued.ref, LINE, {"kind": "non-delivery", "envelopes": [queued.envelope]})
    line.adapter.sync()
    assert sorted(kinds(line.adapter.duties())) == ["not-delivered", "refused"]
    broker.clock.now = broker.agreement.not_after - timedelta(days=6)
    assert line.adapter.duties()[-1] == Duty("agreement", broker.agreement.not_after, broker.agreement.ref)


def test_what_is_asked_for_is_a_duty_of_the_requester(laval: Town) -> None:
    """From the moment it was asked; the owner's answer is not due meanwhile."""
    _, line, shelter = laval
    ref = arrived(line, shelter).ref
    assert isinstance(shelter.adapter.ask(ref, ["lease", "income-rights"]), Queued)
    shelter.adapter.sync()
    line.adapter.sync()
    assert kinds(line.adapter.duties()) == ["information"]
    assert kinds(shelter.adapter.duties()) == []


def test_an_old_emergency_is_still_owed_a_review(laval: Town) -> None:
    """However many referrals were sent since."""
    _, line, shelter = laval
    queued = arrived(line, shelter)
    referral = line.adapter.show(queued.ref).referral
    declared = validate(
        Emergency,
        {
            "ground": "person-in-danger-unable",
            "directive": "DIR-1",
            "worker": "int-9",
            "justification": {"envelope": new_id("env"), "sha256": "0" * 64},
        },
    )
    urgent = referral.header.model_copy(
        update={"ref": new_id("ref"), "id": new_id("env"), "authority": None, "emergency": declared}
    )
    with line.store.transaction() as tx:
        tx.dossiers.add(replace(referral, ref=urgent.ref, header=urgent, at=referral.at - timedelta(days=1)))
        for _ in range(500):
            other = referral.header.model_copy(update={"ref": new_id("ref"), "id": new_id("env")})
            tx.dossiers.add(replace(referral, ref=other.ref, header=other, status="completed"))
    assert [item.ref for item in line.adapter.emergencies()] == [urgent.ref]
    assert [duty.subject for duty in line.adapter.duties() if duty.kind == "emergency"] == [urgent.ref]
