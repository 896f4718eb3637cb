"""Compares words as people do: accents, capitals and a plural’s last letter make no difference."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterable

__all__ = ["WordIndex", "folded", "phrase_of", "words_of"]

_WORD = re.compile(r"[^\W_]+")
_LIGATURES = str.maketrans({"œ": "oe", "æ": "ae", "ø": "o", "ł": "l", "đ": "d"})
_SHORTEST_PLURAL = 4
# Words that say nothing of a service, folded; elided French articles stand alone once apostrophes are gone.
_EMPTY = frozenset(
    re.findall(
        r"\w+",
        "a an and at au aux avec c d dan de des du en et for from i in j je l la le les m ma me mon my n "
        "need of on or ou par pour qu que s sur t the to un une with y",
    )
)


def folded(text: str) -> str:
    """The text without accents or capitals, for comparing only."""
    # Twice: letters of ornament have capitals that appear only once decomposed, and capitals decompose further.
    small = unicodedata.normalize("NFKD", text).casefold()
    decomposed = unicodedata.normalize("NFKD", small).casefold().translate(_LIGATURES)
    return "".join(character for character in decomposed if not unicodedata.combining(character))


def words_of(text: str) -> list[str]:
    """The words of a text, folded, without the final s or x of a plural; empty words are left out.

    When all are empty words they stay, so that a name made of them can still be found.
    """
    words = [
        word[:-1] if len(word) >= _SHORTEST_PLURAL and word[-1] in "sx" else word
        for word in _WORD.findall(folded(text))
    ]
    return [word for word in words if word not in _EMPTY] or words


def phrase_of(text: str) -> str:
    """All the words of a text, folded, between single spaces: one phrase is `in` another or it is not."""
    return f" {' '.join(_WORD.findall(folded(text)))} "


class WordIndex:
    """Finds rows by the beginnings of their words, with a weight that tells how well they fit."""

    def __init__(self, rows: Iterable[Iterable[tuple[str, int]]]) -> None:
        """Index rows, numbered from 0, each a list of texts with the weight of a word found there."""
        self._weights: dict[str, dict[int, int]] = {}
        for number, texts in enumerate(rows):
            for text, weight in texts:
                for word in words_of(text):
                    weights = self._weights.setdefault(word, {})
                    weights[number] = max(weight, weights.get(number, 0))
        self._vocabulary = sorted(self._weights)

    def find(self, text: str) -> dict[int, int]:
        """The rows that hold every word of `text` or a word that begins so, with their relevance."""
        found: dict[int, int] | None = None
        for word in dict.fromkeys(words_of(text)):
            weights = self._beginning_with(word)
            if found is None:
                found = weights
            else:
                found = {row: total + weights[row] for row, total in found.items() if row in weights}
        return found or {}

    def _beginning_with(self, start: str) -> dict[int, int]:
        weights: dict[int, int] = {}
        for position in range(bisect_left(self._vocabulary, start), len(self._vocabulary)):
            word = self._vocabulary[position]
            if not word.startswith(start):
                break
            # The word itself is worth twice one that only begins with it.
            factor = 2 if word == start else 1
            for row, weight in self._weights[word].items():
                weights[row] = max(factor * weight, weights.get(row, 0))
        return weights
