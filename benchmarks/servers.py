"""The processes that are measured, and their databases: all of them begin as copies of one founded broker's."""

from __future__ import annotations

import multiprocessing
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import psycopg
from sqlalchemy import create_engine, insert, select

from adapters.assembly import utc_now
from gateway.app import create_app
from gateway.broker import Broker, BrokerSettings
from gateway.broker_keys import BrokerKeys
from gateway.founding import found_broker
from gateway.logs import configure_logs
from gateway.serving import listen, serve
from gateway.store.migration import migrate
from gateway.store.store import Store
from gateway.store.tables import GatewayRow
from keys.keystore import Keystore
from tests.databases import Server

__all__ = ["broker_of", "copy_of", "copy_of_file", "found", "free_port", "make_durable", "serve_broker", "served"]

_TERRITORY = "laval"
_PASSPHRASE = "a benchmark has no secrets"  # noqa: S105 - as it says
_DURABLE = ("fsync", "full_page_writes", "synchronous_commit")
"""What keeps a PostgreSQL server's word through a power cut; a server of tests may do without."""


def _settings(port: int) -> tuple[BrokerSettings, str]:
    return BrokerSettings(f"http://127.0.0.1:{port}", _TERRITORY), f"127.0.0.1:{port}/{_TERRITORY}/journal/1"


def found(folder: Path, port: int) -> None:
    """Found the broker that all others are copies of; `port` is in its public URL."""
    settings, origin = _settings(port)
    store = Store(f"sqlite:///{folder / 'first.sqlite'}")
    found_broker(settings, store, folder / "gateway.keystore", _PASSPHRASE, origin=origin, at=utc_now())
    store.close()


def broker_of(folder: Path, url: str, public_port: int) -> Broker:
    """The founded broker on a database, through a connection of its own."""
    settings, origin = _settings(public_port)
    stored = Keystore.open(folder / "gateway.keystore", _PASSPHRASE).keys
    keys = BrokerKeys.from_stored(stored, settings.address, origin)
    return Broker(settings, Store(url), keys, utc_now)


def serve_broker(port: int, folder: Path, url: str, public_port: int) -> None:
    """Serve the founded broker on a database until the process is ended."""
    configure_logs("error")
    serve(create_app(broker_of(folder, url, public_port)), listen("127.0.0.1", port), stop_seconds=1)


def make_durable(server: Server) -> None:
    """Have a PostgreSQL server wait for its disk at every commit; stops when it cannot be told to."""
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        for name in _DURABLE:
            connection.execute(f"ALTER SYSTEM SET {name} = on")
        connection.execute("SELECT pg_reload_conf()")
    for name in _DURABLE:
        while not _is_on(server, name):
            time.sleep(0.05)


def _is_on(server: Server, name: str) -> bool:
    with psycopg.connect(server.url("postgres")) as connection:
        [source, value] = connection.execute(
            "SELECT source, setting FROM pg_settings WHERE name = %s", [name]
        ).fetchone() or ("", "")
    assert source != "command line" or value == "on", name
    return bool(value == "on")


def copy_of(folder: Path, server: Server) -> str:
    """A database at the server with every row of the founded broker's; returns its URL."""
    url = server.url(server.create())
    store, first = Store(url), create_engine(f"sqlite:///{folder / 'first.sqlite'}")
    migrate(store)
    with store.connected() as target, first.connect() as source:
        for table in GatewayRow.metadata.sorted_tables:
            if rows := [dict(row._mapping) for row in source.execute(select(table))]:  # noqa: SLF001 - its public name
                target.execute(insert(table), rows)
    store.close()
    first.dispose()
    return url


def copy_of_file(folder: Path, name: str) -> str:
    """A file of SQLite with everything of the founded broker's; returns its URL."""
    path = folder / f"{name}.sqlite"
    with closing(sqlite3.connect(folder / "first.sqlite")) as source, closing(sqlite3.connect(path)) as target:
        source.backup(target)
    return f"sqlite:///{path}"


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def served(target: Callable[..., None], *arguments: object, port: int | None = None) -> Iterator[int]:
    """Run `target(port, *arguments)` in a process of its own until the end of the block; gives its port."""
    port = port or free_port()
    process = multiprocessing.get_context("spawn").Process(target=target, args=(port, *arguments), daemon=True)
    process.start()
    try:
        for _ in range(400):
            with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.join()
