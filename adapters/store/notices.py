"""What the broker told by itself, what auditors were told of emergencies, and texts sent against the leak check."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlmodel import Session, col, select

from adapters.store.records import HeldJustification, LeftLeak, LoggedNotice, Receipt
from adapters.store.tables import JustificationRow, NoticeRow, OverrideRow
from consent.envelope import MessageHeader, NoticeHeader, UnverifiedEnvelope, protect, read_header
from keys import strictjson
from keys.documents import format_time, parse_time
from keys.errors import ForgedError

__all__ = ["Notices"]

_MOST_CONTENT = 1024 * 1024


class Notices:
    """The notices, justifications and overrides of one transaction."""

    def __init__(self, session: Session) -> None:
        """Work inside the session given."""
        self._session = session

    def add(self, notice: LoggedNotice) -> bool:
        """Keep a notice; false when it was already there."""
        if self._session.get(NoticeRow, notice.header.id) is not None:
            return False
        row = NoticeRow(
            envelope=notice.header.id,
            ref=notice.header.ref,
            kind=notice.header.notice.kind,
            place=notice.receipt.index,
            at=format_time(notice.receipt.at),
            wire=notice.wire,
            receipt=notice.receipt.document,
        )
        self._session.add(row)
        self._session.flush()
        return True

    def all(self, most: int = 500) -> list[LoggedNotice]:
        """The newest notices first."""
        query = select(NoticeRow).order_by(col(NoticeRow.place).desc()).limit(most)
        return [_notice(row) for row in self._session.exec(query)]

    def of(self, ref: str) -> list[LoggedNotice]:
        """Every notice about one reference, in the journal's order."""
        query = select(NoticeRow).where(NoticeRow.ref == ref).order_by(col(NoticeRow.place))
        return [_notice(row) for row in self._session.exec(query)]

    def matching(self, beginning: str, most: int = 2) -> Sequence[str]:
        """References that begin like this and that the broker told something about, at most `most`."""
        query = select(NoticeRow.ref).where(col(NoticeRow.ref).startswith(beginning, autoescape=True)).distinct()
        return self._session.exec(query.order_by(NoticeRow.ref).limit(most)).all()

    def unanswered(self, kind: str) -> list[LoggedNotice]:
        """The notices of one kind to which nothing was answered yet, in the journal's order."""
        query = select(NoticeRow).where(NoticeRow.kind == kind, col(NoticeRow.answered_at).is_(None))
        return [_notice(row) for row in self._session.exec(query.order_by(col(NoticeRow.place)))]

    def answer(self, envelope: str, answer: str, at: datetime) -> None:
        """Keep what was answered to a notice, or done about it."""
        row = self._session.get_one(NoticeRow, envelope)
        row.answer, row.answered_at = answer, format_time(at)
        self._session.add(row)
        self._session.flush()

    def justify(self, justification: HeldJustification) -> None:
        """Keep why another organisation declared an emergency."""
        row = JustificationRow(
            envelope=justification.header.id,
            ref=justification.header.ref,
            sender=justification.sender,
            at=format_time(justification.at),
            header=protect(justification.header),
            sections=strictjson.dumps(justification.sections),
        )
        self._session.add(row)
        self._session.flush()

    def justifications(self, most: int = 500) -> list[HeldJustification]:
        """The newest justifications first."""
        query = select(JustificationRow).order_by(col(JustificationRow.at).desc()).limit(most)
        return [_justification(row) for row in self._session.exec(query)]

    def override(self, envelope: str, leaks: Iterable[LeftLeak], author: str, at: datetime) -> None:
        """Keep which texts of an envelope a person sent against the leak check, who, and why."""
        for leak in leaks:
            row = OverrideRow(
                envelope=envelope,
                place=leak.place,
                kind=leak.kind,
                reason=leak.reason,
                author=author,
                at=format_time(at),
            )
            self._session.add(row)
        self._session.flush()

    def overrides(self, envelope: str) -> list[LeftLeak]:
        """The texts of an envelope that a person sent against the leak check."""
        query = select(OverrideRow).where(OverrideRow.envelope == envelope).order_by(col(OverrideRow.number))
        return [LeftLeak(row.place, row.kind, row.reason) for row in self._session.exec(query)]


def _notice(row: NoticeRow) -> LoggedNotice:
    header = UnverifiedEnvelope.parse(row.wire).header
    if not isinstance(header, NoticeHeader):
        raise ForgedError("store-damaged")
    answered = parse_time(row.answered_at) if row.answered_at else None
    receipt = Receipt(row.receipt, parse_time(row.at), row.place)
    return LoggedNotice(header, receipt, row.wire, row.answer, answered)


def _justification(row: JustificationRow) -> HeldJustification:
    header = read_header(row.header)
    if not isinstance(header, MessageHeader):
        raise ForgedError("store-damaged")
    sections = strictjson.loads(row.sections, limit=_MOST_CONTENT)
    return HeldJustification(header, row.sender, parse_time(row.at), sections)
