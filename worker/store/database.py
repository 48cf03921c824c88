"""
The database behind the store: SQLite (one host) or Postgres, the same tables and transactions on both.

Decided here: how a transaction begins, what database time is, how rows are written in bulk, and that everything belongs to
one workspace. Not decided here: any table (their owner modules), the schema's versions (`schema`).

On SQLite WAL and a busy timeout are not enough: a transaction that reads first and writes later fails at once when another
has written meanwhile. So every write transaction starts with BEGIN IMMEDIATE and reads run in autocommit.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Engine, Executable, Table, create_engine, event, func, literal_column, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.engine.url import URL
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError

from worker.store.errors import BadStoreUrl, StoreUnreachable
from worker.store.tables import Moment

BUSY_SECONDS = 30
READ_AT_ONCE = 20_000  # rows of a large table that are Python objects at one time
AT_ONCE = 5000  # rows per executemany, so that a large write does not hold two copies in memory
_ROOM, _RUN = "Make room on its disk, then start again.", "See that its server and its disk are well, then start again."
UNWELL = {
    "SQLITE_FULL": _ROOM,
    "53100": _ROOM,
    "SQLITE_BUSY": "Another process holds it; look for one that does not end.",
    "SQLITE_READONLY": "Check the rights of its file and folder.",
    "SQLITE_IOERR": "Make room on its disk or see what ails it, then start again.",
    "08": _RUN,
    "53": _RUN,
    "57P": _RUN,
    "58": _RUN,
}
"""SQLite's codes, and the classes of Postgres's, that speak of the database and not of the statement: what to do."""
READ = {"pql_read": True}
SQLITE_NOW = select(literal_column("strftime('%Y-%m-%d %H:%M:%f', 'now') || '000'", type_=Moment()))
POSTGRES_NOW = select(func.clock_timestamp(type_=Moment()))


@dataclass(frozen=True, slots=True)
class Tx:
    """One transaction, or one read, in one workspace. Owner modules take it as their first argument."""

    connection: Connection
    workspace: str
    _clock: list[datetime] = field(default_factory=list)

    @property
    def on_postgres(self) -> bool:
        return self.connection.dialect.name == "postgresql"

    def now(self) -> datetime:
        """
        Database time; leases, slots and waits are judged by it and never by a worker's clock.

        One transaction has one moment: that of the first question, which comes after any lock it had to wait for.
        """
        if not self._clock:
            self._clock.append(self.connection.execute(POSTGRES_NOW if self.on_postgres else SQLITE_NOW).scalar_one())
        return self._clock[0]

    def mine(self, table: Table) -> ColumnElement[bool]:
        """The condition that keeps a statement inside this workspace."""
        return table.c.workspace == self.workspace

    def rows(self, statement: Executable, given: Mapping[str, Any] | None = None) -> Sequence[Any]:
        """The rows; `given` are the parameters of a statement that was made once."""
        return self.connection.execute(statement, given).all()

    def one(self, statement: Executable, given: Mapping[str, Any] | None = None) -> Any:
        return self.connection.execute(statement, given).first()

    def dicts(self, statement: Executable) -> list[dict[str, Any]]:
        """The rows with their names."""
        return [dict(row) for row in self.connection.execute(statement).mappings()]

    def first(self, statement: Executable) -> dict[str, Any] | None:
        """The first row with its names."""
        row = self.connection.execute(statement).mappings().first()
        return None if row is None else dict(row)

    def value(self, statement: Executable) -> Any:
        """The first column of the first row, None where there is no row."""
        return self.connection.execute(statement).scalar()

    def columns(self, statement: Executable) -> dict[str, list[Any]]:
        """The answer column by column, ready for `pyarrow.table`."""
        result = self.connection.execute(statement)
        names = list(result.keys())
        turned = list(zip(*result.all(), strict=True))
        return {name: list(turned[place]) if turned else [] for place, name in enumerate(names)}

    def batches(self, statement: Executable) -> Iterator[dict[str, list[Any]]]:
        """The answer column by column, some rows at a time: a large table never stands in Python as a whole."""
        result = self.connection.execute(statement)
        names = list(result.keys())
        for rows in result.partitions(READ_AT_ONCE):
            yield {name: list(values) for name, values in zip(names, zip(*rows, strict=True), strict=True)}

    def run(self, statement: Executable, rows: Sequence[Mapping[str, Any]] | None = None) -> int:
        """Execute, for each of `rows` where given; the number of rows that were changed."""
        counting = {"preserve_rowcount": True}
        if rows is None:
            return int(self.connection.execute(statement, execution_options=counting).rowcount)
        done = (self.connection.execute(statement, part, execution_options=counting) for part in _parts(rows))
        return sum(int(result.rowcount) for result in done)

    def add(self, table: Table, rows: Iterable[Mapping[str, Any]]) -> None:
        """Insert rows of this workspace; all rows name the same columns."""
        self.run(table.insert(), self._owned(table, rows))

    def put(self, table: Table, rows: Iterable[Mapping[str, Any]], keep: Sequence[str] = ()) -> None:
        """Insert rows, or update those whose primary key is there; the columns in `keep` stay as they are."""
        owned = self._owned(table, rows)
        if not owned:
            return
        key = [column.name for column in table.primary_key.columns]
        insert = self.insert(table)
        news = {name: insert.excluded[name] for name in owned[0] if name not in key and name not in keep}
        conflict = insert.on_conflict_do_update(index_elements=key, set_=news) if news else insert.on_conflict_do_nothing()
        self.run(conflict, owned)

    def add_missing(self, table: Table, rows: Iterable[Mapping[str, Any]]) -> int:
        """Insert the rows that break no uniqueness, leave the others out; how many went in."""
        owned = self._owned(table, rows)
        return self.run(self.insert(table).on_conflict_do_nothing(), owned) if owned else 0

    def insert(self, table: Table) -> sqlite.Insert | postgresql.Insert:
        """An insert with the ON CONFLICT of this database."""
        return postgresql.insert(table) if self.on_postgres else sqlite.insert(table)

    def _owned(self, table: Table, rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        return (
            [{"workspace": self.workspace, **row} for row in rows] if "workspace" in table.c else [dict(row) for row in rows]
        )


class Store:
    """The open store of one workspace. Threads share it; each transaction takes a connection of its own."""

    def __init__(self, engine: Engine, workspace: str) -> None:
        self.engine = engine
        self.workspace = workspace
        self._gate = threading.Lock()
        self._reading = engine.execution_options(**({"isolation_level": "AUTOCOMMIT"} if self.on_postgres else READ))

    @property
    def on_postgres(self) -> bool:
        return self.engine.dialect.name == "postgresql"

    @contextmanager
    def write(self) -> Iterator[Tx]:
        """A transaction: all of it or nothing."""
        with self._turn(), self._connected(self.engine) as connection, connection.begin():
            yield Tx(connection, self.workspace)

    @contextmanager
    def read(self) -> Iterator[Tx]:
        """Reads, each seeing what was committed when it started; holds nothing up."""
        with self._connected(self._reading) as connection:
            yield Tx(connection, self.workspace)

    def now(self, tx: Tx | None = None) -> datetime:
        """Database time."""
        if tx is not None:
            return tx.now()
        with self.read() as reading:
            return reading.now()

    def of(self, workspace: str) -> Store:
        """The same database for another workspace."""
        other = Store(self.engine, workspace)
        other._gate = self._gate
        return other

    def close(self) -> None:
        self.engine.dispose()

    def __repr__(self) -> str:
        return f"Store({self.engine.url.render_as_string(hide_password=True)}, workspace={self.workspace!r})"

    @contextmanager
    def _turn(self) -> Iterator[None]:
        # SQLite lets waiting writers sleep and try again, in no order; threads of one process queue up here instead.
        if self.on_postgres:
            yield
            return
        if not self._gate.acquire(timeout=BUSY_SECONDS):
            raise StoreUnreachable(
                f"The store was busy for {BUSY_SECONDS} s. Look for a write transaction that does not end."
            )
        try:
            yield
        finally:
            self._gate.release()

    @contextmanager
    def _connected(self, engine: Engine) -> Iterator[Connection]:
        try:
            connection = engine.connect()
        except OperationalError as problem:
            raise StoreUnreachable(_closed(self.engine.url, problem)) from None
        with connection:
            try:
                yield connection
            except DBAPIError as problem:
                if (remedy := _remedy(problem)) is None:
                    raise
                raise StoreUnreachable(_gave_up(self.engine.url, problem, remedy)) from problem


def open_store(url: str, workspace: str = "default") -> Store:
    """
    Open the store at `sqlite:///path` or `postgresql://user:password@host/name` (`postgres://` is the same).

    Connects at the first use. The tables must be there: `schema.migrate` makes them, `schema.check` looks.
    """
    place = parse_url(url)
    return Store(_open_sqlite(place) if place.get_backend_name() == "sqlite" else _open_postgres(place), workspace)


def parse_url(url: str) -> URL:
    """The address as SQLAlchemy writes it; BadStoreUrl names what would be right."""
    scheme, _, rest = url.partition("://")
    if scheme in ("postgres", "postgresql"):
        url = f"postgresql+psycopg://{rest}"
    try:
        place = make_url(url)
    except (ArgumentError, ValueError):
        raise BadStoreUrl(
            "The store's address cannot be read. Write sqlite:///path or postgresql://user@host/name."
        ) from None
    if place.drivername == "sqlite" and place.database and place.database != ":memory:":
        return place
    if place.drivername == "postgresql+psycopg":
        return place
    raise BadStoreUrl(f"{place.drivername!r} is no store with a file or server. Write sqlite:///path or postgresql://...")


def _open_sqlite(place: URL) -> Engine:
    path = Path(str(place.database))
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():  # names and e-mail addresses will be in it
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    engine = create_engine(place, json_serializer=_packed, json_deserializer=orjson.loads, hide_parameters=True)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_immediate)
    return engine


def _prepare_sqlite(connection: Any, _: Any) -> None:
    connection.isolation_level = None  # the driver begins nothing by itself
    cursor = connection.cursor()
    for pragma in (
        f"busy_timeout = {BUSY_SECONDS * 1000}",
        "journal_mode = wal",
        "synchronous = normal",
        "cache_size = -32000",
    ):
        cursor.execute(f"pragma {pragma}")
    cursor.close()


def _begin_immediate(connection: Connection) -> None:
    if "pql_read" not in connection.get_execution_options():
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _open_postgres(place: URL) -> Engine:
    return create_engine(
        place,
        json_serializer=_packed,
        json_deserializer=orjson.loads,
        hide_parameters=True,
        pool_pre_ping=True,
        pool_size=8,
        max_overflow=24,
        connect_args={
            "connect_timeout": 10,
            "application_name": "pqlsync",
            "options": "-c timezone=utc -c plan_cache_mode=force_custom_plan",
        },
    )


def _packed(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def _parts(rows: Sequence[Mapping[str, Any]]) -> Iterator[Sequence[Mapping[str, Any]]]:
    for start in range(0, len(rows), AT_ONCE):
        yield rows[start : start + AT_ONCE]


def _remedy(problem: DBAPIError) -> str | None:
    """What to do where not the statement is wrong but the database is away, full or locked; None for a wrong statement."""
    code = getattr(problem.orig, "sqlite_errorname", None) or getattr(problem.orig, "sqlstate", None) or ""
    known = next((remedy for start, remedy in UNWELL.items() if code.startswith(start)), None)
    return _RUN if known is None and problem.connection_invalidated else known


def _closed(place: URL, problem: DBAPIError) -> str:
    return f"{_named(place)} cannot be opened: {_reason(problem)}. Check the address, the password and that the server runs."


def _gave_up(place: URL, problem: DBAPIError, remedy: str) -> str:
    return f"{_named(place)} did not carry out what was begun: {_reason(problem)}. {remedy} What it had confirmed stands."


def _named(place: URL) -> str:
    return f"The store {place.render_as_string(hide_password=True)}"


def _reason(problem: DBAPIError) -> str:
    said = str(problem.orig).strip() if problem.orig else ""
    return said.splitlines()[0] if said else "no answer"
