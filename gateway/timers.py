"""What time decides by itself: silence that becomes an answer, and consents, envelopes and agreements that are over.

PRODUCT §5 and PROTOCOL §4. Each chore takes the lock of the journal's end, does a batch of what is due and leaves it no
longer due, so that it may run at any time or twice; of several processes, one does it at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

import structlog

from consent.emergency_review import ESCALATE_AGAIN
from consent.headers import Event, Notice
from gateway import protocols, records
from gateway.broker import Broker
from gateway.consent_endings import end_consent
from gateway.endings import end_expired, end_referral
from gateway.notices import tell
from gateway.store.store import Duty
from gateway.store.transaction import Transaction
from keys.errors import PasserelleError

__all__ = ["run_timers", "tick"]

BATCH = 50
"""How much of one kind is done in one transaction, so that no request waits long behind it."""
_SILENCE = Event(transition="T11", reason="no-response")
_log = structlog.get_logger("gateway")


async def run_timers(broker: Broker) -> None:
    """Do what is due, every `timer_seconds`, until cancelled; a failure is told and tried again."""
    while True:
        more = False
        try:
            with broker.store.on_duty(Duty.TIMERS) as ours:
                more = ours and await _round(broker)
        except PasserelleError as error:
            _log.error("timer.failed", code=error.code)
        except Exception as error:  # noqa: BLE001 - whatever it is, consents still have to end
            _log.error("timer.failed", kind=type(error).__name__)
        await asyncio.sleep(0 if more else broker.settings.timer_seconds)


async def _round(broker: Broker) -> bool:
    """One batch of each chore; True when more may be left."""
    more = False
    for chore in _CHORES:
        try:
            more |= await broker.store.write(lambda tx, chore=chore: _do(broker, tx, chore))  # type: ignore[misc]  # mypy takes the default for a second argument
        except PasserelleError as error:
            _log.error("timer.failed", duty=chore.__name__.strip("_"), code=error.code)
        except Exception as error:  # noqa: BLE001 - whatever it is, the other chores must still be done
            _log.error("timer.failed", duty=chore.__name__.strip("_"), kind=type(error).__name__)
    return more


def tick(broker: Broker) -> None:
    """Do all that is due now, each batch in a transaction of its own; raises what a chore raises."""
    for chore in _CHORES:
        more = True
        while more:
            with broker.store.transaction() as tx:
                more = _do(broker, tx, chore)


Chore = Callable[[Broker, Transaction, datetime], int]
"""Does up to `BATCH` of what is due at a moment; returns how much it did."""


def _do(broker: Broker, tx: Transaction, chore: Chore) -> bool:
    """One batch of one chore at the moment of the transaction, which never goes back; True when more may be left.

    Nothing is due while nobody knows whether a restored backup is whole.
    """
    at = tx.journal.lock(broker.clock())
    return tx.journal.head().restored is None and chore(broker, tx, at) >= BATCH


def _end_consents(broker: Broker, tx: Transaction, at: datetime) -> int:
    """Consents whose period is over."""
    over = tx.statements.expiring(at, BATCH)
    for identifier in over:
        end_consent(broker, tx, identifier, "expired", at)
    return len(over)


def _end_silent_referrals(broker: Broker, tx: Transaction, at: datetime) -> int:
    """Referrals that nobody answered in the time agreed (T11)."""
    return sum(end_referral(broker, tx, ref, _SILENCE, "timer", at) for ref in tx.referrals.unanswered(at, BATCH))


def _end_envelopes(broker: Broker, tx: Transaction, at: datetime) -> int:
    """Envelopes that nobody fetched, or said that it holds, in their time."""
    over = tx.envelopes.expiring(at, BATCH)
    end_expired(broker, tx, over, at)
    return len(over)


def _escalate_emergencies(broker: Broker, tx: Transaction, at: datetime) -> int:
    """Emergencies that no second person reviewed: told to the sender and the auditors, and told again a day later."""
    overdue = tx.emergencies.unreviewed(at, BATCH)
    for declared in overdue:
        tx.journal.append(at, **records.escalated(declared, broker.settings.address))
        tx.emergencies.escalate(declared.envelope, at + ESCALATE_AGAIN)
        referral = tx.referrals.get(declared.ref)
        if referral is None:
            raise AssertionError  # it was opened by the envelope that declared the emergency
        notice = Notice(kind="emergency-unreviewed", envelopes=(declared.envelope,))
        for address in (declared.sender, declared.auditor):
            tell(broker, tx, referral, address, notice, at)
    return len(overdue)


def _end_agreements(broker: Broker, tx: Transaction, at: datetime) -> int:
    """Agreements whose period is over; what is open under them may still be closed (PROTOCOL §3)."""
    over = tx.agreements.over(at)
    for agreement in over:
        protocols.change_state(broker, tx, agreement, "ended", at)
    return 0


def _purge_papers(_broker: Broker, tx: Transaction, at: datetime) -> int:
    """Papers that are kept no longer."""
    return tx.attachments.purge(at, BATCH)


def _forget(_broker: Broker, tx: Transaction, at: datetime) -> int:
    """Sources that asked long ago, and values that could not be used again."""
    return tx.rates.forget(at) + tx.replay.forget(at)


_CHORES: tuple[Chore, ...] = (
    _end_consents,
    _end_silent_referrals,
    _end_envelopes,
    _escalate_emergencies,
    _end_agreements,
    _purge_papers,
    _forget,
)
