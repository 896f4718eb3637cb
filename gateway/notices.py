"""What the broker says by itself about a referral: signed notices, each kept for its recipient like any event.

PROTOCOL §4 (*notice*). A step that the broker takes is told to both ends: the requester's notice is the step, the
owner's repeats it. The referral moves in the same transaction, so nobody is told what did not happen.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from consent.envelope import compose
from consent.headers import MAX_LIFE, MAX_TOLD_AT_ONCE, Event, Notice, NoticeHeader, NoticeKind, protect
from consent.passage import Granted, OpenReferral
from gateway.broker import Broker
from gateway.gates import accept, judge, reread
from gateway.store.transaction import Transaction
from keys.documents import Address, new_id

__all__ = ["take_step", "tell"]

_AUTHOR = "broker"


def take_step(
    broker: Broker, tx: Transaction, ref: str, event: Event, kind: NoticeKind, at: datetime, *, envelopes: Sequence[str]
) -> bool:
    """Take a step of the broker's own (T04, T11, T12) and tell both ends; False when the referral may not take it.

    `envelopes` are the ids of what is not delivered because of it; what one notice cannot name, others do.
    """
    referral = tx.referrals.get(ref)
    if referral is None:
        return False
    about = tuple(envelopes[:MAX_TOLD_AT_ONCE]) or None
    step = tell(broker, tx, referral, referral.requester, Notice(kind=kind, envelopes=about), at, event=event)
    if step is None:
        return False  # It is closed already: there is nothing left to end.
    again = Notice(kind=kind, envelopes=about, copy_of=step)
    tell(broker, tx, referral, referral.owner, again, at, event=event)
    for start in range(MAX_TOLD_AT_ONCE, len(envelopes), MAX_TOLD_AT_ONCE):
        more = Notice(kind=kind, envelopes=tuple(envelopes[start : start + MAX_TOLD_AT_ONCE]))
        for end in (referral.requester, referral.owner):
            tell(broker, tx, referral, end, more, at)
    return True


def tell(
    broker: Broker,
    tx: Transaction,
    referral: OpenReferral,
    to: Address,
    notice: Notice,
    at: datetime,
    *,
    event: Event | None = None,
) -> str | None:
    """Sign a notice about a referral and keep it for one of its ends; its id, or None when the rules refuse it."""
    header = _header(broker, tx, referral, to, notice, event, at)
    decision = judge(tx, header, "deposit", (), at)
    if not isinstance(decision, Granted):
        return None
    accept(broker, tx, decision, reread(compose(protect(header), broker.keys.receipts)))
    return header.id


def _header(
    broker: Broker,
    tx: Transaction,
    referral: OpenReferral,
    to: Address,
    notice: Notice,
    event: Event | None,
    at: datetime,
) -> NoticeHeader:
    name, _, version = referral.agreement.partition("@")
    agreement = tx.agreements.get(name, int(version))
    if agreement is None:
        raise AssertionError  # agreements are never removed
    return NoticeHeader(
        v=1,
        suite="PQ1",
        typ="notice",
        id=new_id("env"),
        ref=referral.ref,
        seq=tx.envelopes.next_seq(referral.ref, broker.settings.address),
        from_=broker.settings.address,
        to=to,
        iat=at,
        exp=at + MAX_LIFE,
        author=_AUTHOR,
        agreement=referral.agreement,
        agreement_sha256=agreement[0].sha256,
        article=referral.article,
        notice=notice,
        event=event,
    )
