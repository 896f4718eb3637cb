"""Opens the database the operator chose: one file of SQLite, or a PostgreSQL server that several brokers share.

ARCHITECTURE §5 and PERFORMANCE. Both keep what they said they kept through a power cut: SQLite in WAL with
`synchronous=FULL`, PostgreSQL with `synchronous_commit=on`, whatever its server does for others.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, ExceptionContext, create_engine, event, make_url
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, OperationalError

from keys.errors import PasserelleError

__all__ = [
    "BUSY_MILLISECONDS",
    "KEEP_ALIVE",
    "NOT_LET_IN",
    "DriverError",
    "is_postgresql",
    "is_refused_row",
    "open_engine",
    "unavailable",
    "without_time_limits",
]

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
    "synchronous_commit": "on",  # what was answered is on disk, and on that of a synchronous copy
}
"""Of each connection, as its server knows them."""
KEEP_ALIVE: Final[Mapping[str, str | int]] = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""Of each connection, as this end knows them: a server whose machine vanished would be waited for by the hour."""
NOT_LET_IN: Final = frozenset(
    {"database-unreachable", "database-insecure", "database-password", "database-missing", "database-refused"}
)
"""Why there was no connection at all: the operator's business, and told to nobody else."""
_FOR_NOW: Final = ("starting up", "shutting down", "recovery", "too many", "connection slots")
"""What a server says that will let us in again by itself."""


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


def is_refused_row(error: DBAPIError) -> bool:
    """Whether a healthy database refused one statement for what it says: a constraint, or a value it cannot hold."""
    return isinstance(error, IntegrityError | DataError) and not error.connection_invalidated


def without_time_limits(connection: Connection) -> None:
    """Let what an operator asked for take as long as it needs, until this transaction of PostgreSQL ends."""
    for name in ("statement_timeout", "idle_in_transaction_session_timeout"):
        connection.exec_driver_sql(f"SET LOCAL {name} = 0")


def unavailable(error: DBAPIError) -> str | None:
    """The slug that tells why a database did not do what it was asked; None when it is our own mistake.

    Its disk is full, this role may not do that there, or it is busy, out of reach or only a copy.
    """
    state = getattr(error.orig, "sqlstate", None)
    is_new = hasattr(error.orig, "sqlstate") and error.statement is None and not error.connection_invalidated
    if isinstance(error, OperationalError) and is_new and state is None:
        return _not_let_in(error.orig)
    if state == _FORBIDDEN:
        return "database-forbidden"
    if state == _DISK_FULL or getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
        return "storage-full"
    away = isinstance(error, OperationalError) or error.connection_invalidated or state == _READ_ONLY
    return "storage-busy" if away else None


def _not_let_in(error: BaseException | None) -> str:
    """Why a connection was not made, by what the library of PostgreSQL says: without a statement there is no state.

    Its words are looked at and never shown. A server that speaks another language than English is told as
    database-refused, whose remedy names everything that a server may refuse for.
    """
    words = str(error)
    if "no password supplied" in words or "password authentication failed" in words:
        return "database-password"
    if "FATAL" in words:
        if any(each in words for each in _FOR_NOW):
            return "storage-busy"
        missing = 'database "' in words and "does not exist" in words
        return "database-missing" if missing else "database-refused"
    return "database-insecure" if "SSL" in words or "certificate" in words else "database-unreachable"


def _sqlite(url: URL) -> Engine:
    engine = create_engine(url, connect_args={"check_same_thread": False, "timeout": BUSY_MILLISECONDS / 1000})

    @event.listens_for(engine, "connect")
    def _configure(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # we begin and commit ourselves, so that savepoints work
        # What is deleted is overwritten: sealed bytes that nobody may have any more, and what was erased.
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # The writer takes the lock at once (IMMEDIATE): to read first and lock later is how two writers deadlock.
        connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))

    return engine


def _postgresql(url: URL) -> Engine:
    """Read committed: each statement sees what was committed when it began, so what is read under the lock is true."""
    arguments: dict[str, Any] = {
        **KEEP_ALIVE,
        "application_name": "passerelle-gateway",
        "client_encoding": "utf8",
        "options": " ".join(f"-c {name}={value}" for name, value in _SETTINGS.items()),
    }
    try:
        engine = create_engine(
            url.set(drivername=_POSTGRESQL),
            connect_args=arguments,
            pool_pre_ping=True,
            isolation_level="READ COMMITTED",
        )
    except ModuleNotFoundError:
        raise DriverError("driver-missing") from None

    @event.listens_for(engine, "handle_error")
    def _leave_the_copy(context: ExceptionContext) -> None:
        # After a failover the old primary may be a copy that still answers: whoever stayed would never write again.
        if getattr(context.original_exception, "sqlstate", None) == _READ_ONLY:
            context.is_disconnect = True

    return engine
