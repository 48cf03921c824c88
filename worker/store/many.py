"""
One statement for many rows: on Postgres the rows go along as one document, on SQLite the driver repeats the statement.

Decided here: how rows reach the statement, and that it is compiled once in a process. Not decided here: what the statement
does (the owner of its table). SQLAlchemy's own way with many rows costs more than the databases need for the work.

On Postgres a statement joins its rows by the whole primary key, the workspace included. Before the first ANALYZE it takes a
condition such as `workspace = 'acme'` to pick a single row, and would read all rows of the workspace for each batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from operator import itemgetter
from typing import Any, Protocol

import orjson
from sqlalchemy import (
    Column,
    ColumnClause,
    ColumnElement,
    Dialect,
    Executable,
    Table,
    Text,
    Update,
    bindparam,
    cast,
    column,
    func,
    literal_column,
    select,
    true,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine

from worker.store.database import Tx

Given = Mapping[str, ColumnElement[Any]]
"""What each row brings along, by name."""
Rows = Sequence[Mapping[str, Any]]
Insert = sqlite.Insert | postgresql.Insert
AT_ONCE = 2_000
_Types = Mapping[str, TypeEngine[Any]]
_Build = Callable[[Any, Dialect], Insert | Update]
_SUFFIX = "_"  # SQLAlchemy keeps the names of columns for itself


class Many:
    """A statement that is built from what each row brings along: names and types of columns."""

    def __init__(
        self,
        columns: Iterable[Column[Any]],
        build: Callable[[Given, Dialect], Insert | Update],
        returns: Column[Any] | None = None,
    ) -> None:
        self._columns: dict[str, TypeEngine[Any]] = {one.name: one.type for one in columns}
        self._build = build
        self._returns = returns
        self._made: dict[str, _Ready] = {}

    def run(self, tx: Tx, rows: Rows) -> int:
        """Execute it for these rows; how many rows of the table were changed."""
        ready = self._ready(tx)
        return sum(ready.run(tx, part) for part in _parts(rows))

    def hits(self, tx: Tx, rows: Rows) -> set[Any]:
        """The same; the values of the column it `returns`, which every row brings along, for those that were changed."""
        ready = self._ready(tx)
        return {value for part in _parts(rows) for value in ready.hits(tx, part)}

    def _ready(self, tx: Tx) -> _Ready:
        dialect = tx.connection.dialect
        if dialect.name not in self._made:
            make = _Document if tx.on_postgres else _Repeated
            self._made[dialect.name] = make(self._columns, self._build, self._returns, dialect)
        return self._made[dialect.name]


def updating(columns: Iterable[Column[Any]], build: Callable[[Given], Update], returns: Column[Any] | None = None) -> Many:
    """An update of one row of the table for each that is given."""
    return Many(columns, lambda given, _: build(given), returns)


def inserting(table: Table, names: Sequence[str], conflict: Callable[[Insert], Insert]) -> Many:
    """An insert of all that are given; `conflict` says what becomes of those that are there."""

    def build(given: Given, dialect: Dialect) -> Insert:
        if dialect.name != "postgresql":
            return conflict(sqlite.insert(table).values({name: given[name] for name in names}))
        return conflict(postgresql.insert(table).from_select(names, select(*(given[name] for name in names))))

    return Many([table.c[name] for name in names], build)


def looked_up(
    tx: Tx, names: Sequence[Column[Any]], fixed: Mapping[str, Any], keys: tuple[Column[Any], Sequence[str]], *also: Any
) -> Sequence[Any]:
    """
    The rows of this workspace with these `fixed` values and one of the keys; `also` are conditions that never change.

    On Postgres each key is a question of its own inside of one statement, so that no estimate can turn it into a scan.
    """
    key, values = keys
    said = {"workspace": tx.workspace, **fixed}
    if not tx.on_postgres:
        return tx.rows(_among(tuple(names), tuple(said), key, also), {**said, "keys": list(values)})
    document = orjson.dumps([{**said, str(key.name): value} for value in values]).decode()
    return tx.rows(_one_by_one(tuple(names), tuple(said), key, also), {"rows": document})


@cache
def _among(names: tuple[Column[Any], ...], fixed: tuple[str, ...], key: Column[Any], also: tuple[Any, ...]) -> Executable:
    here = (key.table.c[name] == bindparam(name) for name in fixed)
    return select(*names).where(*here, key.in_(bindparam("keys", expanding=True)), *also)


@cache
def _one_by_one(
    names: tuple[Column[Any], ...], fixed: tuple[str, ...], key: Column[Any], also: tuple[Any, ...]
) -> Executable:
    table = key.table
    given = _recordset(bindparam("rows", type_=Text()), [*(table.c[name] for name in fixed), key])
    same = (table.c[name] == given.c[name] for name in (*fixed, key.name))
    each = select(*names).where(*same, *also).correlate(given).offset(literal_column("0")).lateral("each")
    return select(each).select_from(given.join(each, true()))


# ---------------------------------------------------------------------------------------- how rows reach a statement


class _Ready(Protocol):
    """A statement in one database's words."""

    def run(self, tx: Tx, rows: Rows) -> int: ...

    def hits(self, tx: Tx, rows: Rows) -> Iterable[Any]: ...


