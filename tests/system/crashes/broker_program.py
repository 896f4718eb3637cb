"""The broker as a program of its own that kills itself at one point of one call: the real application and store.

Nothing in the product knows of it: the store is watched through its engine's events, the calls through ASGI.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import event
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.app import create_app
from gateway.broker import Broker
from gateway.serving import listen, serve
from gateway.store.store import Store
from gateway.store.transaction import Transaction
from tests.gateway.first_day import SETTINGS, broker_keys
from tests.system.crashes.dial import Dial

HOST = "127.0.0.1"
BrokerPoint = Literal["before-commit", "after-commit", "after-answer"]


@dataclass(frozen=True)
class BrokerPlan:
    """What a broker program serves; `point` is where it dies the first time that `path` changes the journal."""

    url: str
    port: int
    dial: Path
    point: BrokerPoint | None = None
    path: str = ""


def die() -> None:
    """End this program as a power cut would."""
    os.kill(os.getpid(), signal.SIGKILL)


class Crash:
    """Whether the call was made, and whether a transaction since then wrote to the journal."""

    def __init__(self, plan: BrokerPlan) -> None:
        """Wait for the call of the plan."""
        self.plan = plan
        self.armed = self.wrote = False

    def at(self, point: BrokerPoint) -> None:
        """Die here if this is where, and the journal has grown in the transaction of the call."""
        if self.wrote and self.plan.point == point:
            die()

    def watch(self, store: Store) -> None:
        """Notice leaves of the journal that are written, and the moment before they are committed."""

        @event.listens_for(store.engine, "before_cursor_execute")
        def _executing(_connection: object, _cursor: object, statement: str, *_more: Any) -> None:  # noqa: ANN401 - SQLAlchemy's own
            self.wrote |= self.armed and statement.startswith("INSERT INTO journal_leaf")

        @event.listens_for(store.engine, "commit")
        def _committing(_connection: object) -> None:
            self.at("before-commit")

    def around(self, app: ASGIApp) -> ASGIApp:
        """The application, with an eye on the call of the plan and on its answer."""

        async def watched(scope: Scope, receive: Receive, send: Send) -> None:
            self.armed |= scope["type"] == "http" and scope["path"] == self.plan.path

            async def sent(message: Message) -> None:
                await send(message)
                if message["type"] == "http.response.body" and not message.get("more_body", False):
                    self.at("after-answer")

            await app(scope, receive, sent)

        return watched


class WatchedStore(Store):
    """The broker's database, whose program may die the moment after a commit."""

    crash: Crash

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """One transaction, as the store makes it."""
        with super().transaction() as tx:
            yield tx
        self.crash.at("after-commit")


def run_broker(plan: BrokerPlan, parent: Connection) -> None:
    """Serve on loopback until killed; tells the parent when calls may come."""
    crash, store = Crash(plan), WatchedStore(plan.url)
    store.crash = crash
    crash.watch(store)
    listening = listen(HOST, plan.port)
    parent.send("listening")
    broker = Broker(SETTINGS, store, broker_keys(), Dial(plan.dial))
    serve(crash.around(create_app(broker)), listening, stop_seconds=1)
