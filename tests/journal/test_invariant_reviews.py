"""I10: an emergency that was not declared, not justified to the auditors, or not looked at again is found."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from journal.bundle import Bundle
from journal.invariants.emergencies import ESCALATED_WITHIN
from journal.replay import verify
from keys.documents import b64url, format_time
from tests.builders import AUDITORS, BROKER, HEALTH, LINE, SHELTER, Json, emergency_members, signing_key
from tests.journal.builders import Files, checkpoint
from tests.journal.ledgers import START, Ledger, envelope_id, journal_keys
from tests.journal.lives import review, urgent

_HOUR = timedelta(hours=1)


@pytest.fixture
def ledger() -> Ledger:
    """An emergency that was declared and delivered, and not reviewed yet."""
    made = urgent()
    made.entries.remove(made.written("reviewed"))
    return made


def found(ledger: Ledger, tmp_path: Path) -> list[tuple[str, str, str]]:
    """The violations of I10, and no others."""
    violations = ledger.found(tmp_path)
    assert {promise for promise, _, _, _ in violations} <= {"I10"}
    return [(name, code, pointer) for _, name, code, pointer in violations]


def declared_at(ledger: Ledger) -> timedelta:
    """How long after the beginning of the journal the emergency began."""
    return timedelta(seconds=ledger.index("accepted"))


def at(ledger: Ledger, name: str, after: timedelta) -> None:
    """Set the time of an entry, counted from when the emergency began."""
    ledger[name]["time"] = format_time(START + declared_at(ledger) + after)


def escalated(ledger: Ledger, **changes: object) -> Json:
    """Tell the organisation and the auditors that nobody reviewed the emergency, as the broker does."""
    about = {member: ledger["accepted"][member] for member in ("ref", "envelope", "reason")}
    made: Json = {"actor": BROKER, "from": LINE, "to": AUDITORS, **about, **changes}
    ledger.add("escalated", "incident.escalated", made.pop("actor"), **made)
    return ledger["escalated"]


UNREVIEWED = ("declared", "emergency-unreviewed", "/envelope")


def test_an_emergency_whose_time_is_not_over_is_open(ledger: Ledger, tmp_path: Path) -> None:
    """It is told and breaks nothing: somebody still has to look at it."""
    report = ledger.audit(tmp_path)
    assert (report.violations, report.unjudged, report.told["emergency-open"]) == ((), {}, 1)
    ledger.add("later", "audit.read", LINE)
    at(ledger, "later", ESCALATED_WITHIN)
    assert ledger.audit(tmp_path).told["emergency-open"] == 1


def test_an_emergency_that_nobody_looked_at_again_is_found(ledger: Ledger, tmp_path: Path) -> None:
    """The first entry after its time shows it, and the declaration is named."""
    ledger.add("later", "audit.read", LINE)
    at(ledger, "later", ESCALATED_WITHIN + timedelta(seconds=1))
    assert found(ledger, tmp_path) == [UNREVIEWED]
    assert "emergency-open" not in ledger.audit(tmp_path).told


def test_the_signed_time_of_the_checkpoint_counts_too(ledger: Ledger, tmp_path: Path) -> None:
    """A journal in which nothing happens any more does not stand still: its last signature tells the time."""
    files = Files(ledger.leaves())
    for after, expected in ((ESCALATED_WITHIN, []), (ESCALATED_WITHIN + _HOUR, ["emergency-unreviewed"])):
        note = journal_keys().sign(checkpoint(files), START + declared_at(ledger) + after)
        with Bundle.open(ledger.bundle(tmp_path, checkpoint=note)) as bundle:
            report = verify(bundle, journal_keys().vkeys)
        assert [violation.code for violation in report.violations] == expected


@pytest.mark.parametrize("verdict", ["justified", "not-justified"])
def test_a_review_in_time_answers(ledger: Ledger, tmp_path: Path, verdict: str) -> None:
    """Whatever the second person found, the emergency was looked at."""
    review(ledger, "accepted", verdict)
    ledger.add("later", "audit.read", LINE)
    at(ledger, "later", 2 * ESCALATED_WITHIN)
    assert found(ledger, tmp_path) == []
    assert "emergency-open" not in ledger.audit(tmp_path).told


def test_an_escalation_answers_once_the_time_is_over(ledger: Ledger, tmp_path: Path) -> None:
    """Nobody reviewed it, and those who have to know were told; a review may still come."""
    escalated(ledger)
    at(ledger, "escalated", 72 * _HOUR + timedelta(seconds=2))
    review(ledger, "accepted")
    at(ledger, "reviewed", 200 * _HOUR)
    assert found(ledger, tmp_path) == []


@pytest.mark.parametrize("late", ["reviewed", "escalated"])
def test_an_answer_that_comes_too_late_is_found(ledger: Ledger, tmp_path: Path, late: str) -> None:
    """A review or an escalation a day after its time does not undo that nobody was told."""
    if late == "reviewed":
        review(ledger, "accepted")
    else:
        escalated(ledger)
    at(ledger, late, 96 * _HOUR)
    assert found(ledger, tmp_path) == [UNREVIEWED]


def test_an_emergency_that_was_never_declared_is_found(ledger: Ledger, tmp_path: Path) -> None:
    """A referral that passes under an emergency is declared with it, in the same moment: nothing waits for that."""
    ledger.entries.remove(ledger.written("declared"))
    assert found(ledger, tmp_path) == [("accepted", "emergency-undeclared", "/envelope")]
    ledger.add("later", "audit.read", LINE)
    at(ledger, "later", 2 * ESCALATED_WITHIN)
    assert found(ledger, tmp_path) == [("accepted", "emergency-undeclared", "/envelope")]


def test_a_declaration_of_what_was_never_accepted_is_found(ledger: Ledger, tmp_path: Path) -> None:
    """Nobody is made to answer for a referral that never passed."""
    ledger.again("declared", "another", envelope=envelope_id("another"))
    codes = {(name, code) for name, code, _ in found(ledger, tmp_path)}
    assert codes == {("another", "never-accepted"), ("another", "entry-and-document-differ")}


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("to", HEALTH),
        ("ref", "ref_" + "z" * 26),
        ("payload_sha256", "00" * 32),
        ("sections", ["identity"]),
        ("purpose", "referral-health"),
    ],
)
def test_a_declaration_of_something_else_is_found(ledger: Ledger, tmp_path: Path, member: str, value: object) -> None:
    """What is declared is what passed: nobody declares less than what left."""
    ledger["declared"][member] = value
    assert ("declared", "declaration-differs", f"/{member}") in found(ledger, tmp_path)
    del ledger["declared"][member]
    assert ("declared", "declaration-differs", f"/{member}") in found(ledger, tmp_path)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"actor": SHELTER}, ("wrong-actor", "/actor")),
        ({"actor": SHELTER, "from": SHELTER}, ("declaration-differs", "/from")),
        ({"justification": None}, ("justification-missing", "/justification")),
        (
            {"justification": {"envelope": envelope_id("x"), "sha256": "1a" * 32}},
            ("justification-missing", "/justification"),
        ),
        ({"envelope": None}, ("missing-field", "/envelope")),
        ({"document": None}, ("missing-field", "/document")),
        ({"document": b64url(b"{}")}, ("unknown-code", "/document/typ")),
        ({"reason": "child-in-danger"}, ("entry-and-document-differ", "/document")),
    ],
)
def test_a_declaration_that_lacks_something_is_found(
    ledger: Ledger, tmp_path: Path, changes: Json, expected: tuple[str, str]
) -> None:
    """Who declares it, why, and the header that says by which worker, all stand in the declaration."""
    ledger["declared"].update(changes)
    for member in [member for member, value in changes.items() if value is None]:
        del ledger["declared"][member]
    assert ("declared", *expected) in found(ledger, tmp_path)


def test_a_justification_that_comes_after_the_declaration_is_found(ledger: Ledger, tmp_path: Path) -> None:
    """The auditors are told first: what they are told afterwards justified nothing when it passed."""
    late = ledger.entries.pop(ledger.index("justified"))
    ledger.entries.insert(ledger.index("declared") + 1, late)
    late.members["time"] = ledger["declared"]["time"]
    assert ("I10", "declared", "justification-missing", "/justification") in ledger.found(tmp_path)


def test_a_justification_to_who_does_not_audit_is_found(ledger: Ledger, tmp_path: Path) -> None:
    """The agreement says who audits."""
    ledger["justified"]["to"] = HEALTH
    expected = ("I10", "declared", "justification-not-to-auditors", "/justification")
    assert expected in ledger.found(tmp_path)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"actor": SHELTER}, ("wrong-actor", "/actor")),
        ({"actor": SHELTER, "from": SHELTER}, ("wrong-actor", "/actor")),
        ({"actor": BROKER}, ("wrong-actor", "/actor")),
        ({"state": "well-done"}, ("unknown-code", "/state")),
        ({"state": "not-justified"}, ("entry-and-document-differ", "/document")),
        ({"document": "AAEC"}, ("not-json", "/document")),
        ({"envelope": envelope_id("another")}, ("never-declared", "/envelope")),
    ],
)
def test_a_review_that_is_none_answers_nothing(
    ledger: Ledger, tmp_path: Path, changes: Json, expected: tuple[str, str]
) -> None:
    """It is found, and the emergency counts as not reviewed."""
    review(ledger, "accepted").update(changes)
    ledger.add("later", "audit.read", LINE)
    at(ledger, "later", 2 * ESCALATED_WITHIN)
    assert set(found(ledger, tmp_path)) == {("reviewed", *expected), UNREVIEWED}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"reviewer": "int-7"}, ("reviewer-is-worker", "/document/reviewer")),
        ({"payload_sha256": "00" * 32}, ("entry-and-document-differ", "/document/payload_sha256")),
        ({"by": SHELTER}, ("entry-and-document-differ", "/document")),
        ({"envelope": envelope_id("another")}, ("entry-and-document-differ", "/document")),
    ],
)
def test_a_review_of_something_else_or_by_the_same_person_is_found(
    ledger: Ledger, tmp_path: Path, changes: Json, expected: tuple[str, str]
) -> None:
    """A second person of the same organisation looked at this very emergency, and signed so."""
    assert emergency_members()["emergency"]["worker"] == "int-7"
    review(ledger, "accepted", **changes)
    assert found(ledger, tmp_path) == [("reviewed", *expected)]


def test_a_review_signed_by_a_key_that_was_revoked_is_found(ledger: Ledger, tmp_path: Path) -> None:
    """The signature is judged where the review stands."""
    ledger.revocation("revoked", LINE, signing_key(LINE).kid)
    review(ledger, "accepted")
    assert found(ledger, tmp_path) == [("reviewed", "key-revoked", "/document")]


def test_only_the_broker_escalates(ledger: Ledger, tmp_path: Path) -> None:
    """A party that says that it told everybody told nobody."""
    escalated(ledger, actor=LINE)
    at(ledger, "escalated", 72 * _HOUR)
    assert found(ledger, tmp_path) == [("escalated", "wrong-actor", "/actor")]


@pytest.mark.parametrize("hidden", ["reviewed", "declared"])
def test_who_is_not_shown_the_answer_does_not_judge(tmp_path: Path, hidden: str) -> None:
    """The owner is not told of the review: it may stand in an entry that is not shown, and that is said."""
    ledger = urgent()
    ledger.add("later", "audit.read", LINE)
    at(ledger, "later", 2 * ESCALATED_WITHIN)
    ledger.written(hidden).shown = False
    report = ledger.audit(tmp_path)
    missing = {"reviewed": "emergency-unreviewed", "declared": "emergency-undeclared"}[hidden]
    assert (report.violations, report.unjudged) == ((), {missing: 1})


def test_what_is_hidden_before_an_emergency_excuses_nothing(ledger: Ledger, tmp_path: Path) -> None:
    """Only what stands after it could have answered it."""
    ledger.add("hidden", "audit.read", LINE, "justified").written("hidden").shown = False
    ledger.add("later", "audit.read", LINE)
    at(ledger, "later", 2 * ESCALATED_WITHIN)
    assert found(ledger, tmp_path) == [UNREVIEWED]


def test_what_is_hidden_after_its_time_excuses_nothing(ledger: Ledger, tmp_path: Path) -> None:
    """An answer that comes too late is none, shown or not."""
    ledger.add("later", "audit.read", LINE).add("hidden", "audit.read", LINE).written("hidden").shown = False
    at(ledger, "later", 2 * ESCALATED_WITHIN)
    at(ledger, "hidden", 2 * ESCALATED_WITHIN)
    assert found(ledger, tmp_path) == [UNREVIEWED]


def test_figures_that_were_published_are_not_judged(tmp_path: Path) -> None:
    """I8: a table that is not in the bundle cannot be counted again, and nobody is told that it was."""
    ledger = urgent()
    ledger.add("figures", "stats.published", BROKER)
    report = ledger.audit(tmp_path)
    assert (report.violations, report.unjudged, report.complete) == ((), {"statistics-not-shown": 1}, False)
