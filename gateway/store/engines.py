"""Opens the database the operator chose: one file of SQLite, or a PostgreSQL server that several brokers share.

ARCHITECTURE §5 and PERFORMANCE. Both keep what they said they kept through a power cut: SQLite in WAL with
`synchronous=FULL`, PostgreSQL with its own default `synchronous_commit=on`.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError, OperationalError

from keys.errors import PasserelleError

__all__ = ["BUSY_MILLISECONDS", "DriverError", "is_postgresql", "open_engine", "unavailable"]

BUSY_MILLISECONDS = 1000
"""How long to wait for another program's lock before answering 503."""
_STUCK_MILLISECONDS = 30_000
"""How long a statement may run, and a transaction stand still, before the server ends it: others wait behind it."""
_DISK_FULL, _FORBIDDEN, _READ_ONLY = "53100", "42501", "25006"
"""The states of SQL by which PostgreSQL says so (its manual, appendix A)."""
_POSTGRESQL = "postgresql+psycopg"
_SETTINGS = {
    "lock_timeout": BUSY_MILLISECONDS,
    "statement_timeout": _STUCK_MILLISECONDS,
    "idle_in_transaction_session_timeout": _STUCK_MILLISECONDS,
    # A broker whose machine vanished must not keep its locks for the two hours that TCP would give it.
    "tcp_keepalives_idle": 10,
    "tcp_keepalives_interval": 5,
    "tcp_keepalives_count": 3,
    "timezone": "UTC",
}
"""Of each connection, as its server knows them."""


class DriverError(PasserelleError):
    """The library that speaks to PostgreSQL is not installed (driver-missing)."""


def open_engine(url: str | URL) -> Engine:
    """The engine of a database URL, `sqlite:///…` or `postgresql://…`; nothing is connected yet.

    Raises `DriverError` when the extra that a PostgreSQL database needs is not installed.
    """
    target = make_url(url)
    return _sqlite(target) if target.get_backend_name() == "sqlite" else _postgresql(target)


def is_postgresql(engine: Engine) -> bool:
    """Whether other broker processes may share this database."""
    return engine.dialect.name == "postgresql"


def unavailable(error: DBAPIError) -> str | None:
    """The slug that tells why a database did not do what it was asked; None when it is our own mistake.

    Its disk is full, this role may not do that there, or it is busy, out of reach or only a copy.
    """
    state = getattr(error.orig, "sqlstate", None)
    if state == _FORBIDDEN:
        return "database-forbidden"
    if state == _DISK_FULL or getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
        return "storage-full"
    away = isinstance(error, OperationalError) or error.connection_invalidated or state == _READ_ONLY
    return "storage-busy" if away else None


def _sqlite(url: URL) -> Engine:
    engine = create_engine(url, connect_args={"check_same_thread": False, "timeout": BUSY_MILLISECONDS / 1000})

    @event.listens_for(engine, "connect")
    def _configure(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # we begin and commit ourselves, so that savepoints work
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # The writer takes the lock at once (IMMEDIATE): to read first and lock later is how two writers deadlock.
        connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))

    return engine


def _postgresql(url: URL) -> Engine:
    """Read committed: each statement sees what was committed when it began, so what is read under the lock is true."""
    arguments: dict[str, Any] = {
        "application_name": "passerelle-gateway",
        "connect_timeout": 5,
        "options": " ".join(f"-c {name}={value}" for name, value in _SETTINGS.items()),
    }
    try:
        return create_engine(
            url.set(drivername=_POSTGRESQL),
            connect_args=arguments,
            pool_pre_ping=True,
            isolation_level="READ COMMITTED",
        )
    except ModuleNotFoundError:
        raise DriverError("driver-missing") from None
