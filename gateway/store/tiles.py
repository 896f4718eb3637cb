"""The published side of the journal: hash tiles and signed checkpoints, derived from the leaves."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Row, and_, delete, func, insert, or_, select

from gateway.store.tables import JournalCheckpointRow, JournalTileRow
from journal.tiles import Tile
from journal.tree import HASH_SIZE, Frontier
from keys.documents import format_time, parse_time
from keys.strictjson import MAX_INTEGER

__all__ = ["PublishedCheckpoint", "TileTable"]

_TILE = JournalTileRow.__table__  # type: ignore[attr-defined]  # SQLModel gives each table class its table
_CHECKPOINT = JournalCheckpointRow.__table__  # type: ignore[attr-defined]  # as above
_NEWEST = select(_CHECKPOINT).order_by(_CHECKPOINT.c.size.desc(), _CHECKPOINT.c.time.desc()).limit(1)


@dataclass(frozen=True, slots=True)
class PublishedCheckpoint:
    """A signed checkpoint and the right edge of its tree, from which the tree can grow.

    `size` counts the entries of all shards up to it; the note counts those of its own shard.
    """

    size: int
    peaks: tuple[bytes, ...]
    note: bytes
    time: datetime


class TileTable:
    """Tiles by shard, level and number; checkpoints by size, the shards before counted."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def data(self, shard: int, level: int, number: int) -> bytes | None:
        """The hashes of a tile, as many as there are so far; None when there is no such tile."""
        query = select(_TILE.c.data).where(_TILE.c.shard == shard, _TILE.c.level == level, _TILE.c.number == number)
        row = self._connection.execute(query).first()
        return None if row is None else bytes(row.data)

    def put(self, shard: int, tiles: Iterable[Tile]) -> None:
        """Write tiles of a shard, each in place of its shorter self."""
        for tile in tiles:
            place = {"shard": shard, "level": tile.path.level, "number": tile.path.index}
            self._connection.execute(delete(_TILE).where(*(_TILE.c[name] == value for name, value in place.items())))
            self._connection.execute(insert(_TILE).values(**place, width=tile.path.width, data=tile.data))

    def newest_checkpoint(self) -> PublishedCheckpoint | None:
        """The last published checkpoint."""
        row = self._connection.execute(_NEWEST).first()
        return None if row is None else _published(row)

    def newest_of(self, size: int) -> PublishedCheckpoint | None:
        """The last checkpoint that was published of a tree of this size."""
        row = self._connection.execute(_NEWEST.where(_CHECKPOINT.c.size == size)).first()
        return None if row is None else _published(row)

    def newest_size(self) -> int:
        """How many entries the published journal has, all shards counted; 0 before the first checkpoint."""
        return self._connection.execute(select(func.max(_CHECKPOINT.c.size))).scalar() or 0

    def newest_within(self, first: int, last: int) -> PublishedCheckpoint | None:
        """The last checkpoint that was published at `first` to `last` entries: of one shard."""
        within = _CHECKPOINT.c.size >= first, _CHECKPOINT.c.size <= last
        row = self._connection.execute(_NEWEST.where(*within)).first()
        return None if row is None else _published(row)

    def checkpoints(
        self, size: int, after: datetime | None, limit: int, last: int = MAX_INTEGER
    ) -> list[PublishedCheckpoint]:
        """Up to `limit` checkpoints of `size` to `last` entries, by size and time.

        Of those that have exactly `size`, only the ones later than `after`, where it is given.
        """
        larger = _CHECKPOINT.c.size > size
        same = _CHECKPOINT.c.size == size
        later = same if after is None else and_(same, _CHECKPOINT.c.time > format_time(after))
        query = select(_CHECKPOINT).where(or_(larger, later), _CHECKPOINT.c.size <= last)
        ordered = query.order_by(_CHECKPOINT.c.size, _CHECKPOINT.c.time).limit(limit)
        return [_published(row) for row in self._connection.execute(ordered)]

    def put_checkpoint(self, start: int, frontier: Frontier, note: bytes, at: datetime) -> None:
        """Keep a new checkpoint of the shard that begins at `start`, with the right edge of its tree."""
        size, peaks = start + frontier.size, b"".join(frontier.peaks)
        self._connection.execute(insert(_CHECKPOINT).values(size=size, time=format_time(at), note=note, peaks=peaks))


def _published(row: Row[tuple[object, ...]]) -> PublishedCheckpoint:
    peaks = tuple(row.peaks[at : at + HASH_SIZE] for at in range(0, len(row.peaks), HASH_SIZE))
    return PublishedCheckpoint(row.size, peaks, row.note, parse_time(row.time))
