"""The gateway as a partner's program calls it: each call of the protocol, its answer checked before it is believed.

PROTOCOL §6. Any call may be repeated until answered; repeating is the outbox's work, which is durable. Nothing here
retries but a nonce or a token. Errors of every call: `GatewayProblemError`, `GatewayUnreachableError`,
`MalformedError` (answer-malformed, answer-too-large, answer-compressed), and `ForgedError` where something signed is
read. After any of them the gateway may or may not have acted: send the same bytes again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any, Final

import httpx2

from adapters import bodies
from adapters.bodies import (
    AgreementFile,
    AgreementListing,
    Delivery,
    EventDelivery,
    EventPage,
    Organisation,
)
from adapters.case_calls import CaseCalls
from adapters.exchange import reading_answer
from adapters.interface import SMALL, Interface, read_body
from adapters.journal_calls import JournalCalls
from adapters.pins import GatewayPins
from adapters.receipts import (
    RECEIPT_KIND,
    VerifiedReceipt,
    verify_envelope_receipt,
    verify_statement_receipt,
    verify_withdrawal_receipt,
)
from adapters.registration import compose_registration
from consent.agreement import SIGNATURE_KIND, AgreementSignature
from consent.envelope import ENVELOPE_KIND, MAX_ENVELOPE
from consent.identifiers import AgreementId
from consent.statement import STATEMENT_KIND, ConsentStatement
from consent.withdrawal_code import check_code
from keys import strictjson
from keys.documents import Address, Clock, Document, parse, sha256_hex, validate
from keys.errors import ForgedError, MalformedError, UntrustedKeyError
from keys.identity import ClientKey
from keys.signing import MAX_DOCUMENT, SignedDocument
from keys.statements import KIND as KEY_KIND
from keys.statements import read_statement
from keys.words import Language

__all__ = [
    "AgreementFile",
    "AgreementListing",
    "Delivery",
    "EventDelivery",
    "EventPage",
    "GatewayClient",
    "Organisation",
    "VerifiedReceipt",
]

ACK_KIND: Final = "ack"
LARGE: Final = 16 * 1024 * 1024
"""Bytes of the largest answer that lists many small documents."""


class GatewayClient(CaseCalls, JournalCalls):
    """One gateway, called as one organisation; safe among threads, so that long polls run beside deposits."""

    def __init__(
        self,
        http: httpx2.Client,
        pins: GatewayPins,
        address: Address,
        client_key: ClientKey,
        clock: Clock,
        *,
        scopes: Iterable[str] | None = None,
        language: Language = "fr",
    ) -> None:
        """Call the pinned gateway as `address`; raises `UntrustedKeyError` for another organisation's key.

        `scopes` narrows what the tokens are good for, all that the operator granted by default; `language` is that of
        the gateway's refusals.
        """
        if client_key.address != address:
            raise UntrustedKeyError("key-of-another", "/address")
        self.address: Final = address
        super().__init__(Interface(http, pins, client_key, clock, scopes=scopes, language=language), pins)

    def deposit(self, wire: bytes) -> VerifiedReceipt:
        """Deposit an envelope; the same bytes give the same receipt for ever (PROTOCOL §6)."""
        value = self._interface.post("/v1/envelopes", wire, ENVELOPE_KIND)
        with reading_answer():
            return verify_envelope_receipt(SignedDocument.from_json(value, RECEIPT_KIND), wire, self.pins)

    def lease(self, maximum: int, wait: int) -> tuple[Delivery, ...]:
        """Take up to `maximum` envelopes (1 to 50) for 120 s, waiting up to `wait` seconds (0 to 30) for the first."""
        body = strictjson.dumps({"max": maximum, "wait": wait})
        limit = maximum * (MAX_ENVELOPE + SMALL) + SMALL
        value = self._interface.post("/v1/inbox/lease", body, None, limit=limit, wait=wait)
        if not isinstance(value, list) or len(value) > maximum:
            raise MalformedError("answer-malformed")
        return tuple(self._delivery(read_body(bodies.LeasedBody, item)) for item in value)

    def acknowledge(self, signed: SignedDocument) -> None:
        """Tell that an envelope was stored or cannot be opened; a redelivery gets the same bytes again."""
        envelope = _member(signed, "envelope")
        body = read_body(bodies.AckBody, self._interface.send("/v1/acks", signed, ACK_KIND))
        _expect(body.envelope == envelope)

    def events(self, after: int, wait: int) -> EventPage:
        """Events and notices addressed to us, in order, that follow cursor `after`; `wait` as for `lease`.

        Cursors only ever grow: a page that goes back or repeats itself is refused, or it would be read for ever.
        """
        query = {"after": after, "wait": wait}
        value = self._interface.get("/v1/events", query=query, limit=LARGE, wait=wait)
        page = read_body(bodies.EventPageBody, value)
        _expect_growing(after, [event.cursor for event in page.events], page.next)
        return EventPage(tuple(self._event(event) for event in page.events), page.next)

    def register_statement(self, signed: SignedDocument, code: str | None = None) -> VerifiedReceipt:
        """Register a consent statement or its next version; the receipt proves it, for the person too.

        `code` is the withdrawal code of a first version (PROTOCOL §3); it travels in this call only.
        """
        statement = parse(ConsentStatement, signed.payload, limit=MAX_DOCUMENT)
        if code is None:
            value = self._interface.send("/v1/consents", signed, STATEMENT_KIND)
        else:
            value = self._interface.post("/v1/consents", compose_registration(signed, code), None)
        with reading_answer():
            receipt = SignedDocument.from_json(value, RECEIPT_KIND)
            return verify_statement_receipt(receipt, statement, signed.sha256, self.pins)

    def consent(self, statement: str) -> bodies.ConsentBody:
        """How a consent that we issued stands at the gateway, and when it ended if it did."""
        body = read_body(bodies.ConsentBody, self._interface.get(f"/v1/consents/{statement}"))
        _expect(body.statement == statement)
        return body

    def withdraw_by_code(self, code: str) -> datetime:
        """Take a consent back by the code that its person says; the moment from which it is over.

        The signed answer tells nothing else: neither what it was about nor whose it is (PROTOCOL §3).
        """
        body = strictjson.dumps({"v": 1, "code": check_code(code)})
        value = self._interface.post("/v1/withdrawals", body, None)
        with reading_answer():
            return verify_withdrawal_receipt(SignedDocument.from_json(value, RECEIPT_KIND), self.pins)

    def publish_key(self, signed: SignedDocument) -> int:
        """Publish the next statement of our key chain; the index at which the journal holds it."""
        statement = read_statement(signed)
        body = read_body(bodies.KeyBody, self._interface.send("/v1/keys", signed, KEY_KIND))
        _expect((body.org, body.seq) == (statement.org, statement.seq))
        return body.index

    def organisation(self, address: Address) -> Organisation:
        """What the gateway knows of an organisation; `GatewayProblemError` of status 404 when it is not one."""
        named = validate(_Addressed, {"address": address}).address
        found = read_body(Organisation, self._interface.get(f"/v1/organisations/{named}"))
        _expect(found.address == address)
        return found

    def agreements(self) -> tuple[AgreementListing, ...]:
        """Every version of every agreement that names us."""
        return read_body(bodies.AgreementsBody, self._interface.get("/v1/agreements", limit=LARGE)).agreements

    def agreement(self, agreement: AgreementId, version: int) -> AgreementFile:
        """One agreement, its bytes as digested; the signatures are for the caller to verify."""
        value = self._interface.get(_agreement_path(agreement, version), limit=LARGE)
        body = read_body(bodies.AgreementBody, value)
        if sha256_hex(body.payload) != body.sha256:
            raise ForgedError("answer-digest", "/payload")
        with reading_answer():
            signatures = tuple(
                SignedDocument.from_json(item, SIGNATURE_KIND, pointer=f"/signatures/{number}")
                for number, item in enumerate(body.signatures)
            )
        return AgreementFile(body.payload, body.sha256, body.state, signatures)

    def sign_agreement(self, signed: SignedDocument) -> tuple[Address, ...]:
        """Hand in our signature of an agreement; the parties that have still to sign."""
        signature = parse(AgreementSignature, signed.payload, limit=MAX_DOCUMENT)
        path = f"{_agreement_path(signature.agreement, signature.version)}/signatures"
        return read_body(bodies.MissingBody, self._interface.send(path, signed, SIGNATURE_KIND)).missing

    def search_services(self, query: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Services of the gateway's directory that fit a query; nothing in it may come from a person's file."""
        value = self._interface.post("/v1/services/search", strictjson.dumps(dict(query)), None, limit=LARGE)
        return list(read_body(bodies.ServicesBody, value).services)

    def _delivery(self, body: bodies.LeasedBody) -> Delivery:
        wire = strictjson.dumps(body.envelope)
        return Delivery(wire, self._receipt(body.receipt, wire))

    def _event(self, body: bodies.EventBody) -> EventDelivery:
        wire = strictjson.dumps(body.envelope)
        return EventDelivery(body.cursor, wire, self._receipt(body.receipt, wire))

    def _receipt(self, members: Mapping[str, Any], wire: bytes) -> VerifiedReceipt:
        with reading_answer():
            signed = SignedDocument.from_json(members, RECEIPT_KIND, pointer="/receipt")
            return verify_envelope_receipt(signed, wire, self.pins)


class _Addressed(Document):
    address: Address


class _AgreementVersion(Document):
    id: AgreementId
    version: int


def _agreement_path(agreement: str, version: int) -> str:
    """The path of an agreement, whose parts cannot lead elsewhere; raises `MalformedError`."""
    named = validate(_AgreementVersion, {"id": agreement, "version": version})
    return f"/v1/agreements/{named.id}/{named.version}"


def _member(signed: SignedDocument, name: str) -> object:
    value = strictjson.loads(signed.payload, limit=MAX_DOCUMENT)
    return value.get(name) if isinstance(value, dict) else None


def _expect(about_what_was_asked: bool) -> None:  # noqa: FBT001 - the call reads as a sentence
    if not about_what_was_asked:
        raise ForgedError("answer-to-another")


def _expect_growing(after: int, cursors: Sequence[int], following: int) -> None:
    line = [after, *cursors]
    if any(one >= other for one, other in pairwise(line)) or following < line[-1]:
        raise MalformedError("answer-malformed")
