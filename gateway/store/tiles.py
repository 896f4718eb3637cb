"""The published side of the journal: hash tiles and signed checkpoints, derived from the leaves."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select

from gateway.store.tables import JournalCheckpointRow, JournalTileRow
from journal.tiles import Tile
from journal.tree import HASH_SIZE, Frontier
from keys.documents import format_time, parse_time

__all__ = ["PublishedCheckpoint", "TileTable"]

_TILE = JournalTileRow.__table__  # type: ignore[attr-defined]  # SQLModel gives each table class its table
_CHECKPOINT = JournalCheckpointRow.__table__  # type: ignore[attr-defined]  # as above


@dataclass(frozen=True, slots=True)
class PublishedCheckpoint:
    """A signed checkpoint and the right edge of its tree, from which the tree can grow."""

    size: int
    peaks: tuple[bytes, ...]
    note: bytes
    time: datetime


class TileTable:
    """Tiles by level and number, checkpoints by size."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def data(self, level: int, number: int) -> bytes | None:
        """The hashes of a tile, as many as there are so far; None when there is no such tile."""
        query = select(_TILE.c.data).where(_TILE.c.level == level, _TILE.c.number == number)
        row = self._connection.execute(query).first()
        return None if row is None else bytes(row.data)

    def put(self, tiles: Iterable[Tile]) -> None:
        """Write tiles, each in place of its shorter self."""
        for tile in tiles:
            key = (_TILE.c.level == tile.path.level, _TILE.c.number == tile.path.index)
            self._connection.execute(delete(_TILE).where(*key))
            self._connection.execute(
                insert(_TILE).values(
                    level=tile.path.level, number=tile.path.index, width=tile.path.width, data=tile.data
                )
            )

    def newest_checkpoint(self) -> PublishedCheckpoint | None:
        """The last published checkpoint."""
        query = select(_CHECKPOINT).order_by(_CHECKPOINT.c.size.desc(), _CHECKPOINT.c.time.desc()).limit(1)
        row = self._connection.execute(query).first()
        if row is None:
            return None
        peaks = tuple(row.peaks[i : i + HASH_SIZE] for i in range(0, len(row.peaks), HASH_SIZE))
        return PublishedCheckpoint(row.size, peaks, row.note, parse_time(row.time))

    def put_checkpoint(self, frontier: Frontier, note: bytes, at: datetime) -> None:
        """Keep a new checkpoint beside all earlier ones, with the right edge of its tree."""
        values = {"size": frontier.size, "time": format_time(at), "note": note, "peaks": b"".join(frontier.peaks)}
        self._connection.execute(insert(_CHECKPOINT).values(**values))
