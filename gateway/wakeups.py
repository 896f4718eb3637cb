"""Hears from the database which partners have mail that another process of this broker accepted.

PostgreSQL only (`LISTEN`): with SQLite there is one process, which wakes its own callers. What is heard is a hint and
never the truth: whoever is woken looks for itself, and whoever is not woken looks when its wait is over.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import psycopg
import structlog
from psycopg import sql
from psycopg.conninfo import make_conninfo

from gateway.broker import Broker
from gateway.store.engines import KEEP_ALIVE
from gateway.store.store import CHANNEL

__all__ = ["run_wakeups"]

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
"""Seconds between two tries to reach a database that went away."""
_NAME = "passerelle-wakeups"
_log = structlog.get_logger("gateway")


async def run_wakeups(broker: Broker) -> None:
    """Listen until cancelled; a connection that is lost is made again."""
    pause = FIRST_PAUSE
    while True:
        try:
            async with aclosing(_told(broker)) as news:
                async for told in news:
                    pause = FIRST_PAUSE
                    _ring(broker, told)
        except psycopg.Error as error:
            _log.warning("wakeups.lost", kind=type(error).__name__)
        await asyncio.sleep(pause)
        pause = min(LONGEST_PAUSE, pause * 2)


async def _told(broker: Broker) -> AsyncGenerator[str, None]:
    """What other processes tell, beginning with an empty word once the connection listens; raises `psycopg.Error`."""
    engine = broker.store.engine
    _, known = engine.dialect.create_connect_args(engine.url)
    known.pop("context", None)  # how SQLAlchemy reads values, which is no part of where the server is
    # A connection that only listens would otherwise not notice that its server is gone.
    where = make_conninfo("", **known, **KEEP_ALIVE, application_name=_NAME)
    async with await psycopg.AsyncConnection.connect(where, autocommit=True) as connection:
        await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(CHANNEL)))
        yield ""
        async for told in connection.notifies():
            yield told.payload


def _ring(broker: Broker, told: str) -> None:
    """Wake those who are named; after a time in which nobody listened, everyone."""
    name, *addresses = told.split(" ")
    if not name:
        broker.mailboxes.ring_all()
    elif name != broker.store.name:
        for address in addresses:
            broker.mailboxes.ring(address)
