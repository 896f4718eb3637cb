"""I1 of emergencies and of legal sharing: whatever the law does not let pass, or nobody was told of, is found."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from journal.bundle import Bundle
from journal.notes import Checkpoint
from journal.replay import verify
from keys.documents import encode, format_time, sha256_hex
from tests.builders import (
    AUDITORS,
    BROKER,
    DAY,
    HEALTH,
    LINE,
    PARENT,
    agreement,
    emergency_terms,
    message_members,
    referral_members,
    reply_members,
    sealing_kid,
    signing_key,
    statement,
)
from tests.consent.refusals_by_ground import law
from tests.consent.refused_cases import Changes
from tests.journal.builders import ORIGIN, Files
from tests.journal.ledgers import START, Ledger, cited, envelope_id, journal_keys
from tests.journal.lives import begun, pass_on, review, urgent

MISSING = ("I1", "accepted", "justification-missing", "/justification")


@pytest.fixture
def ledger() -> Ledger:
    """An emergency, from the justification to the review."""
    return urgent()


def test_an_honest_emergency_is_verified(ledger: Ledger, tmp_path: Path) -> None:
    """Told to the auditors, little, brief, answered and reviewed: nothing is found, and nothing is left unjudged."""
    report = ledger.audit(tmp_path)
    assert (report.violations, report.unjudged, report.complete) == ((), {}, True)


def test_an_emergency_that_nobody_was_told_of_is_found(ledger: Ledger, tmp_path: Path) -> None:
    """Without the message to the auditors the referral should not have passed."""
    for name in ("justified", "justified released", "justified stored"):
        ledger.entries.remove(ledger.written(name))
    assert ledger.found(tmp_path) == [MISSING, ("I10", "declared", "justification-missing", "/justification")]


def test_a_justification_that_comes_too_late_is_found(ledger: Ledger, tmp_path: Path) -> None:
    """The auditors are told first, not afterwards."""
    first, second = ledger.index("justified"), ledger.index("accepted")
    entries = ledger.entries
    entries[first], entries[second] = entries[second], entries[first]
    entries[first].members["time"] = entries[second].members["time"] = ledger["in-force"]["time"]
    assert MISSING in ledger.found(tmp_path)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("accepted", {"justification": {"envelope": envelope_id("another"), "sha256": "1a" * 32}}),
        ("accepted", {"justification": {"envelope": "env_" + "j" * 26, "sha256": "00" * 32}}),
        ("justified", {"ref": PARENT}),
        ("justified", {"from": HEALTH, "actor": HEALTH, "signer_kid": signing_key(HEALTH).kid}),
        ("justified", {"payload_sha256": "00" * 32}),
    ],
)
def test_a_justification_of_something_else_is_found(
    ledger: Ledger, tmp_path: Path, name: str, changes: dict[str, object]
) -> None:
    """One of another referral, another sender or another text justifies nothing."""
    ledger[name].update(changes)
    assert MISSING in ledger.found(tmp_path)


def test_a_justification_told_to_somebody_else_is_found(ledger: Ledger, tmp_path: Path) -> None:
    """It goes to a party that audits, and holds nothing that is about the person's needs."""
    ledger["justified"].update(to=HEALTH, seal_kid=sealing_kid(HEALTH))
    assert ledger.found(tmp_path)[0] == ("I1", "justified", "justification-not-to-auditors", "/to")
    ledger["justified"].update(to=AUDITORS, seal_kid=sealing_kid(AUDITORS), sections=["identity"])
    assert ledger.found(tmp_path)[0] == ("I1", "justified", "emergency-section", "/sections/0")


@pytest.mark.parametrize(
    ("name", "changes", "slug", "pointer"),
    [
        ("accepted", {"sections": ["identity", "housing"]}, "emergency-section", "/sections/1"),
        ("more", {"sections": ["housing"]}, "emergency-section", "/sections/0"),
        ("accepted", {"expires": format_time(START + DAY + DAY)}, "emergency-too-long", "/expires"),
        ("more", {"expires": format_time(START + DAY + DAY)}, "emergency-too-long", "/expires"),
        ("answer", {"expires": format_time(START + DAY + DAY)}, "emergency-too-long", "/expires"),
        ("accepted", {"reason": "in-a-hurry"}, "unknown-code", "/reason"),
        ("accepted", {"justification": None}, "missing-field", "/justification"),
        ("accepted", {"reason": None}, "missing-field", "/statement"),
        ("accepted", {"article": "2"}, "article-direction", "/article"),
        ("justified", {"article": "2"}, "article-authority", "/reason"),
    ],
)
def test_more_than_the_law_lets_pass_is_found(
    ledger: Ledger, tmp_path: Path, name: str, changes: dict[str, object], slug: str, pointer: str
) -> None:
    """A section too many, a day too many, a ground that the law does not know, an article that is not open."""
    ledger[name].update(changes)
    for member in [member for member, value in changes.items() if value is None]:
        del ledger[name][member]
    assert ("I1", name, slug, pointer) in ledger.found(tmp_path)


