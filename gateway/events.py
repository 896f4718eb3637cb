"""A partner hears what happened to its referrals: steps taken by the other side, and the broker's own notices."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from gateway.bodies import news_answer, query_number
from gateway.broker import Broker
from gateway.callers import admitted_scopes, present
from gateway.polling import MAX_WAIT, admitted, poll
from gateway.store.envelopes import Waiting
from keys.strictjson import MAX_INTEGER

__all__ = ["events_router"]

MAX_TOLD = 200


def events_router(broker: Broker) -> APIRouter:
    """`GET /v1/events`."""
    router = APIRouter()

    @router.get("/v1/events")
    async def events(request: Request) -> Response:
        """Events and notices after the cursor `after`, in order, waiting up to `wait` seconds for the first."""
        presented = present(request, broker)
        after = query_number(request, "after", maximum=MAX_INTEGER)
        wait = query_number(request, "wait", maximum=MAX_WAIT)
        caller = await broker.store.write(lambda tx: admitted(broker, tx, presented, "envelope:receive"))

        async def look() -> list[Waiting]:
            with broker.store.reading() as tx:
                # It may have been suspended while it waited, and by another process of this broker.
                admitted_scopes(tx, presented, tx.journal.lock(broker.clock()))
                return tx.envelopes.told(caller.address, after, MAX_TOLD)

        return news_answer(await poll(broker, caller.address, wait, look), after)

    return router
