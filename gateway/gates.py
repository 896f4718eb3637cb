"""The two gates an envelope passes, and what the broker decides there: on what evidence, and with what effect.

PROTOCOL §4 and §6. Both gates ask the same pure function, `consent.decision.decide`, under the lock of the journal's
end, on the newest versions of everything. Only what it granted can be kept or handed out.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from consent.decision import decide
from consent.envelope import Envelope, UnverifiedEnvelope
from consent.headers import Header, ReferralHeader, SealedHeader
from consent.passage import Gate, Granted, OpenReferral, Passage, Refused
from gateway import records
from gateway.broker import Broker
from gateway.receipts import receipt
from gateway.store.transaction import Transaction

__all__ = ["accept", "judge", "reread"]


def judge(tx: Transaction, header: Header, gate: Gate, scopes: Collection[str], at: datetime) -> Granted | Refused:
    """Decide one passage on everything as it stands under the lock."""
    referral = tx.referrals.get(header.ref)
    statement = None
    if isinstance(header, SealedHeader):
        statement = tx.statements.newest(header.authority.statement)
    inactive = tx.organisations.inactive({header.from_, header.to})
    part_of = tx.referrals.get(header.part_of) if header.part_of else None
    return decide(
        Passage(gate, header, referral, inactive, part_of),
        scopes=scopes,
        agreement=tx.agreements.newest(header.agreement.partition("@")[0]),
        statement=statement,
        at=at,
    )


def accept(broker: Broker, tx: Transaction, granted: Granted, envelope: Envelope) -> bytes:
    """Journal and keep an envelope, spend the use, move the referral; returns the signed receipt."""
    header = envelope.header
    appended = tx.journal.append(granted.at, **records.accepted(envelope))
    if isinstance(header, ReferralHeader):
        tx.referrals.open(_opened(header, granted), header.part_of)
        if granted.grant is not None:
            tx.statements.spend(header.authority.statement, granted.grant.gid)
    elif granted.next_state is not None:
        tx.referrals.move(header.ref, granted.next_state)
    origin = broker.keys.journal.origin
    signed = receipt(broker.keys.receipts, origin, appended, envelope.payload_sha256, envelope=header.id)
    tx.envelopes.keep(envelope, appended.index, signed)
    tx.news.add(header.to)
    return signed


def reread(wire: bytes) -> Envelope:
    """An envelope that was verified when it was accepted, read back from our own rows."""
    parsed = UnverifiedEnvelope.parse(wire)
    return Envelope(parsed.wire, parsed.signed, parsed.payload, parsed.header, parsed.key, parsed.sections)


def _opened(header: ReferralHeader, granted: Granted) -> OpenReferral:
    if granted.next_state is None:
        raise AssertionError  # a granted referral always has a first state: T02
    return OpenReferral(
        ref=header.ref,
        requester=header.from_,
        owner=header.to,
        agreement=header.agreement,
        statement=header.authority.statement,
        purpose=header.purpose,
        state=granted.next_state,
    )
