"""`passerelle-audit` says in words, in both languages, what holds, what does not, and what could not be looked at."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from journal.cli import TERMINAL, app
from journal.evidence import EVIDENCE_KINDS
from keys.words import Language
from tests.builders import LINE, SHELTER
from tests.journal.ledgers import Ledger, journal_keys
from tests.journal.lives import lived
from tests.journal.test_pins import pins

VKEYS = [part for vkey in journal_keys().vkeys for part in ("--vkey", str(vkey))]
LANGUAGES: tuple[Language, Language] = ("fr", "en")


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    """English unless a test chooses."""
    speak(monkeypatch, "en")


def speak(monkeypatch: pytest.MonkeyPatch, language: Language) -> None:
    """Set the reader's language as a shell does."""
    monkeypatch.setenv("LC_ALL", {"fr": "fr_CA.UTF-8", "en": "en_CA.UTF-8"}[language])


def audit(*arguments: object) -> int:
    """Run the program and give its exit code."""
    return TERMINAL.run(app, ["verify", *map(str, arguments)])


def answer(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """What the program answered as JSON."""
    read: dict[str, Any] = json.loads(capsys.readouterr().out)
    return read


@pytest.mark.parametrize(("language", "verdict"), [("fr", "VÉRIFIÉ."), ("en", "VERIFIED.")])
def test_a_journal_that_holds_is_verified_in_words(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    language: Language,
    verdict: str,
) -> None:
    """The answer names the journal, counts what was read, lists each promise, and ends with the verdict."""
    speak(monkeypatch, language)
    assert audit(lived().bundle(tmp_path), *VKEYS) == 0
    said = capsys.readouterr()
    assert said.err == ""
    lines = said.out.splitlines()
    assert lines[-1] == verdict
    assert "passerelle.example/laval/journal/2026" in lines[0]
    assert "38" in lines[0]
    kept = {"fr": "[tenue]", "en": "[kept]"}[language]
    assert sum(line.strip().startswith(kept) for line in lines) == 11
    assert TERMINAL.word("audit.told.two-people-in-force", count=1) in lines


@pytest.mark.parametrize(
    ("language", "line"),
    [
        (
            "fr",
            "inscription 24\u00a0: I3, /to Ce qui a été remis, à qui ou sur quelle base, n’est pas ce qui avait été",
        ),
        ("en", "entry 24: I3, /to What was handed out, to whom or under what, is not what was accepted."),
    ],
)
def test_a_broken_promise_is_told_by_entry_and_in_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, language: Language, line: str
) -> None:
    """A violation says which entry, which promise, which member and what, and the answer is no."""
    speak(monkeypatch, language)
    ledger = lived()
    ledger["released"]["to"] = LINE
    assert ledger.index("released") == 24
    assert audit(ledger.bundle(tmp_path), *VKEYS) == 1
    said = capsys.readouterr().out
    assert line in said
    assert said.splitlines()[-1].startswith({"fr": "NON VÉRIFIÉ\u00a0:", "en": "NOT VERIFIED:"}[language])
    assert {"fr": "[ROMPUE\u00a0: 2]", "en": "[BROKEN: 2]"}[language] in said


@pytest.mark.parametrize(
    ("language", "verdict", "why"),
    [
        ("fr", "VÉRIFIÉ pour ce qui a pu être lu", "Inscriptions qui n’ont pas pu être lues\u00a0: 2."),
        ("en", "VERIFIED as far as it could be read", "Entries that could not be read: 2."),
    ],
)
def test_what_could_not_be_read_is_told(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    language: Language,
    verdict: str,
    why: str,
) -> None:
    """Nobody takes silence for assent: what was not shown is counted, and explained."""
    speak(monkeypatch, language)
    ledger = lived()
    ledger.written("consent").shown = ledger.written("withdrawn").shown = False
    path = ledger.bundle(tmp_path)
    assert audit(path, *VKEYS) == 0
    said = capsys.readouterr().out
    assert why in said
    assert said.splitlines()[-1].startswith(verdict)
    assert TERMINAL.word("audit.unjudged.consent-unknown") in said


def test_whoever_wants_everything_gets_a_no_for_less(tmp_path: Path) -> None:
    """With --complete a single entry that is not shown is enough for the answer no."""
    ledger = lived()
    path = ledger.bundle(tmp_path)
    assert audit(path, *VKEYS, "--complete") == 0
    ledger.written("withdrawn").shown = False
    assert audit(ledger.bundle(tmp_path), *VKEYS, "--complete") == 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_forged_bundle_is_not_verified(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, language: Language
) -> None:
    """A forgery is told at once, with what to do, and nothing else is said of such a bundle."""
    speak(monkeypatch, language)
    path = lived().bundle(tmp_path, checkpoint=b"no note")
    assert audit(path, *VKEYS) == 1
    said = capsys.readouterr()
    assert said.out == TERMINAL.word("audit.not-reliable") + "\n"
    assert TERMINAL.word("error.wrong-note.title") in said.err
    assert TERMINAL.word("error.wrong-note.remedy") in said.err


def test_pins_serve_as_well_as_keys(tmp_path: Path) -> None:
    """The file pinned at enrolment gives the same answer."""
    (tmp_path / "pins.json").write_bytes(pins())
    assert audit(lived().bundle(tmp_path), "--pins", tmp_path / "pins.json") == 0


