"""What happens to what still waits when it may not be delivered any more: it is destroyed, and both ends are told.

PROTOCOL §4 and the transition table: T04 when it cannot be delivered, T12 when the consent ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from consent.envelope import Envelope
from consent.headers import MAX_TOLD_AT_ONCE, Event, Notice, NoticeKind, ReferralHeader
from consent.lifecycle import closed
from consent.passage import OpenReferral, Refused
from gateway import records
from gateway.broker import Broker
from gateway.gates import judge, reread
from gateway.notices import take_step, tell
from gateway.store.envelopes import Waiting
from gateway.store.transaction import Transaction

__all__ = [
    "CONSENT_ENDED",
    "KEY_REVOKED",
    "MAY_PASS_LATER",
    "UNCONFIRMED",
    "clear_closed",
    "destroy",
    "end_expired",
    "end_referral",
    "end_sealed_to",
    "end_undeliverable",
    "sealed_to_revoked",
    "tell_both",
    "withhold",
    "withhold_uncovered",
]

CONSENT_ENDED = {
    "consent-withdrawn": "consent-withdrawn",
    "consent-revoked": "consent-withdrawn",
    "consent-invalidated": "consent-withdrawn",
    "consent-expired": "consent-expired",
}
"""Which reason of the table each ending of a consent is told as."""
MAY_PASS_LATER = frozenset({"sender-suspended", "recipient-suspended", "agreement-suspended", "statement-unconfirmed"})
"""Refusals at pick-up that may be lifted: what they hold back waits, undelivered, until its own end."""
_UNDELIVERABLE = Event(transition="T04", reason="undeliverable")
_CLOSED = Refused("referral-closed", "R23", "/ref")
_MESSAGE_TO_CLOSED = Refused("referral-closed", "R29", "/ref")
_NOT_GRANTED = frozenset(
    {
        "purpose-not-granted",
        "agreement-not-granted",
        "recipient-not-granted",
        "section-not-granted",
        "outside-geography",
    }
)
"""What the second gate says once the person allows less than when the envelope was sent."""
KEY_REVOKED = Refused("key-revoked")
"""The key that an envelope was sealed to was revoked while it waited."""
UNCONFIRMED = Refused("statement-unconfirmed")
"""Entries of the journal were lost, and the issuer of the consent has not said again what it is."""
_RECEIVES = ("envelope:receive",)


def destroy(broker: Broker, tx: Transaction, waiting: Iterable[Waiting], because: Refused, at: datetime) -> list[str]:
    """Destroy sealed bytes that nobody may have any more, each with its entry in the journal; their ids."""
    ids = []
    for item in waiting:
        envelope = reread(item.wire)
        _destroy_one(broker, tx, envelope, because, at)
        ids.append(envelope.header.id)
    return ids


def withhold(broker: Broker, tx: Transaction, envelope: Envelope, refused: Refused, at: datetime) -> None:
    """Destroy what the second gate refused, and say so to both ends: a referral ends, a message is missed."""
    _destroy_one(broker, tx, envelope, refused, at)
    _not_delivered(broker, tx, envelope, refused, at)


def withhold_uncovered(broker: Broker, tx: Transaction, waiting: Iterable[Waiting], at: datetime) -> None:
    """Ask the second gate about what waits, and withhold at once what it refuses for good."""
    for item in waiting:
        known = tx.envelopes.get(item.id)
        if known is None or known.wire is None:
            continue  # It went with the referral it belonged to.
        envelope = reread(item.wire)
        decision = judge(tx, envelope.header, "pickup", _RECEIVES, at)
        if not isinstance(decision, Refused) or decision.because in MAY_PASS_LATER:
            continue
        if item.released and decision.because in _NOT_GRANTED:
            # Its recipient has it in its hands: it is asked for its answer, and nobody hears that it never came.
            _destroy_one(broker, tx, envelope, decision, at)
        else:
            withhold(broker, tx, envelope, decision, at)


def end_undeliverable(broker: Broker, tx: Transaction, ref: str, envelope: str, at: datetime) -> None:
    """Tell both ends that a referral could not be delivered or opened."""
    end_referral(broker, tx, ref, _UNDELIVERABLE, "non-delivery", at, envelopes=(envelope,))


def end_expired(broker: Broker, tx: Transaction, waiting: Iterable[Waiting], at: datetime) -> None:
    """Let go of what nobody said it holds before its time was over, and tell both ends (PROTOCOL §4 `exp`)."""
    for item in waiting:
        known = tx.envelopes.get(item.id)
        if known is None or known.wire is None:
            continue  # It went with the referral it belonged to.
        envelope = reread(item.wire)
        tx.journal.append(at, **records.expired(envelope.header, envelope.payload_sha256, broker.settings.address))
        _let_go(tx, item.id)
        _not_delivered(broker, tx, envelope, Refused("envelope-expired"), at)


def end_sealed_to(broker: Broker, tx: Transaction, kid: str, at: datetime) -> None:
    """Destroy what waits sealed to a key that was revoked, so that it can be sealed anew (PROTOCOL §2).

    What its recipient is being handed at this moment is left to it: it may still acknowledge it.
    """
    for item in tx.envelopes.sealed_to(kid, at):
        known = tx.envelopes.get(item.id)
        if known is not None and known.wire is not None:
            withhold(broker, tx, reread(item.wire), KEY_REVOKED, at)


def sealed_to_revoked(tx: Transaction, envelope: Envelope) -> bool:
    """Whether the key that an envelope is sealed to was revoked since it was accepted, by whatever way."""
    key = tx.keys.get(envelope.payload.key.kid) if envelope.payload.key else None
    return key is not None and key.revoked_index is not None


def end_referral(
    broker: Broker,
    tx: Transaction,
    ref: str,
    event: Event,
    kind: NoticeKind,
    at: datetime,
    *,
    envelopes: Sequence[str] = (),
) -> bool:
    """Take the step that ends a referral nobody answered; what still waits for its owner is destroyed with it.

    False when it was answered or closed before, having done nothing. `envelopes` are destroyed already.
    """
    referral = tx.referrals.get(ref)
    if referral is None or referral.state.status != "requested":
        return False
    gone = _destroy_for_owner(broker, tx, referral, at)
    return take_step(broker, tx, ref, event, kind, at, envelopes=[*envelopes, *gone])


def clear_closed(broker: Broker, tx: Transaction, ref: str, at: datetime) -> None:
    """Once a party closed its referral, destroy what still waits for the owner and tell both; answers stay."""
    referral = tx.referrals.get(ref)
    if referral is not None and closed(referral.state):
        tell_both(broker, tx, referral, _destroy_for_owner(broker, tx, referral, at), at)


def tell_both(broker: Broker, tx: Transaction, referral: OpenReferral, envelopes: Sequence[str], at: datetime) -> None:
    """Tell both ends of a referral which envelopes will not be delivered; nothing when there are none."""
    for start in range(0, len(envelopes), MAX_TOLD_AT_ONCE):
        notice = Notice(kind="non-delivery", envelopes=tuple(envelopes[start : start + MAX_TOLD_AT_ONCE]))
        for end in (referral.requester, referral.owner):
            tell(broker, tx, referral, end, notice, at)


def _not_delivered(broker: Broker, tx: Transaction, envelope: Envelope, refused: Refused, at: datetime) -> None:
    """Say that an envelope is gone: by the step that ends its referral, or without one when it goes on or is closed."""
    header = envelope.header
    if isinstance(header, ReferralHeader):
        reason = CONSENT_ENDED.get(refused.because)
        event = Event(transition="T12", reason=reason) if reason else _UNDELIVERABLE
        if end_referral(broker, tx, header.ref, event, "non-delivery", at, envelopes=(header.id,)):
            return
    referral = tx.referrals.get(header.ref)
    if referral is None:
        return
    for end in (header.from_, header.to):
        # The rules of a notice leave out whoever is no party of the referral, as the auditors of an emergency.
        tell(broker, tx, referral, end, Notice(kind="non-delivery", envelopes=(header.id,)), at)


def _destroy_for_owner(broker: Broker, tx: Transaction, referral: OpenReferral, at: datetime) -> list[str]:
    """Destroy what a closed referral may not deliver: all that goes to its owner, and nothing else under its `ref`.

    Returns what its owner was never handed.
    """
    gone = []
    for item in tx.envelopes.undelivered(ref=referral.ref):
        envelope = reread(item.wire)
        if envelope.header.to == referral.owner:
            because = _CLOSED if isinstance(envelope.header, ReferralHeader) else _MESSAGE_TO_CLOSED
            _destroy_one(broker, tx, envelope, because, at)
            if not item.released:
                gone.append(item.id)
    return gone


def _destroy_one(broker: Broker, tx: Transaction, envelope: Envelope, because: Refused, at: datetime) -> None:
    header = envelope.header
    tx.journal.append(at, **records.destroyed(header, envelope.payload_sha256, because, broker.settings.address))
    _let_go(tx, header.id)


def _let_go(tx: Transaction, identifier: str) -> None:
    """Forget the sealed bytes of an envelope, and of the papers that came with it."""
    tx.envelopes.withhold(identifier)
    tx.attachments.destroy(identifier)
