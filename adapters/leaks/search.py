"""Reads the free texts of a referral for what another section protects, before anything is sealed.

PRODUCT §4, the second of three answers to labels that the broker cannot check. It helps whoever writes in good faith;
it stops nobody who wants to get round it, which is what mismatch reports are for.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from itertools import chain

from adapters.leaks.addresses import addresses_in, emails_in
from adapters.leaks.figures import Found, numbers_in, phones_in
from adapters.leaks.folding import Folded, fold
from adapters.leaks.kinds import BELONGS_IN, Leak
from adapters.leaks.languages import languages_of
from adapters.leaks.names import NameBook
from adapters.leaks.places import aliases_of, free_texts, names_of
from adapters.leaks.wordbook import shipped_book
from adapters.referral_sections import ReferralSections
from keys.words import Language

__all__ = ["find_in_text", "find_leaks"]


class _Taken:
    """What was found so far in a text; whatever was found first keeps its place."""

    def __init__(self, folded: Folded) -> None:
        self._folded = folded
        self._signs = bytearray(len(folded.lower))
        self._found: list[Found] = []

    def add(self, found: Found) -> None:
        """Keep a find, its place told in the text as typed, unless it overlaps one that is kept."""
        if not any(self._signs[found.start : found.end]):
            self._signs[found.start : found.end] = b"\1" * (found.end - found.start)
            start, end = self._folded.span(found.start, found.end)
            self._found.append(Found(start, end, found.kind, found.belongs_in))

    def in_order(self) -> list[Found]:
        """Everything kept, from left to right."""
        return sorted(self._found, key=lambda found: (found.start, found.end))


def find_leaks(sections: ReferralSections, known: Iterable[ReferralSections] = ()) -> tuple[Leak, ...]:
    """Every leak in the free texts of a referral, by place and then by position.

    The names looked for are those of `sections`, and those of `known`: what was said before about the same person. A
    kind that a place is made for is no leak there (`adapters.leaks.places`). Pure, and raises nothing on any text.
    """
    said = (sections, *known)
    # Each name once: told twice, it would have its initials twice.
    names = dict.fromkeys(name for each in said for name in names_of(each))
    book = NameBook(names, dict.fromkeys(name for each in said for name in aliases_of(each)))
    return tuple(
        Leak(text.place, *found)
        for text in free_texts(sections)
        for found in _read(text.text, book, None)
        if found.kind not in text.at_home
    )


def find_in_text(text: str, *, names: Iterable[str] = (), language: Language | None = None) -> tuple[Leak, ...]:
    """The leaks of one text by itself, given the names to look for; the language is guessed where it is not told."""
    return tuple(Leak("", *found) for found in _read(text, NameBook(names), language))


def _read(text: str, names: NameBook, language: Language | None) -> list[Found]:
    """What is found in a text, in the offsets of the text as typed; nothing overlaps."""
    folded = fold(text)
    taken = _Taken(folded)
    tokens = folded.tokens()
    languages: Collection[Language] = (language,) if language else languages_of(tokens)
    figures = chain(numbers_in(folded), phones_in(folded)) if folded.has_digits else ()
    for found in chain(emails_in(folded), addresses_in(folded), figures):
        taken.add(found)
    for found in names.read(folded, tokens) if names else ():
        taken.add(found)
    for start, end, kind in shipped_book().read(folded, tokens, languages):
        taken.add(Found(start, end, kind, BELONGS_IN[kind]))
    return taken.in_order()
