"""Runs the migrations of the broker's database on the connection that `gateway.store.migration` hands over."""

from alembic import context

from gateway.store import case_tables, witness_tables  # noqa: F401 - their tables are part of the metadata
from gateway.store.tables import GatewayRow

context.configure(connection=context.config.attributes["connection"], target_metadata=GatewayRow.metadata)
with context.begin_transaction():
    context.run_migrations()
