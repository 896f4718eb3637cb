"""What a journal published, in order: every checkpoint signed, each continuing the one before, and none too late.

PROTOCOL §7: every published checkpoint is archived; an entry is in a published checkpoint within sixty seconds (I6).
Two signed checkpoints that cannot both be true are kept as they are, for they convict whoever signed them.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from journal.bundle import Bundle
from journal.contradictions import Contradiction, Signed, contradiction, open_signed
from journal.layout import CHECKPOINTS
from journal.shards import folder
from journal.tiles import TileReader
from journal.tree import Frontier, peaks
from keys.errors import MalformedError, about
from keys.vkeys import Vkey

__all__ = [
    "PROMISE",
    "EntryTimes",
    "Late",
    "Publication",
    "late_entries",
    "read_publication",
    "root_at",
]

PROMISE: Final = timedelta(seconds=60)
"""How long after an entry the checkpoint that covers it may be signed (PROTOCOL §7)."""
MAX_CONTRADICTIONS: Final = 100
"""Contradictions kept; one is enough, and a hostile archive may hold as many as lines."""
_MILLISECOND: Final = timedelta(milliseconds=1)
_EPOCH: Final = datetime.fromisoformat("1970-01-01T00:00:00Z")


@dataclass(slots=True)
class Publication:
    """The archived checkpoints of a journal, all verified: 16 bytes for each of them, and what they contradict.

    `sizes` and `seconds` (since 1970) are in the order of the journal; `beyond` counts those of trees larger than the
    one that was read, whose roots nobody could compute.
    """

    sizes: array[int] = field(default_factory=lambda: array("Q"))
    seconds: array[int] = field(default_factory=lambda: array("Q"))
    beyond: int = 0
    contradictions: list[Contradiction] = field(default_factory=list)

    def add(self, signed: Signed) -> None:
        """Keep the next checkpoint."""
        self.sizes.append(signed.checkpoint.size)
        self.seconds.append(int(signed.at.timestamp()))


class EntryTimes:
    """When each entry was made, as far as it could be read: 8 bytes for each."""

    def __init__(self) -> None:
        self._milliseconds = array("q")

    def add(self, at: datetime | None) -> None:
        """The next entry of the journal."""
        self._milliseconds.append(-1 if at is None else (at - _EPOCH) // _MILLISECOND)

    def __iter__(self) -> Iterator[int]:
        return iter(self._milliseconds)


def root_at(reader: TileReader, size: int) -> bytes:
    """The root of the first `size` leaves of the tree that `reader` reads; raises as `TileReader` does."""
    return Frontier(size, [reader(height, index) for height, index in peaks(0, size)]).root()


def read_publication(bundle: Bundle, newest: Signed, vkeys: Collection[Vkey]) -> Publication:
    """Verify every archived checkpoint of a bundle against its keys, its tree under `newest`, and the one before.

    What contradicts another is a value. Raises `ForgedError` and `MalformedError` for a line that is no checkpoint of
    this journal, for one out of order (checkpoints-out-of-order), and for tiles that do not hold.
    """
    publication = Publication()
    reader = TileReader(bundle.tile, newest.checkpoint.size, newest.checkpoint.root)
    before: Signed | None = None
    for number, note in enumerate(bundle.checkpoints(), start=1):
        with about(f"{folder(bundle.number)}{CHECKPOINTS}:{number}"):
            signed = open_signed(note, vkeys)
            found = [each for other in (before, newest) if other and (each := contradiction(other, signed))]
            if signed.checkpoint.size > newest.checkpoint.size:
                publication.beyond += 1
            elif root_at(reader, signed.checkpoint.size) != signed.checkpoint.root and not found:
                found = [Contradiction("fork", signed, newest)]
            if before and _place(signed) < _place(before) and not found:
                raise MalformedError("checkpoints-out-of-order")
        publication.contradictions += found[: MAX_CONTRADICTIONS - len(publication.contradictions)]
        publication.add(signed)
        before = signed
    return publication


@dataclass(frozen=True, slots=True)
class Late:
    """An entry that no checkpoint shown covers in time.

    `without` is the place, among the archived checkpoints of its shard, of one that was signed when the entry should
    have been in one and does not hold it, which proves the lateness; None when there is no such, and nobody can tell.
    """

    index: int
    without: int | None


def late_entries(times: EntryTimes, publication: Publication, newest: Signed, start: int = 0) -> Iterator[Late]:
    """The entries of a shard that no checkpoint covers in time, ascending, as far as their own times are known.

    `start` is the index of the shard's first entry. Checkpoints that are left out of a bundle make none of them late.
    The time that a checkpoint states is rounded down to the second, which favours the journal.
    """
    sizes: Sequence[int] = [*publication.sizes, newest.checkpoint.size]
    seconds: Sequence[int] = [*publication.seconds, int(newest.at.timestamp())]
    position, last, promise = 0, None, PROMISE // _MILLISECOND
    for place, milliseconds in enumerate(times):
        while position < len(sizes) - 1 and sizes[position] <= place:
            last = position if last is None or seconds[position] > seconds[last] else last
            position += 1
        due = milliseconds + promise
        if milliseconds >= 0 and seconds[position] * 1000 > due:
            yield Late(start + place, last if last is not None and seconds[last] * 1000 > due else None)


def _place(signed: Signed) -> tuple[int, datetime]:
    return signed.checkpoint.size, signed.at
