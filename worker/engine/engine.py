"""The engine on DuckDB. One object, one in-memory database, one thread of Python at a time."""

from __future__ import annotations

import functools
import gc
import itertools
import json
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import ibis
from ibis.backends.sql.datatypes import DuckDBType
from ibis.expr import operations as ops
from sqlglot import to_identifier

from worker.engine.recipes import MOMENT, Make, Query, Recipe, expression

if TYPE_CHECKING:
    import pyarrow as pa

EVENT_COLUMNS: dict[str, str] = {
    "source": "string",
    "event_id": "string",
    "user_id": "string",
    "anonymous_id": "string",
    "account_id": "string",
    "name": "string",
    "at": "timestamp('UTC', 6)",
    "arrived": "timestamp('UTC', 6)",
}
STRING = ibis.dtype("string")
_A_DAY = 86_400_000_000
_LONG_AGO = 1_000_000
"""Days to count from before 1970, since integer division rounds towards zero."""
_DAY = f'CAST((epoch_us("at") + {_A_DAY * _LONG_AGO}) // {_A_DAY} - {_LONG_AGO} AS INTEGER)'


def _json_transform(text: str, shape: str) -> object:
    """DuckDB's own."""
    raise NotImplementedError


def _in_json(kind: Any) -> Any:
    """A type as DuckDB's `json_transform` wants it told."""
    if kind.is_struct():
        return {name: _in_json(part) for name, part in kind.items()}
    return {"string": "VARCHAR", "float64": "DOUBLE", "boolean": "BOOLEAN"}[str(kind)]


