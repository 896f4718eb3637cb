"""Where transactions begin and end: one writer at a time, many readers, and nothing answered before it is on disk.

ARCHITECTURE §5 and PERFORMANCE. Requests that arrive together share one commit and one fsync, each in a savepoint
of its own: one that is refused leaves no trace, and none is answered before the commit of all.

SQLite: WAL with `synchronous=FULL`; when `write` returns, a power cut loses nothing of what it wrote.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, OperationalError

from gateway.store.transaction import Transaction
from keys.documents import Address
from keys.errors import PasserelleError

__all__ = ["Store", "StoreUnavailableError"]

GROUP = 64
"""The most requests that share one commit; more would only make the first of them wait."""
BUSY_MILLISECONDS = 1000
"""How long to wait for another program's lock before answering 503."""

T = TypeVar("T")


class StoreUnavailableError(PasserelleError):
    """The database is locked, full or out of reach; nothing was written, and the same call may be made again."""


class Store:
    """The broker's database."""

    def __init__(self, url: str) -> None:
        """Open the database at a SQLAlchemy URL; nothing is created or migrated here."""
        self.engine = _engine(url)
        self._writer: Connection | None = None
        self._queue: list[tuple[Callable[[Transaction], Any], asyncio.Future[Any]]] = []
        self._scheduled = False
        self._committed: Callable[[Address], None] = lambda _address: None

    def on_commit(self, ring: Callable[[Address], None]) -> None:
        """Call `ring` with every address that a committed transaction has news for."""
        self._committed = ring

    @contextmanager
    def connected(self, begin: str = "BEGIN") -> Iterator[Connection]:
        """A bare connection in a transaction of its own, for the migrations; raises `StoreUnavailableError`."""
        with (
            _translated(),
            self.engine.connect() as connection,
            connection.execution_options(begin=begin).begin(),
        ):
            yield connection

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """One transaction of its own: commits on leaving, rolls back when something is raised."""
        with _translated():
            connection = self._connection()
            with connection.begin():
                tx = Transaction(connection)
                yield tx
                tx.flush()
            for address in tx.news:
                self._committed(address)

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        """A consistent view of what is committed; nothing may be written through it."""
        with _translated(), self.engine.connect() as connection, connection.begin():
            yield Transaction(connection, writes=False)

    async def write(self, job: Callable[[Transaction], T]) -> T:
        """Run `job` in a transaction shared with whoever asks at the same moment; returns after the commit.

        What `job` raises undoes `job` alone and is raised here. Raises `StoreUnavailableError`.
        """
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._queue.append((job, future))
        if not self._scheduled:
            # Gathered on the event loop: whatever is ready to run in this turn joins the same commit.
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._commit_group)
        return await future

    def close(self) -> None:
        """Close every connection."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        self.engine.dispose()

    def _connection(self) -> Connection:
        if self._writer is None or self._writer.closed:
            self._writer = self.engine.connect().execution_options(begin="BEGIN IMMEDIATE")
        return self._writer

    def _commit_group(self) -> None:
        group, self._queue = self._queue[:GROUP], self._queue[GROUP:]
        self._scheduled = bool(self._queue)
        if self._queue:
            asyncio.get_running_loop().call_soon(self._commit_group)
        answers: list[tuple[asyncio.Future[Any], Any, Exception | None]] = []
        try:
            with self.transaction() as tx:
                for job, future in group:
                    if not future.cancelled():
                        answers.append((future, *_attempt(tx, job)))
        except Exception as error:  # noqa: BLE001 - whatever stopped the commit stopped everyone in it
            answers = [(future, None, error) for _, future in group]
        for future, result, failure in answers:
            if future.done():
                continue
            if failure is None:
                future.set_result(result)
            else:
                future.set_exception(failure)


def _attempt(tx: Transaction, job: Callable[[Transaction], Any]) -> tuple[Any, Exception | None]:
    """Run one job in a savepoint; a failure of the database itself ends the whole group."""
    try:
        with tx.savepoint():
            return job(tx), None
    except DBAPIError:
        raise
    except Exception as error:  # noqa: BLE001 - it belongs to the caller of this job, who awaits it
        return None, error


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        raise StoreUnavailableError(_unavailable(error)) from error


def _unavailable(error: OperationalError) -> str:
    code = getattr(error.orig, "sqlite_errorcode", None)
    return "storage-full" if code == sqlite3.SQLITE_FULL else "storage-busy"


def _engine(url: str) -> Engine:
    if not url.startswith("sqlite"):
        return create_engine(url)
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
