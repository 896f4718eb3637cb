"""A declared emergency is kept the moment its referral is accepted, so that a second person has to look at it."""

from __future__ import annotations

from consent.emergency_review import REVIEW_KIND, REVIEW_WITHIN, EmergencyReview
from consent.envelope import Envelope
from consent.headers import ReferralHeader
from consent.passage import Granted
from gateway import records
from gateway.store.emergencies import Declared
from gateway.store.transaction import Transaction
from keys.documents import parse
from keys.signing import MAX_DOCUMENT, SignedDocument

__all__ = ["declare", "review_of"]


def declare(tx: Transaction, granted: Granted, envelope: Envelope) -> None:
    """Journal and keep the emergency that a referral rests on; nothing when it rests on a consent (PRODUCT §4).

    One that takes the place of an undelivered referral is declared, and reviewed, as itself: it may say otherwise.
    """
    header, justification = envelope.header, granted.passage.justification
    if not isinstance(header, ReferralHeader) or header.emergency is None or justification is None:
        return
    tx.journal.append(granted.at, **records.declared(envelope))
    declared = Declared(
        envelope=header.id,
        ref=header.ref,
        sender=header.from_,
        auditor=justification.recipient,
        worker=header.emergency.worker,
        ground=header.emergency.ground,
        at=granted.at,
        sections=tuple(slot.section for slot in header.slots),
    )
    tx.emergencies.declare(declared, granted.at + REVIEW_WITHIN)


def review_of(emergency: Declared) -> EmergencyReview | None:
    """What the second person found, once they looked."""
    if emergency.review is None:
        return None
    return parse(EmergencyReview, SignedDocument.parse(emergency.review, REVIEW_KIND).payload, limit=MAX_DOCUMENT)
