"""What the broker tells by itself: kept once, believed only from the broker, and acted on as far as it is ours."""

from __future__ import annotations

import pytest

from consent.envelope import EventHeader
from keys.documents import new_id
from tests.adapters.case_double import notice_header, tell
from tests.adapters.conftest import Town
from tests.adapters.partners import Partner, arrived, sent
from tests.invented import LINE, SHELTER

T04 = {"transition": "T04", "reason": "undeliverable"}


def test_a_step_of_the_broker_counts_once_at_each_end(laval: Town) -> None:
    """The requester's notice is the step, the owner's the copy; delivered again, neither counts twice."""
    broker, line, shelter = laval
    queued = arrived(line, shelter)
    step = tell(broker, queued.ref, LINE, {"kind": "non-delivery", "envelopes": [queued.envelope]}, T04)
    again = {"kind": "non-delivery", "envelopes": [queued.envelope], "copy_of": step.id}
    tell(broker, queued.ref, SHELTER, again, T04)
    tell(broker, queued.ref, LINE, again, T04)
    broker.told[LINE].append(step.id)
    for partner in (line, shelter):
        partner.adapter.sync()
        state = partner.adapter.show(queued.ref).state
        assert (state.status, state.business_status) == ("cancelled", "undeliverable")
        assert partner.adapter.alarms() == []
    assert len(line.adapter.show(queued.ref).notices) == 2


def test_a_copy_that_comes_before_the_step_counts_as_the_step(laval: Town) -> None:
    """Whichever is told first is taken, and the other is the same step."""
    broker, line, shelter = laval
    queued = arrived(line, shelter)
    step = notice_header(broker, queued.ref, LINE, {"kind": "non-delivery"}, T04)
    tell(broker, queued.ref, LINE, {"kind": "non-delivery", "copy_of": step.id}, T04)
    broker.tell(step, lambda: broker.gateway.receipts)
    line.adapter.sync()
    assert line.adapter.show(queued.ref).state.business_status == "undeliverable"
    assert line.adapter.alarms() == []


def test_a_notice_about_a_referral_that_never_came_is_kept(laval: Town) -> None:
    """The owner never leased it: the notice is there, and names what it is about."""
    broker, line, shelter = laval
    queued = sent(line)
    line.adapter.sync()
    broker.waiting[SHELTER] = []
    tell(broker, queued.ref, SHELTER, {"kind": "non-delivery", "envelopes": [queued.envelope]}, T04)
    shelter.adapter.sync()
    [notice] = shelter.adapter.notices()
    assert (notice.header.ref, shelter.adapter.referrals()) == (queued.ref, [])
    assert shelter.adapter.resolve(queued.ref[4:10]) == queued.ref


def test_a_notice_that_a_partner_forged_is_an_alarm_and_nothing_else(laval: Town) -> None:
    """Signed by the peer in the broker's name, or in its own: nothing is kept, nothing moves."""
    broker, line, shelter = laval
    queued = arrived(line, shelter)
    ended = notice_header(broker, queued.ref, SHELTER, _ended(line, queued.ref, queued.envelope))
    peer = line.adapter.office.signer()
    broker.tell(ended, lambda: peer)
    own = ended.model_copy(update={"from_": LINE, "id": new_id("env")})
    broker.tell(own, lambda: peer)
    shelter.adapter.sync()
    assert shelter.adapter.notices() == []
    assert {alarm.code for alarm in shelter.adapter.alarms()} <= {
        "signer-is-not-sender",
        "wrong-signers",
        "bad-signature",
    }
    assert len(shelter.adapter.alarms()) == 2
    assert shelter.adapter.withdrawals() == []


def test_the_end_of_another_consent_is_an_alarm_and_no_duty(laval: Town) -> None:
    """A broker that names a consent the referral does not rest on gets nothing erased."""
    broker, line, shelter = laval
    queued = arrived(line, shelter)
    tell(broker, queued.ref, SHELTER, _ended(line, queued.ref, queued.envelope) | {"statement": new_id("cs")})
    shelter.adapter.sync()
    assert [alarm.code for alarm in shelter.adapter.alarms()] == ["notice-of-another-consent"]
    assert shelter.adapter.withdrawals() == []


@pytest.mark.parametrize("by", ["owner", "broker"])
def test_nobody_but_the_requester_erases_an_error(laval: Town, by: str) -> None:
    """T22 by the owner, or by the broker, is an alarm: the content stays."""
    broker, line, shelter = laval
    queued = arrived(line, shelter)
    event = {"transition": "T22", "reason": "entered-in-error"}
    if by == "owner":
        office = shelter.adapter.office
        members = line.adapter.show(queued.ref).referral.header.model_dump(
            mode="json", by_alias=True, exclude_none=True
        )
        common = {name: members[name] for name in ("v", "suite", "ref", "iat", "exp", "author", "article")}
        common |= {"agreement": members["agreement"], "agreement_sha256": members["agreement_sha256"]}
        forged = EventHeader.model_validate(
            {**common, "typ": "event", "id": new_id("env"), "seq": 5, "from": SHELTER, "to": LINE, "event": event},
            context={"json": True},
        )
        broker.tell(forged, office.signer)
    else:
        tell(broker, queued.ref, LINE, {"kind": "timer"}, event)
    line.adapter.sync()
    assert line.adapter.show(queued.ref).contents
    assert [alarm.code for alarm in line.adapter.alarms()] == ["step-not-legal"]


def _ended(line: Partner, ref: str, envelope: str) -> dict[str, object]:
    cited = line.adapter.show(ref).referral.header.authority
    assert cited is not None
    return {
        "kind": "consent-ended",
        "statement": cited.statement,
        "version": cited.version,
        "envelopes": [envelope],
    }


def test_an_erasure_told_twice_erases_once(laval: Town) -> None:
    """Replayed by the broker, or told of a referral that is erased already: the tombstone keeps its first date."""
    broker, line, shelter = laval
    queued = arrived(line, shelter)
    line.adapter.erase_error(queued.ref)
    line.adapter.sync()
    shelter.adapter.sync()
    erased_at = shelter.adapter.show(queued.ref).referral.erased_at
    assert erased_at is not None
    broker.clock.forward(hours=1)
    broker.told[SHELTER].append(broker.told[SHELTER][-1])
    shelter.adapter.sync()
    dossier = shelter.adapter.show(queued.ref)
    assert (dossier.referral.erased_at, len(dossier.steps), shelter.adapter.alarms()) == (erased_at, 1, [])


def test_what_comes_after_an_erasure_is_not_kept(laval: Town) -> None:
    """The event was read before the referral was leased: the referral is a tombstone from the start."""
    broker, line, shelter = laval
    queued = sent(line)
    line.adapter.sync()
    late, broker.waiting[SHELTER] = list(broker.waiting[SHELTER]), []
    line.adapter.erase_error(queued.ref)
    line.adapter.sync()
    shelter.adapter.sync()
    broker.waiting[SHELTER] = late
    shelter.adapter.sync()
    dossier = shelter.adapter.show(queued.ref)
    assert (dossier.state.status, dossier.contents) == ("entered-in-error", ())