def test_a_message_under_another_emergency_is_found(ledger: Ledger, tmp_path: Path) -> None:
    """What follows a referral names the emergency that the referral rests on."""
    ledger["more"]["justification"] = {"envelope": envelope_id("another"), "sha256": "1a" * 32}
    assert ledger.found(tmp_path)[0] == ("I1", "more", "emergency-of-another-referral", "/justification")


@pytest.mark.parametrize(
    ("changes", "slug", "pointer"),
    [
        ({"reason": "child-in-danger"}, "emergency-of-another-referral", "/reason"),
        (
            {"justification": {"envelope": "env_" + "j" * 26, "sha256": "00" * 32}},
            "emergency-of-another-referral",
            "/justification",
        ),
    ],
)
def test_a_message_that_declares_otherwise_is_found(
    ledger: Ledger, tmp_path: Path, changes: dict[str, object], slug: str, pointer: str
) -> None:
    """Another ground or another text to the auditors is another emergency, which no referral declared."""
    ledger["more"].update(changes)
    assert ledger.found(tmp_path)[0] == ("I1", "more", slug, pointer)


def test_a_message_after_the_emergency_is_found(ledger: Ledger, tmp_path: Path) -> None:
    """Once its day is over the requester adds nothing under it, though the envelope itself would be short."""
    late = START + DAY + timedelta(hours=1)
    for written in ledger.entries[ledger.index("more") :]:
        written.members["time"] = format_time(late)
    for name in ("more", "answer"):
        ledger[name]["expires"] = format_time(late + DAY)
    assert ("I1", "more", "emergency-over", "/reason") in ledger.found(tmp_path)
    assert {name for _, name, _, _ in ledger.found(tmp_path)} == {"more", "more released"}


def test_a_message_after_it_was_found_unjustified_is_found(ledger: Ledger, tmp_path: Path) -> None:
    """The requester adds nothing to it any more; what its owner answers passes."""
    ledger.entries.remove(ledger.written("reviewed"))
    review(ledger, "accepted", "not-justified")
    assert ledger.found(tmp_path) == []
    ledger.entries.remove(ledger.written("reviewed"))
    review(ledger, "accepted", "not-justified", before="more")
    assert ("I1", "more", "emergency-not-justified", "/reason") in ledger.found(tmp_path)
    assert {name for _, name, _, _ in ledger.found(tmp_path)} == {"more", "more released"}


def test_a_justification_to_an_auditor_of_another_agreement_is_found(ledger: Ledger, tmp_path: Path) -> None:
    """Whoever audits another agreement is nobody who was to be told of this one."""
    ledger["justified"].update(to=HEALTH, seal_kid=sealing_kid(HEALTH))
    found = ("I1", "accepted", "justification-not-to-auditors", "/justification")
    assert found in ledger.found(tmp_path)


@pytest.mark.parametrize(
    ("changes", "slug"),
    [
        ({"/articles/0/emergency": False}, "article-authority"),
        ({"/articles/0/authorities": ["consent"]}, "article-authority"),
    ],
)
def test_an_article_that_is_not_open_to_emergencies_is_found(tmp_path: Path, changes: Changes, slug: str) -> None:
    """The agreement as the parties signed it is asked again, about the justification too."""
    document, usual = agreement(emergency_terms() | dict(changes)), urgent()
    ledger = begun(document)
    ledger.entries += usual.entries[usual.index("justified") :]
    for entry in ledger.entries[ledger.index("justified") :]:
        if "agreement" in entry.members:
            entry.members.update(cited(document))
    found = ledger.found(tmp_path)
    assert {(name, code, pointer) for _, name, code, pointer in found} >= {
        (name, slug, "/reason") for name in ("justified", "accepted", "more", "answer")
    }


def test_a_suspended_organisation_declares_no_emergency(ledger: Ledger, tmp_path: Path) -> None:
    """An emergency never overrides a suspension."""
    ledger.add("stop", "client.suspended", BROKER, before="accepted", from_=LINE, state="suspended")
    assert ("I1", "accepted", "sender-suspended", "/from") in ledger.found(tmp_path)


