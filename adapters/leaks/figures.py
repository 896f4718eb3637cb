"""Finds telephone numbers, and the other numbers that identify somebody: insurance, passport, birth, file.

Every expression has a bounded length from each place where it can begin, so that reading takes time in proportion
to the text, whatever the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Final, NamedTuple

from adapters.leaks.folding import Folded
from adapters.leaks.kinds import BELONGS_IN, LeakKind
from adapters.leaks.marks import either, marked

__all__ = ["Found", "numbers_in", "phones_in"]


class Found(NamedTuple):
    """Something found in a folded text: where, what, and the section it belongs in."""

    start: int
    end: int
    kind: LeakKind
    belongs_in: str | None


_GAP: Final = r"[ .\-/]"
_PHONES: Final = (
    # North America: three, three and four digits, the area code in brackets or not.
    (
        rf"(?<![\d.,$])(?:\+?1{_GAP}{{0,3}})?\(?[2-9]\d\d\)?{_GAP}{{0,3}}[2-9]\d\d{_GAP}{{0,3}}\d{{4}}(?!\d)"
        r"(?: ?,? ?\(?(?:poste|ext|extension|x|p)\.? ?\d{1,6}\)?)?"
    ),
    # North America without the area code; money and years are ruled out by what follows.
    r"(?<!\d )(?<![\d\-/.,$+)])[2-9]\d\d-\d{4}(?![\d\-/$]| ?[$€%])",
    # France: ten digits by twos under one separator, or 6 12 345 678 and the like; 08 numbers are those of services.
    r"(?<![\d+])0(?!8)[1-9](?P<gap>[ .\-/]{0,3})\d\d(?:(?P=gap)\d\d){3}(?!\d)",
    r"(?<![\d+])0[1-79](?:[ .\-]\d{3}){2}[ .\-]\d\d(?!\d)",
    r"(?<![\d+])0[1-79]\d{2}(?:[ .\-]\d{2,3}){2,3}(?!\d)",
    # Any country, with its code; Europe often writes (0) after it.
    r"(?<!\d)\+[ ]?[1-9](?:[ .\-/()]{0,3}\d){6,13}(?!\d)",
    r"(?<!\d)00[1-9](?:[ .\-/()]{0,3}\d){7,13}(?!\d)",
)
_SOON_AFTER: Final = r"(?:[^\d\n+]{0,14}?)"
# What may stand between a word that announces a number and the number itself.
_LEADS_TO: Final = (
    r"(?:[ :#.,=()\-]|n[o°]\b|numero\b|number\b|no\b|est\b|is\b|card\b|carte\b|de\b|du\b|le\b|la\b|canad\w{0,6}){0,8}?"
)
_GROUPED: Final = (
    # Social insurance number of Canada, three by three.
    r"(?<![\d.,$\-])\d{3}(?P<sin>[ \-.])\d{3}(?P=sin)\d{3}(?![\d\-]| ?[$€])(?!(?P=sin)\d)",
    # Health insurance of Québec: four letters and eight digits.
    r"(?<![a-z0-9])[a-z]{4}[ \-]?\d\d(?:0[1-9]|1[0-2]|5[1-9]|6[0-2])[ \-]?(?:0[1-9]|[12]\d|3[01])\d\d(?![a-z0-9])",
    # Social security of France: sex, year, month, department, commune, order, and its key or not.
    r"(?<![\d+])[12][ .\-]?\d\d[ .\-]?[01]\d[ .\-]?(?:\d\d|2[ab])[ .\-]?\d{3}[ .\-]?\d{3}(?:[ .\-/]{0,3}\d\d)?(?!\d)",
    # Passports of Canada and of France.
    r"(?<![a-z0-9])[a-z]{2}\d{6}(?![a-z0-9])",
    r"(?<![a-z0-9])\d{2}[a-z]{2}\d{5}(?![a-z0-9])",
    # Payment cards and bank accounts.
    r"(?<![a-z0-9])[a-z]{2}\d\d(?: ?[a-z]{4})?(?: ?\d[a-z0-9]{3}){2,7}(?: ?[a-z0-9]{1,3})?(?![a-z0-9])",
    r"(?<![\d\-])\d{4}(?P<card>[ \-]?)\d{4}(?P=card)\d{4}(?P=card)\d{4}(?!\d)",
)
_BORN_ON: Final = (
    r"(?:[ :.,=(\-]|le\b|the\b|on\b|est\b|is\b|was\b|en\b|in\b|vers\b|around\b|date\b|son\b"
    r"|(?:lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche)\b){1,8}?"
    r"(?:(?:a|au|aux|en|in|at) [a-z][a-z'\-]{1,20}(?: [a-z\-]{2,15})?,? (?:le |on |en |in )?)?"
)
_DAY: Final = r"(?:0?[1-9]|[12]\d|3[01])(?:er|st|nd|rd|th)?"
_YEAR: Final = r"(?:(?:19|20)\d\d|'?\d\d)"


@cache
def _phone_expressions() -> tuple[re.Pattern[str], ...]:
    announced = rf"\b(?:{either('phone')})\b{_SOON_AFTER}(?P<told>[2-9+(]?\d(?:[ .\-/()]{{0,2}}\d){{6,13}})(?![\d/])"
    return tuple(re.compile(expression) for expression in (*_PHONES, announced))


@cache
def _number_expressions() -> tuple[re.Pattern[str], ...]:
    # Letters may stand in front or between, but a word does not: five signs that hold four digits or more.
    told = r"(?P<told>(?=(?:[a-z\-]{0,4}\d){4})[a-z]{0,5}[ ]?\d[a-z\d]{0,19}(?:[ \-./]\d[a-z\d]{0,11}){0,5})(?![\w€$])"
    return re.compile(rf"\b{either('number')}\b{_LEADS_TO}{told}"), *map(re.compile, _GROUPED)


@cache
def _birth_expression() -> re.Pattern[str]:
    month = either("month")
    date = (
        rf"(?:\d{{4}}[\-/. ]\d{{1,2}}[\-/. ]\d{{1,2}}|\d{{1,2}}[\-/. ]{{1,2}}\d{{1,2}}[\-/. ]{{1,2}}{_YEAR}"
        rf"|\d{{1,2}}/\d{{1,2}}|{_DAY} (?:de |of )?{month}\.?(?:,? (?:de )?{_YEAR})?|{month}\.? {_DAY}(?:,? {_YEAR})?"
        rf"|{month}\.? (?:19|20)\d\d|(?:19|20)\d\d)(?!\d)"
    )
    return re.compile(rf"\b{either('birth')}(?!\w){_BORN_ON}(?P<told>{date})")


def phones_in(folded: Folded) -> Iterator[Found]:
    """Telephone numbers, however they are spaced; free numbers are those of services and are left alone."""
    for expression in _phone_expressions():
        for match in expression.finditer(folded.lower):
            group = "told" if "told" in expression.groupindex else 0
            start, end = match.span(group)
            digits = re.sub(r"\D", "", folded.lower[start:end])
            if not digits.removeprefix("1").startswith(tuple(marked("toll-free"))) and not _is_date(
                folded.lower[start:end]
            ):
                yield Found(start, end, "phone", BELONGS_IN["phone"])


def numbers_in(folded: Folded) -> Iterator[Found]:
    """Dates of birth, which belong in the identity, and numbers that an administration knows somebody by."""
    for match in _birth_expression().finditer(folded.lower):
        yield Found(*match.span("told"), "number", BELONGS_IN["name"])
    for expression in _number_expressions():
        for match in expression.finditer(folded.lower):
            group = "told" if "told" in expression.groupindex else 0
            start, end = match.span(group)
            if group == 0 or not _is_ordinary(folded.lower[start:end]):
                yield Found(start, end, "number", None)


def _is_date(digits: str) -> bool:
    return (
        re.match(r"(?:(?:19|20)\d\d[\-/. ]\d\d?[\-/. ]\d\d?|\d\d?[\-/. ]\d\d?[\-/. ](?:19|20)\d\d)(?!\d)", digits)
        is not None
    )


def _is_ordinary(told: str) -> bool:
    """Whether what follows a word like `file` is a year, a date, or a span of years rather than a number."""
    return _is_date(told) or re.fullmatch(r"(?:19|20)\d\d(?:[ \-/.]+(?:(?:19|20)?\d\d))?", told) is not None
