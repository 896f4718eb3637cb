"""What this partner's program asks of the gateway: the calls, whoever answers them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from adapters.bodies import AgreementFile, AgreementListing, Delivery, EventPage
from adapters.growth import JournalSource
from adapters.receipts import VerifiedReceipt
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

    def register_statement(self, signed: SignedDocument) -> VerifiedReceipt:
        """Register a version of a consent statement."""
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
