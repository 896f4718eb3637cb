"""Brings the broker's database to the form this program works with; only ever on request.

ARCHITECTURE §5: `serve` never migrates. Each migration works with the release before it, and all of them happen in
one transaction, so that a failure leaves the database as it was.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, func, select
from sqlalchemy.exc import ProgrammingError

from gateway.store.engines import BUSY_MILLISECONDS, is_postgresql, unavailable, without_time_limits
from gateway.store.server import check_server
from gateway.store.store import Store
from keys.errors import PasserelleError

__all__ = ["SchemaError", "SchemaState", "migrate", "migrations", "require_current", "schema_state"]

SchemaState = Literal["empty", "behind", "current", "ahead"]
"""Where a database stands: without tables, older than this program, of this program, or newer than it."""


_MIGRATING = 0x7061_7373_0003
"""The advisory lock of whoever migrates; those of `gateway.store.store.Duty` are others."""


class SchemaError(PasserelleError):
    """The database is not of this program's form: schema-empty, -behind, -ahead or -foreign."""


def schema_state(store: Store) -> SchemaState:
    """Compare the database's revision with the newest one that this program knows; nothing is written."""
    with store.connected() as connection:
        revision = MigrationContext.configure(connection).get_current_revision()
    if revision is None:
        return "empty"
    scripts = ScriptDirectory.from_config(migrations())
    if revision == scripts.get_current_head():
        return "current"
    return "behind" if revision in {script.revision for script in scripts.walk_revisions()} else "ahead"


def migrate(store: Store) -> None:
    """Make every table of a new database, or bring an older one up to date; what is there stays.

    Of several programs that migrate, the others wait for the first and then find nothing to do. Raises
    `StoreUnavailableError` (storage-busy, storage-full), `ServerError`, and `SchemaError`: schema-ahead when a newer
    release wrote it, schema-foreign when somebody else's tables are in the way.
    """
    with store.connected(begin="BEGIN IMMEDIATE") as connection:
        if is_postgresql(store.engine):
            check_server(connection)
            _wait_for_our_turn(connection)
        try:
            command.upgrade(migrations(connection), "head")
        except CommandError:
            raise SchemaError("schema-ahead") from None
        except ProgrammingError as error:
            if unavailable(error) is not None:
                raise  # translated where the connection came from
            raise SchemaError("schema-foreign") from None


def _wait_for_our_turn(connection: Connection) -> None:
    """Take the lock of migrations, however long another one takes, and let ours take as long."""
    without_time_limits(connection)
    connection.exec_driver_sql("SET LOCAL lock_timeout = 0")
    connection.execute(select(func.pg_advisory_xact_lock(_MIGRATING)))
    # Tables are waited for as briefly as ever: everybody who calls the broker would wait behind us.
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = {BUSY_MILLISECONDS}")


def require_current(store: Store) -> None:
    """Return only if the database is of this program's form; else `SchemaError`."""
    state = schema_state(store)
    if state == "empty":
        raise SchemaError("schema-empty")
    if state == "behind":
        raise SchemaError("schema-behind")
    if state == "ahead":
        raise SchemaError("schema-ahead")


def migrations(connection: Connection | None = None) -> Config:
    """Where the migrations are, and the connection that they run on."""
    config = Config()
    folder = str(Path(__file__).parent.parent / "migrations")
    config.set_main_option("script_location", folder.replace("%", "%%"))  # a sign of its own for configparser
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
