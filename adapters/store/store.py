"""Opens the partner's database and its transactions; what is committed survives a crash, the rest never happened.

SQLite in WAL mode with `synchronous=FULL`: an answer that was given is on the disk. The file is readable by its
owner only; encrypting the disk beneath it is the operator's part, and nothing here promises it.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

from adapters.store.attachments import Attachments
from adapters.store.dossiers import Dossiers
from adapters.store.keyring import Keyring
from adapters.store.losses import Losses
from adapters.store.notices import Notices
from adapters.store.papers import Papers
from adapters.store.traffic import Traffic
from adapters.store.watches import Watches
from keys.errors import PasserelleError

__all__ = ["REVISION", "Store", "StoreError", "Transaction", "connect"]

REVISION: Final = "0004"
"""The migration this program works with; `passerelle-adapter migrate` brings a database to it."""
BUSY_MILLISECONDS: Final = 5000
"""How long a transaction waits for another program before it gives up."""
ERASED: Final = "erased"
"""What a session notes when something was erased in it: the log of changes must not keep it either."""
_OTHERS: Final = 0o077
_CODES: Final = {
    "SQLITE_BUSY": "store-busy",
    "SQLITE_LOCKED": "store-busy",
    "SQLITE_FULL": "store-full",
    "SQLITE_CORRUPT": "store-damaged",
    "SQLITE_NOTADB": "store-damaged",
    "SQLITE_SCHEMA": "store-not-migrated",
}


class StoreError(PasserelleError):
    """The database cannot be used now; nothing was changed, and the same call may succeed later."""


@dataclass(frozen=True)
class Transaction:
    """Everything that happens together or not at all, by the shelf it is kept on."""

    session: Session

    def erased(self) -> None:
        """Note that something was erased: once this is committed, no copy of it stays beside the database."""
        self.session.info[ERASED] = True

    @cached_property
    def dossiers(self) -> Dossiers:
        """Referrals, their contents and their steps."""
        return Dossiers(self.session)

    @cached_property
    def papers(self) -> Papers:
        """Consents and agreements."""
        return Papers(self.session)

    @cached_property
    def traffic(self) -> Traffic:
        """What waits to be sent, what was received, alarms and cursors."""
        return Traffic(self.session)

    @cached_property
    def notices(self) -> Notices:
        """What the broker told by itself, what was told to us as auditors, and texts sent against the leak check."""
        return Notices(self.session)

    @cached_property
    def attachments(self) -> Attachments:
        """The papers that accompany envelopes."""
        return Attachments(self.session)

    @cached_property
    def keyring(self) -> Keyring:
        """Our own key chain and everybody's statements as the journal has them."""
        return Keyring(self.session)

    @cached_property
    def losses(self) -> Losses:
        """What the broker had taken and lost with a backup."""
        return Losses(self.session)

    @cached_property
    def watches(self) -> Watches:
        """What we did as a witness, and which receipts are still to be held against the journal."""
        return Watches(self.session)


class Store:
    """The database of one partner."""

    def __init__(self, engine: Engine) -> None:
        """Take an engine made by `connect`."""
        self._engine = engine
        self._log_holds_erased = True  # What a program that died had left there is not known.

    @classmethod
    def open(cls, path: Path) -> Store:
        """Open a database that `migrate` made.

        Raises `StoreError` (store-missing, store-readable-by-others, store-not-migrated, and as a transaction does).
        """
        try:
            mode = path.stat().st_mode
        except OSError:
            raise StoreError("store-missing") from None
        if stat.S_IMODE(mode) & _OTHERS:
            raise StoreError("store-readable-by-others")
        store = cls(connect(path))
        with store.transaction() as tx:
            try:
                found = tx.session.execute(text("SELECT version_num FROM alembic_version")).scalar()
            except DBAPIError as error:
                # A file that is no database is damaged; a database without our table was never migrated.
                raise _translated(error, "store-not-migrated") from None
        if found != REVISION:
            raise StoreError("store-not-migrated")
        return store

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """One transaction, alone in writing; committed at the end of the block, undone by any exception in it.

        Raises `StoreError`: store-busy (another program holds it), store-full (no room on the disk), store-damaged,
        store-unwritable.
        """
        try:
            with Session(self._engine) as session, session.begin():
                session.connection()  # the lock is taken here, before anything is read
                yield Transaction(session)
            if session.info.get(ERASED):
                self._log_holds_erased = True
                with suppress(StoreError):  # Another program reads now: the next round of sending tries again.
                    self.empty_log()
        except DBAPIError as error:
            raise _translated(error, "store-unwritable") from None

    def empty_log(self, *, always: bool = False) -> None:
        """Take what was erased out of the log of changes as well; `always`: whether or not this program erased it.

        Raises `StoreError`: store-busy while another program reads the log, and as a transaction does.
        """
        if not (always or self._log_holds_erased):
            return
        self._log_holds_erased = False  # First, so that what another thread erases from here on counts again.
        try:
            busy = self._truncate_log()
        except (DBAPIError, sqlite3.DatabaseError) as error:
            self._log_holds_erased = True
            raise _translated(error, "store-unwritable") from None
        if busy:
            self._log_holds_erased = True
            raise StoreError("store-busy")

    def _truncate_log(self) -> bool:
        """Whether another program was in the way; on the driver's own connection, as no transaction may surround it."""
        connection = self._engine.raw_connection()
        try:
            [(busy, _, _)] = connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        finally:
            connection.close()
        return bool(busy)

    def close(self) -> None:
        """Give back every connection."""
        self._engine.dispose()


def connect(path: Path) -> Engine:
    """An engine whose file is private from its first byte and whose every transaction takes the lock at once."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    os.close(descriptor)
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": BUSY_MILLISECONDS / 1000})
    event.listen(engine, "connect", _configure)
    event.listen(engine, "begin", _begin)
    return engine


def _configure(connection: sqlite3.Connection, _record: Any) -> None:  # noqa: ANN401 - SQLAlchemy's own record
    connection.isolation_level = None  # we say BEGIN ourselves: the library would wait until the first write
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON", "trusted_schema=OFF"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    # A transaction that reads first and then writes could be refused half-way; this one is alone from the start.
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _translated(error: DBAPIError | sqlite3.DatabaseError, otherwise: str) -> BaseException:
    """Our error for one of the database's; a broken rule of the tables is a fault of ours and stays what it is."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    if not isinstance(cause, sqlite3.DatabaseError) or isinstance(cause, sqlite3.IntegrityError):
        return error
    name = getattr(cause, "sqlite_errorname", "") or ""
    code = next((code for known, code in _CODES.items() if name.startswith(known)), otherwise)
    return StoreError(code)
