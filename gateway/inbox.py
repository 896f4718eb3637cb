"""A partner fetches its mail: each envelope passes the second gate in the transaction that hands it out.

PROTOCOL §6. From the moment of release the recipient counts as served. What is not acknowledged within the lease
comes again, through the gate again.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import Response

from consent.passage import Granted, Refused
from gateway import records
from gateway.bodies import delivery_answer, read_body
from gateway.broker import Broker
from gateway.callers import Caller, Presented, admitted_scopes, present
from gateway.endings import KEY_REVOKED, MAY_PASS_LATER, UNCONFIRMED, end_expired, sealed_to_revoked, withhold
from gateway.gates import is_unconfirmed, judge, reread
from gateway.polling import MAX_WAIT, admitted, poll
from gateway.store.envelopes import Waiting
from gateway.store.transaction import Transaction
from keys.documents import Document, parse

__all__ = ["LEASE", "LEASE_LIMIT", "inbox_router"]

LEASE = timedelta(seconds=120)
"""How long a partner has to acknowledge before an envelope comes again (PROTOCOL §6)."""
HOLD = timedelta(seconds=60)
"""How long an envelope that a suspension holds back is left before it is judged again."""
MAX_LEASED = 50
_ROUNDS = 8
"""Looks at what waits in one transaction, so that nobody else is kept waiting by a long queue of what may not pass."""
LEASE_LIMIT = 4096
"""Bytes of such a request."""


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
        wanted = parse(LeaseRequest, await read_body(request, limit=LEASE_LIMIT), limit=LEASE_LIMIT)
        caller = await broker.store.write(lambda tx: admitted(broker, tx, presented, "envelope:receive"))

        async def look() -> list[Waiting]:
            return await broker.store.write(lambda tx: _lease(broker, tx, presented, caller, wanted.max))

        return delivery_answer(await poll(broker, caller.address, wanted.wait, look))

    return router


def _lease(broker: Broker, tx: Transaction, presented: Presented, caller: Caller, limit: int) -> list[Waiting]:
    """Gate 2, the entry `released`, and the lease, in the transaction that hands each envelope out."""
    at = tx.journal.lock(broker.clock())
    tx.journal.require_uncontradicted()
    # It may have been suspended while it waited; its mail stays where it is.
    admitted_scopes(tx, presented, at)
    leased: list[Waiting] = []
    for _ in range(_ROUNDS):
        # A round may find nothing but what is put on hold or destroyed: what waits behind it is not made to wait.
        found = tx.envelopes.to_lease(caller.address, at, limit)
        leased += [waiting for waiting in found if _hand_out(broker, tx, caller, waiting, at)]
        if leased or not found:
            break
    return leased


def _hand_out(broker: Broker, tx: Transaction, caller: Caller, waiting: Waiting, at: datetime) -> bool:
    """Gate 2 for one envelope: lease it, keep it for later, or destroy it; True when it is handed out."""
    known = tx.envelopes.get(waiting.id)
    if known is None or known.wire is None:
        return False  # The referral it belonged to was ended a moment ago.
    envelope = reread(waiting.wire)
    decision = judge(tx, envelope.header, "pickup", caller.scopes, at)
    if isinstance(decision, Granted) and sealed_to_revoked(tx, envelope):
        decision = KEY_REVOKED
    if is_unconfirmed(tx, envelope.header) and not _is_over(decision):
        decision = UNCONFIRMED
    if isinstance(decision, Refused):
        if decision.because in MAY_PASS_LATER:
            tx.envelopes.hold(waiting.id, at + HOLD)
        elif decision.because == "envelope-expired":
            end_expired(broker, tx, (waiting,), at)
        else:
            withhold(broker, tx, envelope, decision, at)
        return False
    tx.journal.append(at, **records.released(decision, envelope.payload_sha256))
    tx.envelopes.lease(waiting.id, at + LEASE)
    return True


def _is_over(decision: Granted | Refused) -> bool:
    """Whether an envelope can pass no more whatever the issuer of its consent says."""
    return isinstance(decision, Refused) and decision.because in {"envelope-expired", KEY_REVOKED.because}
