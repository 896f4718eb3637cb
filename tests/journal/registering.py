"""Makes the registers of a journal as an auditor does, and reads them as people and programs do."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from journal.audit.program import TERMINAL
from journal.cli import app
from keys.words import Language
from tests.journal.ledgers import Ledger, journal_keys

VKEYS = [part for vkey in journal_keys().vkeys for part in ("--vkey", str(vkey))]
REGISTERS = ["agreements", "communications", "emergencies", "incidents", "not-shown", "processing"]


def speak(monkeypatch: pytest.MonkeyPatch, language: Language) -> None:
    """Set the reader's language as a shell does."""
    monkeypatch.setenv("LC_ALL", {"fr": "fr_CA.UTF-8", "en": "en_CA.UTF-8"}[language])


def registers(path: Path, folder: Path, *options: str) -> int:
    """Run the program and give its exit code."""
    return TERMINAL.run(app, ["registers", str(path), str(folder), *options])


def rows(ledger: Ledger, name: str, folder: Path) -> list[dict[str, Any]]:
    """The rows of one register, by codes."""
    made = folder / f"made-{len(list(folder.iterdir()))}"
    assert registers(ledger.bundle(folder), made, "--format", "json", *VKEYS) == 0
    read = json.loads((made / f"{name}.json").read_text(encoding="utf-8"))
    assert (read["v"], read["register"], read["size"]) == (1, name, len(ledger.entries))
    found: list[dict[str, Any]] = read["rows"]
    return found


def sheet(ledger: Ledger, name: str, folder: Path, separator: str = ",") -> list[dict[str, str]]:
    """The rows of one register as a spreadsheet reads them, by the words of their header."""
    made = folder / f"made-{len(list(folder.iterdir()))}"
    assert registers(ledger.bundle(folder), made, *VKEYS) == 0
    text = (made / f"{name}.csv").read_text(encoding="utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=separator, strict=True))


def word(column: str) -> str:
    """The header of a column."""
    return TERMINAL.word(f"audit.column.{column}")
