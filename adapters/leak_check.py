"""Refuses to seal a text in which the leak check finds something, unless a person decided to leave it as it is.

PRODUCT §4. What a person decides, and why, is kept on this machine and never sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from adapters.leaks import Leak, Override, find_leaks, remaining
from adapters.referral_sections import ReferralSections
from adapters.store.records import Content, LeftLeak
from adapters.store.store import Transaction
from consent.envelope import SealedHeader
from keys.documents import validate, with_lines
from keys.errors import Fault, MalformedError

__all__ = ["LeakFoundError", "note_overrides", "refuse_leaks", "who_was_named"]

_NAMING: Final = ("identity", "contact")
"""The sections that name the person."""


class LeakFoundError(MalformedError):
    """Something in a free text that another section protects; the places are told, never the words."""

    def __init__(self, leaks: Sequence[Leak], data: bytes | None = None) -> None:
        """Tell every leak at its place, with line and column where `data` are the bytes of the file."""
        found = MalformedError("leak-found", faults=tuple(Fault("leak-found", leak.place) for leak in leaks))
        super().__init__("leak-found", faults=(with_lines(found, data) if data is not None else found).faults)
        self.leaks: Final = tuple(leaks)


def who_was_named(contents: Iterable[Content]) -> tuple[ReferralSections, ...]:
    """The sections of these contents that name the person: what is added later is checked for these names too."""
    named = ({code: said.sections[code] for code in _NAMING if code in said.sections} for said in contents)
    return tuple(validate(ReferralSections, sections) for sections in named if sections)


def refuse_leaks(
    sections: ReferralSections, overrides: Sequence[Override], known: Iterable[ReferralSections] = ()
) -> None:
    """Raise `LeakFoundError` for what the check finds and nobody decided to leave; `known` as in `find_leaks`."""
    leaks = remaining(find_leaks(sections, known), overrides)
    if leaks:
        raise LeakFoundError(leaks)


def note_overrides(tx: Transaction, header: SealedHeader, overrides: Sequence[Override]) -> None:
    """Keep which texts of an envelope were left as they are, by whom and why."""
    left = [LeftLeak(override.place, override.kind, override.reason) for override in overrides]
    tx.notices.override(header.id, left, header.author, header.iat)
