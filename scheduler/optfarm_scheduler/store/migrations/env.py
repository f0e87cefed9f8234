"""Runs migrations on the connection that the scheduler hands over."""

from alembic import context

from optfarm_scheduler.store.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
