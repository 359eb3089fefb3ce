"""The kit's own tables, which every service's database holds beside its own."""

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, MetaData, Table, Text, text
from sqlalchemy.dialects import sqlite

from libs.common.columns import Json, UtcTime

# SQLite numbers rows by itself only in a column declared INTEGER.
_BigSerial = BigInteger().with_variant(sqlite.INTEGER(), "sqlite")

_kit = MetaData()

outbox = Table(
    "outbox",
    _kit,
    Column("seq", _BigSerial, primary_key=True, autoincrement=True),
    Column("event_id", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("value", LargeBinary, nullable=False),
    Column("traceparent", Text),
    Column("origin", UtcTime, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("sent_at", UtcTime),
    Index("outbox_unsent", "seq", sqlite_where=text("sent_at IS NULL"), postgresql_where=text("sent_at IS NULL")),
    Index("outbox_sent_at", "sent_at", postgresql_using="brin"),
)
"""Events written in the transaction of their cause. `origin` is when the first event of the chain was made."""

inbox = Table(
    "inbox",
    _kit,
    Column("event_id", Text, primary_key=True),
    Column("received_at", UtcTime, nullable=False),
    Index("inbox_received_at", "received_at", postgresql_using="brin"),
)
"""Ids of the events whose effect is in this database."""

dead_letters = Table(
    "dead_letters",
    _kit,
    Column("event_id", Text, primary_key=True),
    Column("topic", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("key", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("value", LargeBinary, nullable=False),
    Column("headers", Json, nullable=False),
    Column("reason", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("failed_at", UtcTime, nullable=False, index=True),
    Column("status", Text, nullable=False, index=True),
    Column("settled_at", UtcTime),
)
"""Events that could not be handled. `status`: open, replayed or discarded."""

idempotency = Table(
    "idempotency",
    _kit,
    Column("client", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("fingerprint", Text, nullable=False),
    Column("status", Integer, nullable=False),
    Column("body", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Index("idempotency_created_at", "created_at", postgresql_using="brin"),
)
"""First answers to requests with an Idempotency-Key; status 0 while the work is under way."""


def kit_tables(metadata: MetaData) -> None:
    """Adds the kit's tables to a service's metadata, so that its migrations make them."""
    for table in _kit.sorted_tables:
        table.to_metadata(metadata)
