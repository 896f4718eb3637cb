"""What a PostgreSQL server must be before a broker relies on it: recent, in Unicode, durable, and on time.

ARCHITECTURE §5. Each would otherwise be found out later, by an entry that was answered and is gone, or by a moment of
the journal that never comes back.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select, text

from keys.errors import PasserelleError

__all__ = ["CLOCKS_APART", "OLDEST", "ServerError", "check_clock", "check_server", "differs", "held"]

OLDEST = 15
"""The oldest major version: before it, anybody who may sign in may make objects among our tables."""
CLOCKS_APART = timedelta(seconds=30)
"""How far the clocks of a broker's machine and of its database server may be apart.

The journal's time never goes back: one machine that is days ahead would end every consent for everybody.
"""
_ABOUT = text(
    "SELECT current_setting('server_version_num')::bigint / 10000 AS version,"
    " current_setting('server_encoding') AS encoding,"
    " current_setting('fsync') = 'on' AND current_setting('full_page_writes') = 'on' AS durable"
)
_IDLE_MILLISECONDS = 60_000
"""How long whoever holds a lock outside a transaction may stand still before the server ends its session."""
_CLOCK = text("SELECT clock_timestamp()")


class ServerError(PasserelleError):
    """The server cannot be relied on: server-old, server-encoding, server-forgets or clock-differs."""


def check_server(connection: Connection) -> None:
    """Return only if the server is recent enough, keeps any character, and loses nothing; else `ServerError`."""
    server = connection.execute(_ABOUT).one()
    if server.version < OLDEST:
        raise ServerError("server-old")
    if server.encoding != "UTF8":
        raise ServerError("server-encoding")
    if not server.durable:
        raise ServerError("server-forgets")


def check_clock(connection: Connection, now: datetime) -> None:
    """Return only if this machine's clock, which says `now`, is near the server's; else `ServerError`."""
    if differs(now, connection.execute(_CLOCK).scalar_one()):
        raise ServerError("clock-differs")


def differs(here: datetime, there: datetime) -> bool:
    """Whether two clocks are further apart than machines that are kept on time."""
    return abs(here - there) > CLOCKS_APART


@contextmanager
def held(connection: Connection, lock: int) -> Iterator[bool]:
    """Whether an advisory lock is ours inside the block, with no transaction open; nobody waits for it.

    The connection is given up afterwards: the server lets go of a lock with the session that held it, however it ends.
    """
    connection.execution_options(isolation_level="AUTOCOMMIT").detach()
    connection.exec_driver_sql(f"SET idle_session_timeout = {_IDLE_MILLISECONDS}")
    yield bool(connection.execute(select(func.pg_try_advisory_lock(lock))).scalar_one())
