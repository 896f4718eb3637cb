"""Finds in a text the words and phrases of the reviewed tables, in every form they take, the longest first.

Two tables say what to look for: `leak_words.csv`, what tells health, disability, violence or migration status, and
`leak_clean.csv`, phrases where such a word tells nothing of a person (`asile de nuit`, `depressed area`). A phrase
is read word by word, so that `problème de santé mentale` is found and `centre de santé` passes.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final, NamedTuple, get_args

from adapters.leaks.folding import Folded, Token, fold_word
from adapters.leaks.inflections import CLASSES, forms_of
from adapters.leaks.kinds import LeakKind
from consent import tabular
from consent.tabular import Row
from keys.words import Language

__all__ = ["Phrase", "WordBook", "phrases", "shipped_book", "shipped_phrases"]

WordKind = LeakKind | None
_WORD_KINDS: Final[tuple[LeakKind, ...]] = ("health", "disability", "violence", "migration-status")
_LANGUAGES: Final[tuple[Language, ...]] = get_args(Language)
_WORD: Final = re.compile(r"[^\W_]+")
_SQUEEZED: Final = re.compile(r"(.)\1+")
_LONG_ENOUGH: Final = 6
"""Letters from which a doubled letter too many or too few is taken for a slip of the hand."""
_LONGEST: Final = 12
"""Words of the longest phrase."""


Words = tuple[str, ...]
"""Folded words that follow one another."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """One row of a table: what it tells (None for a phrase that tells nothing) and what may stand at each step."""

    kind: WordKind
    language: Language
    steps: tuple[tuple[Words, ...], ...]
    """For each step, every form of every alternative; an empty one where the step may be absent."""
    classes: tuple[str, ...]
    """How each step is inflected."""

    @property
    def capitals(self) -> bool:
        """Whether it counts only in capitals, as the abbreviations do that are words in small letters."""
        return "acronym" in self.classes

    @property
    def may_be_one_word(self) -> bool:
        """Whether one word is enough of it."""
        return _Entry(self).seconds is None

    def openings(self) -> Iterator[str]:
        """Every word that the phrase can begin with."""
        for step in self.steps:
            yield from (words[0] for words in step if words)
            if () not in step:
                return

    def single_words(self) -> Iterator[str]:
        """Every form of a phrase of one word."""
        if len(self.steps) == 1:
            yield from (words[0] for words in self.steps[0] if len(words) == 1)


def phrases(table: str, text: str) -> tuple[Phrase, ...]:
    """Read a table of phrases: `kind,language,pattern,class`, or `language,pattern,class` for clean ones.

    A pattern is words; `a|b` are alternatives, a final `?` may be absent, `@name` is a group of `leak_groups.csv`.
    The class inflects every word when there is one class for each, else the head: the first word in French, the
    last in English. Raises `MalformedError` (table-columns, missing-field, unknown-code) with the line.
    """
    columns = ("language", "pattern", "class") if table == "leak_clean" else ("kind", "language", "pattern", "class")
    return tuple(_phrase(row) for row in tabular.rows(table, text, columns))


def _phrase(row: Row) -> Phrase:
    language = row.choice("language", _LANGUAGES)
    kind: WordKind = row.choice("kind", _WORD_KINDS) if "kind" in row.cells else None
    items = row.text("pattern").split()
    classes = row.text("class").split()
    if len(classes) == 1:
        head = 0 if language == "fr" else len(items) - 1
        classes = [classes[0] if place == head else "=" for place in range(len(items))]
    if len(classes) != len(items) or any((language, inflection) not in CLASSES for inflection in classes):
        raise row.fault("unknown-code", "class")
    steps = tuple(_step(row, language, item, inflection) for item, inflection in zip(items, classes, strict=True))
    return Phrase(kind, language, steps, tuple(classes))


def _step(row: Row, language: Language, item: str, inflection: str) -> tuple[Words, ...]:
    optional = item.endswith("?")
    found: dict[Words, None] = {}
    for alternative in item.removesuffix("?").split("|"):
        for words in _spellings(row, language, alternative, inflection):
            found[words] = None
    if optional:
        found[()] = None
    return tuple(found)


def _spellings(row: Row, language: Language, alternative: str, inflection: str) -> Iterable[Words]:
    if alternative.startswith("@"):
        members = groups().get((language, alternative[1:]))
        if members is None:
            raise row.fault("unknown-code", "pattern")
        return members
    words = _WORD.findall(alternative)
    if len(words) == 1:
        return [(fold_word(form),) for form in forms_of(words[0], language, inflection)]
    return [tuple(fold_word(word) for word in words)]


@cache
def groups() -> dict[tuple[Language, str], tuple[Words, ...]]:
    """The groups of words that patterns name with `@`, by language and name; each word may be several (`de la`)."""
    return {
        (row.choice("language", _LANGUAGES), row.text("name")): tuple(
            tuple(_WORD.findall(fold_word(words))) for words in row.several("words")
        )
        for row in tabular.rows("leak_groups", _table("leak_groups"), ("language", "name", "words"))
    }


def _table(name: str) -> str:
    return resources.files("adapters").joinpath("tables", f"{name}.csv").read_text(encoding="utf-8")


class _Entry:
    """A phrase made ready: for each step, what may follow a first word, so that most readings end at once."""

    def __init__(self, phrase: Phrase) -> None:
        self.kind, self.language, self.capitals = phrase.kind, phrase.language, phrase.capitals
        self._steps: list[tuple[dict[str, list[Words]], bool]] = []
        for step in phrase.steps:
            by_first: dict[str, list[Words]] = {}
            for words in step:
                if words:
                    by_first.setdefault(words[0], []).append(words)
            self._steps.append((by_first, () in step))
        self.seconds = self._possible_seconds(phrase.steps)

    @staticmethod
    def _possible_seconds(steps: Sequence[Sequence[Words]]) -> frozenset[str] | None:
        """The words that can come second, None when the phrase may have one word only."""
        seconds: set[str] = set()
        for place, step in enumerate(steps):
            seconds.update(words[1] for words in step if len(words) > 1)
            if any(len(words) == 1 for words in step):
                for later in steps[place + 1 :]:
                    seconds.update(words[0] for words in later if words)
                    if () not in later:
                        break
                else:
                    return None
            if () not in step:
                break
        return frozenset(seconds)

    def may_stand(self, second: str | None, languages: Collection[Language]) -> bool:
        """Whether a text in these languages whose next word is this one is worth reading; it spares most readings."""
        return (self.seconds is None or second in self.seconds) and self.language in languages

    def length(self, words: Words, step: int = 0, at: int = 0) -> int:
        """How many of these words the phrase takes from the first on, 0 when it does not stand there."""
        if step == len(self._steps):
            return at
        by_first, optional = self._steps[step]
        best = self.length(words, step + 1, at) if optional else 0
        for alternative in by_first.get(words[at], ()) if at < len(words) else ():
            end = at + len(alternative)
            if len(alternative) == 1 or words[at:end] == alternative:
                best = max(best, self.length(words, step + 1, end))
        return best


class WordBook:
    """Phrases ready to be looked for; reading a text takes time in proportion to its length."""

    def __init__(self, entries: Iterable[Phrase]) -> None:
        """Sort phrases by the words that they can begin with; nothing is spelled out, and it takes little memory."""
        self._telling: dict[str, list[_Entry]] = {}
        self._clean: dict[str, list[_Entry]] = {}
        self._slips: dict[str, list[_Entry]] = {}
        for phrase in entries:
            entry = _Entry(phrase)
            by_opening = self._clean if phrase.kind is None else self._telling
            for word in dict.fromkeys(phrase.openings()):
                by_opening.setdefault(word, []).append(entry)
            for word in phrase.single_words() if phrase.kind else ():
                if len(word) >= _LONG_ENOUGH:
                    self._slips.setdefault(_squeezed(word), []).append(entry)

    def read(
        self, folded: Folded, tokens: Sequence[Token], languages: Collection[Language]
    ) -> Iterator[tuple[int, int, LeakKind]]:
        """Each phrase found, as (start, end, kind) in the folded text, from left to right and never overlapping.

        Of two that begin at one word the longer is meant. A clean phrase hides what it touches, except a longer
        phrase that holds all of it.
        """
        text = _Text(folded, tokens, languages)
        clean = {
            position: position + length
            for position in range(len(tokens))
            if (length := _longest(text, position, self._clean.get(tokens[position].word, ()))[0])
        }
        position = 0
        while position < len(tokens):
            length, kind = self._telling_at(text, position)
            if kind is not None and not _is_hidden(clean, position, position + length):
                yield tokens[position].start, tokens[position + length - 1].end, kind
                position += length
            else:
                position += 1

    def _telling_at(self, text: _Text, position: int) -> tuple[int, WordKind]:
        """How many words the longest phrase that tells something has from here, 0 for none, and what it tells."""
        word = text.tokens[position].word
        if word in self._telling:
            return _longest(text, position, self._telling[word])
        slips = self._slips.get(_squeezed(word), ()) if len(word) >= _LONG_ENOUGH else ()
        kind = next((entry.kind for entry in slips if entry.language in text.languages), None)
        return (1 if kind else 0), kind


class _Text(NamedTuple):
    """One text being read, and the languages it is read in."""

    folded: Folded
    tokens: Sequence[Token]
    languages: Collection[Language]


def _longest(text: _Text, position: int, entries: Sequence[_Entry]) -> tuple[int, WordKind]:
    """How many words the longest of some phrases takes from here, 0 when none stands here, and what it tells."""
    if not entries:
        return 0, None
    follower = text.tokens[position + 1] if position + 1 < len(text.tokens) else None
    second = follower.word if follower and follower.follows else None
    candidates = [entry for entry in entries if entry.may_stand(second, text.languages)]
    words = _words_from(text.tokens, position) if candidates else ()
    best, told = 0, None
    for entry in candidates:
        length = entry.length(words)
        if length > best and (not entry.capitals or text.folded.is_upper_from(text.tokens, position, length)):
            best, told = length, entry.kind
    return best, told


def _is_hidden(clean: Mapping[int, int], start: int, end: int) -> bool:
    """Whether a clean phrase touches the words from `start` to `end`, unless they hold all of it and more."""
    return any(
        position in clean and clean[position] > start and not _holds(start, end, position, clean[position])
        for position in range(start - _LONGEST, end)
    )


def _holds(start: int, end: int, inner_start: int, inner_end: int) -> bool:
    return start <= inner_start and inner_end <= end and inner_end - inner_start < end - start


def _words_from(tokens: Sequence[Token], position: int) -> Words:
    """The words from here to the end of the phrase, a dozen at most."""
    words = [tokens[position].word]
    for token in tokens[position + 1 : position + _LONGEST]:
        if not token.follows:
            break
        words.append(token.word)
    return tuple(words)


def _squeezed(word: str) -> str:
    return _SQUEEZED.sub(r"\1", word)


@cache
def shipped_book() -> WordBook:
    """The words of the tables that travel with this package."""
    return WordBook(shipped_phrases())


def shipped_phrases() -> tuple[Phrase, ...]:
    """Every row of the two tables that travel with this package."""
    return tuple(phrase for table in ("leak_words", "leak_clean") for phrase in phrases(table, _table(table)))
