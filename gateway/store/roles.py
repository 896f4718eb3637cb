"""Who may do what in a PostgreSQL database: the broker, whoever erases openings, and whoever only reads.

ARCHITECTURE §5. The tables belong to the role that migrates. The broker itself may add to the journal and never change
it: what PROTOCOL §7 promises is then also refused by the database, whoever takes the broker over.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from gateway.store import case_tables  # noqa: F401 - its tables are part of the metadata
from gateway.store.shard_tables import JournalShardRow
from gateway.store.tables import (
    GatewayRow,
    InstanceRow,
    JournalCheckpointRow,
    JournalHeadRow,
    JournalLeafRow,
    JournalOpeningRow,
    JournalPartyRow,
    KeyStatementRow,
)
from gateway.store.witness_tables import (
    ErasedStatementRow,
    JournalContradictionRow,
    JournalCopyRow,
    JournalCosignatureRow,
)
from keys.errors import PasserelleError

__all__ = ["RightsError", "Roles", "changes_journal", "check_rights", "grant_roles", "role_statements"]

_ADDED_TO = {
    row.__tablename__
    for row in (
        JournalLeafRow,
        JournalOpeningRow,
        JournalPartyRow,
        JournalCheckpointRow,
        JournalCopyRow,
        JournalCosignatureRow,
        ErasedStatementRow,
        KeyStatementRow,
    )
}
"""What the broker writes once."""
_RIGHTS = {
    **dict.fromkeys(_ADDED_TO, "SELECT, INSERT"),
    InstanceRow.__tablename__: "SELECT",
    JournalShardRow.__tablename__: "SELECT",  # the owner of the tables begins a shard
    JournalHeadRow.__tablename__: "SELECT, UPDATE",
    JournalContradictionRow.__tablename__: "SELECT, INSERT, UPDATE",
    "alembic_version": "SELECT",
}
"""What the application may do with a table; with any other, everything but to change its form."""
_EVERYTHING = "SELECT, INSERT, UPDATE, DELETE"


class RightsError(PasserelleError):
    """The role that signed in may not do what serving needs (database-forbidden)."""


@dataclass(frozen=True, slots=True)
class Roles:
    """The names of the three roles, which nobody signs in as: accounts are made members of one of them."""

    prefix: str

    @property
    def application(self) -> str:
        """For `serve` and the operator's commands, but `init`, `migrate` and `roles`."""
        return f"{self.prefix}_application"

    @property
    def eraser(self) -> str:
        """For whoever erases openings: alone it can neither read nor change anything."""
        return f"{self.prefix}_eraser"

    @property
    def reader(self) -> str:
        """For the console, which changes nothing."""
        return f"{self.prefix}_reader"


def role_statements(roles: Roles, schema: str = "public") -> Iterator[str]:
    """The SQL that makes the roles, or brings them to what they may do in this release; it may be run again.

    The prefix is one that needs no quotation marks inside quotation marks; the command line sees to that.
    """
    yield f'REVOKE CREATE ON SCHEMA "{schema}" FROM PUBLIC'  # servers upgraded from before 15 have kept it
    for name in (roles.application, roles.eraser, roles.reader):
        # Whoever owns the tables need not be allowed to make roles: somebody else may have made them.
        missing = f"IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{name}')"
        known = "WHEN duplicate_object OR unique_violation"
        made = f'{missing} THEN CREATE ROLE "{name}" NOLOGIN; END IF;'
        yield f"DO $$ BEGIN {made} EXCEPTION {known} THEN NULL; END $$"
        yield f'REVOKE ALL ON ALL TABLES IN SCHEMA "{schema}" FROM "{name}"'
        yield f'GRANT USAGE ON SCHEMA "{schema}" TO "{name}"'
    for table in sorted({*GatewayRow.metadata.tables, "alembic_version"}):
        yield f'GRANT {_RIGHTS.get(table, _EVERYTHING)} ON "{schema}"."{table}" TO "{roles.application}"'
        yield f'GRANT SELECT ON "{schema}"."{table}" TO "{roles.reader}"'
    for row in (JournalOpeningRow, JournalPartyRow):
        yield f'GRANT DELETE ON "{schema}"."{row.__tablename__}" TO "{roles.eraser}"'
        yield f'GRANT SELECT (position) ON "{schema}"."{row.__tablename__}" TO "{roles.eraser}"'


def check_rights(connection: Connection) -> None:
    """Return only if the role that signed in may do with every table what the application does; else `RightsError`.

    A migration makes tables that nobody but their owner may use until the roles are brought up to date.
    """
    for table in sorted({*GatewayRow.metadata.tables, "alembic_version"}):
        for right in _RIGHTS.get(table, _EVERYTHING).split(", "):
            if not _may(connection, table, right):
                raise RightsError("database-forbidden")


def changes_journal(connection: Connection) -> bool:
    """Whether the role that signed in could change the journal: the owner of the tables, or the server's own."""
    return _may(connection, JournalLeafRow.__tablename__, "UPDATE")


def _may(connection: Connection, table: str, right: str) -> bool:
    return bool(connection.execute(select(func.has_table_privilege(table, right))).scalar_one())


def grant_roles(connection: Connection, roles: Roles) -> None:
    """Run the statements in a transaction of the role that owns the tables, on the schema that it uses."""
    schema = str(connection.exec_driver_sql("SELECT current_schema()").scalar_one())
    for statement in role_statements(roles, schema):
        connection.exec_driver_sql(statement)
