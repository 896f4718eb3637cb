"""Sets the stage: a broker founded like any other, serving over HTTP, with an invented directory of services."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gateway.app import create_app
from gateway.broker import Broker, BrokerSettings
from gateway.directory.hsds import read_hsds
from gateway.founding import found_broker
from gateway.store.store import Store
from keys import strictjson
from sandbox.server import listening_socket, serving
from sandbox.territories import Territory

__all__ = ["example", "import_directory", "now", "open_broker"]

EXAMPLES = Path(__file__).parent.parent / "examples"
"""The invented directories, consents and referrals that come with the project."""

MAX_EXAMPLE = 64 * 1024


def example(name: str) -> dict[str, Any]:
    """One of the examples that come with the project, as a JSON value."""
    found: dict[str, Any] = strictjson.loads((EXAMPLES / f"{name}.json").read_bytes(), limit=MAX_EXAMPLE)
    return found


def now() -> datetime:
    """The wall clock, in UTC."""
    return datetime.now(UTC)


@contextmanager
def open_broker(folder: Path, territory: str) -> Iterator[Broker]:
    """Found a broker in an empty folder and serve it on a free loopback port until the block ends.

    What is given is the operator's side: the same broker through a connection of its own, as its program has.
    """
    listener, url = listening_socket()
    settings = BrokerSettings(url, territory)
    database = f"sqlite:///{folder / 'gateway.sqlite'}"
    store = Store(database)
    origin = f"{url.partition('://')[2]}/{territory}/journal/1"
    keystore = folder / "gateway.keystore"
    keys = found_broker(settings, store, keystore, secrets.token_urlsafe(24), origin=origin, at=now())
    operator = Broker(settings, Store(database), keys, now)
    with serving(create_app(Broker(settings, store, keys, now)), listener):
        yield operator
    operator.store.close()
    store.close()


def import_directory(broker: Broker, territory: Territory) -> int:
    """Load the invented directory of a territory; returns how many services it lists."""
    data = (EXAMPLES / f"directory-{territory.slug}.json").read_bytes()
    services = read_hsds(data, zone=territory.time_zone).services
    with broker.store.transaction() as tx:
        tx.services.replace(services, now())
    return len(services)
