"""The files of the registers: read by any spreadsheet, by nobody but their owner, and never run."""

from __future__ import annotations

import csv
import io
import json
import re
import stat
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from journal.audit.program import TERMINAL
from journal.audit.tables import Column, Table, safe_cell, writers
from journal.entries import ENTRY_TYPES
from keys.errors import FileError
from keys.words import Language
from tests.builders import BROKER, LINE, SHELTER, Json
from tests.consent.refused_cases import Changes
from tests.journal.lives import lived, under_agreement, urgent
from tests.journal.registering import REGISTERS, VKEYS, registers, sheet, speak, word


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    """English unless a test chooses."""
    speak(monkeypatch, "en")


@pytest.mark.parametrize(("language", "separator"), [("fr", ";"), ("en", ",")])
def test_a_spreadsheet_opens_them_in_the_readers_language(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, language: Language, separator: str
) -> None:
    """Marked as UTF-8, cut as the language's spreadsheets cut, headers and codes in words, rows of equal length."""
    speak(monkeypatch, language)
    made = tmp_path / "registers"
    assert registers(urgent().bundle(tmp_path), made, *VKEYS) == 0
    assert sorted(path.name for path in made.iterdir()) == [f"{name}.csv" for name in REGISTERS]
    for path in made.iterdir():
        data = path.read_bytes()
        assert data.startswith(b"\xef\xbb\xbf")
        assert data.endswith(b"\r\n")
        lines = list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), delimiter=separator, strict=True))
        assert len({len(line) for line in lines}) == 1
        assert all(lines[0])
    said = sheet(urgent(), "communications", tmp_path, separator)[1]
    expected = {"fr": "Identité; Coordonnées; Situation", "en": "Identity; Contact details; Situation"}
    assert said[word("sections")] == expected[language]
    assert said[word("from")] == "Ligne 211 Inventée (ligne-211@laval)"


@pytest.mark.parametrize("language", ["fr", "en"])
def test_each_register_is_said_with_its_law(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], language: Language
) -> None:
    """The reader hears what each file is for, how many rows it has, and to keep it to themselves."""
    speak(monkeypatch, language)
    assert registers(lived().bundle(tmp_path), tmp_path / "made") == 0
    lines = capsys.readouterr().out.splitlines()
    for name in REGISTERS:
        assert any(line.startswith(f"{name}.csv") and TERMINAL.word(f"audit.register.{name}") in line for line in lines)
    assert lines[-2:] == [TERMINAL.word("audit.registers.private"), TERMINAL.word("audit.story.unsigned")]
    assert registers(lived().bundle(tmp_path), tmp_path / "again", *VKEYS) == 0
    assert capsys.readouterr().out.splitlines()[-1] == TERMINAL.word("audit.registers.signed")


@pytest.mark.parametrize("form", ["csv", "json"])
def test_whatever_entries_say_registers_are_made(tmp_path: Path, form: str) -> None:
    """Entries with hardly any member, and with codes that no table knows, make rows and no error."""
    ledger = urgent()
    strange: Json = {"state": "strange", "reason": "strange", "purpose": "strange", "sections": ["strange"]}
    strange |= {"rule": "R99", "transition": "T99", "document": "AAEC", "from_": SHELTER, "to": LINE}
    kinds = [kind for kind in ENTRY_TYPES if not kind.startswith(("key.", "agreement."))]
    for number, kind in enumerate(kinds):
        ledger.add(f"bare {number}", kind, LINE)
        ledger.add(f"strange {number}", kind, BROKER, envelope=ledger["accepted"]["envelope"], **strange)
    ledger.again("in-force", "strange agreement", agreement="agr_" + "y" * 26 + "@7", agreement_sha256="00" * 32)
    assert registers(ledger.bundle(tmp_path), tmp_path / "made", "--format", form) == 0
    text = (tmp_path / "made" / f"emergencies.{form}").read_text(encoding="utf-8-sig")
    assert "strange" in text


def test_only_their_owner_reads_them(tmp_path: Path) -> None:
    """They say who refers to whom."""
    made = tmp_path / "deep" / "made"
    assert registers(lived().bundle(tmp_path), made) == 0
    assert stat.S_IMODE(made.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in made.iterdir()} == {0o600}


