"""The rows of the partner's database; they never leave this folder.

ARCHITECTURE §4: a row keeps the exact bytes (the truth) and beside them columns to find them by (a copy). Times are
written as the protocol writes them, in UTC, so that their order as text is their order in time.
"""

from __future__ import annotations

from typing import ClassVar

from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

__all__ = [
    "AgreementRow",
    "AlarmRow",
    "AttachmentRow",
    "ConsentRow",
    "ContentRow",
    "CursorRow",
    "EventRow",
    "InboxRow",
    "JournalRow",
    "JustificationRow",
    "KeyStatementRow",
    "NoticeRow",
    "OutboxRow",
    "OverrideRow",
    "OwnKeyRow",
    "ReferralRow",
    "RestrictionRow",
    "Row",
    "SequenceRow",
    "StatementRow",
]


class Row(SQLModel, registry=registry()):
    """One registry for this database, apart from whatever else runs in the same process."""


class ConsentRow(Row, table=True):
    """A full consent record; it never leaves this organisation."""

    __tablename__: ClassVar[str] = "consent"
    record_id: str = Field(primary_key=True)
    person: str = Field(index=True)
    document: bytes
    at: str


class RestrictionRow(Row, table=True):
    """A restriction notice of a person; it stands whatever they agree to, and never leaves this organisation."""

    __tablename__: ClassVar[str] = "restriction"
    number: int | None = Field(default=None, primary_key=True)
    person: str = Field(index=True)
    document: bytes
    at: str


class StatementRow(Row, table=True):
    """One version of a consent statement that we issued: as it was signed, the record it commits to, the receipt."""

    __tablename__: ClassVar[str] = "statement"
    statement: str = Field(primary_key=True)
    version: int = Field(primary_key=True)
    record_id: str = Field(foreign_key="consent.record_id", index=True)
    record: bytes
    sha256: str
    signed: bytes
    at: str
    receipt: bytes | None = None


class AgreementRow(Row, table=True):
    """One version of an agreement: its exact bytes, the signatures that verified, the state the broker told."""

    __tablename__: ClassVar[str] = "agreement"
    agreement: str = Field(primary_key=True)
    version: int = Field(primary_key=True)
    sha256: str
    payload: bytes
    state: str
    signatures: bytes
    signers: str


class ReferralRow(Row, table=True):
    """One referral, sent or received, and a copy of where it stands."""

    __tablename__: ClassVar[str] = "referral"
    ref: str = Field(primary_key=True)
    direction: str
    peer: str
    envelope: str
    header: bytes
    part_of: str | None = Field(default=None, index=True)
    at: str = Field(index=True)
    deposited_at: str | None = None
    place: int | None = None
    respond_by: str | None = None
    status: str = Field(index=True)
    business_status: str | None = None
    answer_by: str | None = None
    problem: str | None = None
    erased_at: str | None = None


class ContentRow(Row, table=True):
    """The sections of one envelope in clear, as a JSON object by section."""

    __tablename__: ClassVar[str] = "content"
    envelope: str = Field(primary_key=True)
    ref: str = Field(foreign_key="referral.ref", index=True)
    author: str
    at: str
    sections: bytes


class EventRow(Row, table=True):
    """One step of a referral as the journal ordered it: the envelope as it travelled, the receipt.

    It may come before the referral that it is about was leased, so `ref` need not be here yet.
    """

    __tablename__: ClassVar[str] = "event"
    envelope: str = Field(primary_key=True)
    ref: str = Field(index=True)
    place: int
    at: str
    wire: bytes
    receipt: bytes


class NoticeRow(Row, table=True):
    """Something the broker told by itself about a referral, which need not be here; what was answered, and when."""

    __tablename__: ClassVar[str] = "notice"
    envelope: str = Field(primary_key=True)
    ref: str = Field(index=True)
    kind: str
    place: int
    at: str
    wire: bytes
    receipt: bytes
    answer: str | None = None
    answered_at: str | None = None


