"""Which entries of the journal nobody can read any more, because what opened them was erased by order.

PROTOCOL §7 *Erasure*. The entries stay where they are and every proof stays valid; only what they say is gone. An
entry of type `erasure` tells which ones, who asked for it and on which ground, so that what was erased can be told
from what is kept back.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Annotated, Final, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from consent.coherence import fault_at
from journal.entries import MAX_ENTRY
from keys.documents import Document, Listing, Version, parse
from keys.strictjson import MAX_INTEGER

__all__ = ["MAX_RANGES", "Erasure", "read_erasure"]

MAX_RANGES: Final = 1000
"""Ranges that one erasure may list: many more would not fit into an entry."""
_Index = Annotated[int, Field(ge=0, le=MAX_INTEGER)]
_Range = Annotated[Listing[_Index], Field(min_length=2, max_length=2)]
_Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,63}$")]


class Erasure(Document):
    """What an entry of type `erasure` carries as its `document`.

    `indices` are ranges [first, last], both included, ascending and apart from one another; `by` is the code of who
    asked for it, `ground` the code of the reason; `ordered` is there where a court or an authority ordered it, so that
    the evidence was not kept to the end of its time. `index in erasure` tells whether the entry at an index is
    concerned.
    """

    v: Version
    indices: Annotated[Listing[_Range], Field(min_length=1, max_length=MAX_RANGES)]
    by: _Code
    ground: _Code
    ordered: Literal[True] | None = None

    @model_validator(mode="after")
    def _is_ascending(self) -> Self:
        before = -2
        for position, (first, last) in enumerate(self.indices):
            # Ranges that touch would be one: an erasure is written in one way.
            if not before + 1 < first <= last:
                raise fault_at("indices-out-of-order", "indices", position)
            before = last
        return self

    @property
    def ranges(self) -> tuple[tuple[int, int], ...]:
        """The same indices, as pairs of the first and the last."""
        return tuple((first, last) for first, last in self.indices)

    def __contains__(self, index: int) -> bool:
        place = bisect_right(self.indices, index, key=lambda each: each[0]) - 1
        return place >= 0 and index <= self.indices[place][1]


def read_erasure(document: bytes) -> Erasure:
    """Read what the entry of an erasure carries; raises `MalformedError` with every fault and its place.

    Whether it names only entries before its own is for the reader of that entry to say.
    """
    return parse(Erasure, document, limit=MAX_ENTRY)
