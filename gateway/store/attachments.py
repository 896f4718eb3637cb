"""Sealed papers: whose they are, the envelope each belongs to, and until when the bytes are kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Row, bindparam, delete, func, insert, select, tuple_, update

from consent.envelope import Envelope
from consent.headers import Header, protect, read_header
from gateway.store.case_tables import AttachmentRow
from gateway.store.tables import EnvelopeRow
from keys.documents import Address, format_time, parse_time

__all__ = ["Attachment", "AttachmentTable"]

_ATTACHMENT = AttachmentRow.__table__  # type: ignore[attr-defined]  # SQLModel gives each table class its table
_ENVELOPE = EnvelopeRow.__table__  # type: ignore[attr-defined]  # as above
_DESCRIBED = [column for column in _ATTACHMENT.c if column.name != "data"]
"""Everything but the bytes, which are read only to be handed out."""
_DESTROY = delete(_ATTACHMENT).where(_ATTACHMENT.c.envelope == bindparam("of_envelope"))
"""Built once: for a short query, building it costs more than running it."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """One sealed paper: `header` is that of its envelope, once that was accepted; `size` is in bytes."""

    envelope: str
    sha256: str
    sender: Address
    size: int
    until: datetime
    header: Header | None = None
    payload_sha256: str | None = None


class AttachmentTable:
    """Attachments by envelope and digest; until their envelope is accepted, also by who brought them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def keep(self, attachment: Attachment, data: bytes) -> None:
        """Keep a paper whose envelope has not come yet."""
        self._connection.execute(
            insert(_ATTACHMENT).values(
                envelope=attachment.envelope,
                sha256=attachment.sha256,
                sender=attachment.sender,
                size=attachment.size,
                until=format_time(attachment.until),
                data=data,
            )
        )

    def brought(self, envelope: str, sha256: str, sender: Address) -> Attachment | None:
        """A paper that this sender brought, whether its envelope came or not."""
        return self._one(envelope, sha256, _ATTACHMENT.c.sender == sender)

    def received(self, envelope: str, sha256: str, recipient: Address) -> Attachment | None:
        """A paper of an accepted envelope of this recipient."""
        return self._one(envelope, sha256, _ATTACHMENT.c.recipient == recipient)

    def waiting_bytes(self, sender: Address) -> int:
        """How many bytes a sender brought whose envelope has not come."""
        query = select(func.coalesce(func.sum(_ATTACHMENT.c.size), 0)).where(
            _ATTACHMENT.c.sender == sender, _ATTACHMENT.c.recipient.is_(None)
        )
        return int(self._connection.execute(query).scalar_one())

    def held_bytes(self, sender: Address) -> int:
        """How many bytes of a sender are kept, those included that wait to be fetched by a recipient."""
        query = select(func.coalesce(func.sum(_ATTACHMENT.c.size), 0)).where(_ATTACHMENT.c.sender == sender)
        return int(self._connection.execute(query).scalar_one())

    def data(self, attachment: Attachment) -> bytes:
        """The sealed bytes."""
        query = select(_ATTACHMENT.c.data).where(*_is(attachment))
        return bytes(self._connection.execute(query).scalar_one())

    def attach(self, envelope: Envelope, until: datetime) -> None:
        """Give what the sender brought for an envelope to its recipient, now that the envelope was accepted."""
        header = envelope.header
        values = {
            "recipient": header.to,
            "header": protect(header),
            "payload_sha256": envelope.payload_sha256,
            "until": format_time(until),
        }
        mine = (_ATTACHMENT.c.envelope == header.id, _ATTACHMENT.c.sender == header.from_)
        self._connection.execute(update(_ATTACHMENT).where(*mine).values(**values))

    def keep_until(self, attachment: Attachment, until: datetime) -> None:
        """Change how long the bytes are kept."""
        self._connection.execute(update(_ATTACHMENT).where(*_is(attachment)).values(until=format_time(until)))

    def destroy(self, envelope: str) -> int:
        """Destroy what was brought for an envelope; how many papers those were."""
        return int(self._connection.execute(_DESTROY, {"of_envelope": envelope}).rowcount)

    def destroy_under(self, statement: str) -> int:
        """Destroy the papers of every envelope that rests on a consent, delivered or not; how many those were."""
        under = select(_ENVELOPE.c.id).where(_ENVELOPE.c.statement == statement)
        gone = delete(_ATTACHMENT).where(_ATTACHMENT.c.recipient.is_not(None), _ATTACHMENT.c.envelope.in_(under))
        return int(self._connection.execute(gone).rowcount)

    def purge(self, at: datetime, limit: int) -> int:
        """Destroy up to `limit` papers kept no longer: never deposited, fetched, or of an expired envelope; how many.

        What is over the longest goes first.
        """
        key = (_ATTACHMENT.c.envelope, _ATTACHMENT.c.sha256, _ATTACHMENT.c.sender)
        over = select(*key).where(_ATTACHMENT.c.until <= format_time(at)).order_by(_ATTACHMENT.c.until).limit(limit)
        rows = [tuple(row) for row in self._connection.execute(over)]
        if rows:
            self._connection.execute(delete(_ATTACHMENT).where(tuple_(*key).in_(rows)))
        return len(rows)

    def _one(self, envelope: str, sha256: str, whose: ColumnElement[bool]) -> Attachment | None:
        query = select(*_DESCRIBED).where(_ATTACHMENT.c.envelope == envelope, _ATTACHMENT.c.sha256 == sha256, whose)
        row = self._connection.execute(query).first()
        return None if row is None else _attachment(row)


def _is(attachment: Attachment) -> tuple[ColumnElement[bool], ...]:
    return (
        _ATTACHMENT.c.envelope == attachment.envelope,
        _ATTACHMENT.c.sha256 == attachment.sha256,
        _ATTACHMENT.c.sender == attachment.sender,
    )


def _attachment(row: Row[tuple[object, ...]]) -> Attachment:
    return Attachment(
        envelope=row.envelope,
        sha256=row.sha256,
        sender=row.sender,
        size=row.size,
        until=parse_time(row.until),
        header=None if row.header is None else read_header(row.header, pointer=""),
        payload_sha256=row.payload_sha256,
    )
