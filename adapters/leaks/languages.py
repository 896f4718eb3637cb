"""Tells from its small words whether a text is in French, in English or in both.

Only words that the other language does not have are counted: `a`, `on`, `or` and `me` mean something in both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Final

from adapters.leaks.folding import Token
from adapters.leaks.marks import marked
from keys.words import Language

__all__ = ["languages_of"]

_SHARE: Final = 4
"""A language counts beside another when it has at least a quarter as many small words."""


def languages_of(tokens: Iterable[Token]) -> tuple[Language, ...]:
    """The languages a text is read in: both where too little tells."""
    counts: dict[Language, int] = {"fr": 0, "en": 0}
    small = _small_words()
    for token in tokens:
        language = small.get(token.word)
        if language is not None:
            counts[language] += 1
    most = max(counts.values())
    return tuple(language for language, count in counts.items() if count * _SHARE >= most)


@cache
def _small_words() -> Mapping[str, Language]:
    french, english = marked("small", "fr"), marked("small", "en")
    return {**dict.fromkeys(french - english, "fr"), **dict.fromkeys(english - french, "en")}
