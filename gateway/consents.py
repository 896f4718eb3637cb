"""A partner registers what a person allowed: the broker's half of a consent, with nothing of who that person is.

PROTOCOL §3 and §6. The code by which the person can take it back travels once, beside the first version; the broker
keeps a keyed digest of it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from consent.statement import STATEMENT_KIND, ConsentStatement, RegisteredStatement, succession_fault
from consent.withdrawal_code import check_code
from gateway import records
from gateway.bodies import json_answer, read_body, signed_answer
from gateway.broker import Broker
from gateway.callers import Presented, admit, present
from gateway.consent_endings import settle
from gateway.narrowings import narrow
from gateway.paths import named
from gateway.polling import admitted
from gateway.problems import ProblemError
from gateway.receipts import RECEIPT_KIND, receipt
from gateway.shards import current_origin
from gateway.signers import check_signer, verified_document
from gateway.store.journal import Appended
from gateway.store.transaction import Transaction
from gateway.withdrawals import code_digest
from keys import strictjson
from keys.documents import Address, Document, Version, format_time, parse
from keys.errors import ForgedError, MalformedError
from keys.signing import MAX_DOCUMENT, SignedDocument, media_type

__all__ = ["RegistrationRequest", "consents_router"]

Registration = tuple[ConsentStatement, SignedDocument, str | None]
"""A statement as it was read and signed, and the person's code, when it comes with one."""


class RegistrationRequest(Document):
    """A statement with the code that ends it: 16 characters, said to the person and to nobody else."""

    v: Version
    statement: dict[str, Any]
    withdrawal_code: str


def consents_router(broker: Broker) -> APIRouter:
    """`POST /v1/consents`, `POST /v1/consents/{id}/withdraw`, `GET /v1/consents/{id}`."""
    router = APIRouter()

    @router.post("/v1/consents")
    async def register(request: Request) -> Response:
        """Register one version of a consent statement; 201 with the signed receipt, 200 when repeated."""
        presented = present(request, broker)
        registration = await _read(request, broker)
        answer, is_new = await broker.store.write(lambda tx: _register(broker, tx, presented, registration))
        return signed_answer(answer, RECEIPT_KIND, 201 if is_new else 200)

    @router.post("/v1/consents/{identifier}/withdraw")
    async def withdraw(request: Request, identifier: str) -> Response:
        """Register the version by which a consent ends: withdrawn, revoked or invalidated; answers as above."""
        presented = present(request, broker)
        statement, signed, _ = _read_alone(broker, await read_body(request, (STATEMENT_KIND,)))
        if statement.id != identifier:
            raise ProblemError("consent-unknown", pointer="/payload/id", status=404)
        if statement.state == "given":
            raise MalformedError("consent-not-ended", "/payload/state")
        answer, is_new = await broker.store.write(
            lambda tx: _register(broker, tx, presented, (statement, signed, None), is_known=True)
        )
        return signed_answer(answer, RECEIPT_KIND, 201 if is_new else 200)

    @router.get("/v1/consents/{identifier}")
    async def state(request: Request, identifier: str) -> Response:
        """The newest version of a consent of the caller's, and whether it is given or how it ended."""
        presented = present(request, broker)
        caller = await broker.store.write(lambda tx: admitted(broker, tx, presented, "consent:write"))
        with broker.store.reading() as tx:
            return json_answer(_shown(tx, caller.address, named(identifier)))

    return router


async def _read(request: Request, broker: Broker) -> Registration:
    """The statement by itself, or in an object beside the code: the media type says which."""
    body = await read_body(request, (STATEMENT_KIND,))
    if request.headers["content-type"].lower().startswith(media_type(STATEMENT_KIND)):
        return _read_alone(broker, body)
    wanted = parse(RegistrationRequest, body, limit=MAX_DOCUMENT)
    code = check_code(wanted.withdrawal_code, pointer="/withdrawal_code")
    statement, signed, _ = _read_alone(broker, strictjson.dumps(wanted.statement))
    if statement.version != 1:
        raise MalformedError("unexpected-member", "/withdrawal_code")
    return statement, signed, code


def _read_alone(broker: Broker, body: bytes) -> Registration:
    signed = verified_document(broker, body, STATEMENT_KIND)
    return parse(ConsentStatement, signed.payload, limit=MAX_DOCUMENT), signed, None


