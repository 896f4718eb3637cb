"""The shards of the journal, each under keys of its own: what is kept of one for as long as anybody reads it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Row, insert, select, update

from gateway.store.shard_tables import JournalShardRow
from journal.shards import Shard
from keys.documents import format_time, parse_time
from keys.vkeys import Vkey, parse_vkey

__all__ = ["KeptShard", "ShardTable"]

_SHARD = JournalShardRow.__table__  # type: ignore[attr-defined]  # SQLModel gives each table class its table


@dataclass(frozen=True, slots=True)
class KeptShard:
    """A shard as the database has it: `vkeys` are missing where an earlier release began it.

    `previous` is the note that its first entry commits to; `restarted` says that nobody had announced it.
    """

    number: int
    origin: str
    vkeys: tuple[Vkey, Vkey] | None
    start: int
    opened: datetime
    previous: bytes | None = None
    restarted: bool = False


class ShardTable:
    """Shards by number, from 1."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def all(self) -> list[KeptShard]:
        """Every shard, the first one first."""
        return [_kept(row) for row in self._connection.execute(select(_SHARD).order_by(_SHARD.c.number))]

    def put(self, shard: Shard, at: datetime, previous: bytes | None = None, *, restarted: bool = False) -> None:
        """Keep a shard that begins now."""
        values = {"number": shard.number, "origin": shard.origin, "start": shard.start, "opened": format_time(at)}
        written = insert(_SHARD).values(**values, previous=previous, restarted=restarted)
        self._connection.execute(written.values(vkeys=_text(shard.vkeys)))

    def learn(self, shard: Shard) -> None:
        """Keep the public keys of a shard that an earlier release began."""
        here = _SHARD.c.number == shard.number
        self._connection.execute(update(_SHARD).where(here).values(vkeys=_text(shard.vkeys)))


def _text(vkeys: tuple[Vkey, Vkey]) -> str:
    return "\n".join(str(vkey) for vkey in vkeys)


def _kept(row: Row[tuple[object, ...]]) -> KeptShard:
    vkeys = None
    if row.vkeys is not None:
        classic, lasting = (parse_vkey(text) for text in row.vkeys.split("\n"))
        vkeys = classic, lasting
    return KeptShard(
        row.number, row.origin, vkeys, row.start, parse_time(row.opened), row.previous, restarted=row.restarted
    )
