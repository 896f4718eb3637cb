"""Sends again what could not be delivered: by itself when the recipient ended its key early, else when a person asks.

PROTOCOL §2 *Rotation loses nothing*. An envelope is sent again once, in the place of the one that was lost, and only
after the same decision as the first time; each further time takes another notice that it was not delivered.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from adapters.emergencies import auditor_of
from adapters.judgement import Evidence, known_referral, newest_statement, refused_here
from adapters.office import Office
from adapters.outbox import STALE_KEY
from adapters.outgoing import Queued
from adapters.receipts import receipted_digest
from adapters.recipients import agreement_of
from adapters.renewal import Keys, Renewal, keys_of, make_anew, rests_on, seal_anew, settle_content
from adapters.store.records import HeldAgreement, LoggedNotice, Referral, Shipment
from adapters.store.store import Transaction
from consent.envelope import MessageHeader, ReferralHeader, SealedHeader, UnverifiedEnvelope
from consent.passage import KnownEnvelope, Refused
from keys.documents import Address
from keys.errors import UntrustedKeyError

__all__ = ["RESENT", "resend", "resend_by_itself", "undelivered"]

RESENT = "resent"
"""What is noted about a notice of non-delivery once everything it names was sent again."""


@dataclass(frozen=True, slots=True)
class _Lost:
    """An envelope of ours that the broker took and could not deliver."""

    notice: LoggedNotice
    shipment: Shipment
    header: ReferralHeader | MessageHeader


def resend(office: Office, ref: str) -> Queued | Refused:
    """Send again everything of a referral that was not delivered, or that the broker refused for good.

    Refused: referral-unknown, nothing-to-resend, cannot-resend (what it said is not here, or there is no key to seal
    to), and what the decision says. Raises `StoreError`.
    """
    with office.store.transaction() as tx:
        if tx.dossiers.find(ref) is None:
            return Refused("referral-unknown", "", "/ref")
        lost = _lost(tx, tx.notices.of(ref))
        stuck = [item for item in tx.traffic.shipped(ref, "envelope") if item.state == "refused" and item.body]
    if lost:
        return _replace(office, ref, {item.header.id for item in lost}, {item.header.to for item in lost})
    for shipment in stuck:
        if not seal_anew(office, shipment, asked=True):
            return Refused("cannot-resend", "", "/ref")
    if not stuck:
        return Refused("nothing-to-resend", "", "/ref")
    return Queued(ref, _newest(office, ref))


def resend_by_itself(office: Office) -> list[str]:
    """Send again what was lost because its recipient ended a sealing key early; the references it was about.

    Only where the journal shows that the key was revoked and which key took its place: the word of a notice alone
    moves nothing. Raises `StoreError`.
    """
    with office.store.transaction() as tx:
        lost = _lost(tx, tx.notices.unanswered("non-delivery"))
        stuck = [item for item in tx.traffic.settled("refused") if item.problem in STALE_KEY and item.body]
    sent = []
    for ref in dict.fromkeys(item.header.ref for item in lost):
        for_keys = [item for item in lost if item.header.ref == ref and _key_revoked(office, item)]
        named, parties = {item.header.id for item in for_keys}, {item.header.to for item in for_keys}
        if for_keys and isinstance(_replace(office, ref, named, parties), Queued):
            sent.append(ref)
    return sent + [item.lane for item in stuck if item.kind == "envelope" and seal_anew(office, item)]


def undelivered(tx: Transaction, ref: str) -> tuple[str, ...]:
    """The envelopes of ours that were not delivered and not sent again yet."""
    return tuple(lost.header.id for lost in _lost(tx, tx.notices.of(ref)))


def _lost(tx: Transaction, notices: Iterable[LoggedNotice]) -> list[_Lost]:
    """The envelopes of ours that notices say were not delivered, the referral before its messages."""
    found: dict[str, _Lost] = {}
    for notice in notices:
        if notice.header.notice.kind != "non-delivery" or notice.answered_at is not None:
            continue
        for envelope in notice.header.notice.envelopes or ():
            shipment = tx.traffic.shipment(envelope)
            if (
                shipment is None
                or shipment.state != "done"
                or not shipment.body
                or tx.dossiers.content(envelope) is None
            ):
                continue  # Not ours, or nothing of it is here any more.
            header = UnverifiedEnvelope.parse(shipment.body).header
            if isinstance(header, ReferralHeader | MessageHeader) and header.ref == notice.header.ref:
                found[envelope] = _Lost(notice, shipment, header)
    return sorted(found.values(), key=lambda lost: (isinstance(lost.header, MessageHeader), lost.header.seq))


def _key_revoked(office: Office, lost: _Lost) -> bool:
    """Whether the journal shows that the key an envelope was sealed to was revoked, and that there is another."""
    key = UnverifiedEnvelope.parse(lost.shipment.body).payload.key
    with office.store.transaction() as tx:
        referral = tx.dossiers.find(lost.header.ref)
        agreement = agreement_of(office, tx, referral) if referral else None
    if key is None or agreement is None:
        return False
    try:
        chain = office.chain_of(agreement, lost.header.to)
    except UntrustedKeyError:
        return False
    ended = chain is not None and any(known.kid == key.kid and known.revoked_index is not None for known in chain.keys)
    fresh = keys_of(office, agreement, {lost.header.to}).get(lost.header.to)
    return ended and fresh is not None and fresh[0] != key.kid


def _replace(office: Office, ref: str, named: Collection[str], parties: Iterable[Address]) -> Queued | Refused:
    """Put in the outbox an envelope for each that was lost; the first refusal leaves everything as it was."""
    with office.store.transaction() as tx:
        referral = tx.dossiers.find(ref)
        agreement = agreement_of(office, tx, referral) if referral else None
    if referral is None or agreement is None:
        return Refused("no-agreement-with-recipient", "", "/agreement")
    keys = keys_of(office, agreement, parties)
    try:
        with office.store.transaction() as tx:
            return _replaced(office, tx, referral, agreement, keys, named)
    except _NotNow as stopped:
        return stopped.refused


class _NotNow(Exception):  # noqa: N818 - it undoes a transaction and is no error
    def __init__(self, refused: Refused) -> None:
        super().__init__(refused.because)
        self.refused = refused


def _replaced(
    office: Office,
    tx: Transaction,
    referral: Referral,
    agreement: HeldAgreement,
    keys: Keys,
    named: Collection[str],
) -> Queued:
    now, queued = office.now(), Queued(referral.ref, "")
    notices = {}
    for item in _lost(tx, tx.notices.of(referral.ref)):
        if item.header.id not in named:
            continue
        again = _again(office, tx, referral, agreement, keys, item)
        if isinstance(again, Refused):
            raise _NotNow(again)
        fresh = again.header
        if again.papers is not None:
            again.papers.ship(tx, fresh.id, fresh.ref, now)
        settle_content(tx, again, now)
        tx.traffic.ship(Shipment(fresh.id, "envelope", fresh.ref, again.wire, now))
        notices[item.notice.header.id] = item.notice
        queued = Queued(referral.ref, queued.envelope or fresh.id)
    for notice in notices.values():
        if not _lost(tx, [notice]):  # Of what it names, nothing is left to send again.
            tx.notices.answer(notice.header.id, RESENT, now)
    return queued


def _again(
    office: Office, tx: Transaction, referral: Referral, agreement: HeldAgreement, keys: Keys, lost: _Lost
) -> Renewal | Refused:
    """The envelope that takes the place of a lost one, once the same decision let it pass."""
    old = lost.header
    if lost.shipment.receipt is None:
        return Refused("cannot-resend", "", "/ref")
    statement = newest_statement(office, tx, referral)
    late = isinstance(old, ReferralHeader) and old.respond_by is not None and old.respond_by <= office.now()
    cited = rests_on(statement) if old.authority is not None else {}
    # A justification replaces none: it is told to the auditors again, as another message (R40).
    replaces = {} if isinstance(old, MessageHeader) and old.justifies else {"replaces": old.id}
    changes = replaces | cited | ({"respond_by": None} if late else {})
    again = make_anew(office, tx, old, agreement, keys, changes)
    if again is None or not isinstance(again.header, SealedHeader):
        return Refused("cannot-resend", "", "/ref")
    digest = receipted_digest(lost.shipment.receipt)
    known = KnownEnvelope(old.id, old.typ, old.ref, old.from_, old.to, digest)
    evidence = Evidence(
        agreement, statement, known_referral(office.address, tx, old.ref), None, _why(old, agreement), known
    )
    ours_to_decide = referral.direction == "sent" or old.emergency is not None
    refused = refused_here(again.header, evidence, office.now()) if ours_to_decide else None
    return refused or again


def _why(header: SealedHeader, agreement: HeldAgreement) -> KnownEnvelope | None:
    """The justification of an emergency that the broker took before, as the decision compares it.

    None when it names none, or when the agreement has nobody left who audits.
    """
    named = header.emergency.justification if header.emergency else None
    auditor = auditor_of(agreement, header.from_)
    if named is None or auditor is None:
        return None
    return KnownEnvelope(named.envelope, "message", header.ref, header.from_, auditor, named.sha256)


def _newest(office: Office, ref: str) -> str:
    """Which envelope a person is told about: the last one that waits."""
    with office.store.transaction() as tx:
        waiting = tx.traffic.waiting(ref)
    return waiting[-1].item if waiting else ""
