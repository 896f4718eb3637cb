"""Who asked how often: for each source, by a keyed digest of who it is, when it will have waited long enough."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from gateway.store.case_tables import RateRow
from keys.documents import format_time, parse_time

__all__ = ["RateTable"]

_RATE = RateRow.__table__  # type: ignore[attr-defined]  # SQLModel gives each table class its table
_OF = select(_RATE.c.until).where(_RATE.c.source == bindparam("source"))
_PURGE = 100
"""Rows forgotten at a time, so that no transaction is held up by the past."""


class RateTable:
    """The theoretical arrival time of each source (GCRA); one row a source, gone once it is in the past."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def arrival(self, source: str) -> datetime | None:
        """Up to when a source has used its share; None when it did not ask of late."""
        until = self._connection.execute(_OF, {"source": source}).scalar()
        return None if until is None else parse_time(until)

    def arrive(self, source: str, until: datetime) -> None:
        """Note up to when a source has used its share."""
        changed = self._connection.execute(
            update(_RATE).where(_RATE.c.source == source).values(until=format_time(until))
        )
        if changed.rowcount == 0:
            self._connection.execute(insert(_RATE).values(source=source, until=format_time(until)))

    def forget(self, now: datetime) -> int:
        """Forget some of those whose share is whole again; returns how many rows went."""
        old = select(_RATE.c.source).where(_RATE.c.until < format_time(now)).limit(_PURGE)
        sources = list(self._connection.execute(old).scalars())
        self._connection.execute(delete(_RATE).where(_RATE.c.source.in_(sources)))
        return len(sources)
