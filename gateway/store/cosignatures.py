"""Who cosigned which archived checkpoint: the witnesses' signature lines, one for each witness."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, distinct, func, insert, select, tuple_

from gateway.store.witness_tables import JournalCosignatureRow
from keys.documents import format_time
from keys.strictjson import MAX_INTEGER

__all__ = ["LOOKED_AT", "Cosignature", "CosignatureTable", "Placed"]

LOOKED_AT: Final = 2_000
"""Cosignatures, the newest, among which a confirmed checkpoint is looked for."""

_COSIGNATURE = JournalCosignatureRow.__table__  # type: ignore[attr-defined]  # SQLModel gives each table class its table


@dataclass(frozen=True, slots=True)
class Cosignature:
    """A witness's name, the id of its key in hexadecimal, and its signature line without the newline."""

    name: str
    key_id: str
    line: str


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a cosignature stands: the size and the time of its checkpoint, as rows have it, and whose it is."""

    size: int
    time: str
    name: str


class CosignatureTable:
    """Cosignatures by size of the tree: one holds for every checkpoint of that size, since all have one root."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def keep(self, size: int, time: datetime, cosignature: Cosignature, at: datetime) -> bool:
        """Keep a cosignature under the checkpoint of this size and time; False when that witness has one there."""
        here = _COSIGNATURE.c.size == size, _COSIGNATURE.c.time == format_time(time)
        mine = select(_COSIGNATURE.c.size).where(*here, _COSIGNATURE.c.name == cosignature.name)
        if self._connection.execute(mine).first() is not None:
            return False
        self._connection.execute(
            insert(_COSIGNATURE).values(
                size=size,
                time=format_time(time),
                name=cosignature.name,
                key_id=cosignature.key_id,
                line=cosignature.line,
                at=format_time(at),
            )
        )
        return True

    def names(self, first: int, last: int) -> dict[int, list[Placed]]:
        """For each size from `first` to `last` the newest place of each witness, who came first before the others.

        Only an index is read: a signature line is large, and a tree that stays as it is is cosigned every hour.
        """
        query = (
            select(_COSIGNATURE.c.size, _COSIGNATURE.c.name, func.max(_COSIGNATURE.c.time).label("time"))
            .where(_COSIGNATURE.c.size >= first, _COSIGNATURE.c.size <= last)
            .group_by(_COSIGNATURE.c.size, _COSIGNATURE.c.name)
            .order_by(_COSIGNATURE.c.size, func.min(_COSIGNATURE.c.time), _COSIGNATURE.c.name)
        )
        found: dict[int, list[Placed]] = {}
        for row in self._connection.execute(query):
            found.setdefault(row.size, []).append(Placed(row.size, row.time, row.name))
        return found

    def lines(self, places: Collection[Placed]) -> dict[Placed, str]:
        """The signature lines at these places."""
        if not places:
            return {}
        key = tuple_(_COSIGNATURE.c.size, _COSIGNATURE.c.time, _COSIGNATURE.c.name)
        query = select(_COSIGNATURE.c.size, _COSIGNATURE.c.time, _COSIGNATURE.c.name, _COSIGNATURE.c.line)
        wanted = [(each.size, each.time, each.name) for each in places]
        rows = self._connection.execute(query.where(key.in_(wanted)))
        return {Placed(row.size, row.time, row.name): row.line for row in rows}

    def has(self, size: int, name: str) -> bool:
        """Whether a witness cosigned a checkpoint of this size."""
        mine = select(_COSIGNATURE.c.size).where(_COSIGNATURE.c.size == size, _COSIGNATURE.c.name == name)
        return self._connection.execute(mine.limit(1)).first() is not None

    def confirmed(self, witnesses: int, since: datetime, first: int = 0, last: int = MAX_INTEGER) -> int | None:
        """The largest size of `first` to `last` that so many witnesses cosigned, as far as that came after a moment.

        Anybody may ask for a number that nobody reaches: no more than the last `LOOKED_AT` cosignatures are looked at,
        and of those an index alone.
        """
        newest = (
            select(_COSIGNATURE.c.size, _COSIGNATURE.c.at, _COSIGNATURE.c.name)
            .where(_COSIGNATURE.c.size >= first, _COSIGNATURE.c.size <= last)
            .order_by(_COSIGNATURE.c.size.desc(), _COSIGNATURE.c.at.desc())
            .limit(LOOKED_AT)
            .subquery()
        )
        recent = select(newest).where(newest.c.at >= format_time(since)).subquery()
        query = (
            select(recent.c.size)
            .group_by(recent.c.size)
            .having(func.count(distinct(recent.c.name)) >= witnesses)
            .order_by(recent.c.size.desc())
            .limit(1)
        )
        return self._connection.execute(query).scalar()

    def last_of(self, name: str, key_id: str) -> int:
        """The largest size that a witness cosigned by this key; 0 when it cosigned none."""
        query = select(func.max(_COSIGNATURE.c.size)).where(
            _COSIGNATURE.c.name == name, _COSIGNATURE.c.key_id == key_id
        )
        return self._connection.execute(query).scalar() or 0
