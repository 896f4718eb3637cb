"""What is not shown is counted and held against nobody; what is shown is judged, whatever is hidden beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.builders import LINE
from tests.journal.ledgers import Ledger
from tests.journal.lives import lived


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
