"""Publishes the OpenAPI document of this broker at `/openapi.json`."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from gateway.bodies import json_answer
from gateway.broker import Broker

__all__ = ["contract_router"]


def contract_router(_broker: Broker) -> APIRouter:
    """`GET /openapi.json`."""
    router = APIRouter()

    @router.get("/openapi.json")
    async def contract(request: Request) -> Response:
        """Every call of this broker, what it takes and every way in which it can end."""
        return json_answer(request.app.openapi())

    return router
