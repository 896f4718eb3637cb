"""Tells exactly which member of a document contradicts another one.

A check over several members would otherwise be told at the place of the whole document, which helps nobody to mend it.
"""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import ValidationError
from pydantic_core import InitErrorDetails

from keys.documents import fault

__all__ = ["fault_at", "refuse_duplicates"]


def fault_at(code: str, *place: str | int) -> ValidationError:
    """What a model validator raises so that `code` is told at `place`, the path of a member below the model.

    A member that is absent can be named with missing-field only; any other code is then told at its parent.
    """
    kind = "missing" if code == "missing-field" else fault(code)
    return ValidationError.from_exception_data(
        "incoherent", [InitErrorDetails(type=kind, loc=place, input=None)], hide_input=True
    )


def refuse_duplicates(values: Iterable[object], *place: str | int, member: str | None = None) -> None:
    """Raise duplicate-entry at the first value met before; `member` names it inside the item that repeats."""
    known: set[object] = set()
    for position, value in enumerate(values):
        if value in known:
            raise fault_at("duplicate-entry", *place, position, *((member,) if member else ()))
        known.add(value)
