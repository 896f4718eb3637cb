"""I2: whatever passes without a consent given for it, or after that consent ended, is found."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from journal.layout import statement_name
from keys.documents import format_time
from tests.builders import (
    AT,
    DAY,
    HEALTH,
    LINE,
    SHELTER,
    STATEMENT_ID,
    Json,
    signed_statement,
    signing_key,
    statement,
)
from tests.journal.ledgers import START, Ledger
from tests.journal.lives import PASSAGES, lived, under_consent

OTHER = "cs_" + "z" * 26


@pytest.fixture
def ledger() -> Ledger:
    """The whole life of one referral."""
    return lived()


def narrowed(changes: Mapping[str, object]) -> Json:
    """What makes a second version of the usual consent."""
    return {"/version": 2, "/prev": signed_statement(statement()).sha256} | dict(changes)


def first_of(ledger: Ledger, tmp_path: Path) -> tuple[str, str, str, str]:
    """The first violation."""
    return ledger.found(tmp_path)[0]


@pytest.mark.parametrize("name", PASSAGES)
@pytest.mark.parametrize("state", ["withdrawn", "revoked", "invalidated"])
def test_nothing_passes_after_a_withdrawal(ledger: Ledger, tmp_path: Path, name: str, state: str) -> None:
    """From the index at which a consent ended, nothing is accepted or handed out under it."""
    ledger.entries.pop()
    ledger.statements.pop()
    ledger.consent("end", statement(narrowed({"/state": state, "/grants": []})), before=name)
    found = ledger.found(tmp_path)
    assert found[0] == ("I2", name, f"consent-{state}", "/statement")
    after = {entry.name for entry in ledger.entries[ledger.index(name) :]} & set(PASSAGES)
    assert {passage for promise, passage, _, _ in found if promise == "I2"} == after


def test_a_withdrawal_by_code_needs_no_new_statement(ledger: Ledger, tmp_path: Path) -> None:
    """The broker itself may end a consent at the person's word, without a version signed by its issuer."""
    members = {name: ledger["consent"][name] for name in ("statement", "version", "statement_sha256", "expires")}
    ledger.entries.pop()
    ledger.add("end", "consent.withdrawn", LINE, "released", from_=LINE, state="withdrawn", **members)
    assert first_of(ledger, tmp_path) == ("I2", "released", "consent-withdrawn", "/statement")


@pytest.mark.parametrize("name", PASSAGES)
def test_nothing_passes_under_a_consent_that_nobody_registered(ledger: Ledger, tmp_path: Path, name: str) -> None:
    """A consent counts from the entry that registers it."""
    ledger[name]["statement"] = OTHER
    assert ("I2", name, "consent-unknown", "/statement") in ledger.found(tmp_path)


@pytest.mark.parametrize("shown", [True, False])
def test_nothing_passes_after_a_consent_expired(tmp_path: Path, shown: bool) -> None:  # noqa: FBT001 a table's column
    """The end that the entry tells suffices, whether the statement is shown or not."""
    ledger = under_consent({"/not_after": format_time(START + timedelta(seconds=31))})
    if not shown:
        ledger.statements.clear()
    found = ledger.found(tmp_path)
    late = [entry.name for entry in ledger.entries if entry.members["time"] >= ledger["consent"]["expires"]]
    assert set(late) & set(PASSAGES) == {"answer", "answer released"}
    assert found == [("I2", name, "consent-expired", "/statement") for name in ("answer", "answer released")]


def test_nothing_passes_before_a_consent_begins(tmp_path: Path) -> None:
    """The statement tells from when on it holds."""
    ledger = under_consent({"/not_before": format_time(AT)})
    assert first_of(ledger, tmp_path) == ("I2", "accepted", "consent-not-started", "/statement")


@pytest.mark.parametrize(
    ("changes", "slug", "pointer"),
    [
        ({"/grants/0/purpose": "referral-newcomer"}, "purpose-not-granted", "/purpose"),
        ({"/grants/0/recipient": HEALTH}, "recipient-not-granted", "/to"),
        ({"/grants/0/sections": ["identity", "contact"]}, "section-not-granted", "/sections/2"),
        ({"/grants/0/geo": ["FR"]}, "outside-geography", "/to"),
        ({"/grants/0/agreement": "agr_" + "z" * 26}, "agreement-not-granted", "/agreement"),
    ],
)
def test_what_the_person_did_not_agree_to_is_found(
    tmp_path: Path, changes: dict[str, object], slug: str, pointer: str
) -> None:
    """The statement is asked again about each envelope: purpose, recipient, sections, place."""
    assert first_of(under_consent(changes), tmp_path) == ("I2", "accepted", slug, pointer)


def test_a_section_that_was_not_agreed_is_found(ledger: Ledger, tmp_path: Path) -> None:
    """An adapter that sends more than was agreed is found even when the agreement would allow it."""
    ledger["accepted"]["sections"] = ["identity", "contact", "situation"]
    assert first_of(ledger, tmp_path) == ("I2", "accepted", "section-not-granted", "/sections/2")


