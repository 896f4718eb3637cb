"""An alarm about the journal is told in words that a person can act on, in both languages."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import adapters
from adapters.alarms import JOURNAL
from adapters.commands.alarms import explained
from adapters.following import BROKEN as HAND_OVER_BROKEN
from adapters.promises import BROKEN, UNREAD
from adapters.store.records import Alarm
from adapters.watch import SILENT
from adapters.words import words
from keys.words import Language
from tests.invented import AT

PARTS = ("means", "works", "call")


def raised() -> set[str]:
    """The slug of every alarm about the journal that the code can raise."""
    found = {BROKEN, HAND_OVER_BROKEN, SILENT, UNREAD}
    found |= {"checkpoint-in-future", "signature-missing", "signature-does-not-hold"}
    for source in Path(adapters.__path__[0]).glob("*.py"):
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            named = isinstance(node, ast.Call) and ast.unparse(node.func).endswith(
                ("JournalAlarmError", "ForeignKeyStatementError")
            )
            if named and isinstance(node, ast.Call) and isinstance(node.args[0], ast.Constant):
                found.add(str(node.args[0].value))
    return found


@pytest.mark.parametrize("language", ["fr", "en"])
def test_every_alarm_says_what_it_means_what_works_and_whom_to_call(language: Language) -> None:
    """Nobody is left alone with a slug at night."""
    codes = raised()
    assert {"journal-forked", "checkpoint-rolled-back", "foreign-key-statement", "key-chain-broken"} <= codes
    for code in sorted(codes):
        assert words(f"error.{code}.title", language).endswith(".")
        assert all(words(f"alarm.{code}.{part}", language).endswith(".") for part in PARTS)


@pytest.mark.parametrize(
    "code", ["wrong-root", "wrong-leaf", "wrong-tile", "checkpoint-undated", "wrong-origin", "answer-to-another"]
)
def test_what_is_wrong_with_the_journal_as_a_whole_is_no_matter_of_one_item(code: str) -> None:
    """Whoever reads that the rest goes on would not call anybody; of another thing it is said as before."""
    about_all, about_one = (list(explained(Alarm(AT, code, subject))) for subject in (JOURNAL, "env_1"))
    assert len(about_all) == len(PARTS)
    assert set(about_all).isdisjoint(about_one)
