"""The gateway's signed promise that something was accepted, checked before anyone counts on it.

PROTOCOL §6 and §7. A receipt names what was accepted by its digest, the place it got in the journal and the leaf
that must stand there within `promise` seconds. One that is for something else, or by another key, is a forgery.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final, Literal, TypeVar

from pydantic import Field

from adapters.pins import GatewayPins
from consent.envelope import ENVELOPE_KIND, UnverifiedEnvelope
from consent.identifiers import EnvelopeId, StatementId
from consent.statement import ConsentStatement
from journal.entries import CommitmentLeaf, read_leaf
from keys import strictjson
from keys.documents import Address, Base64Url, Document, Sha256, Time, Version, parse
from keys.errors import ForgedError, MalformedError
from keys.signing import SignedDocument

__all__ = [
    "MAX_RECEIPT",
    "VerifiedReceipt",
    "receipted_digest",
    "receipted_origin",
    "verify_envelope_receipt",
    "verify_mismatch_receipt",
    "verify_review_receipt",
    "verify_statement_receipt",
    "verify_withdrawal_receipt",
]

RECEIPT_KIND: Final = "receipt"
MAX_RECEIPT: Final = 16 * 1024
"""Bytes of the largest receipt that is read."""
MAX_PROMISE: Final = 24 * 3600


class _Receipt(Document):
    """What every receipt says: who accepted, and where it stands in which journal."""

    v: Version
    by: Address
    origin: Annotated[str, Field(max_length=255)]
    index: Annotated[int, Field(ge=0, le=strictjson.MAX_INTEGER)]
    leaf: Annotated[Base64Url, Field(max_length=MAX_RECEIPT)]
    time: Time
    promise: Annotated[int, Field(ge=1, le=MAX_PROMISE)]


class _DocumentReceipt(_Receipt):
    """The receipt of something signed: also which bytes were accepted."""

    payload_sha256: Sha256


class EnvelopeReceipt(_DocumentReceipt):
    """The receipt of a deposited envelope."""

    envelope: EnvelopeId


class StatementReceipt(_DocumentReceipt):
    """The receipt of a registered consent statement, in one version."""

    statement: StatementId
    version: Annotated[int, Field(ge=1, le=999_999)]


class WithdrawalReceipt(_Receipt):
    """The receipt of a withdrawal by its code: that it happened and when, not what it was about."""

    withdrawal: Literal["done"]


class IncidentReceipt(_DocumentReceipt):
    """The receipt of a report that opened an incident; `payload_sha256` is the report's."""

    envelope: EnvelopeId
    incident: Annotated[str, Field(pattern=r"^inc_[a-z2-7]{26}$")]


class ReviewReceipt(_DocumentReceipt):
    """The receipt of the review of an emergency; `payload_sha256` is the review's."""

    reviewed: EnvelopeId


@dataclass(frozen=True, slots=True)
class VerifiedReceipt:
    """A receipt that is the pinned gateway's and for exactly what was sent; only this module makes one.

    `wire` is the DSSE document to keep, `subject` the id of the envelope or statement, `index` and `time` its place
    and moment in the journal, at which keys are judged; `leaf` must stand there `promise` seconds later.
    """

    wire: bytes
    subject: str
    payload_sha256: str
    origin: str
    index: int
    leaf: bytes
    time: datetime
    promise: int


def verify_envelope_receipt(signed: SignedDocument, wire: bytes, pins: GatewayPins) -> VerifiedReceipt:
    """Check the receipt of the envelope `wire`.

    Raises `MalformedError` (the faults of the receipt, or of `wire` when it is no DSSE document at all) and
    `ForgedError` (wrong-signers, bad-signature, receipt-of-another, wrong-origin, receipt-leaf). An envelope whose
    header this program cannot read, as a newer one may have, is bound by the digest of its payload alone: its
    recipient must be able to refuse it in an acknowledgement.
    """
    receipt = _verified(EnvelopeReceipt, signed, pins)
    try:
        envelope = UnverifiedEnvelope.parse(wire)
    except MalformedError:
        digest, name = _outer(wire).sha256, receipt.envelope
    else:
        digest, name = envelope.signed.sha256, envelope.header.id
    if (receipt.envelope, receipt.payload_sha256) != (name, digest):
        raise ForgedError("receipt-of-another")
    return _as_verified(receipt, receipt.envelope, signed)


