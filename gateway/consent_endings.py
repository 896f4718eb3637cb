"""How a consent ends at the broker, whoever ends it: nothing more passes, what waits is destroyed, all are told.

PRODUCT §4 and PROTOCOL §3. A consent ends by a version that its issuer signed, by the code that the person keeps, or
by its period. One function does what follows, in the transaction of the end, once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from consent.headers import MAX_TOLD_AT_ONCE, Event, Notice
from consent.passage import Refused
from consent.statement import RegisteredStatement
from gateway import records
from gateway.broker import Broker
from gateway.endings import CONSENT_ENDED, destroy, tell_both
from gateway.notices import take_step, tell
from gateway.store.envelopes import KnownServed
from gateway.store.statements import StatementEnd
from gateway.store.transaction import Transaction
from keys.documents import Address

__all__ = ["end_consent", "settle", "tell_served"]


def end_consent(broker: Broker, tx: Transaction, identifier: str, state: str, at: datetime) -> StatementEnd:
    """End a consent that nobody signed the end of, by its code (`withdrawn`) or its period (`expired`).

    Returns how it ended, which is how it had ended before when it had: then nothing is journalled and nobody told.
    """
    known = tx.statements.ended(identifier)
    if known is not None:
        return known
    statement = tx.statements.newest(identifier)
    if statement is None:
        raise AssertionError  # codes and periods are those of registered statements
    appended = tx.journal.append(at, **records.consent_ended(statement, state, broker.settings.address))
    settle(broker, tx, statement, state, appended.index, at)
    return StatementEnd(state, at, appended.index, None)


def settle(
    broker: Broker, tx: Transaction, statement: RegisteredStatement, state: str, index: int, at: datetime
) -> None:
    """Do what follows the end of a consent, journalled at `index`; nothing when it had ended before.

    `statement` is the newest version: the one that ends it, when its issuer signed one, and then it need not be told.
    """
    document = statement.document
    if tx.statements.ended(document.id) is not None:
        return
    tx.statements.end(document.id, state, at, index)
    waiting = tx.envelopes.undelivered(statement=document.id)
    destroy(broker, tx, waiting, Refused(f"consent-{state}", "R17"), at)
    tx.attachments.destroy_under(document.id)
    never_handed_out = [item.id for item in waiting if not item.released]
    _end_referrals(broker, tx, document.id, state, never_handed_out, at)
    tell_served(broker, tx, statement, tx.envelopes.served(document.id), at)
    if document.state == "given":
        _tell_issuer(broker, tx, statement, at)


def _end_referrals(
    broker: Broker, tx: Transaction, identifier: str, state: str, destroyed: list[str], at: datetime
) -> None:
    """Cancel the referrals that nobody answered (T12); of the others tell which messages are missing."""
    by_ref: defaultdict[str, list[str]] = defaultdict(list)
    for envelope in destroyed:
        known = tx.envelopes.get(envelope)
        if known is not None:
            by_ref[known.ref].append(envelope)
    event = Event(transition="T12", reason=CONSENT_ENDED[f"consent-{state}"])
    unanswered = tx.referrals.requested_under(identifier)
    for ref in unanswered:
        take_step(broker, tx, ref, event, "non-delivery", at, envelopes=by_ref[ref])
    for ref in sorted(by_ref.keys() - set(unanswered)):
        referral = tx.referrals.get(ref)
        if referral is None:
            raise AssertionError  # referrals are never removed
        tell_both(broker, tx, referral, by_ref[ref], at)


def tell_served(
    broker: Broker, tx: Transaction, statement: RegisteredStatement, handed: Iterable[KnownServed], at: datetime
) -> None:
    """Tell every recipient which envelopes it was handed without a consent any more: it has to answer for them."""
    document = statement.document
    held: defaultdict[tuple[str, Address], list[str]] = defaultdict(list)
    for served in handed:
        if served.recipient != document.issuer:  # what was answered to the issuer is its own record
            held[served.ref, served.recipient].append(served.id)
    for (ref, recipient), envelopes in held.items():
        referral = tx.referrals.get(ref)
        if referral is None:
            raise AssertionError  # referrals are never removed
        for start in range(0, len(envelopes), MAX_TOLD_AT_ONCE):
            notice = Notice(
                kind="consent-ended",
                statement=document.id,
                version=document.version,
                envelopes=tuple(envelopes[start : start + MAX_TOLD_AT_ONCE]),
            )
            tell(broker, tx, referral, recipient, notice, at)


def _tell_issuer(broker: Broker, tx: Transaction, statement: RegisteredStatement, at: datetime) -> None:
    """Tell the organisation that collected the consent, which did not end it itself, on what is open under it.

    Where nothing is, one referral carries the news: the issuer has its record to close all the same.
    """
    document = statement.document
    notice = Notice(kind="consent-ended", statement=document.id, version=document.version)
    for ref in tx.referrals.open_under(document.id) or tx.referrals.resting_on(document.id)[-1:]:
        referral = tx.referrals.get(ref)
        if referral is not None:
            tell(broker, tx, referral, document.issuer, notice, at)
