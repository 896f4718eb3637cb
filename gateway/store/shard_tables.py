"""The rows of the shards: under which keys the journal stands, and what is said after a backup was restored."""

from __future__ import annotations

from sqlmodel import Field

from gateway.store.tables import GatewayRow, Number, bytes_column

__all__ = ["JournalShardRow", "JournalShownRow", "UnconfirmedStatementRow"]


class JournalShardRow(GatewayRow, table=True):
    """A shard of the journal; one that is closed keeps its public keys here when its private ones are gone."""

    __tablename__ = "journal_shard"
    number: int = Field(primary_key=True, sa_type=Number)
    origin: str
    vkeys: str | None = None
    """Its two verification keys with a line between; null for the first of a database that is older than this table."""
    start: int = Field(sa_type=Number)
    """How many entries came before it."""
    previous: bytes | None = Field(default=None, sa_column=bytes_column(nullable=True))
    """The note that its first entry commits to; none for the first."""
    opened: str
    restarted: bool = Field(default=False)
    """True when nobody announced it: what came after a backup was lost."""


class JournalShownRow(GatewayRow, table=True):
    """The largest checkpoint that a witness has shown since the operator said that a backup was restored."""

    __tablename__ = "journal_shown"
    address: str = Field(primary_key=True)
    size: int = Field(sa_type=Number)
    """All shards before its own counted."""
    at: str


class UnconfirmedStatementRow(GatewayRow, table=True):
    """A consent whose issuer has not said again what it is since entries of the journal were lost."""

    __tablename__ = "unconfirmed_statement"
    id: str = Field(primary_key=True)
