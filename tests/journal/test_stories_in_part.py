"""`passerelle-audit show` says what it cannot tell: what is not shown, not known, or not what it says it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from journal.audit.program import TERMINAL
from journal.entries import ENTRY_TYPES
from keys.words import Language
from tests.builders import (
    BROKER,
    HEALTH,
    LINE,
    REF,
    SHELTER,
    Json,
)
from tests.journal.lives import lived, under_agreement
from tests.journal.storytelling import VKEYS, as_json, names, show, told
from tests.journal.test_invariant_two_people import erased

LANGUAGES: tuple[Language, Language] = ("fr", "en")


@pytest.fixture(autouse=True, params=LANGUAGES)
def language(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Language:
    """Every story is told in both languages."""
    chosen: Language = request.param
    monkeypatch.setenv("LC_ALL", {"fr": "fr_CA.UTF-8", "en": "en_CA.UTF-8"}[chosen])
    return chosen


def test_what_is_not_shown_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The owner sees no consent and not all entries: the story says how many it does not know."""
    ledger = lived()
    for written in ledger.entries:
        written.shown = SHELTER in {written.members.get(member) for member in ("actor", "from", "to")}
    ledger.statements.clear()
    hidden = sum(not (written.shown or written.clear) for written in ledger.entries)
    lines = told(ledger, REF, tmp_path, capsys)
    assert TERMINAL.word("audit.story.withheld", count=hidden) in lines
    assert not any("None" in line for line in lines)


def test_a_story_without_its_beginning_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody takes what follows for the whole."""
    ledger = lived()
    for name in ("accepted", "message", "answer"):
        ledger.written(name).shown = False
    for name in ("seen", "asks", "provides", "accepts", "waits", "completes", "helped"):
        ledger.written(name).shown = False
    assert TERMINAL.word("audit.story.beginning-not-shown") in told(ledger, REF, tmp_path, capsys)


def test_an_erasure_is_told_where_it_concerns_the_story(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever kept an opening sees what became of it; of the rest only the number is left."""
    ledger = lived()
    about = ledger.index("accepted")
    ledger.add("erasure", "erasure", BROKER, document=erased([about, about + 4]))
    ledger.add("elsewhere", "erasure", BROKER, document=erased([3, 3]))
    for name in ("released", "seen"):
        ledger.written(name).shown = False
    story = as_json(ledger, REF, tmp_path, capsys)
    assert names(ledger, story)[-1] == "erasure"
    assert story["not_shown"] == {"withheld": 0, "erased": 2, "lost": []}
    assert TERMINAL.word("audit.story.erased", count=2) in told(ledger, REF, tmp_path, capsys)


def test_an_erasure_by_order_is_told_as_such(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its sentence says who ordered it before the evidence had to be kept no longer."""
    ledger = lived()
    about = ledger.index("accepted")
    ledger.add("erasure", "erasure", BROKER, document=erased([about, about + 4], by="court", ordered=True))
    sentence = TERMINAL.word("audit.story.erasure-ordered", count=5, by="court", ground="retention-over")
    assert sum(line.endswith(sentence) for line in told(ledger, REF, tmp_path, capsys)) == 1


@pytest.mark.parametrize("subject", ["ref_" + "y" * 26, "env_" + "y" * 26, "cs_" + "y" * 26, "agr_" + "y" * 26])
def test_an_unknown_identifier_is_answered_clearly(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], subject: str
) -> None:
    """Never there, erased or not given: nobody can tell which, and the answer says so."""
    assert show(lived().bundle(tmp_path), subject) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert TERMINAL.word("error.nothing-shown.title") in said.err
    assert TERMINAL.word("error.nothing-shown.remedy") in said.err


@pytest.mark.parametrize(
    "subject", ["", "ref_1", "ref_" + "A" * 26, "inc_" + "a" * 26, REF + "x", "agr_x@1", "*", REF + "\n"]
)
def test_what_is_no_identifier_is_a_question_not_understood(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], subject: str
) -> None:
    """Nothing is looked for, and the answer is the code of usage."""
    assert show(lived().bundle(tmp_path), subject) == 2
    assert TERMINAL.word("error.not-an-identifier.title") in capsys.readouterr().err


def test_the_signatures_are_checked_when_there_are_keys(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without keys the reader is told that nobody checked; with other keys the bundle is refused."""
    path = lived().bundle(tmp_path)
    assert show(path, REF) == 0
    assert capsys.readouterr().out.splitlines()[-1] == TERMINAL.word("audit.story.unsigned")
    assert show(path, REF, *VKEYS) == 0
    assert capsys.readouterr().out.splitlines()[-1] == TERMINAL.word("audit.story.signed")
    assert show(path, REF, *VKEYS[:2]) == 2
    forged = lived().bundle(tmp_path, checkpoint=b"no note")
    assert show(forged, REF) == 1


def test_an_opening_that_is_not_the_entrys_is_not_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever puts other words into a bundle does not get them into the story."""
    ledger, other = lived(), lived()
    other["released"]["to"] = HEALTH
    openings = dict(ledger.openings()) | {ledger.index("released"): dict(other.openings())[other.index("released")]}
    path = ledger.bundle(tmp_path, openings=sorted(openings.items()))
    assert show(path, REF, "--json") == 0
    story = json.loads(capsys.readouterr().out)
    assert "released" not in names(ledger, story)
    assert story["not_shown"] == {"withheld": 1, "erased": 0, "lost": []}


def test_an_entry_that_is_written_with_escapes_is_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A broker cannot keep an entry out of a story by writing its identifier in another way."""
    ledger = lived()
    place = ledger.index("seen")
    ledger.entries[place].raw = ledger.encoded()[place].replace(b"ref_", b"\\u0072ef_")
    assert "seen" in names(ledger, as_json(ledger, REF, tmp_path, capsys))


def test_whatever_an_entry_is_it_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Entries of every type with hardly any member, and with codes that no table knows, have a sentence."""
    ledger = lived()
    for number, kind in enumerate(kind for kind in ENTRY_TYPES if not kind.startswith(("key.", "agreement."))):
        ledger.add(f"bare {number}", kind, LINE, ref=REF)
        strange: Json = {"state": "strange", "reason": "strange", "purpose": "strange", "sections": ["strange"]}
        strange |= {"need": "strange", "rule": "R99", "transition": "T99", "document": "AAEC"}
        ledger.add(f"strange {number}", kind, BROKER, ref=REF, from_=HEALTH, **strange)
    lines = told(ledger, REF, tmp_path, capsys)
    assert sum("strange" in line for line in lines) > 10
    assert len([line for line in lines if line[:8].strip().isdigit()]) >= 2 * 22


def test_nothing_in_a_bundle_commands_the_screen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The name that a party signed with is printed, never obeyed."""
    ledger = under_agreement({"/parties/0/legal_name": "Ligne \x1b[2J Inventée"})
    assert show(ledger.bundle(tmp_path), REF) == 0
    said = capsys.readouterr().out
    assert "\x1b" not in said
    assert "\\u001b[2J" in said