def verify_statement_receipt(
    signed: SignedDocument, statement: ConsentStatement, sha256: str, pins: GatewayPins
) -> VerifiedReceipt:
    """Check the receipt of the consent statement of this digest; raises as `verify_envelope_receipt` does."""
    receipt = _verified(StatementReceipt, signed, pins)
    if (receipt.statement, receipt.version, receipt.payload_sha256) != (statement.id, statement.version, sha256):
        raise ForgedError("receipt-of-another")
    return _as_verified(receipt, receipt.statement, signed)


def verify_withdrawal_receipt(signed: SignedDocument, pins: GatewayPins) -> datetime:
    """The moment from which a consent that was taken back by its code is over; raises as the others do."""
    return _verified(WithdrawalReceipt, signed, pins).time


def verify_mismatch_receipt(
    signed: SignedDocument, report: SignedDocument, envelope: str, pins: GatewayPins
) -> VerifiedReceipt:
    """Check the receipt of a report that an envelope is not what it says; raises as the others do."""
    receipt = _verified(IncidentReceipt, signed, pins)
    if (receipt.envelope, receipt.payload_sha256) != (envelope, report.sha256):
        raise ForgedError("receipt-of-another")
    return _as_verified(receipt, envelope, signed)


def verify_review_receipt(
    signed: SignedDocument, review: SignedDocument, envelope: str, pins: GatewayPins
) -> VerifiedReceipt:
    """Check the receipt of the review of an emergency; raises as the others do."""
    receipt = _verified(ReviewReceipt, signed, pins)
    if (receipt.reviewed, receipt.payload_sha256) != (envelope, review.sha256):
        raise ForgedError("receipt-of-another")
    return _as_verified(receipt, envelope, signed)


def receipted_digest(document: bytes) -> str:
    """The digest of the payload that a receipt kept here is for; it was verified when it came."""
    return parse(
        EnvelopeReceipt, SignedDocument.parse(document, RECEIPT_KIND).payload, limit=MAX_RECEIPT
    ).payload_sha256


def receipted_origin(document: bytes) -> str:
    """The name of the shard in which a receipt kept here has its place."""
    return parse(EnvelopeReceipt, SignedDocument.parse(document, RECEIPT_KIND).payload, limit=MAX_RECEIPT).origin


R = TypeVar("R", bound=_Receipt)


def _verified(model: type[R], signed: SignedDocument, pins: GatewayPins) -> R:
    """The payload, once the signature, the signer's name and the journal are those that were pinned."""
    signed.verify((pins.receipts_verifier,))
    receipt = parse(model, signed.payload, limit=MAX_RECEIPT)
    if receipt.by != pins.address:
        raise ForgedError("receipt-of-another", "/by")
    # Which shard goes on when it is signed, the journal tells; adapters.promises hold it against that one.
    if not pins.may_name(receipt.origin):
        raise ForgedError("wrong-origin", "/origin")
    if not isinstance(read_leaf(receipt.leaf, receipt.index), CommitmentLeaf):
        # Who refers to whom stands in the journal as a commitment only (PROTOCOL §7).
        raise ForgedError("receipt-leaf", "/leaf")
    return receipt


def _as_verified(receipt: _DocumentReceipt, subject: str, signed: SignedDocument) -> VerifiedReceipt:
    return VerifiedReceipt(
        wire=signed.encode(),
        subject=subject,
        payload_sha256=receipt.payload_sha256,
        origin=receipt.origin,
        index=receipt.index,
        leaf=receipt.leaf,
        time=receipt.time,
        promise=receipt.promise,
    )


def _outer(wire: bytes) -> SignedDocument:
    """The DSSE members of an envelope whose inside could not be read."""
    value = strictjson.loads(wire, limit=len(wire))
    members = value if isinstance(value, dict) else {}
    named = {name: members[name] for name in ("payloadType", "payload", "signatures") if name in members}
    return SignedDocument.from_json(named, ENVELOPE_KIND)
