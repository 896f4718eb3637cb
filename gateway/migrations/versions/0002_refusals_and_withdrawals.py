"""What refusals, withdrawals, papers, emergencies and incidents need to be remembered."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def _text(name: str, *, primary_key: bool = False, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(), primary_key=primary_key, nullable=nullable)


def _number(name: str, *, primary_key: bool = False) -> sa.Column[int]:
    kind = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    return sa.Column(name, kind, primary_key=primary_key, autoincrement=False, nullable=False)


def _bytes(name: str, *, nullable: bool = False) -> sa.Column[bytes]:
    return sa.Column(name, sa.LargeBinary(), nullable=nullable)


def upgrade() -> None:
    """Add what is new; what the release before wrote stays and is completed."""
    _extend_statements()
    _extend_referrals()
    _extend_envelopes()
    _make_consent_tables()
    _end_statements()
    _make_case_tables()


def _extend_statements() -> None:
    op.add_column("statement", sa.Column("not_after", sa.String(), nullable=False, server_default=""))
    table = sa.table(
        "statement",
        sa.column("id", sa.String()),
        sa.column("version", sa.Integer()),
        sa.column("not_after", sa.String()),
        sa.column("document", sa.LargeBinary()),
    )
    connection = op.get_bind()
    for row in connection.execute(sa.select(table)).fetchall():
        written = _period_end(row.document)
        here = (table.c.id == row.id) & (table.c.version == row.version)
        connection.execute(sa.update(table).where(here).values(not_after=written))
    with op.batch_alter_table("statement") as batch:
        batch.alter_column("not_after", server_default=None)
    op.create_index("ix_statement_not_after", "statement", ["not_after"])


def _period_end(document: bytes) -> str:
    """The end of a statement's period, from its signed bytes."""
    return str(_payload(document)["not_after"])


def _payload(document: bytes) -> dict[str, Any]:
    """What a DSSE document says: standard base64 of JSON."""
    return dict(json.loads(base64.b64decode(json.loads(document)["payload"])))


def _extend_referrals() -> None:
    with op.batch_alter_table("referral") as batch:
        batch.alter_column("statement", existing_type=sa.String(), nullable=True)
        batch.add_column(_text("justification", nullable=True))
        batch.add_column(sa.Column("article", sa.String(), nullable=False, server_default="1"))
        batch.add_column(_text("answer_by", nullable=True))
    with op.batch_alter_table("referral") as batch:
        batch.alter_column("article", server_default=None)
    table = sa.table(
        "referral", sa.column("ref", sa.String()), sa.column("state", sa.String()), sa.column("answer_by", sa.String())
    )
    connection = op.get_bind()
    for row in connection.execute(sa.select(table)).fetchall():
        due = json.loads(row.state).get("respond_by")
        if due is not None:
            moment = _written(due)
            connection.execute(sa.update(table).where(table.c.ref == row.ref).values(answer_by=moment))
    op.create_index("ix_referral_answer_by", "referral", ["answer_by"])


def _written(moment: str) -> str:
    """A moment of the state's JSON as documents write it, with milliseconds and Z."""
    utc = datetime.fromisoformat(moment).astimezone(UTC)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03d}Z"


def _extend_envelopes() -> None:
    with op.batch_alter_table("envelope") as batch:
        batch.add_column(sa.Column("kind", sa.String(), nullable=False, server_default="referral"))
        batch.add_column(_text("statement", nullable=True))
        batch.add_column(sa.Column("stored", sa.Boolean(), nullable=False, server_default=sa.false()))
        batch.add_column(sa.Column("replaced", sa.Boolean(), nullable=False, server_default=sa.false()))
        batch.add_column(_text("held_until", nullable=True))
        batch.add_column(_text("seal_kid", nullable=True))
    # What was sealed rests on the statement of its referral, which the first envelope of its reference opened.
    op.execute(
        "UPDATE envelope SET kind = CASE WHEN told THEN 'event' WHEN position ="
        " (SELECT MIN(earlier.position) FROM envelope AS earlier WHERE earlier.ref = envelope.ref)"
        " THEN 'referral' ELSE 'message' END,"
        " statement = (SELECT referral.statement FROM referral WHERE referral.ref = envelope.ref AND NOT envelope.told)"
    )
    _read_envelopes()
    with op.batch_alter_table("envelope") as batch:
        for name in ("kind", "stored", "replaced"):
            batch.alter_column(name, server_default=None)
    op.create_index("ix_envelope_statement", "envelope", ["statement"])
    waiting = sa.text("waiting")
    op.create_index("envelope_expiring", "envelope", ["exp"], sqlite_where=waiting, postgresql_where=waiting)
    op.create_index("envelope_sealed", "envelope", ["seal_kid"], sqlite_where=waiting, postgresql_where=waiting)