class _Document:
    """All rows as one parameter."""

    def __init__(self, columns: _Types, build: _Build, returns: Column[Any] | None, dialect: Dialect) -> None:
        given = _recordset(bindparam("rows", type_=Text()), [column(name, type_) for name, type_ in columns.items()])
        built = build(given.c, dialect)
        made, self._own = _compiled(built if returns is None else built.returning(returns), dialect)
        self._sql = made.string

    def run(self, tx: Tx, rows: Rows) -> int:
        return int(self._done(tx, rows, preserve_rowcount=True).rowcount)

    def hits(self, tx: Tx, rows: Rows) -> Iterable[Any]:
        return [row[0] for row in self._done(tx, rows)]

    def _done(self, tx: Tx, rows: Rows, **options: Any) -> Any:
        said = {**self._own, "rows": orjson.dumps(rows).decode()}
        return tx.connection.exec_driver_sql(self._sql, said, execution_options=options)


class _Repeated:
    """The statement once for each row."""

    def __init__(self, columns: _Types, build: _Build, returns: Column[Any] | None, dialect: Dialect) -> None:
        given = {name: bindparam(f"{name}{_SUFFIX}", type_=type_) for name, type_ in columns.items()}
        made, own = _compiled(build(given, dialect), dialect)
        self._sql = made.string
        self._returned = None if returns is None else returns.name
        self._makers = [_maker(name, columns, own, dialect) for name in made.positiontup or ()]

    def run(self, tx: Tx, rows: Rows) -> int:
        options = {"preserve_rowcount": True}
        done = tx.connection.exec_driver_sql(self._sql, self._said(rows), execution_options=options)
        return int(done.rowcount)

    def hits(self, tx: Tx, rows: Rows) -> Iterable[Any]:
        # the driver tells nothing of single rows while it goes through many: that is asked only where not all were changed
        assert self._returned is not None
        attempt = tx.connection.begin_nested()
        if self.run(tx, rows) == len(rows):
            attempt.commit()
            return [row[self._returned] for row in rows]
        attempt.rollback()
        return [row[self._returned] for row in rows if self.run(tx, [row])]

    def _said(self, rows: Rows) -> list[tuple[Any, ...]]:
        return [tuple([make(row) for make in self._makers]) for row in rows]


def _recordset(document: ColumnElement[str], columns: Sequence[ColumnClause[Any]]) -> Any:
    """Rows that come as one JSON document, as a table."""
    rows = func.jsonb_to_recordset(cast(document, JSONB)).table_valued(*(column(one.name, one.type) for one in columns))
    return rows.render_derived("given", with_types=True)


def _compiled(statement: Any, dialect: Dialect) -> tuple[SQLCompiler, dict[str, Any]]:
    """The statement, and its own parameters as the driver takes them."""
    made: SQLCompiler = statement.compile(dialect=dialect)
    own = {made.bind_names[bind]: bind for bind in made.bind_names if not bind.required}
    return made, {name: (_converter(bind.type, dialect) or _as_it_is)(bind.effective_value) for name, bind in own.items()}


def _maker(
    name: str, columns: Mapping[str, TypeEngine[Any]], own: Mapping[str, Any], dialect: Dialect
) -> Callable[[Mapping[str, Any]], Any]:
    """What gets one parameter out of a row."""
    if name in own:
        value = own[name]
        return lambda _: value
    key = name.removesuffix(_SUFFIX)
    convert = _converter(columns[key], dialect)
    if convert is None:
        return itemgetter(key)
    nothing = convert(None)
    return lambda row: nothing if (value := row[key]) is None else convert(value)


def _converter(type_: TypeEngine[Any], dialect: Dialect) -> Callable[[Any], Any] | None:
    return type_.dialect_impl(dialect).bind_processor(dialect)


def _as_it_is(value: Any) -> Any:
    return value


def _parts(rows: Rows) -> Iterator[Rows]:
    for start in range(0, len(rows), AT_ONCE):
        yield rows[start : start + AT_ONCE]
