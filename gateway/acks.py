"""A partner's machine says that it holds an envelope safely, or why it could not take it."""

from __future__ import annotations

from typing import Literal, Self

from fastapi import APIRouter, Request
from pydantic import model_validator
from starlette.responses import Response

from consent.identifiers import EnvelopeId
from gateway import records
from gateway.bodies import json_answer, read_body
from gateway.broker import Broker
from gateway.callers import Presented, admit, present
from gateway.endings import end_undeliverable
from gateway.problems import ProblemError
from gateway.signers import check_signer, verified_document
from gateway.store.transaction import Transaction
from keys.documents import Address, Document, Sha256, Time, Version, fault, parse
from keys.errors import ForgedError
from keys.signing import MAX_DOCUMENT, SignedDocument

__all__ = ["ACK_KIND", "Acknowledgement", "acks_router"]

ACK_KIND = "ack"


class Acknowledgement(Document):
    """The recipient's signed word: stored and readable, or refused and why (PROTOCOL §6)."""

    v: Version
    envelope: EnvelopeId
    payload_sha256: Sha256
    by: Address
    result: Literal["stored", "refused"]
    code: Literal["signature", "key", "digest", "decrypt", "schema", "expired"] | None = None
    at: Time

    @model_validator(mode="after")
    def _says_why(self) -> Self:
        if (self.result == "refused") != (self.code is not None):
            raise fault("ack-code")
        return self


def acks_router(broker: Broker) -> APIRouter:
    """`POST /v1/acks`."""
    router = APIRouter()

    @router.post("/v1/acks")
    async def acknowledge(request: Request) -> Response:
        """Acknowledge one leased envelope; repeating the same bytes is answered alike."""
        presented = present(request, broker)
        signed = verified_document(broker, await read_body(request, (ACK_KIND,)), ACK_KIND)
        ack = parse(Acknowledgement, signed.payload, limit=MAX_DOCUMENT)
        index = await broker.store.write(lambda tx: _acknowledge(broker, tx, presented, ack, signed))
        return json_answer({"v": 1, "envelope": ack.envelope, "index": index})

    return router


def _acknowledge(
    broker: Broker, tx: Transaction, presented: Presented, ack: Acknowledgement, signed: SignedDocument
) -> int:
    """Keep the word and let go of the sealed bytes; returns the journal index of the envelope's acceptance."""
    at = tx.journal.lock(broker.clock())
    caller = admit(tx, presented, at)
    caller.require("envelope:receive")
    if not ack.by == caller.address == signed.keyids[0].partition("#")[0]:
        raise ForgedError("signer-is-not-sender", "/payload/by")
    known = tx.envelopes.get(ack.envelope)
    # Unknown, somebody else's and other bytes are answered alike: none of them is this caller's envelope.
    if known is None or known.recipient != caller.address or known.payload_sha256 != ack.payload_sha256:
        raise ProblemError("envelope-unknown", pointer="/payload/envelope")
    if known.ack is not None:
        if known.ack != signed.encode():
            raise ProblemError("ack-differs", pointer="/payload/result")
        return known.index
    if not known.released:
        raise ProblemError("not-released", pointer="/payload/envelope")
    if known.replaced and ack.result == "stored":
        # What took its place is delivered under the same use: the first one may not count as delivered too.
        raise ProblemError("envelope-replaced", pointer="/payload/envelope")
    check_signer(tx, signed, at)
    tx.journal.append(at, **records.acknowledged(known, ack.result, ack.code))
    tx.envelopes.acknowledge(known.id, signed.encode(), stored=ack.result == "stored")
    if ack.result == "refused":
        tx.attachments.destroy(known.id)
    # What was destroyed since it was handed out has been told already, and may have been replaced.
    if ack.result == "refused" and known.kind == "referral" and known.wire is not None:
        end_undeliverable(broker, tx, known.ref, known.id, at)
    return known.index
