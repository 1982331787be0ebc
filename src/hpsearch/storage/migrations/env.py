"""Alembic's entry: migrates on the connection that `storage.schema` hands over, within its transaction."""

from __future__ import annotations

from alembic import context

from hpsearch.storage.models import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,  # SQLite alters tables by copying them
    transactional_ddl=True,
)
context.run_migrations()