def test_a_message_that_says_more_than_was_agreed_is_found(ledger: Ledger, tmp_path: Path) -> None:
    """Messages of the requester are held to the same consent, the owner's answers to a result."""
    ledger["message"]["sections"] = ["situation"]
    ledger["answer"]["sections"] = ["outcome", "health-note"]
    found = ledger.found(tmp_path)
    assert ("I2", "message", "section-not-granted", "/sections/0") in found
    assert ("I2", "answer", "section-not-granted", "/sections/1") in found


def test_a_consent_of_another_collector_is_found(ledger: Ledger, tmp_path: Path) -> None:
    """Only who collected a consent may refer under it."""
    other = statement({"/id": OTHER, "/issuer": HEALTH})
    ledger.consent("other consent", other, before="accepted")
    digest = ledger["other consent"]["statement_sha256"]
    ledger["accepted"].update(statement=OTHER, statement_sha256=digest)
    assert ("I2", "accepted", "consent-unknown", "/statement") in ledger.found(tmp_path)


def test_a_narrowed_consent_governs_what_waits(ledger: Ledger, tmp_path: Path) -> None:
    """At pick-up the newest version decides: what it no longer grants is not handed out."""
    ledger.entries.pop()
    changes = narrowed({"/grants/0/sections": ["identity", "contact"]})
    ledger.consent("narrower", statement(changes), before="released")
    digest = ledger["narrower"]["statement_sha256"]
    for name in PASSAGES[1:]:
        ledger[name].update(version=2, statement_sha256=digest)
    assert ledger.found(tmp_path) == [("I2", "released", "section-not-granted", "/sections/2")]


@pytest.mark.parametrize("name", ["accepted", "released", "message", "message released", "answer released"])
def test_a_version_that_was_replaced_is_found(ledger: Ledger, tmp_path: Path, name: str) -> None:
    """The issuer cites the newest version, and so does the broker when it hands out."""
    ledger.entries.pop()
    ledger.consent("narrower", statement(narrowed({})), before=name)
    assert first_of(ledger, tmp_path) == ("I2", name, "consent-superseded", "/version")


def test_the_owner_may_answer_under_the_version_it_knows(ledger: Ledger, tmp_path: Path) -> None:
    """The owner is not told of newer versions, so that its answer may cite an older one."""
    ledger.entries.pop()
    ledger.consent("narrower", statement(narrowed({})), before="answer")
    ledger["answer released"].update(version=2, statement_sha256=ledger["narrower"]["statement_sha256"])
    assert ledger.found(tmp_path) == []


@pytest.mark.parametrize("name", PASSAGES)
def test_another_text_under_the_version_of_a_consent_is_found(ledger: Ledger, tmp_path: Path, name: str) -> None:
    """The digest names the text that was signed."""
    ledger[name]["statement_sha256"] = "00" * 32
    assert first_of(ledger, tmp_path) == ("I2", name, "consent-digest", "/statement_sha256")


@pytest.mark.parametrize("name", ["accepted", "released"])
def test_an_expired_envelope_is_found(ledger: Ledger, tmp_path: Path, name: str) -> None:
    """An envelope is accepted and handed out before it expires, or not at all."""
    ledger["accepted"]["expires"] = ledger[name]["time"]
    assert first_of(ledger, tmp_path) == ("I2", name, "envelope-expired", "/expires")


def test_an_envelope_that_lives_too_long_is_found(ledger: Ledger, tmp_path: Path) -> None:
    """Fourteen days are the longest; two minutes are left to clocks that differ."""
    at = START + timedelta(seconds=ledger.index("accepted"))
    ledger["accepted"]["expires"] = format_time(at + 14 * DAY + timedelta(seconds=120))
    assert ledger.found(tmp_path) == []
    ledger["accepted"]["expires"] = format_time(at + 14 * DAY + timedelta(seconds=121))
    assert first_of(ledger, tmp_path) == ("I2", "accepted", "envelope-from-the-future", "/expires")


def test_a_consent_that_comes_back_is_found(ledger: Ledger, tmp_path: Path) -> None:
    """After its end no version of a consent may follow: the person has to be asked again."""
    ledger.again("consent", "back", version=3)
    ledger.again("released", "handed out again", version=3)
    found = ledger.found(tmp_path)
    assert found[0] == ("I2", "back", "consent-ended", "/statement")
    assert ("I2", "handed out again", "consent-withdrawn", "/statement") in found


@pytest.mark.parametrize("version", [1, 3])
def test_a_version_that_does_not_follow_is_found(ledger: Ledger, tmp_path: Path, version: int) -> None:
    """Versions are counted one by one, so that none can be slipped in or left out."""
    ledger.again("consent", "skips", before="withdrawn", version=version)
    assert first_of(ledger, tmp_path) == ("I2", "skips", "version-chain", "/version")


