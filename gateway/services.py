"""A caseworker looks for a service: the directory answers, and nothing of the question is kept but a count."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from gateway.bodies import json_answer, read_body
from gateway.broker import Broker
from gateway.callers import present
from gateway.directory.search import ServiceQuery, search
from gateway.polling import admitted
from keys.documents import parse

__all__ = ["SEARCH_LIMIT", "services_router"]

SEARCH_LIMIT = 4096
"""Bytes of such a request."""


def services_router(broker: Broker) -> APIRouter:
    """`POST /v1/services/search`."""
    router = APIRouter()

    @router.post("/v1/services/search")
    async def find(request: Request) -> Response:
        """The services that fit, best first, each with why it fits; POST so that no question stands in a log."""
        presented = present(request, broker)
        query = parse(ServiceQuery, await read_body(request, limit=SEARCH_LIMIT), limit=SEARCH_LIMIT)
        await broker.store.write(lambda tx: admitted(broker, tx, presented, "directory:read"))
        with broker.store.reading() as tx:
            index = broker.catalogue.index(tx)
        found = search(index, query, broker.clock())
        items = [match.model_dump(mode="json", exclude_none=True) for match in found]
        return json_answer({"services": items, "count": len(items)})

    return router
