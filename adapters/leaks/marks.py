"""The words that announce a phone, a street, a date of birth or a number, read once from `leak_marks.csv`."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from typing import Final, get_args

from adapters.leaks.folding import fold_word
from consent import tabular
from keys.words import Language

__all__ = ["either", "marked"]

_LANGUAGES: Final[tuple[Language, ...]] = get_args(Language)


@cache
def _marks() -> dict[tuple[str, Language], tuple[str, ...]]:
    text = resources.files("adapters").joinpath("tables", "leak_marks.csv").read_text(encoding="utf-8")
    return {
        (row.text("mark"), row.choice("language", _LANGUAGES)): tuple(
            dict.fromkeys(map(fold_word, row.several("words")))
        )
        for row in tabular.rows("leak_marks", text, ("mark", "language", "words"))
    }


@cache
def marked(mark: str, language: Language | None = None) -> frozenset[str]:
    """The words of one mark, folded: in both languages, for who writes in French also knows a `cell`, or in one."""
    languages = _LANGUAGES if language is None else (language,)
    return frozenset(word for one in languages for word in _marks().get((mark, one), ()))


def either(*marks: str) -> str:
    """A regular expression for one of the words of these marks, the longest first; spaces may be hyphens."""
    words = sorted({word for mark in marks for word in marked(mark)}, key=lambda word: (-len(word), word))
    return "(?:" + "|".join(re.escape(word).replace(r"\ ", "[ -]").replace("'", "[' ]") for word in words) + ")"
