"""`passerelle-audit show` tells a story whole, in order and in words, and says what it does not know."""

from __future__ import annotations

from pathlib import Path

import pytest

from consent.decision import RULES
from journal.audit.program import TERMINAL
from keys.words import Language
from tests.builders import (
    BROKER,
    ENVELOPE_ID,
    LINE,
    PARENT,
    REF,
    SHELTER,
    STATEMENT_ID,
    Json,
    agreement,
)
from tests.journal.ledgers import envelope_id
from tests.journal.lives import lived, replaced, urgent, withdrawn_by_code
from tests.journal.storytelling import as_json, completed, names, refused, reported, show, told

LANGUAGES: tuple[Language, Language] = ("fr", "en")


@pytest.fixture(autouse=True, params=LANGUAGES)
def language(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Language:
    """Every story is told in both languages."""
    chosen: Language = request.param
    monkeypatch.setenv("LC_ALL", {"fr": "fr_CA.UTF-8", "en": "en_CA.UTF-8"}[chosen])
    return chosen


def test_the_story_of_a_referral_is_whole_and_in_order(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From the agreement and the consent it rests on to their end: all of it, and nothing of anything else."""
    ledger = lived()
    ledger.add("unrelated", "envelope.released", SHELTER, "seen", ref=PARENT, envelope=envelope_id("unrelated"))
    story = as_json(ledger, REF, tmp_path, capsys)
    first = ledger.index("in-force")
    assert names(ledger, story) == [each.name for each in ledger.entries[first:] if each.name != "unrelated"]
    assert (story["kind"], story["not_shown"]) == ("referral", {"withheld": 0, "erased": 0, "lost": []})


def test_who_what_under_what_and_when_is_told_in_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], language: Language
) -> None:
    """Organisations by their names, sections, purposes and steps in the reader's words, articles and versions."""
    text = "\n".join(told(lived(), REF, tmp_path, capsys))
    expected = {
        "en": [
            "      23  2026-03-02 14:00:23  A referral of Ligne 211 Inventée (ligne-211@laval) to Refuge Lavoie",
            "Purpose: Find shelter",
            "Sections: Identity, Contact details, Housing",
            f"Under article 1 of the agreement {agreement().ref}",
            f"Under the consent {STATEMENT_ID}, version 1",
            "      24  2026-03-02 14:00:24  It was handed out to Refuge Lavoie Inventé (refuge-lavoie@laval).",
            "Reason: No places left",
            "registered the end of the consent",
            "Allows Refuge Lavoie Inventé (refuge-lavoie@laval): Find shelter; Identity, Contact details, Housing",
        ],
        "fr": [
            "      23  2026-03-02 14:00:23  Une orientation de Ligne 211 Inventée (ligne-211@laval) vers Refuge Lavoie",
            "Finalité\u00a0: Trouver un hébergement",
            "Sections\u00a0: Identité, Coordonnées, Logement",
            f"Sous l’article 1 de l’entente {agreement().ref}",
            f"Sous le consentement {STATEMENT_ID}, version 1",
            "      24  2026-03-02 14:00:24  Remis à Refuge Lavoie Inventé (refuge-lavoie@laval).",
            "Motif\u00a0: Plus de place",
            "a inscrit la fin du consentement",
            "Permet à Refuge Lavoie Inventé (refuge-lavoie@laval)\u00a0: Trouver un hébergement",
        ],
    }
    for words in expected[language]:
        assert words in text


def test_a_refusal_names_its_rule_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What was refused is part of the story, with the rule that refused and what it asks."""
    text = "\n".join(told(refused(lived()), REF, tmp_path, capsys))
    assert TERMINAL.word("error.section-not-granted.title") in text
    assert f"R26. {TERMINAL.word('rule.R26')}" in text


@pytest.mark.parametrize("number", sorted({rule.number for rules in RULES.values() for rule in rules}))
def test_every_rule_has_its_words(number: str) -> None:
    """No reader is left with a number."""
    assert TERMINAL.word(f"rule.{number}").endswith(".")


def test_a_withdrawal_tells_what_it_destroyed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The spoken code, and what waited under the consent that it ended."""
    ledger = withdrawn_by_code()
    answer: Json = {"statement": STATEMENT_ID, "version": 1, "from_": SHELTER, "to": LINE}
    ledger.add("kept", "consent.answered", SHELTER, **answer, state="kept", reason="legal-obligation", ref=REF)
    ledger.add("deleted", "consent.answered", SHELTER, **answer, state="deleted", envelope=ENVELOPE_ID)
    story = as_json(ledger, STATEMENT_ID, tmp_path, capsys)
    wanted = ["consent", "accepted", "accepted released", "accepted stored", "waiting", "spoken", "destroyed"]
    assert names(ledger, story) == ["in-force", *wanted, "kept", "deleted"]
    text = "\n".join(told(ledger, STATEMENT_ID, tmp_path, capsys))
    by_code = TERMINAL.word(
        "audit.story.consent-by-code", statement=STATEMENT_ID, sender="Ligne 211 Inventée (ligne-211@laval)"
    )
    assert by_code in text
    assert TERMINAL.word("error.consent-withdrawn.title") in text


def test_the_story_of_an_emergency_names_ground_law_and_second_person(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], language: Language
) -> None:
    """From what the auditors were told first to what the second person found; an unreviewed rule is shown as such."""
    ledger = urgent()
    ledger.add("escalated", "incident.escalated", BROKER, from_=LINE, ref=REF, envelope=ledger["accepted"]["envelope"])
    text = "\n".join(told(ledger, REF, tmp_path, capsys))
    expected = {
        "en": [
            "declared an emergency: Person in danger",
            "P-39.1, s. 18.1",
            "Not reviewed by a jurist",
            "Reviewed by: int-3",
        ],
        "fr": [
            "a déclaré une urgence\u00a0: Personne en danger",
            "P-39.1, art. 18.1",
            "Non relue",
            "Revue par\u00a0: int-3",
        ],
    }
    for words in [*expected[language], "int-7", "DIR-2026-4"]:
        assert words in text


def test_an_envelope_is_told_with_what_replaced_it_and_what_it_justified(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever names an envelope belongs to its story."""
    ledger = replaced()
    assert names(ledger, as_json(ledger, ledger["lost"]["envelope"], tmp_path, capsys)) == ["lost", "again"]
    ledger = urgent()
    story = as_json(ledger, ledger["justified"]["envelope"], tmp_path, capsys)
    assert {"justified", "justified released", "accepted", "declared"} <= set(names(ledger, story))


def test_an_agreement_is_told_in_all_its_versions_or_in_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Who proposed, who signed, since when it is in force, and when it was suspended or ended."""
    ledger = lived()
    ledger.again("in-force", "suspended", type="agreement.suspended").again("in-force", "ended", type="agreement.ended")
    signed = [each.name for each in ledger.entries if each.name.startswith("signed ")]
    whole = ["proposed", *signed, "in-force", "suspended", "ended"]
    for subject in (agreement().id, agreement().ref):
        assert names(ledger, as_json(ledger, subject, tmp_path, capsys)) == whole
    assert len(told(ledger, agreement().id, tmp_path, capsys)) == len(whole) + 5
    assert show(ledger.bundle(tmp_path), f"{agreement().id}@2") == 1


def test_a_referral_that_continues_another_is_mentioned_and_not_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its acceptance says that it goes on elsewhere; what became of it is its own story."""
    ledger = lived()
    ledger.again("accepted", "onward", ref=PARENT, part_of=REF, envelope=envelope_id("onward"))
    ledger.again("released", "onward released", ref=PARENT, envelope=envelope_id("onward"))
    told_of = names(ledger, as_json(ledger, REF, tmp_path, capsys))
    assert "onward" in told_of
    assert "onward released" not in told_of
    assert names(ledger, as_json(ledger, PARENT, tmp_path, capsys))[-2:] == ["onward", "onward released"]


def test_incidents_belong_to_the_story(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What was reported about an envelope, and what was completed since."""
    ledger = reported(lived(), "incident", "accepted")
    completed(ledger, "noted", "accepted", "inc_" + "a" * 26, risk="not-serious;sensitivity", measures="ends-told")
    text = "\n".join(told(ledger, REF, tmp_path, capsys))
    assert TERMINAL.word("audit.column.risk") + ", " + TERMINAL.word("audit.column.measures") in text
    assert {"incident", "noted"} <= set(names(ledger, as_json(ledger, REF, tmp_path, capsys)))
