"""A recipient reports that an envelope did not hold what its header announced.

PRODUCT §4: the broker cannot see a false label. The report opens an incident, pre-filled with what is known.
"""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from consent.emergency_review import REVIEW_KIND
from consent.incident import of_mismatch
from consent.mismatch import MISMATCH_KIND, Mismatch
from gateway.bodies import read_body, signed_answer
from gateway.broker import Broker
from gateway.callers import Presented, admit, present
from gateway.incidents import accepted_at, open_incident
from gateway.problems import ProblemError
from gateway.receipts import RECEIPT_KIND
from gateway.signers import check_signer, verified_document
from gateway.store.incidents import Opened
from gateway.store.transaction import Transaction
from keys.documents import parse
from keys.errors import ForgedError
from keys.signing import MAX_DOCUMENT, SignedDocument, media_type

__all__ = ["mismatches_router"]


def mismatches_router(broker: Broker) -> APIRouter:
    """`POST /v1/mismatches`."""
    router = APIRouter()

    @router.post("/v1/mismatches")
    async def report(request: Request) -> Response:
        """Report one mismatch; 201 with the signed receipt, 200 with the same one when repeated."""
        presented = present(request, broker)
        signed = verified_document(broker, await read_body(request, (MISMATCH_KIND,)), MISMATCH_KIND)
        mismatch = parse(Mismatch, signed.payload, limit=MAX_DOCUMENT)
        answer, is_new = await broker.store.write(lambda tx: _report(broker, tx, presented, mismatch, signed))
        return signed_answer(answer, RECEIPT_KIND, 201 if is_new else 200)

    return router


def _report(
    broker: Broker, tx: Transaction, presented: Presented, mismatch: Mismatch, signed: SignedDocument
) -> tuple[bytes, bool]:
    at = tx.journal.lock(broker.clock())
    caller = admit(tx, presented, at)
    caller.require("envelope:receive")
    if not mismatch.by == caller.address == signed.keyids[0].partition("#")[0]:
        raise ForgedError("signer-is-not-sender", "/payload/by")
    known = tx.envelopes.get(mismatch.envelope)
    # Unknown, somebody else's and other bytes are answered alike: none of them is this caller's envelope.
    if known is None or known.recipient != caller.address or known.payload_sha256 != mismatch.payload_sha256:
        raise ProblemError("envelope-unknown", pointer="/payload/envelope")
    if not known.released:
        raise ProblemError("not-released", pointer="/payload/envelope")
    for opened in tx.incidents.about(known.id):
        if opened.report == signed.encode():
            return opened.receipt, False
        if _says_the_same(opened, mismatch):
            raise ProblemError("mismatch-already-reported", pointer="/payload/kind")
    check_signer(tx, signed, at)
    incident = of_mismatch(mismatch.kind, mismatch.section, accepted_at(known), at)
    return open_incident(broker, tx, known, (caller.address, known.sender), incident, signed, at), True


def _says_the_same(opened: Opened, mismatch: Mismatch) -> bool:
    """Whether an incident was opened by a report of the same gap in the same section."""
    if media_type(REVIEW_KIND).encode() in opened.report:
        return False  # it was opened by the review of an emergency, not by a recipient
    earlier = parse(Mismatch, SignedDocument.parse(opened.report, MISMATCH_KIND).payload, limit=MAX_DOCUMENT)
    return (earlier.kind, earlier.section) == (mismatch.kind, mismatch.section)
