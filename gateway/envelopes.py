"""A partner brings an envelope: may it pass, and what the journal and the sender are told.

PROTOCOL §6. Form and signatures are checked first; then, under the lock of the journal's end, everything that can
change is read and decided at once. The answer leaves after the commit; bringing the same bytes again is answered with
the same receipt for the envelope's whole life.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from fastapi import APIRouter, Request
from starlette.responses import Response

from consent.envelope import ENVELOPE_KIND, MAX_ENVELOPE, Envelope, UnverifiedEnvelope
from consent.lifecycle import closed
from consent.passage import Refused
from gateway import records
from gateway.bodies import read_body, signed_answer
from gateway.broker import Broker
from gateway.callers import Presented, admit, present
from gateway.endings import clear_closed
from gateway.gates import accept, is_unconfirmed, judge
from gateway.problems import ProblemError, refusal
from gateway.receipts import RECEIPT_KIND
from gateway.signers import check_signer
from gateway.store.transaction import Transaction
from keys.errors import UntrustedKeyError

__all__ = ["envelopes_router"]


@dataclass(frozen=True, slots=True)
class _Answer:
    """What the transaction decided: a receipt, new or as it was given before; or a refusal and its entry."""

    receipt: bytes = b""
    is_new: bool = False
    refused: Refused | None = None
    index: int = 0


def envelopes_router(broker: Broker) -> APIRouter:
    """`POST /v1/envelopes`."""
    router = APIRouter()

    @router.post("/v1/envelopes")
    async def deposit(request: Request) -> Response:
        """Deposit one sealed envelope; 201 with the signed receipt, 200 with the same one when repeated."""
        presented = present(request, broker)
        envelope = _verified(broker, await read_body(request, (ENVELOPE_KIND,), limit=MAX_ENVELOPE))
        answer = await broker.store.write(lambda tx: _deposit(broker, tx, presented, envelope))
        # Committed: from here on the journal remembers what we answer.
        if answer.refused is not None:
            return refusal(request, answer.refused, answer.index, envelope.header.article)
        return signed_answer(answer.receipt, RECEIPT_KIND, 201 if answer.is_new else 200)

    return router


def _verified(broker: Broker, wire: bytes) -> Envelope:
    """Form, signature and digests, with no lock held; whether the key may be used is asked again under it."""
    unverified = UnverifiedEnvelope.parse(wire)
    verifier = broker.verifiers.find(broker.store, unverified.signed.keyids[0])
    return unverified.verify(verifier)


def _deposit(broker: Broker, tx: Transaction, presented: Presented, envelope: Envelope) -> _Answer:
    at = tx.journal.lock(broker.clock())
    tx.journal.require_uncontradicted()
    caller = admit(tx, presented, at)
    header = envelope.header
    if header.from_ != caller.address:
        raise ProblemError("sender-is-not-caller", pointer="/payload/protected/from")
    known, is_seq_taken = tx.envelopes.met(header)
    if known is not None and known.payload_sha256 == envelope.payload_sha256:
        return _Answer(receipt=known.receipt)
    if known is not None:
        raise ProblemError("envelope-id-taken", pointer="/payload/protected/id")
    if is_seq_taken:
        raise ProblemError("seq-taken", pointer="/payload/protected/seq")
    _check_keys(tx, envelope, at)
    if at < header.exp and is_unconfirmed(tx, header):
        # Passing, and no decision: what the consent says now may be among what was lost. What is too late stays so.
        raise ProblemError("statement-unconfirmed", pointer="/payload/protected/authority")
    decision = judge(tx, header, "deposit", caller.scopes, at)
    if isinstance(decision, Refused):
        # A refusal burns neither id nor seq, but it is remembered (PROTOCOL §4).
        return _Answer(refused=decision, index=tx.journal.append(at, **records.refused(envelope, decision)).index)
    receipt = accept(broker, tx, decision, envelope)
    if decision.next_state is not None and closed(decision.next_state):
        clear_closed(broker, tx, header.ref, at)
    return _Answer(receipt=receipt, is_new=True)


def _check_keys(tx: Transaction, envelope: Envelope, at: datetime) -> None:
    """The signing key is the sender's and the sealing key the recipient's, both usable now (PROTOCOL §2)."""
    check_signer(tx, envelope.signed, at)
    if envelope.payload.key is not None:
        kid = envelope.payload.key.kid
        sealing = tx.keys.get(kid)
        if sealing is None or sealing.use != "sealing" or kid.partition("#")[0] != envelope.header.to:
            raise UntrustedKeyError("key-not-of-recipient", "/payload/key/kid")
        sealing.check(at, None)
