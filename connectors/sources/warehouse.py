"""
A database or warehouse by URL, read through Ibis: a table or a query per stream.

Decided here: reading is pushed down (only the declared columns, only what is new, in order), in a session that is read-only
and thinks in UTC where that can be said. DuckDB and Postgres are proven by tests; other Ibis backends take the same path and
need their own Ibis extra. Not decided here: what a column means (`connectors.reading`), what is a duplicate (the lake).

With an arrival column (`received`) a pull reads what arrived after the cursor, less an overlap (an hour unless said) for
rows that were stamped before they were committed; a row whose arrival stamp is empty comes with the first pull only. Without
one, events are re-read from three whole days (or `overlap`) before the newest seen, users and accounts as a whole. A pull
that breaks off goes on from the last piece that landed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import unquote, urlsplit
from zoneinfo import ZoneInfo

import orjson

from connectors.contract import EventCount, Pulled, Stream
from connectors.errors import ConnectorError, Refused, TryLater
from connectors.reading.columns import columns, feed, nothing, stamps, streams, wanted
from connectors.reading.counting import frequent
from connectors.reading.gathering import Gathered
from connectors.reading.listing import Table
from connectors.reading.queries import one_select
from connectors.reading.shaping import Shaper, Unreadable
from settings.options import Option, OptionTable
from settings.sources import EventFeed, Feed, SourceSpec
from settings.terms import Secret

if TYPE_CHECKING:
    import pyarrow as pa

OPTIONS = OptionTable(
    "warehouse",
    (
        Option(
            "url",
            "secret",
            required=True,
            says="The address, such as duckdb:///usage.duckdb or postgres://user:password@host/name.",
        ),
    ),
    role="source",
    feeds=("table", "query"),
)
ROWS = 50_000
OVERLAP = timedelta(hours=1)
LATE = timedelta(days=3)
_PER_SECOND = {"seconds": 1, "milliseconds": 1_000, "microseconds": 1_000_000}
_SESSION = {
    "duckdb": ("SET TimeZone = 'UTC'",),
    "postgres": ("SET TIME ZONE 'UTC'",),
}
_COLUMNS = (
    "SELECT table_schema, table_name, column_name FROM information_schema.columns "
    "WHERE table_schema NOT IN ('information_schema', 'pg_catalog') ORDER BY table_schema, table_name, ordinal_position"
)
_USUAL = frozenset({"main", "public"})
_SEALED = {"postgres": ("SET default_transaction_read_only = on",)}  # DuckDB is opened so


@dataclass(frozen=True, slots=True)
class _From:
    """Where a stream continues: the column it is ordered by, if any, and the moment after which rows are new."""

    column: str | None
    name: Literal["received", "at"]
    after: datetime | None
    reached: datetime | None

    def moved(self, rows: pa.Table, until: datetime) -> _From:
        """After these rows have been read; a stamp in the future moves nothing beyond the present."""
        import pyarrow.compute as pc

        newest = pc.max(rows.column(self.name)).as_py() if self.column else None
        seen = [moment for moment in (self.reached, newest and min(newest, until)) if moment]
        return _From(self.column, self.name, self.after, max(seen, default=None))

    @property
    def cursor(self) -> str:
        return orjson.dumps({self.name: self.reached.astimezone(UTC).isoformat() if self.reached else None}).decode()


class Warehouse:
    """Usage in a database that Ibis can reach."""

    def __init__(self, spec: SourceSpec) -> None:
        self._spec = spec
        url = spec.options["url"]
        self._url = url.reveal() if isinstance(url, Secret) else str(url)
        self.streams = streams(spec)

    def pull(self, stream: Stream, cursor: str | None, until: datetime) -> Iterator[Pulled]:
        described = feed(self._spec, stream)
        shapes, place = columns(described), described.table or "query"
        since = self._since(described, cursor)
        gathered = Gathered(stream, place)
        read = 0
        try:
            with self._connected() as con, Shaper(shapes, stamps(self._spec)) as shaper:
                for raw in self._batches(self._rows(con, described), described, since, until):
                    rows, bad = shaper.shape(raw, _places(place, read))
                    read += len(raw)
                    since = since.moved(rows, until)
                    yield from gathered.add(rows, bad, since.cursor if since.column else cursor or "{}")
        except Unreadable as problem:
            raise Refused(f"The settings of `{stream}` do not fit {place}: {problem}") from None
        yield gathered.last(nothing(shapes), since.cursor)

    def frequent_events(self, most: int = 50) -> Sequence[EventCount]:
        """Counted in the warehouse where its columns are plain."""
        described = feed(self._spec, "events")
        assert isinstance(described, EventFeed)
        with self._connected() as con:
            rows = self._rows(con, described)
            if {described.name, described.user, described.at} <= set(rows.columns):
                return self._counted(rows, described, most)
        return frequent(self.pull("events", None, datetime.now(UTC)), most)

    def _counted(self, rows: Any, described: EventFeed, most: int) -> Sequence[EventCount]:
        import ibis

        rows = rows.filter(rows[described.name].notnull())
        found = rows.group_by(name=rows[described.name]).aggregate(
            events=rows.count(), users=rows[described.user].nunique(), last=rows[described.at].max()
        )
        listed = found.order_by(ibis.desc("events"), "name").limit(most).to_pyarrow().to_pylist()
        return tuple(EventCount(str(r["name"]), r["events"], r["users"], self._moment(r["last"])) for r in listed)

    def _moment(self, value: Any) -> datetime | None:
        if not isinstance(value, datetime):
            return None
        return value if value.tzinfo else value.replace(tzinfo=ZoneInfo(self._spec.naive_tz or "UTC"))

    def tables(self) -> Sequence[Table]:
        """Tables and views with their columns: what there is to choose from."""
        listed: dict[str, list[str]] = {}
        with self._connected() as con:
            for row in con.sql(_COLUMNS).to_pyarrow().to_pylist():
                place = row["table_name"] if row["table_schema"] in _USUAL else f"{row['table_schema']}.{row['table_name']}"
                listed.setdefault(place, []).append(row["column_name"])
        return [Table(name, tuple(columns)) for name, columns in listed.items()]

    # ------------------------------------------------------------------------------------------------ what is read

    def _since(self, described: Feed, cursor: str | None) -> _From:
        said = orjson.loads(cursor) if cursor else {}
        overlap = self._spec.overlap.delta if self._spec.overlap else None
        if described.received:
            reached = _parsed(said.get("received"))
            return _From(described.received, "received", reached and reached - (overlap or OVERLAP), reached)
        if not isinstance(described, EventFeed):
            return _From(None, "received", None, None)
        reached = _parsed(said.get("at"))
        after = reached and (reached - (overlap or LATE)).replace(hour=0, minute=0, second=0, microsecond=0)
        return _From(described.at, "at", after, reached)

    def _rows(self, con: Any, described: Feed) -> Any:
        """The table or query. From here on the session only reads; Ibis learns a query's columns by a temporary view."""
        if described.query:
            one_select(described.query, con.dialect)
            rows = con.sql(described.query)
        else:
            *schema, name = (described.table or "").split(".")
            rows = con.table(name, database=tuple(schema) if schema else None)
        _say(con, _SEALED)
        return rows

    def _batches(self, rows: Any, described: Feed, since: _From, until: datetime) -> Iterator[pa.Table]:
        import pyarrow as pa

        names = wanted(columns(described))
        here = list(dict.fromkeys(name if name in rows.columns else name.split(".")[0] for name in names))
        missing = [name for name in here if name not in rows.columns]
        if missing:
            raise Unreadable(f"there is no column `{'`, `'.join(missing)}`. It has: {', '.join(rows.columns[:12])}.")
        if since.column:
            rows = self._narrowed(rows, since, until)
        plain = {name: _plain(rows[name]) for name in here}
        for batch in rows.select(**plain).to_pyarrow_batches(chunk_size=ROWS):
            yield pa.Table.from_batches([batch])

    def _narrowed(self, rows: Any, since: _From, until: datetime) -> Any:
        name = since.column or ""
        if name not in rows.columns:
            raise Unreadable(f"`{name}` must be a column of its own, because rows are found by it")
        column = rows[name]
        rules = []
        if since.after:
            rules.append(column > self._bound(column, name, since.after))
        if since.name == "received":
            until_now = column <= self._bound(column, name, until)
            rules.append(until_now if since.after else until_now | column.isnull())
        return (rows.filter(*rules) if rules else rows).order_by(column.asc(nulls_first=True))

    def _bound(self, column: Any, name: str, moment: datetime) -> Any:
        """A moment in the form in which the column holds moments."""
        import ibis

        kind = column.type()
        if kind.is_timestamp():
            if kind.timezone:
                return ibis.literal(moment.astimezone(UTC), type="timestamp('UTC', 6)")
            if self._spec.naive_tz:
                local = moment.astimezone(ZoneInfo(self._spec.naive_tz)).replace(tzinfo=None)
                return ibis.literal(local, type="timestamp(6)")
            raise Unreadable(f"`{name}` has no time zone. Say which one with `naive_tz: UTC` at the source.")
        if kind.is_integer() and self._spec.epoch:
            return ibis.literal(int(moment.timestamp() * _PER_SECOND[self._spec.epoch]), type="int64")
        if kind.is_date():
            return ibis.literal(moment.date())
        raise Unreadable(f"`{name}` is {kind}, which tells no moment. Use a timestamp, or a number with `epoch`.")

    # ------------------------------------------------------------------------------------------------ connection

    @contextmanager
    def _connected(self) -> Iterator[Any]:
        """A connection of this pull; whatever goes wrong in it is one of ours."""
        import ibis

        con = None
        try:
            con = ibis.connect(_read_only(self._url))
            _say(con, _SESSION)
            yield con
        except (ConnectorError, Unreadable, GeneratorExit):
            raise
        except Exception as problem:  # noqa: BLE001 (every backend has exceptions of its own)
            raise _said(problem, self._url) from None
        finally:
            if con is not None:
                con.disconnect()


