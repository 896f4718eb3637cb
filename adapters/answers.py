"""The closed lists of answers a referral may give, each answer with its words in French and in English.

PRODUCT §6: closed lists first. The lists are rows of `adapters/tables/answers.csv`, so that people can review them
without reading code; `not-answered` is an answer like any other and never lowers a priority (PRODUCT §8, CNIL).
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from types import MappingProxyType
from typing import Final

from pydantic import AfterValidator

from consent import tabular
from consent.vocabulary import Term
from keys.documents import fault

__all__ = ["ANSWERS", "one_of", "read_answers"]

_COLUMNS: Final = ("list", "code", "fr", "en")


def read_answers(text: str | None = None) -> Mapping[str, Mapping[str, Term]]:
    """Read the lists, by name, each by code and in the table's order; `text` replaces the table shipped.

    Raises `MalformedError` (table-columns, missing-field, wrong-form, duplicate-code) with the line.
    """
    if text is None:
        text = resources.files("adapters").joinpath("tables", "answers.csv").read_text(encoding="utf-8")
    lists: dict[str, dict[str, Term]] = {}
    for row in tabular.rows("answers", text, _COLUMNS):
        answers = lists.setdefault(row.text("list"), {})
        if row.text("code") in answers:
            raise row.fault("duplicate-code", "code")
        answers[row.text("code")] = Term.read(row)
    return MappingProxyType({name: MappingProxyType(answers) for name, answers in lists.items()})


ANSWERS: Final = read_answers()
"""Every closed list, by name."""


def one_of(name: str) -> AfterValidator:
    """What makes a text field one code of the list named; another code is unknown-code, at its place."""
    codes = ANSWERS[name]

    def check(code: str) -> str:
        if code not in codes:
            raise fault("unknown-code")
        return code

    return AfterValidator(check)
