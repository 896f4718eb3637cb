"""The partners and their keys: who they are, and each new statement of their chain of keys."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from gateway.bodies import json_answer, read_body
from gateway.broker import Broker
from gateway.callers import Presented, admit, present
from gateway.endings import end_sealed_to
from gateway.key_chains import extend_chain
from gateway.paths import named
from gateway.polling import admitted
from gateway.problems import ProblemError
from gateway.store.transaction import Transaction
from keys.documents import format_time
from keys.signing import SignedDocument
from keys.statements import KIND, KeyRevocation, read_statement

__all__ = ["organisations_router"]


def organisations_router(broker: Broker) -> APIRouter:
    """`GET /v1/organisations/{address}` and `POST /v1/keys`."""
    router = APIRouter()

    @router.get("/v1/organisations/{address}")
    async def organisation(request: Request, address: str) -> Response:
        """Who a partner is, and the fingerprint of its root; no person is named."""
        presented = present(request, broker)
        await broker.store.write(lambda tx: admitted(broker, tx, presented, "directory:read"))
        with broker.store.reading() as tx:
            found = tx.organisations.get(named(address))
        if found is None:
            raise ProblemError("organisation-unknown")
        return json_answer(
            {
                "v": 1,
                "address": found.address,
                "legal_name": found.legal_name,
                "jurisdiction": found.jurisdiction,
                "active": found.active,
                "root_fingerprint": found.root_fingerprint,
            }
        )

    @router.post("/v1/keys")
    async def publish(request: Request) -> Response:
        """Publish or revoke one key of the caller; 201, or 200 when the same statement is repeated."""
        presented = present(request, broker)
        signed = SignedDocument.parse(await read_body(request, (KIND,)), KIND)
        body, is_new = await broker.store.write(lambda tx: _publish(broker, tx, presented, signed))
        return json_answer(body, 201 if is_new else 200)

    return router


def _publish(
    broker: Broker, tx: Transaction, presented: Presented, signed: SignedDocument
) -> tuple[dict[str, object], bool]:
    at = tx.journal.lock(broker.clock())
    caller = admit(tx, presented, at)
    caller.require("keys:publish")
    statement = read_statement(signed)
    if statement.org != caller.address:
        raise ProblemError("sender-is-not-caller", pointer="/payload/org")
    known = tx.keys.statement(statement.org, statement.seq)
    if known is not None and known[0] == signed.sha256:
        _, index, time = known
        return _answer(statement.org, statement.seq, index, format_time(time)), False
    index = extend_chain(tx, signed, statement, at)
    if isinstance(statement, KeyRevocation):
        end_sealed_to(broker, tx, statement.revokes, at)
    return _answer(statement.org, statement.seq, index, format_time(at)), True


def _answer(org: str, seq: int, index: int, time: str) -> dict[str, object]:
    return {"v": 1, "org": org, "seq": seq, "index": index, "time": time}
