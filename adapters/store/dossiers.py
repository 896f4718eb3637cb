"""Referrals, what they say, and the steps they took: kept by reference."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import literal_column
from sqlmodel import Session, col, select

from adapters.store.records import Content, Direction, LoggedStep, Receipt, Referral
from adapters.store.tables import ContentRow, EventRow, ReferralRow, SequenceRow
from consent.envelope import EventHeader, NoticeHeader, ReferralHeader, UnverifiedEnvelope, protect, read_header
from keys import strictjson
from keys.documents import format_time, parse_time
from keys.errors import ForgedError

__all__ = ["Dossiers"]

_MOST_CONTENT = 4 * 1024 * 1024


class Dossiers:
    """The referrals of one transaction."""

    def __init__(self, session: Session) -> None:
        """Work inside the session given."""
        self._session = session

    def add(self, referral: Referral) -> None:
        """Keep a new referral."""
        self._session.add(_row(referral))
        self._session.flush()

    def save(self, referral: Referral) -> None:
        """Keep a referral as it is now."""
        self._session.merge(_row(referral))
        self._session.flush()

    def find(self, ref: str) -> Referral | None:
        """The referral of this reference, if it is here."""
        row = self._session.get(ReferralRow, ref)
        return None if row is None else _referral(row)

    def matching(self, beginning: str, most: int = 2) -> Sequence[str]:
        """References that begin like this, at most `most`: people type the first characters only."""
        query = select(ReferralRow.ref).where(col(ReferralRow.ref).startswith(beginning, autoescape=True))
        return self._session.exec(query.order_by(ReferralRow.ref).limit(most)).all()

    def all(self, direction: Direction | None = None, most: int | None = 500) -> list[Referral]:
        """The newest referrals first; every one where `most` is None."""
        query = select(ReferralRow).order_by(col(ReferralRow.at).desc(), col(ReferralRow.ref)).limit(most)
        if direction is not None:
            query = query.where(ReferralRow.direction == direction)
        return [_referral(row) for row in self._session.exec(query)]

    def in_status(self, statuses: Iterable[str]) -> list[Referral]:
        """The referrals that stand in one of these statuses, the oldest first."""
        query = select(ReferralRow).where(col(ReferralRow.status).in_(list(statuses)))
        return [_referral(row) for row in self._session.exec(query.order_by(ReferralRow.at, ReferralRow.ref))]

    def of_statement(self, statement: str, direction: Direction = "sent") -> list[Referral]:
        """The referrals that rest on one consent statement, the oldest first."""
        query = select(ReferralRow).where(ReferralRow.direction == direction).order_by(ReferralRow.at, ReferralRow.ref)
        found = (_referral(row) for row in self._session.exec(query))
        return [item for item in found if item.header.authority and item.header.authority.statement == statement]

    def re_referred(self, ref: str, *, meant: bool = False) -> bool:
        """Whether another referral of ours, accepted by the broker, says that it is part of this one.

        With `meant`, one that is in the outbox still counts: what follows it in time may rely on it.
        """
        query = select(ReferralRow.ref).where(ReferralRow.part_of == ref, ReferralRow.direction == "sent")
        if not meant:
            query = query.where(col(ReferralRow.deposited_at).is_not(None))
        return self._session.exec(query.limit(1)).first() is not None

    def next_seq(self, ref: str) -> int:
        """The next `seq` of our envelopes about a referral, counted from 0 and never given twice."""
        row = self._session.get(SequenceRow, ref) or SequenceRow(ref=ref, next=0)
        number, row.next = row.next, row.next + 1
        self._session.add(row)
        self._session.flush()
        return number

    def add_content(self, content: Content) -> None:
        """Keep the sections of one envelope."""
        row = ContentRow(
            envelope=content.envelope,
            ref=content.ref,
            author=content.author,
            at=format_time(content.at),
            sections=strictjson.dumps(content.sections),
        )
        self._session.add(row)
        self._session.flush()

    def contents(self, ref: str) -> list[Content]:
        """Everything that was said under a reference, in order."""
        # Of the same moment, what was kept first was said first.
        query = select(ContentRow).where(ContentRow.ref == ref).order_by(ContentRow.at, literal_column("rowid"))
        return [_content(row) for row in self._session.exec(query)]

    def content(self, envelope: str) -> Content | None:
        """What one envelope said."""
        row = self._session.get(ContentRow, envelope)
        return None if row is None else _content(row)

    def move_content(self, old: str, new: str) -> None:
        """Keep under a new envelope what an envelope said that never left."""
        row = self._session.get_one(ContentRow, old)
        self._session.add(ContentRow(envelope=new, ref=row.ref, author=row.author, at=row.at, sections=row.sections))
        self._session.delete(row)
        self._session.flush()

    def erase(self, ref: str, at: datetime) -> tuple[str, ...]:
        """Take away what was said under a reference, and note when; the envelopes that had said it.

        Why an emergency was declared stays: it is no part of the referral but the evidence of a legal act.
        """
        referral = self.find(ref)
        emergency = referral.header.emergency if referral else None
        kept = emergency.justification.envelope if emergency and emergency.justification else ""
        query = select(ContentRow).where(ContentRow.ref == ref, ContentRow.envelope != kept)
        rows = self._session.exec(query).all()
        for row in rows:
            self._session.delete(row)
        if referral is not None:
            self.save(replace(referral, erased_at=referral.erased_at or at))
        self._session.flush()
        return tuple(row.envelope for row in rows)

    def take_content(self, envelope: str) -> None:
        """Take away what one envelope said, because another envelope says it now."""
        row = self._session.get(ContentRow, envelope)
        if row is not None:
            self._session.delete(row)
            self._session.flush()

    def log(self, step: LoggedStep) -> bool:
        """Keep a step; false when it was already there."""
        if self._session.get(EventRow, step.header.id) is not None:
            return False
        row = EventRow(
            envelope=step.header.id,
            ref=step.header.ref,
            place=step.receipt.index,
            at=format_time(step.receipt.at),
            wire=step.wire,
            receipt=step.receipt.document,
        )
        self._session.add(row)
        self._session.flush()
        return True

    def steps(self, ref: str) -> list[LoggedStep]:
        """The steps of a referral in the journal's order."""
        query = select(EventRow).where(EventRow.ref == ref).order_by(col(EventRow.place))
        return [_step(row) for row in self._session.exec(query)]

    def ref_of_step(self, envelope: str) -> str | None:
        """The referral of a step that is kept here, by the step's envelope."""
        row = self._session.get(EventRow, envelope)
        return row.ref if row is not None else None

    def note_problem(self, ref: str, code: str | None) -> None:
        """Keep why our last envelope about a referral was refused, or that none is."""
        referral = self.find(ref)
        if referral is not None:
            self.save(replace(referral, problem=code))


