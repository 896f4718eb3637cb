"""Accepted envelopes: their receipts for life, their sealed bytes until the recipient has stored them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Row, and_, bindparam, exists, func, insert, or_, select, update

from consent.envelope import Envelope
from consent.headers import EventHeader, Header, NoticeHeader, SealedHeader
from consent.passage import KnownEnvelope
from gateway.store.tables import EnvelopeRow
from keys.documents import Address, format_time

__all__ = ["Accepted", "EnvelopeTable", "KnownServed", "Waiting"]

_ENVELOPE = EnvelopeRow.__table__  # type: ignore[attr-defined]  # SQLModel gives each table class its table

# Built once: for a short query, building it costs more than running it.
_BY_ID = select(_ENVELOPE).where(_ENVELOPE.c.id == bindparam("id"))
_BY_ID_OR_NUMBER = select(_ENVELOPE).where(
    or_(
        _ENVELOPE.c.id == bindparam("id"),
        and_(
            _ENVELOPE.c.ref == bindparam("ref"),
            _ENVELOPE.c.sender == bindparam("sender"),
            _ENVELOPE.c.seq == bindparam("seq"),
        ),
    )
)
_LAST_SEQ = select(func.max(_ENVELOPE.c.seq)).where(
    _ENVELOPE.c.ref == bindparam("ref"), _ENVELOPE.c.sender == bindparam("sender")
)
_KEEP = insert(_ENVELOPE)
_STEP = 500
"""Rows changed at a time."""
_SERVED = [_ENVELOPE.c[name] for name in ("id", "ref", "sender", "recipient", "kind", "position")]


@dataclass(frozen=True, slots=True)
class Accepted:
    """What is known for life of an envelope: which bytes it was, between whom, and the receipt given for it."""

    id: str
    kind: str
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
    replaced: bool


@dataclass(frozen=True, slots=True)
class Waiting:
    """An envelope to hand out: its place in the journal, its bytes, its receipt, and whether it ever was handed out."""

    id: str
    index: int
    wire: bytes
    receipt: bytes
    released: bool = False


@dataclass(frozen=True, slots=True)
class KnownServed:
    """An envelope that was handed out at least once: from then on its recipient counts as served (PROTOCOL §6)."""

    id: str
    ref: str
    sender: Address
    recipient: Address
    kind: str
    index: int
    """Where the journal says that it was accepted."""


class EnvelopeTable:
    """Envelopes by id and by recipient."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, identifier: str) -> Accepted | None:
        """What is known of an envelope id that was accepted."""
        row = self._connection.execute(_BY_ID, {"id": identifier}).first()
        return None if row is None else _accepted(row)

    def met(self, header: Header) -> tuple[Accepted | None, bool]:
        """What was accepted under this id, and whether the sender's number in the referral is another envelope's."""
        asked = {"id": header.id, "ref": header.ref, "sender": header.from_, "seq": header.seq}
        found = {row.id: _accepted(row) for row in self._connection.execute(_BY_ID_OR_NUMBER, asked)}
        known = found.pop(header.id, None)
        return known, bool(found)

    def next_seq(self, ref: str, sender: Address) -> int:
        """The number a sender's next envelope of this referral gets; the broker uses it for its own notices."""
        last = self._connection.execute(_LAST_SEQ, {"ref": ref, "sender": sender}).scalar()
        return 0 if last is None else int(last) + 1

    def keep(self, envelope: Envelope, index: int, receipt: bytes) -> None:
        """Keep an accepted envelope for its recipient."""
        header = envelope.header
        told = isinstance(header, EventHeader | NoticeHeader)
        row = {
            "id": header.id,
            "kind": header.typ,
            "payload_sha256": envelope.payload_sha256,
            "ref": header.ref,
            "sender": header.from_,
            "recipient": header.to,
            "seq": header.seq,
            "statement": _statement_of(header),
            "stored": False,
            "replaced": False,
            "told": told,
            "waiting": not told,
            "position": index,
            "exp": format_time(header.exp),
            "seal_kid": envelope.payload.key.kid if envelope.payload.key else None,
            "wire": envelope.wire,
            "receipt": receipt,
        }
        self._connection.execute(_KEEP, row)

    def to_lease(self, recipient: Address, at: datetime, limit: int) -> list[Waiting]:
        """The oldest envelopes that wait for this recipient, neither out on a lease that still runs nor on hold.

        A message waits for its referral: whoever was not handed that, or lost it on the way, could not tell what the
        message is about, and would have to refuse it.
        """
        query = (
            select(_ENVELOPE)
            .where(
                _ENVELOPE.c.recipient == recipient,
                _ENVELOPE.c.waiting.is_(True),
                _not_leased(at),
                or_(_ENVELOPE.c.held_until.is_(None), _ENVELOPE.c.held_until <= format_time(at)),
                ~_first_is_out(at),
            )
            .order_by(_ENVELOPE.c.position)
            .limit(limit)
        )
        return [_waiting(row) for row in self._connection.execute(query)]

    def lease(self, identifier: str, until: datetime) -> None:
        """Hand an envelope out until `until`; it comes again if it is not acknowledged by then."""
        self._update(identifier, leased_until=format_time(until))

    def hold(self, identifier: str, until: datetime) -> None:
        """Keep an envelope that may not be handed out for now; it is looked at again at `until`."""
        self._update(identifier, held_until=format_time(until))

    def withhold(self, identifier: str) -> None:
        """Destroy the sealed bytes of an envelope that may no longer be handed out."""
        self._update(identifier, waiting=False, wire=None)

    def acknowledge(self, identifier: str, ack: bytes, *, stored: bool) -> None:
        """Keep the recipient's signed word, and let go of the sealed bytes."""
        self._update(identifier, waiting=False, wire=None, ack=ack, stored=stored)

    def replace(self, identifier: str) -> None:
        """Another envelope took the place of this one, whose sealed bytes are not needed any more.

        Nothing takes the place of an event or a notice: what happened is told for life.
        """
        sealed = update(_ENVELOPE).where(_ENVELOPE.c.id == identifier, _ENVELOPE.c.told.is_(False))
        self._connection.execute(sealed.values(waiting=False, wire=None, replaced=True))

    def forget(self, identifiers: Collection[str]) -> None:
        """Let go of what was kept of these to be told again; that they came, and what they were answered, stays."""
        ids = sorted(identifiers)
        for first in range(0, len(ids), _STEP):
            here = _ENVELOPE.c.id.in_(ids[first : first + _STEP])
            self._connection.execute(update(_ENVELOPE).where(here).values(waiting=False, wire=None))

    def known(self, identifier: str, at: datetime) -> KnownEnvelope | None:
        """A referral or message as a later one may refer to it at `at`."""
        row = self._connection.execute(_BY_ID, {"id": identifier}).first()
        if row is None or row.told:
            return None
        return KnownEnvelope(
            id=row.id,
            kind=row.kind,
            ref=row.ref,
            sender=row.sender,
            recipient=row.recipient,
            payload_sha256=row.payload_sha256,
            stored=row.stored,
            replaced=row.replaced,
            leased=row.waiting and row.leased_until is not None and row.leased_until > format_time(at),
        )

    def undelivered(self, *, statement: str | None = None, ref: str | None = None) -> list[Waiting]:
        """The envelopes under a consent, or of a referral, whose sealed bytes still wait for their recipient."""
        query = select(_ENVELOPE).where(_ENVELOPE.c.waiting.is_(True)).order_by(_ENVELOPE.c.position)
        if statement is not None:
            query = query.where(_ENVELOPE.c.statement == statement)
        if ref is not None:
            query = query.where(_ENVELOPE.c.ref == ref)
        return [_waiting(row) for row in self._connection.execute(query)]

    def sealed_to(self, kid: str, at: datetime) -> list[Waiting]:
        """The envelopes that wait sealed to a key and that are not being handed out at `at`, in journal order."""
        query = select(_ENVELOPE).where(_ENVELOPE.c.seal_kid == kid, _ENVELOPE.c.waiting.is_(True), _not_leased(at))
        return [_waiting(row) for row in self._connection.execute(query.order_by(_ENVELOPE.c.position))]

    def expiring(self, at: datetime, limit: int) -> list[Waiting]:
        """The envelopes that wait, are not being handed out, and whose time is over at `at`, the oldest end first."""
        query = select(_ENVELOPE).where(
            _ENVELOPE.c.waiting.is_(True), _ENVELOPE.c.exp <= format_time(at), _not_leased(at)
        )
        return [_waiting(row) for row in self._connection.execute(query.order_by(_ENVELOPE.c.exp).limit(limit))]

    def served(self, statement: str) -> list[KnownServed]:
        """What recipients were handed out under a consent: who holds which envelopes, in journal order."""
        query = (
            select(*_SERVED)
            .where(_ENVELOPE.c.statement == statement, _ENVELOPE.c.leased_until.is_not(None))
            .order_by(_ENVELOPE.c.position)
        )
        return [KnownServed(*row) for row in self._connection.execute(query)]

    def told(self, recipient: Address, after: int, limit: int) -> list[Waiting]:
        """Events and notices for this recipient with a cursor after `after` (journal index + 1), in order."""
        query = (
            select(_ENVELOPE)
            .where(
                _ENVELOPE.c.recipient == recipient,
                _ENVELOPE.c.told.is_(True),
                _ENVELOPE.c.position >= after,
                _ENVELOPE.c.wire.is_not(None),
            )
            .order_by(_ENVELOPE.c.position)
            .limit(limit)
        )
        return [_waiting(row) for row in self._connection.execute(query)]

    def _update(self, identifier: str, **values: object) -> None:
        self._connection.execute(update(_ENVELOPE).where(_ENVELOPE.c.id == identifier).values(**values))


