"""What the broker had taken and lost with a backup: which shards were restarted, and what goes out again for it."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session, col, select

from adapters.lineage import Passed
from adapters.store.keyring import passed_of
from adapters.store.tables import CursorRow, KeyStatementRow, OutboxRow, OwnKeyRow, StatementRow
from adapters.store.watch_tables import ShardRow
from keys.documents import format_time
from keys.signing import SignedDocument
from keys.statements import KIND

__all__ = ["Losses"]


class Losses:
    """The losses of one transaction."""

    def __init__(self, session: Session) -> None:
        """Work inside the session given."""
        self._session = session

    def open(self) -> list[Passed]:
        """The shards that were restarted and whose losses were not made good here yet, the oldest first."""
        rows = self._session.exec(select(ShardRow).order_by(col(ShardRow.number)))
        passed = (passed_of(row) for row in rows if not row.recovered)
        return [each for each in passed if each is not None and each.restarted]

    def close(self, left: Passed) -> None:
        """Note that everything that was lost of a shard waits to be sent again."""
        row = self._session.get_one(ShardRow, left.shard.number)
        row.recovered = True
        self._session.add(row)
        self._session.flush()

    def send_again(self, item: str, at: datetime) -> bool:
        """Have something leave once more that the broker took, in the place where it stood; false if it is not here.

        Its receipt stays until another one takes its place.
        """
        row = self._session.exec(select(OutboxRow).where(OutboxRow.item == item)).first()
        if row is None or row.state != "done" or not row.body:
            return False
        row.state, row.problem, row.attempts, row.again = "pending", None, 0, True
        row.next_try = format_time(at)
        self._session.add(row)
        self._session.flush()
        return True

    def key_places(self, org: str) -> list[tuple[int, tuple[int, ...]]]:
        """Our own key statements that the broker took, by their place in our chain, and where the journal has each.

        One that it took and never showed has no place.
        """
        journalled: dict[str, list[int]] = {}
        for row in self._session.exec(select(KeyStatementRow).where(KeyStatementRow.org == org)):
            journalled.setdefault(SignedDocument.parse(row.document, KIND).sha256, []).append(row.place)
        own = self._session.exec(select(OwnKeyRow).order_by(col(OwnKeyRow.seq)))
        taken = (row for row in own if row.sha256 in journalled or row.place is not None)
        return [(row.seq, tuple(journalled.get(row.sha256, ()))) for row in taken]

    def newest_statements(self) -> list[tuple[str, int]]:
        """The newest version of each of our consent statements, whether or not the broker has taken it yet.

        An older one is never said again beside it: that would confirm what the person has taken back since.
        """
        newest: dict[str, int] = {}
        for statement, version in self._session.exec(select(StatementRow.statement, StatementRow.version)):
            newest[statement] = max(version, newest.get(statement, 0))
        return sorted(newest.items())

    def rewind(self, stream: str, position: int) -> None:
        """Read a stream again from a position on, if it was read further."""
        row = self._session.get(CursorRow, stream)
        if row is not None and row.position > position:
            row.position = position
            self._session.add(row)
            self._session.flush()