def test_a_first_version_that_is_not_the_first_is_found(ledger: Ledger, tmp_path: Path) -> None:
    """A consent begins with its first version; when entries are missing before it, that is not judged."""
    ledger.again("consent", "second first", before="withdrawn", statement=OTHER, version=2)
    ledger.statements.clear()
    assert ledger.found(tmp_path) == [("I2", "second first", "version-chain", "/version")]
    ledger.add("hidden", "audit.read", LINE, before="second first").written("hidden").shown = False
    assert ledger.audit(tmp_path).unjudged["version-chain"] == 1


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"/grants/0/sections": ["identity", "contact", "housing", "worker", "safety"]}, "/grants/0/sections"),
        ({"/grants/0/recipient": HEALTH}, "/grants/0/recipient"),
        ({"/not_after": format_time(AT + 100 * DAY)}, "/not_after"),
        ({"/prev": "00" * 32}, "/prev"),
    ],
)
def test_a_version_that_widens_a_consent_is_found(
    ledger: Ledger, tmp_path: Path, changes: dict[str, object], pointer: str
) -> None:
    """A later version may only narrow, and it names the one it follows."""
    ledger.entries.pop()
    ledger.consent("wider", statement(narrowed({}) | changes))
    slug = "version-chain" if pointer == "/prev" else "consent-widened"
    assert ledger.found(tmp_path) == [("I2", "wider", slug, f"/statement_sha256{pointer}")]


@pytest.mark.parametrize(
    ("member", "value", "pointer"),
    [
        ("statement", OTHER, ""),
        ("version", 2, ""),
        ("expires", format_time(AT + 200 * DAY), "/not_after"),
        ("state", "withdrawn", ""),
    ],
)
def test_an_entry_that_misstates_the_consent_is_found(
    ledger: Ledger, tmp_path: Path, member: str, value: object, pointer: str
) -> None:
    """What the broker notes of a consent is what its issuer signed."""
    ledger["consent"][member] = value
    place = f"/statement_sha256{pointer}"
    assert ("I2", "consent", "entry-and-document-differ", place) in ledger.found(tmp_path)


@pytest.mark.parametrize("signer", [SHELTER, HEALTH])
def test_a_consent_that_somebody_else_signed_is_found(ledger: Ledger, tmp_path: Path, signer: str) -> None:
    """A statement counts when the key of its issuer signed it."""
    ledger.statements[0] = signed_statement(statement(), signing_key(signer))
    found = ledger.found(tmp_path)
    assert found == [("I2", "consent", "key-unknown", "/statement_sha256")]


def test_a_consent_signed_with_a_revoked_key_is_found(ledger: Ledger, tmp_path: Path) -> None:
    """Keys of statements are judged where the statement was registered."""
    ledger.revocation("revoked", LINE, signing_key(LINE).kid, before="consent")
    assert ("I2", "consent", "key-revoked", "/statement_sha256") in ledger.found(tmp_path)


def test_an_altered_statement_is_found(ledger: Ledger, tmp_path: Path) -> None:
    """A statement in the bundle that is not the one the entry names is not taken for it."""
    path = ledger.bundle(tmp_path)
    assert statement_name(ledger.statements[0].sha256).encode() in path.read_bytes()
    signed = ledger.statements[0]
    ledger.statements[0] = type(signed)(signed.payload_type, signed.payload + b" ", signed.signatures)
    digest = ledger.statements[0].sha256
    for entry in ledger.entries[ledger.index("consent") : -1]:
        if "statement_sha256" in entry.members:
            entry.members["statement_sha256"] = digest
    assert ("I2", "consent", "bad-signature", "/statement_sha256") in ledger.found(tmp_path)


@pytest.mark.parametrize("name", ["consent", "withdrawn"])
def test_a_consent_in_the_name_of_another_is_found(ledger: Ledger, tmp_path: Path, name: str) -> None:
    """Only its collector registers or ends a consent."""
    ledger[name]["from"] = SHELTER
    assert first_of(ledger, tmp_path) == ("I2", name, "wrong-actor", "/from")


@pytest.mark.parametrize("member", ["statement", "version", "statement_sha256", "expires"])
def test_a_consent_without_its_essentials_is_found(ledger: Ledger, tmp_path: Path, member: str) -> None:
    """An entry about a consent says which, in which version, by which digest and until when."""
    del ledger["consent"][member]
    assert ("I2", "consent", "missing-field", f"/{member}") in ledger.found(tmp_path)


def test_a_message_under_another_consent_than_its_referral_is_found(ledger: Ledger, tmp_path: Path) -> None:
    """What follows a referral rests on the consent of that referral."""
    other = statement({"/id": OTHER})
    ledger.consent("other consent", other, before="accepted")
    digest = ledger["other consent"]["statement_sha256"]
    for name in ("message", "message released"):
        ledger[name].update(statement=OTHER, statement_sha256=digest)
    assert ledger["accepted"]["statement"] == STATEMENT_ID
    found = [("I2", name, "consent-unknown", "/statement") for name in ("message", "message released")]
    assert ledger.found(tmp_path) == found
