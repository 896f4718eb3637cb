"""Makes the envelopes this partner sends: decided here first, sealed once, and put in the outbox with what they say.

PROTOCOL §4. The same decision that the broker will take is taken before anything leaves, so that a refusal is told at
once and burns nothing. What is in the outbox is never made anew: its id, its `seq` and its bytes stay.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from adapters.events import check_step, fold
from adapters.headings import Draft, event_header, message_header, referral_header
from adapters.office import Office
from adapters.referral import ReferralFile
from adapters.routes import Route, newest, route
from adapters.sealed import SealedHeaders, seal
from adapters.store.records import Content, HeldAgreement, HeldStatement, Referral, Shipment
from adapters.store.store import Transaction
from consent.agreement import RegisteredAgreement
from consent.decision import decide
from consent.envelope import Event, ReferralHeader, compose, protect
from consent.passage import OpenReferral, Passage, Refused
from consent.statement import RegisteredStatement
from keys.documents import Document
from keys.errors import UntrustedKeyError
from keys.sealing_keys import SealingPublicKey

__all__ = ["Queued", "recipient_key", "send_event", "send_message", "send_referral"]

REPLY_SECTIONS: Final = frozenset({"outcome", "worker"})
"""What the owner of a referral may answer without a grant of its own (PROTOCOL §4)."""


@dataclass(frozen=True, slots=True)
class Queued:
    """An envelope is in the outbox: it will leave, whatever happens to this program."""

    ref: str
    envelope: str


def send_referral(office: Office, file: ReferralFile, *, author: str | None = None) -> Queued | Refused:
    """Seal a referral and put it in the outbox, or say which rule is against it.

    Raises `UntrustedKeyError` when no key of the recipient can be trusted now (keybook-empty, checkpoint-stale,
    recipient-key-unknown), and `StoreError`.
    """
    draft: Draft = (office, office.now(), author)
    sections = file.sections.present()
    with office.store.transaction() as tx:
        statement = tx.papers.statement_of(file.consent)
        agreements = tx.papers.agreements()
        parent = _parent(office, tx, file)
    if statement is None:
        return Refused("consent-unknown", "", "/consent")
    way = route(office, agreements, file.to, file.purpose, tuple(sections), statement.document.authority.kind)
    if way is None:
        return Refused("no-agreement-with-recipient", "", "/to")
    header = referral_header(draft, file, way, statement)
    refused = _refused(header, way, statement, parent, draft[1])
    if refused is not None:
        return refused
    wire = seal(header, sections, office.signer(), recipient_key(office, way.agreement, file.to))
    with office.store.transaction() as tx:
        tx.dossiers.next_seq(header.ref)
        tx.dossiers.add(Referral(header.ref, "sent", header.to, header, draft[1]))
        consented = f"{statement.document.id}@{statement.document.version}"
        _ship(office, tx, (header, wire), sections, after=consented)
    return Queued(header.ref, header.id)


def send_event(office: Office, ref: str, event: Event, *, author: str | None = None) -> Queued | Refused:
    """Put a step of a referral in the outbox, or say why it may not be taken; raises `StoreError`."""
    draft: Draft = (office, office.now(), author)
    with office.store.transaction() as tx:
        referral = tx.dossiers.find(ref)
        if referral is None:
            return Refused("referral-unknown", "", "/ref")
        illegal = check_step(tx, referral, event, draft[1])
        agreement = _agreement_of(office, tx, referral)
        if illegal is not None or agreement is None:
            return illegal or Refused("no-agreement-with-recipient", "", "/agreement")
        header = event_header(draft, referral, agreement, tx.dossiers.next_seq(ref), event)
        wire = compose(protect(header), office.signer())
        tx.traffic.ship(Shipment(header.id, "envelope", ref, wire, draft[1]))
    return Queued(ref, header.id)


def send_message(
    office: Office, ref: str, sections: Mapping[str, Document], *, author: str | None = None
) -> Queued | Refused:
    """Seal sections to the other party of a referral and put them in the outbox; raises as `send_referral` does."""
    draft: Draft = (office, office.now(), author)
    with office.store.transaction() as tx:
        referral = tx.dossiers.find(ref)
        agreement = _agreement_of(office, tx, referral) if referral else None
    if referral is None:
        return Refused("referral-unknown", "", "/ref")
    if referral.direction == "received" and not set(sections) <= REPLY_SECTIONS:
        return Refused("section-not-granted", "", "/sections")
    if agreement is None:
        return Refused("no-agreement-with-recipient", "", "/agreement")
    recipient = recipient_key(office, agreement, referral.peer)
    with office.store.transaction() as tx:
        header = message_header(draft, referral, agreement, tx.dossiers.next_seq(ref), sections)
        wire = seal(header, sections, office.signer(), recipient)
        _ship(office, tx, (header, wire), sections)
    return Queued(ref, header.id)


def recipient_key(office: Office, agreement: HeldAgreement, to: str) -> tuple[str, SealingPublicKey]:
    """The id and key to which a party's envelopes are sealed now; raises `UntrustedKeyError`."""
    chain = office.chain_of(agreement, to)
    if chain is None:
        raise UntrustedKeyError("recipient-key-unknown")
    return chain.sealing_key(at=office.now())


