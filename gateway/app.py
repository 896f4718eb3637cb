"""The broker as a web application: every call it answers, in one list."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI

from gateway.acks import acks_router
from gateway.agreements import agreements_router
from gateway.attachments import attachments_router
from gateway.broker import Broker
from gateway.consents import consents_router
from gateway.contract.document import openapi_document
from gateway.contract.publication import contract_router
from gateway.cosignatures import cosignatures_router
from gateway.emergencies import emergencies_router
from gateway.envelopes import envelopes_router
from gateway.events import events_router
from gateway.explain import explain_router
from gateway.inbox import inbox_router
from gateway.journal_files import journal_router
from gateway.journal_openings import journal_openings_router
from gateway.journal_proofs import journal_proofs_router
from gateway.mismatches import mismatches_router
from gateway.oauth.endpoint import oauth_router
from gateway.oauth.nonces import NonceHeader
from gateway.organisations import organisations_router
from gateway.problems import install_problems
from gateway.sequencer.loop import run_sequencer
from gateway.sequencer.witnesses import run_witnesses
from gateway.services import services_router
from gateway.store.engines import is_postgresql
from gateway.timers import run_timers
from gateway.wellknown import wellknown_router
from gateway.withdraw_page import withdraw_page_router
from gateway.withdrawal_answers import withdrawal_answers_router
from gateway.withdrawals import withdrawals_router

__all__ = ["create_app"]

_ROUTERS = (
    wellknown_router,
    contract_router,
    oauth_router,
    envelopes_router,
    inbox_router,
    acks_router,
    events_router,
    attachments_router,
    explain_router,
    mismatches_router,
    emergencies_router,
    consents_router,
    withdrawals_router,
    withdrawal_answers_router,
    withdraw_page_router,
    agreements_router,
    organisations_router,
    services_router,
    journal_router,
    journal_openings_router,
    journal_proofs_router,
    cosignatures_router,
)


def _standing_work(broker: Broker) -> tuple[Callable[[Broker], Coroutine[None, None, None]], ...]:
    """What goes on for as long as the application runs."""
    work = (run_sequencer, run_timers, *((run_witnesses,) if broker.settings.witnesses else ()))
    if not is_postgresql(broker.store.engine):
        return work
    from gateway.wakeups import run_wakeups  # noqa: PLC0415 - its driver is installed by those who use it only

    return *work, run_wakeups


def create_app(broker: Broker) -> FastAPI:
    """The application of one broker; while it runs, its journal is kept up to date and what time decides is done."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        running = [asyncio.create_task(work(broker)) for work in _standing_work(broker)]
        yield
        for task in running:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    app = FastAPI(
        title="Passerelle",
        version="0.4.0",
        lifespan=lifespan,
        openapi_url=None,  # ours answers GET alone
        docs_url=None,  # its pages would load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,  # a proof names one path: a call that is sent elsewhere would have to be proven anew
        telemetry={"tracing": False, "metrics": False, "logs": False},  # it would record URLs by default
    )
    app.openapi = lambda: openapi_document(broker.settings.public_url, app.version)  # type: ignore[method-assign]  # as FastAPI says to
    app.state.broker = broker
    broker.store.on_commit(broker.mailboxes.ring)
    broker.store.sign_for(broker.keys.signers)
    install_problems(app)
    for router in _ROUTERS:
        app.include_router(router(broker))
    app.add_middleware(NonceHeader, broker=broker)
    return app
