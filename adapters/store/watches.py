"""What a partner remembers as a witness of the journal, and the promises that the journal has still to keep."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from adapters.store.tables import EventRow, InboxRow, NoticeRow, OutboxRow, StatementRow
from adapters.store.watch_tables import ConfirmationRow, PromiseRow, WatchRow
from keys.documents import format_time, parse_time

__all__ = ["Cosigned", "OpenPromise", "Watches"]


@dataclass(frozen=True, slots=True)
class Cosigned:
    """The checkpoint that we cosigned last, our signature line, and whether the gateway has it."""

    note: bytes
    line: str
    sent: bool


@dataclass(frozen=True, slots=True)
class OpenPromise:
    """A receipt that is still to be held against the journal, the place it names, since when that is not shown."""

    number: int
    place: int
    receipt: bytes
    unread_since: datetime | None = None


class Watches:
    """The witness's memory of one transaction."""

    def __init__(self, session: Session) -> None:
        """Work inside the session given."""
        self._session = session

    def cosigned(self) -> Cosigned | None:
        """What was cosigned last; None at first."""
        row = self._row()
        return Cosigned(row.note, row.line, row.sent) if row.note is not None and row.line is not None else None

    def cosign(self, note: bytes, line: str) -> None:
        """Keep a signature before anybody sees it."""
        row = self._row()
        row.note, row.line, row.sent = note, line, False
        self._keep(row)

    def sent(self, line: str) -> None:
        """Note that the gateway has this signature; a newer one that took its place meanwhile is still to be sent."""
        row = self._row()
        if row.line == line:
            row.sent = True
            self._keep(row)

    def missed_since(self) -> datetime | None:
        """Since when we ask for the journal in vain; None while it answers."""
        row = self._row()
        return None if row.missed_since is None else parse_time(row.missed_since)

    def miss(self, at: datetime | None) -> None:
        """Keep since when we ask in vain, or None that we do not."""
        row = self._row()
        row.missed_since = None if at is None else format_time(at)
        self._keep(row)

    def confirmed(self, sha256: str) -> bytes | None:
        """The newest checkpoint that the quorum of the agreement with this digest confirmed."""
        row = self._session.get(ConfirmationRow, sha256)
        return None if row is None else row.checkpoint

    def confirm(self, sha256: str, checkpoint: bytes) -> None:
        """Keep a checkpoint with the cosignatures that confirm it."""
        self._session.merge(ConfirmationRow(sha256=sha256, checkpoint=checkpoint))
        self._session.flush()

    def promise(self, place: int, receipt: bytes) -> None:
        """Keep a receipt to be held against the journal; the same one is kept once."""
        query = select(PromiseRow).where(PromiseRow.receipt == receipt)
        if self._session.exec(query).first() is None:
            self._session.add(PromiseRow(place=place, receipt=receipt))
            self._session.flush()

    def promises(self, limit: int) -> list[OpenPromise]:
        """Promises that are still open, by place, at most `limit`; those whose place is not shown to us come last."""
        query = select(PromiseRow).order_by(col(PromiseRow.unread_since).is_not(None), col(PromiseRow.place))
        return [_promise(row) for row in self._session.exec(query.limit(limit))]

    def unread(self, promise: OpenPromise, at: datetime) -> None:
        """Keep since when the place of a promise is not shown."""
        row = self._session.get(PromiseRow, promise.number)
        if row is not None and row.unread_since is None:
            row.unread_since = format_time(at)
            self._session.add(row)
            self._session.flush()

    def close(self, promises: Iterable[OpenPromise]) -> None:
        """Forget promises that were kept, or whose breach was told."""
        for promise in promises:
            row = self._session.get(PromiseRow, promise.number)
            if row is not None:
                self._session.delete(row)
        self._session.flush()

    def receipts(self) -> list[bytes]:
        """Every receipt that is kept anywhere here, each once."""
        kept = [
            *self._session.exec(select(OutboxRow.receipt).order_by(col(OutboxRow.number))),
            *self._session.exec(select(StatementRow.receipt).order_by(col(StatementRow.at))),
            *self._session.exec(select(InboxRow.receipt).order_by(col(InboxRow.at))),
            *self._session.exec(select(EventRow.receipt).order_by(col(EventRow.place))),
            *self._session.exec(select(NoticeRow.receipt).order_by(col(NoticeRow.place))),
        ]
        return list(dict.fromkeys(receipt for receipt in kept if receipt))

    def receipt_of(self, name: str) -> bytes | None:
        """The receipt of an envelope, or of another item of the outbox; None for what has none here."""
        kept = (
            select(OutboxRow.receipt).where(OutboxRow.item == name),
            select(InboxRow.receipt).where(InboxRow.envelope == name),
            select(EventRow.receipt).where(EventRow.envelope == name),
            select(NoticeRow.receipt).where(NoticeRow.envelope == name),
        )
        found = (self._session.exec(query).first() for query in kept)
        return next((receipt for receipt in found if receipt), None)

    def _row(self) -> WatchRow:
        return self._session.get(WatchRow, 1) or WatchRow(number=1)

    def _keep(self, row: WatchRow) -> None:
        self._session.add(row)
        self._session.flush()


def _promise(row: PromiseRow) -> OpenPromise:
    since = None if row.unread_since is None else parse_time(row.unread_since)
    return OpenPromise(row.number or 0, row.place, row.receipt, since)
