"""One referral from consent to outcome, between two partners' programs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from adapters.outgoing import Queued
from consent.headers import Event
from consent.passage import Refused
from keys.documents import validate
from tests.adapters.conftest import Town
from tests.adapters.partners import arrived, consent_file, referral_file


def test_a_referral_crosses_and_comes_to_an_outcome(laval: Town) -> None:
    """Consent, send, open, acknowledge, see, accept, wait, begin, complete: the requester sees every step."""
    broker, line, shelter = laval
    ref = arrived(line, shelter).ref
    assert [ack.payload_type for ack in broker.acks] == ["application/vnd.passerelle.ack+json"]
    dossier = shelter.adapter.show(ref)
    assert dossier.contents[0].sections["identity"]["given_name"] == "Canari"
    review = broker.clock() + timedelta(days=2)
    acts: tuple[tuple[Callable[[], object], tuple[str, str | None]], ...] = (
        (lambda: shelter.adapter.seen(ref), ("requested", "seen")),
        (lambda: shelter.adapter.accept(ref), ("accepted", None)),
        (lambda: shelter.adapter.hold(ref, "waitlisted", review), ("on-hold", None)),
        (lambda: shelter.adapter.resume(ref), ("in-progress", None)),
        (lambda: shelter.adapter.complete(ref, "place-given"), ("completed", None)),
    )
    for act, expected in acts:
        broker.clock.forward(minutes=5)
        assert isinstance(act(), Queued)
        assert shelter.adapter.sync().troubles == []
        line.adapter.sync()
        for partner in (line, shelter):
            state = partner.adapter.show(ref).state
            assert (state.status, state.business_status) == expected
    assert line.adapter.alarms() == shelter.adapter.alarms() == []


@pytest.mark.parametrize(
    ("acts", "status"),
    [
        (("review",), "requested"),
        (("accept", "appointment"), "in-progress"),
        (("accept", "start"), "in-progress"),
        (("accept", ("fail", "no-show")), "failed"),
        ((("decline", "no-capacity"),), "rejected"),
        (("accept", ("cancel", "other")), "cancelled"),
        (("accept", ("complete", "served")), "completed"),
    ],
)
def test_each_act_of_the_owner_is_one_step_that_the_requester_sees(
    laval: Town, acts: tuple[str | tuple[str, str], ...], status: str
) -> None:
    """What a worker calls is what the state machine does, on both sides."""
    _, line, shelter = laval
    ref = arrived(line, shelter).ref
    for act in acts:
        name, *details = (act,) if isinstance(act, str) else act
        assert isinstance(getattr(shelter.adapter, name)(ref, *details), Queued)
    shelter.adapter.sync()
    line.adapter.sync()
    assert [partner.adapter.show(ref).state.status for partner in (line, shelter)] == [status, status]


def test_the_person_says_whether_it_helped(laval: Town) -> None:
    """The loop closes with the requester."""
    _, line, shelter = laval
    ref = arrived(line, shelter).ref
    for answer in (shelter.adapter.accept(ref), shelter.adapter.complete(ref, "served")):
        assert isinstance(answer, Queued)
    shelter.adapter.sync()
    line.adapter.sync()
    assert isinstance(line.adapter.confirm(ref, "yes"), Queued)
    line.adapter.sync()
    shelter.adapter.sync()
    assert shelter.adapter.show(ref).state.business_status == "loop-confirmed"


def test_a_refused_referral_is_referred_again_and_the_duty_ends(laval: Town) -> None:
    """The new referral names the first as what it is part of; then the first is re-referred (T23), and not before."""
    _, line, shelter = laval
    first = arrived(line, shelter)
    shelter.adapter.decline(first.ref, "no-capacity")
    shelter.adapter.sync()
    line.adapter.sync()
    again = validate(Event, {"transition": "T23"})
    assert line.adapter.step(first.ref, again) == Refused("re-referral-missing", "", "/event")
    recorded, _ = line.adapter.record_consent(consent_file())
    line.adapter.send(referral_file(recorded.record_id, {"/part_of": first.ref}))
    line.adapter.sync()
    assert isinstance(line.adapter.step(first.ref, again), Queued)
