"""Alembic's entrance; which service and which connection come from `libs.common.migrate`."""

from typing import Any, Literal

from alembic import context

from libs.common import columns, migrate

connection = context.config.attributes["connection"]
service = context.config.attributes["service"]


def render_item(kind: str, obj: Any, autogen_context: Any) -> str | Literal[False]:
    """Own column types are written as what they are in the database."""
    if kind == "type" and isinstance(obj, columns.UtcTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(obj, columns.Json):
        return "sa.Text()"
    return False


context.configure(
    connection=connection,
    target_metadata=migrate.metadata(service),
    render_as_batch=True,
    render_item=render_item,
)
if connection.dialect.name == "postgresql":
    connection.exec_driver_sql("SET LOCAL lock_timeout = '5s'")
context.run_migrations()
