"""Runs the migrations of the partner's database on the connection that `adapters.store.migrate` hands over."""

from alembic import context

from adapters.store.tables import Row

context.configure(connection=context.config.attributes["connection"], target_metadata=Row.metadata)
with context.begin_transaction():
    context.run_migrations()
