"""A partner registers what a person allowed: the broker's half of a consent, with nothing of who that person is."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter, Request
from starlette.responses import Response

from consent.statement import STATEMENT_KIND, ConsentStatement, RegisteredStatement, succession_fault
from gateway import records
from gateway.bodies import read_body, signed_answer
from gateway.broker import Broker
from gateway.callers import Presented, admit, present
from gateway.problems import ProblemError
from gateway.receipts import RECEIPT_KIND, receipt
from gateway.signers import check_signer, verified_document
from gateway.store.transaction import Transaction
from keys.documents import parse
from keys.errors import ForgedError
from keys.signing import MAX_DOCUMENT, SignedDocument

__all__ = ["consents_router"]


def consents_router(broker: Broker) -> APIRouter:
    """`POST /v1/consents`."""
    router = APIRouter()

    @router.post("/v1/consents")
    async def register(request: Request) -> Response:
        """Register one version of a consent statement; 201 with the signed receipt, 200 when repeated."""
        presented = present(request, broker)
        signed = verified_document(broker, await read_body(request, (STATEMENT_KIND,)), STATEMENT_KIND)
        statement = parse(ConsentStatement, signed.payload, limit=MAX_DOCUMENT)
        answer, is_new = await broker.store.write(lambda tx: _register(broker, tx, presented, statement, signed))
        return signed_answer(answer, RECEIPT_KIND, 201 if is_new else 200)

    return router


def _register(
    broker: Broker, tx: Transaction, presented: Presented, statement: ConsentStatement, signed: SignedDocument
) -> tuple[bytes, bool]:
    at = tx.journal.lock(broker.clock())
    caller = admit(tx, presented, at)
    caller.require("consent:write")
    if not statement.issuer == caller.address == signed.keyids[0].partition("#")[0]:
        raise ForgedError("signer-is-not-sender", "/payload/issuer")
    known = tx.statements.version(statement.id, statement.version)
    if known is not None and known[0] == signed.sha256:
        return known[1], False
    check_signer(tx, signed, at)
    _check(tx, statement, at)
    registered = RegisteredStatement(statement, signed.sha256)
    appended = tx.journal.append(at, **records.statement_registered(registered))
    answer = receipt(
        broker.keys.receipts,
        broker.keys.journal.origin,
        appended,
        signed.sha256,
        statement=statement.id,
        version=statement.version,
    )
    tx.statements.register(statement, signed, answer)
    return answer, True


def _check(tx: Transaction, statement: ConsentStatement, at: datetime) -> None:
    """It continues what it says it continues, is not over, and every grant rests on an agreement of its ends."""
    fault = succession_fault(tx.statements.newest(statement.id), statement)
    if fault is not None:
        raise ProblemError(fault[0], pointer=f"/payload{fault[1]}")
    if statement.not_after <= at:
        raise ProblemError("consent-expired", pointer="/payload/not_after")
    for position, grant in enumerate(statement.grants):
        agreement = tx.agreements.newest(grant.agreement)
        if agreement is None or agreement.document.party(statement.issuer) is None:
            raise ProblemError("agreement-unknown", pointer=f"/payload/grants/{position}/agreement")
        if agreement.document.party(grant.recipient) is None:
            raise ProblemError("not-a-party", pointer=f"/payload/grants/{position}/recipient")
