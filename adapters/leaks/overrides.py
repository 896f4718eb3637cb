"""Lets a person send a text as it is, with a reason from a closed list, and tells what to do otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import resources
from typing import Annotated, Final

from pydantic import AfterValidator, StringConstraints

from adapters.leaks.kinds import Leak, LeakKind
from adapters.words import words
from consent import tabular
from consent.vocabulary import Term
from keys.documents import Document, fault
from keys.words import Language

__all__ = ["OVERRIDE_REASONS", "Override", "OverrideReason", "read_override_reasons", "remaining", "suggestion"]


def read_override_reasons(text: str | None = None) -> Mapping[str, Term]:
    """Read the reasons by code, in the table's order; `text` replaces the table shipped.

    Raises `MalformedError` (table-columns, missing-field, wrong-form, duplicate-code) with the line.
    """
    if text is None:
        text = resources.files("adapters").joinpath("tables", "leak_overrides.csv").read_text(encoding="utf-8")
    rows = tabular.rows("leak_overrides", text, ("code", "fr", "en"))
    return tabular.keyed(rows, Term.read, lambda term: term.code)


OVERRIDE_REASONS: Final = read_override_reasons()
"""Why somebody may send a text in which a leak was found, with the words in both languages."""


def _known(code: str) -> str:
    if code not in OVERRIDE_REASONS:
        raise fault("unknown-code")
    return code


OverrideReason = Annotated[str, StringConstraints(max_length=40), AfterValidator(_known)]
"""One code of `leak_overrides.csv`."""


class Override(Document):
    """A person's decision to leave every leak of one kind in one text, and why."""

    place: Annotated[str, StringConstraints(max_length=120, pattern=r"^(/[A-Za-z0-9_~-]+)*$")]
    kind: LeakKind
    reason: OverrideReason


def remaining(leaks: Iterable[Leak], overrides: Iterable[Override]) -> tuple[Leak, ...]:
    """The leaks that nobody has decided to leave; an override is of one kind in one text, never of a whole referral."""
    decided = {(override.place, override.kind) for override in overrides}
    return tuple(leak for leak in leaks if (leak.place, leak.kind) not in decided)


def suggestion(leak: Leak, language: Language) -> str:
    """What to do instead, in words; it repeats nothing of the text."""
    return words(f"leak.{leak.kind}.suggestion", language)
