"""The archived checkpoints as they are shown: each with the cosignatures that are known of it so far.

PROTOCOL §7. A cosignature is over the name, the size and the root of the tree, so it stands under every checkpoint of
that size; the broker's own two signatures come first.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from consent.quorum import is_address
from gateway.broker import Broker
from gateway.shards import last_size
from gateway.store.cosignatures import Placed
from gateway.store.tiles import PublishedCheckpoint
from gateway.store.transaction import Transaction
from journal.notes import MAX_SIGNATURES
from journal.shards import FIRST, Shard
from keys.strictjson import MAX_INTEGER
from keys.vkeys import parse_vkey

__all__ = ["MAX_PAGE", "MOST_WITNESSES", "RECENT", "Archive", "ShownCheckpoint", "archive"]

MAX_PAGE = 100
"""Checkpoints shown at once: with three witnesses one takes about 13 kB, with as many as may be 210 kB."""
MAX_BYTES = 4 * 1024 * 1024
"""Bytes of notes after which a page ends all the same: anybody may ask for one."""
MOST_WITNESSES = MAX_SIGNATURES - 2
"""Cosignatures that are shown under one checkpoint, beside the broker's two signatures."""

RECENT = timedelta(hours=24)
"""How far back a confirmed checkpoint is looked for, and a cosignature is taken."""
_AT_ONCE = 10
"""Checkpoints whose cosignatures are read together."""


@dataclass(frozen=True, slots=True)
class ShownCheckpoint:
    """An archived checkpoint: its size, the moment it was published, and its note with the cosignatures below.

    `size` counts the entries of all shards; the note counts those of its own.
    """

    size: int
    time: datetime
    note: bytes


@dataclass(frozen=True, slots=True)
class Archive:
    """The checkpoints as one transaction sees them, those of `first` to `last` entries.

    `public` are the names of the witnesses of the settings.
    """

    tx: Transaction
    public: Collection[str] = ()
    first: int = 0
    last: int = MAX_INTEGER

    def newest(self) -> ShownCheckpoint | None:
        """The last checkpoint that was published, whether anybody cosigned it or not yet; None before the first."""
        found = self.tx.tiles.newest_within(self.first, self.last)
        return None if found is None else next(self._shown([found]))

    def confirmed(self, witnesses: int, at: datetime) -> ShownCheckpoint | None:
        """The last checkpoint that at least so many witnesses cosigned within the day before `at`; None without one."""
        size = self.tx.cosignatures.confirmed(witnesses, at - RECENT, self.first, self.last)
        found = None if size is None else self.tx.tiles.newest_of(size)
        return None if found is None else next(self._shown([found]))

    def page(self, size: int, after: datetime | None = None) -> list[ShownCheckpoint]:
        """Up to `MAX_PAGE` checkpoints of `size` leaves or more; of those of exactly `size`, the ones after a moment.

        Fewer where their notes are large; none only at the end.
        """
        shown: list[ShownCheckpoint] = []
        left = MAX_BYTES
        later = after if size >= self.first else None
        for made in self._shown(self.tx.tiles.checkpoints(max(size, self.first), later, MAX_PAGE, self.last)):
            left -= len(made.note)
            if shown and left < 0:
                break
            shown.append(made)
        return shown

    def all(self) -> Iterator[ShownCheckpoint]:
        """Every checkpoint that was ever published, by size and time."""
        size, after = self.first, None
        while shown := self.page(size, after):
            yield from shown
            size, after = shown[-1].size, shown[-1].time

    def _shown(self, found: Sequence[PublishedCheckpoint]) -> Iterator[ShownCheckpoint]:
        """Ascending checkpoints, whose lines are read a few checkpoints at a time: nobody may need the rest."""
        if not found:
            return
        placed = self.tx.cosignatures.names(found[0].size, found[-1].size)
        chosen = {size: self._chosen(places) for size, places in placed.items()}
        for first in range(0, len(found), _AT_ONCE):
            some = found[first : first + _AT_ONCE]
            wanted = {place for each in some for place in chosen.get(each.size, ())}
            lines = self.tx.cosignatures.lines(wanted)
            for each in some:
                below = "".join(f"{lines[place]}\n" for place in chosen.get(each.size, ()))
                yield ShownCheckpoint(each.size, each.time, each.note + below.encode())

    def _chosen(self, places: list[Placed]) -> list[Placed]:
        """The places that a note has room for: first those of witnesses that quorums or the settings name."""
        if len(places) <= MOST_WITNESSES:
            return places
        named = {*self.public, *self._in_quorums()}
        return sorted(places, key=lambda each: each.name not in named)[:MOST_WITNESSES]

    def _in_quorums(self) -> Iterator[str]:
        """The names of the witnesses that some agreement counts."""
        for agreement, _ in self.tx.agreements.all():
            for text in agreement.document.quorum.witnesses:
                yield text if is_address(text) else parse_vkey(text).name


def archive(broker: Broker, tx: Transaction, shards: list[Shard], shard: Shard) -> Archive:
    """The archive of one shard of a broker's journal, which has all these `shards`."""
    public = frozenset(each.vkey.name for each in broker.settings.witnesses)
    # Only the first journal was ever signed empty.
    first = shard.start if shard.number == FIRST else shard.start + 1
    return Archive(tx, public, first, last_size(shards, shard))