def _not_leased(at: datetime) -> ColumnElement[bool]:
    """Not out on a lease that still runs: what a recipient has in its hands, it may still acknowledge."""
    return or_(_ENVELOPE.c.leased_until.is_(None), _ENVELOPE.c.leased_until <= format_time(at))


def _first_is_out(at: datetime) -> ColumnElement[bool]:
    """The referral of the same reference waits for the same recipient, and is out on a lease or on hold."""
    first, moment = _ENVELOPE.alias("first"), format_time(at)
    return exists().where(
        first.c.ref == _ENVELOPE.c.ref,
        first.c.recipient == _ENVELOPE.c.recipient,
        first.c.kind == "referral",
        first.c.waiting.is_(True),
        or_(first.c.leased_until > moment, first.c.held_until > moment),
    )


def _statement_of(header: Header) -> str | None:
    if isinstance(header, SealedHeader) and header.authority is not None:
        return header.authority.statement
    return None


def _accepted(row: Row[tuple[object, ...]]) -> Accepted:
    return Accepted(
        row.id,
        row.kind,
        row.payload_sha256,
        row.ref,
        row.sender,
        row.recipient,
        row.position,
        row.receipt,
        row.wire,
        row.leased_until is not None,
        row.ack,
        row.replaced,
    )


def _waiting(row: Row[tuple[object, ...]]) -> Waiting:
    return Waiting(row.id, row.position, row.wire, row.receipt, row.leased_until is not None)
