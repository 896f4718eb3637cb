"""The tables of the first release."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _text(name: str, *, primary_key: bool = False, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(), primary_key=primary_key, nullable=nullable)


def _number(name: str, *, primary_key: bool = False, nullable: bool = False) -> sa.Column[int]:
    kind = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    return sa.Column(name, kind, primary_key=primary_key, nullable=nullable)


def _bytes(name: str, *, nullable: bool = False) -> sa.Column[bytes]:
    return sa.Column(name, sa.LargeBinary(), nullable=nullable)


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean(), nullable=False)


def upgrade() -> None:
    """Make every table of an empty database."""
    _make_journal()
    _make_organisations()
    _make_agreements()
    _make_statements()
    _make_envelopes()
    op.create_table(
        "replay",
        _text("realm", primary_key=True),
        _text("digest", primary_key=True),
        _text("until"),
    )
    op.create_index("ix_replay_until", "replay", ["until"])
    op.create_table("service", _text("id", primary_key=True), _bytes("document"), _text("imported"))
    op.create_index("ix_service_imported", "service", ["imported"])


def _make_journal() -> None:
    op.create_table("instance", _number("id", primary_key=True), _text("territory"), _text("origin"), _text("created"))
    op.create_table("journal_head", _number("id", primary_key=True), _number("size"), _text("time"))
    op.create_table("journal_leaf", _number("position", primary_key=True), _bytes("leaf"))
    op.create_table("journal_opening", _number("position", primary_key=True), _bytes("entry"), _bytes("salt"))
    op.create_table("journal_party", _text("address", primary_key=True), _number("position", primary_key=True))
    op.create_table(
        "journal_tile",
        _number("level", primary_key=True),
        _number("number", primary_key=True),
        _number("width"),
        _bytes("data"),
    )
    op.create_table(
        "journal_checkpoint",
        _number("size", primary_key=True),
        _text("time", primary_key=True),
        _bytes("note"),
        _bytes("peaks"),
    )


def _make_organisations() -> None:
    op.create_table(
        "organisation",
        _text("address", primary_key=True),
        _text("legal_name"),
        _text("jurisdiction"),
        _flag("active"),
        _text("scopes"),
        _text("root_fingerprint"),
        _number("chain_seq"),
        _text("chain_head"),
    )
    op.create_table(
        "key_statement",
        _text("org", primary_key=True),
        _number("seq", primary_key=True),
        _text("sha256"),
        _number("position"),
        _text("time"),
        _bytes("document"),
    )
    op.create_table(
        "published_key",
        _text("kid", primary_key=True),
        _text("org"),
        _text("use"),
        _bytes("public"),
        _text("not_before"),
        _text("not_after"),
        _number("position"),
        _number("revoked_index", nullable=True),
    )
    op.create_index("ix_published_key_org", "published_key", ["org"])


def _make_agreements() -> None:
    op.create_table(
        "agreement",
        _text("id", primary_key=True),
        _number("version", primary_key=True),
        _text("sha256"),
        _text("state"),
        _text("ended", nullable=True),
        _bytes("payload"),
    )
    op.create_table(
        "agreement_party",
        _text("id", primary_key=True),
        _number("version", primary_key=True),
        _text("address", primary_key=True),
        _bytes("signature", nullable=True),
    )
    op.create_index("ix_agreement_party_address", "agreement_party", ["address"])


def _make_statements() -> None:
    op.create_table(
        "statement",
        _text("id", primary_key=True),
        _number("version", primary_key=True),
        _flag("newest"),
        _text("issuer"),
        _text("sha256"),
        _bytes("document"),
        _bytes("receipt"),
    )
    newest = sa.text("newest")
    op.create_index("statement_newest", "statement", ["id"], unique=True, sqlite_where=newest, postgresql_where=newest)
    op.create_table(
        "statement_use", _text("statement", primary_key=True), _text("gid", primary_key=True), _number("uses")
    )


def _make_envelopes() -> None:
    op.create_table(
        "referral",
        _text("ref", primary_key=True),
        _text("requester"),
        _text("owner"),
        _text("agreement"),
        _text("statement"),
        _text("purpose"),
        _text("part_of", nullable=True),
        _text("status"),
        _text("state"),
    )
    op.create_index("ix_referral_part_of", "referral", ["part_of"])
    op.create_index("ix_referral_statement", "referral", ["statement"])
    op.create_table(
        "envelope",
        _text("id", primary_key=True),
        _text("payload_sha256"),
        _text("ref"),
        _text("sender"),
        _text("recipient"),
        _number("seq"),
        _flag("told"),
        _flag("waiting"),
        _text("leased_until", nullable=True),
        _number("position"),
        _text("exp"),
        _bytes("wire", nullable=True),
        _bytes("receipt"),
        _bytes("ack", nullable=True),
        sa.UniqueConstraint("ref", "sender", "seq", name="envelope_seq"),
    )
    waiting = sa.text("waiting")
    op.create_index(
        "envelope_waiting", "envelope", ["recipient", "position"], sqlite_where=waiting, postgresql_where=waiting
    )
    op.create_index("envelope_told", "envelope", ["recipient", "told", "position"])
