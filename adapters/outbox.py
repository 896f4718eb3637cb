"""Sends what waits, again and again until it is answered; the bytes never change, so repeating does nothing twice.

PROTOCOL §6 *Exactly one effect*. Whatever is in the outbox survives this program. An answer is kept in one transaction
with what follows from it; a crash before that means the same bytes are sent once more, and answered the same.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from adapters.calls import GatewayCalls
from adapters.events import admitted, log_step, refresh
from adapters.office import Office
from adapters.receipts import VerifiedReceipt
from adapters.renewal import seal_anew
from adapters.store.records import Alarm, LoggedStep, Receipt, Shipment
from adapters.store.store import Transaction
from consent.agreement import SIGNATURE_KIND
from consent.envelope import EventHeader, ReferralHeader, UnverifiedEnvelope
from consent.statement import STATEMENT_KIND
from keys.errors import ForgedError, PasserelleError
from keys.signing import SignedDocument
from keys.statements import KIND as KEY_KIND

__all__ = ["ACK_KIND", "Flushed", "Outbox"]

ACK_KIND: Final = "ack"
FIRST_PAUSE: Final = timedelta(seconds=2)
LONGEST_PAUSE: Final = timedelta(minutes=15)
STALE_KEY: Final = frozenset({"key-not-in-period", "key-revoked", "key-unknown"})
"""Why the broker refuses a key block: the recipient's key ended while the envelope waited here."""


@dataclass(slots=True)
class Flushed:
    """What one round of sending came to: accepted and refused items, and why it stopped before the end, if it did."""

    accepted: list[str] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    stopped: str | None = None


class Outbox:
    """The sending half of one partner; `jitter` gives a factor around 1, so that partners do not knock together."""

    def __init__(self, office: Office, client: GatewayCalls, jitter: Callable[[], float] | None = None) -> None:
        """Send for an office through a client."""
        self._office = office
        self._client = client
        self._jitter = jitter or _around_one
        self._lock = threading.Lock()

    def flush(self) -> Flushed:
        """Send everything whose time has come, in order; stops at the first failure that says nothing about an item.

        Raises `StoreError` only: whatever the gateway does is kept beside the item it was about.
        """
        with self._lock:  # two threads would each send what the other has just taken
            return self._flush()

    def _flush(self) -> Flushed:
        done = Flushed()
        while (shipment := self._next()) is not None:
            try:
                receipt = self._send(shipment)
            except PasserelleError as error:
                if self._is_about(error):
                    if not self._sealed_anew(shipment, error):
                        self._refuse(shipment, error)
                        done.refused.append((shipment.item, error.code))
                    continue
                self._postpone(shipment, error)
                done.stopped = error.code
                return done
            self._accept(shipment, receipt)
            done.accepted.append(shipment.item)
        return done

    def _next(self) -> Shipment | None:
        with self._office.store.transaction() as tx:
            return tx.traffic.next_due(self._office.now())

    def _send(self, shipment: Shipment) -> Receipt | int | None:
        """Hand one item to the broker; the receipt, or the place in the journal, or nothing, by its kind."""
        body, client = shipment.body, self._client
        if shipment.kind == "envelope":
            return _kept(client.deposit(body))
        if shipment.kind == "statement":
            return _kept(client.register_statement(SignedDocument.parse(body, STATEMENT_KIND)))
        if shipment.kind == "key":
            return client.publish_key(SignedDocument.parse(body, KEY_KIND))
        if shipment.kind == "ack":
            client.acknowledge(SignedDocument.parse(body, ACK_KIND))
        else:
            client.sign_agreement(SignedDocument.parse(body, SIGNATURE_KIND))
        return None

    def _accept(self, shipment: Shipment, answer: Receipt | int | None) -> None:
        with self._office.store.transaction() as tx:
            tx.traffic.settle(shipment.item, "done", receipt=answer if isinstance(answer, Receipt) else None)
            if shipment.kind == "envelope" and isinstance(answer, Receipt):
                _follow(tx, shipment.body, answer)
            elif shipment.kind == "statement" and isinstance(answer, Receipt):
                name, _, version = shipment.item.partition("@")
                tx.papers.registered(name, int(version), answer)
            elif shipment.kind == "key" and isinstance(answer, int):
                tx.keyring.published(int(shipment.item.rpartition(":")[2]), answer)

    @staticmethod
    def _is_about(error: PasserelleError) -> bool:
        """Whether an error is the broker's final word on an item, rather than trouble on the way to it."""
        return getattr(error, "transient", True) is False

    def _postpone(self, shipment: Shipment, error: PasserelleError) -> None:
        now = self._office.now()
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(shipment.attempts, 16)) * self._jitter()
        asked = getattr(error, "retry_after", None)
        until = now + max(pause, timedelta(seconds=asked or 0))
        with self._office.store.transaction() as tx:
            tx.traffic.postpone(shipment, until, error.code)
            if isinstance(error, ForgedError):
                # Somebody answers in the gateway's place, or it lies: the item stays, and a person must know.
                tx.traffic.raise_alarm(Alarm(now, error.code, shipment.item))

    def _sealed_anew(self, shipment: Shipment, error: PasserelleError) -> bool:
        return shipment.kind == "envelope" and error.code in STALE_KEY and seal_anew(self._office, shipment)

    def _refuse(self, shipment: Shipment, error: PasserelleError) -> None:
        now = self._office.now()
        with self._office.store.transaction() as tx:
            tx.traffic.settle(shipment.item, "refused", problem=error.code)
            if shipment.kind == "envelope":
                tx.dossiers.note_problem(shipment.lane, error.code)
            else:
                tx.traffic.raise_alarm(Alarm(now, error.code, shipment.item))


def _follow(tx: Transaction, wire: bytes, receipt: Receipt) -> None:
    """What an envelope that the broker took changes here: a referral begins, or takes a step."""
    header = UnverifiedEnvelope.parse(wire).header
    if isinstance(header, EventHeader):
        log_step(tx, LoggedStep(header, receipt, wire))
        tx.dossiers.note_problem(header.ref, None)
    referral, agreement = tx.dossiers.find(header.ref), tx.papers.agreement(header.agreement)
    if isinstance(header, ReferralHeader) and referral is not None and agreement is not None:
        tx.dossiers.save(admitted(referral, receipt, agreement))
        refresh(tx, header.ref, receipt.at)


def _kept(receipt: VerifiedReceipt) -> Receipt:
    return Receipt(receipt.wire, receipt.time, receipt.index)


def _around_one() -> float:
    return 0.75 + secrets.randbelow(501) / 1000