class AttachmentRow(Row, table=True):
    """A paper that accompanies an envelope, known by the digest of its sealed bytes.

    The key is kept until the paper is here, and forgotten then; both are gone once it is erased.
    """

    __tablename__: ClassVar[str] = "attachment"
    envelope: str = Field(primary_key=True)
    sealed_sha256: str = Field(primary_key=True)
    ref: str = Field(index=True)
    number: int
    kind: str
    name: str | None = None
    size: int
    sha256: str
    state: str = Field(index=True)
    key: bytes | None = None
    data: bytes | None = None
    next_try: str
    attempts: int = 0


class JustificationRow(Row, table=True):
    """Why another organisation declared an emergency, as it told us who audit; the referral itself is not here."""

    __tablename__: ClassVar[str] = "justification"
    envelope: str = Field(primary_key=True)
    ref: str = Field(index=True)
    sender: str
    at: str
    header: bytes
    sections: bytes


class OverrideRow(Row, table=True):
    """A person's decision to send a text in which the leak check found something; it never leaves this machine."""

    __tablename__: ClassVar[str] = "override"
    number: int | None = Field(default=None, primary_key=True)
    envelope: str = Field(index=True)
    place: str
    kind: str
    reason: str
    author: str
    at: str


class SequenceRow(Row, table=True):
    """The next `seq` of our own envelopes about one referral."""

    __tablename__: ClassVar[str] = "sequence"
    ref: str = Field(primary_key=True)
    next: int


class OutboxRow(Row, table=True):
    """Something that waits for the broker's answer: the exact bytes to send, until they are answered.

    `again` is true of what the broker took before, and lost.
    """

    __tablename__: ClassVar[str] = "outbox"
    number: int | None = Field(default=None, primary_key=True)
    item: str = Field(unique=True)
    kind: str
    lane: str = Field(index=True)
    after: str | None = None
    body: bytes
    attempts: int = 0
    next_try: str
    state: str = Field(index=True)
    receipt: bytes | None = None
    problem: str | None = None
    again: bool = False


class InboxRow(Row, table=True):
    """An envelope that was leased: what it was, what we answered, and the signed answer, given again when asked."""

    __tablename__: ClassVar[str] = "inbox"
    envelope: str = Field(primary_key=True)
    payload_sha256: str
    at: str
    result: str
    code: str | None = None
    wire: bytes
    receipt: bytes
    ack: bytes


class AlarmRow(Row, table=True):
    """Something that must not happen and did; a person looks at it. `subject` is an id, never content.

    `evidence` is the name of the file that proves it, in the folder of evidence. The row stays once it is closed.
    """

    __tablename__: ClassVar[str] = "alarm"
    number: int | None = Field(default=None, primary_key=True)
    at: str
    code: str
    subject: str
    evidence: str | None = None
    closed_at: str | None = None


class CursorRow(Row, table=True):
    """How far a stream of the broker has been read."""

    __tablename__: ClassVar[str] = "cursor"
    stream: str = Field(primary_key=True)
    position: int


class OwnKeyRow(Row, table=True):
    """One statement of our own key chain, kept before it is published so that it is never made twice."""

    __tablename__: ClassVar[str] = "own_key"
    seq: int = Field(primary_key=True)
    sha256: str
    signed: bytes
    place: int | None = None


class KeyStatementRow(Row, table=True):
    """One key statement read from the journal, and where it stood there."""

    __tablename__: ClassVar[str] = "key_statement"
    place: int = Field(primary_key=True)
    org: str = Field(index=True)
    at: str
    document: bytes


class JournalRow(Row, table=True):
    """The last checkpoint that was accepted and what is needed to check the next one against it; one row.

    `first_note` is the earliest note of the same tree, where more than one was accepted.
    """

    __tablename__: ClassVar[str] = "journal"
    number: int = Field(primary_key=True)
    checkpoint: bytes
    frontier: bytes
    first_note: bytes | None = None
