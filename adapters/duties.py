"""What this partner owes somebody, and by when: answers, reviews, follow-ups, withdrawals, emergencies, agreements.

PRODUCT §2 and §5. Nothing here is done by itself; it is the list that a team looks at in the morning.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from adapters.agreements import governing
from adapters.emergencies import reviewed
from adapters.events import fold
from adapters.office import Office
from adapters.resending import undelivered
from adapters.store.records import Referral
from adapters.store.store import Transaction
from adapters.withdrawals import to_answer
from consent.agreement import warnings
from consent.emergency_review import REVIEW_WITHIN

__all__ = ["DUTIES", "Duty", "DutyKind", "read_duties"]

DutyKind = Literal[
    "answer", "information", "review", "follow-up", "withdrawal", "emergency", "not-delivered", "refused", "agreement"
]
DUTIES: Final = (
    *("withdrawal", "emergency", "answer", "information", "not-delivered", "refused", "review", "follow-up"),
    "agreement",
)
"""Every kind of duty; of two that are due at the same moment, the one named first here comes first."""
_OPEN: Final = ("requested", "accepted", "in-progress", "on-hold", "rejected", "cancelled", "failed")


@dataclass(frozen=True, slots=True)
class Duty:
    """One thing to do, and by when; `subject` is the reference, item or agreement it is about, `peer` the partner."""

    kind: DutyKind
    due: datetime
    subject: str
    peer: str | None = None


def read_duties(office: Office) -> list[Duty]:
    """Everything that is owed, what is due first before the rest; raises `StoreError`."""
    with office.store.transaction() as tx:
        found = [*_of_referrals(tx), *_of_notices(tx), *_of_emergencies(tx), *_of_outbox(tx), *_of_papers(office, tx)]
    return sorted(found, key=lambda duty: (duty.due, DUTIES.index(duty.kind), duty.subject))


def _of_referrals(tx: Transaction) -> Iterator[Duty]:
    for referral in tx.dossiers.in_status(_OPEN):
        state = fold(referral, tx.dossiers.steps(referral.ref)).state
        sent = referral.direction == "sent"
        if not sent and state.status == "requested" and state.respond_by is not None:
            yield Duty("answer", state.respond_by, referral.ref, referral.peer)
        if not sent and state.status == "on-hold" and state.review_by is not None:
            yield Duty("review", state.review_by, referral.ref, referral.peer)
        if sent and state.info_requested:
            yield Duty("information", _last_told(tx, referral), referral.ref, referral.peer)
        if sent and state.follow_up_by is not None:
            yield Duty("follow-up", state.follow_up_by, referral.ref, referral.peer)


def _last_told(tx: Transaction, referral: Referral) -> datetime:
    steps = tx.dossiers.steps(referral.ref)
    return steps[-1].receipt.at if steps else referral.at


def _of_notices(tx: Transaction) -> Iterator[Duty]:
    for notice in to_answer(tx):
        referral = tx.dossiers.find(notice.header.ref)
        yield Duty("withdrawal", notice.receipt.at, notice.header.ref, referral.peer if referral else None)
    for notice in tx.notices.unanswered("non-delivery"):
        referral = tx.dossiers.find(notice.header.ref)
        if referral is not None and undelivered(tx, referral.ref):
            yield Duty("not-delivered", notice.receipt.at, referral.ref, referral.peer)


def _of_emergencies(tx: Transaction) -> Iterator[Duty]:
    for referral in tx.dossiers.all("sent", None):
        if referral.header.emergency is None or referral.deposited_at is None:
            continue
        if not reviewed(tx, referral.header.id):
            yield Duty("emergency", referral.deposited_at + REVIEW_WITHIN, referral.ref, referral.peer)


def _of_outbox(tx: Transaction) -> Iterator[Duty]:
    for item in tx.traffic.settled("refused"):
        yield Duty("refused", item.next_try, item.item)


def _of_papers(office: Office, tx: Transaction) -> Iterator[Duty]:
    for held in governing(tx.papers.agreements()):
        if held.state != "ended" and warnings(held.document, office.now()):
            yield Duty("agreement", held.document.not_after, held.document.ref)
