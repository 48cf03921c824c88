"""
What every source must do, as one suite: a new source subclasses `SourceContract` and says how rows get into its place.

`publish(stream, rows)` puts rows (plain values under the names below) where the source reads; `source` is the connector.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from connectors.contract import Pulled, Source, Stream
from settings.sources import EventFeed, Kept, SourceSpec, UserFeed

Rows = list[dict[str, Any]]
Publish = Callable[[Stream, Rows], None]
START = datetime(2026, 11, 1, 8, tzinfo=UTC)
NOW = datetime(2026, 11, 22, tzinfo=UTC)
STAMP = pa.timestamp("us", tz="UTC")
EVENT_COLUMNS = {
    "event_id": pa.string(),
    "user_id": pa.string(),
    "anonymous_id": pa.string(),
    "account_id": pa.string(),
    "name": pa.string(),
    "at": STAMP,
    "received": STAMP,
    "integration": pa.string(),
    "pages": pa.float64(),
}


def feeds(**place: str) -> dict[str, Any]:
    """Feeds over the suite's columns; `place` says table, file or query for events and users."""
    kind, events = next((key.split("_")[0], value) for key, value in place.items() if key.endswith("_events"))
    users = place.get(f"{kind}_users")
    keep = (Kept(name="integration"), Kept(name="pages", type="number"))
    return {
        "events": EventFeed(
            **{kind: events}, id="id", user="user", anonymous="visitor", account="account", name="event", at="at", keep=keep
        ),
        "users": UserFeed(
            **{kind: users}, id="id", email="email", account="account", signed_up="joined", columns=(Kept(name="title"),)
        ),
    }


def spec(kind: str, options: dict[str, Any] | None = None, **more: Any) -> SourceSpec:
    return SourceSpec(kind=kind, options=options or {}, **more)


def event(number: int, **changed: Any) -> dict[str, Any]:
    """One event an hour, of three users."""
    row = {
        "id": f"event-{number:05d}",
        "user": f"user-{number % 3}",
        "visitor": None,
        "account": "acme",
        "event": "report_viewed" if number % 4 else "project_created",
        "at": START + timedelta(hours=number),
        "integration": None,
        "pages": 2.5,
    }
    return row | changed


def user(number: int, **changed: Any) -> dict[str, Any]:
    row = {
        "id": f"user-{number}",
        "email": f"U{number}+Test@Example.com",
        "account": "acme",
        "joined": START,
        "title": "Ärztin 🦉",
    }
    return row | changed


def everything(source: Source, stream: Stream = "events", cursor: str | None = None) -> list[Pulled]:
    return list(source.pull(stream, cursor, NOW))


def ids(pieces: Iterable[Pulled], column: str = "event_id") -> list[str]:
    return [one for piece in pieces for one in piece.rows.column(column).to_pylist()]


class SourceContract:
    """Subclass, and give the fixtures `source` and `publish`."""

    def test_the_first_pull_brings_every_row_under_the_contracts_columns(self, source: Source, publish: Publish) -> None:
        publish("events", [event(n) for n in range(10)])

        pieces = everything(source)

        assert sorted(ids(pieces)) == [f"event-{n:05d}" for n in range(10)]
        assert all({f.name: f.type for f in piece.rows.schema} == EVENT_COLUMNS for piece in pieces)
        assert all(piece.stream == "events" and piece.origin for piece in pieces)
        first = min((row for piece in pieces for row in piece.rows.to_pylist()), key=lambda row: row["event_id"])
        assert first["at"] == START
        assert (first["user_id"], first["account_id"], first["name"]) == ("user-0", "acme", "project_created")
        assert (first["pages"], first["integration"], first["anonymous_id"]) == (2.5, None, None)

    def test_pulling_again_brings_nothing_unknown(self, source: Source, publish: Publish) -> None:
        publish("events", [event(n) for n in range(10)])
        first = everything(source)

        again = everything(source, cursor=first[-1].cursor)

        assert set(ids(again)) <= set(ids(first))

    def test_what_comes_later_comes_with_the_next_pull(self, source: Source, publish: Publish) -> None:
        publish("events", [event(n) for n in range(10)])
        first = everything(source)
        publish("events", [event(n) for n in range(10, 14)])

        assert set(ids(everything(source, cursor=first[-1].cursor))) >= {f"event-{n:05d}" for n in range(10, 14)}

    def test_a_pull_that_breaks_off_loses_nothing(self, source: Source, publish: Publish) -> None:
        publish("events", [event(n) for n in range(5)])
        publish("events", [event(n) for n in range(5, 9)])
        cursor, seen = None, set()
        for piece in source.pull("events", None, NOW):
            cursor, seen = piece.cursor, set(ids([piece]))
            break

        assert seen | set(ids(everything(source, cursor=cursor))) == {f"event-{n:05d}" for n in range(9)}

    def test_an_empty_place_is_a_pull_without_rows(self, source: Source, publish: Publish) -> None:
        publish("events", [])

        assert ids(everything(source)) == []

    def test_a_visitor_without_a_user_is_kept(self, source: Source, publish: Publish) -> None:
        publish("events", [event(0, user=None, visitor="cookie-7")])

        (piece,) = (piece for piece in everything(source) if len(piece.rows))
        assert piece.rows.column("user_id").to_pylist() == [None]
        assert piece.rows.column("anonymous_id").to_pylist() == ["cookie-7"]

    def test_a_row_without_a_name_is_set_aside_and_its_neighbours_are_kept(self, source: Source, publish: Publish) -> None:
        publish("events", [event(0), event(1, event=""), event(2)])

        pieces = everything(source)

        assert ids(pieces) == ["event-00000", "event-00002"]
        (bad,) = [bad for piece in pieces for bad in piece.bad]
        assert "event" in bad.reason
        assert "event-00001" in bad.raw
        assert bad.where

    def test_text_from_anywhere_arrives_as_it_was_meant(self, source: Source, publish: Publish) -> None:
        names = ["=HYPERLINK(1)", "Zoë", "Zoe\u0308", "שלום", "👩‍👩‍👧", "a\u202eb", "'; drop table x; --", "{{7*7}}"]
        publish("events", [event(n, integration=name) for n, name in enumerate(names)])

        rows = {row["event_id"]: row["integration"] for piece in everything(source) for row in piece.rows.to_pylist()}

        assert [rows[f"event-{n:05d}"] for n in range(len(names))] == [
            "=HYPERLINK(1)", "Zoë", "Zoë", "שלום", "👩‍👩‍👧", "ab", "'; drop table x; --", "{{7*7}}",
        ]  # fmt: skip

    def test_users_come_with_their_declared_columns(self, source: Source, publish: Publish) -> None:
        if "users" not in source.streams:
            pytest.fail("The suite wants users too: describe them in the source's settings.")
        publish("users", [user(0), user(1)])

        rows = [row for piece in everything(source, "users") for row in piece.rows.to_pylist()]

        assert sorted(row["email"] for row in rows) == ["u0+test@example.com", "u1+test@example.com"]
        assert {row["title"] for row in rows} == {"Ärztin 🦉"}
        assert all(row["signed_up"] == START and row["account_id"] == "acme" for row in rows)

    def test_the_most_frequent_events_come_first(self, source: Source, publish: Publish) -> None:
        publish("events", [event(n) for n in range(12)])

        counts = source.frequent_events(2)

        assert [(count.name, count.events, count.users) for count in counts] == [
            ("report_viewed", 9, 3),
            ("project_created", 3, 3),
        ]
        assert counts[0].last_seen == START + timedelta(hours=11)
