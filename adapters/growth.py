"""What the journal gained since it was last read, proven to continue exactly what was read then.

PROTOCOL §7. The reader keeps the right edge of the tree it saw. Adding every new leaf to that edge must give the root
of the new signed checkpoint: this proves at once that each leaf stands where it was served, and that nothing of the
past was changed. No proof by the gateway is needed, and none is believed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from adapters.pins import GatewayPins
from adapters.problems import GatewayProblemError
from journal.entries import CLEAR
from journal.notes import Checkpoint, open_note, parse_note
from journal.tiles import ENTRIES, WIDTH, TilePath, decode_bundle
from journal.tree import HASH_SIZE, Frontier, leaf_hash
from journal.witness import Contradiction, NewLeaves, Witnessed, advance
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
_CONTRADICTED: Final[Mapping[str, str]] = {"fork": "journal-forked", "rollback": "checkpoint-rolled-back"}


class JournalAlarmError(ForgedError):
    """The journal contradicts itself, its signed promise or what was seen before; a person must look at it.

    `index` is the entry concerned, when it is one, and `note` the signed checkpoint that was shown, when it was
    verified. What was accepted before stays as it was.
    """

    def __init__(
        self, code: str, *, index: int | None = None, note: bytes | None = None, faults: tuple[Fault, ...] = ()
    ) -> None:
        """Name what is wrong, where, under which checkpoint, and the faults of the entry itself."""
        super().__init__(code, faults=(Fault(code), *faults))
        self.index = index
        self.note = note


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
    frontier = Frontier() if before is None else Frontier(before.checkpoint.size, before.peaks)
    clear: list[tuple[int, bytes]] = []

    def fetched() -> Iterator[bytes]:
        # Once the notes do not contradict each other: a backup that was restored is old, and what it lacks is worse.
        check_fresh(at, now)
        for index, leaf in _new_leaves(source, frontier.size, checkpoint.size):
            if leaf.startswith(CLEAR):
                clear.append((index, leaf))
            yield leaf_hash(leaf)

    _witness(before, note, pins, NewLeaves(frontier, fetched()))
    return Growth(Seen(note, checkpoint, at, frontier.peaks), tuple(clear))


def _witness(before: Seen | None, note: bytes, pins: GatewayPins, leaves: NewLeaves) -> None:
    """Return only if a note continues what was seen, by the one rule of every witness.

    A smaller journal than the one seen is an alarm even where it was signed before it: somebody hides what came after.
    """
    known = None
    if before is not None:
        known = Witnessed(before.checkpoint.origin, before.checkpoint.size, before.checkpoint.root, before.note)
    try:
        met = advance(known, note, pins.vkeys, leaves)
    except ForgedError as error:
        if error.code != "proof-does-not-hold":
            raise
        raise JournalAlarmError("journal-forked", note=note) from None
    if isinstance(met, Contradiction):
        raise JournalAlarmError(_CONTRADICTED[met.kind], note=note)
    if parse_note(note).checkpoint.size < met.size:
        raise JournalAlarmError("checkpoint-rolled-back", note=note)


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