def test_who_is_not_shown_the_justification_judges_the_rest(ledger: Ledger, tmp_path: Path) -> None:
    """The owner of the referral never sees what the auditors were told: that alone is not judged, and is counted."""
    for name in ("justified", "justified released", "justified stored"):
        ledger.written(name).shown = False
    report = ledger.audit(tmp_path)
    assert (report.violations, report.unjudged, report.complete) == ((), {"justification-missing": 2}, False)
    ledger["accepted"]["sections"] = ["identity", "housing"]
    assert ("I1", "accepted", "emergency-section", "/sections/1") in ledger.found(tmp_path)


def test_who_is_not_shown_the_referral_judges_the_justification(ledger: Ledger, tmp_path: Path) -> None:
    """The auditors see what they were told before the referral, and judge it by itself."""
    ledger.add("hidden", "audit.read", LINE, before="justified").written("hidden").shown = False
    for written in ledger.entries[ledger.index("accepted") :]:
        written.shown = False
    assert ledger.audit(tmp_path).unjudged == {}
    ledger["justified"]["sections"] = ["identity"]
    assert ("I1", "justified", "emergency-section", "/sections/0") in ledger.found(tmp_path)


def lawful(agreement_changes: Changes | None = None, statement_changes: Changes | None = None) -> Ledger:
    """What actors of a SIAO pass on under the law: a referral, a message and an answer."""
    evidence = law(agreement_changes, statement_changes)
    document, consent = agreement(evidence["agreement"]), statement(evidence["statement"])
    ledger = begun(document).consent("consent", consent)
    basis = {"/agreement_sha256": sha256_hex(encode(document)), "/authority/sha256": sha256_hex(encode(consent))}
    for name, members in (("accepted", referral_members), ("more", message_members), ("answer", reply_members)):
        pass_on(ledger, name, members(basis | {"/id": envelope_id(name)}), sha256_hex(name.encode()))
    for written in ledger.entries[ledger.index("accepted") :]:
        if "statement_sha256" in written.members:
            written.members["statement_sha256"] = ledger["consent"]["statement_sha256"]
    return ledger


def test_honest_legal_sharing_is_verified(tmp_path: Path) -> None:
    """What the law lets actors share is found to be so."""
    report = lawful().audit(tmp_path)
    assert (report.violations, report.unjudged, report.complete) == ((), {}, True)


@pytest.mark.parametrize(
    ("agreed", "cited_law", "slug", "pointer"),
    [
        ({}, {"/authority/article": "FR-CASF-L345-2-99"}, "legal-ground-unknown", "/statement"),
        ({}, {"/authority/kind": "care-team"}, "legal-ground-unknown", "/statement"),
        ({"/parties/0/roles/0": "line-211"}, {}, "legal-ground-role", "/from"),
        ({"/parties/1/roles/0": "food-aid"}, {}, "legal-ground-role", "/to"),
    ],
)
def test_what_the_law_does_not_cover_is_found(
    tmp_path: Path, agreed: Changes, cited_law: Changes, slug: str, pointer: str
) -> None:
    """The statement's article is asked again about each envelope, under the roles that the parties signed."""
    assert ("I1", "accepted", slug, pointer) in lawful(agreed, cited_law).found(tmp_path)


def test_a_section_beyond_the_article_of_law_is_found(tmp_path: Path) -> None:
    """What the agreement and the statement would allow, the law does not."""
    ledger = lawful({}, {"/grants/0/sections": ["identity", "contact", "housing", "health-note"]})
    ledger["more"]["sections"] = ["health-note"]
    assert ("I1", "more", "legal-ground-section", "/sections/0") in ledger.found(tmp_path)


def test_a_file_that_ends_before_the_declaration_accuses_nobody(tmp_path: Path) -> None:
    """The declaration is the next entry; a checkpoint may be signed between the two, but not an hour later."""
    ledger = urgent()
    ledger.entries = ledger.entries[: ledger.index("accepted") + 1]
    files, size = Files(ledger.leaves()), len(ledger.entries)
    for seconds, found in ((size, []), (size + 3600, ["emergency-undeclared"])):
        note = journal_keys().sign(Checkpoint(ORIGIN, size, files.root()), START + timedelta(seconds=seconds))
        with Bundle.open(ledger.bundle(tmp_path, checkpoint=note)) as bundle:
            report = verify(bundle, journal_keys().vkeys)
        assert [each.code for each in report.violations] == found
        assert report.told.get("emergency-open", 0) == (not found)


def test_an_emergency_is_declared_once(tmp_path: Path) -> None:
    """A second declaration would move the day by which it has to be reviewed."""
    ledger = urgent()
    ledger.again("declared", "declared again")
    assert ("I10", "declared again", "declared-twice", "/envelope") in ledger.found(tmp_path)
