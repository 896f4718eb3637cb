"""The call by which consents are registered, of the broker's double: with their codes, and again after a loss."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Protocol, TypeVar

from adapters.pins import GatewayPins
from adapters.problems import GatewayProblemError
from adapters.receipts import VerifiedReceipt, verify_statement_receipt
from consent.statement import RegisteredStatement, read_statement, succession_fault
from keys.signing import SignedDocument
from tests.adapters.gateway_double import GatewayDouble

Answered = TypeVar("Answered")


class Registering(Protocol):
    """A broker's double that registers consents; those of `unconfirmed` wait for their issuers."""

    gateway: GatewayDouble
    statements: dict[str, RegisteredStatement]
    receipts: dict[str, SignedDocument]
    codes: dict[str, str]
    unconfirmed: set[str]

    @property
    def pins(self) -> GatewayPins:
        """What partners pin."""
        ...

    def knows(self, statement: str, sha256: str) -> bool:
        """Whether this is the newest version of a consent here."""
        ...


class ConsentCallsDouble(ABC):
    """Part of `tests.adapters.broker_double.CallsDouble`."""

    broker: Registering

    @abstractmethod
    def _do(self, name: str, act: Callable[[], Answered]) -> Answered: ...

    def register_statement(self, signed: SignedDocument, code: str | None = None) -> VerifiedReceipt:
        """Register a version of a statement, and keep the code that came with it."""
        return self._do("register_statement", lambda: self._registered(signed, code))

    def _registered(self, signed: SignedDocument, code: str | None) -> VerifiedReceipt:
        statement = read_statement(signed)
        item = f"{statement.id}@{statement.version}"
        if statement.id in self.broker.unconfirmed and self.broker.knows(statement.id, signed.sha256):
            self._journalled(signed)
        elif item not in self.broker.receipts:
            fault = succession_fault(self.broker.statements.get(statement.id), statement)
            if fault is not None:
                raise GatewayProblemError(fault[0], status=403)
            self._journalled(signed)
            self.broker.statements[statement.id] = RegisteredStatement(statement, signed.sha256)
        if code is not None:
            self.broker.codes[code] = statement.id
        return verify_statement_receipt(self.broker.receipts[item], statement, signed.sha256, self.broker.pins)

    def _journalled(self, signed: SignedDocument) -> None:
        statement = read_statement(signed)
        named = {"statement": statement.id, "version": statement.version, "payload_sha256": signed.sha256}
        self.broker.receipts[f"{statement.id}@{statement.version}"] = self.broker.gateway.receipt(named)
        self.broker.unconfirmed.discard(statement.id)