def _say(con: Any, statements: Mapping[str, Sequence[str]]) -> None:
    for statement in statements.get(con.name, ()):
        cursor = con.raw_sql(statement)
        if con.name == "postgres":
            cursor.close()


def _places(place: str, before: int) -> Callable[[int], str]:
    return lambda n: f"{place}, row {before + n + 1} of a pull"


def _plain(column: Any) -> Any:
    """Types that drivers hand over in ways of their own travel as text."""
    kind = column.type()
    told = kind.is_string() or kind.is_boolean() or kind.is_numeric() or kind.is_temporal() or kind.is_struct()
    return column if told and not kind.is_time() and not kind.is_interval() else column.cast("string")


def _parsed(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _read_only(url: str) -> str:
    """As for SQLite, three slashes begin a path relative to here, four an absolute one; Ibis means it otherwise."""
    place = url.removeprefix("duckdb:///")
    if place != url and not place.startswith(("/", ":")):
        url = f"duckdb:///{Path.cwd() / place}"
    if url.startswith("duckdb://") and "read_only" not in url:
        return f"{url}{'&' if '?' in url else '?'}read_only=True"
    return url


_LATER = (
    "could not set lock",
    "conflicting lock",
    "connection refused",
    "timeout",
    "timed out",
    "closed",
    "starting up",
    "too many",
)
_NAMES = frozenset({"OperationalError", "InterfaceError", "AdminShutdown", "ConnectionError", "TimeoutError"})
_STOP = ("password", "authentication", "does not exist", "permission", "no such", "cannot open", "role ")


def _said(problem: Exception, url: str) -> ConnectorError:
    """TryLater for what may pass, Refused for what a person must mend; never with the password."""
    kind, text = type(problem).__name__, str(problem).strip().partition("\n")[0][:300]
    parts = urlsplit(url)
    for secret in (parts.password, unquote(parts.password or "")):
        text = text.replace(secret, "***") if secret else text
    if isinstance(problem, ModuleNotFoundError):
        return Refused(f"This warehouse needs the package {problem.name}. Install ibis-framework[{parts.scheme}].")
    lower = text.lower()
    passing = any(word in lower for word in _LATER) or (kind in _NAMES and not any(word in lower for word in _STOP))
    if passing:
        return TryLater(f"The warehouse does not answer: {text}. It is asked again at the next pull.", code=kind)
    return Refused(f"The warehouse cannot be read: {text}. Check the address, the rights and the names.", code=kind)
