"""One referral from consent to outcome, between two partners' programs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from adapters.outgoing import Queued
from tests.adapters.conftest import Town
from tests.adapters.partners import arrived


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
