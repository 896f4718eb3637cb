"""What this partner's program asks of the gateway: the calls, whoever answers them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from adapters.bodies import (
    AgreementFile,
    AgreementListing,
    ArchivedCheckpoint,
    ConsentBody,
    Delivery,
    EventPage,
    OpeningPage,
)
from adapters.explanations import Explanation
from adapters.growth import JournalSource
from adapters.receipts import VerifiedReceipt
from consent.envelope import Header
from journal.layout import SignedAgreement
from keys.signing import SignedDocument

__all__ = ["GatewayCalls"]


class GatewayCalls(JournalSource, Protocol):
    """The gateway as `adapters.client.GatewayClient` reaches it; errors are those of `adapters.problems`."""

    def deposit(self, wire: bytes) -> VerifiedReceipt:
        """Deposit an envelope; the same bytes may be deposited again and get the same receipt."""
        ...

    def lease(self, maximum: int, wait: int) -> tuple[Delivery, ...]:
        """Take envelopes that wait for us, and wait at most that many seconds for the first one."""
        ...

    def acknowledge(self, signed: SignedDocument) -> None:
        """Say what became of a leased envelope."""
        ...

    def events(self, after: int, wait: int) -> EventPage:
        """The events and notices after a cursor."""
        ...

    def register_statement(self, signed: SignedDocument, code: str | None = None) -> VerifiedReceipt:
        """Register a version of a consent statement, the first one with its withdrawal code."""
        ...

    def consent(self, statement: str) -> ConsentBody:
        """How a consent of ours stands, and when it ended if it did."""
        ...

    def withdraw_by_code(self, code: str) -> datetime:
        """Take a consent back by the code that its person says; the moment from which it is over."""
        ...

    def publish_key(self, signed: SignedDocument) -> int:
        """Publish the next statement of our key chain; its place in the journal."""
        ...

    def agreements(self) -> tuple[AgreementListing, ...]:
        """The agreements we are a party of."""
        ...

    def agreement(self, agreement: str, version: int) -> AgreementFile:
        """One version of an agreement, with its signatures."""
        ...

    def sign_agreement(self, signed: SignedDocument) -> object:
        """Hand in our signature of an agreement."""
        ...

    def search_services(self, query: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Find services in the directory."""
        ...

    def put_attachment(self, envelope: str, sha256: str, data: bytes) -> None:
        """Bring one sealed paper before the envelope that announces it."""
        ...

    def get_attachment(self, envelope: str, sha256: str) -> bytes:
        """The sealed bytes of one paper of an envelope that was handed to us, not checked yet."""
        ...

    def answer_withdrawal(self, signed: SignedDocument) -> None:
        """Say what became of what we were handed under a consent that ended."""
        ...

    def report_mismatch(self, signed: SignedDocument) -> VerifiedReceipt:
        """Report that an envelope did not hold what its header announced."""
        ...

    def review_emergency(self, envelope: str, signed: SignedDocument) -> VerifiedReceipt:
        """Bring what a second person found of an emergency of ours."""
        ...

    def explain(self, header: Header) -> Explanation:
        """What a deposit of this header would be answered now, rule by rule; nothing is kept of it."""
        ...

    def confirmed_checkpoint(self, shard: int, witnesses: int) -> bytes:
        """The newest checkpoint of a shard that so many witnesses cosigned; a problem of status 404 for none."""
        ...

    def checkpoints(self, shard: int, after: int, since: datetime) -> tuple[ArchivedCheckpoint, ...]:
        """A page of archived checkpoints of size `after` or more; of that one, those published later than `since`."""
        ...

    def cosign(self, line: str, note: bytes) -> None:
        """Bring our cosignature of a checkpoint, and the checkpoint as we read it."""
        ...

    def openings(self, after: int) -> OpeningPage:
        """What opens the journal's entries that we may read, after a cursor."""
        ...

    def proof(self, index: int) -> bytes:
        """The C2SP tlog-proof of an entry that we may know of, not verified."""
        ...

    def agreement_of_digest(self, sha256: str) -> SignedAgreement:
        """An agreement that we audit, by its digest."""
        ...

    def statement_of_digest(self, sha256: str) -> SignedDocument:
        """A consent statement under an agreement that we audit, by its digest."""
        ...
