"""A record may have several statements, each with the record it commits to; a person's restrictions stand alone."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables anew beside the old ones, move what is there, and let them take the old names."""
    op.create_table(
        "consent_new",
        sa.Column("record_id", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("record_id"),
    )
    op.create_table(
        "statement_new",
        sa.Column("statement", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("record_id", sa.String(), nullable=False),
        sa.Column("record", sa.LargeBinary(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("signed", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.Column("receipt", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["record_id"], ["consent_new.record_id"]),
        sa.PrimaryKeyConstraint("statement", "version"),
    )
    op.create_table(
        "restriction",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    _move()
    # What refers is dropped before what it refers to; a new name is followed by the references to the old one.
    op.drop_table("statement")
    op.drop_table("consent")
    op.rename_table("consent_new", "consent")
    op.rename_table("statement_new", "statement")
    op.create_index(op.f("ix_consent_person"), "consent", ["person"], unique=False)
    op.create_index(op.f("ix_restriction_person"), "restriction", ["person"], unique=False)
    op.create_index(op.f("ix_statement_record_id"), "statement", ["record_id"], unique=False)


def _move() -> None:
    connection = op.get_bind()
    for record_id, document, at in connection.execute(sa.text("SELECT record_id, document, at FROM consent")).all():
        person = json.loads(document)["header"]["pii_principal_id"]
        values = {"record_id": record_id, "person": person, "document": document, "at": at}
        connection.execute(sa.text("INSERT INTO consent_new VALUES (:record_id, :person, :document, :at)"), values)
    # Until now a record had one statement in one version, which commits to the record as it is.
    connection.execute(
        sa.text(
            "INSERT INTO statement_new"
            " SELECT s.statement, s.version, c.record_id, c.document, s.sha256, s.signed, c.at, s.receipt"
            " FROM statement s JOIN consent c ON c.statement = s.statement"
        )
    )
