"""After a restart nothing passes under a consent before its issuer has said again what it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from journal.audit.verification import Question
from journal.audit.verifying import verify_bundle
from tests.builders import signed_statement, statement
from tests.journal.ledgers import Ledger, journal_keys
from tests.journal.lives import lived
from tests.journal.relays import restarts
from tests.journal.serials import resumed, timed, violations


def verified(ledger: Ledger, path: Path, **asked: Any) -> Any:  # noqa: ANN401 - any member of a question, and of the answer
    """What verifying finds with pins that list the restart."""
    return verify_bundle(Question(path, journal_keys().vkeys, later=restarts(ledger), **asked))


@pytest.mark.parametrize("name", ["message again", "message released again", "answer", "answer released"])
def test_nothing_passes_under_a_consent_that_was_not_confirmed(tmp_path: Path, name: str) -> None:
    """What ended the consent may be among what was lost: only its issuer knows."""
    ledger = resumed(confirmed=False)
    told = violations(ledger, ledger.bundle(tmp_path))
    assert ("I2", name, "statement-unconfirmed") in told
    assert {slug for promise, _, slug in told if promise == "I2"} == {"statement-unconfirmed"}


def test_a_confirmation_counts_from_its_entry_on(tmp_path: Path) -> None:
    """What passed before the issuer said so passed without a consent."""
    ledger = resumed(confirmed=False)
    ledger.again("consent", "confirmed", before="message released again")
    told = violations(ledger, ledger.bundle(tmp_path))
    assert [each for each in told if each[0] == "I2"] == [("I2", "message again", "statement-unconfirmed")]


def test_the_issuer_that_says_withdrawn_is_believed(tmp_path: Path) -> None:
    """A withdrawal that was lost comes again, and nothing passes after it."""
    ledger = resumed(confirmed=False)
    end = ledger.entries.pop()
    ledger.entries.insert(ledger.index("message again"), end)
    told = violations(timed(ledger), ledger.bundle(tmp_path))
    assert {slug for promise, _, slug in told if promise == "I2"} == {"consent-withdrawn"}


def test_a_newer_version_confirms_too(tmp_path: Path) -> None:
    """A version that only narrows the one before says that its consent stands."""
    ledger = resumed(confirmed=False)
    narrowed = statement({"/version": 2, "/prev": signed_statement(statement()).sha256})
    ledger.consent("narrowed", narrowed, before="message again")
    assert not any(slug == "statement-unconfirmed" for _, _, slug in violations(ledger, ledger.bundle(tmp_path)))


def test_versions_that_were_lost_are_not_held_against_anybody(tmp_path: Path) -> None:
    """The issuer brings the newest version, though those between are gone."""
    ledger = resumed(confirmed=False)
    newest = statement({"/version": 3, "/prev": "ab" * 32})
    ledger.consent("newest", newest, before="message again")
    report = verified(ledger, ledger.bundle(tmp_path)).replay
    assert ("I2", ledger.index("newest"), "version-chain") not in [
        (each.invariant, each.index, each.code) for each in report.violations
    ]
    assert report.unjudged["version-chain"] == 1


@pytest.mark.parametrize("changes", [{"statement_sha256": "ab" * 32}, {"expires": "2027-01-01T00:00:00.000Z"}])
def test_another_text_of_the_same_version_confirms_nothing(tmp_path: Path, changes: dict[str, object]) -> None:
    """A confirmation is the same version, byte for byte."""
    ledger = resumed()
    ledger["confirmed"].update(changes)
    told = violations(ledger, ledger.bundle(tmp_path))
    assert ("I2", "confirmed", "version-chain") in told
    assert ("I2", "message again", "statement-unconfirmed") in told


def test_without_a_restart_nothing_is_registered_twice(tmp_path: Path) -> None:
    """The same version again is out of its chain as ever; so is a second confirmation."""
    twice = lived().again("consent", "again", before="accepted")
    assert ("I2", "again", "version-chain") in violations(twice, twice.bundle(tmp_path))
    ledger = resumed().again("consent", "again", before="answer")
    assert ("I2", "again", "version-chain") in violations(ledger, ledger.bundle(tmp_path))
