"""The register of incidents: opened by a signed report, told to both ends, completed by the operator.

PRODUCT §4 and §8. The broker cannot see what happened; it keeps who reported it, and the eight fields of the law.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from consent.headers import Notice
from consent.incident import Incident, completed
from gateway import records
from gateway.broker import Broker, BrokerSettings
from gateway.notices import tell
from gateway.problems import ProblemError
from gateway.receipts import RECEIPT_KIND, EnvelopeReceipt, receipt
from gateway.shards import current_origin
from gateway.store.envelopes import Accepted
from gateway.store.incidents import Opened
from gateway.store.transaction import Transaction
from keys import strictjson
from keys.documents import Address, new_id, parse
from keys.signing import MAX_DOCUMENT, SignedDocument

__all__ = ["accepted_at", "complete_incident", "open_incident"]


def accepted_at(envelope: Accepted) -> datetime:
    """When an envelope was accepted, as its receipt says."""
    signed = SignedDocument.parse(envelope.receipt, RECEIPT_KIND)
    return parse(EnvelopeReceipt, signed.payload, limit=MAX_DOCUMENT).time


def open_incident(
    broker: Broker,
    tx: Transaction,
    about: Accepted,
    ends: tuple[Address, Address],
    incident: Incident,
    report: SignedDocument,
    at: datetime,
) -> bytes:
    """Journal and keep an incident about an envelope, and tell its two ends; returns the signed receipt.

    `ends` are who reported it and who is asked about it; `report` is the exact signed word that opened it.
    """
    identifier = new_id("inc")
    entry = records.incident_opened(about, ends, identifier, incident, report.encode())
    appended = tx.journal.append(at, **entry)
    answer = receipt(
        broker.keys.receipts,
        current_origin(broker.keys, tx),
        appended,
        report.sha256,
        envelope=about.id,
        incident=identifier,
    )
    tx.incidents.open(Opened(identifier, at, about.id, ends[0], incident, report.encode(), answer))
    _tell_ends(broker, tx, about, {about.sender, about.recipient}, at)
    return answer


def complete_incident(
    settings: BrokerSettings, tx: Transaction, identifier: str, changes: Mapping[str, str], at: datetime
) -> Opened:
    """Set fields of an incident, an empty text taking one out; the change is journalled.

    Raises `ProblemError` (incident-unknown) and `MalformedError` as `consent.incident.completed` does.
    """
    opened = tx.incidents.get(identifier)
    if opened is None:
        raise ProblemError("incident-unknown")
    incident = completed(opened.incident, changes)
    if incident != opened.incident:
        tx.incidents.complete(identifier, incident)
        change = strictjson.dumps({"v": 1, "incident": identifier, "changed": dict(changes)})
        tx.journal.append(
            at,
            type="admin.change",
            actor=settings.address,
            state="incident-completed",
            envelope=opened.envelope,
            document=change,
        )
    return Opened(
        opened.id, opened.opened, opened.envelope, opened.reported_by, incident, opened.report, opened.receipt
    )


def _tell_ends(broker: Broker, tx: Transaction, about: Accepted, ends: Collection[Address], at: datetime) -> None:
    referral = tx.referrals.get(about.ref)
    if referral is None:
        return  # A justification may be reported before its referral comes: there is nobody to tell but who reports.
    for end in sorted(ends):
        if referral.role_of(end) is not None:
            tell(broker, tx, referral, end, Notice(kind="incident", envelopes=(about.id,)), at)
