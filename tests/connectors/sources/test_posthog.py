"""PostHog keeps the contract of sources, over real HTTP."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from posthog_server import TOKEN, Server
from source_contract import NOW, START, Publish, Rows, SourceContract, everything, ids

from connectors.contract import Stream
from connectors.errors import Refused, TryLater
from connectors.reach import Timeouts
from connectors.sources import posthog
from connectors.sources.posthog import PostHog
from settings.sources import AccountFeed, EventFeed, Kept, SourceSpec, UserFeed
from settings.terms import Secret

EVENTS = EventFeed(
    id="uuid",
    user="person_id",
    anonymous="visitor",
    account="account",
    name="event",
    at="timestamp",
    keep=(Kept(name="integration"), Kept(name="pages", type="number")),
)
USERS = UserFeed(id="id", email="email", account="account", signed_up="created_at", columns=(Kept(name="title"),))


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as opened:
        thread = threading.Thread(target=opened.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield opened
        opened.shutdown()
        thread.join()
        opened.db.close()


def source_at(server: Server, token: str = TOKEN, events: EventFeed = EVENTS, **options: Any) -> PostHog:
    given = {"token": Secret("POSTHOG", token), "project": "1", "host": server.url} | options
    return PostHog(SourceSpec(kind="posthog", events=events, users=USERS, options=given), Timeouts(answer=5))


@pytest.fixture
def source(server: Server) -> PostHog:
    return source_at(server)


@pytest.fixture
def publish(server: Server) -> Publish:
    def put(stream: Stream, rows: Rows) -> None:
        for row in rows:
            rest = {name: value for name, value in row.items() if name not in ("id", "event", "at", "user", "joined")}
            if stream == "events":
                server.put_event(row["id"], row["event"], row["at"], row["user"], **rest)
            else:
                server.put_person(row["id"], row["joined"], **rest)

    return put


class TestPostHog(SourceContract):
    pass


def put(server: Server, *numbers: int, at: datetime = START, event: str = "opened", **properties: Any) -> None:
    for number in numbers:
        server.put_event(f"uuid-{number:04d}", event, at, "p1", **properties)


def test_rows_with_one_stamp_at_the_edge_of_a_page_are_neither_lost_nor_repeated(
    server: Server, source: PostHog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posthog, "PAGE", 10)
    put(server, *range(25))
    put(server, *range(25, 32), at=START + timedelta(microseconds=1))

    assert ids(everything(source)) == [f"uuid-{n:04d}" for n in range(32)]
    assert len(server.queries) == 4


def test_a_pull_begins_72_hours_before_the_newest_event_seen(server: Server, source: PostHog) -> None:
    put(server, 1, at=NOW - timedelta(days=5, seconds=1))
    put(server, 2, at=NOW - timedelta(days=4))
    put(server, 3, at=NOW - timedelta(days=2))
    cursor = everything(source)[-1].cursor
    put(server, 4, at=NOW - timedelta(days=4, hours=23))
    put(server, 5, at=NOW - timedelta(days=5, minutes=1))

    assert ids(everything(source, cursor=cursor)) == ["uuid-0004", "uuid-0002", "uuid-0003"]


def test_a_pull_that_breaks_off_goes_on_at_the_page_where_it_was(
    server: Server, source: PostHog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posthog, "PAGE", 10)
    monkeypatch.setattr("connectors.reading.gathering.ROWS", 10)
    put(server, *range(35))
    pieces = source.pull("events", None, NOW)
    first = next(pieces)
    pieces.close()

    rest = everything(source, cursor=first.cursor)

    assert ids([first]) + ids(rest) == [f"uuid-{n:04d}" for n in range(35)]
    assert "page" not in rest[-1].cursor


def test_session_recordings_and_what_lies_in_the_future_are_left_out(server: Server, source: PostHog) -> None:
    put(server, 1, event="$snapshot")
    put(server, 2, at=NOW + timedelta(days=1))
    put(server, 3)

    assert ids(everything(source)) == ["uuid-0003"]


def test_properties_of_any_name_and_depth_are_reached(server: Server) -> None:
    put(server, 1, **{"$geoip_country_code": "DE", "company": {"plan name": "team"}, "flag": True, "list": [1, "a"]})
    keep = ("$geoip_country_code", "company.plan name", "flag", "list", "gone")
    feed = EVENTS.model_copy(update={"keep": tuple(Kept(name=f"k{n}", column=name) for n, name in enumerate(keep))})

    (row,) = [row for piece in everything(source_at(server, events=feed)) for row in piece.rows.to_pylist()]

    assert [row[f"k{n}"] for n in range(5)] == ["DE", "team", "true", '[1,"a"]', None]


@pytest.mark.parametrize(
    ("refusal", "kind", "says"),
    [
        ((429, {"Retry-After": "7"}, {"detail": "Rate limited"}), TryLater, "429"),
        ((503, {}, b"<html>"), TryLater, "503"),
        ((504, {}, {"detail": "Query timed out"}), TryLater, "timed out"),
        ((200, {}, b"<html>proxy</html>"), TryLater, "not JSON"),
        ((200, {}, {"error": "out of memory"}), TryLater, "out of memory"),
        ((403, {}, {"detail": "scope query:read is missing"}), Refused, "query:read"),
        ((302, {"Location": "http://elsewhere"}, b""), Refused, "redirect"),
    ],
)
def test_what_posthog_refuses_is_said_by_what_to_do(
    server: Server, source: PostHog, refusal: Any, kind: type[Exception], says: str
) -> None:
    put(server, 1)
    server.refuse.append(refusal)

    with pytest.raises(kind, match=says) as raised:
        everything(source)
    assert TOKEN not in str(raised.value)
    assert getattr(raised.value, "after", None) == (7.0 if refusal[0] == 429 else None)
    assert ids(everything(source)) == ["uuid-0001"], "and the next pull lands all"


def test_a_wrong_key_a_wrong_project_and_a_wrong_column_are_for_a_person(server: Server) -> None:
    strange = EVENTS.model_copy(update={"id": "elements_chain"})
    for source in (source_at(server, token="nope"), source_at(server, project="2"), source_at(server, events=strange)):
        with pytest.raises(Refused):
            everything(source)


def test_the_key_goes_only_to_posthog_or_to_a_host_somebody_named(server: Server) -> None:
    for host in ("https://posthog.example.com", "http://us.posthog.com", "https://evil.com/us.posthog.com"):
        with pytest.raises(Refused):
            source_at(server, host=host)
    source_at(server, host="https://posthog.example.com", allow_host="posthog.example.com")


def test_a_project_or_property_that_is_no_name_is_refused(server: Server) -> None:
    with pytest.raises(Refused, match="no project"):
        source_at(server, project="1/../2")
    feed = EVENTS.model_copy(update={"keep": (Kept(name="x", column="a`b"),)})
    with pytest.raises(Refused, match="Rename"):
        everything(source_at(server, events=feed))


def test_accounts_are_refused_because_they_are_not_read(server: Server) -> None:
    spec = SourceSpec(kind="posthog", accounts=AccountFeed(id="key"), options={"token": "t", "project": "1"})
    with pytest.raises(Refused, match="Accounts"):
        PostHog(spec)
