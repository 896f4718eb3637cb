"""The rows of the broker's database; they never leave `gateway.store`.

ARCHITECTURE §4: a row keeps the exact signed bytes (the truth) and indexed columns (a copy). Times are written as
in documents, so that their order as text is their order in time. No column can hold a person's name or a referral
in clear: what a referral says is only ever here as ciphertext.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Dialect,
    Index,
    Integer,
    LargeBinary,
    TypeDecorator,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.orm import registry
from sqlalchemy.types import TypeEngine
from sqlmodel import Field, SQLModel

__all__ = ["GatewayRow", "Number", "bytes_column"]


class GatewayRow(SQLModel, registry=registry()):
    """The broker's own registry of tables, apart from any other shell in the same process."""


class Number(TypeDecorator[int]):
    """A whole number as documents may hold it, up to 2⁵³; PostgreSQL's plain integers end at 2³¹."""

    impl = BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[int]:
        """SQLite's only integers have 64 bits, and its keys must be called by their plain name."""
        return dialect.type_descriptor(Integer() if dialect.name == "sqlite" else BigInteger())


def bytes_column(*, nullable: bool = False) -> Column[bytes]:
    """A column for exact bytes."""
    return Column(LargeBinary, nullable=nullable)


class InstanceRow(GatewayRow, table=True):
    """Which broker this database belongs to; one row, written by `init` and never again."""

    __tablename__ = "instance"
    id: int = Field(primary_key=True, sa_type=Number)
    territory: str
    origin: str
    created: str


class JournalHeadRow(GatewayRow, table=True):
    """The end of the journal: how many leaves, and the time of the last; locked first by every transaction."""

    __tablename__ = "journal_head"
    id: int = Field(primary_key=True, sa_type=Number)
    size: int = Field(sa_type=Number)
    time: str
    contradicted: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    """True while somebody has shown a checkpoint of ours that is not of this journal: nothing passes meanwhile."""
    shard: int = Field(default=1, sa_type=Number, sa_column_kwargs={"server_default": text("1")})
    start: int = Field(default=0, sa_type=Number, sa_column_kwargs={"server_default": text("0")})
    """The shard that grows and its first entry, as in its own row: who waited for this one sees no newer one."""
    restored: str | None = None
    """When the operator said that this is a restored backup: nothing is decided until witnesses have spoken."""


class JournalLeafRow(GatewayRow, table=True):
    """A leaf, in journal order; only ever inserted."""

    __tablename__ = "journal_leaf"
    position: int = Field(primary_key=True, sa_type=Number)
    leaf: bytes = Field(sa_column=bytes_column())


class JournalOpeningRow(GatewayRow, table=True):
    """The entry and salt behind a leaf; only an eraser may delete it."""

    __tablename__ = "journal_opening"
    position: int = Field(primary_key=True, sa_type=Number)
    entry: bytes = Field(sa_column=bytes_column())
    salt: bytes = Field(sa_column=bytes_column())
    agreements: str | None = None
    """The agreements that the entry is about, whatever their versions, with spaces between: their auditors may read it.

    Null for what is no agreement's business, which every auditor may read.
    """


class JournalPartyRow(GatewayRow, table=True):
    """Which organisations an opening may be shown to."""

    __tablename__ = "journal_party"
    address: str = Field(primary_key=True)
    position: int = Field(primary_key=True, sa_type=Number)


class JournalTileRow(GatewayRow, table=True):
    """A hash tile of C2SP tlog-tiles, rewritten longer until it holds 256 hashes."""

    __tablename__ = "journal_tile"
    shard: int = Field(primary_key=True, sa_type=Number, sa_column_kwargs={"server_default": text("1")})
    level: int = Field(primary_key=True, sa_type=Number)
    number: int = Field(primary_key=True, sa_type=Number)
    width: int = Field(sa_type=Number)
    data: bytes = Field(sa_column=bytes_column())


class JournalCheckpointRow(GatewayRow, table=True):
    """A published checkpoint and the right edge of its tree; every one is kept."""

    __tablename__ = "journal_checkpoint"
    size: int = Field(primary_key=True, sa_type=Number)
    """How many entries the journal had, those of the shards before counted."""
    time: str = Field(primary_key=True)
    note: bytes = Field(sa_column=bytes_column())
    peaks: bytes = Field(sa_column=bytes_column())


class OrganisationRow(GatewayRow, table=True):
    """A partner: whether it is active, what it may ask for, and where its chain of key statements stands."""

    __tablename__ = "organisation"
    address: str = Field(primary_key=True)
    legal_name: str
    jurisdiction: str
    active: bool
    scopes: str
    root_fingerprint: str
    chain_seq: int = Field(sa_type=Number)
    chain_head: str


class KeyStatementRow(GatewayRow, table=True):
    """One key statement, whole, with its place in the journal."""

    __tablename__ = "key_statement"
    org: str = Field(primary_key=True)
    seq: int = Field(primary_key=True, sa_type=Number)
    sha256: str
    position: int = Field(sa_type=Number)
    time: str
    document: bytes = Field(sa_column=bytes_column())


