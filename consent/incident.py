"""One line of the register of confidentiality incidents: exactly the eight fields that the law asks for.

Québec, Regulation respecting confidentiality incidents (chapter A-2.1, r. 3.1), section 7, whose eight paragraphs are
the eight fields below in their order; section 8 has it kept up to date and for five years at the least: the broker
never deletes a line. The same line
serves the record of violations of RGPD art. 33.5. Values are codes, numbers and dates, never a sentence: nothing that
was in a referral can be written here. A field that nobody filled yet is absent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Annotated, Final, Self

from pydantic import AfterValidator, StringConstraints

from consent import tabular
from consent.mismatch import MISMATCH_KINDS
from consent.tabular import Row
from consent.terms import Term, words_of
from consent.vocabulary import SECTIONS
from keys.documents import Document, fault, format_time, parse_time, validate
from keys.errors import MalformedError
from keys.words import Language

__all__ = [
    "FIELDS",
    "INCIDENT_CODES",
    "Incident",
    "IncidentCode",
    "IncidentId",
    "completed",
    "known_terms",
    "of_emergency",
    "of_mismatch",
    "shown",
]

IncidentId = Annotated[str, StringConstraints(pattern=r"^inc_[a-z2-7]{26}$")]
"""One line of the register."""
_SEPARATOR: Final = ";"
_PERIOD: Final = ".."
_ABOUT: Final = "~"
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_PERSONS = re.compile(r"~?[1-9][0-9]{0,6}", re.ASCII)


@dataclass(frozen=True, slots=True)
class IncidentCode(Term):
    """A code that one of the eight fields may hold, with its words."""

    field: str

    @classmethod
    def read(cls, row: Row) -> Self:
        """As `Term.read`; a field that is not one of the eight is an unknown code."""
        return cls(*words_of(row), field=row.choice("field", FIELDS))


def known_terms(name: str) -> Mapping[str, Term]:
    """The codes that may stand in a field of codes: sections, kinds of mismatch, and those of the table."""
    own = {code: term for (field, code), term in INCIDENT_CODES.items() if field == name}
    borrowed: Mapping[str, Mapping[str, Term]] = {"information": SECTIONS, "circumstances": MISMATCH_KINDS}
    return {**borrowed.get(name, {}), **own}


def _day(text: str) -> datetime | date:
    try:
        return date.fromisoformat(text) if _DAY.fullmatch(text) else parse_time(text)
    except ValueError:
        raise fault("bad-time") from None


def _moments(text: str) -> str:
    """A day or a moment, or a period between two of them; `~` before it when it is approximate."""
    ends = [_day(part) for part in text.removeprefix(_ABOUT).split(_PERIOD)]
    if len(ends) > 2 or (len(ends) == 2 and str(ends[1]) < str(ends[0])):  # noqa: PLR2004 - the two ends of a period
        raise fault("bad-time")
    return text


def _persons(text: str) -> str:
    if not _PERSONS.fullmatch(text):
        raise fault("wrong-form")
    return text


def _coded(name: str) -> AfterValidator:
    def check(text: str) -> str:
        codes = text.split(_SEPARATOR)
        if len(set(codes)) != len(codes):
            raise fault("duplicate-entry")
        if not set(codes) <= known_terms(name).keys():
            raise fault("unknown-code")
        return text

    return AfterValidator(check)


def _risk(text: str) -> str:
    """The elements that were weighed, and which of the two conclusions they led to."""
    if ("serious" in text.split(_SEPARATOR)) == ("not-serious" in text.split(_SEPARATOR)):
        raise fault("wrong-form")
    return text


def _notices(text: str) -> str:
    """To whom notices were sent, each with its day as `commission:2026-03-04`; or why there is none."""
    for item in text.split(_SEPARATOR):
        code, _, day = item.partition(":")
        if code not in known_terms("notices"):
            raise fault("unknown-code")
        if code.startswith("none-") == bool(day):
            raise fault("wrong-form")
        if day:
            _day(day)
    return text


_Text = Annotated[str, StringConstraints(min_length=1, max_length=500)]


class Incident(Document):
    """The eight fields; each is absent until somebody knows it.

    `information` lists sections by code, or says why they are not known; `circumstances` is a code; `occurred` and
    `aware` are a day, a moment or a period; `persons` a number, `~` before it when it is approximate; `risk` the
    conclusion and the elements weighed; `notices` who was told on which day; `measures` what was done. Several codes
    are separated by `;`. Faults: unknown-code, duplicate-entry, bad-time, wrong-form.
    """

    information: Annotated[_Text, _coded("information")] | None = None
    circumstances: Annotated[_Text, _coded("circumstances")] | None = None
    occurred: Annotated[_Text, AfterValidator(_moments)] | None = None
    aware: Annotated[_Text, AfterValidator(_moments)] | None = None
    persons: Annotated[_Text, AfterValidator(_persons)] | None = None
    risk: Annotated[_Text, _coded("risk"), AfterValidator(_risk)] | None = None
    notices: Annotated[_Text, AfterValidator(_notices)] | None = None
    measures: Annotated[_Text, _coded("measures")] | None = None


FIELDS: Final[tuple[str, ...]] = tuple(Incident.model_fields)
"""The names of the eight fields, in the order of the regulation."""


def _incident_codes() -> Mapping[tuple[str, str], IncidentCode]:
    columns = ["field", *(item.name for item in fields(Term))]
    found = tabular.rows("incident_codes", tabular.shipped("incident_codes"), columns)
    return tabular.keyed(found, IncidentCode.read, lambda term: (term.field, term.code))


INCIDENT_CODES: Final = _incident_codes()
"""The codes of the register that are in no other table, by field and code."""


def of_mismatch(kind: str, section: str | None, occurred: datetime, at: datetime) -> Incident:
    """What is known when a recipient reports a mismatch at `at`; the rest is for the operator to complete.

    One referral is about one person, and sometimes names others: their number is approximate.
    """
    return Incident(
        information=section or "not-known-sealed",
        circumstances=kind,
        occurred=format_time(occurred),
        aware=format_time(at),
        persons=f"{_ABOUT}1",
        measures="ends-told",
    )


def of_emergency(sections: tuple[str, ...], occurred: datetime, at: datetime) -> Incident:
    """What is known when the review of an emergency finds that it was not justified."""
    return Incident(
        information=_SEPARATOR.join(sections) or "not-known-sealed",
        circumstances="emergency-not-justified",
        occurred=format_time(occurred),
        aware=format_time(at),
        persons=f"{_ABOUT}1",
        measures="ends-told",
    )


def completed(incident: Incident, changes: Mapping[str, str]) -> Incident:
    """The incident with fields set, an empty text taking one out.

    Raises `MalformedError`: unknown-field, and the faults of the fields.
    """
    for name in changes:
        if name not in FIELDS:
            raise MalformedError("unknown-field", f"/{name}")
    members = {**incident.model_dump(exclude_none=True), **changes}
    return validate(Incident, {name: value for name, value in members.items() if value})


def shown(name: str, value: str, language: Language) -> str:
    """One field as a person reads it: codes in words, everything else as it stands."""
    known = known_terms(name)
    parts = []
    for item in value.split(_SEPARATOR):
        code, colon, rest = item.partition(":")
        term = known.get(code)
        word = (term.en if language == "en" else term.fr) if term else item
        parts.append(f"{word} ({rest})" if term and colon else word)
    return ", ".join(parts)
