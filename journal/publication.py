"""What a journal published, in order: every checkpoint signed, each continuing the one before, and none too late.

PROTOCOL §7: every published checkpoint is archived; an entry is in a published checkpoint within sixty seconds (I6).
Two signed checkpoints that cannot both be true are kept as they are, for they convict whoever signed them.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal

from journal.bundle import Bundle
from journal.checkpoints import Checkpoint
from journal.layout import CHECKPOINTS
from journal.notes import OpenedNote, open_note, parse_note
from journal.tiles import TileReader
from journal.tree import Frontier, peaks
from journal.vkeys import Vkey
from keys.errors import ForgedError, MalformedError, about

__all__ = [
    "PROMISE",
    "Contradiction",
    "EntryTimes",
    "Late",
    "Publication",
    "Signed",
    "contradiction",
    "late_entries",
    "open_signed",
    "read_publication",
    "root_at",
]

PROMISE: Final = timedelta(seconds=60)
"""How long after an entry the checkpoint that covers it may be signed (PROTOCOL §7)."""
MAX_CONTRADICTIONS: Final = 100
"""Contradictions kept; one is enough, and a hostile archive may hold as many as lines."""
_MILLISECOND: Final = timedelta(milliseconds=1)
_EPOCH: Final = datetime.fromisoformat("1970-01-01T00:00:00Z")


@dataclass(frozen=True, slots=True)
class Signed:
    """A checkpoint that the journal signed with both its keys: the note as published, and the moment it states."""

    note: bytes
    checkpoint: Checkpoint
    at: datetime


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Two checkpoints that the journal signed and that cannot both be honest.

    A *fork*: the larger tree does not begin with the smaller. A *rollback*: `second` is smaller and was signed later.
    """

    kind: Literal["fork", "rollback"]
    first: Signed
    second: Signed


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


def open_signed(note: bytes, vkeys: Collection[Vkey]) -> Signed:
    """Verify a note as a checkpoint of the journal whose two keys are `vkeys`.

    Raises `ForgedError` (wrong-origin, and what `open_note` raises) and `MalformedError` (checkpoint-without-time when
    the lasting signature states none).
    """
    if parse_note(note).checkpoint.origin not in {vkey.name for vkey in vkeys}:
        raise ForgedError("wrong-origin")
    return _signed(note, open_note(note, vkeys))


def root_at(reader: TileReader, size: int) -> bytes:
    """The root of the first `size` leaves of the tree that `reader` reads; raises as `TileReader` does."""
    return Frontier(size, [reader(height, index) for height, index in peaks(0, size)]).root()


def contradiction(one: Signed, other: Signed) -> Contradiction | None:
    """How two checkpoints of one journal contradict each other, whatever the tree; None if they do not."""
    first, second = sorted((one, other), key=lambda signed: (signed.checkpoint.size, signed.at))
    if first.checkpoint.size == second.checkpoint.size:
        same = first.checkpoint.root == second.checkpoint.root
        return None if same else Contradiction("fork", first, second)
    return Contradiction("rollback", second, first) if first.at > second.at else None


def read_publication(bundle: Bundle, newest: Signed, vkeys: Collection[Vkey]) -> Publication:
    """Verify every archived checkpoint of a bundle against its keys, its tree under `newest`, and the one before.

    What contradicts another is a value. Raises `ForgedError` and `MalformedError` for a line that is no checkpoint of
    this journal, for one out of order (checkpoints-out-of-order), and for tiles that do not hold.
    """
    publication = Publication()
    reader = TileReader(bundle.tile, newest.checkpoint.size, newest.checkpoint.root)
    before: Signed | None = None
    for number, note in enumerate(bundle.checkpoints(), start=1):
        with about(f"{CHECKPOINTS}:{number}"):
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

    `without` is the place, among the archived checkpoints, of one that was signed when the entry should have been in
    one and does not hold it, which proves the lateness; None when there is no such, and nobody can tell.
    """

    index: int
    without: int | None


def late_entries(times: EntryTimes, publication: Publication, newest: Signed) -> Iterator[Late]:
    """The entries that no checkpoint covers in time, ascending, as far as their own times are known.

    Checkpoints that are left out of a bundle make none of them late. The time that a checkpoint states is rounded down
    to the second, which favours the journal.
    """
    sizes: Sequence[int] = [*publication.sizes, newest.checkpoint.size]
    seconds: Sequence[int] = [*publication.seconds, int(newest.at.timestamp())]
    position, last, promise = 0, None, PROMISE // _MILLISECOND
    for index, milliseconds in enumerate(times):
        while position < len(sizes) - 1 and sizes[position] <= index:
            last = position if last is None or seconds[position] > seconds[last] else last
            position += 1
        due = milliseconds + promise
        if milliseconds >= 0 and seconds[position] * 1000 > due:
            yield Late(index, last if last is not None and seconds[last] * 1000 > due else None)


def _signed(note: bytes, opened: OpenedNote) -> Signed:
    if opened.signed_at is None:
        raise MalformedError("checkpoint-without-time")
    return Signed(note, opened.checkpoint, opened.signed_at)


def _place(signed: Signed) -> tuple[int, datetime]:
    return signed.checkpoint.size, signed.at