def test_json_tells_programs_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As JSON the answer holds codes, places and numbers."""
    ledger = lived()
    assert audit(ledger.bundle(tmp_path), *VKEYS, "--json") == 0
    told = answer(capsys)
    assert (told["verified"], told["complete"], told["size"], told["violations"]) == (True, True, 38, [])
    assert told["counted"]["opened"] == 20
    ledger["accepted"]["sections"] = ["identity", "situation"]
    assert audit(ledger.bundle(tmp_path), *VKEYS, "--json") == 1
    told = answer(capsys)
    violation = {"invariant": "I2", "code": "section-not-granted", "pointer": "/sections/1"}
    assert told["violations"] == [violation | {"index": 23}, violation | {"index": 24}]
    assert (told["verified"], told["broken"]) == (False, {"I2": 2})


def test_json_tells_a_forgery_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A program that asks gets its answer on the same stream whatever is wrong."""
    path = tmp_path / "bundle.zip"
    path.write_bytes(b"PK")
    assert audit(path, *VKEYS, "--json") == 1
    assert answer(capsys) == {"v": 1, "verified": False, "error": "archive-damaged", "pointer": ""}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "error.which-keys.title"),
        ([*VKEYS, "--pins", "pins.json"], "error.which-keys.title"),
        (VKEYS[:2], "error.vkeys-not-a-pair.title"),
        (["--vkey", "a", "--vkey", "b"], "error.wrong-vkey.title"),
        (["--pins", "absent.json"], "error.file-missing.title"),
        (["--pins", "damaged.json"], "error.not-json.title"),
        ([*VKEYS, "--all"], "--all"),
    ],
)
def test_a_question_that_is_not_understood_is_no_verdict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, arguments: list[str], told: str
) -> None:
    """Mistyped keys or options give the code 2: nothing was said of the bundle."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pins.json").write_bytes(pins())
    (tmp_path / "damaged.json").write_bytes(b"{")
    assert audit(lived().bundle(tmp_path), *arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert (TERMINAL.word(told) if told.startswith("error.") else told) in said.err


@pytest.mark.parametrize("name", ["absent.zip", "."])
def test_a_bundle_that_is_not_there_is_no_verdict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """A wrong path is a wrong question, and the answer names it."""
    assert audit(tmp_path / name, *VKEYS) == 2
    said = capsys.readouterr()
    assert (said.out, str(tmp_path) in said.err) == ("", True)


def test_nothing_in_a_bundle_commands_the_screen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever stands in a hostile bundle, what is printed is printable."""
    ledger = lived()
    ledger.add("hostile", "audit.read", LINE).written("hostile").raw = b'{"\x1b[2J\\u001b[31m":1}'
    audit(ledger.bundle(tmp_path), *VKEYS)
    assert "\x1b" not in capsys.readouterr().out


def test_no_address_and_no_identifier_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Who refers to whom is in the bundle for who may read it, never on the screen."""
    ledger = lived()
    ledger["released"]["to"] = LINE
    ledger["accepted"]["actor"] = SHELTER
    audit(ledger.bundle(tmp_path), *VKEYS)
    said = capsys.readouterr().out
    assert not any(word in said for word in (LINE, SHELTER, "env_", "ref_", "cs_"))


@pytest.mark.slow
@pytest.mark.parametrize(("language", "heading"), [("fr", "Utilisation"), ("en", "Usage")])
def test_the_program_explains_itself(language: Language, heading: str) -> None:
    """Started as a program, its help is in the reader's language."""
    run = _started(["verify", "--help"], language)
    assert run.returncode == 0
    assert run.stdout.startswith(heading)
    for option in ("--vkey", "--pins", "--complete", "--json"):
        assert option in run.stdout


@pytest.mark.slow
def test_a_bar_is_shown_on_a_screen_only(tmp_path: Path) -> None:
    """Somebody who waits sees how far it is; a file or a pipe gets the answer alone."""
    ledger = Ledger()
    for number in range(600):
        ledger.add(f"read {number}", "audit.read", LINE)
    path = ledger.bundle(tmp_path)
    assert _started(["verify", str(path), *VKEYS], "en").stderr == ""
    reader, screen = pty.openpty()
    try:
        run = _started(["verify", str(path), *VKEYS], "en", screen)
        assert run.stdout.splitlines()[-1] == "VERIFIED."
        assert b"Reading the journal" in os.read(reader, 100_000)
    finally:
        os.close(screen)
        os.close(reader)


def _started(
    arguments: list[str], language: Language, screen: int = subprocess.PIPE
) -> subprocess.CompletedProcess[str]:
    """The program, started as people start it."""
    environment = os.environ | {"LC_ALL": f"{language}_CA.UTF-8", "TERM": "xterm", "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, "-c", "from journal.cli import main; main()", *arguments]
    return subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, stderr=screen, text=True, encoding="utf-8", check=False
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_kind_of_evidence_has_its_words(monkeypatch: pytest.MonkeyPatch, language: Language) -> None:
    """Whatever convicts a journal is told in a sentence."""
    speak(monkeypatch, language)
    for kind in EVIDENCE_KINDS:
        assert TERMINAL.word(f"audit.shown.{kind}", first=1, last=2, index=3, by="temoin-invente.example")
    for kind in ("fork", "rollback"):
        assert TERMINAL.word(f"audit.contradiction.{kind}", first=1, first_at="-", second=2, second_at="-")
