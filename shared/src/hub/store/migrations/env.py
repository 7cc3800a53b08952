"""Alembic's entry point: runs the revisions over the connection that ``hub.store.schema`` hands in."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], version_table_schema="public")
with context.begin_transaction():
    context.run_migrations()
