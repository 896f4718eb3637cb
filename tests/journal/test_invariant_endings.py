"""Replacements, and consents that ended by their code: honest ones are verified, each abuse is found at its entry."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.builders import BROKER, HEALTH, LINE, REF, SHELTER, sealing_kid, signed_statement, statement
from tests.journal.ledgers import envelope_id
from tests.journal.lives import hand_out, replaced, twice, withdrawn_by_code


def test_honest_lives_are_verified(tmp_path: Path) -> None:
    """Nothing is found, and nothing is left unjudged."""
    for ledger in (replaced(), withdrawn_by_code()):
        report = ledger.audit(tmp_path)
        assert (report.violations, report.unjudged, report.complete) == ((), {}, True)


def test_what_was_stored_is_not_replaced(tmp_path: Path) -> None:
    """A recipient that holds an envelope cannot be made to hold another in its place."""
    ledger = replaced()
    late = hand_out(ledger, "lost").entries[-2:]
    del ledger.entries[-2:]
    ledger.entries[ledger.index("undeliverable") : ledger.index("undeliverable")] = late
    for written in late:
        written.members["time"] = ledger["undeliverable"]["time"]
    assert ("I1", "again", "replaced-already", "/replaces") in ledger.found(tmp_path)


def test_an_envelope_is_replaced_once(tmp_path: Path) -> None:
    """The second envelope in the place of the same one is one too many."""
    ledger = replaced()
    ledger.again("again", "twice", before="accepts", envelope=envelope_id("twice"))
    assert ("I1", "twice", "replaced-already", "/replaces") in ledger.found(tmp_path)


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"replaces": envelope_id("none")}, ("I1", "again", "replaced-unknown", "/replaces")),
        ({"replaces": None}, ("I9", "again", "referral-exists", "/ref")),
        ({"to": HEALTH, "seal_kid": sealing_kid(HEALTH)}, ("I9", "again", "referral-unknown", "/ref")),
        ({"purpose": "referral-newcomer"}, ("I1", "again", "replaced-differs", "/replaces")),
        ({"sections": ["identity", "situation"]}, ("I2", "again", "section-not-granted", "/sections/1")),
    ],
)
def test_a_replacement_of_something_else_is_found(
    tmp_path: Path, changes: dict[str, object], found: tuple[str, str, str, str]
) -> None:
    """It takes the place of one envelope of its own referral and ends, for the same, within the same consent."""
    ledger = replaced()
    ledger["again"].update(changes)
    if changes.get("replaces", "") is None:
        del ledger["again"]["replaces"]
    assert found in ledger.found(tmp_path)


@pytest.mark.parametrize(
    ("actor", "transition", "reason"),
    [(SHELTER, "T09", "no-capacity"), (LINE, "T10", "solved-otherwise"), (BROKER, "T12", "consent-withdrawn")],
)
def test_a_decision_is_not_undone_by_a_replacement(tmp_path: Path, actor: str, transition: str, reason: str) -> None:
    """What was declined, withdrawn, or ended with its consent is not begun again under the same referral."""
    ledger = replaced()
    step = ledger.step("closes", actor, transition, reason=reason).entries.pop()
    position = ledger.index("undeliverable")
    step.members["time"] = ledger["undeliverable"]["time"]
    ledger.entries[position] = step
    assert ("I1", "again", "referral-closed", "/ref") in ledger.found(tmp_path)


def test_a_replacement_after_the_consent_ended_is_found(tmp_path: Path) -> None:
    """It is decided anew: a consent that ended meanwhile does not carry it."""
    ledger, first = replaced(), signed_statement(statement()).sha256
    ended = statement({"/version": 2, "/prev": first, "/state": "withdrawn", "/grants": []})
    ledger.consent("withdrawn", ended, before="again")
    assert ("I2", "again", "consent-withdrawn", "/statement") in ledger.found(tmp_path)


def test_a_replacement_whose_beginning_is_not_shown_is_not_judged(tmp_path: Path) -> None:
    """Nothing is held against an envelope because what it replaces stands in an entry that could not be read."""
    ledger = replaced()
    for name in ("lost", "undeliverable"):
        ledger.written(name).shown = False
    report = ledger.audit(tmp_path)
    assert (report.holds, report.complete) == (True, False)
    assert report.unjudged["referral-unknown"] >= 1


def test_what_is_handed_out_after_the_code_was_spoken_is_found(tmp_path: Path) -> None:
    """The code ends the consent at its own index, without any document of the issuer."""
    ledger = withdrawn_by_code()
    hand_out(ledger, "waiting")
    assert ("I2", "waiting released", "consent-withdrawn", "/statement") in ledger.found(tmp_path)
    ledger.again("accepted", "another", envelope=envelope_id("another"), ref="ref_" + "z" * 26)
    assert ("I2", "another", "consent-withdrawn", "/statement") in ledger.found(tmp_path)


def test_a_consent_that_ended_by_its_code_is_not_given_again(tmp_path: Path) -> None:
    """A next version that gives it again is refused; one that says that it ended is not."""
    ledger, first = withdrawn_by_code(), signed_statement(twice()).sha256
    ended = {"/version": 2, "/prev": first, "/state": "withdrawn", "/grants": []}
    ledger.consent("confirmed", statement(ended))
    assert ledger.found(tmp_path) == []
    ledger.entries.pop()
    ledger.consent("given again", statement({"/version": 2, "/prev": first, "/grants/0/max_uses": 2}))
    assert ("I2", "given again", "consent-ended", "/statement") in ledger.found(tmp_path)


def test_a_code_ends_the_consent_of_its_own_issuer_only(tmp_path: Path) -> None:
    """The entry names whose consent it ends."""
    ledger = withdrawn_by_code()
    ledger["spoken"]["from"] = HEALTH
    assert ("I2", "spoken", "wrong-actor", "/from") in ledger.found(tmp_path)


def test_only_the_broker_notes_that_a_consent_ended(tmp_path: Path) -> None:
    """T12 is a step of the broker; a party cannot close a referral by it."""
    ledger = withdrawn_by_code()
    ledger.step("closes", LINE, "T12", ref=REF, reason="consent-withdrawn")
    assert ("I9", "closes", "transition-not-yours", "/transition") in ledger.found(tmp_path)


def test_a_notice_in_the_name_of_the_broker_is_found(tmp_path: Path) -> None:
    """What the broker tells, it tells of itself: a notice that an organisation seems to send is found."""
    ledger = withdrawn_by_code()
    ledger["told"]["from"] = LINE
    assert ("I3", "told", "wrong-actor", "/actor") in ledger.found(tmp_path)


@pytest.mark.parametrize("kind", ["envelope.destroyed", "envelope.expired"])
def test_what_was_destroyed_is_handed_out_to_nobody(tmp_path: Path, kind: str) -> None:
    """Once the sealed bytes are gone there is nothing to hand out, even where every rule would let it pass."""
    ledger = replaced()
    gone = {member: ledger["again"][member] for member in ("from", "to", "ref", "envelope", "payload_sha256")}
    ledger.add("gone", kind, BROKER, "again released", **gone)
    assert ledger.found(tmp_path) == [("I3", "again released", "handed-out-after-end", "/envelope")]


def test_what_was_replaced_is_handed_out_to_nobody(tmp_path: Path) -> None:
    """One use carries one envelope: the first one may not come after all, beside the second."""
    ledger = hand_out(replaced(), "lost")
    assert ("I3", "lost released", "handed-out-after-end", "/envelope") in ledger.found(tmp_path)


def test_what_a_recipient_was_handed_it_may_still_acknowledge(tmp_path: Path) -> None:
    """It had the envelope in its hands when the consent was narrowed: its word is heard, nothing is handed out."""
    ledger = replaced()
    gone = {member: ledger["again"][member] for member in ("from", "to", "ref", "envelope", "payload_sha256")}
    ledger.add("gone", "envelope.destroyed", BROKER, "again stored", **gone, rule="R20", state="section-not-granted")
    assert ledger.found(tmp_path) == []


@pytest.mark.parametrize("actor", [HEALTH, SHELTER])
def test_nobody_else_ends_a_consent(tmp_path: Path, actor: str) -> None:
    """Its issuer does, or the broker for the spoken code; it counts as ended all the same."""
    ledger = withdrawn_by_code()
    ledger["spoken"]["actor"] = actor
    assert ledger.found(tmp_path) == [("I2", "spoken", "wrong-actor", "/actor")]
