"""Our own chain of key statements, and the statements of everybody as the journal shows them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlmodel import Session, col, select

from adapters.store.tables import JournalRow, KeyStatementRow, OwnKeyRow
from keys.documents import format_time, parse_time
from keys.signing import SignedDocument
from keys.statements import KIND

__all__ = ["Keyring"]


class Keyring:
    """The key statements of one transaction."""

    def __init__(self, session: Session) -> None:
        """Work inside the session given."""
        self._session = session

    def add_own(self, seq: int, signed: SignedDocument) -> None:
        """Keep the next statement of our own chain, before anybody else sees it."""
        self._session.add(OwnKeyRow(seq=seq, sha256=signed.sha256, signed=signed.encode()))
        self._session.flush()

    def own(self) -> list[SignedDocument]:
        """Our own chain, in order."""
        rows = self._session.exec(select(OwnKeyRow).order_by(col(OwnKeyRow.seq)))
        return [SignedDocument.parse(row.signed, KIND) for row in rows]

    def published(self, seq: int, place: int) -> None:
        """Keep where in the journal one of our statements stands."""
        row = self._session.get_one(OwnKeyRow, seq)
        row.place = place
        self._session.add(row)

    def journal(self) -> tuple[bytes, bytes] | None:
        """The last checkpoint accepted, and what is kept to check the next one against it."""
        row = self._session.get(JournalRow, 1)
        return None if row is None else (row.checkpoint, row.frontier)

    def save_journal(self, checkpoint: bytes, frontier: bytes) -> None:
        """Keep a newly accepted checkpoint."""
        self._session.merge(JournalRow(number=1, checkpoint=checkpoint, frontier=frontier))
        self._session.flush()

    def add_statements(self, statements: Iterable[tuple[str, int, datetime, bytes]]) -> None:
        """Keep key statements read from the journal, each with its organisation, place, time and bytes."""
        for org, place, at, document in statements:
            self._session.add(KeyStatementRow(place=place, org=org, at=format_time(at), document=document))
        self._session.flush()

    def statements(self, org: str) -> list[tuple[int, datetime, bytes]]:
        """The statements of one organisation in the journal's order: place, time, bytes."""
        query = select(KeyStatementRow).where(KeyStatementRow.org == org).order_by(col(KeyStatementRow.place))
        return [(row.place, parse_time(row.at), row.document) for row in self._session.exec(query)]
