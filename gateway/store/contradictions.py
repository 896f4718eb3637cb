"""Checkpoints of ours that are not of this journal, as partners showed them: what an operator has to settle."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from gateway.store.witness_tables import JournalContradictionRow
from keys.documents import Address, format_time, parse_time

__all__ = ["Contradiction", "ContradictionTable"]

_ROW = JournalContradictionRow.__table__  # type: ignore[attr-defined]  # SQLModel gives each table class its table


@dataclass(frozen=True, slots=True)
class Contradiction:
    """A checkpoint that the broker's own keys signed and that its archive does not hold; who showed it, and when."""

    size: int
    root: bytes
    note: bytes
    reported_by: Address
    at: datetime
    settled: datetime | None = None


class ContradictionTable:
    """Contradictions, each kept once and never removed."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def keep(self, found: Contradiction) -> bool:
        """Keep the evidence; False when the same checkpoint was shown before."""
        here = _ROW.c.size == found.size, _ROW.c.root == found.root.hex()
        if self._connection.execute(select(_ROW.c.size).where(*here)).first() is not None:
            return False
        self._connection.execute(
            insert(_ROW).values(
                size=found.size,
                root=found.root.hex(),
                note=found.note,
                reported_by=found.reported_by,
                at=format_time(found.at),
            )
        )
        return True

    def settle(self, found: Contradiction, at: datetime) -> None:
        """Note that an operator dealt with it; the evidence stays."""
        here = _ROW.c.size == found.size, _ROW.c.root == found.root.hex()
        self._connection.execute(update(_ROW).where(*here).values(settled=format_time(at)))

    def all(self) -> list[Contradiction]:
        """Every contradiction, the oldest first."""
        query = select(_ROW).order_by(_ROW.c.at, _ROW.c.size, _ROW.c.root)
        return [
            Contradiction(
                row.size,
                bytes.fromhex(row.root),
                row.note,
                row.reported_by,
                parse_time(row.at),
                parse_time(row.settled) if row.settled else None,
            )
            for row in self._connection.execute(query)
        ]
