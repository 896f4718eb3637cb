"""What each witness has shown since the operator said that a backup was restored."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, delete, insert, select

from gateway.store.shard_tables import JournalShownRow
from keys.documents import format_time

__all__ = ["ShownTable"]

_SHOWN = JournalShownRow.__table__  # type: ignore[attr-defined]  # SQLModel gives each table class its table


class ShownTable:
    """The largest size that each witness has shown, all shards counted, by its name."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def all(self) -> dict[str, int]:
        """By witness the largest size."""
        rows = self._connection.execute(select(_SHOWN.c.address, _SHOWN.c.size).order_by(_SHOWN.c.address))
        return {row.address: row.size for row in rows}

    def keep(self, witness: str, size: int, at: datetime) -> None:
        """Keep what a witness has shown, unless it has shown more."""
        here = _SHOWN.c.address == witness
        known = self._connection.execute(select(_SHOWN.c.size).where(here)).scalar()
        if known is not None and known >= size:
            return
        self._connection.execute(delete(_SHOWN).where(here))
        self._connection.execute(insert(_SHOWN).values(address=witness, size=size, at=format_time(at)))

    def clear(self) -> None:
        """Forget everything: the restore is over, or begins."""
        self._connection.execute(delete(_SHOWN))
