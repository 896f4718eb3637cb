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

from adapters.lineage import Lineage, Seen, open_checkpoint
from adapters.problems import GatewayProblemError
from journal.contradictions import Contradiction
from journal.entries import CLEAR, ClearLeaf, Entry, read_leaf
from journal.notes import parse_note
from journal.shards import Shard
from journal.tiles import ENTRIES, WIDTH, TilePath, decode_bundle
from journal.tree import Frontier, leaf_hash
from journal.witness import NewLeaves, Witnessed, advance
from keys.errors import Fault, ForgedError, MalformedError, PasserelleError, UntrustedKeyError

__all__ = [
    "BESIDES",
    "CLEAR_AT_ONCE",
    "FUTURE_SKEW",
    "LARGEST",
    "MAX_AGE",
    "QUIET",
    "Budget",
    "Growth",
    "JournalAlarmError",
    "JournalSource",
    "check_fresh",
    "read_shard",
]

MAX_AGE: Final = timedelta(hours=24)
"""How old the newest checkpoint may be when a key is trusted on it (PROTOCOL §2)."""
QUIET: Final = timedelta(hours=2)
"""How old the newest checkpoint may become: a journal that nobody writes to is signed anew every hour."""
FUTURE_SKEW: Final = timedelta(seconds=120)
"""How far ahead of this machine's clock a checkpoint may be signed (PROTOCOL §0)."""
LARGEST: Final = 2**32
"""Entries of the longest journal that is read: a size costs whoever signs it nothing."""
CLEAR_AT_ONCE: Final = 64 * 1024 * 1024
"""Bytes of entries in clear that one look holds, until the root proves that they belong to the journal."""
BESIDES: Final = 256
"""Bytes that a leaf counts for besides its own."""
_NOT_FOUND: Final = 404
_CONTRADICTED: Final[Mapping[str, str]] = {"fork": "journal-forked", "rollback": "checkpoint-rolled-back"}


class JournalAlarmError(ForgedError):
    """The journal contradicts itself, its signed promise or what was seen before; a person must look at it.

    `index` is the entry concerned, when it is one, and `note` the signed checkpoint that was shown, when it was
    verified, of the `shard`. What was accepted before stays as it was.
    """

    def __init__(
        self,
        code: str,
        *,
        shard: Shard,
        index: int | None = None,
        note: bytes | None = None,
        faults: tuple[Fault, ...] = (),
    ) -> None:
        """Name what is wrong, where, under which checkpoint, and the faults of the entry itself."""
        super().__init__(code, faults=(Fault(code), *faults))
        self.shard = shard
        self.index = index
        self.note = note


class JournalSource(Protocol):
    """Where the journal of one gateway is read from, as the organisation at `address`: a `GatewayClient`."""

    @property
    def address(self) -> str:
        """The organisation that reads."""
        ...

    def checkpoint(self, shard: int) -> bytes:
        """The newest signed checkpoint of the shard of this number."""
        ...

    def tile(self, shard: int, path: str) -> bytes:
        """The file of a shard under a tile path; `GatewayProblemError` of status 404 when there is none."""
        ...


@dataclass(slots=True)
class Budget:
    """How many bytes of entries in clear one look may still hold, through all shards that it reads."""

    left: int

    def spend(self, leaf: bytes) -> None:
        """Count a leaf; raises `MalformedError` (journal-too-large) for the one that is too many."""
        self.left -= len(leaf) + BESIDES
        if self.left < 0:
            raise MalformedError("journal-too-large")


@dataclass(frozen=True, slots=True)
class Growth:
    """The journal as it is now, and each new entry in clear, in order; commitments hide nothing for us."""

    seen: Seen
    entries: tuple[Entry, ...]


def check_fresh(at: datetime, now: datetime) -> None:
    """Raise `UntrustedKeyError` unless a checkpoint signed at `at` may be relied on now (PROTOCOL §2)."""
    _check_not_ahead(at, now)
    if now - at > MAX_AGE:
        raise UntrustedKeyError("checkpoint-stale")


