"""Many rows in one statement, and statements that many events pass.

PostgreSQL gets one `unnest` of arrays (a quarter faster than Core's many parameter sets),
SQLite one `executemany`. Callers see no difference.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import chain, islice
from operator import itemgetter
from typing import Any

import orjson
from sqlalchemy import (
    ARRAY,
    BindParameter,
    Boolean,
    ClauseElement,
    ColumnElement,
    Dialect,
    Executable,
    Table,
    Text,
    TextClause,
    bindparam,
    select,
    text,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import asyncpg
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine

from libs.common import postgres
from libs.common.columns import Json

Rows = Sequence[Mapping[str, Any]]
_Bind = Callable[[Any], Any]
_COPY_FROM = 200
_POSTGRES = postgresql.dialect()  # type: ignore[no-untyped-call]
_ASYNCPG = asyncpg.dialect()  # type: ignore[no-untyped-call]


async def insert_rows(conn: AsyncConnection, table: Table, rows: Rows) -> None:
    """Inserts all rows; every row has the same keys. Many rows go to PostgreSQL by binary COPY."""
    if len(rows) >= _COPY_FROM and conn.dialect.name == "postgresql":
        await _copy(conn, table, tuple(rows[0]), rows)
    else:
        await _write(conn, table, rows, "")


async def insert_new(conn: AsyncConnection, table: Table, rows: Rows, key: str | tuple[str, ...]) -> set[Any]:
    """Inserts the rows whose `key` is not there yet; returns those keys (tuples if the key has several columns)."""
    if not rows:
        return set()
    keys = (key,) if isinstance(key, str) else key
    if conn.dialect.name == "postgresql":
        tail = f"ON CONFLICT ({', '.join(keys)}) DO NOTHING RETURNING {', '.join(keys)}"
        result = await _unnest(conn, table, rows, tail)
        return {row[0] if isinstance(key, str) else tuple(row) for row in result}
    # The writer holds SQLite's only write lock, so nobody can slip in between these two statements.
    there = await _existing(conn, table, keys, rows)
    new = [row for row in rows if tuple(row[k] for k in keys) not in there]
    await insert_rows(conn, table, new)
    return {row[key] if isinstance(key, str) else tuple(row[k] for k in keys) for row in new}


async def update_rows(conn: AsyncConnection, table: Table, rows: Rows, key: str | tuple[str, ...]) -> None:
    """Sets the other columns of the rows that have these keys."""
    if not rows:
        return
    names = tuple(rows[0])
    keys = (key,) if isinstance(key, str) else key
    if conn.dialect.name == "postgresql":
        if len(rows) == 1:
            await postgres.fetch(conn, _update_one_statement(table, names, keys), *_single(table, names, rows[0]))
            return
        await postgres.fetch(conn, _update_statement(table, names, keys), *_columns(table, names, rows))
        return
    changes = ", ".join(f"{name} = :{name}" for name in names if name not in keys)
    these = " AND ".join(f"{name} = :{name}" for name in keys)
    statement = text(f"UPDATE {table.name} SET {changes} WHERE {these}")  # noqa: S608
    typed = statement.bindparams(*(bindparam(name, type_=table.c[name].type) for name in names))
    await conn.execute(typed, list(rows))


async def upsert_rows(
    conn: AsyncConnection, table: Table, rows: Rows, key: str | tuple[str, ...], newer: str | None = None
) -> None:
    """Inserts or replaces by `key`; with `newer`, replaces only where that column grew."""
    if not rows:
        return
    keys = (key,) if isinstance(key, str) else key
    changes = ", ".join(f"{name} = excluded.{name}" for name in rows[0] if name not in keys)
    tail = f"ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {changes}" if changes else "ON CONFLICT DO NOTHING"
    if newer and changes:
        tail += f" WHERE excluded.{newer} > {table.name}.{newer}"
    await _write(conn, table, rows, tail)


async def insert_locked(conn: AsyncConnection, table: Table, rows: Rows, locks: Sequence[int], space: int) -> None:
    """On PostgreSQL: takes these advisory locks to the end of the transaction, then inserts the rows in their order.

    One statement does both: a row's sequence number is drawn when the row is made, and no row is made
    before the count of the locks taken is known.
    """
    if len(rows) >= _COPY_FROM:
        await postgres.fetch(conn, _COUNT_LOCKS, space, locks)
        await insert_rows(conn, table, rows)
        return
    names = tuple(rows[0])
    if len(rows) == len(locks) == 1:
        values = _single(table, names, rows[0])
        await postgres.fetch(conn, _one_locked_statement(table, names), space, locks[0], *values)
        return
    await postgres.fetch(conn, _locked_statement(table, names), space, locks, *_columns(table, names, rows))


_COUNT_LOCKS = "SELECT count(pg_advisory_xact_lock($1, lock)) FROM unnest(CAST($2 AS INT[])) AS lock"


@lru_cache(maxsize=16)
def _one_locked_statement(table: Table, names: tuple[str, ...]) -> str:
    places = ", ".join(f"CAST(${place} AS {_kind(table, name)})" for place, name in enumerate(names, 3))
    taken = "pg_advisory_xact_lock($1, CAST($2 AS INT)) AS taken"
    return f"INSERT INTO {table.name} ({', '.join(names)}) SELECT {places} FROM {taken}"  # noqa: S608


@lru_cache(maxsize=16)
def _locked_statement(table: Table, names: tuple[str, ...]) -> str:
    listed = ", ".join(names)
    return (
        f"WITH counted AS MATERIALIZED ({_COUNT_LOCKS})"  # noqa: S608
        f" INSERT INTO {table.name} ({listed}) SELECT {', '.join(f'u.{name}' for name in names)}"
        f" FROM counted, unnest({_arrays(table, names, 3)}) AS u({listed})"
    )


async def insert_stream(conn: AsyncConnection, table: Table, rows: Iterable[Mapping[str, Any]]) -> None:
    """Inserts rows as they are made: while PostgreSQL stores the first ones the next are still being built."""
    made = iter(rows)
    first = next(made, None)
    if first is None:
        return
    if conn.dialect.name == "postgresql":
        await _copy(conn, table, tuple(first), chain((first,), made))
        return
    await insert_rows(conn, table, [first])
    while part := list(islice(made, 1000)):
        await insert_rows(conn, table, part)


async def _copy(conn: AsyncConnection, table: Table, names: tuple[str, ...], rows: Iterable[Mapping[str, Any]]) -> None:
    json_places = [place for place, name in enumerate(names) if isinstance(table.c[name].type, Json)]
    records: Iterable[Sequence[Any]] = map(itemgetter(*names), rows)
    if json_places:
        records = ([_text(v) if p in json_places else v for p, v in enumerate(record)] for record in records)
    await postgres.copy(conn, table.name, names, records)


def _text(value: Any) -> str | None:
    return None if value is None else orjson.dumps(value).decode()


async def _write(conn: AsyncConnection, table: Table, rows: Rows, tail: str) -> None:
    if not rows:
        return
    if conn.dialect.name == "postgresql":
        await _unnest(conn, table, rows, tail)
    else:
        await conn.execute(_values(table, tuple(rows[0]), tail), list(rows))


async def _unnest(conn: AsyncConnection, table: Table, rows: Rows, tail: str) -> Sequence[Any]:
    """Columns whose value is one and the same object in all rows travel once, the others as arrays.

    A single row travels as it is: the server need not plan for arrays."""
    names = tuple(rows[0])
    if len(rows) == 1:
        return await postgres.fetch(conn, _single_statement(table, names, tail), *_single(table, names, rows[0]))
    columns = dict(zip(names, _columns(table, names, rows), strict=True))
    varying = tuple(name for name in names if any(value is not columns[name][0] for value in columns[name]))
    varying = varying or names[:1]
    values = [columns[name] if name in varying else columns[name][0] for name in names]
    return await postgres.fetch(conn, _unnest_statement(table, names, varying, tail), *values)


@lru_cache(maxsize=512)
def _single_statement(table: Table, names: tuple[str, ...], tail: str) -> str:
    places = ", ".join(f"CAST(${place} AS {_kind(table, name)})" for place, name in enumerate(names, 1))
    return f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({places}) {tail}"  # noqa: S608


@lru_cache(maxsize=512)
def _unnest_statement(table: Table, names: tuple[str, ...], varying: tuple[str, ...], tail: str) -> str:
    places = {name: f"CAST(${place} AS {_kind(table, name)}" for place, name in enumerate(names, 1)}
    chosen = ", ".join(f"u.{name}" if name in varying else f"{places[name]})" for name in names)
    arrays = ", ".join(f"{places[name]}[])" for name in varying)
    return (
        f"INSERT INTO {table.name} ({', '.join(names)}) SELECT {chosen}"  # noqa: S608
        f" FROM unnest({arrays}) AS u({', '.join(varying)}) {tail}"
    )


def _kind(table: Table, name: str) -> str:
    return table.c[name].type.compile(_POSTGRES)


def _arrays(table: Table, names: tuple[str, ...], first: int) -> str:
    return ", ".join(f"CAST(${place} AS {_kind(table, name)}[])" for place, name in enumerate(names, first))


@lru_cache(maxsize=256)
def _values(table: Table, names: tuple[str, ...], tail: str) -> TextClause:
    marks = ", ".join(f":{name}" for name in names)
    statement = text(f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({marks}) {tail}")  # noqa: S608
    return statement.bindparams(*(bindparam(name, type_=table.c[name].type) for name in names))


@lru_cache(maxsize=256)
def _update_one_statement(table: Table, names: tuple[str, ...], keys: tuple[str, ...]) -> str:
    parts = {name: f"{name} = CAST(${place} AS {_kind(table, name)})" for place, name in enumerate(names, 1)}
    changes = ", ".join(parts[name] for name in names if name not in keys)
    return f"UPDATE {table.name} SET {changes} WHERE {' AND '.join(parts[name] for name in keys)}"  # noqa: S608


@lru_cache(maxsize=256)
def _update_statement(table: Table, names: tuple[str, ...], keys: tuple[str, ...]) -> str:
    changes = ", ".join(f"{name} = u.{name}" for name in names if name not in keys)
    these = " AND ".join(f"{table.name}.{name} = u.{name}" for name in keys)
    return (
        f"UPDATE {table.name} SET {changes} FROM unnest({_arrays(table, names, 1)}) AS u({', '.join(names)})"  # noqa: S608
        f" WHERE {these}"
    )


def _single(table: Table, names: tuple[str, ...], row: Mapping[str, Any]) -> list[Any]:
    return [bind(row[name]) if bind else row[name] for name, bind in _binders(table, names)]


def _columns(table: Table, names: tuple[str, ...], rows: Rows) -> list[list[Any]]:
    return [_bound(bind, [row[name] for row in rows]) for name, bind in _binders(table, names)]


def _bound(bind: _Bind | None, values: list[Any]) -> list[Any]:
    if bind is None:
        return values
    first = values[0]
    if all(value is first for value in values):
        return [bind(first)] * len(values)
    return [bind(value) for value in values]


@lru_cache(maxsize=512)
def _binders(table: Table, names: tuple[str, ...]) -> list[tuple[str, _Bind | None]]:
    return [(name, _binder(table.c[name].type)) for name in names]


def _binder(kind: TypeEngine[Any]) -> _Bind | None:
    return (lambda value: kind.process_bind_param(value, _POSTGRES)) if isinstance(kind, TypeDecorator) else None


async def run(conn: AsyncConnection, statement: Executable, **values: Any) -> list[dict[str, Any]]:
    """The rows of a constant statement: on PostgreSQL it is compiled once and goes straight to the driver.

    `among` takes the place of `in_`, whose text differs from call to call.
    """
    if conn.dialect.name != "postgresql":
        result = await conn.execute(statement, values)
        found = result.mappings() if result.returns_rows else ()
        return [{str(name): value for name, value in row.items()} for row in found]
    sql, places, kinds = _compiled(statement)
    bound = []
    for name, place in places:
        value = values[name] if place.required or name in values else place.value
        bind = _binder(place.type)
        bound.append(bind(value) if bind else value)
    return _read(await postgres.fetch(conn, sql, *bound), kinds)


def _read(found: Sequence[Any], kinds: Iterable[TypeEngine[Any]]) -> list[dict[str, Any]]:
    rows = [dict(record) for record in found]
    for name, kind in zip(rows[0], kinds, strict=False) if rows else ():
        if isinstance(kind, TypeDecorator):
            for row in rows:
                row[name] = kind.process_result_value(row[name], _POSTGRES)
    return rows


@lru_cache(maxsize=256)
def _compiled(statement: Executable) -> tuple[str, list[tuple[str, BindParameter[Any]]], list[TypeEngine[Any]]]:
    """The text, what to bind in which order, and the types of the columns."""
    assert isinstance(statement, ClauseElement)
    made = statement.compile(dialect=_ASYNCPG)
    assert isinstance(made, SQLCompiler)
    assert "POSTCOMPILE" not in made.string, "in_ has no constant text"
    places = [(name, made.binds[name]) for name in made.positiontup or ()]
    return made.string, places, [column.type for column in getattr(statement, "exported_columns", ())]


async def rows_by(
    conn: AsyncConnection,
    table: Table,
    key: str,
    values: Sequence[str],
    columns: Sequence[str] | None = None,
    lock: bool = False,
) -> dict[str, dict[str, Any]]:
    """The rows that have these text keys, by key. With `lock` they stay locked to the end of the transaction, and are
    locked in the order of their primary key."""
    names = tuple(columns or table.c.keys())
    if not values:
        return {}
    if conn.dialect.name == "postgresql":
        found = await postgres.fetch(conn, _select_statement(table, names, key, lock), list(values))
        rows = _read(found, [table.c[name].type for name in names])
    else:
        chosen = select(*(table.c[name] for name in names)).where(among(table.c[key], values))
        rows = await run(conn, chosen)
    return {row[key]: row for row in rows}


@lru_cache(maxsize=64)
def _select_statement(table: Table, names: tuple[str, ...], key: str, lock: bool) -> str:
    tail = f"ORDER BY {', '.join(table.primary_key.columns.keys())} FOR UPDATE" if lock else ""
    return f"SELECT {', '.join(names)} FROM {table.name} WHERE {key} = ANY($1) {tail}"  # noqa: S608


class Keys(TypeDecorator[Sequence[str]]):
    """Text keys, however many, as one bound value."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(ARRAY(Text()) if dialect.name == "postgresql" else Text())

    def process_bind_param(self, value: Sequence[str] | None, dialect: Dialect) -> Any:
        assert value is not None, "no keys is []"
        keys = list(value)
        return keys if dialect.name == "postgresql" else orjson.dumps(keys).decode()


