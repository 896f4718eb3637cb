"""The consent and referral files of `examples/` are valid, and fit one another."""

from __future__ import annotations

import pytest

from adapters.consents import read_consent
from adapters.referral import read_referral
from tests.repository import ROOT

EXAMPLES = ROOT / "examples"


@pytest.mark.parametrize("territory", ["laval", "fr"])
def test_the_examples_load_and_fit_one_another(territory: str) -> None:
    """What the referral sends was given, to the same recipient, for the same purpose; something else was refused."""
    consent = read_consent((EXAMPLES / f"consent-{territory}.json").read_bytes())
    referral = read_referral((EXAMPLES / f"referral-{territory}.json").read_bytes())
    given = {event.purpose for event in consent.events if event.event_state == "dpv:ConsentGiven"}
    refused = {event.purpose for event in consent.events if event.event_state == "dpv:ConsentRefused"}
    granted = [
        item
        for item in consent.processing.purposes
        if item.pid in given and item.purpose == referral.purpose and referral.to in item.recipients
    ]
    assert refused
    assert granted
    assert set(referral.sections.present()) <= set(granted[0].sections)


@pytest.mark.parametrize("territory", ["laval", "fr"])
def test_the_people_of_the_examples_are_marked_as_invented(territory: str) -> None:
    """Nobody can take them for somebody."""
    identity = read_referral((EXAMPLES / f"referral-{territory}.json").read_bytes()).sections.identity
    assert identity is not None
    assert "Fictive" in (identity.family_name or identity.alias or "")
    assert "invent" in read_consent((EXAMPLES / f"consent-{territory}.json").read_bytes()).person
