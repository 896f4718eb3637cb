"""Every partner is a witness of the journal: what it cosigned, what quorums confirmed, which promises are open."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what is new; what is there stays as it is."""
    op.add_column("alarm", sa.Column("evidence", sa.String(), nullable=True))
    op.add_column("alarm", sa.Column("closed_at", sa.String(), nullable=True))
    op.add_column("journal", sa.Column("first_note", sa.LargeBinary(), nullable=True))
    op.add_column("outbox", sa.Column("again", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_table(
        "watch",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("note", sa.LargeBinary(), nullable=True),
        sa.Column("line", sa.String(), nullable=True),
        sa.Column("sent", sa.Boolean(), nullable=False),
        sa.Column("missed_since", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_table(
        "confirmation",
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("checkpoint", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("sha256"),
    )
    op.create_table(
        "shard",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("ed25519", sa.String(), nullable=False),
        sa.Column("mldsa44", sa.String(), nullable=False),
        sa.Column("start", sa.Integer(), nullable=False),
        sa.Column("final", sa.LargeBinary(), nullable=True),
        sa.Column("shown", sa.LargeBinary(), nullable=True),
        sa.Column("restarted_at", sa.String(), nullable=True),
        sa.Column("recovered", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_table(
        "promise",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("receipt", sa.LargeBinary(), nullable=False),
        sa.Column("unread_since", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("receipt"),
    )
    op.create_index(op.f("ix_promise_place"), "promise", ["place"], unique=False)


def downgrade() -> None:
    """Refuse: a witness that forgets what it signed can be made to sign another past."""
    raise RuntimeError("restore a backup instead")
