"""The shards of a bundle in their order, each one held to the end of the one before.

PROTOCOL §7. Whoever pinned the first shard is led from one to the next by the journal itself: its last entry names the
keys that come, and their first entry commits to its end. Only after a restart nobody announced what comes; then the
pins have to list it, because whoever holds the keys of a journal could otherwise give it any past.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from journal.bundle import Bundle
from journal.checkpoints import Checkpoint
from journal.contradictions import Signed, open_signed
from journal.entries import ClearLeaf, Entry, Opening, read_leaf
from journal.layout import CHECKPOINT
from journal.notes import parse_note
from journal.pins import PinnedShard, Pins
from journal.publication import root_at
from journal.shards import (
    CLOSED,
    FIRST,
    HAND_OVER,
    OPENED,
    RESTARTED,
    Restart,
    Shard,
    announced_by,
    check_opening,
    first_index,
    folder,
    restarted_after,
    succeed,
)
from journal.tiles import ENTRIES, WIDTH, TilePath, TileReader
from keys.errors import ForgedError, MalformedError, PasserelleError, about

__all__ = [
    "Leg",
    "SignedLeg",
    "check_first",
    "check_place",
    "check_restart",
    "end_of",
    "entry_at",
    "follow",
    "follow_unchecked",
    "leaves_of",
    "next_shard",
]


@dataclass(frozen=True, slots=True)
class Leg:
    """One shard as a bundle shows it, up to its newest checkpoint there.

    `at` is when that was signed, if it was checked. `kept` of the leaves are a part of the journal: all of them, unless
    the next shard is a restarted one, to which those after `kept` are lost even where a reader still has them.
    """

    number: int
    start: int
    bundle: Bundle
    checkpoint: Checkpoint
    at: datetime | None
    kept: int

    @property
    def end(self) -> int:
        """How many entries the journal has up to the end of this shard, lost ones included that are still shown."""
        return self.start + self.checkpoint.size

    def leaves(self) -> Iterator[tuple[int, bytes, Opening | None]]:
        """As `Bundle.leaves`."""
        return self.bundle.leaves(self.checkpoint, self.start)


@dataclass(frozen=True, slots=True)
class SignedLeg(Leg):
    """The same, its checkpoint verified with the keys of the shard."""

    shard: Shard
    newest: Signed
    restart: Restart | None = None
    """What its first entry goes on from, of a shard that nobody announced."""

    @property
    def reader(self) -> TileReader:
        """A reader of its tree."""
        return TileReader(self.bundle.tile, self.checkpoint.size, self.checkpoint.root)


def follow(bundle: Bundle, pins: Pins) -> tuple[SignedLeg, ...]:
    """The shards of a bundle from the first, which is the pinned one, each led to by the one before.

    Of each shard its newest checkpoint is verified, its last entry and its first. Raises `ForgedError`: what
    `open_signed` raises, hand-over-broken, shard-not-as-pinned, restart-not-pinned; and `MalformedError`: shard-missing
    when the bundle lacks a shard to which the journal leads, or one before others of which it has files.
    """
    leg = _signed(bundle, pins.first)
    legs: list[SignedLeg] = []
    while True:
        following, part = _next(leg, pins), bundle.shard(leg.number + 1)
        if following is None and part is None:
            return (*legs, leg)
        with about(f"{folder(leg.number + 1)}{CHECKPOINT}"):
            if part is None:
                raise MalformedError("shard-missing")
            if following is None:
                raise ForgedError("restart-not-pinned")
        after = _signed(part, following.shard)
        with about(f"{folder(after.number)}{CHECKPOINT}"):
            first = entry_at(after.reader, 0, after.start)
            restart = check_first(first, after.shard, (leg.shard, leg.reader), restarted=following.restarted)
        legs.append(replace(leg, kept=restart.held.size) if restart else leg)
        leg = replace(after, restart=restart)


def next_shard(shard: Shard, checkpoint: Checkpoint, last: Entry | None, pins: Pins) -> PinnedShard | None:
    """The shard after one whose newest checkpoint and last entry in clear are given; None when it is the current one.

    That is the one that the last entry names, or a restarted one that the pins list. Raises as `announced_by` does, and
    `ForgedError` (shard-not-as-pinned) when the journal leads elsewhere than the pins.
    """
    pinned = pins.shard(shard.number + 1)
    announced = announced_by(last, shard) if last is not None else None
    if announced is None:
        return pinned if pinned is not None and pinned.restarted else None
    led = PinnedShard(succeed(shard, checkpoint, announced), restarted=False)
    if pinned not in {None, led}:
        raise ForgedError("shard-not-as-pinned")
    return led


def end_of(reader: TileReader, shard: Shard) -> Entry | None:
    """The last entry of a shard's tree if it is in clear; raises what reading it raises."""
    return entry_at(reader, reader.size - 1, shard.start)


