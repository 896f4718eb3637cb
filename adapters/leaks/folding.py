"""Reads a text as people mean it: no accents, no invisible characters, one kind of dash, and where each sign stood.

A name typed `Amélie`, `AMELIE` or with a soft hyphen inside is one name. Every sign of the folded text remembers
which character of the text it came from, so that what is found is shown at its place in what was typed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

__all__ = ["Folded", "Token", "fold", "fold_word"]

_DROPPED: Final = frozenset({"Cf", "Mn", "Me"})
# Letters that Unicode does not take apart, and marks that it would take apart into a space.
_SPELLED: Final = {
    "œ": "oe",
    "Œ": "OE",
    "æ": "ae",
    "Æ": "AE",
    "ß": "ss",
    "ẞ": "SS",
    "ø": "o",
    "Ø": "O",
    "ł": "l",
    "Ł": "L",
    "đ": "d",
    "Đ": "D",
    "\N{LATIN SMALL LETTER DOTLESS I}": "i",
    "\N{FRACTION SLASH}": "/",
    "\N{DIVISION SLASH}": "/",
    "−": "-",
    **dict.fromkeys("’‘ʼʹ′´`＇‛", "'"),  # noqa: RUF001 - these are the signs that are mistaken for an apostrophe
}
_TOKEN: Final = re.compile(r"(?<![a-z0-9])(?:[a-z]\.){2,8}(?:[a-z](?![a-z0-9]))?|[^\W_]+")
_LINE_ENDS: Final = frozenset("\n\x0b\x0c\x85\u2028\u2029")
_DIGIT: Final = re.compile(r"[0-9]")
_SENTENCE_ENDS: Final = frozenset('.!?:;\n•*()[]«»"')
_PHRASE_GOES_ON: Final = frozenset(" -'\n_")


@dataclass(frozen=True, slots=True)
class Token:
    """One word of a folded text."""

    word: str
    """In lower case, without accents; the dots of an abbreviation are left out."""
    start: int
    """Offset in the folded text."""
    end: int
    opens: bool
    """Whether it opens a sentence, where a capital letter says nothing."""
    follows: bool
    """Whether only spaces, hyphens and apostrophes stand between it and the word before."""


@dataclass(frozen=True, slots=True)
class Folded:
    """A text folded: `lower` and `cased` have one sign for each offset in `origins`."""

    text: str
    """As it was typed."""
    cased: str
    """Folded, its capitals kept."""
    lower: str
    origins: tuple[int, ...] | range
    """For each sign of `cased`, the offset in `text` of the character it comes from."""

    @property
    def has_digits(self) -> bool:
        """Whether a figure stands anywhere in it."""
        return _DIGIT.search(self.lower) is not None

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where a stretch of the folded text stands in the text typed, accents written apart included."""
        first, last = self.origins[start], self.origins[end - 1] + 1
        while last < len(self.text) and unicodedata.category(self.text[last]) in _DROPPED - {"Cf"}:
            last += 1
        return first, last

    def typed(self, token: Token) -> str:
        """A word exactly as it was typed."""
        start, end = self.span(token.start, token.end)
        return self.text[start:end]

    def is_capitalised(self, token: Token) -> bool:
        """Whether a word begins with a capital letter."""
        return self.cased[token.start].isupper()

    def is_upper(self, token: Token) -> bool:
        """Whether a word is in capitals, all of it."""
        return self.cased[token.start : token.end].isupper()

    def is_upper_from(self, tokens: Sequence[Token], position: int, length: int) -> bool:
        """Whether some words in a row are all in capitals."""
        return all(self.is_upper(token) for token in tokens[position : position + length])

    def tokens(self) -> tuple[Token, ...]:
        """The words, in order."""
        found: list[Token] = []
        previous = 0
        for match in _TOKEN.finditer(self.lower):
            start, end = match.span()
            # Seventeen signs are enough to tell what stands between two words, however many there are.
            gap = self.lower[previous:start][-17:]
            opens = not found or not _SENTENCE_ENDS.isdisjoint(gap)
            follows = bool(found) and start - previous <= len(gap) and _PHRASE_GOES_ON.issuperset(gap)
            found.append(Token(match.group().replace(".", ""), start, end, opens, follows))
            previous = end
        return tuple(found)


def fold(text: str) -> Folded:
    """Fold a text; its length in signs is not that of the text, hence the offsets kept with it."""
    if text.isascii():
        cased = text.replace("`", "'").replace("\t", " ").replace("\r", " ")
        return Folded(text, cased, cased.lower(), range(len(text)))
    parts = [
        character if character.isalnum() and character.isascii() else _fold_character(character) for character in text
    ]
    cased = "".join(parts)
    origins = tuple(offset for offset, part in enumerate(parts) for _ in part)
    lower = cased.lower()
    # One sign for one sign: the offsets count on it, and a few capitals have two small letters.
    return Folded(text, cased, lower if len(lower) == len(cased) else "".join(map(_lower, cased)), origins)


def fold_word(word: str) -> str:
    """A word or a phrase in lower case without accents, as texts are compared."""
    return fold(word).lower


@lru_cache(maxsize=4096)
def _fold_character(character: str) -> str:
    """What one character reads as: nothing for an invisible one, two letters for a ligature."""
    if character in _SPELLED:
        return _SPELLED[character]
    if character.isdecimal():
        return str(unicodedata.decimal(character))
    if character.isspace():
        return "\n" if character in _LINE_ENDS else " "
    category = unicodedata.category(character)
    if category == "Pd":
        return "-"
    return "" if category in _DROPPED else _bare(character)


def _bare(character: str) -> str:
    """A letter without its accents, or what a sign of compatibility stands for."""
    parts = unicodedata.normalize("NFKD", character)
    if parts == character:
        return character
    return "".join(_SPELLED.get(part, part) for part in parts if unicodedata.category(part) not in _DROPPED)


def _lower(sign: str) -> str:
    lower = sign.lower()
    return lower if len(lower) == 1 else sign
