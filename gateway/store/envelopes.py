"""Accepted envelopes: their receipts for life, their sealed bytes until the recipient has stored them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Row, bindparam, func, insert, or_, select, update

from consent.envelope import Envelope
from consent.headers import EventHeader, NoticeHeader
from gateway.store.tables import EnvelopeRow
from keys.documents import Address, format_time

__all__ = ["Accepted", "EnvelopeTable", "Waiting"]

_ENVELOPE = EnvelopeRow.__table__  # type: ignore[attr-defined]  # SQLModel gives each table class its table

# Built once: for a short query, building it costs more than running it.
_BY_ID = select(_ENVELOPE).where(_ENVELOPE.c.id == bindparam("id"))
_NUMBERED = select(_ENVELOPE.c.id).where(
    _ENVELOPE.c.ref == bindparam("ref"),
    _ENVELOPE.c.sender == bindparam("sender"),
    _ENVELOPE.c.seq == bindparam("seq"),
)
_KEEP = insert(_ENVELOPE)


@dataclass(frozen=True, slots=True)
class Accepted:
    """What is known for life of an envelope: which bytes it was, between whom, and the receipt given for it."""

    id: str
    payload_sha256: str
    ref: str
    sender: Address
    recipient: Address
    index: int
    receipt: bytes
    wire: bytes | None
    """The sealed bytes, until they are let go of."""
    released: bool
    ack: bytes | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """An envelope to hand out: its place in the journal, its bytes and its receipt."""

    id: str
    index: int
    wire: bytes
    receipt: bytes


class EnvelopeTable:
    """Envelopes by id and by recipient."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, identifier: str) -> Accepted | None:
        """What is known of an envelope id that was accepted."""
        row = self._connection.execute(_BY_ID, {"id": identifier}).first()
        if row is None:
            return None
        return Accepted(
            row.id,
            row.payload_sha256,
            row.ref,
            row.sender,
            row.recipient,
            row.position,
            row.receipt,
            row.wire,
            row.leased_until is not None,
            row.ack,
        )

    def seq_taken(self, ref: str, sender: Address, seq: int) -> bool:
        """Whether the sender already used this number in this referral for another envelope."""
        numbered = {"ref": ref, "sender": sender, "seq": seq}
        return self._connection.execute(_NUMBERED, numbered).first() is not None

    def next_seq(self, ref: str, sender: Address) -> int:
        """The number a sender's next envelope of this referral gets; the broker uses it for its own notices."""
        query = select(func.max(_ENVELOPE.c.seq)).where(_ENVELOPE.c.ref == ref, _ENVELOPE.c.sender == sender)
        last = self._connection.execute(query).scalar()
        return 0 if last is None else int(last) + 1

    def keep(self, envelope: Envelope, index: int, receipt: bytes) -> None:
        """Keep an accepted envelope for its recipient."""
        header = envelope.header
        told = isinstance(header, EventHeader | NoticeHeader)
        row = {
            "id": header.id,
            "payload_sha256": envelope.payload_sha256,
            "ref": header.ref,
            "sender": header.from_,
            "recipient": header.to,
            "seq": header.seq,
            "told": told,
            "waiting": not told,
            "position": index,
            "exp": format_time(header.exp),
            "wire": envelope.wire,
            "receipt": receipt,
        }
        self._connection.execute(_KEEP, row)

    def to_lease(self, recipient: Address, at: datetime, limit: int) -> list[Waiting]:
        """The oldest envelopes that wait for this recipient and are not out on a lease that still runs."""
        query = (
            select(_ENVELOPE)
            .where(
                _ENVELOPE.c.recipient == recipient,
                _ENVELOPE.c.waiting.is_(True),
                or_(_ENVELOPE.c.leased_until.is_(None), _ENVELOPE.c.leased_until <= format_time(at)),
            )
            .order_by(_ENVELOPE.c.position)
            .limit(limit)
        )
        return [_waiting(row) for row in self._connection.execute(query)]

    def lease(self, identifier: str, until: datetime) -> None:
        """Hand an envelope out until `until`; it comes again if it is not acknowledged by then."""
        self._update(identifier, leased_until=format_time(until))

    def withhold(self, identifier: str) -> None:
        """Destroy the sealed bytes of an envelope that may no longer be handed out."""
        self._update(identifier, waiting=False, wire=None)

    def acknowledge(self, identifier: str, ack: bytes) -> None:
        """Keep the recipient's signed word, and let go of the sealed bytes."""
        self._update(identifier, waiting=False, wire=None, ack=ack)

    def told(self, recipient: Address, after: int, limit: int) -> list[Waiting]:
        """Events and notices for this recipient with a cursor after `after` (journal index + 1), in order."""
        query = (
            select(_ENVELOPE)
            .where(_ENVELOPE.c.recipient == recipient, _ENVELOPE.c.told.is_(True), _ENVELOPE.c.position >= after)
            .order_by(_ENVELOPE.c.position)
            .limit(limit)
        )
        return [_waiting(row) for row in self._connection.execute(query)]

    def _update(self, identifier: str, **values: object) -> None:
        self._connection.execute(update(_ENVELOPE).where(_ENVELOPE.c.id == identifier).values(**values))


def _waiting(row: Row[tuple[object, ...]]) -> Waiting:
    return Waiting(row.id, row.position, row.wire, row.receipt)
