"""Receives what waits for this partner: leased, opened, kept, and only then acknowledged.

PROTOCOL §4 and §6. The content, the answer and its signature are kept in one transaction before the broker hears of
them. What is delivered again gets the same answer again; other bytes under a known id are an alarm.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from adapters.bodies import Delivery
from adapters.calls import GatewayCalls
from adapters.events import admitted, refresh
from adapters.office import Office
from adapters.outbox import ACK_KIND
from adapters.paper_fetching import want_papers
from adapters.papers import as_kept
from adapters.sealed import Expectations, NotOpened, Opened, SealedHeaders, open_envelope
from adapters.store.records import (
    Alarm,
    Content,
    HeldAgreement,
    HeldJustification,
    Receipt,
    Received,
    Referral,
    Shipment,
)
from adapters.store.store import Transaction
from adapters.withdrawals import deleted_before
from consent.emergencies import AUDITOR
from consent.envelope import Header, MessageHeader, ReferralHeader, UnverifiedEnvelope
from consent.identifiers import EnvelopeId
from keys.documents import Address, Document, Sha256, Time, Version, encode
from keys.errors import UntrustedKeyError
from keys.signing import SignedDocument, sign

__all__ = ["Acknowledgement", "Arrival", "Inbox", "is_for_auditors"]

AT_ONCE: Final = 20
"""How many envelopes are leased in one call."""


class Acknowledgement(Document):
    """What this partner signs about an envelope it leased (PROTOCOL §6 `POST /v1/acks`)."""

    v: Version
    envelope: EnvelopeId
    payload_sha256: Sha256
    by: Address
    result: Literal["stored", "refused"]
    code: Literal["signature", "key", "digest", "decrypt", "schema", "expired"] | None = None
    at: Time


@dataclass(frozen=True, slots=True)
class Arrival:
    """What became of one delivery; `waiting` ones are opened once the journal was read up to their place."""

    envelope: str
    result: Literal["stored", "refused", "again", "alarm", "waiting"]
    code: str | None = None


class Inbox:
    """The receiving half of one partner; `refresh_agreements` is asked when an agreement is not known here."""

    def __init__(self, office: Office, client: GatewayCalls, refresh_agreements: Callable[[], object]) -> None:
        """Receive for an office through a client."""
        self._office = office
        self._client = client
        self._refresh_agreements = refresh_agreements
        self._waiting: dict[str, Delivery] = {}

    @property
    def waiting(self) -> int:
        """How many deliveries wait for the journal; the broker delivers them again if this program ends."""
        return len(self._waiting)

    def work(self, wait: int = 0) -> list[Arrival]:
        """Open what waited, then lease and open what is new; the acknowledgements are put in the outbox.

        Raises what the client raises, and `StoreError`; nothing that was received is lost by it.
        """
        waited = list(self._waiting.values())
        leased = self._client.lease(AT_ONCE, 0 if waited else wait)
        # Noted before any is opened: what goes wrong with one must not lose sight of the others.
        self._waiting |= {delivery.receipt.subject: delivery for delivery in leased}
        return [self.receive(delivery) for delivery in list(self._waiting.values())]

    def receive(self, delivery: Delivery) -> Arrival:
        """Open one delivery and keep what it says, or keep why it cannot be opened."""
        envelope = delivery.receipt.subject
        known = self._known(delivery)
        if known is not None:
            self._waiting.pop(envelope, None)
            return known
        try:
            outcome = open_envelope(delivery.wire, lambda unverified: self._expect(unverified, delivery))
        except UntrustedKeyError as error:
            # The journal was not read as far as this envelope yet: whether its key holds there cannot be told.
            self._waiting[envelope] = delivery
            return Arrival(envelope, "waiting", error.code)
        self._waiting.pop(envelope, None)
        return self._keep(delivery, outcome)

    def _known(self, delivery: Delivery) -> Arrival | None:
        receipt, now = delivery.receipt, self._office.now()
        with self._office.store.transaction() as tx:
            before = tx.traffic.received(receipt.subject)
            if before is None:
                return None
            if before.payload_sha256 != receipt.payload_sha256:
                tx.traffic.raise_alarm(Alarm(now, "envelope-changed", receipt.subject))
                return Arrival(receipt.subject, "alarm", "envelope-changed")
            tx.traffic.ship(_ack_shipment(before, now))
            return Arrival(receipt.subject, "again", before.code)

    def _expect(self, unverified: UnverifiedEnvelope, delivery: Delivery) -> Expectations:
        office, header, receipt = self._office, unverified.header, delivery.receipt
        agreement = self._agreement(header)
        with office.store.transaction() as tx:
            referral = tx.dossiers.find(header.ref)
            replaced = _replaced(tx, header)
        chain = office.chain_of(agreement, header.from_, covering=receipt.index) if agreement else None
        return Expectations(
            address=office.address,
            at=office.now(),
            accepted=receipt.time,
            place=receipt.index,
            chain=chain,
            sealing_key=office.identity.sealing_key,
            header_fits=lambda sealed: _fits(sealed, referral, replaced) or is_for_auditors(sealed, agreement),
        )

    def _agreement(self, header: Header) -> HeldAgreement | None:
        """The agreement a header names, by its digest, once both ends signed it; fetched when it is not here yet."""
        for attempt in range(2):
            with self._office.store.transaction() as tx:
                agreement = tx.papers.agreement(header.agreement)
            known = agreement is not None and agreement.sha256 == header.agreement_sha256
            if agreement is not None and known and self._office.may_use(agreement, header.from_):
                return agreement
            if attempt == 0:
                self._refresh_agreements()
        return None

    def _keep(self, delivery: Delivery, outcome: Opened | NotOpened) -> Arrival:
        office, receipt, now = self._office, delivery.receipt, self._office.now()
        opened = isinstance(outcome, Opened)
        ack = Acknowledgement(
            v=1,
            envelope=receipt.subject,
            payload_sha256=receipt.payload_sha256,
            by=office.address,
            result="stored" if opened else "refused",
            code=None if isinstance(outcome, Opened) else outcome.code,
            at=now,
        )
        signed = sign(ACK_KIND, encode(ack), (office.signer(),))
        received = _received(delivery, ack, signed)
        with office.store.transaction() as tx:
            tx.traffic.receive(received)
            tx.watches.promise(receipt.index, receipt.wire)
            tx.traffic.ship(_ack_shipment(received, now))
            if isinstance(outcome, Opened):
                _keep_content(tx, outcome, delivery)
            else:
                tx.traffic.raise_alarm(Alarm(now, outcome.because, receipt.subject))
        return Arrival(receipt.subject, received.result, received.code)


def _fits(header: SealedHeaders, referral: Referral | None, replaced: Content | None) -> bool:
    """A referral is new here, or replaces one of the same sender; a message is about a referral of its sender.

    What either takes the place of, if it is here, is of the same sender about the same person's request.
    """
    if replaced is not None and (replaced.ref, replaced.author) != (header.ref, header.from_):
        return False
    if referral is None:
        return isinstance(header, ReferralHeader)
    if header.from_ != referral.peer:
        return False
    if isinstance(header, ReferralHeader):
        return referral.direction == "received" and header.replaces == referral.header.id
    return not header.justifies and header.replaces != referral.header.id


def _replaced(tx: Transaction, header: Header) -> Content | None:
    """What the envelope said that this one takes the place of, if it is here: often it was never delivered."""
    return tx.dossiers.content(header.replaces) if header.replaces is not None else None


def is_for_auditors(header: SealedHeaders, agreement: HeldAgreement | None) -> bool:
    """Why an emergency was declared is told to who audits the agreement, whether or not the referral is here."""
    if agreement is None or not isinstance(header, MessageHeader) or not header.justifies:
        return False
    party = agreement.document.party(header.to)
    return party is not None and AUDITOR in party.roles


def _keep_content(tx: Transaction, opened: Opened, delivery: Delivery) -> None:
    header, receipt = opened.header, Receipt(delivery.receipt.wire, delivery.receipt.time, delivery.receipt.index)
    said = as_kept(opened.sections)
    if isinstance(header, MessageHeader) and header.justifies:
        tx.notices.justify(HeldJustification(header, header.from_, receipt.at, said))
        return
    before = tx.dossiers.find(header.ref)
    if isinstance(header, ReferralHeader):
        erased = before.erased_at if before else None
        referral = Referral(header.ref, "received", header.from_, header, receipt.at, erased_at=erased)
        agreement = tx.papers.agreement(header.agreement)
        tx.dossiers.save(admitted(referral, receipt, agreement) if agreement else referral)
    replaced = _replaced(tx, header)
    if replaced is not None and (replaced.ref, replaced.author) == (header.ref, header.from_):
        tx.dossiers.take_content(replaced.envelope)
        tx.attachments.erase_of(replaced.envelope)
        tx.traffic.forget(replaced.envelope)
    if (before is not None and before.erased_at is not None) or deleted_before(tx, header.ref, header.id):
        tx.traffic.forget(header.id)  # It came after we had said that it is deleted: so it is.
    else:
        tx.dossiers.add_content(Content(header.id, header.ref, header.from_, receipt.at, said))
        want_papers(tx, header, opened.sections.get("documents"), receipt.at)
    refresh(tx, header.ref, receipt.at)


def _received(delivery: Delivery, ack: Acknowledgement, signed: SignedDocument) -> Received:
    return Received(
        envelope=ack.envelope,
        payload_sha256=ack.payload_sha256,
        at=ack.at,
        result=ack.result,
        code=ack.code,
        wire=delivery.wire if ack.result == "stored" else b"",  # Nothing opens it here, and nobody would erase it.
        receipt=delivery.receipt.wire,
        ack=signed.encode(),
    )


def _ack_shipment(received: Received, now: datetime) -> Shipment:
    return Shipment(f"ack:{received.envelope}", "ack", f"ack:{received.envelope}", received.ack, now)
