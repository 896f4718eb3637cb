"""Finds in a text the names typed elsewhere in the same referral, and no other: no list of first names is kept.

A name counts whole, in pieces (`Marie` of `Marie-Rose`), with an elision or a possessive, and as initials. A name
that is also a word (`Rose`, `Hope`, `Petit`) counts only with its capital letter, and where a capital proves nothing,
at the head of a sentence, only with a sign that a person is meant.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

from adapters.leaks.figures import Found
from adapters.leaks.folding import Folded, Token, fold, fold_word
from adapters.leaks.kinds import BELONGS_IN
from adapters.leaks.marks import either, marked
from consent import tabular

__all__ = ["NameBook"]

_SHORT: Final = 3
_PLURAL: Final = 4
_INITIALS: Final = re.compile(r"(?<![\w.])[A-Z]\.(?:[ -]?[A-Z](?:\.|(?![\w'])))(?:[ -]?[A-Z]\.)?")


@dataclass(frozen=True, slots=True)
class _Word:
    """A name that is also a word: when a capital proves nothing, and between which words it is not a name."""

    proof: str
    """`no`: a capital is proof; `yes`: not at the head of a sentence; `always`: a sign of a person is needed."""
    not_after: frozenset[str]
    not_before: frozenset[str]


@cache
def _words() -> Mapping[str, _Word]:
    text = resources.files("adapters").joinpath("tables", "leak_names.csv").read_text(encoding="utf-8")
    found = {fold_word(word): _Word("always", frozenset(), frozenset()) for word in marked("common")}
    for row in tabular.rows("leak_names", text, ("word", "opener", "not_after", "not_before")):
        word = _Word(
            row.choice("opener", ("no", "yes")),
            frozenset(row.several("not_after")),
            frozenset(row.several("not_before")),
        )
        found[row.text("word")] = word
        found.setdefault(fold_word(row.text("word")), word)
    return found


@dataclass(frozen=True, slots=True)
class _Piece:
    """One word of a name, as typed in lower case, and what it is besides a name."""

    typed: str
    word: _Word | None


class NameBook:
    """The names of one referral, ready to be looked for."""

    def __init__(self, names: Iterable[str], aliases: Iterable[str] = ()) -> None:
        """Take names apart; a piece of an alias of several words (`Dame au Parapluie`) counts only with a capital."""
        self._pieces: dict[str, list[_Piece]] = {}
        self._wholes: set[tuple[str, ...]] = set()
        self._initials: list[str] = []
        for name, is_alias in (*((name, False) for name in names), *((alias, True) for alias in aliases)):
            self._learn(name, is_alias=is_alias)
        self._openings = {whole[0] for whole in self._wholes}
        self._longest = max((len(whole) for whole in self._wholes), default=1)

    def __bool__(self) -> bool:
        return bool(self._pieces)

    def _learn(self, name: str, *, is_alias: bool) -> None:
        folded = fold(name)
        tokens = [token for token in folded.tokens() if token.word not in _titles()]
        words = tuple(token.word for token in tokens)
        loose = is_alias and len(tokens) > 1
        if len(words) > 1:
            self._wholes.add(words)
        for token in tokens:
            if token.word in marked("particle") and len(tokens) > 1:
                continue
            typed = _composed(folded.typed(token))
            word = _words().get(typed) or _words().get(token.word) or (_CAPITAL_ONLY if loose else None)
            if len(token.word) > 1:
                self._pieces.setdefault(token.word, []).append(_Piece(typed, word))
            self._initials.append(token.word[0])
        if len(words) > 1 and "-" in folded.cased:
            self._pieces.setdefault("".join(words), []).append(_Piece("".join(words), None))

    def read(self, folded: Folded, tokens: Sequence[Token]) -> Iterator[Found]:
        """Each name found; words of a name that stand side by side are one."""
        spans = [*self._matches(folded, tokens), *self._initials_in(folded)]
        joined: list[tuple[int, int]] = []
        for start, end in sorted(spans):
            if joined and not folded.lower[joined[-1][1] : start].strip(" -"):
                joined[-1] = joined[-1][0], max(end, joined[-1][1])
            else:
                joined.append((start, end))
        for start, end in joined:
            yield Found(start, end, "name", BELONGS_IN["name"])

    def _matches(self, folded: Folded, tokens: Sequence[Token]) -> Iterator[tuple[int, int]]:
        for position, token in enumerate(tokens):
            length = self._whole_at(tokens, position) if token.word in self._openings else 0
            if length:
                yield token.start, tokens[position + length - 1].end
            elif any(self._is_meant(folded, tokens, position, piece) for piece in self._candidates(token)):
                yield token.start, token.end

    def _whole_at(self, tokens: Sequence[Token], position: int) -> int:
        """How many words the longest whole name from here has, 0 for none."""
        for length in range(min(self._longest, len(tokens) - position), 1, -1):
            stretch = tokens[position : position + length]
            if tuple(token.word for token in stretch) in self._wholes and all(token.follows for token in stretch[1:]):
                return length
        return 0

    def _candidates(self, token: Token) -> Sequence[_Piece]:
        exact = self._pieces.get(token.word)
        if exact is not None:
            return exact
        singular = token.word.removesuffix("s")
        plural = len(singular) >= _PLURAL and singular != token.word
        return [piece for piece in self._pieces.get(singular, ()) if piece.word is None] if plural else ()

    def _is_meant(self, folded: Folded, tokens: Sequence[Token], position: int, piece: _Piece) -> bool:
        token = tokens[position]
        if not folded.is_capitalised(token):
            return piece.word is None and len(token.word) >= _SHORT
        return piece.word is None or self._is_no_word(folded, tokens, position, piece.typed, piece.word)

    def _is_no_word(self, folded: Folded, tokens: Sequence[Token], position: int, name: str, word: _Word) -> bool:
        """Whether a capitalised word that can be a name or an ordinary word is the name."""
        token = tokens[position]
        before = self._before(folded, tokens, position)
        after = tokens[position + 1] if position + 1 < len(tokens) and tokens[position + 1].follows else None
        typed = _composed(folded.typed(token))
        # Accents that the name does not have make another word of it: `Grâce à…` is not Grace.
        if not typed.isascii() and typed != name:
            return False
        if _is_excluded(folded, after, word.not_before) or _is_excluded(folded, before, word.not_after):
            return False
        proves_nothing = token.opens or (folded.is_upper(token) and before is not None and folded.is_upper(before))
        if word.proof == "no" or (word.proof == "yes" and not proves_nothing):
            return True
        return self._tells_a_person(before, after)

    def _before(self, folded: Folded, tokens: Sequence[Token], position: int) -> Token | None:
        """The word before in the same sentence; a dot after a title or an initial ends none."""
        if not position:
            return None
        token, before = tokens[position], tokens[position - 1]
        dotted = not folded.lower[before.end : token.start].strip(". ") and self._is_title(before)
        return before if token.follows or dotted else None

    def _is_title(self, token: Token) -> bool:
        return token.word in _titles() or (len(token.word) == 1 and token.word in self._initials)

    def _tells_a_person(self, before: Token | None, after: Token | None) -> bool:
        """Whether a title or another name stands beside, or what follows is what people do."""
        if before is not None and (self._is_title(before) or before.word in self._pieces):
            return True
        return after is not None and (after.word in marked("person-verb") or after.word in self._pieces)

    def _initials_in(self, folded: Folded) -> Iterator[tuple[int, int]]:
        if not self._initials:
            return
        for match in _INITIALS.finditer(folded.cased):
            letters = re.sub(r"[^a-z]", "", match.group().lower())
            if letters not in marked("abbreviation") and _are_initials(letters, self._initials):
                yield match.span()
        for match in _titled_initial().finditer(folded.cased):
            if match["initial"].lower() in self._initials:
                yield match.span()


_CAPITAL_ONLY: Final = _Word("no", frozenset(), frozenset())


def _titles() -> frozenset[str]:
    return marked("title")


@cache
def _titled_initial() -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)(?i:{either('title')})\b\.? ?(?<![a-z])(?P<initial>[A-Z])(?:\.|(?![\w'.]))")


def _are_initials(letters: str, initials: Sequence[str]) -> bool:
    """Whether each letter is the initial of another word of the names."""
    left = list(initials)
    for letter in letters:
        if letter not in left:
            return False
        left.remove(letter)
    return True


def _is_excluded(folded: Folded, neighbour: Token | None, words: frozenset[str]) -> bool:
    """Whether a neighbour makes an ordinary word of a name; `à` is told from `a`, and `#` stands for digits."""
    if neighbour is None:
        return False
    return _composed(folded.typed(neighbour)) in words or ("#" in words and neighbour.word.isdigit())


def _composed(typed: str) -> str:
    visible = "".join(character for character in typed if unicodedata.category(character) != "Cf")
    return unicodedata.normalize("NFKC", visible).lower()
