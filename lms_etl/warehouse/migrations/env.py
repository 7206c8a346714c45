"""Alembic's entry point: runs the migrations on the connection that `schema.py` hands over."""

from alembic import context

from lms_etl.warehouse.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, render_as_batch=True, transaction_per_migration=True)
with context.begin_transaction():
    context.run_migrations()
