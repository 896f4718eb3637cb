"""Emergencies that were declared, who reviewed them, and the workers who may declare none."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Row, bindparam, delete, insert, or_, select, tuple_, update

from gateway.store.case_tables import BarredWorkerRow, EmergencyRow
from gateway.store.tables import EnvelopeRow
from keys.documents import Address, format_time, parse_time

__all__ = ["Declared", "EmergencyTable"]

_EMERGENCY = EmergencyRow.__table__  # type: ignore[attr-defined]  # SQLModel gives each table class its table
_ENVELOPE = EnvelopeRow.__table__  # type: ignore[attr-defined]  # as above
_BARRED = BarredWorkerRow.__table__  # type: ignore[attr-defined]  # as above
_SEPARATOR = ";"
_IS_BARRED = select(_BARRED.c.org).where(_BARRED.c.org == bindparam("org"), _BARRED.c.worker == bindparam("worker"))


@dataclass(frozen=True, slots=True)
class Declared:
    """One declared emergency, by the referral's envelope.

    `review` is the signed review once there is one, `receipt` what it was answered with; `sections` are the codes of
    what left without consent.
    """

    envelope: str
    ref: str
    sender: Address
    auditor: Address
    worker: str
    ground: str
    at: datetime
    review: bytes | None = None
    sections: tuple[str, ...] = ()
    receipt: bytes | None = None


class EmergencyTable:
    """Emergencies by envelope, and barred workers by organisation and pseudonym."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def is_barred(self, org: Address, worker: str) -> bool:
        """Whether a worker's right to declare emergencies was suspended."""
        return self._connection.execute(_IS_BARRED, {"org": org, "worker": worker}).first() is not None

    def bar(self, org: Address, worker: str, at: datetime) -> bool:
        """Suspend a worker's right; False when it was."""
        if self.is_barred(org, worker):
            return False
        self._connection.execute(insert(_BARRED).values(org=org, worker=worker, since=format_time(at)))
        return True

    def lift(self, org: Address, worker: str) -> bool:
        """Give a worker the right back; False when it was not suspended."""
        gone = delete(_BARRED).where(_BARRED.c.org == org, _BARRED.c.worker == worker)
        return self._connection.execute(gone).rowcount > 0

    def barred(self) -> list[tuple[Address, str]]:
        """Every barred worker, by organisation."""
        query = select(_BARRED.c.org, _BARRED.c.worker).order_by(_BARRED.c.org, _BARRED.c.worker)
        return [(row.org, row.worker) for row in self._connection.execute(query)]

    def declare(self, declared: Declared, escalate_at: datetime) -> None:
        """Keep an emergency that a second person has to review by `escalate_at`."""
        self._connection.execute(
            insert(_EMERGENCY).values(
                envelope=declared.envelope,
                ref=declared.ref,
                sender=declared.sender,
                auditor=declared.auditor,
                worker=declared.worker,
                ground=declared.ground,
                sections=_SEPARATOR.join(declared.sections),
                at=format_time(declared.at),
                escalate_at=format_time(escalate_at),
                review=declared.review,
                review_receipt=declared.receipt,
            )
        )

    def get(self, envelope: str) -> Declared | None:
        """The emergency that an envelope declared."""
        row = self._connection.execute(select(_EMERGENCY).where(_EMERGENCY.c.envelope == envelope)).first()
        return None if row is None else _declared(row)

    def of_referral(self, ref: str) -> list[Declared]:
        """What was declared for a referral, in journal order: anew by each envelope that replaced a lost one."""
        query = select(_EMERGENCY).join(_ENVELOPE, _ENVELOPE.c.id == _EMERGENCY.c.envelope)
        query = query.where(_ENVELOPE.c.ref == ref).order_by(_ENVELOPE.c.position)
        return [_declared(row) for row in self._connection.execute(query)]

    def unreviewed(self, at: datetime, limit: int) -> list[Declared]:
        """The emergencies whose review is overdue at `at`, the longest overdue first."""
        query = select(_EMERGENCY).where(_EMERGENCY.c.escalate_at <= format_time(at))
        return [
            _declared(row) for row in self._connection.execute(query.order_by(_EMERGENCY.c.escalate_at).limit(limit))
        ]

    def escalate(self, envelope: str, again_at: datetime) -> None:
        """It was told that nobody reviewed it; it is told again at `again_at`."""
        self._set(envelope, escalate_at=format_time(again_at))

    def review(self, envelope: str, document: bytes, receipt: bytes) -> None:
        """Keep the signed review of a second person and its receipt; nothing is escalated any more."""
        self._set(envelope, escalate_at=None, review=document, review_receipt=receipt)

    def concerning(self, address: Address, limit: int, before: Declared | None = None) -> list[Declared]:
        """Up to `limit` emergencies that an organisation declared or audits, the newest first, older than `before`."""
        mine = or_(_EMERGENCY.c.sender == address, _EMERGENCY.c.auditor == address)
        order = (_EMERGENCY.c.at.desc(), _EMERGENCY.c.envelope.desc())
        query = select(_EMERGENCY).where(mine).order_by(*order).limit(limit)
        if before is not None:
            place = (format_time(before.at), before.envelope)
            query = query.where(tuple_(_EMERGENCY.c.at, _EMERGENCY.c.envelope) < place)
        return [_declared(row) for row in self._connection.execute(query)]

    def all(self) -> list[Declared]:
        """Every emergency, the newest first."""
        query = select(_EMERGENCY).order_by(_EMERGENCY.c.at.desc())
        return [_declared(row) for row in self._connection.execute(query)]

    def _set(self, envelope: str, **values: object) -> None:
        self._connection.execute(update(_EMERGENCY).where(_EMERGENCY.c.envelope == envelope).values(**values))


def _declared(row: Row[tuple[object, ...]]) -> Declared:
    return Declared(
        envelope=row.envelope,
        ref=row.ref,
        sender=row.sender,
        auditor=row.auditor,
        worker=row.worker,
        ground=row.ground,
        at=parse_time(row.at),
        review=row.review,
        sections=tuple(row.sections.split(_SEPARATOR)) if row.sections else (),
        receipt=row.review_receipt,
    )