class PublishedKeyRow(GatewayRow, table=True):
    """A key as its chain vouches for it; of a root, the Ed25519 half then the ML-DSA-65 half."""

    __tablename__ = "published_key"
    kid: str = Field(primary_key=True)
    org: str = Field(index=True)
    use: str
    public: bytes = Field(sa_column=bytes_column())
    not_before: str
    not_after: str
    position: int = Field(sa_type=Number)
    revoked_index: int | None = Field(default=None, sa_type=Number)


class AgreementRow(GatewayRow, table=True):
    """One version of an agreement and its state."""

    __tablename__ = "agreement"
    id: str = Field(primary_key=True)
    version: int = Field(primary_key=True, sa_type=Number)
    sha256: str
    state: str
    ended: str | None = None
    payload: bytes = Field(sa_column=bytes_column())


class AgreementPartyRow(GatewayRow, table=True):
    """A party of an agreement, and its signature once given."""

    __tablename__ = "agreement_party"
    id: str = Field(primary_key=True)
    version: int = Field(primary_key=True, sa_type=Number)
    address: str = Field(primary_key=True, index=True)
    signature: bytes | None = Field(default=None, sa_column=bytes_column(nullable=True))


class StatementRow(GatewayRow, table=True):
    """One version of a consent statement, its receipt, and whether it is the newest."""

    __tablename__ = "statement"
    __table_args__ = (
        Index("statement_newest", "id", unique=True, sqlite_where=text("newest"), postgresql_where=text("newest")),
    )
    id: str = Field(primary_key=True)
    version: int = Field(primary_key=True, sa_type=Number)
    newest: bool
    issuer: str
    sha256: str = Field(index=True)
    not_after: str = Field(index=True)
    document: bytes = Field(sa_column=bytes_column())
    receipt: bytes = Field(sa_column=bytes_column())


class StatementUseRow(GatewayRow, table=True):
    """How many times a grant was used."""

    __tablename__ = "statement_use"
    statement: str = Field(primary_key=True)
    gid: str = Field(primary_key=True)
    uses: int = Field(sa_type=Number)


class ReferralRow(GatewayRow, table=True):
    """Where a referral stands, as the transition table says."""

    __tablename__ = "referral"
    ref: str = Field(primary_key=True)
    requester: str
    owner: str
    agreement: str
    article: str
    statement: str | None = Field(default=None, index=True)
    justification: str | None = None
    """Of a declared emergency: the message to the auditors that it rests on in place of a statement."""
    purpose: str
    part_of: str | None = Field(default=None, index=True)
    status: str
    answer_by: str | None = Field(default=None, index=True)
    """When silence becomes an answer; a copy of what the state says, absent while the clock does not run."""
    state: str


class EnvelopeRow(GatewayRow, table=True):
    """An accepted envelope: its receipt for life, its sealed bytes until the recipient has stored them."""

    __tablename__ = "envelope"
    __table_args__ = (
        UniqueConstraint("ref", "sender", "seq", name="envelope_seq"),
        Index(
            "envelope_waiting",
            "recipient",
            "position",
            sqlite_where=text("waiting"),
            postgresql_where=text("waiting"),
        ),
        Index("envelope_told", "recipient", "told", "position"),
        Index("envelope_expiring", "exp", sqlite_where=text("waiting"), postgresql_where=text("waiting")),
        Index("envelope_sealed", "seal_kid", sqlite_where=text("waiting"), postgresql_where=text("waiting")),
    )
    id: str = Field(primary_key=True)
    kind: str
    payload_sha256: str
    ref: str
    sender: str
    recipient: str
    seq: int = Field(sa_type=Number)
    statement: str | None = Field(default=None, index=True)
    """Of a referral or message that rests on a consent: which one."""
    stored: bool
    """True once its recipient said that it holds it."""
    replaced: bool
    """True once another envelope took its place."""
    told: bool
    """True for events and notices, which are told in order; False for what is leased."""
    waiting: bool
    """True while a leased kind has not been acknowledged, refused at pick-up, or expired."""
    leased_until: str | None = None
    held_until: str | None = None
    """When it is judged again, while a suspension that may be lifted keeps it from being handed out."""
    position: int = Field(sa_type=Number)
    exp: str
    seal_kid: str | None = None
    """Of what is sealed: the key of its recipient that opens it, so that its revocation finds what waits for it."""
    wire: bytes | None = Field(default=None, sa_column=bytes_column(nullable=True))
    receipt: bytes = Field(sa_column=bytes_column())
    ack: bytes | None = Field(default=None, sa_column=bytes_column(nullable=True))


class ReplayRow(GatewayRow, table=True):
    """A value that may be used once (a proof's or an assertion's `jti`), until it could not be used anyway."""

    __tablename__ = "replay"
    realm: str = Field(primary_key=True)
    digest: str = Field(primary_key=True)
    until: str = Field(index=True)


class ServiceRow(GatewayRow, table=True):
    """A service of the directory, as it is shown; nothing in it is about a person."""

    __tablename__ = "service"
    id: str = Field(primary_key=True)
    document: bytes = Field(sa_column=bytes_column())
    imported: str = Field(index=True)
    """When this directory was imported; the same for every service of one import."""