def entry_at(reader: TileReader, position: int, start: int) -> Entry | None:
    """The entry at a leaf of a shard's tree if it is one in clear; `start` is the index of the shard's first entry."""
    if not 0 <= position < reader.size:
        return None
    number = position // WIDTH
    with about(TilePath(ENTRIES, number, min(WIDTH, reader.size - number * WIDTH))):
        leaf = reader.leaf(position)
    try:
        read = read_leaf(leaf, start + position)
    except PasserelleError:
        return None  # what is wrong with it is for an audit to tell
    return read.entry if isinstance(read, ClearLeaf) else None


def check_first(
    first: Entry | None, shard: Shard, before: tuple[Shard, TileReader], *, restarted: bool
) -> Restart | None:
    """Check that the first entry of `shard` commits to the end of the shard `before`, whose tree is given with it.

    Returns what it was restarted from, if it was. Raises `ForgedError` (hand-over-broken, also without an entry in
    clear) and what `check_opening` raises.
    """
    if first is None:
        raise ForgedError("hand-over-broken")
    known, tree = before
    if not restarted:
        check_opening(first, shard, known, Checkpoint(known.origin, tree.size, tree.root))
        return None
    restart = restarted_after(first, known)
    check_opening(first, shard, known, restart.checkpoint, restarted=True)
    check_restart(restart, tree)
    return restart


def check_place(entry: Entry, leg: Leg) -> None:
    """Refuse an entry between two shards that stands elsewhere than between them.

    Raises `ForgedError` (hand-over-broken): after an entry that closed a shard there is nothing more in it.
    """
    if entry.type != HAND_OVER:
        return
    opens = entry.state in {OPENED, RESTARTED} and entry.index == leg.start and leg.number != FIRST
    closes = entry.state == CLOSED and entry.index == leg.end - 1
    if not (opens or closes):
        with about(f"{folder(leg.number)}{CHECKPOINT}"):
            raise ForgedError("hand-over-broken")


def check_restart(restart: Restart, shown: TileReader) -> None:
    """Refuse a restart that goes on from less than is shown of the shard before, or from something else.

    What is shown may be more than the broker still holds, and less than the note that it goes on from; but up to what
    the backup holds it is the one past to which the restarted shard commits, and which its witnesses sign. Raises
    `ForgedError` (hand-over-broken), and what reading the tree raises.
    """
    committed, held = restart.checkpoint, restart.held
    other_root = shown.size == committed.size and shown.root != committed.root
    if not held.size <= shown.size <= committed.size or other_root or root_at(shown, held.size) != held.root:
        raise ForgedError("hand-over-broken")


def follow_unchecked(bundle: Bundle) -> tuple[Leg, ...]:
    """The shards of a bundle as it tells of them, for a reader without any keys; no signature is looked at.

    Raises `MalformedError` and `ForgedError` for what cannot be put in order (hand-over-broken).
    """
    legs: list[Leg] = []
    part: Bundle | None = bundle
    while part is not None:
        checkpoint = parse_note(part.checkpoint()).checkpoint
        start, held = first_index(_first_leaf(part, checkpoint)) if legs else (0, None)
        if legs:
            legs[-1] = replace(legs[-1], kept=legs[-1].checkpoint.size if held is None else held)
            if start < legs[-1].start + legs[-1].kept:
                raise ForgedError("hand-over-broken")
        legs.append(Leg(part.number, start, part, checkpoint, None, checkpoint.size))
        part = bundle.shard(part.number + 1)
    return tuple(legs)


def leaves_of(legs: Sequence[Leg]) -> Iterator[tuple[int, bytes, Opening | None]]:
    """Every leaf that is shown, through all shards; raises as `Bundle.leaves` does."""
    for leg in legs:
        yield from leg.leaves()


def _signed(part: Bundle, shard: Shard) -> SignedLeg:
    with about(f"{folder(shard.number)}{CHECKPOINT}"):
        newest = open_signed(part.checkpoint(), shard.vkeys)
    checkpoint = newest.checkpoint
    return SignedLeg(shard.number, shard.start, part, checkpoint, newest.at, checkpoint.size, shard, newest)


def _next(leg: SignedLeg, pins: Pins) -> PinnedShard | None:
    following = next_shard(leg.shard, leg.checkpoint, end_of(leg.reader, leg.shard), pins)
    restarted = following is not None and following.restarted
    # A bundle that was made before the restart that the pins list is whole without it.
    return None if restarted and leg.bundle.shard(leg.number + 1) is None else following


def _first_leaf(part: Bundle, checkpoint: Checkpoint) -> bytes:
    return TileReader(part.tile, checkpoint.size, checkpoint.root).leaf(0)