def _row(referral: Referral) -> ReferralRow:
    return ReferralRow(
        ref=referral.ref,
        direction=referral.direction,
        peer=referral.peer,
        envelope=referral.header.id,
        header=protect(referral.header),
        part_of=referral.header.part_of,
        at=format_time(referral.at),
        deposited_at=_written(referral.deposited_at),
        place=referral.place,
        respond_by=_written(referral.respond_by),
        status=referral.status,
        business_status=referral.business_status,
        answer_by=_written(referral.answer_by),
        problem=referral.problem,
        erased_at=_written(referral.erased_at),
    )


def _referral(row: ReferralRow) -> Referral:
    header = read_header(row.header)
    if not isinstance(header, ReferralHeader):
        raise ForgedError("store-damaged")
    return Referral(
        ref=row.ref,
        direction="sent" if row.direction == "sent" else "received",
        peer=row.peer,
        header=header,
        at=parse_time(row.at),
        deposited_at=_read(row.deposited_at),
        place=row.place,
        respond_by=_read(row.respond_by),
        status=row.status,
        business_status=row.business_status,
        answer_by=_read(row.answer_by),
        problem=row.problem,
        erased_at=_read(row.erased_at),
    )


def _content(row: ContentRow) -> Content:
    sections = strictjson.loads(row.sections, limit=_MOST_CONTENT)
    return Content(row.envelope, row.ref, row.author, parse_time(row.at), sections)


def _step(row: EventRow) -> LoggedStep:
    header = UnverifiedEnvelope.parse(row.wire).header
    if not isinstance(header, EventHeader | NoticeHeader):
        raise ForgedError("store-damaged")
    return LoggedStep(header, Receipt(row.receipt, parse_time(row.at), row.place), row.wire)


def _written(moment: datetime | None) -> str | None:
    return None if moment is None else format_time(moment)


def _read(text: str | None) -> datetime | None:
    return None if text is None else parse_time(text)
