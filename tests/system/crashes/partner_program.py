"""A partner's adapter as a program of its own that does as it is told, and kills itself at one point of one call.

The adapter, its database and its client are real; its HTTP transport leads to this machine, and is where it can die.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import httpx2

from adapters.assembly import connector
from adapters.identity import Identity
from adapters.keybook import KeyBook
from adapters.office import Office
from adapters.partner import Adapter
from adapters.pins import GatewayPins
from adapters.settings import Settings
from adapters.store.journalled import StoredKeyBook
from keys.errors import PasserelleError
from tests.adapters.partners import settings_members
from tests.system.crashes.acts import ACTS
from tests.system.crashes.dial import Dial
from tests.system.crashes.loopback import Loopback, PartnerPoint, WatchedStore


@dataclass(frozen=True)
class PartnerPlan:
    """Whose adapter runs where; `point` is where it dies the first time that it calls `path`."""

    identity: Identity
    pins: GatewayPins
    folder: Path
    port: int
    dial: Path
    point: PartnerPoint | None = None
    path: str = ""


def open_adapter(plan: PartnerPlan) -> Adapter:
    """The adapter of a plan, signed in anew."""
    clock, loopback, address = Dial(plan.dial), Loopback(plan.port, plan.point, plan.path), plan.identity.address
    WatchedStore.loopback = loopback
    store = WatchedStore.open(plan.folder / "adapter.sqlite")
    office = Office(
        address, "int-7", plan.identity, store, KeyBook(StoredKeyBook(store), plan.pins, clock), plan.pins, clock
    )
    http = httpx2.Client(transport=loopback, trust_env=False)
    client = connector(plan.pins, http, clock, "en")(plan.identity.client_key(office.now()))
    return Adapter(Settings(**settings_members(address, plan.folder)), office, client)


def run_partner(plan: PartnerPlan, parent: Connection) -> None:
    """Do one act after another as the parent asks, and answer with what came of it, until the parent is gone."""
    adapter = open_adapter(plan)
    while True:
        try:
            named, arguments = parent.recv()
        except EOFError:
            return
        act: Callable[..., Any] = ACTS[named] if isinstance(named, str) else named
        try:
            result = act(adapter, *arguments)
        except PasserelleError as error:
            result = error.code
        WatchedStore.loopback.at("answer-received")
        parent.send(result)
