"""The rows of what follows an exchange: consents that ended, papers, emergencies, incidents, and who asks too often.

As in `gateway.store.tables`, no column can hold a person's name or a referral in clear.
"""

from __future__ import annotations

from sqlmodel import Field

from gateway.store.tables import GatewayRow, Number, bytes_column

__all__ = [
    "AttachmentRow",
    "BarredWorkerRow",
    "EmergencyRow",
    "IncidentRow",
    "RateRow",
    "StatementEndRow",
    "WithdrawalAnswerRow",
    "WithdrawalCodeRow",
]


class StatementEndRow(GatewayRow, table=True):
    """How and when a consent ended, whoever said so; `receipt` is what the person's code was answered with."""

    __tablename__ = "statement_end"
    statement: str = Field(primary_key=True)
    state: str
    at: str
    position: int = Field(sa_type=Number)
    receipt: bytes | None = Field(default=None, sa_column=bytes_column(nullable=True))


class WithdrawalCodeRow(GatewayRow, table=True):
    """A spoken code, known only by its keyed digest, and the consent it ends."""

    __tablename__ = "withdrawal_code"
    digest: str = Field(primary_key=True)
    statement: str = Field(unique=True)


class WithdrawalAnswerRow(GatewayRow, table=True):
    """What a recipient answered after a consent ended: the exact signed document."""

    __tablename__ = "withdrawal_answer"
    statement: str = Field(primary_key=True)
    by: str = Field(primary_key=True)
    position: int = Field(primary_key=True, sa_type=Number)
    document: bytes = Field(sa_column=bytes_column())


class AttachmentRow(GatewayRow, table=True):
    """A sealed paper that belongs to one envelope; `recipient` is known once that envelope was accepted.

    The sender is part of the key: nobody can take the place of what another is about to send.
    """

    __tablename__ = "attachment"
    envelope: str = Field(primary_key=True)
    sha256: str = Field(primary_key=True)
    sender: str = Field(primary_key=True, index=True)
    recipient: str | None = None
    header: bytes | None = Field(default=None, sa_column=bytes_column(nullable=True))
    """The clear header of its envelope, by which each fetch is decided after the envelope itself is gone."""
    payload_sha256: str | None = None
    size: int = Field(sa_type=Number)
    until: str = Field(index=True)
    """When it is purged, unless its envelope is accepted or acknowledged before."""
    data: bytes = Field(sa_column=bytes_column())


class EmergencyRow(GatewayRow, table=True):
    """A declared emergency, until a second person of its organisation reviewed it, and after."""

    __tablename__ = "emergency"
    envelope: str = Field(primary_key=True)
    ref: str
    sender: str = Field(index=True)
    auditor: str = Field(index=True)
    worker: str
    ground: str
    sections: str
    """The codes of what left without consent, separated by semicolons."""
    at: str
    escalate_at: str | None = Field(default=None, index=True)
    """When nobody's having reviewed it is told, and told again; absent once it was reviewed."""
    review: bytes | None = Field(default=None, sa_column=bytes_column(nullable=True))
    review_receipt: bytes | None = Field(default=None, sa_column=bytes_column(nullable=True))


class BarredWorkerRow(GatewayRow, table=True):
    """A worker, by the pseudonym of its organisation, who may declare no emergency."""

    __tablename__ = "barred_worker"
    org: str = Field(primary_key=True)
    worker: str = Field(primary_key=True)
    since: str


class IncidentRow(GatewayRow, table=True):
    """One line of the register of incidents: the eight fields as JSON, and the report that opened it."""

    __tablename__ = "incident"
    id: str = Field(primary_key=True)
    opened: str = Field(index=True)
    envelope: str = Field(index=True)
    reported_by: str
    fields: bytes = Field(sa_column=bytes_column())
    report: bytes = Field(sa_column=bytes_column())
    receipt: bytes = Field(sa_column=bytes_column())


class RateRow(GatewayRow, table=True):
    """How soon a source may ask again (GCRA): a digest of who asks what, and its theoretical arrival time."""

    __tablename__ = "rate"
    source: str = Field(primary_key=True)
    until: str = Field(index=True)