def read_shard(
    source: JournalSource, note: bytes, before: Seen | None, lineage: Lineage, now: datetime, budget: Budget
) -> Growth:
    """Fetch every leaf of the newest shard that was not seen before, and prove that they belong to the checkpoint.

    `before` is what was seen of that shard, if anything. How old the checkpoint is, is for the caller to judge: that of
    a shard that was closed stays what it is. Raises `JournalAlarmError` (checkpoint-rolled-back, journal-forked,
    journal-entry-unreadable), `ForgedError` (signature-missing, signature-does-not-hold, wrong-origin,
    checkpoint-undated), `UntrustedKeyError` (checkpoint-in-future), `MalformedError` (also journal-too-large, as
    `Budget.spend` does), and what `source` raises.
    """
    shard = lineage.current
    checkpoint, at = open_checkpoint(note, shard)
    if shard.end(checkpoint) > LARGEST:
        raise MalformedError("journal-too-large")
    frontier = Frontier() if before is None else Frontier(before.checkpoint.size, before.peaks)
    clear: list[tuple[int, bytes]] = []

    def fetched() -> Iterator[bytes]:
        # Once the notes do not contradict each other: what was taken back is worse than a clock that is wrong.
        _check_not_ahead(at, now)
        for position, leaf in _new_leaves(source, shard, frontier.size, checkpoint.size):
            if leaf.startswith(CLEAR):
                budget.spend(leaf)
                clear.append((shard.index(position), leaf))
            yield leaf_hash(leaf)

    met = _witness(before, note, shard, NewLeaves(frontier, fetched()))
    entries = tuple(_entry(leaf, index, shard, note) for index, leaf in clear)
    return Growth(Seen(note, checkpoint, at, frontier.peaks, lineage, met.first), entries)


def _check_not_ahead(at: datetime, now: datetime) -> None:
    if at > now + FUTURE_SKEW:
        raise UntrustedKeyError("checkpoint-in-future")


def _witness(before: Seen | None, note: bytes, shard: Shard, leaves: NewLeaves) -> Witnessed:
    """What is seen now, only if a note continues what was seen, by the one rule of every witness.

    A smaller journal than the one seen is an alarm even where it was signed before it: somebody hides what came after.
    """
    known = None
    if before is not None:
        checkpoint = before.checkpoint
        known = Witnessed(checkpoint.origin, checkpoint.size, checkpoint.root, before.note, before.first)
    try:
        met = advance(known, note, shard.vkeys, leaves)
    except ForgedError as error:
        if error.code != "proof-does-not-hold":
            raise
        raise JournalAlarmError("journal-forked", shard=shard, note=note) from None
    if isinstance(met, Contradiction):
        raise JournalAlarmError(_CONTRADICTED[met.kind], shard=shard, note=note)
    if parse_note(note).checkpoint.size < met.size:
        raise JournalAlarmError("checkpoint-rolled-back", shard=shard, note=note)
    return met


def _entry(leaf: bytes, index: int, shard: Shard, note: bytes) -> Entry:
    try:
        read = read_leaf(leaf, index)
    except PasserelleError as error:
        faults = error.faults
        raise JournalAlarmError(
            "journal-entry-unreadable", shard=shard, index=index, note=note, faults=faults
        ) from None
    assert isinstance(read, ClearLeaf)  # noqa: S101 - commitments were left out by their first byte
    return read.entry


def _new_leaves(source: JournalSource, shard: Shard, old_size: int, size: int) -> Iterator[tuple[int, bytes]]:
    """The leaves of a shard from `old_size` to `size` - 1, not verified yet, each with its place in the shard."""
    if old_size == size:
        return  # else the last bundle would be fetched again, as often as the journal is looked at
    for number in range(old_size // WIDTH, -(-size // WIDTH)):
        first = number * WIDTH
        leaves = _bundle(source, shard, TilePath(ENTRIES, number, min(WIDTH, size - first)))
        for position, leaf in enumerate(leaves):
            if first + position >= old_size:
                yield first + position, leaf


def _bundle(source: JournalSource, shard: Shard, path: TilePath) -> list[bytes]:
    """The leaves of a bundle; a partial one that was removed once full is the beginning of the full one."""
    try:
        return decode_bundle(source.tile(shard.number, str(path)), path.width)
    except GatewayProblemError as error:
        if error.status != _NOT_FOUND or path.width == WIDTH:
            raise
    full = source.tile(shard.number, str(TilePath(ENTRIES, path.index)))
    return decode_bundle(full, WIDTH)[: path.width]