def _ship(
    office: Office,
    tx: Transaction,
    sealed: tuple[SealedHeaders, bytes],
    sections: Mapping[str, Document],
    *,
    after: str | None = None,
) -> None:
    """Keep what an envelope says beside the envelope that says it, in one transaction."""
    header, wire = sealed
    said = {code: section.model_dump(mode="json", exclude_none=True) for code, section in sections.items()}
    tx.dossiers.add_content(Content(header.id, header.ref, office.address, header.iat, said))
    tx.traffic.ship(Shipment(header.id, "envelope", header.ref, wire, header.iat, after=after))


def _refused(
    header: ReferralHeader, way: Route, statement: HeldStatement, parent: OpenReferral | None, at: datetime
) -> Refused | None:
    decision = decide(
        Passage("deposit", header, part_of=parent),
        scopes=("envelope:send",),
        agreement=RegisteredAgreement(way.agreement.document, way.agreement.sha256, way.agreement.state),
        statement=RegisteredStatement(statement.document, statement.sha256),
        at=at,
    )
    if not isinstance(decision, Refused):
        return None
    return Refused(decision.because, decision.rule, _place_in_file(decision.pointer, header))


def _place_in_file(pointer: str, header: ReferralHeader) -> str:
    """Where in the referral file the person finds what the decision found in the header."""
    parts = pointer.split("/")
    if parts[1:2] == ["slots"]:
        return f"/sections/{header.slots[int(parts[2])].section}"
    return "/consent" if parts[1:2] == ["authority"] else pointer


def _parent(office: Office, tx: Transaction, file: ReferralFile) -> OpenReferral | None:
    """The referral that the new one continues, as the decision looks at it."""
    referral = tx.dossiers.find(file.part_of) if file.part_of else None
    if referral is None:
        return None
    sent = referral.direction == "sent"
    return OpenReferral(
        ref=referral.ref,
        requester=office.address if sent else referral.peer,
        owner=referral.peer if sent else office.address,
        agreement=referral.header.agreement,
        statement=referral.header.authority.statement,
        purpose=referral.header.purpose,
        state=fold(referral, tx.dossiers.steps(referral.ref)).state,
    )


def _agreement_of(office: Office, tx: Transaction, referral: Referral) -> HeldAgreement | None:
    """The newest version of the agreement a referral rests on."""
    name = referral.header.agreement.partition("@")[0]
    found = newest(office, tx.papers.agreements(), referral.peer)
    return next((agreement for agreement in found if agreement.document.id == name), None)
