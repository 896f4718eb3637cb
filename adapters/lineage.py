"""The journal as far as it was read: which shards it went through, and the last state that was accepted of each.

PROTOCOL §7. Entries are counted through all shards; the tree under a checkpoint counts its own shard's leaves only.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from adapters.pins import GatewayPins
from journal.checkpoints import Checkpoint
from journal.notes import open_note, parse_note
from journal.shards import RESTART_BLUR, Shard, first_shard
from journal.tree import HASH_SIZE, Frontier
from keys.errors import ForgedError, MalformedError

__all__ = ["Lineage", "Passed", "ReadShard", "Seen", "begin", "open_checkpoint", "open_seen"]


@dataclass(frozen=True, slots=True)
class Passed:
    """A shard that was left behind: the note to which the next one commits, and the one under which it can be read.

    The two are of one tree unless the journal was restarted, which is told by when it was, in the first entry of the
    next shard: what lies between them was lost with a backup.
    """

    shard: Shard
    final: bytes
    shown: bytes
    restarted_at: datetime | None = None

    @property
    def restarted(self) -> bool:
        """Whether nobody announced the shard that follows: what came after a backup of this one was lost."""
        return self.restarted_at is not None

    def loses(self, index: int, at: datetime) -> bool:
        """Whether what the broker signed at `at` for this place was lost: nothing is, once the journal went on."""
        if self.restarted_at is None or index < self.lost.start:
            return False
        return at < self.restarted_at + RESTART_BLUR

    @property
    def lost(self) -> range:
        """The entries that nobody can read any more."""
        ends = [self.shard.end(open_note(note, self.shard.vkeys).checkpoint) for note in (self.shown, self.final)]
        return range(ends[0], ends[1])


@dataclass(frozen=True, slots=True)
class Lineage:
    """The shards of a journal in order, the one that goes on last."""

    passed: tuple[Passed, ...]
    current: Shard

    def then(self, left: Passed, shard: Shard) -> Lineage:
        """With one shard more."""
        return Lineage((*self.passed, left), shard)

    def named(self, origin: str) -> Shard | None:
        """The shard of this name."""
        return next((shard for shard in self if shard.origin == origin), None)

    def __iter__(self) -> Iterator[Shard]:
        """Every shard, the first one first."""
        yield from (each.shard for each in self.passed)
        yield self.current


@dataclass(frozen=True, slots=True)
class ReadShard:
    """One shard as far as it was read: the note that says so, verified; `closed` when nothing follows in it."""

    shard: Shard
    note: bytes
    checkpoint: Checkpoint
    closed: bool

    @property
    def end(self) -> int:
        """How many entries of the journal were read up to here."""
        return self.shard.end(self.checkpoint)


@dataclass(frozen=True, slots=True)
class Seen:
    """A checkpoint that was accepted: the note's bytes, what it says, when it was signed, the tree's right edge.

    `lineage` are the shards that lead to it; it is of the last one. `first` is the earliest note of the same tree that
    was accepted, where that is another one.
    """

    note: bytes
    checkpoint: Checkpoint
    at: datetime
    peaks: tuple[bytes, ...]
    lineage: Lineage
    first: bytes | None = None

    @property
    def frontier(self) -> bytes:
        """The right edge as it is stored: its 32-byte hashes one after the other, the largest subtree's first."""
        return b"".join(self.peaks)

    @property
    def shard(self) -> Shard:
        """The shard that it is of."""
        return self.lineage.current

    @property
    def size(self) -> int:
        """How many entries of the journal were read, through all its shards."""
        return self.shard.end(self.checkpoint)

    def read(self) -> Iterator[ReadShard]:
        """Every shard as far as it can be read, the newest first; raises as `open_note` does for what is damaged."""
        yield ReadShard(self.shard, self.note, self.checkpoint, closed=False)
        for each in reversed(self.lineage.passed):
            opened = open_note(each.shown, each.shard.vkeys)
            yield ReadShard(each.shard, each.shown, opened.checkpoint, closed=True)

    def holding(self, index: int) -> ReadShard | None:
        """The shard in which an entry stands; None for what was not read, or was lost."""
        found = next((each for each in self.read() if each.shard.start <= index), None)
        return found if found is not None and index < found.end else None

    def named(self, origin: str) -> ReadShard | None:
        """The shard of this name; None for one that was not read."""
        return next((each for each in self.read() if each.shard.origin == origin), None)

    def end(self, note: bytes) -> int:
        """How many entries the journal has up to a checkpoint of a shard that was read; 0 for any other."""
        checkpoint = parse_note(note).checkpoint
        shard = self.lineage.named(checkpoint.origin)
        return shard.end(checkpoint) if shard else 0

    def covers(self, end: int, shard: Shard) -> bool:
        """Whether a shard may have entries up to `end`: one that was closed has none after the next one begins."""
        after = next((each for each in self.lineage if each.number == shard.number + 1), None)
        return after is None or end <= after.start

    def lost(self) -> tuple[range, ...]:
        """The entries that were lost with backups: they stand in shards that were restarted before them."""
        return tuple(each.lost for each in self.lineage.passed if each.restarted)

    def loses(self, origin: str, index: int, at: datetime) -> bool:
        """Whether a receipt of that moment for this place is for what was lost, or for what nobody ever saw signed.

        One that the broker gives later in the name of a shard that it left is a promise that it can never keep.
        """
        left = next((each for each in self.lineage.passed if each.shard.origin == origin), None)
        return left is not None and left.loses(index, at)


def begin(pins: GatewayPins) -> Lineage:
    """What is known of a journal before anything was read: the shard whose keys are pinned."""
    return Lineage((), first_shard(pins.vkeys))


def open_seen(note: bytes, frontier: bytes, lineage: Lineage) -> Seen:
    """Read back what was stored; raises as `open_checkpoint`, and `MalformedError` (keybook-damaged)."""
    checkpoint, at = open_checkpoint(note, lineage.current)
    peaks = tuple(frontier[start : start + HASH_SIZE] for start in range(0, len(frontier), HASH_SIZE))
    try:
        root = Frontier(checkpoint.size, peaks).root()
    except MalformedError:
        raise MalformedError("keybook-damaged") from None
    if root != checkpoint.root:
        raise MalformedError("keybook-damaged")
    return Seen(note, checkpoint, at, peaks, lineage)


def open_checkpoint(note: bytes, shard: Shard) -> tuple[Checkpoint, datetime]:
    """The checkpoint of a note signed by both keys of a shard, and the moment its ML-DSA-44 signature states.

    Raises as `open_note` does, and `ForgedError` (wrong-origin, checkpoint-undated).
    """
    opened = open_note(note, shard.vkeys, required=shard.vkeys)
    if opened.checkpoint.origin != shard.origin:
        raise ForgedError("wrong-origin")
    if opened.signed_at is None:
        raise ForgedError("checkpoint-undated")
    return opened.checkpoint, opened.signed_at