def _register(
    broker: Broker, tx: Transaction, presented: Presented, registration: Registration, *, is_known: bool = False
) -> tuple[bytes, bool]:
    """The receipt of a version, and whether it is new; `is_known` asks that an earlier one be there."""
    statement, signed, code = registration
    at = tx.journal.lock(broker.clock())
    caller = admit(tx, presented, at)
    caller.require("consent:write")
    if is_known:
        _check_known(tx, statement, caller.address)
    if not statement.issuer == caller.address == signed.keyids[0].partition("#")[0]:
        raise ForgedError("signer-is-not-sender", "/payload/issuer")
    known = tx.statements.version(statement.id, statement.version)
    if known is not None and known[0] == signed.sha256:
        _keep_code(broker, tx, statement, code)
        return _confirmed(broker, tx, statement, signed, at) or known[1], False
    check_signer(tx, signed, at)
    _check(tx, statement, at)
    before = tx.statements.newest(statement.id)
    registered = RegisteredStatement(statement, signed.sha256)
    appended = tx.journal.append(at, **records.statement_registered(registered))
    answer = _receipt(broker, tx, appended, registered)
    tx.statements.register(statement, signed, answer)
    tx.statements.trust(statement.id)
    _keep_code(broker, tx, statement, code)
    if statement.state == "given":
        # A narrower version governs what waits from this moment on, not from its recipient's next call.
        narrow(broker, tx, before, registered, at)
    else:
        settle(broker, tx, registered, statement.state, appended.index, at)
    return answer, True


def _confirmed(
    broker: Broker, tx: Transaction, statement: ConsentStatement, signed: SignedDocument, at: datetime
) -> bytes | None:
    """The new receipt of a newest version whose issuer says it again since entries were lost; None in any other case.

    It is journalled again: from there on nobody has to wonder whether a later version, or an end, is among the lost.
    """
    newest = tx.statements.newest(statement.id)
    if newest is None or newest.document.version != statement.version or not tx.statements.trust(statement.id):
        return None
    registered = RegisteredStatement(statement, signed.sha256)
    appended = tx.journal.append(at, **records.statement_registered(registered))
    answer = _receipt(broker, tx, appended, registered)
    tx.statements.renew_receipt(statement.id, statement.version, answer)
    return answer


def _check_known(tx: Transaction, statement: ConsentStatement, caller: Address) -> None:
    """Only what is there and the caller's can be ended: what is another's is as if it did not exist."""
    newest = tx.statements.newest(statement.id)
    if newest is None or newest.document.issuer != caller:
        raise ProblemError("consent-unknown", pointer="/payload/id", status=404)


def _receipt(broker: Broker, tx: Transaction, appended: Appended, registered: RegisteredStatement) -> bytes:
    return receipt(
        broker.keys.receipts,
        current_origin(broker.keys, tx),
        appended,
        registered.sha256,
        statement=registered.document.id,
        version=registered.document.version,
    )


def _keep_code(broker: Broker, tx: Transaction, statement: ConsentStatement, code: str | None) -> None:
    """Keep the digest of the code; the same code for the same consent is a repetition, any other pair is refused."""
    if code is None:
        return
    digest = code_digest(broker, code)
    if tx.statements.of_code(digest) == statement.id:
        return
    if tx.statements.of_code(digest) is not None or tx.statements.code_of(statement.id) is not None:
        raise ProblemError("withdrawal-code-taken", pointer="/withdrawal_code")
    tx.statements.keep_code(digest, statement.id)


def _check(tx: Transaction, statement: ConsentStatement, at: datetime) -> None:
    """It continues what it says it continues, is not over, and every grant rests on an agreement of its ends."""
    fault = succession_fault(tx.statements.newest(statement.id), statement)
    if fault is not None:
        raise ProblemError(fault[0], pointer=f"/payload{fault[1]}")
    if statement.state == "given" and statement.not_after <= at:
        raise ProblemError("consent-expired", pointer="/payload/not_after")
    for position, grant in enumerate(statement.grants):
        agreement = tx.agreements.newest(grant.agreement)
        if agreement is None or agreement.document.party(statement.issuer) is None:
            raise ProblemError("agreement-unknown", pointer=f"/payload/grants/{position}/agreement")
        if agreement.document.party(grant.recipient) is None:
            raise ProblemError("not-a-party", pointer=f"/payload/grants/{position}/recipient")


def _shown(tx: Transaction, caller: Address, identifier: str) -> dict[str, object]:
    newest = tx.statements.newest(identifier)
    if newest is None or newest.document.issuer != caller or tx.statements.is_erased(identifier):
        raise ProblemError("consent-unknown", status=404)
    end = tx.statements.ended(identifier)
    shown: dict[str, object] = {
        "v": 1,
        "statement": identifier,
        "version": newest.document.version,
        "sha256": newest.sha256,
        "state": newest.state,
        "not_after": format_time(newest.document.not_after),
    }
    return shown if end is None else shown | {"ended": format_time(end.at), "index": end.index}
