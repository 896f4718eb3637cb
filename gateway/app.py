"""The broker as a web application: every call it answers, in one list."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI

from gateway.acks import acks_router
from gateway.agreements import agreements_router
from gateway.broker import Broker
from gateway.consents import consents_router
from gateway.envelopes import envelopes_router
from gateway.events import events_router
from gateway.inbox import inbox_router
from gateway.journal_files import journal_router
from gateway.oauth.endpoint import oauth_router
from gateway.oauth.nonces import NonceHeader
from gateway.organisations import organisations_router
from gateway.problems import install_problems
from gateway.sequencer.loop import run_sequencer
from gateway.services import services_router
from gateway.wellknown import wellknown_router

__all__ = ["create_app"]

_ROUTERS = (
    wellknown_router,
    oauth_router,
    envelopes_router,
    inbox_router,
    acks_router,
    events_router,
    consents_router,
    agreements_router,
    organisations_router,
    services_router,
    journal_router,
)


def create_app(broker: Broker) -> FastAPI:
    """The application of one broker; while it runs, its journal is kept up to date."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        sequencer = asyncio.create_task(run_sequencer(broker))
        yield
        sequencer.cancel()
        with suppress(asyncio.CancelledError):
            await sequencer

    app = FastAPI(
        title="Passerelle",
        version="0.1.0",
        lifespan=lifespan,
        docs_url=None,  # its pages would load scripts from elsewhere
        redoc_url=None,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # it would record URLs by default
    )
    app.state.broker = broker
    broker.store.on_commit(broker.mailboxes.ring)
    install_problems(app)
    for router in _ROUTERS:
        app.include_router(router(broker))
    app.add_middleware(NonceHeader, broker=broker)
    return app
