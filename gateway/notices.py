"""What the broker says by itself when a referral cannot go on: a signed notice to the organisation that sent it.

PROTOCOL §4 (*notice*) and the transition table: T04 when it cannot be delivered, T12 when the consent ended. The
referral moves in the same transaction, so nobody is told what did not happen.
"""

from __future__ import annotations

from datetime import datetime

from consent.envelope import Envelope, UnverifiedEnvelope, compose
from consent.headers import MAX_LIFE, Event, NoticeHeader, ReferralHeader, protect
from consent.passage import Refused
from gateway import records
from gateway.broker import Broker
from gateway.gates import accept, judge
from gateway.store.transaction import Transaction
from keys.documents import new_id
from keys.identity import verifier

__all__ = ["end_undeliverable", "withhold"]

_CONSENT_ENDED = {
    "consent-withdrawn": "consent-withdrawn",
    "consent-revoked": "consent-withdrawn",
    "consent-invalidated": "consent-withdrawn",
    "consent-expired": "consent-expired",
}
"""Which reason of the table each ending of a consent is told as."""
_AUTHOR = "broker"


def withhold(broker: Broker, tx: Transaction, envelope: Envelope, refused: Refused, at: datetime) -> None:
    """Destroy what the second gate refused and tell its sender."""
    header = envelope.header
    tx.journal.append(at, **records.destroyed(header, envelope.payload_sha256, refused, broker.settings.address))
    tx.envelopes.withhold(header.id)
    if not isinstance(header, ReferralHeader):
        return
    reason = _CONSENT_ENDED.get(refused.because)
    event = Event(transition="T12", reason=reason) if reason else Event(transition="T04", reason="undeliverable")
    _tell(broker, tx, header, event, at)


def end_undeliverable(broker: Broker, tx: Transaction, header: ReferralHeader, at: datetime) -> None:
    """Tell the sender that its recipient could not open the referral."""
    _tell(broker, tx, header, Event(transition="T04", reason="undeliverable"), at)


def _tell(broker: Broker, tx: Transaction, about: ReferralHeader, event: Event, at: datetime) -> None:
    header = NoticeHeader(
        v=1,
        suite="PQ1",
        typ="notice",
        id=new_id("env"),
        ref=about.ref,
        seq=tx.envelopes.next_seq(about.ref, broker.settings.address),
        from_=broker.settings.address,
        to=about.from_,
        iat=at,
        exp=at + MAX_LIFE,
        author=_AUTHOR,
        agreement=about.agreement,
        agreement_sha256=about.agreement_sha256,
        article=about.article,
        event=event,
    )
    key = broker.keys.receipts
    notice = UnverifiedEnvelope.parse(compose(protect(header), key)).verify(
        verifier(key.address, "receipts", key.public_bytes)
    )
    decision = judge(tx, header, "deposit", (), at)
    if isinstance(decision, Refused):
        return  # The referral is already closed: there is nothing left to end.
    accept(broker, tx, decision, notice)
