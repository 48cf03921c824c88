"""Warehouses keep the contract of sources, on DuckDB and on Postgres, by arrival and without it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest
from source_contract import NOW, START, Publish, Rows, SourceContract, event, everything, ids, user

from connectors.contract import Stream
from connectors.errors import Refused, TryLater
from connectors.sources.warehouse import Warehouse
from settings.sources import EventFeed, Kept, SourceSpec, UserFeed
from settings.terms import Duration, Secret

COLUMNS = {
    "events": {"id": "text", "user": "text", "visitor": "text", "account": "text", "event": "text", "at": "timestamptz"}
    | {"integration": "text", "pages": "double precision", "loaded": "timestamptz", "props": "json"},
    "users": {"id": "text", "email": "text", "account": "text", "joined": "timestamptz", "title": "text"},
}
Run = Callable[[str, list[Any]], None]


class DuckDb:
    def __init__(self, path: Path) -> None:
        self.path, self.url, self.mark = path, f"duckdb:///{path}", "?"

    def run(self, sql: str, values: list[Any] | None = None) -> None:
        with duckdb.connect(str(self.path)) as con:
            con.execute(sql, values)


class Postgres:
    def __init__(self, url: str) -> None:
        self.url, self.mark = url, "%s"

    def run(self, sql: str, values: list[Any] | None = None) -> None:
        with closing(psycopg.connect(self.url, autocommit=True)) as con:
            con.execute(sql, values)


@pytest.fixture(params=["duckdb", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> DuckDb | Postgres:
    if request.param == "duckdb":
        opened = DuckDb(tmp_path / "usage.duckdb")
    else:
        opened = Postgres(request.getfixturevalue("empty_postgres_url"))
    opened.run("create schema analytics")
    for table, columns in COLUMNS.items():
        listed = ", ".join(f'"{name}" {kind}' for name, kind in columns.items())
        opened.run(f"create table analytics.{table} ({listed})")
    return opened


def put(place: DuckDb | Postgres, stream: Stream, rows: Rows) -> None:
    for row in rows:
        names = ", ".join(f'"{name}"' for name in row)
        marks = ", ".join([place.mark] * len(row))
        place.run(f"insert into analytics.{stream} ({names}) values ({marks})", list(row.values()))


def feeds(received: str | None = None, **changed: Any) -> dict[str, Any]:
    keep = (Kept(name="integration"), Kept(name="pages", type="number"))
    events = {"table": "analytics.events", "id": "id", "user": "user", "visitor": None, "received": received}
    events |= {"anonymous": "visitor", "account": "account", "name": "event", "at": "at", "keep": keep}
    events.pop("visitor")
    users = UserFeed(
        table="analytics.users", id="id", email="email", account="account", signed_up="joined", columns=(Kept(name="title"),)
    )
    return {"events": EventFeed(**(events | changed)), "users": users}


def warehouse(place: DuckDb | Postgres, received: str | None = None, **more: Any) -> Warehouse:
    described = feeds(**({"received": received} | more.pop("changed", {})))
    return Warehouse(SourceSpec(kind="warehouse", options={"url": Secret("URL", place.url)}, **described, **more))


@pytest.fixture(params=["loaded", None], ids=["by arrival", "by event time"])
def source(request: pytest.FixtureRequest, place: DuckDb | Postgres) -> Warehouse:
    return warehouse(place, request.param)


@pytest.fixture
def publish(place: DuckDb | Postgres) -> Iterator[Publish]:
    loaded = START

    def put_all(stream: Stream, rows: Rows) -> None:
        nonlocal loaded
        loaded += timedelta(hours=5)
        put(place, stream, [row | {"loaded": loaded} if stream == "events" else row for row in rows])

    return put_all


class TestWarehouse(SourceContract):
    pass


def loaded(number: int, hours: float) -> dict[str, Any]:
    return event(number, loaded=START + timedelta(hours=hours))


def test_a_pull_by_arrival_reads_only_what_came_since_less_the_overlap(place: DuckDb | Postgres) -> None:
    put(place, "events", [loaded(1, 1), loaded(2, 8), loaded(3, 10)])
    source = warehouse(place, "loaded", overlap=Duration(3 * 3600))
    cursor = everything(source)[-1].cursor
    put(place, "events", [loaded(4, 7.5), loaded(5, 6)])

    assert ids(everything(source, cursor=cursor)) == ["event-00004", "event-00002", "event-00003"]


def test_a_pull_by_arrival_reads_nothing_that_comes_after_the_moment_of_asking(place: DuckDb | Postgres) -> None:
    put(place, "events", [loaded(1, 1), loaded(2, 30)])

    pieces = list(warehouse(place, "loaded").pull("events", None, START + timedelta(hours=20)))

    assert ids(pieces) == ["event-00001"]
    assert pieces[-1].rows.column("received").to_pylist() == [START + timedelta(hours=1)]


def test_a_pull_without_arrival_reads_the_last_days_again(place: DuckDb | Postgres) -> None:
    put(place, "events", [event(0), event(24 * 5), event(24 * 9)])
    source = warehouse(place)
    cursor = everything(source)[-1].cursor
    put(place, "events", [event(24 * 6), event(1)])

    assert ids(everything(source, cursor=cursor)) == ["event-00144", "event-00216"], (
        "and what is later than three days is lost"
    )


def test_a_stamp_in_the_future_does_not_carry_the_cursor_away(place: DuckDb | Postgres) -> None:
    put(place, "events", [event(0, at=NOW + timedelta(days=400)), event(1)])
    source = warehouse(place)
    cursor = everything(source)[-1].cursor
    put(place, "events", [event(2, at=NOW - timedelta(days=1))])

    assert "event-00002" in ids(everything(source, cursor=cursor))


def test_columns_inside_json_are_reached_and_a_query_is_as_good_as_a_table(place: DuckDb | Postgres) -> None:
    put(place, "events", [event(1, props='{"plan": {"name": "team"}}'), event(2)])
    query = "select * from analytics.events where event = 'report_viewed'"
    keep = (Kept(name="plan", column="props.plan.name"),)

    (piece,) = everything(warehouse(place, changed={"table": None, "query": query, "keep": keep}))

    assert piece.rows.select(["event_id", "plan"]).to_pylist() == [
        {"event_id": "event-00001", "plan": "team"},
        {"event_id": "event-00002", "plan": None},
    ]


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"table": "analytics.gone"}, "gone"),
        ({"user": "nobody"}, "nobody"),
        ({"table": None, "query": "delete from analytics.events"}, "SELECT"),
        ({"received": "event"}, "tells no moment"),
    ],
)
def test_what_is_not_there_is_refused_by_name(place: DuckDb | Postgres, changed: dict[str, Any], says: str) -> None:
    with pytest.raises(Refused, match=says):
        everything(warehouse(place, changed=changed))


def test_a_stamp_column_without_zone_needs_one_declared(place: DuckDb | Postgres) -> None:
    place.run("alter table analytics.events add column local timestamp")
    put(place, "events", [event(1, local=datetime(2026, 11, 1, 9))])  # noqa: DTZ001 (that is the point)

    with pytest.raises(Refused, match="naive_tz"):
        everything(warehouse(place, changed={"at": "local"}))
    (piece,) = everything(warehouse(place, changed={"at": "local", "received": "local"}, naive_tz="Europe/Berlin"))

    assert piece.rows.column("at").to_pylist() == [START]
    assert everything(warehouse(place, changed={"received": "local"}, naive_tz="Europe/Berlin"), cursor=piece.cursor)


def test_nothing_is_written(place: DuckDb | Postgres) -> None:
    source = warehouse(place)

    def write() -> None:
        with source._connected() as con:
            source._rows(con, source._spec.events)
            con.raw_sql("create table analytics.mine (x int)")

    with pytest.raises(Refused, match=r"(?i)read.only"):
        write()


def test_nobody_answering_is_waited_for_and_the_password_stays_unsaid() -> None:
    url = Secret("URL", "postgres://someone:hush-hush@127.0.0.1:9/none")
    source = Warehouse(SourceSpec(kind="warehouse", options={"url": url}, **feeds()))

    with pytest.raises(TryLater) as raised:
        everything(source)
    assert "hush" not in str(raised.value)


def test_a_wrong_password_and_a_missing_file_are_for_a_person(empty_postgres_url: str, tmp_path: Path) -> None:
    wrong = empty_postgres_url.replace("pql-test-password", "hush-hush")
    for url in (wrong, f"duckdb:///{tmp_path / 'none.duckdb'}", "nosuch://x"):
        with pytest.raises(Refused) as raised:
            everything(Warehouse(SourceSpec(kind="warehouse", options={"url": Secret("URL", url)}, **feeds())))
        assert "hush" not in str(raised.value)


def test_many_rows_come_in_pieces_and_a_broken_pull_goes_on_where_it_was(place: DuckDb | Postgres) -> None:
    start = "timestamptz '2026-11-01 00:00:00Z'"
    place.run(
        f"""insert into analytics.events (id, "user", event, "at", loaded)
            select 'e' || n, 'u', 'x', {start}, {start} + n * interval '1 second' from generate_series(1, 230000) as s(n)"""
    )
    source = warehouse(place, "loaded")
    pieces = source.pull("events", None, NOW)
    first = next(pieces)
    pieces.close()

    rest = everything(source, cursor=first.cursor)

    assert 100_000 < len(first.rows) <= 250_000
    assert set(ids([first])) | set(ids(rest)) == {f"e{n}" for n in range(1, 230_001)}
    assert len(ids(rest)) <= 230_000 - len(first.rows) + 3_601, "the overlap and no more"


def test_users_without_an_arrival_column_are_read_as_a_whole(place: DuckDb | Postgres) -> None:
    put(place, "users", [user(1), user(2)])
    source = warehouse(place)
    cursor = everything(source, "users")[-1].cursor

    assert len(ids(everything(source, "users", cursor), "user_id")) == 2
