"""Hands one shipment to the broker, by the call that is for its kind; the answer is kept by the outbox."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from adapters.calls import GatewayCalls
from adapters.receipts import VerifiedReceipt
from adapters.registration import read_registration
from adapters.store.records import Kind, Receipt, Shipment
from consent.agreement import SIGNATURE_KIND
from consent.emergency_review import REVIEW_KIND, EmergencyReview
from consent.mismatch import MISMATCH_KIND
from consent.withdrawal_answer import WITHDRAWAL_ANSWER_KIND
from keys.documents import parse
from keys.signing import MAX_DOCUMENT, SignedDocument
from keys.statements import KIND as KEY_KIND

__all__ = ["ACK_KIND", "hand_over"]

ACK_KIND: Final = "ack"
Answer = Receipt | int | None
"""The receipt, or the place in the journal, or nothing, by the kind of what was handed over."""


def hand_over(client: GatewayCalls, shipment: Shipment) -> Answer:
    """Hand one item to the broker; raises what the client raises."""
    return _CALLS[shipment.kind](client, shipment)


def _envelope(client: GatewayCalls, shipment: Shipment) -> Answer:
    return _kept(client.deposit(shipment.body))


def _statement(client: GatewayCalls, shipment: Shipment) -> Answer:
    return _kept(client.register_statement(*read_registration(shipment.body)))


def _key(client: GatewayCalls, shipment: Shipment) -> Answer:
    return client.publish_key(SignedDocument.parse(shipment.body, KEY_KIND))


def _ack(client: GatewayCalls, shipment: Shipment) -> Answer:
    client.acknowledge(SignedDocument.parse(shipment.body, ACK_KIND))
    return None


def _agreement_signature(client: GatewayCalls, shipment: Shipment) -> Answer:
    client.sign_agreement(SignedDocument.parse(shipment.body, SIGNATURE_KIND))
    return None


def _attachment(client: GatewayCalls, shipment: Shipment) -> Answer:
    _, envelope, digest = shipment.item.split(":")
    client.put_attachment(envelope, digest, shipment.body)
    return None


def _withdrawal_answer(client: GatewayCalls, shipment: Shipment) -> Answer:
    client.answer_withdrawal(SignedDocument.parse(shipment.body, WITHDRAWAL_ANSWER_KIND))
    return None


def _mismatch(client: GatewayCalls, shipment: Shipment) -> Answer:
    return _kept(client.report_mismatch(SignedDocument.parse(shipment.body, MISMATCH_KIND)))


def _emergency_review(client: GatewayCalls, shipment: Shipment) -> Answer:
    signed = SignedDocument.parse(shipment.body, REVIEW_KIND)
    named = parse(EmergencyReview, signed.payload, limit=MAX_DOCUMENT).envelope
    return _kept(client.review_emergency(named, signed))


_CALLS: Final[Mapping[Kind, Callable[[GatewayCalls, Shipment], Answer]]] = {
    "envelope": _envelope,
    "statement": _statement,
    "key": _key,
    "ack": _ack,
    "agreement-signature": _agreement_signature,
    "attachment": _attachment,
    "withdrawal-answer": _withdrawal_answer,
    "mismatch": _mismatch,
    "emergency-review": _emergency_review,
}


def _kept(receipt: VerifiedReceipt) -> Receipt:
    return Receipt(receipt.wire, receipt.time, receipt.index)