def _read_envelopes() -> None:
    """Complete each row by what its own bytes say: the kind, the sealing key, and what the recipient's word was."""
    table = sa.table("envelope", *(sa.column(name) for name in ("id", "kind", "seal_kid", "stored", "wire", "ack")))
    connection = op.get_bind()
    ids = connection.execute(sa.select(table.c.id)).scalars().all()
    for identifier in ids:  # one at a time: a wire may be of 2 MiB
        here = table.c.id == identifier
        row = connection.execute(sa.select(table.c.wire, table.c.ack).where(here)).one()
        values: dict[str, object] = {}
        if row.wire is not None:
            payload = _payload(row.wire)
            protected = payload["protected"]
            header = json.loads(base64.urlsafe_b64decode(protected + "=" * (-len(protected) % 4)))
            values = {"kind": header["typ"], "seal_kid": (payload.get("key") or {}).get("kid")}
        if row.ack is not None:
            values["stored"] = _payload(row.ack)["result"] == "stored"
        if values:
            connection.execute(sa.update(table).where(here).values(**values))


def _end_statements() -> None:
    """The ends that issuers signed before there was a table of them; their receipts say when, and where in the journal.

    What follows an end (PROTOCOL §4) is told from now on only, but recipients may answer for what they hold.
    """
    statement = sa.table("statement", *(sa.column(name) for name in ("id", "newest", "document", "receipt")))
    end = sa.table("statement_end", *(sa.column(name) for name in ("statement", "state", "at", "position")))
    connection = op.get_bind()
    newest = sa.select(statement).where(statement.c.newest.is_(sa.true()))
    for row in connection.execute(newest).fetchall():
        state = _payload(row.document)["state"]
        if state != "given":
            receipt = _payload(row.receipt)
            ended = {"statement": row.id, "state": state, "at": receipt["time"], "position": receipt["index"]}
            connection.execute(sa.insert(end).values(**ended))


def _make_consent_tables() -> None:
    op.create_table(
        "statement_end",
        _text("statement", primary_key=True),
        _text("state"),
        _text("at"),
        _number("position"),
        _bytes("receipt", nullable=True),
    )
    op.create_table(
        "withdrawal_code",
        _text("digest", primary_key=True),
        _text("statement"),
        sa.UniqueConstraint("statement"),
    )
    op.create_table(
        "withdrawal_answer",
        _text("statement", primary_key=True),
        _text("by", primary_key=True),
        _number("position", primary_key=True),
        _bytes("document"),
    )
    op.create_table("rate", _text("source", primary_key=True), _text("until"))
    op.create_index("ix_rate_until", "rate", ["until"])


def _make_case_tables() -> None:
    op.create_table(
        "attachment",
        _text("envelope", primary_key=True),
        _text("sha256", primary_key=True),
        _text("sender", primary_key=True),
        _text("recipient", nullable=True),
        _bytes("header", nullable=True),
        _text("payload_sha256", nullable=True),
        _number("size"),
        _text("until"),
        _bytes("data"),
    )
    op.create_index("ix_attachment_sender", "attachment", ["sender"])
    op.create_index("ix_attachment_until", "attachment", ["until"])
    op.create_table(
        "emergency",
        _text("envelope", primary_key=True),
        _text("ref"),
        _text("sender"),
        _text("auditor"),
        _text("worker"),
        _text("ground"),
        _text("sections"),
        _text("at"),
        _text("escalate_at", nullable=True),
        _bytes("review", nullable=True),
        _bytes("review_receipt", nullable=True),
    )
    op.create_index("ix_emergency_sender", "emergency", ["sender"])
    op.create_index("ix_emergency_auditor", "emergency", ["auditor"])
    op.create_index("ix_emergency_escalate_at", "emergency", ["escalate_at"])
    op.create_table("barred_worker", _text("org", primary_key=True), _text("worker", primary_key=True), _text("since"))
    op.create_table(
        "incident",
        _text("id", primary_key=True),
        _text("opened"),
        _text("envelope"),
        _text("reported_by"),
        _bytes("fields"),
        _bytes("report"),
        _bytes("receipt"),
    )
    op.create_index("ix_incident_opened", "incident", ["opened"])
    op.create_index("ix_incident_envelope", "incident", ["envelope"])