class Engine:
    """
    DuckDB in memory.

    `memory` is a DuckDB size such as `500MB`; beyond it operators spill into a temporary folder that `close` removes.
    """

    def __init__(self, threads: int | None = None, memory: str | None = None) -> None:
        # Ibis makes tens of thousands of small objects for one query; the collector would look through everything for every
        # few hundred of them, which took a third of the time of a plan.
        gc.freeze()
        gc.set_threshold(100_000, 20, 20)
        self._count = itertools.count()
        self._made: list[str] = []
        self._queries: dict[Make, Query] = {}
        self._spill = Path(tempfile.mkdtemp(prefix="pql-engine-"))
        self._options: dict[str, Any] = {"temp_directory": str(self._spill), "autoinstall_known_extensions": False}
        if threads is not None:
            self._options["threads"] = threads
        if memory is not None:
            self._options["memory_limit"] = memory
        self.backend = self._opened()
        # DuckDB folds nested selects by itself; having Ibis do it only makes compiling slow.
        ibis.options.sql.fuse_selects = False

    def _opened(self) -> Any:
        """An empty database."""
        backend = ibis.duckdb.connect(**self._options)
        backend.raw_sql("SET TimeZone = 'UTC'")
        return backend

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the session and remove what it spilled."""
        self.backend.disconnect()
        shutil.rmtree(self._spill, ignore_errors=True)

    @contextmanager
    def scope(self) -> Iterator[None]:
        """Forget at the end every table that was made inside: a process that lives long makes new ones with every run."""
        before = len(self._made)
        try:
            yield
        finally:
            if before:
                self._forget(before)
            elif self._made:
                self._begin_anew()

    def _forget(self, before: int) -> None:
        """Drop what was made later than the first `before` tables."""
        while len(self._made) > before:
            name = self._made.pop()
            views = "SELECT 1 FROM duckdb_views() WHERE view_name = ?"
            kind = "VIEW" if self.backend.con.execute(views, [name]).to_arrow_table().num_rows else "TABLE"
            self.backend.con.execute(f"DROP {kind} IF EXISTS {name}")

    def _begin_anew(self) -> None:
        """
        Forget everything with the database, in 20 ms.

        DuckDB keeps a note of each block that it gave back until tens of thousands have come together, of each kind: a
        process that drops its tables one by one grows by half a megabyte with every evaluation, for hours.
        """
        self.backend.disconnect()
        self._made.clear()
        self.backend = self._opened()

    def _name(self) -> str:
        """A name for one more table. Ibis calls its own parts t0, t1 ..., which must not hide it."""
        self._made.append(f"rows_{next(self._count)}")
        return self._made[-1]

    def files(self, paths: Sequence[str | Path]) -> Any:
        """Parquet files as one table by column name; what a file lacks is null there."""
        listed = ", ".join(_quoted(path) for path in paths)
        return self._asked(self._view(f"SELECT * FROM read_parquet([{listed}], union_by_name = true)"))  # noqa: S608 - quoted

    def table(self, rows: pa.Table) -> Any:
        """An Arrow table, copied in: a filter on moments cannot be pushed into Arrow's own scan without another package."""
        name, given = self._name(), "given"
        self.backend.con.register(given, rows)
        self.backend.con.execute(f"CREATE TEMP TABLE {name} AS SELECT * FROM {given}")  # noqa: S608 - names are our own
        self.backend.con.unregister(given)
        return self._known(name, ibis.Schema.from_pyarrow(rows.schema))

    def gathered(self, schema: pa.Schema, parts: Iterable[pa.Table]) -> Any:
        """Arrow tables of one schema as one table, each copied in before the next is asked for."""
        name, given = self._name(), "given"
        for place, rows in enumerate(itertools.chain([schema.empty_table()], parts)):
            self.backend.con.register(given, rows)
            begin = f"INSERT INTO {name}" if place else f"CREATE TEMP TABLE {name} AS"
            self.backend.con.execute(f"{begin} SELECT * FROM {given}")  # noqa: S608 - names are our own
            self.backend.con.unregister(given)
        return self._known(name, ibis.Schema.from_pyarrow(schema))

    def parsed(self, text: Any, kinds: Mapping[str, str]) -> Any:
        """A struct (name -> Ibis type) from a column of JSON objects; what an object lacks or has otherwise is null."""
        shape = ibis.schema(kinds).as_struct()
        wanted = json.dumps({name: _in_json(kind) for name, kind in shape.items()})
        # One reading of each document; Ibis' own JSON fields would read it once or twice for each of them.
        read = ibis.udf.scalar.builtin(_json_transform, name="json_transform", signature=((STRING, STRING), shape))
        return read(text, ibis.literal(wanted))

    def _view(self, sql: str) -> str:
        name = self._name()
        self.backend.con.execute(f"CREATE TEMP VIEW {name} AS {sql}")
        return name

    def _asked(self, name: str) -> Any:
        """A table whose columns only the database knows."""
        described = self.backend.con.execute(f"DESCRIBE {name}").fetchall()
        return self._known(name, ibis.schema({column: _kind(kind) for column, kind, *_ in described}))

    def _known(self, name: str, schema: Any) -> Any:
        """A table whose columns are known: asking the database for them takes longer than many a query."""
        return ops.DatabaseTable(name=name, schema=schema, source=self.backend).to_expr()

    def events(self, paths: Sequence[str | Path], properties: dict[str, str] | None = None) -> Any:
        """
        Event files with every contract column, the wanted properties (name -> Ibis type) and the UTC `day` in integers.

        >>> with Engine() as engine:
        ...     engine.events([]).count().execute()
        0
        """
        wanted = EVENT_COLUMNS | (properties or {})
        rows = self._complete(self.files(paths), wanted) if paths else self._none(wanted)
        return self._with(rows, {"day": ("int32", _DAY)})

    def rows(self, paths: Sequence[str | Path], columns: dict[str, str]) -> Any:
        """Files of any stream with at least these columns (name -> Ibis type), also where there is no file yet."""
        return self._complete(self.files(paths), columns) if paths else self._none(columns)

    def _complete(self, table: Any, columns: dict[str, str]) -> Any:
        absent = {name: ibis.dtype(kind) for name, kind in columns.items() if name not in table.columns}
        nothing = {name: (kind, f"CAST(NULL AS {DuckDBType.to_string(kind)})") for name, kind in absent.items()}
        return self._with(table, nothing)

    def _with(self, table: Any, more: Mapping[str, tuple[Any, str]]) -> Any:
        """The table with more columns, each of a type and in SQL."""
        if not more:
            return table
        values = ", ".join(f"{value} AS {to_identifier(column, quoted=True).sql()}" for column, (_, value) in more.items())
        name = self._view(f"SELECT *, {values} FROM {table.get_name()}")  # noqa: S608 - names are our own
        return self._known(name, ibis.schema(dict(table.schema()) | {column: kind for column, (kind, _) in more.items()}))

    def _none(self, columns: dict[str, str]) -> Any:
        return self.table(ibis.schema(columns).to_pyarrow().empty_table())

    def keep(self, expression: Any) -> Any:
        """Run an expression once and keep its rows in memory (within the limit) for several readers."""
        name = self._name()
        self.backend.con.execute(f"CREATE TEMP TABLE {name} AS {self._sql(expression)}")
        return self._asked(name)

    def made(self, recipe: Recipe, tables: Mapping[str, Any], moment: datetime) -> Any:
        """
        What the recipe makes of tables of this engine, kept in memory like `keep`.

        It is compiled once, and again whenever its form or the columns of its tables are others than the last time.
        """
        given = {name: table.schema() for name, table in tables.items()}
        held = self._queries.get(recipe.make)
        query = held if held and held.serves(recipe, given) else Query(recipe, given, self._sql(expression(recipe, given)))
        name, names = self._name(), {name: table.get_name() for name, table in tables.items()}
        self.backend.con.execute(f"SET VARIABLE {MOMENT} = TIMESTAMPTZ '{moment.astimezone(UTC).isoformat()}'")
        self.backend.con.execute(f"CREATE TEMP TABLE {name} AS {query.over(names)}")
        if query.columns is None:
            query = self._queries[recipe.make] = replace(query, columns=self._asked(name).schema())
        return self._known(name, query.columns)

    def run(self, expression: Any) -> pa.Table:
        """All rows as Arrow, in the expression's types."""
        found = self.backend.con.execute(self._sql(expression)).to_arrow_table()
        return found.cast(expression.schema().to_pyarrow())

    def batches(self, expression: Any, size: int = 50_000) -> Iterator[pa.RecordBatch]:
        """The rows in batches, from a copy of their own: other queries may run meanwhile."""
        name, schema = self._name(), expression.schema().to_pyarrow()
        self.backend.con.execute(f"CREATE TABLE {name} AS {self._sql(expression)}")
        try:
            with self.backend.con.cursor() as cursor:
                for batch in cursor.execute(f"SELECT * FROM {name}").to_arrow_reader(size):  # noqa: S608 - our own name
                    yield batch.cast(schema)
        finally:
            self.backend.con.execute(f"DROP TABLE IF EXISTS {name}")

    def _sql(self, expression: Any) -> str:
        """
        The expression as DuckDB's SQL.

        Parts that occur several times are not kept in memory: each reader of a roll-up wants few of its columns, and files
        are read faster than rows are held. What is worth keeping is kept with `keep`.
        """
        query = self.backend.compiler.to_sqlglot(expression.as_table())
        for part in query.ctes:
            part.set("materialized", False)
        return str(query.sql(dialect=self.backend.dialect, copy=False))

    def to_parquet(self, expression: Any, path: str | Path) -> None:
        """Write the rows to one new file, in the expression's order where it has one."""
        self.backend.con.execute(f"COPY ({self._sql(expression)}) TO {_quoted(path)} (FORMAT parquet, COMPRESSION zstd)")


def _quoted(path: str | Path) -> str:
    """A path as a word of SQL."""
    return "'" + str(path).replace("'", "''") + "'"


@functools.cache
def _kind(word: str) -> Any:
    """What DuckDB's word for a type means. There are few, and reading one takes longer than asking for a table's columns."""
    return DuckDBType.from_string(word)
