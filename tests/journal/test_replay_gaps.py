"""What is not shown is counted and held against nobody; what is shown is judged, whatever is hidden beside it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.builders import AUDITORS, HEALTH, LINE, PARENT, REF, SHELTER, agreement, referral_members, statement
from tests.journal.ledgers import Ledger, envelope_id
from tests.journal.lives import begun, lived, pass_on, replaced, urgent, withdrawn_by_code


@pytest.fixture
def ledger() -> Ledger:
    """The whole life of one referral."""
    return lived()


def test_entries_that_are_not_shown_are_counted(ledger: Ledger, tmp_path: Path) -> None:
    """Erased openings break no promise: the audit says how much it could not read."""
    for written in ledger.entries[ledger.index("consent") :]:
        written.shown = False
    report = ledger.audit(tmp_path)
    assert (report.holds, report.complete) == (True, False)
    assert (report.counted.unread, report.unjudged) == (16, {})


def test_what_rests_on_entries_that_are_not_shown_is_not_judged(ledger: Ledger, tmp_path: Path) -> None:
    """The owner of a referral is not shown the consent: its bundle is verified as far as it goes, and says so."""
    ledger.written("consent").shown = ledger.written("withdrawn").shown = False
    ledger.statements.clear()
    report = ledger.audit(tmp_path)
    assert (report.holds, report.complete) == (True, False)
    assert report.unjudged == {"consent-unknown": 6}


def test_steps_of_a_referral_that_is_not_shown_are_not_judged(ledger: Ledger, tmp_path: Path) -> None:
    """Steps, messages and handings-out whose beginning was not given are counted, not condemned."""
    ledger.written("accepted").shown = False
    report = ledger.audit(tmp_path)
    assert report.holds
    assert report.unjudged == {"never-accepted": 2, "referral-unknown": 11}


def test_an_unread_entry_excuses_nothing_that_is_shown(ledger: Ledger, tmp_path: Path) -> None:
    """Hiding one entry does not make a lie in another one pass: what is shown of a referral is judged as a whole."""
    ledger.add("hidden", "audit.read", LINE, "consent").written("hidden").shown = False
    ledger["released"]["to"] = LINE
    ledger["accepts"]["actor"] = ledger["accepts"]["from"] = LINE
    ledger.again("released", "too late")
    codes = {(name, code) for _, name, code, _ in ledger.found(tmp_path)}
    assert {("released", "differs-from-acceptance"), ("accepts", "transition-not-yours")} <= codes
    assert ("too late", "consent-withdrawn") in codes


def test_a_bundle_without_a_single_statement_is_judged_by_its_entries(ledger: Ledger, tmp_path: Path) -> None:
    """Without statements the audit still sees what was withdrawn, and says what it could not see."""
    ledger.statements.clear()
    report = ledger.audit(tmp_path)
    assert report.holds
    assert report.unjudged == {"statement-not-shown": 6}
    ledger.again("released", "too late")
    assert ("I2", "too late", "consent-withdrawn", "/statement") in ledger.found(tmp_path)


def _continued() -> Ledger:
    """A referral that the shelter declined, and the one to the health team that continues it."""
    both = statement(
        {"/grants/1/sections": ["identity", "contact", "housing"], "/grants/1/purpose": "referral-shelter"}
    )
    ledger = begun(agreement()).consent("consent", both)
    pass_on(ledger, "accepted", referral_members(), "ab" * 32).step("declines", SHELTER, "T09")
    onward = {"/ref": PARENT, "/part_of": REF, "/to": HEALTH, "/id": envelope_id("onward")}
    pass_on(ledger, "onward", referral_members(onward), "9c" * 32)
    for entry in ledger.entries[ledger.index("accepted") :]:
        if "statement_sha256" in entry.members:
            entry.members["statement_sha256"] = ledger["consent"]["statement_sha256"]
    return ledger


@pytest.mark.parametrize("party", [LINE, SHELTER, HEALTH, AUDITORS])
@pytest.mark.parametrize(
    "life", [lived, urgent, replaced, withdrawn_by_code, _continued], ids=lambda life: life.__name__
)
def test_each_party_can_verify_what_it_was_shown(life: Callable[[], Ledger], party: str, tmp_path: Path) -> None:
    """The entries that name an organisation are opened to it: they never make a true journal look false."""
    ledger = life()
    for written in ledger.entries:
        written.shown = party in {written.members.get(member) for member in ("actor", "from", "to")}
    if party != LINE:
        ledger.statements.clear()
    assert ledger.audit(tmp_path).violations == ()


def test_whose_referral_is_continued_is_judged_by_who_is_shown_it(tmp_path: Path) -> None:
    """A referral that continues one of others is found where both are shown, and not judged where the first is not."""
    ledger = _continued()
    assert ledger.found(tmp_path) == []
    ledger["onward"]["part_of"] = "ref_" + "z" * 26
    assert ("I1", "onward", "referral-unknown", "/part_of") in ledger.found(tmp_path)
    ledger.written("accepted").shown = False
    assert ("I1", "onward", "referral-unknown", "/part_of") not in ledger.found(tmp_path)
