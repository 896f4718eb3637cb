"""What a replay finds: promises that were broken, and entries that could not be judged because others are not shown.

Openings are given to the parties and erased by whole statement groups (PROTOCOL §7). So whatever belongs to one
referral, one consent or one envelope is judged as if all of it were shown, once some of it is; only where nothing of
it was shown, and unread entries come before, may the missing part be among those.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from journal.entries import Entry
from keys.errors import Fault, PasserelleError

__all__ = ["Earlier", "Finding", "Gaps", "Invariant", "Unjudged", "Violation", "refusals"]


@dataclass(frozen=True, slots=True)
class Violation:
    """A broken promise: which one, by the entry at which index, the slug of what is wrong, and the member at fault."""

    invariant: str
    index: int
    code: str
    pointer: str = ""


@dataclass(frozen=True, slots=True)
class Unjudged:
    """Why part of an entry could not be judged: the slug of what is not shown."""

    code: str


Finding = Fault | Unjudged
"""What one promise has to say of one entry; a fault's pointer leads into the entry."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """What only time shows of the entry at `index`: something that had to follow it did not."""

    index: int
    finding: Finding


class Invariant(Protocol):
    """One promise, asked about every readable entry in the order of the journal."""

    @property
    def number(self) -> str:
        """The number under which PROTOCOL §7 lists it."""
        ...

    def examine(self, entry: Entry) -> Iterator[Finding | Earlier]:
        """Say what is wrong with `entry`, then remember what later entries will be judged by."""
        ...


@dataclass(slots=True)
class Gaps:
    """How many entries so far could not be read: what an entry rests on may stand in one of them."""

    unread: int = 0

    def absent(self, code: str, pointer: str) -> Finding:
        """What to say when nothing is known of what an entry rests on."""
        return Unjudged(code) if self.unread else Fault(code, pointer)


def refusals(pointer: str, check: Callable[[], object]) -> Iterator[Fault]:
    """What `check` raises, as a fault of the entry's member at `pointer`; places below it are kept."""
    try:
        check()
    except PasserelleError as error:
        yield Fault(error.code, pointer + error.pointer)
