"""The rows of who checked the journal: cosignatures, checkpoints that contradict it, and readings by auditors."""

from __future__ import annotations

from sqlalchemy import Index
from sqlmodel import Field

from gateway.store.tables import GatewayRow, Number, bytes_column

__all__ = [
    "AuditReadingRow",
    "ErasedStatementRow",
    "JournalContradictionRow",
    "JournalCopyRow",
    "JournalCosignatureRow",
]


class JournalCosignatureRow(GatewayRow, table=True):
    """A witness's signature line under an archived checkpoint; one for each witness, and only ever inserted."""

    __tablename__ = "journal_cosignature"
    __table_args__ = (Index("journal_cosignature_newest", "size", "at", "name"),)
    size: int = Field(primary_key=True, sa_type=Number)
    time: str = Field(primary_key=True)
    """Size and time are those of the checkpoint's row: all shards counted."""
    name: str = Field(primary_key=True)
    key_id: str
    line: str
    at: str
    """When it came to the broker."""


class JournalContradictionRow(GatewayRow, table=True):
    """A checkpoint that bears the broker's own signatures and is not of this journal: evidence, kept for good."""

    __tablename__ = "journal_contradiction"
    size: int = Field(primary_key=True, sa_type=Number)
    """All shards before its own counted."""
    root: str = Field(primary_key=True)
    """In hexadecimal."""
    note: bytes = Field(sa_column=bytes_column())
    reported_by: str
    at: str
    settled: str | None = None
    """When an operator dealt with it."""
    signed_at: str | None = None
    """When it was signed, as it states itself."""


class JournalCopyRow(GatewayRow, table=True):
    """A time in which a copy of this database signed checkpoints of its own, as an operator said."""

    __tablename__ = "journal_copy"
    first: str = Field(primary_key=True)
    last: str = Field(primary_key=True)
    at: str = Field(primary_key=True)


class AuditReadingRow(GatewayRow, table=True):
    """The last day on which an auditor's reading of a part of the journal was journalled."""

    __tablename__ = "audit_reading"
    address: str = Field(primary_key=True)
    part: str = Field(primary_key=True)
    day: str


class ErasedStatementRow(GatewayRow, table=True):
    """A consent whose evidence was erased: its documents are shown to nobody any more."""

    __tablename__ = "erased_statement"
    id: str = Field(primary_key=True)
