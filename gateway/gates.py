"""The two gates an envelope passes, and what the broker decides there: on what evidence, and with what effect.

PROTOCOL §4 and §6. Both gates ask the same pure function, `consent.decision.decide`, under the lock of the journal's
end, on the newest versions of everything. Only what it granted can be kept or handed out.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from consent.decision import decide
from consent.emergency_review import NOT_JUSTIFIED
from consent.envelope import Envelope, UnverifiedEnvelope
from consent.headers import Header, MessageHeader, NoticeHeader, ReferralHeader, SealedHeader
from consent.passage import Case, DeclaredEmergency, Gate, Granted, OpenReferral, Passage, Refused
from consent.statement import RegisteredStatement
from gateway import records
from gateway.broker import Broker
from gateway.declarations import declare, review_of
from gateway.receipts import receipt
from gateway.shards import current_origin
from gateway.store.transaction import Transaction
from keys.documents import Address

__all__ = ["accept", "case", "is_unconfirmed", "judge", "reread"]


def judge(tx: Transaction, header: Header, gate: Gate, scopes: Collection[str], at: datetime) -> Granted | Refused:
    """Decide one passage on everything as it stands under the lock."""
    passage, statement = _passage(tx, header, gate, at)
    return decide(
        passage,
        scopes=scopes,
        agreement=tx.agreements.newest(header.agreement.partition("@")[0]),
        statement=statement,
        at=at,
    )


def is_unconfirmed(tx: Transaction, header: Header) -> bool:
    """Whether what an envelope rests on waits for its issuer, since entries of the journal were lost.

    Only sealed envelopes wait: steps and notices hand nothing out, and an emergency rests on no consent.
    """
    if not tx.statements.any_in_doubt() or not isinstance(header, SealedHeader) or header.emergency is not None:
        return False
    referral = tx.referrals.get(header.ref)
    named = {header.authority.statement if header.authority else None, referral.statement if referral else None}
    return any(tx.statements.in_doubt(each) for each in named if each is not None)


def case(tx: Transaction, header: Header, scopes: Collection[str], at: datetime) -> Case:
    """What a deposit of this header would be decided on, for whoever asks why."""
    passage, statement = _passage(tx, header, "deposit", at)
    agreement = tx.agreements.newest(header.agreement.partition("@")[0])
    return Case(passage, scopes, agreement, statement, at)


def _passage(tx: Transaction, header: Header, gate: Gate, at: datetime) -> tuple[Passage, RegisteredStatement | None]:
    """Everything the broker knows that the header names, as it stands under the lock."""
    authority = header.authority if isinstance(header, SealedHeader) else None
    emergency = header.emergency if isinstance(header, SealedHeader) else None
    named = emergency.justification if emergency else None
    passage = Passage(
        gate,
        header,
        _referral(tx, header),
        tx.organisations.inactive({header.from_, header.to}),
        tx.referrals.get(header.part_of) if header.part_of else None,
        tx.envelopes.known(named.envelope, at) if named else None,
        tx.envelopes.known(header.replaces, at) if header.replaces else None,
        tx.emergencies.is_barred(header.from_, emergency.worker) if emergency else False,
        _also_told(tx, header),
    )
    return passage, tx.statements.newest(authority.statement) if authority else None


def _referral(tx: Transaction, header: Header) -> OpenReferral | None:
    """The referral a header is about, with the emergency it rests on where the header is a message under one."""
    referral = tx.referrals.get(header.ref)
    if referral is None or not isinstance(header, MessageHeader) or header.emergency is None:
        return referral
    return replace(referral, emergency=_declared(tx, referral))


def _declared(tx: Transaction, referral: OpenReferral) -> DeclaredEmergency | None:
    """The emergency as it was declared last; found unjustified once, it stays so however often it is declared again."""
    declared = tx.emergencies.of_referral(referral.ref)
    justification = tx.envelopes.get(referral.justification) if referral.justification else None
    if not declared or justification is None:
        return None
    last, reviews = declared[-1], (review_of(each) for each in declared)
    return DeclaredEmergency(
        ground=last.ground,
        justification_sha256=justification.payload_sha256,
        at=last.at,
        worker=last.worker,
        not_justified=any(review is not None and review.verdict == NOT_JUSTIFIED for review in reviews),
    )


def _also_told(tx: Transaction, header: Header) -> tuple[Address, ...]:
    """The auditors of the emergency that a notice says nobody reviewed."""
    if not isinstance(header, NoticeHeader) or header.notice.kind != "emergency-unreviewed":
        return ()
    declared = tx.emergencies.get(header.notice.envelopes[0]) if header.notice.envelopes else None
    return (declared.auditor,) if declared is not None and declared.ref == header.ref else ()


def accept(broker: Broker, tx: Transaction, granted: Granted, envelope: Envelope) -> bytes:
    """Journal and keep an envelope, spend the use, move the referral; returns the signed receipt."""
    header = envelope.header
    appended = tx.journal.append(granted.at, **records.accepted(envelope))
    if header.replaces is not None:
        tx.envelopes.replace(header.replaces)
        tx.attachments.destroy(header.replaces)
    if isinstance(header, ReferralHeader):
        _begin(tx, header, granted)
    elif granted.next_state is not None:
        tx.referrals.move(header.ref, granted.next_state)
    origin = current_origin(broker.keys, tx)
    signed = receipt(broker.keys.receipts, origin, appended, envelope.payload_sha256, envelope=header.id)
    tx.envelopes.keep(envelope, appended.index, signed)
    if isinstance(header, SealedHeader):
        _attach(tx, envelope, header)
        declare(tx, granted, envelope)
    tx.news.add(header.to)
    return signed


def reread(wire: bytes) -> Envelope:
    """An envelope that needs no verifying again: it was when it was accepted, or the broker signed it a moment ago."""
    parsed = UnverifiedEnvelope.parse(wire)
    return Envelope(parsed.wire, parsed.signed, parsed.payload, parsed.header, parsed.key, parsed.sections)


def _attach(tx: Transaction, envelope: Envelope, header: SealedHeader) -> None:
    """Papers go with an envelope that announces them; without that section they were never part of it."""
    if any(slot.section == "documents" for slot in header.slots):
        tx.attachments.attach(envelope, header.exp)
    else:
        tx.attachments.destroy(header.id)


def _begin(tx: Transaction, header: ReferralHeader, granted: Granted) -> None:
    """Open the referral and spend the use; one that takes the place of another goes on and spends none."""
    opened = _opened(header, granted)
    if header.replaces is not None:
        tx.referrals.move(header.ref, opened.state)
        return
    tx.referrals.open(opened, header.part_of)
    if granted.grant is not None and header.authority is not None:
        tx.statements.spend(header.authority.statement, granted.grant.gid)


def _opened(header: ReferralHeader, granted: Granted) -> OpenReferral:
    if granted.next_state is None:
        raise AssertionError  # a granted referral always has a first state: T02
    named = header.emergency.justification if header.emergency else None
    return OpenReferral(
        ref=header.ref,
        requester=header.from_,
        owner=header.to,
        agreement=header.agreement,
        statement=header.authority.statement if header.authority else None,
        purpose=header.purpose,
        state=granted.next_state,
        justification=named.envelope if named else None,
        article=header.article,
    )
