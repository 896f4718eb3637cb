"""The directory of services as it was last imported; nothing in it is about a person who seeks help."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, func, insert, select

from gateway.directory.listing import ListedService
from gateway.store.tables import ServiceRow
from keys.documents import encode, format_time, parse, parse_time

__all__ = ["ServiceTable"]

_SERVICE = ServiceRow.__table__  # type: ignore[attr-defined]  # SQLModel gives each table class its table
MAX_SERVICE = 256 * 1024


class ServiceTable:
    """The services, replaced as a whole by each import."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def replace(self, services: Iterable[ListedService], at: datetime) -> None:
        """Put these services in the place of all others, as an edition of its own even at the same moment."""
        before = self.edition()
        self._connection.execute(delete(_SERVICE))
        moment = format_time(at)
        if before is not None and before >= moment:
            # Time may stand still for a while: the journal can be ahead of this machine's clock.
            moment = format_time(parse_time(before) + timedelta(milliseconds=1))
        rows = [{"id": each.id, "document": encode(each), "imported": moment} for each in services]
        if rows:
            self._connection.execute(insert(_SERVICE), rows)

    def edition(self) -> str | None:
        """When the directory was imported; changes whenever its content may have."""
        return self._connection.execute(select(func.max(_SERVICE.c.imported))).scalar()

    def all(self) -> list[ListedService]:
        """Every service."""
        rows = self._connection.execute(select(_SERVICE.c.document).order_by(_SERVICE.c.id))
        return [parse(ListedService, row.document, limit=MAX_SERVICE) for row in rows]
