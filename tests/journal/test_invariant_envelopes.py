"""I3: an envelope that was accepted twice, or handed out otherwise than it was accepted, is found."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.builders import BROKER, HEALTH, LINE, PARENT, SHELTER
from tests.journal.ledgers import Ledger, envelope_id
from tests.journal.lives import lived

HANDED = ["released", "acknowledged", "message released"]


@pytest.fixture
def ledger() -> Ledger:
    """The whole life of one referral."""
    return lived()


@pytest.mark.parametrize("name", ["accepted", "message"])
def test_an_envelope_accepted_twice_is_found(ledger: Ledger, tmp_path: Path, name: str) -> None:
    """The same envelope again is the same answer again, never a second acceptance."""
    ledger.again(name, "twice", before="asks")
    if name == "message":
        ledger.entries.remove(ledger.written(name))
        ledger.again("twice", name, before="provides")
    found = ledger.found(tmp_path)
    assert ("I3", "twice" if name == "accepted" else name, "accepted-twice", "/envelope") in found


def test_a_step_with_the_name_of_an_envelope_is_found(ledger: Ledger, tmp_path: Path) -> None:
    """An id names one envelope, of whatever kind."""
    ledger["seen"]["envelope"] = ledger["accepted"]["envelope"]
    ledger["accepts"]["envelope"] = ledger["asks"]["envelope"]
    found = [("I3", name, "accepted-twice", "/envelope") for name in ("seen", "accepts")]
    assert ledger.found(tmp_path) == found


@pytest.mark.parametrize("name", HANDED)
@pytest.mark.parametrize(
    ("member", "value"), [("to", HEALTH), ("from", HEALTH), ("ref", PARENT), ("payload_sha256", "00" * 32)]
)
def test_what_is_handed_out_otherwise_is_found(
    ledger: Ledger, tmp_path: Path, name: str, member: str, value: str
) -> None:
    """An envelope reaches its recipient, from its sender, about its referral, with its own bytes; or it is found."""
    ledger[name][member] = value
    assert ("I3", name, "differs-from-acceptance", f"/{member}") in ledger.found(tmp_path)


@pytest.mark.parametrize("name", HANDED)
@pytest.mark.parametrize("actor", [HEALTH, LINE, BROKER])
def test_what_somebody_else_fetched_is_found(ledger: Ledger, tmp_path: Path, name: str, actor: str) -> None:
    """Only the recipient fetches and acknowledges."""
    ledger[name]["actor"] = actor
    assert ledger.found(tmp_path) == [("I3", name, "wrong-actor", "/actor")]


@pytest.mark.parametrize("name", ["accepted", "message", "seen", "provides"])
def test_what_was_sent_in_the_name_of_another_is_found(ledger: Ledger, tmp_path: Path, name: str) -> None:
    """Who sends an envelope is its author."""
    ledger[name]["actor"] = HEALTH
    assert ("I3", name, "wrong-actor", "/actor") in ledger.found(tmp_path)


@pytest.mark.parametrize("name", HANDED)
def test_what_was_never_accepted_is_found(ledger: Ledger, tmp_path: Path, name: str) -> None:
    """Nothing is handed out that no decision let in."""
    ledger[name]["envelope"] = envelope_id("another")
    assert ("I3", name, "never-accepted", "/envelope") in ledger.found(tmp_path)


def test_what_is_handed_out_before_it_was_accepted_is_found(ledger: Ledger, tmp_path: Path) -> None:
    """The acceptance stands before the release."""
    early = ledger.written("released")
    ledger.entries.remove(early)
    ledger.entries.insert(ledger.index("accepted"), early)
    early.members["time"] = ledger["accepted"]["time"]
    assert ledger.found(tmp_path)[0] == ("I3", "released", "never-accepted", "/envelope")


def test_a_step_that_is_handed_out_is_found(ledger: Ledger, tmp_path: Path) -> None:
    """Steps are told, never handed out; entries that are not shown are no excuse."""
    ledger.add("hidden", "audit.read", LINE, before="seen").written("hidden").shown = False
    ledger["message released"]["envelope"] = ledger["seen"]["envelope"]
    assert ledger.found(tmp_path) == [("I3", "message released", "never-accepted", "/envelope")]


def test_an_acknowledgement_of_what_was_never_handed_out_is_found(ledger: Ledger, tmp_path: Path) -> None:
    """Nobody can have stored what nobody handed out."""
    ledger.entries.remove(ledger.written("released"))
    assert ledger.found(tmp_path) == [("I3", "acknowledged", "never-released", "/envelope")]


def test_an_envelope_may_be_handed_out_again(ledger: Ledger, tmp_path: Path) -> None:
    """Until it is acknowledged, the recipient gets it as often as it asks."""
    ledger.again("released", "again", before="acknowledged")
    assert ledger.found(tmp_path) == []


def test_a_release_under_another_consent_is_found(ledger: Ledger, tmp_path: Path) -> None:
    """What is handed out rests on the consent under which it was accepted."""
    ledger["released"]["statement"] = "cs_" + "z" * 26
    assert ("I3", "released", "differs-from-acceptance", "/statement") in ledger.found(tmp_path)


@pytest.mark.parametrize(
    ("name", "member"),
    [
        ("accepted", "envelope"),
        ("accepted", "payload_sha256"),
        ("accepted", "expires"),
        ("message", "expires"),
        ("seen", "envelope"),
        ("seen", "payload_sha256"),
    ],
)
def test_an_acceptance_without_its_essentials_is_found(ledger: Ledger, tmp_path: Path, name: str, member: str) -> None:
    """An acceptance says what was accepted, by name and by digest, and until when it may be handed out."""
    del ledger[name][member]
    assert ("I3", name, "missing-field", f"/{member}") in ledger.found(tmp_path)


def test_a_refused_envelope_may_not_be_handed_out(ledger: Ledger, tmp_path: Path) -> None:
    """A refusal is journalled and opens nothing."""
    ledger["accepted"].update(type="envelope.refused", rule="R17", state="consent-expired")
    assert ledger["released"]["to"] == SHELTER
    assert ledger.found(tmp_path)[0] == ("I3", "released", "never-accepted", "/envelope")
