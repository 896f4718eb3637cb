"""The register of incidents: one row each, completed by the operator, deleted by nobody."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Row, insert, select, update

from consent.incident import Incident
from gateway.store.case_tables import IncidentRow
from keys.documents import Address, encode, format_time, parse, parse_time
from keys.signing import MAX_DOCUMENT

__all__ = ["IncidentTable", "Opened"]

_INCIDENT = IncidentRow.__table__  # type: ignore[attr-defined]  # SQLModel gives each table class its table


@dataclass(frozen=True, slots=True)
class Opened:
    """An incident: when it was opened, about which envelope, by whose signed report, and its eight fields."""

    id: str
    opened: datetime
    envelope: str
    reported_by: Address
    incident: Incident
    report: bytes
    receipt: bytes


class IncidentTable:
    """Incidents by id and by the envelope they are about."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def open(self, opened: Opened) -> None:
        """Keep a new incident."""
        self._connection.execute(
            insert(_INCIDENT).values(
                id=opened.id,
                opened=format_time(opened.opened),
                envelope=opened.envelope,
                reported_by=opened.reported_by,
                fields=encode(opened.incident),
                report=opened.report,
                receipt=opened.receipt,
            )
        )

    def get(self, identifier: str) -> Opened | None:
        """One incident."""
        row = self._connection.execute(select(_INCIDENT).where(_INCIDENT.c.id == identifier)).first()
        return None if row is None else _opened(row)

    def about(self, envelope: str) -> list[Opened]:
        """The incidents about one envelope."""
        query = select(_INCIDENT).where(_INCIDENT.c.envelope == envelope).order_by(_INCIDENT.c.opened, _INCIDENT.c.id)
        return [_opened(row) for row in self._connection.execute(query)]

    def all(self) -> list[Opened]:
        """The whole register, in the order in which incidents were opened."""
        query = select(_INCIDENT).order_by(_INCIDENT.c.opened, _INCIDENT.c.id)
        return [_opened(row) for row in self._connection.execute(query)]

    def complete(self, identifier: str, incident: Incident) -> None:
        """Keep the eight fields as they are known now."""
        self._connection.execute(update(_INCIDENT).where(_INCIDENT.c.id == identifier).values(fields=encode(incident)))


def _opened(row: Row[tuple[object, ...]]) -> Opened:
    incident = parse(Incident, row.fields, limit=MAX_DOCUMENT)
    return Opened(row.id, parse_time(row.opened), row.envelope, row.reported_by, incident, row.report, row.receipt)
