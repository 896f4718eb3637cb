"""Answers the end of a consent: what we were handed under it is deleted, or kept on this ground.

PRODUCT §4, PROTOCOL §6. The contents are erased in the very transaction in which the signed answer is put in the
outbox, so that nobody is told "deleted" of what is still here; the tombstone stays: that it was, and its steps.
"""

from __future__ import annotations

from typing import Final

from adapters.erasure import erase
from adapters.notices import concerns_us
from adapters.office import Office
from adapters.store.records import LoggedNotice, Shipment
from adapters.store.store import Transaction
from consent.passage import Refused
from consent.withdrawal_answer import WITHDRAWAL_ANSWER_KIND, Answer, WithdrawalAnswer
from keys.documents import encode, format_time, validate
from keys.signing import sign

__all__ = ["answer_withdrawal", "deleted_before", "to_answer"]

CONSENT_ENDED: Final = "consent-ended"


def to_answer(tx: Transaction) -> list[LoggedNotice]:
    """The ends of consents that we have not answered yet, for what we were handed; the oldest first."""
    return [notice for notice in tx.notices.unanswered(CONSENT_ENDED) if _was_handed_to_us(tx, notice)]


def answer_withdrawal(office: Office, ref: str, answer: Answer, ground: str | None = None) -> tuple[str, ...] | Refused:
    """Sign and queue the answer to every end of consent about a referral; the items in the outbox.

    `deleted` erases what the referral said first, in the same transaction; it may follow `kept`, not the reverse.
    Refused: nothing-to-answer, already-deleted. Raises `MalformedError` (missing-field, unexpected-member,
    unknown-code) and `StoreError`.
    """
    now = office.now()
    with office.store.transaction() as tx:
        notices = [notice for notice in tx.notices.of(ref) if _is_open(tx, notice, answer)]
        if not notices:
            done = any(notice.answer == "deleted" for notice in tx.notices.of(ref))
            return Refused("already-deleted" if done else "nothing-to-answer", "", "/ref")
        items = []
        for notice in notices:
            told = notice.header.notice
            members = {
                "v": 1,
                "by": office.address,
                "statement": told.statement,
                "version": told.version,
                "envelopes": list(told.envelopes or ()),
                "answer": answer,
                "at": format_time(now),
            } | ({"ground": ground} if ground is not None else {})
            signed = sign(WITHDRAWAL_ANSWER_KIND, encode(validate(WithdrawalAnswer, members)), (office.signer(),))
            item = f"withdrawal:{notice.header.id}:{answer}"
            lane = f"withdrawal:{notice.header.id}"
            tx.traffic.ship(Shipment(item, "withdrawal-answer", lane, signed.encode(), now))
            tx.notices.answer(notice.header.id, answer, now)
            items.append(item)
        if answer == "deleted":
            named = (envelope for notice in notices for envelope in notice.header.notice.envelopes or ())
            erase(tx, ref, now, also=[envelope for envelope in named if not _of_another(tx, ref, envelope)])
    return tuple(items)


def deleted_before(tx: Transaction, ref: str, envelope: str) -> bool:
    """Whether we said of an envelope that it is deleted, before it ever came."""
    return any(
        notice.answer == "deleted" and envelope in (notice.header.notice.envelopes or ())
        for notice in tx.notices.of(ref)
        if notice.header.notice.kind == CONSENT_ENDED
    )


def _of_another(tx: Transaction, ref: str, envelope: str) -> bool:
    """Whether an envelope that a notice names belongs to another referral here, which then stays as it is."""
    content = tx.dossiers.content(envelope)
    return content is not None and content.ref != ref


def _is_open(tx: Transaction, notice: LoggedNotice, answer: Answer) -> bool:
    if notice.header.notice.kind != CONSENT_ENDED or not _was_handed_to_us(tx, notice):
        return False
    return notice.answered_at is None or (notice.answer == "kept" and answer == "deleted")


def _was_handed_to_us(tx: Transaction, notice: LoggedNotice) -> bool:
    """The issuer of a consent is told of its end as well, and has nothing to answer."""
    referral = tx.dossiers.find(notice.header.ref)
    told = notice.header.notice
    asked = told.statement is not None and told.version is not None and bool(told.envelopes)
    return asked and concerns_us(notice, referral) and (referral is None or referral.direction == "received")
