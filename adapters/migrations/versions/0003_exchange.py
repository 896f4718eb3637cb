"""Everything the gateway tells by itself is kept; papers accompany envelopes; auditors keep justifications."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what is new; what is there stays as it is."""
    op.add_column("referral", sa.Column("place", sa.Integer(), nullable=True))
    op.add_column("referral", sa.Column("erased_at", sa.String(), nullable=True))
    op.create_table(
        "notice",
        sa.Column("envelope", sa.String(), nullable=False),
        sa.Column("ref", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.Column("wire", sa.LargeBinary(), nullable=False),
        sa.Column("receipt", sa.LargeBinary(), nullable=False),
        sa.Column("answer", sa.String(), nullable=True),
        sa.Column("answered_at", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("envelope"),
    )
    op.create_index(op.f("ix_notice_ref"), "notice", ["ref"], unique=False)
    op.create_table(
        "attachment",
        sa.Column("envelope", sa.String(), nullable=False),
        sa.Column("sealed_sha256", sa.String(), nullable=False),
        sa.Column("ref", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=True),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=True),
        sa.Column("data", sa.LargeBinary(), nullable=True),
        sa.Column("next_try", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("envelope", "sealed_sha256"),
    )
    op.create_index(op.f("ix_attachment_ref"), "attachment", ["ref"], unique=False)
    op.create_index(op.f("ix_attachment_state"), "attachment", ["state"], unique=False)
    op.create_table(
        "justification",
        sa.Column("envelope", sa.String(), nullable=False),
        sa.Column("ref", sa.String(), nullable=False),
        sa.Column("sender", sa.String(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.Column("header", sa.LargeBinary(), nullable=False),
        sa.Column("sections", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("envelope"),
    )
    op.create_index(op.f("ix_justification_ref"), "justification", ["ref"], unique=False)
    op.create_table(
        "override",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("envelope", sa.String(), nullable=False),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_index(op.f("ix_override_envelope"), "override", ["envelope"], unique=False)


def downgrade() -> None:
    """Refuse: it would throw away what was told and what was sent. A backup is what goes back in time."""
    raise RuntimeError("restore a backup instead")
