"""Reads what partners and the gateway tell about referrals, checks who says it, and keeps it in order.

PROTOCOL §4 and §6 (`GET /v1/events`). A step is kept with the cursor in one transaction, so that none is missed and
none counts twice. What does not verify is an alarm and is passed over: it must not stop what follows.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from adapters.bodies import EventDelivery
from adapters.calls import GatewayCalls
from adapters.events import log_step
from adapters.notices import keep_notice
from adapters.office import Office
from adapters.store.records import Alarm, LoggedNotice, LoggedStep, Receipt
from adapters.store.store import Transaction
from consent.envelope import Envelope, EventHeader, Header, NoticeHeader, UnverifiedEnvelope
from keys.errors import ForgedError, MalformedError, UntrustedKeyError
from keys.identity import Verifier
from keys.statements import KeyChain

__all__ = ["EventStream"]

STREAM: Final = "events"


class EventStream:
    """The listening half of one partner; `refresh_agreements` is asked when an agreement is not known here.

    `consent_ended` writes down that a statement ended at a moment, in the transaction in which the notice is kept.
    """

    def __init__(
        self,
        office: Office,
        client: GatewayCalls,
        refresh_agreements: Callable[[], object],
        consent_ended: Callable[[Transaction, str, datetime], object],
    ) -> None:
        """Listen for an office through a client."""
        self._office = office
        self._client = client
        self._refresh_agreements = refresh_agreements
        self._consent_ended = consent_ended
        self.behind = False
        """True while an event waits whose key the journal, as far as it was read, cannot judge yet."""

    def work(self, wait: int = 0) -> list[str]:
        """Read the next events and keep them; the references they were about.

        Stops before an event whose key cannot be judged yet, and reads it again next time. Raises what the client
        raises, and `StoreError`.
        """
        with self._office.store.transaction() as tx:
            cursor = tx.traffic.cursor(STREAM)
        page = self._client.events(cursor, wait)
        self.behind, refs = False, []
        for delivery in page.events:
            try:
                refs.append(self._keep(delivery))
            except UntrustedKeyError:
                self.behind = True
                return refs
        with self._office.store.transaction() as tx:
            tx.traffic.move_cursor(STREAM, page.next)
        return refs

    def _keep(self, delivery: EventDelivery) -> str:
        receipt = Receipt(delivery.receipt.wire, delivery.receipt.time, delivery.receipt.index)
        try:
            envelope = self._verified(delivery)
        except (ForgedError, MalformedError) as error:
            alarm = Alarm(self._office.now(), error.code, delivery.receipt.subject)
            with self._office.store.transaction() as tx:
                tx.traffic.raise_alarm(alarm)
                tx.traffic.move_cursor(STREAM, delivery.cursor)
            return ""
        header = envelope.header
        with self._office.store.transaction() as tx:
            if isinstance(header, NoticeHeader):
                keep_notice(tx, LoggedNotice(header, receipt, delivery.wire))
                ended = header.notice.statement if header.notice.kind == "consent-ended" else None
                if ended is not None:
                    self._consent_ended(tx, ended, receipt.at)
            elif isinstance(header, EventHeader):
                log_step(tx, LoggedStep(header, receipt, delivery.wire))
            tx.watches.promise(receipt.index, receipt.document)
            tx.traffic.move_cursor(STREAM, delivery.cursor)
        return header.ref

    def _verified(self, delivery: EventDelivery) -> Envelope:
        """The event, by its sender and to us; raises `ForgedError`, `MalformedError`, and not-yet as `work` tells."""
        unverified = UnverifiedEnvelope.parse(delivery.wire)
        header = unverified.header
        if not isinstance(header, EventHeader | NoticeHeader):
            raise MalformedError("event-without-step")
        if header.to != self._office.address:
            raise ForgedError("event-to-another", "/to")
        return unverified.verify(self._verifier(unverified, delivery))

    def _verifier(self, unverified: UnverifiedEnvelope, delivery: EventDelivery) -> Verifier:
        header, receipt = unverified.header, delivery.receipt
        if isinstance(header, NoticeHeader):
            return self._office.pins.receipts_verifier
        chain = self._chain(header, receipt.index) or self._chain(header, receipt.index, refreshed=True)
        if chain is None:
            raise ForgedError("sender-unknown", "/from")
        try:
            return chain.signature_verifier(unverified.signed.keyids[0], at=receipt.time, index=receipt.index)
        except UntrustedKeyError as error:
            raise ForgedError(error.code, "/signatures/0") from None

    def _chain(self, header: Header, place: int, *, refreshed: bool = False) -> KeyChain | None:
        if refreshed:
            self._refresh_agreements()
        with self._office.store.transaction() as tx:
            agreement = tx.papers.agreement(header.agreement)
        return self._office.chain_of(agreement, header.from_, covering=place) if agreement else None
