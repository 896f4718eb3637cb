"""A partner fetches its mail: each envelope passes the second gate in the transaction that hands it out.

PROTOCOL §6. From the moment of release the recipient counts as served. What is not acknowledged within the lease
comes again, through the gate again.
"""

from __future__ import annotations

from datetime import timedelta

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import Response

from consent.passage import Refused
from gateway import records
from gateway.bodies import delivery_answer, read_body
from gateway.broker import Broker
from gateway.callers import Caller, present
from gateway.gates import judge, reread
from gateway.notices import withhold
from gateway.polling import MAX_WAIT, admitted, poll
from gateway.problems import ProblemError
from gateway.store.envelopes import Waiting
from gateway.store.transaction import Transaction
from keys.documents import Document, parse

__all__ = ["LEASE", "inbox_router"]

LEASE = timedelta(seconds=120)
"""How long a partner has to acknowledge before an envelope comes again (PROTOCOL §6)."""
MAX_LEASED = 50
_LIMIT = 4096


class LeaseRequest(Document):
    """How many envelopes at most, and how many seconds to wait for the first."""

    max: int = Field(ge=1, le=MAX_LEASED)
    wait: int = Field(ge=0, le=MAX_WAIT)


def inbox_router(broker: Broker) -> APIRouter:
    """`POST /v1/inbox/lease`."""
    router = APIRouter()

    @router.post("/v1/inbox/lease")
    async def lease(request: Request) -> Response:
        """Lease up to `max` envelopes for 120 s, waiting up to `wait` seconds for the first."""
        presented = present(request, broker)
        wanted = parse(LeaseRequest, await read_body(request, limit=_LIMIT), limit=_LIMIT)
        caller = await broker.store.write(lambda tx: admitted(broker, tx, presented, "envelope:receive"))

        async def look() -> list[Waiting]:
            return await broker.store.write(lambda tx: _lease(broker, tx, caller, wanted.max))

        return delivery_answer(await poll(broker, caller.address, wanted.wait, look))

    return router


def _lease(broker: Broker, tx: Transaction, caller: Caller, limit: int) -> list[Waiting]:
    """Gate 2, the entry `released`, and the lease, in the transaction that hands each envelope out."""
    at = tx.journal.lock(broker.clock())
    if tx.organisations.inactive({caller.address}):
        # It may have been suspended while it waited; its mail stays where it is.
        raise ProblemError("client-suspended", status=401)
    leased = []
    for waiting in tx.envelopes.to_lease(caller.address, at, limit):
        envelope = reread(waiting.wire)
        decision = judge(tx, envelope.header, "pickup", caller.scopes, at)
        if isinstance(decision, Refused):
            withhold(broker, tx, envelope, decision, at)
            continue
        tx.journal.append(at, **records.released(decision, envelope.payload_sha256))
        tx.envelopes.lease(waiting.id, at + LEASE)
        leased.append(waiting)
    return leased