@pytest.mark.parametrize("name", ["communications.csv", "not-shown.csv"])
def test_nothing_is_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    """A file that is there stays as it is, a link is not followed, and none of the others is left half made."""
    made = tmp_path / "made"
    made.mkdir()
    (tmp_path / "kept").write_text("kept", encoding="utf-8")
    (made / name).symlink_to(tmp_path / "kept")
    assert registers(lived().bundle(tmp_path), made) == 2
    assert [path.name for path in made.iterdir()] == [name]
    assert (tmp_path / "kept").read_text(encoding="utf-8") == "kept"
    assert TERMINAL.word("error.file-exists.title") in capsys.readouterr().err


def test_a_bundle_that_is_not_to_be_relied_on_leaves_no_file(tmp_path: Path) -> None:
    """A tile that does not match stops everything, in the middle of it too."""
    made = tmp_path / "made"
    path = lived().bundle(tmp_path, openings=[*lived().openings(), (99, lived().openings()[0][1])])
    assert registers(path, made) == 1
    assert list(made.iterdir()) == []
    assert registers(lived().bundle(tmp_path), made, *VKEYS[:2]) == 2


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file where the folder should be is a wrong question."""
    (tmp_path / "made").write_text("", encoding="utf-8")
    assert registers(lived().bundle(tmp_path), tmp_path / "made") == 2
    assert TERMINAL.word("error.file-unwritable.title") in capsys.readouterr().err


CUT = re.compile(r"[;,|\t\r\n]")
"""Where one spreadsheet or another cuts a line."""


def runs(text: str) -> bool:
    """Whether a spreadsheet would take it for a formula."""
    return text.lstrip().lstrip('"').lstrip()[:1] in tuple("=+-@\uff1d\uff0b\uff0d\uff20")


HOSTILE = [
    '=HYPERLINK("http://x")',
    '"=1',
    'a;"=1',
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "\uff1d1",
    "\uff20x",
    "a;=1",
    'a",=1',
    "a\n=1",
]


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize(("language", "separator"), [("fr", ";"), ("en", ",")])
def test_what_a_partner_wrote_is_never_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, language: Language, separator: str
) -> None:
    """A party may sign with any name: whichever way its cells are cut, none of them begins as a formula."""
    speak(monkeypatch, language)
    changes: Changes = {"/parties/0/legal_name": name, "/impact_assessment/reference": name}
    ledger = under_agreement(changes)
    made = tmp_path / "made"
    assert registers(ledger.bundle(tmp_path), made) == 0
    for path in made.iterdir():
        text = path.read_bytes().decode("utf-8-sig")
        for line in csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True):
            assert not any(runs(piece) for cell in line for piece in CUT.split(cell))
        assert all(line.startswith('"') and line.endswith('"') for line in text.removesuffix("\r\n").split("\r\n"))
    assert "Inventé" in "".join(path.read_text(encoding="utf-8-sig") for path in made.iterdir())


@given(st.text(st.sampled_from("=+-@;,|\t\r\n\uff1d 'a")) | st.text())
@example("a;=1")
def test_a_safe_cell_says_the_same(text: str) -> None:
    """Apostrophes are added and nothing is taken; wherever it is cut, no piece begins as a formula."""
    safe = safe_cell(text)
    assert safe.replace("'", "") == text.replace("'", "")
    assert not any(runs(piece) for piece in CUT.split(safe))


def test_a_disk_that_fills_up_leaves_nothing(tmp_path: Path) -> None:
    """An error of the system while rows are written takes every file away, and is told as ours."""
    tables = [Table("one", (Column("index"),)), Table("two", (Column("index"),))]

    def fill() -> None:
        with writers(tables, tmp_path / "made", "csv", {}) as made:
            made["one"].add({"index": 1})
            raise OSError(28, "No space left on device")

    with pytest.raises(FileError) as caught:
        fill()
    assert caught.value.code == "file-unwritable"
    assert list((tmp_path / "made").iterdir()) == []


def test_a_million_is_not_asked_for_in_memory(tmp_path: Path) -> None:
    """Rows are written as they come: none is kept."""
    table = Table("one", (Column("index"), Column("what")))
    with writers([table], tmp_path / "made", "json", {"size": 3}) as made:
        for number in range(3):
            made["one"].add({"index": number, "unknown": "left out"})
    read: Json = json.loads((tmp_path / "made" / "one.json").read_text(encoding="utf-8"))
    assert read == {"v": 1, "register": "one", "size": 3, "rows": [{"index": 0}, {"index": 1}, {"index": 2}]}
