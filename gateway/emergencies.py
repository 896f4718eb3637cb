"""Emergencies after they were declared: a second person reviews each, and a right that is abused is taken away.

PRODUCT §4 (*Emergency*). What lets an emergency pass is decided by the rules like everything else; see
`consent.emergencies`.
"""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter, Request
from pydantic import TypeAdapter, ValidationError
from starlette.responses import Response

from consent.emergency_review import REVIEW_KIND, REVIEW_WITHIN, EmergencyReview
from consent.identifiers import Author
from consent.incident import of_emergency
from gateway import records
from gateway.bodies import json_answer, read_body, signed_answer
from gateway.broker import Broker, BrokerSettings
from gateway.callers import Presented, admit, present
from gateway.declarations import review_of
from gateway.enrolments import EnrolmentError
from gateway.incidents import open_incident
from gateway.polling import admitted
from gateway.problems import ProblemError
from gateway.receipts import RECEIPT_KIND, receipt
from gateway.shards import current_origin
from gateway.signers import check_signer, verified_document
from gateway.store.emergencies import Declared
from gateway.store.envelopes import Accepted
from gateway.store.transaction import Transaction
from keys import strictjson
from keys.documents import Address, format_time, parse
from keys.errors import ForgedError, MalformedError
from keys.signing import MAX_DOCUMENT, SignedDocument

__all__ = ["MAX_LISTED", "emergencies_router", "set_barred"]

MAX_LISTED = 100
"""Emergencies in one answer; older ones are asked for with `before`."""
_AUTHOR = TypeAdapter(Author)


def emergencies_router(broker: Broker) -> APIRouter:
    """`GET /v1/emergencies`, `POST /v1/emergencies/{envelope}/review`."""
    router = APIRouter()

    @router.get("/v1/emergencies")
    async def emergencies(request: Request) -> Response:
        """The emergencies that the caller declared or audits, the newest first."""
        presented = present(request, broker)
        caller = await broker.store.write(lambda tx: admitted(broker, tx, presented, "envelope:receive"))
        with broker.store.reading() as tx:
            before = _place(tx, caller.address, request.query_params.getlist("before"))
            found = tx.emergencies.concerning(caller.address, MAX_LISTED, before)
        answer: dict[str, object] = {"v": 1, "emergencies": [_described(each) for each in found]}
        if len(found) == MAX_LISTED:
            answer["before"] = found[-1].envelope
        return json_answer(answer)

    @router.post("/v1/emergencies/{envelope}/review")
    async def review(request: Request, envelope: str) -> Response:
        """Bring the signed review of a second person; 201 with the receipt, 200 with the same one when repeated."""
        presented = present(request, broker)
        signed = verified_document(broker, await read_body(request, (REVIEW_KIND,)), REVIEW_KIND)
        document = parse(EmergencyReview, signed.payload, limit=MAX_DOCUMENT)
        if document.envelope != envelope:
            raise ProblemError("emergency-unknown", pointer="/payload/envelope")
        answer, is_new = await broker.store.write(lambda tx: _review(broker, tx, presented, document, signed))
        return signed_answer(answer, RECEIPT_KIND, 201 if is_new else 200)

    return router


def set_barred(
    settings: BrokerSettings, tx: Transaction, org: Address, worker: str, *, barred: bool, at: datetime
) -> bool:
    """Take from a worker the right to declare emergencies, or give it back; False when it stood so already.

    It holds from the next deposit on, and is journalled. Raises `EnrolmentError` (organisation-unknown) and
    `MalformedError` (wrong-form) when `worker` cannot be a pseudonym.
    """
    if tx.organisations.get(org) is None:
        raise EnrolmentError("organisation-unknown")
    try:
        _AUTHOR.validate_python(worker)
    except ValidationError:
        raise MalformedError("wrong-form", "/worker") from None
    changed = tx.emergencies.bar(org, worker, at) if barred else tx.emergencies.lift(org, worker)
    if changed:
        state = "emergency-worker-barred" if barred else "emergency-worker-lifted"
        who: dict[str, object] = {"from": org, "document": strictjson.dumps({"v": 1, "worker": worker})}
        tx.journal.append(at, type="admin.change", actor=settings.address, state=state, **who)
    return changed


def _review(
    broker: Broker, tx: Transaction, presented: Presented, document: EmergencyReview, signed: SignedDocument
) -> tuple[bytes, bool]:
    at = tx.journal.lock(broker.clock())
    caller = admit(tx, presented, at)
    caller.require("envelope:send")
    if not document.by == caller.address == signed.keyids[0].partition("#")[0]:
        raise ForgedError("signer-is-not-sender", "/payload/by")
    emergency, known = tx.emergencies.get(document.envelope), tx.envelopes.get(document.envelope)
    # Unknown, somebody else's and other bytes are answered alike: none of them is this caller's emergency.
    if emergency is None or known is None or emergency.sender != caller.address:
        raise ProblemError("emergency-unknown", pointer="/payload/envelope")
    if known.payload_sha256 != document.payload_sha256:
        raise ProblemError("emergency-unknown", pointer="/payload/payload_sha256")
    if emergency.review is not None and emergency.receipt is not None:
        if emergency.review != signed.encode():
            raise ProblemError("review-differs", pointer="/payload/verdict")
        return emergency.receipt, False
    if document.reviewer == emergency.worker:
        raise ProblemError("reviewer-is-worker", pointer="/payload/reviewer")
    check_signer(tx, signed, at)
    return _keep_review(broker, tx, emergency, known, document, signed, at), True


def _keep_review(
    broker: Broker,
    tx: Transaction,
    emergency: Declared,
    known: Accepted,
    document: EmergencyReview,
    signed: SignedDocument,
    at: datetime,
) -> bytes:
    """Journal the review and keep it; one that finds against the emergency opens an incident."""
    appended = tx.journal.append(at, **records.reviewed(emergency, document.verdict, signed.encode()))
    origin = current_origin(broker.keys, tx)
    answer = receipt(broker.keys.receipts, origin, appended, signed.sha256, reviewed=emergency.envelope)
    tx.emergencies.review(emergency.envelope, signed.encode(), answer)
    if document.verdict == "not-justified":
        incident = of_emergency(emergency.sections, emergency.at, at)
        open_incident(broker, tx, known, (emergency.sender, emergency.auditor), incident, signed, at)
    return answer


def _place(tx: Transaction, address: Address, named: list[str]) -> Declared | None:
    """The emergency after which to go on, which has to be one that the caller may see."""
    if not named:
        return None
    found = tx.emergencies.get(named[0]) if len(named) == 1 else None
    if found is None or address not in {found.sender, found.auditor}:
        raise ProblemError("emergency-unknown", pointer="?before")
    return found


def _described(emergency: Declared) -> dict[str, object]:
    review = review_of(emergency)
    described: dict[str, object] = {
        "envelope": emergency.envelope,
        "ref": emergency.ref,
        "from": emergency.sender,
        "auditor": emergency.auditor,
        "worker": emergency.worker,
        "ground": emergency.ground,
        "at": format_time(emergency.at),
        "review_by": format_time(emergency.at + REVIEW_WITHIN),
    }
    if review is not None:
        described |= {"verdict": review.verdict, "reviewer": review.reviewer, "reviewed": format_time(review.at)}
    return described
