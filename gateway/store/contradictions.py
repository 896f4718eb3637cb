"""Checkpoints of ours that are not of this journal, as partners showed them: what an operator has to settle."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from gateway.store.witness_tables import JournalContradictionRow, JournalCopyRow
from keys.documents import Address, format_time, parse_time

__all__ = ["Contradiction", "ContradictionTable"]

_ROW = JournalContradictionRow.__table__  # type: ignore[attr-defined]  # SQLModel gives each table class its table
_COPY = JournalCopyRow.__table__  # type: ignore[attr-defined]  # as above


@dataclass(frozen=True, slots=True)
class Contradiction:
    """A checkpoint that the broker's own keys signed and that its archive does not hold; who showed it, and when."""

    size: int
    root: bytes
    note: bytes
    reported_by: Address
    at: datetime
    settled: datetime | None = None
    signed_at: datetime | None = None
    """When it was signed, as it states itself."""

    @property
    def origin(self) -> str:
        """The shard of which it is a checkpoint."""
        return self.note.partition(b"\n")[0].decode()


class ContradictionTable:
    """Contradictions, each kept once and never removed."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def keep(self, found: Contradiction) -> bool:
        """Keep the evidence; False when the same checkpoint was shown before.

        One that was signed while a copy did, as an operator said, is kept as settled, and so is one that says so.
        """
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
                settled=format_time(found.at) if found.settled or self.is_explained(found.signed_at) else None,
                signed_at=format_time(found.signed_at) if found.signed_at else None,
            )
        )
        return True

    def explain(self, first: datetime, last: datetime, at: datetime) -> None:
        """Keep that a copy of the database signed from `first` to `last`."""
        values = {"first": format_time(first), "last": format_time(last), "at": format_time(at)}
        self._connection.execute(insert(_COPY).values(**values))

    def is_explained(self, signed_at: datetime | None) -> bool:
        """Whether an operator has said that a copy of the database signed at this moment."""
        if signed_at is None:
            return False
        moment = format_time(signed_at)
        within = select(_COPY.c.first).where(_COPY.c.first <= moment, _COPY.c.last >= moment)
        return self._connection.execute(within.limit(1)).first() is not None

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
                parse_time(row.signed_at) if row.signed_at else None,
            )
            for row in self._connection.execute(query)
        ]
