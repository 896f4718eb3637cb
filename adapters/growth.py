"""What the journal gained since it was last read, proven to continue exactly what was read then.

PROTOCOL §7. The reader keeps the right edge of the tree it saw. Adding every new leaf to that edge must give the root
of the new signed checkpoint: this proves at once that each leaf stands where it was served, and that nothing of the
past was changed. No proof by the gateway is needed, and none is believed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from adapters.pins import GatewayPins
from adapters.problems import GatewayProblemError
from journal.entries import CLEAR
from journal.notes import Checkpoint, open_note
from journal.tiles import ENTRIES, WIDTH, TilePath, decode_bundle
from journal.tree import HASH_SIZE, Frontier, leaf_hash
from keys.errors import Fault, ForgedError, MalformedError, UntrustedKeyError

__all__ = [
    "FUTURE_SKEW",
    "MAX_AGE",
    "Growth",
    "JournalAlarmError",
    "JournalSource",
    "Seen",
    "check_fresh",
    "open_seen",
    "read_growth",
]

MAX_AGE: Final = timedelta(hours=24)
"""How old the newest checkpoint may be when a key is trusted on it (PROTOCOL §2)."""
FUTURE_SKEW: Final = timedelta(seconds=120)
"""How far ahead of this machine's clock a checkpoint may be signed (PROTOCOL §0)."""
_NOT_FOUND: Final = 404


class JournalAlarmError(ForgedError):
    """The journal contradicts itself, its signed promise or what was seen before; a person must look at it.

    `index` is the entry concerned, when it is one. What was accepted before stays as it was.
    """

    def __init__(self, code: str, *, index: int | None = None, faults: tuple[Fault, ...] = ()) -> None:
        """Name what is wrong, where, and the faults of the entry itself."""
        super().__init__(code, faults=(Fault(code), *faults))
        self.index = index


class JournalSource(Protocol):
    """Where the journal of one gateway is read from, as the organisation at `address`: a `GatewayClient`."""

    @property
    def address(self) -> str:
        """The organisation that reads."""
        ...

    def checkpoint(self) -> bytes:
        """The newest signed checkpoint."""
        ...

    def tile(self, path: str) -> bytes:
        """The file under a tile path; `GatewayProblemError` of status 404 when there is none."""
        ...


@dataclass(frozen=True, slots=True)
class Seen:
    """A checkpoint that was accepted: the note's bytes, what it says, when it was signed, the tree's right edge."""

    note: bytes
    checkpoint: Checkpoint
    at: datetime
    peaks: tuple[bytes, ...]

    @property
    def frontier(self) -> bytes:
        """The right edge as it is stored: its 32-byte hashes one after the other, the largest subtree's first."""
        return b"".join(self.peaks)


@dataclass(frozen=True, slots=True)
class Growth:
    """The tree as it is now, and each new leaf in clear with its index; commitments hide nothing for us."""

    seen: Seen
    clear_leaves: tuple[tuple[int, bytes], ...]


def open_seen(note: bytes, frontier: bytes, pins: GatewayPins) -> Seen:
    """Read back what was stored; raises as `open_note`, and `MalformedError` (keybook-damaged)."""
    checkpoint, at = _opened(note, pins)
    peaks = tuple(frontier[start : start + HASH_SIZE] for start in range(0, len(frontier), HASH_SIZE))
    try:
        root = Frontier(checkpoint.size, peaks).root()
    except MalformedError:
        raise MalformedError("keybook-damaged") from None
    if root != checkpoint.root:
        raise MalformedError("keybook-damaged")
    return Seen(note, checkpoint, at, peaks)


def check_fresh(at: datetime, now: datetime) -> None:
    """Raise `UntrustedKeyError` unless a checkpoint signed at `at` may be relied on now (PROTOCOL §2)."""
    if at > now + FUTURE_SKEW:
        raise UntrustedKeyError("checkpoint-in-future")
    if now - at > MAX_AGE:
        raise UntrustedKeyError("checkpoint-stale")


def read_growth(source: JournalSource, before: Seen | None, pins: GatewayPins, now: datetime) -> Growth:
    """Fetch the newest checkpoint and every leaf that was not seen before, and prove that they belong together.

    Raises `JournalAlarmError` (checkpoint-rolled-back, journal-forked), `ForgedError` (signature-missing,
    signature-does-not-hold, wrong-origin, checkpoint-undated), `UntrustedKeyError` (checkpoint-stale,
    checkpoint-in-future), `MalformedError`, and what `source` raises.
    """
    note = source.checkpoint()
    checkpoint, at = _opened(note, pins)
    check_fresh(at, now)
    old_size = 0 if before is None else before.checkpoint.size
    if checkpoint.size < old_size:
        raise JournalAlarmError("checkpoint-rolled-back")
    frontier = Frontier(old_size, () if before is None else before.peaks)
    clear = []
    for index, leaf in _new_leaves(source, old_size, checkpoint.size):
        frontier.append(leaf_hash(leaf))
        if leaf.startswith(CLEAR):
            clear.append((index, leaf))
    if frontier.root() != checkpoint.root:
        raise JournalAlarmError("journal-forked")
    return Growth(Seen(note, checkpoint, at, frontier.peaks), tuple(clear))


def _opened(note: bytes, pins: GatewayPins) -> tuple[Checkpoint, datetime]:
    """The checkpoint of a note signed by both pinned keys, and the moment its ML-DSA-44 signature states."""
    opened = open_note(note, pins.vkeys, required=pins.vkeys)
    if opened.checkpoint.origin != pins.journal.origin:
        raise ForgedError("wrong-origin")
    times = [signature.at for signature in opened.signatures if signature.at is not None]
    if not times:
        raise ForgedError("checkpoint-undated")
    return opened.checkpoint, min(times)


def _new_leaves(source: JournalSource, old_size: int, size: int) -> Iterator[tuple[int, bytes]]:
    """The leaves from `old_size` to `size` - 1, not verified yet, each with its index."""
    if old_size == size:
        return  # else the last bundle would be fetched again, as often as the journal is looked at
    for number in range(old_size // WIDTH, -(-size // WIDTH)):
        first = number * WIDTH
        leaves = _bundle(source, TilePath(ENTRIES, number, min(WIDTH, size - first)))
        for position, leaf in enumerate(leaves):
            if first + position >= old_size:
                yield first + position, leaf


def _bundle(source: JournalSource, path: TilePath) -> list[bytes]:
    """The leaves of a bundle; a partial one that was removed once full is the beginning of the full one."""
    try:
        return decode_bundle(source.tile(str(path)), path.width)
    except GatewayProblemError as error:
        if error.status != _NOT_FOUND or path.width == WIDTH:
            raise
    full = source.tile(str(TilePath(ENTRIES, path.index)))
    return decode_bundle(full, WIDTH)[: path.width]
