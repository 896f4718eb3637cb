"""Declares an emergency in place of a consent: the auditors are told why, sealed to them, before anything else leaves.

PRODUCT §4. Later another person of the same organisation looks at it again and signs what they found, within 72 hours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from adapters.explanations import Explanation, RuleVerdict
from adapters.headings import Basis, Draft, emergency_life, justification_header
from adapters.judgement import Evidence, refused_here
from adapters.office import Office
from adapters.receipts import receipted_digest
from adapters.recipients import recipient_key
from adapters.referral import ReferralFile
from adapters.routes import Route
from adapters.sealed import seal
from adapters.sections import JustificationSection
from adapters.store.records import HeldAgreement, Referral, Shipment
from adapters.store.store import Transaction
from consent.emergencies import AUDITOR, JUSTIFICATION
from consent.emergency_review import REVIEW_KIND, EmergencyReview, Verdict
from consent.envelope import Emergency, Justification, MessageHeader, UnverifiedEnvelope
from consent.passage import KnownEnvelope, Refused
from keys.documents import Address, Document, encode, format_time, new_id, validate
from keys.signing import sign

__all__ = [
    "Declared",
    "EmergencyState",
    "OwnEmergency",
    "auditor_of",
    "declare",
    "justified",
    "own_emergencies",
    "review",
    "review_of",
    "reviewed",
]

REVIEW_ITEM: Final = "review:"
JUSTIFIED_FIRST: Final = "R36"
"""The rule that asks whether the auditors were told first: nothing was when somebody only asks why."""


@dataclass(frozen=True, slots=True)
class Declared:
    """The justification, sealed to the auditors, and what a referral of the emergency rests on because of it."""

    header: MessageHeader
    wire: bytes
    sections: Mapping[str, Document]
    basis: Basis
    known: KnownEnvelope


def auditor_of(agreement: HeldAgreement, address: Address) -> Address | None:
    """The party of the agreement that audits emergencies, ourselves apart; None when it has none."""
    parties = agreement.document.parties
    return next((party.address for party in parties if AUDITOR in party.roles and party.address != address), None)


def declare(draft: Draft, file: ReferralFile, way: Route) -> Declared | Refused:
    """Seal the justification of an emergency, or say which rule is against it; nothing leaves yet.

    Raises `UntrustedKeyError` when the auditors have no key that can be trusted now.
    """
    office, at, author = draft
    if file.emergency is None:
        raise AssertionError  # only asked for a file that declares one
    auditor = auditor_of(way.agreement, office.address)
    if auditor is None:
        return Refused("no-auditor-in-agreement", "", "/emergency")
    emergency, ref = file.emergency.declared_by(author or office.author), new_id("ref")
    header = justification_header(draft, emergency, way, auditor, ref)
    refused = refused_here(header, Evidence(way.agreement), at)
    if refused is not None:
        return Refused(refused.because, refused.rule, "/emergency")
    sections = {JUSTIFICATION: JustificationSection(text=file.emergency.justification)}
    wire = seal(header, sections, office.signer(), recipient_key(office, way.agreement, auditor))
    digest = UnverifiedEnvelope.parse(wire).signed.sha256
    named = Justification(envelope=header.id, sha256=digest)
    full = validate(
        Emergency, emergency.model_dump(mode="json", exclude_none=True) | {"justification": named.model_dump()}
    )
    basis = Basis.of_emergency(ref, full, emergency_life(way.agreement, office.address, emergency.ground))
    return Declared(
        header, wire, sections, basis, KnownEnvelope(header.id, header.typ, ref, office.address, auditor, digest)
    )


def review(office: Office, referral: Referral, reviewer: str, verdict: Verdict) -> Refused | Shipment:
    """Sign what a second person found of an emergency of ours, and put it in the outbox; raises `StoreError`.

    Refused: emergency-unknown (not one of ours that the broker took), reviewer-is-worker, emergency-reviewed.
    """
    emergency = referral.header.emergency
    if emergency is None or referral.direction != "sent" or referral.deposited_at is None:
        return Refused("emergency-unknown", "", "/envelope")
    if emergency.worker == reviewer:
        return Refused("reviewer-is-worker", "", "/reviewer")
    now = office.now()
    with office.store.transaction() as tx:
        before, sent = review_of(tx, referral.header.id), tx.traffic.shipment(referral.header.id)
        if before is not None and before.state in {"pending", "done"}:
            return Refused("emergency-reviewed", "", "/envelope")
        if sent is None or sent.receipt is None:
            return Refused("emergency-unknown", "", "/envelope")
        members = {
            "v": 1,
            "by": office.address,
            "envelope": referral.header.id,
            "payload_sha256": receipted_digest(sent.receipt),
            "reviewer": reviewer,
            "verdict": verdict,
            "at": format_time(now),
        }
        signed = sign(REVIEW_KIND, encode(validate(EmergencyReview, members)), (office.signer(),))
        item = REVIEW_ITEM + referral.header.id
        shipment = Shipment(item, "emergency-review", item, signed.encode(), now)
        tx.traffic.ship(shipment)
    return shipment


def review_of(tx: Transaction, envelope: str) -> Shipment | None:
    """The review of an emergency of ours, as it stands in the outbox."""
    return tx.traffic.shipment(REVIEW_ITEM + envelope)


def reviewed(tx: Transaction, envelope: str) -> bool:
    """Whether somebody looked at an emergency of ours again, and the broker took it or is about to."""
    found = review_of(tx, envelope)
    return found is not None and found.state in {"pending", "done"}


def justified(answer: Explanation) -> Explanation:
    """The explanation of an emergency that was not sent, as it will be when it is: its justification leaves first."""
    first = RuleVerdict(rule=JUSTIFIED_FIRST, title="", verdict="passed")
    rules = tuple(
        first.model_copy(update={"title": rule.title}) if rule.rule == JUSTIFIED_FIRST else rule
        for rule in answer.rules
    )
    refused = any(rule.verdict == "refused" for rule in rules)
    return answer.model_copy(update={"rules": rules, "decision": "refused" if refused else "granted"})


EmergencyState = Literal["unreviewed", "waiting", "reviewed", "refused"]
"""Nobody looked again; the review waits to leave; the broker has it; the broker refused it for good."""


@dataclass(frozen=True, slots=True)
class OwnEmergency:
    """An emergency that this partner declared; `at` is when the broker took it."""

    ref: str
    envelope: str
    peer: Address
    ground: str
    directive: str
    worker: str
    at: datetime | None
    state: EmergencyState


def own_emergencies(tx: Transaction) -> list[OwnEmergency]:
    """The emergencies that this partner declared, the newest first."""
    return [_own(tx, referral) for referral in tx.dossiers.all("sent", None) if referral.header.emergency is not None]


def _own(tx: Transaction, referral: Referral) -> OwnEmergency:
    declared, found = referral.header.emergency, review_of(tx, referral.header.id)
    if declared is None:
        raise AssertionError  # only asked for a referral that declares one
    states: Mapping[str, EmergencyState] = {"pending": "waiting", "done": "reviewed", "refused": "refused"}
    return OwnEmergency(
        ref=referral.ref,
        envelope=referral.header.id,
        peer=referral.peer,
        ground=declared.ground,
        directive=declared.directive,
        worker=declared.worker,
        at=referral.deposited_at,
        state=states.get(found.state, "unreviewed") if found else "unreviewed",
    )
