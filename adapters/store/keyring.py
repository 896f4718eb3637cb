"""Our own chain of key statements, and the statements of everybody as the journal shows them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlmodel import Session, col, select

from adapters.lineage import Lineage, Passed
from adapters.store.tables import JournalRow, KeyStatementRow, OwnKeyRow
from adapters.store.watch_tables import ShardRow
from journal.shards import Shard
from keys.documents import format_time, parse_time
from keys.signing import SignedDocument
from keys.statements import KIND
from keys.vkeys import parse_vkey

__all__ = ["Keyring", "passed_of"]


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

    def journal(self) -> tuple[bytes, bytes, bytes | None] | None:
        """The last checkpoint accepted, and what is kept to check the next one against it: edge, and first note."""
        row = self._session.get(JournalRow, 1)
        return None if row is None else (row.checkpoint, row.frontier, row.first_note)

    def save_journal(self, checkpoint: bytes, frontier: bytes, first: bytes | None) -> None:
        """Keep a newly accepted checkpoint; `first` is the earliest note of its tree, where that is another."""
        self._session.merge(JournalRow(number=1, checkpoint=checkpoint, frontier=frontier, first_note=first))
        self._session.flush()

    def lineage(self) -> Lineage | None:
        """The shards of the journal up to the one that goes on; None while there is only the first."""
        rows = list(self._session.exec(select(ShardRow).order_by(col(ShardRow.number))))
        passed = tuple(left for left in map(passed_of, rows) if left is not None)
        return Lineage(passed, _shard(rows[-1])) if rows else None

    def save_lineage(self, lineage: Lineage) -> None:
        """Keep the shards of the journal; those that are kept already do not change, but for the last one's end."""
        if self._session.get(ShardRow, lineage.current.number) is not None:
            return
        for each in lineage.passed:
            row = self._session.get(ShardRow, each.shard.number) or _row(each.shard)
            if row.final is None:
                at = each.restarted_at
                row.final, row.shown, row.restarted_at = each.final, each.shown, format_time(at) if at else None
            self._session.add(row)
        self._session.add(_row(lineage.current))
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


def passed_of(row: ShardRow) -> Passed | None:
    """A shard as it was left; None for the one that goes on."""
    if row.final is None or row.shown is None:
        return None
    at = None if row.restarted_at is None else parse_time(row.restarted_at)
    return Passed(_shard(row), row.final, row.shown, at)


def _shard(row: ShardRow) -> Shard:
    return Shard(row.number, row.origin, (parse_vkey(row.ed25519), parse_vkey(row.mldsa44)), row.start)


def _row(shard: Shard) -> ShardRow:
    classic, lasting = (str(vkey) for vkey in shard.vkeys)
    return ShardRow(number=shard.number, origin=shard.origin, start=shard.start, ed25519=classic, mldsa44=lasting)
