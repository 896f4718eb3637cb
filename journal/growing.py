"""Lets a mirror of a journal grow: whatever a gateway gives is verified before anything of it is kept.

The new checkpoint must continue the one that the mirror has; every tile and every entry must hash to it; every archived
checkpoint must be one of the journal's; each shard must be the one to which the shard before leads. A crash leaves
files that are all true, and the next visit goes on from there: the checkpoints, which say that the rest is complete,
are written last.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Final

from journal.contradictions import Contradiction, Signed, contradiction, open_signed
from journal.gathering import FetchMany, Tell, Tiles, partial_tiles
from journal.layout import CHECKPOINT, OPENINGS, VKEYS, largest_piece
from journal.mirror import Mirror
from journal.notes import MAX_NOTE
from journal.pins import PinnedShard, Pins
from journal.publication import root_at
from journal.republishing import ContradictedError, Fetch, bring_archive
from journal.shards import CLOSED, FIRST, HAND_OVER, Restart, Shard, folder, restarted_after
from journal.succession import check_first, end_of, entry_at, next_shard
from journal.tiles import TileReader
from keys.errors import ForgedError, MalformedError, about

__all__ = ["Grown", "GrownShard", "grow"]

_LARGEST: Final = 2**32
"""Entries of the largest shard of which a mirror is made, a thousand each minute for eight years. A gateway that signs
any number makes nobody ask for files without end."""


@dataclass(frozen=True, slots=True)
class GrownShard:
    """One shard as the mirror has it now."""

    shard: Shard
    newest: Signed


@dataclass(frozen=True, slots=True)
class Grown:
    """What a visit brought: the shards that there are now, how many files and checkpoints are new.

    `before` is the size of the journal at the last visit, None for the first one; sizes count through all shards.
    """

    before: int | None
    shards: tuple[GrownShard, ...]
    tiles: int
    checkpoints: int

    @property
    def newest(self) -> Signed:
        """The newest checkpoint of the current shard."""
        return self.shards[-1].newest

    @property
    def size(self) -> int:
        """How many entries there are now."""
        return self.shards[-1].shard.end(self.newest.checkpoint)


def grow(mirror: Mirror, fetch: Fetch, many: FetchMany, pins: Pins, tell: Tell | None = None) -> Grown:
    """Bring a mirror up to the newest checkpoint of the journal that was pinned, through all its shards.

    Raises `ContradictedError`; `ForgedError` and `MalformedError` for what does not hold, in the gateway's answers or
    in the mirror itself (missing-tile, journal-missing, shard-missing, too-large, and what `next_shard` and
    `check_opening` raise); `FileError`; and what `fetch` raises. Nothing false is kept.
    """
    visits: list[_Visit] = []
    following: PinnedShard | None = PinnedShard(pins.first, restarted=False)
    while following is not None:
        visit = _Visit(mirror, (fetch, many), following.shard, pins)
        with visit.about:
            visit.bring(visits[-1] if visits else None, restarted=following.restarted, tell=tell)
            visits.append(visit)
            following = visit.next()
    for visit in visits:
        visit.keep()
    ends = [each.shard.end(each.before.checkpoint) for each in visits if each.before is not None]
    shards = tuple(GrownShard(each.shard, each.newest) for each in visits)
    brought = [sum(counts) for counts in zip(*(each.brought for each in visits), strict=True)]
    return Grown(ends[-1] if ends else None, shards, *brought)


class _Visit:
    """What is done about one shard: its files are brought at once, its checkpoint is kept when all shards are there."""

    def __init__(self, mirror: Mirror, gateway: tuple[Fetch, FetchMany], shard: Shard, pins: Pins) -> None:
        """Ask for the newest checkpoint, and read the tree of whichever is newer, that one or the mirror's own."""
        fetch, many = gateway
        beneath = folder(shard.number)
        self.shard = shard
        self.about: AbstractContextManager[None] = about(beneath) if beneath else nullcontext()
        self.brought = (0, 0)
        self._mirror, self._pins, self._ask = mirror.shard(shard.number), pins, fetch
        self._fetch: Fetch = lambda path, limit: fetch(beneath + path, limit)
        self._many: FetchMany = lambda asked: many((beneath + path, limit) for path, limit in asked)
        with about(f"{beneath}{CHECKPOINT}"):
            self.before = self._kept()
            self.newest, self._lost = self._chosen(self._asked())
        before = self.before.checkpoint.size if self.before else 0
        self._tiles = Tiles(self._mirror, self._many, self.newest, before)

    @property
    def reader(self) -> TileReader:
        """A reader of the shard's tree."""
        return self._tiles.reader

    def bring(self, before: _Visit | None, *, restarted: bool, tell: Tell | None) -> None:
        """Fetch, verify and keep every file but the checkpoint; `before` is the shard before, whose end this follows.

        Raises as `check_first` does, and `ForgedError` (hand-over-broken) for entries after one that closes a shard.
        """
        count = self._tiles.fetch(tell)
        if before is not None:
            first = entry_at(self.reader, 0, self.shard.start)
            if first is not None and restarted:
                _check_seen(before, restarted_after(first, before.shard))
            check_first(first, self.shard, (before.shard, before.reader), restarted=restarted)
        size = self.before.checkpoint.size if self.before else 0
        if self.newest.checkpoint.size > size and self._closes(size):
            raise ForgedError("hand-over-broken")
        checkpoints = 0
        if not self._lost:
            closed = self._closes(self.newest.checkpoint.size)
            vkeys, newest = self.shard.vkeys, self.newest
            checkpoints = bring_archive(self._mirror, self._fetch, vkeys, newest, self.reader, closed=closed)
        self.brought = (count, checkpoints)
        if OPENINGS not in self._mirror:
            self._mirror.put(OPENINGS, ())
        self._mirror.put(VKEYS, (f"{vkey}\n".encode() for vkey in self.shard.vkeys))

    def next(self) -> PinnedShard | None:
        """The shard to which this one leads; None for the current one."""
        following = next_shard(self.shard, self.newest.checkpoint, end_of(self.reader, self.shard), self._pins)
        if following is None and self._goes_on() and self._asked().checkpoint.size <= self.newest.checkpoint.size:
            raise ForgedError("restart-not-pinned")
        return following  # None too for a shard that was closed during this visit: the next one will bring the rest

    def keep(self) -> None:
        """Keep the checkpoint, and nothing more of tiles that have become longer."""
        self._mirror.put(CHECKPOINT, (self.newest.note,))
        if self.before is not None:
            now = partial_tiles(self.newest.checkpoint.size)
            for path in partial_tiles(self.before.checkpoint.size).keys() - now.keys():
                self._mirror.remove(str(path))  # a longer one has taken its place

    def _kept(self) -> Signed | None:
        """The checkpoint that the mirror has, verified like any other."""
        note = self._mirror.read(CHECKPOINT)
        return None if note is None else open_signed(note, self.shard.vkeys)

    def _asked(self) -> Signed:
        note = self._fetch(CHECKPOINT, MAX_NOTE)
        if note is None and self.shard.number == FIRST:
            raise MalformedError("journal-missing")
        if note is None:
            raise MalformedError("shard-missing")
        signed = open_signed(note, self.shard.vkeys)
        if signed.checkpoint.size > _LARGEST:
            raise MalformedError("too-large")
        return signed

    def _chosen(self, asked: Signed) -> tuple[Signed, bool]:
        """The newer of the gateway's checkpoint and the mirror's, and whether the gateway lost what the mirror has.

        Raises `ContradictedError` when the two contradict each other.
        """
        before = self.before
        if before is None:
            return asked, False
        found = contradiction(before, asked)
        if found is not None:
            raise ContradictedError(found, None)
        older = (asked.checkpoint.size, asked.at) < (before.checkpoint.size, before.at)
        if asked.checkpoint.size < before.checkpoint.size and self._goes_on():
            self._check_begins(self._local(before), asked, before)
            return before, True
        newest = before if older else asked  # an older answer, as a cache gives: no contradiction, and nothing new
        self._check_begins(self._remote(newest), before, newest)
        return newest, False

    def _goes_on(self) -> bool:
        """Whether the gateway has another shard after this one."""
        return self._ask(f"{folder(self.shard.number + 1)}{CHECKPOINT}", MAX_NOTE) is not None

    def _closes(self, size: int) -> bool:
        """Whether the shard is closed by the last of its first `size` entries."""
        entry = entry_at(self.reader, size - 1, self.shard.start) if size else None
        return entry is not None and (entry.type, entry.state) == (HAND_OVER, CLOSED)

    def _check_begins(self, reader: TileReader, earlier: Signed, later: Signed) -> None:
        if root_at(reader, earlier.checkpoint.size) != earlier.checkpoint.root:
            raise ContradictedError(Contradiction("fork", earlier, later), reader)

    def _local(self, signed: Signed) -> TileReader:
        return TileReader(self._mirror.read, signed.checkpoint.size, signed.checkpoint.root)

    def _remote(self, signed: Signed) -> TileReader:
        fetch = self._fetch
        return TileReader(lambda path: fetch(path, largest_piece(path)), signed.checkpoint.size, signed.checkpoint.root)


def _check_seen(before: _Visit, restart: Restart) -> None:
    """Raise `ContradictedError` for a restart from another tree than the mirror has, which two notes prove."""
    seen, committed = before.newest.checkpoint, restart.checkpoint
    if seen.size == committed.size and seen.root != committed.root:
        found = Contradiction("fork", before.newest, open_signed(restart.note, before.shard.vkeys))
        raise ContradictedError(found, None)
