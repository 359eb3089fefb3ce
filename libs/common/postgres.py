"""Straight to PostgreSQL where every event passes: a statement here costs a third of what it costs through SQLAlchemy.

The connections are those of SQLAlchemy's pool, all in AUTOCOMMIT as it sees them; a transaction is begun and ended
here, so that statements of both kinds are part of it.
"""

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

import asyncpg
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine


@asynccontextmanager
async def connection(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A connection from the pool that the server has not ended in the meantime, as far as this side has heard."""
    async with engine.connect() as conn:
        if _driver(conn).is_closed():
            await conn.invalidate()
            await conn.get_raw_connection()
        yield conn


@asynccontextmanager
async def transaction(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A connection whose transaction is committed at the end of the block, or leaves nothing behind."""
    async with connection(engine) as conn:
        bare = _driver(conn)
        begun = bare.transaction(isolation="read_committed")
        try:
            with _raising_as_sqlalchemy("BEGIN"):
                await begun.start()
            try:
                yield conn
            except BaseException:
                with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                    await begun.rollback()
                raise
            with _raising_as_sqlalchemy("COMMIT"):
                await begun.commit()
        finally:
            if bare.is_closed() or bare.is_in_transaction():
                bare.terminate()
                await conn.invalidate()


async def fetch(conn: AsyncConnection, sql: str, *values: Any) -> Sequence[asyncpg.Record]:
    """The rows of one statement with places $1, $2 … Raises what SQLAlchemy raises."""
    with _raising_as_sqlalchemy(sql):
        rows: Sequence[asyncpg.Record] = await _driver(conn).fetch(sql, *values)
    return rows


async def copy(conn: AsyncConnection, table: str, columns: Sequence[str], records: Iterable[Sequence[Any]]) -> None:
    """Inserts by binary COPY. Raises what SQLAlchemy raises."""
    with _raising_as_sqlalchemy(f"COPY {table}"):
        await _driver(conn).copy_records_to_table(table, records=records, columns=columns)


async def connect(url: str) -> Any:
    """A connection outside the pool, for locks and notifications."""
    parsed = make_url(url).set(drivername="postgresql")
    return await asyncpg.connect(parsed.render_as_string(hide_password=False), timeout=10)


def _driver(conn: AsyncConnection) -> Any:
    # Straight, since `get_raw_connection` switches greenlets for the same answer.
    assert conn.sync_connection is not None
    return conn.sync_connection.connection.driver_connection


@contextmanager
def _raising_as_sqlalchemy(sql: str) -> Iterator[None]:
    try:
        yield
    except asyncpg.IntegrityConstraintViolationError as error:
        raise IntegrityError(sql, None, error) from error
    except asyncpg.PostgresError as error:
        raise DBAPIError(sql, None, error) from error
    except (asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
        # The second kind is a statement sent while the server was just hanging up.
        lost = "closed" in str(error) or isinstance(error, asyncpg.InternalClientError)
        raise DBAPIError(sql, None, error, connection_invalidated=lost) from error
