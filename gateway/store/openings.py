"""Openings beyond a party's own: what auditors may read, and what an eraser takes away for good."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, Connection, and_, delete, exists, insert, or_, select, update

from gateway.store.named_agreements import of_agreements
from gateway.store.tables import EnvelopeRow, JournalLeafRow, JournalOpeningRow, JournalPartyRow, ReferralRow
from gateway.store.witness_tables import AuditReadingRow
from journal.entries import CLEAR, Opening
from keys.documents import Address, format_time

__all__ = ["EMPTYING", "OpeningTable"]

EMPTYING: Final = "VACUUM (FULL) journal_opening, journal_party, envelope"
"""What a PostgreSQL server has to be told by the owner of the tables: a plain VACUUM leaves the erased bytes there."""

_OPENING = JournalOpeningRow.__table__  # type: ignore[attr-defined]  # SQLModel gives each table class its table
_PARTY = JournalPartyRow.__table__  # type: ignore[attr-defined]  # as above
_ENVELOPE = EnvelopeRow.__table__  # type: ignore[attr-defined]  # as above
_REFERRAL = ReferralRow.__table__  # type: ignore[attr-defined]  # as above
_LEAF = JournalLeafRow.__table__  # type: ignore[attr-defined]  # as above
_READING = AuditReadingRow.__table__  # type: ignore[attr-defined]  # as above
_DAY = 10
"""Characters of a moment that are its day."""
_STEP = 500
"""Openings read or removed at a time."""


class OpeningTable:
    """Openings as auditors and erasers see them; a party's own are in `JournalTable`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def of_auditor(
        self, address: Address, agreements: Collection[str], between: tuple[int, int], limit: int
    ) -> list[tuple[int, Opening]]:
        """Up to `limit` openings that an auditor of these agreements may see, in journal order.

        Those from index `between[0]` to `between[1]` - 1 that name it, or are about one of the agreements or none.
        """
        query = (
            select(_OPENING.c.position, _OPENING.c.entry, _OPENING.c.salt)
            .where(_OPENING.c.position >= between[0], _OPENING.c.position < between[1])
            .where(_shown_to(address, agreements))
            .order_by(_OPENING.c.position)
            .limit(limit)
        )
        return [(row.position, Opening(row.entry, row.salt)) for row in self._connection.execute(query)]

    def may_know(self, address: Address, agreements: Collection[str], index: int) -> bool:
        """Whether an entry is in clear, names the organisation, or is one that it may read as an auditor."""
        leaf = self._connection.execute(select(_LEAF.c.leaf).where(_LEAF.c.position == index)).scalar()
        if leaf is None or leaf.startswith(CLEAR):
            return leaf is not None
        party = select(_PARTY.c.position).where(_PARTY.c.address == address, _PARTY.c.position == index)
        if self._connection.execute(party).first() is not None:
            return True
        shown = select(_OPENING.c.position).where(_OPENING.c.position == index, of_agreements(agreements))
        return bool(agreements) and self._connection.execute(shown).first() is not None

    def entries(self, start: int) -> Iterator[tuple[int, bytes]]:
        """The entries that can be opened, from index `start` on, in journal order."""
        page = select(_OPENING.c.position, _OPENING.c.entry).order_by(_OPENING.c.position).limit(_STEP)
        while rows := self._connection.execute(page.where(_OPENING.c.position >= start)).fetchall():
            yield from ((row.position, row.entry) for row in rows)
            start = rows[-1].position + 1

    def envelopes_of(self, statement: str) -> tuple[frozenset[str], frozenset[str]]:
        """The referrals that rest on a consent, and every envelope that was sent under it or about one of them."""
        refs = select(_REFERRAL.c.ref).where(_REFERRAL.c.statement == statement)
        sent = or_(_ENVELOPE.c.statement == statement, _ENVELOPE.c.ref.in_(refs))
        envelopes = self._connection.execute(select(_ENVELOPE.c.id).where(sent)).scalars()
        return frozenset(self._connection.execute(refs).scalars()), frozenset(envelopes)

    def there(self, positions: Sequence[int]) -> list[int]:
        """Those of these openings that are there, in journal order."""
        found: list[int] = []
        for at in range(0, len(positions), _STEP):
            among = _OPENING.c.position.in_(positions[at : at + _STEP])
            found += self._connection.execute(select(_OPENING.c.position).where(among)).scalars()
        return sorted(found)

    def erase(self, positions: Sequence[int]) -> None:
        """Remove openings for good, and who could read them; the leaves stay, and with them every proof."""
        for at in range(0, len(positions), _STEP):
            some = positions[at : at + _STEP]
            self._connection.execute(delete(_OPENING).where(_OPENING.c.position.in_(some)))
            self._connection.execute(delete(_PARTY).where(_PARTY.c.position.in_(some)))

    def reads(self, address: Address, part: str, at: datetime) -> bool:
        """Note that an auditor reads a part of the journal today; False when that was noted before."""
        day = format_time(at)[:_DAY]
        here = _READING.c.address == address, _READING.c.part == part
        known = self._connection.execute(select(_READING.c.day).where(*here)).scalar()
        if known is None:
            self._connection.execute(insert(_READING).values(address=address, part=part, day=day))
        elif known < day:
            self._connection.execute(update(_READING).where(*here).values(day=day))
        return known is None or known < day


def _shown_to(address: Address, agreements: Collection[str]) -> ColumnElement[bool]:
    names_it = exists().where(and_(_PARTY.c.address == address, _PARTY.c.position == _OPENING.c.position))
    return or_(names_it, of_agreements(agreements))
