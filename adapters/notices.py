"""Keeps what the broker tells by itself: an end, a deadline, an answer that came; and what follows from it here.

PROTOCOL §4 (*notice*). Every notice is kept, also one about a referral that never came: somebody may have to answer it.
"""

from __future__ import annotations

from typing import Final

from adapters.events import log_step
from adapters.store.records import Alarm, LoggedNotice, LoggedStep, Referral
from adapters.store.store import Transaction

__all__ = ["OF_ANOTHER_CONSENT", "concerns_us", "keep_notice"]

OF_ANOTHER_CONSENT: Final = "notice-of-another-consent"
"""The alarm about a notice by which another consent ended than the one that the referral rests on."""


def keep_notice(tx: Transaction, notice: LoggedNotice) -> None:
    """Keep a notice that verified, and take the step that it tells of, if it tells of one; twice is once."""
    header = notice.header
    if not tx.notices.add(notice):
        return
    if header.event is not None:
        log_step(tx, LoggedStep(header, notice.receipt, notice.wire))
    referral = tx.dossiers.find(header.ref)
    if header.notice.kind == "consent-ended" and not concerns_us(notice, referral):
        tx.traffic.raise_alarm(Alarm(notice.receipt.at, OF_ANOTHER_CONSENT, header.id))


def concerns_us(notice: LoggedNotice, referral: Referral | None) -> bool:
    """Whether the consent that a notice says has ended is the one its referral rests on, as far as we know it."""
    if referral is None:
        return True
    cited = referral.header.authority
    return cited is not None and cited.statement == notice.header.notice.statement
