"""I1: whatever the agreement does not cover, or passes between others than its parties, is found."""

from __future__ import annotations

from pathlib import Path

import pytest

from consent.decision import RULES
from journal.invariants.passages import NOT_REPLAYED, UNDER_AGREEMENT, UNDER_CONSENT, WHERE_IT_STANDS, WITHIN_USES
from keys.documents import format_time
from tests.builders import (
    AT,
    BROKER,
    DAY,
    HEALTH,
    LINE,
    NEWCOMERS,
    PARENT,
    SHELTER,
    agreement,
    sealing_kid,
    signing_key,
)
from tests.journal.ledgers import START, Ledger, cited
from tests.journal.lives import lived, under_agreement

OTHER = "agr_" + "z" * 26


@pytest.fixture
def ledger() -> Ledger:
    """The whole life of one referral."""
    return lived()


def first_of(ledger: Ledger, tmp_path: Path) -> tuple[str, str, str, str]:
    """The first violation."""
    return ledger.found(tmp_path)[0]


def test_every_rule_of_a_decision_has_its_promise() -> None:
    """No rule is forgotten: each is replayed on behalf of one promise, or known not to be."""
    groups = [set(UNDER_AGREEMENT), set(UNDER_CONSENT), set(WHERE_IT_STANDS), set(WITHIN_USES), set(NOT_REPLAYED)]
    numbers = [number for group in groups for number in group]
    assert len(numbers) == len(set(numbers))
    assert set(numbers) == {rule.number for rules in RULES.values() for rule in rules}


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"/articles/0/purposes": ["referral-health"]}, ("article-purpose", "/purpose")),
        ({"/articles/0/sections": ["identity", "contact"]}, ("article-section", "/sections/2")),
        ({"/articles/0/from": [SHELTER]}, ("article-direction", "/article")),
        ({"/articles/0/to": [HEALTH]}, ("article-direction", "/article")),
        ({"/articles/0/authorities": ["legal-sharing"]}, ("article-authority", "/statement")),
        ({"/articles/0/clear": []}, ("clear-not-allowed", "/need")),
        ({"/articles/0/no": "9"}, ("article-unknown", "/article")),
        ({"/not_before": format_time(AT)}, ("agreement-not-in-force", "/agreement")),
        ({"/not_after": format_time(START)}, ("agreement-ended", "/agreement")),
    ],
)
def test_what_the_agreement_does_not_cover_is_found(
    tmp_path: Path, changes: dict[str, object], found: tuple[str, str]
) -> None:
    """The document that the parties signed is asked again about each envelope."""
    assert first_of(under_agreement(changes), tmp_path) == ("I1", "accepted", *found)


def test_an_agreement_that_covers_it_is_found_to(tmp_path: Path) -> None:
    """The cases above differ from the usual agreement in one thing; a harmless difference harms nothing."""
    assert under_agreement({"/phone_fallback": "450 555-0101"}).found(tmp_path) == []


def test_parties_of_no_agreement_are_found(tmp_path: Path) -> None:
    """An organisation outside the agreement may neither send nor receive under it."""
    three = [party.model_dump(mode="json") for party in agreement().parties if party.address != SHELTER]
    changes = {"/parties": three, "/articles/0/to": [HEALTH], "/articles/1/from": ["newcomers-centre"]}
    assert first_of(under_agreement(changes), tmp_path) == ("I1", "accepted", "not-a-party", "/to")


def test_a_suspended_organisation_is_found_acting(ledger: Ledger, tmp_path: Path) -> None:
    """A suspension works at the next request, for sender and recipient, until it is lifted."""
    ledger.add("stop", "client.suspended", BROKER, before="accepted", from_=LINE, state="suspended")
    ledger.add("go on", "client.registered", BROKER, before="acknowledged", from_=LINE, state="active")
    found = [("I1", name, "sender-suspended", "/from") for name in ("accepted", "released")]
    assert ledger.found(tmp_path) == found


@pytest.mark.parametrize(
    ("member", "value", "slug", "pointer"),
    [
        ("purpose", "referral-imaginary", "unknown-code", "/purpose"),
        ("sections", ["identity", "diary"], "unknown-code", "/sections/1"),
        ("sections", [], "too-short", "/sections"),
        ("sections", ["identity", "identity"], "duplicate-entry", "/sections/1"),
        ("need", "anything", "unknown-code", "/need"),
        ("article", "A", "wrong-form", "/article"),
        ("purpose", None, "missing-field", "/purpose"),
        ("sections", None, "missing-field", "/sections"),
        ("article", None, "missing-field", "/article"),
        ("version", None, "missing-field", "/version"),
        ("to", LINE, "sent-to-oneself", "/to"),
    ],
)
def test_an_acceptance_that_no_header_can_have_had_is_found(
    ledger: Ledger, tmp_path: Path, member: str, value: object, slug: str, pointer: str
) -> None:
    """What the broker claims to have accepted must at least be an envelope."""
    ledger["accepted"][member] = value
    if value is None:
        del ledger["accepted"][member]
    assert ("I1", "accepted", slug, pointer) in ledger.found(tmp_path)


def test_another_territory_is_found(ledger: Ledger, tmp_path: Path) -> None:
    """Between gateways nothing passes yet."""
    ledger["accepted"]["to"] = "refuge-lavoie@fr"
    assert ("I1", "accepted", "foreign-territory", "/to") in ledger.found(tmp_path)


def test_a_message_between_others_than_the_parties_of_the_referral_is_found(ledger: Ledger, tmp_path: Path) -> None:
    """Nobody joins a referral by writing about it."""
    changes = {"from": NEWCOMERS, "actor": NEWCOMERS, "signer_kid": signing_key(NEWCOMERS).kid}
    ledger["message"].update(changes)
    assert ("I1", "message", "referral-unknown", "/ref") in ledger.found(tmp_path)


def test_a_message_under_another_agreement_than_its_referral_is_found(ledger: Ledger, tmp_path: Path) -> None:
    """What follows a referral rests on the same agreement."""
    document = agreement({"/id": OTHER})
    other = Ledger().agree(document, " of others")
    for entry in other.entries:
        entry.members["time"] = ledger["accepted"]["time"]
    ledger.entries[ledger.index("accepted") : ledger.index("accepted")] = other.entries
    ledger.agreements += other.agreements
    ledger["seen"].update(cited(document))
    assert ("I1", "seen", "agreement-of-another-referral", "/agreement") in ledger.found(tmp_path)


def test_a_referral_that_continues_one_of_others_is_found(ledger: Ledger, tmp_path: Path) -> None:
    """Only a party to a referral may continue it by another one."""
    ledger["accepted"]["part_of"] = PARENT
    assert first_of(ledger, tmp_path) == ("I1", "accepted", "referral-unknown", "/part_of")


def test_a_recipient_outside_the_article_is_found(ledger: Ledger, tmp_path: Path) -> None:
    """The article names to whom may be referred; the answer goes back under the same one."""
    changed = {"to": HEALTH, "seal_kid": sealing_kid(HEALTH)}
    ledger["accepted"].update(changed, article="2")
    assert ("I1", "accepted", "article-direction", "/article") in ledger.found(tmp_path)


def test_the_shelf_life_of_the_agreement_counts_at_every_passage(tmp_path: Path) -> None:
    """An agreement that begins between two passages covers the second one only."""
    ledger = under_agreement({"/not_before": format_time(START + DAY)})
    names = [name for _, name, code, _ in ledger.found(tmp_path) if code == "agreement-not-in-force"]
    assert names[:3] == ["accepted", "released", "seen"]
