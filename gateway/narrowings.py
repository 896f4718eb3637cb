"""A person takes a part of a consent back: whoever holds what it no longer covers is told, and answers for it.

PROTOCOL §3 and §4. A version may only narrow the one before it, so that what it does not cover stays uncovered.
"""

from __future__ import annotations

from datetime import datetime

from consent.headers import Event
from consent.statement import Grant, RegisteredStatement
from gateway.broker import Broker
from gateway.consent_endings import tell_served
from gateway.endings import end_referral, withhold_uncovered
from gateway.store.envelopes import KnownServed
from gateway.store.transaction import Transaction
from journal.entries import read_entry

__all__ = ["narrow", "uncovered"]

_WITHDRAWN = Event(transition="T12", reason="consent-withdrawn")


def narrow(
    broker: Broker, tx: Transaction, before: RegisteredStatement | None, after: RegisteredStatement, at: datetime
) -> None:
    """Do what follows a version that is still given: what waits and is not covered goes, who holds such is told.

    `before` is the version before it; what was outside of that one was told then.
    """
    withhold_uncovered(broker, tx, tx.envelopes.undelivered(statement=after.document.id), at)
    if before is None:
        return
    known = {served.id for served in uncovered(tx, before)}
    fresh = [served for served in uncovered(tx, after) if served.id not in known]
    for served in fresh:
        if served.kind == "referral":
            end_referral(broker, tx, served.ref, _WITHDRAWN, "non-delivery", at)
    tell_served(broker, tx, after, fresh, at)


def uncovered(tx: Transaction, statement: RegisteredStatement) -> list[KnownServed]:
    """What recipients were handed that no grant of this version covers; what the issuer was answered needs none."""
    document = statement.document
    return [
        served
        for served in tx.envelopes.served(document.id)
        if served.recipient != document.issuer
        and not any(_covers(tx, grant, served) for grant in document.grants if grant.recipient == served.recipient)
    ]


def _covers(tx: Transaction, grant: Grant, served: KnownServed) -> bool:
    """As both gates ask it, of an envelope whose header is gone: its sections are in its entry in the journal."""
    referral, agreement = tx.referrals.get(served.ref), tx.agreements.newest(grant.agreement)
    party = agreement.document.party(served.recipient) if agreement is not None else None
    if referral is None or party is None or party.jurisdiction not in grant.geo:
        return False
    if (grant.purpose, grant.agreement) != (referral.purpose, referral.agreement.partition("@")[0]):
        return False
    sections = read_entry(tx.journal.opening(served.index).entry, served.index).sections or ()
    return set(sections) <= set(grant.sections)