class among(FunctionElement[bool]):  # noqa: N801 - it reads as the operator that it is
    """`column IN keys`, the keys being text, or a bound value of `Keys`: one statement however many there are."""

    type = Boolean()
    inherit_cache = True

    def __init__(self, column: ColumnElement[str], keys: Sequence[str] | BindParameter[Any]) -> None:
        super().__init__(column, keys if isinstance(keys, BindParameter) else bindparam(None, keys, Keys()))


@compiles(among)
def _any_of(element: among, compiler: SQLCompiler, **kw: Any) -> str:
    column, keys = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"{column} = ANY ({keys})"


@compiles(among, "sqlite")
def _in_json(element: among, compiler: SQLCompiler, **kw: Any) -> str:
    column, keys = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({keys}))"  # noqa: S608


async def _existing(conn: AsyncConnection, table: Table, keys: tuple[str, ...], rows: Rows) -> set[tuple[Any, ...]]:
    wanted = orjson.dumps([[row[k] for k in keys] for row in rows]).decode()
    names = ", ".join(keys)
    parts = ", ".join(f"json_extract(value, '$[{i}]')" for i in range(len(keys)))
    found = await conn.execute(
        text(f"SELECT {names} FROM {table.name} WHERE ({names}) IN (SELECT {parts} FROM json_each(:wanted))"),  # noqa: S608
        {"wanted": wanted},
    )
    return {tuple(row) for row in found}
