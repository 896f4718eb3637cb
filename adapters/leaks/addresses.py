"""Finds postal addresses and electronic ones, written plainly or so as to escape a program (`arobase`, `dot`)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Final

from adapters.leaks.figures import Found
from adapters.leaks.folding import Folded
from adapters.leaks.kinds import BELONGS_IN
from adapters.leaks.marks import either

__all__ = ["addresses_in", "emails_in"]

_LITTLE: Final = r"(?:de la|de l'|du|des|de|d'|la|le|les|l'|of|the|a|au|aux)"
_NUMBER: Final = r"(?<![\d.,/\-$#])\d{1,5}(?: ?(?:bis|ter|quater)\b|[a-d]\b)?(?: ?- ?\d{1,5})?(?: 1/2)?"
_APARTMENT: Final = (
    r"(?:,? ?(?:app|appt|appart|appartement|apt|unit|suite|bureau|porte|logement|log)\b\.?,? ?#? ?\w{1,5}"
    r"|,? ?# ?\w{1,5})"
)
_CITY: Final = r"[a-z]{2,20}(?:[ '\-][a-z]{2,20}){0,3}"
_CANADIAN_CODE: Final = r"[abceghj-nprstvxy]\d[abceghj-nprstv-z][ \-]?\d[abceghj-nprstv-z]\d"
_ORDINAL: Final = r"\d{1,3}(?:e|er|re|eme|st|nd|rd|th)"


def _kind_of_street() -> str:
    """A type of street: one that is never anything else, or `maybe` one (`place`, `court`)."""
    return rf"(?:{either('street')}|(?P<maybe>{either('street-capital')}))"


@cache
def _with_type() -> re.Pattern[str]:
    """A number, a type of street and its name, as French writes it: `12 bis, rue des Lilas, app. 3`."""
    name = rf"(?:{_LITTLE} ?){{0,2}}(?P<name>{_ORDINAL}\b|[a-z][a-z'.\-]{{0,24}}(?: [a-z][a-z'.\-]{{0,24}}){{0,3}})"
    return re.compile(
        rf"{_NUMBER},? {{0,2}}(?:sur |on )?(?:la |l')?{_kind_of_street()}\b\.? {{1,2}}{name}{_APARTMENT}?"
    )


@cache
def _english() -> re.Pattern[str]:
    """A number, a name and a type of street, as English writes it: `12-340 Lilac St W, apt 3`."""
    word = r"[a-z][a-z'.\-]{0,20}"
    return re.compile(
        rf"{_NUMBER},? (?P<name>(?:{_ORDINAL}|{word})(?: {word}){{0,3}}?) {_kind_of_street()}\b\.?"
        rf"(?: (?:n|s|e|w|ne|nw|se|sw|north|south|east|west|ouest|est|nord|sud)\b\.?)?{_APARTMENT}?"
    )


@cache
def _lived_in() -> tuple[re.Pattern[str], ...]:
    """A street without a number, or a number without a type, is an address after `habite` or `lives`."""
    lives = rf"\b{either('lives')}\b[^\d.\n]{{0,30}}?"
    near = r"(?:\b(?:au|sur|rue|dans|chez|is|at|on|is at|a|est|:)[ :]{1,2}(?:la |l'|the )?)"
    name = rf"(?:{_LITTLE} ?){{0,2}}(?P<name>[a-z][a-z'\-]{{2,24}})"
    return (
        re.compile(rf"{lives}(?P<told>\b{either('street')}\b\.? {name})"),
        re.compile(rf"{lives}(?P<told>\b(?P<name>[a-z][a-z'\-]{{1,24}}) (?:{either('street')}|st|rd|drive|dr)\b)"),
        re.compile(
            rf"(?:{lives}|{near})(?P<told>{_NUMBER},? (?:des|du|de la|de l'|de) ?(?P<name>[a-z][a-z'\-]{{2,24}}))"
        ),
        re.compile(rf"{lives}(?P<told>{_NUMBER},? (?P<name>[a-z][a-z'\-]{{2,24}}))(?={_APARTMENT}|,)"),
    )


@cache
def _codes() -> tuple[re.Pattern[str], ...]:
    return (
        re.compile(rf"(?<![a-z0-9]){_CANADIAN_CODE}(?![a-z0-9])"),
        re.compile(rf"\b{either('box')} ?(?:no\.? ?|# ?)?\d{{1,6}}\b"),
        re.compile(
            rf"(?<!\d )(?<![\d.,+\-])(?:0[1-9]|[1-8]\d|9[0-8]) ?\d{{3}},? (?!{either('not-a-city')}\b)(?P<name>{_CITY})"
        ),
    )


def addresses_in(folded: Folded) -> Iterator[Found]:
    """Postal addresses: a street with its number, a postal code, a box; `vit à la rue` is none."""
    for expression in (_with_type(), _english()) if folded.has_digits else ():
        for match in expression.finditer(folded.lower):
            if _is_street(folded, match):
                yield _address(folded, *match.span())
    for expression in _lived_in():
        for match in expression.finditer(folded.lower):
            if folded.cased[match.start("name")].isupper():
                yield _address(folded, *match.span("told"))
    for expression in _codes() if folded.has_digits else ():
        for match in expression.finditer(folded.lower):
            if "name" not in expression.groupindex or folded.cased[match.start("name")].isupper():
                yield _address(folded, *match.span())


def _address(folded: Folded, start: int, end: int) -> Found:
    # A name may hold a dot (`St. Denis`); the last one ends the sentence.
    length = len(folded.lower[start:end].rstrip(".'- "))
    return Found(start, start + length, "address", BELONGS_IN["address"])


_NEVER_IN_A_NAME: Final = frozenset(
    [
        "on",
        "in",
        "at",
        "per",
        "of",
        "the",
        "a",
        "an",
        "and",
        "or",
        "from",
        "to",
        "for",
        "by",
        "no",
        "any",
        "this",
        "that",
        "each",
        "minutes",
        "min",
        "km",
        "m",
        "hours",
        "nights",
        "days",
        "weeks",
        "months",
        "years",
        "people",
        "persons",
        "beds",
        "kids",
        "children",
        "adults",
        "rooms",
        "more",
        "other",
        "mins",
        "meters",
        "metres",
        "blocks",
        "x",
    ]
)


def _is_street(folded: Folded, match: re.Match[str]) -> bool:
    """Whether the words around a number make a street: `place`, `drive` and the like want a capital in the name."""
    name = match["name"]
    capital = folded.cased[match.start("name")].isupper() or name[0].isdigit()
    if match["maybe"] is not None:
        return capital
    return capital or _NEVER_IN_A_NAME.isdisjoint(name.split())


@cache
def _email_expressions() -> tuple[re.Pattern[str], ...]:
    local = r"(?<![\w.+\-])(?P<local>[\w.+\-]{1,64})"
    sign = rf" {{0,2}}(?:@|[\[(<{{] ?(?:at|arobase|@|a) ?[\])>}}]|\b{either('at')}\b) {{0,2}}"
    dot = rf"(?:\.| \. | {{0,2}}[\[(] ?(?:dot|point|\.) ?[\])] {{0,2}}| {either('dot')} )"
    domain = rf"[a-z0-9\-]{{1,40}}(?:{dot}[a-z0-9\-]{{2,24}}){{1,3}}"
    provider = either("provider")
    spelled = r"[a-z0-9\-]{1,40}(?: (?:dot|point) [a-z0-9\-]{2,24}){1,3}"
    return (
        re.compile(rf"{local}{sign}(?:{domain}|{provider}\b)"),
        # A bare `at` is an ordinary word: a mailbox provider or a spelled dot must come after it.
        re.compile(rf"{local} at (?:{spelled}|{provider}\.[a-z]{{2,4}})\b"),
    )


def emails_in(folded: Folded) -> Iterator[Found]:
    """Electronic addresses, obfuscated or not."""
    for expression in _email_expressions():
        for match in expression.finditer(folded.lower):
            yield Found(*match.span(), "email", BELONGS_IN["email"])
