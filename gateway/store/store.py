"""Where transactions begin and end: one writer at a time, many readers, and nothing answered before it is on disk.

ARCHITECTURE §5 and PERFORMANCE. Requests that arrive together share one commit and one fsync, each in a savepoint
of its own: one that is refused leaves no trace, and none is answered before the commit of all.

When `write` returns, a power cut loses nothing of what it wrote. On PostgreSQL several broker processes share one
database: whoever writes locks the end of the journal first, and a commit wakes the others through the database.
"""

from __future__ import annotations

import asyncio
import secrets
import sqlite3
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, func, select
from sqlalchemy.exc import DBAPIError

from gateway.store.engines import is_postgresql, is_refused_row, open_engine, unavailable
from gateway.store.server import held
from gateway.store.transaction import Transaction
from keys.documents import Address
from keys.errors import PasserelleError

__all__ = ["CHANNEL", "Duty", "Store", "StoreUnavailableError"]

GROUP = 64
"""The most requests that share one commit; more would only make the first of them wait."""
CHANNEL = "passerelle_mail"
"""The channel on which a commit tells the other processes who has mail."""
_MAX_NOTIFICATION = 7000
"""Characters of one notification; PostgreSQL takes less than 8,000 bytes."""

T = TypeVar("T")


class StoreUnavailableError(PasserelleError):
    """The database is locked, full, forbidden or out of reach; nothing was written, and it may be tried again."""


class Duty(IntEnum):
    """What one process of a broker does for all of them; the numbers are those of PostgreSQL's advisory locks."""

    SEQUENCER = 0x7061_7373_0001
    TIMERS = 0x7061_7373_0002
    WITNESSES = 0x7061_7373_0003


class Store:
    """The broker's database."""

    def __init__(self, url: str | URL, *, watch_clock: bool = False) -> None:
        """Open the database at a URL; nothing is connected, created or migrated here. Raises `DriverError`.

        With `watch_clock`, nothing is decided while the clock that decides is far from that of a PostgreSQL server.
        """
        self.engine = open_engine(url)
        self._watch_clock = watch_clock and is_postgresql(self.engine)
        self.name = secrets.token_hex(8)
        """By which this process knows its own notifications."""
        self._writer: Connection | None = None
        self._queue: list[tuple[Callable[[Transaction], Any], asyncio.Future[Any]]] = []
        self._scheduled = False
        self._committed: Callable[[Address], None] = lambda _address: None
        self._signable: frozenset[int] | None = None

    def on_commit(self, ring: Callable[[Address], None]) -> None:
        """Call `ring` with every address that a committed transaction has news for."""
        self._committed = ring

    def sign_for(self, shards: Collection[int]) -> None:
        """Append nothing to another shard of the journal than these: this process could not sign it."""
        self._signable = frozenset(shards)

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
                tx = Transaction(connection, watch_clock=self._watch_clock, signable=self._signable)
                if is_postgresql(self.engine):
                    # Before anything else, as BEGIN IMMEDIATE does: two processes that each hold a row the other
                    # waits for would end in a deadlock.
                    tx.journal.take()
                yield tx
                tx.flush()
                self._notify(connection, tx.news)
            for address in tx.news:
                self._committed(address)

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        """A consistent view of what is committed; nothing may be written through it."""
        with _translated(), self.engine.connect() as connection:
            if is_postgresql(self.engine):
                connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            with connection.begin():
                yield Transaction(connection, writes=False, signable=self._signable)

    @contextmanager
    def on_duty(self, duty: Duty, *, lasting: bool = False) -> Iterator[bool]:
        """Whether this process may do inside the block what one process does for all.

        Nobody waits: whoever comes second leaves it to the first. The lock is that of a connection, which the server
        ends with a process that dies, and with one that stands still. On SQLite there is one process.

        With `lasting`, no transaction is open meanwhile: for what waits for others.
        """
        if not is_postgresql(self.engine):
            yield True
            return
        if lasting:
            with _translated(), self.engine.connect() as connection, held(connection, int(duty)) as ours:
                yield ours
            return
        with self.connected() as connection:
            yield bool(connection.execute(select(func.pg_try_advisory_xact_lock(int(duty)))).scalar_one())

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

    def empty_log(self) -> bool:
        """Take what was deleted out of SQLite's log of changes too; False while another program reads the log.

        A PostgreSQL server looks after its own log: VACUUM and the archive of it are the operator's business.
        """
        if is_postgresql(self.engine):
            return True
        with _translated():
            connection = self.engine.raw_connection()  # no transaction may surround it
            try:
                [(busy, _, _)] = connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            except sqlite3.OperationalError:
                return False
            finally:
                connection.close()
        return not busy

    def close(self) -> None:
        """Close every connection."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        self.engine.dispose()

    def _connection(self) -> Connection:
        if self._writer is not None and self._writer.invalidated:
            self._writer.close()  # the server went away; the next transaction begins on a connection of its own
        if self._writer is None or self._writer.closed:
            self._writer = self.engine.connect().execution_options(begin="BEGIN IMMEDIATE")
        return self._writer

    def _notify(self, connection: Connection, news: Collection[Address]) -> None:
        """Tell the other processes, with the commit and not before it, who has mail."""
        if not news or not is_postgresql(self.engine):
            return
        words, room = [self.name], _MAX_NOTIFICATION
        for address in sorted(news):
            if len(address) >= room:
                connection.execute(select(func.pg_notify(CHANNEL, " ".join(words))))
                words, room = [self.name], _MAX_NOTIFICATION
            words.append(address)
            room -= len(address) + 1
        connection.execute(select(func.pg_notify(CHANNEL, " ".join(words))))

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
    except Exception as error:
        if isinstance(error, DBAPIError) and not is_refused_row(error):
            raise
        return None, error  # it belongs to the caller of this job, who awaits it


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        slug = unavailable(error)
        if slug is None:
            raise
        raise StoreUnavailableError(slug) from error
