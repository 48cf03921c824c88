"""What names and contents of usage data are taken for."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors.contract import EventCount
from connectors.reading.listing import Table, tables
from settings.check import check_text
from worker.cli import composing, guessing, looking
from worker.cli.composing import quoted
from worker.wiring.opening import option_tables

NOBODY = {"events": None, "users": None, "accounts": None}


@pytest.mark.parametrize(
    ("event", "family"),
    [
        ("pricing_viewed", "intent"),
        ("Upgrade Clicked", "intent"),
        ("contactSalesClicked", "intent"),
        ("project_created", "value"),
        ("colleague invited", "value"),
        ("integration_removed", "use"),
        ("webinar_attended", "content"),
        ("login", "use"),
        ("xyz", "use"),
    ],
)
def test_words_of_an_event_say_what_it_is_evidence_of(event, family):
    assert guessing.family(event) == family


def test_tables_are_told_apart_by_name_and_columns():
    found = guessing.feeds(
        [
            Table("dim_workspaces", ("id", "name", "domain", "plan_name")),
            Table("dim_people", ("id", "email", "workspace_id", "created_at")),
            Table("fct_tracks", ("uuid", "user_id", "workspace_id", "event_name", "occurred_at", "_loaded_at")),
        ],
        NOBODY,
    )

    assert {stream: feed.table.name for stream, feed in found.items()} == {
        "events": "fct_tracks",
        "users": "dim_people",
        "accounts": "dim_workspaces",
    }
    assert found["events"].roles == {
        "id": "uuid",
        "user": "user_id",
        "account": "workspace_id",
        "name": "event_name",
        "at": "occurred_at",
        "received": "_loaded_at",
    }


def test_columns_without_telling_names_are_recognised_by_what_is_in_them():
    events = Table("log.jsonl", ("uid", "event", "when"), ({"uid": "u1", "event": "x", "when": "2026-11-20T08:00:00Z"},))
    people = Table("people.csv", ("ident", "kontakt"), ({"ident": "u1", "kontakt": "maria@firm.example"},))

    found = guessing.feeds([people, events], NOBODY)

    assert found["events"].roles["at"] == "when"
    assert found["users"].roles == {"email": "kontakt", "id": "ident"}


def test_events_without_an_id_of_their_own_are_told_apart_by_who_what_and_when():
    found = guessing.feeds([Table("events.csv", ("user_id", "event", "timestamp"))], NOBODY)

    assert found["events"].roles["id"] == ("user_id", "event", "timestamp")


def test_a_named_table_wins_over_the_better_looking_one():
    choices = [Table("events", ("id", "user_id", "event", "at")), Table("clicks", ("user_id", "action", "ts"))]

    assert guessing.feeds(choices, {**NOBODY, "events": "clicks"})["events"].table.name == "clicks"


def test_what_takes_something_back_is_never_picked_and_a_raised_hand_comes_first():
    counts = [
        EventCount(name, 10, 5, datetime.now(UTC)) for name in ("login", "file_deleted", "file_uploaded", "contact_sales")
    ]

    assert guessing.picked(counts) == ("contact_sales", "file_uploaded", "login")


def test_plan_names_are_sorted_into_states():
    assert guessing.plan_states(["Free", "Trial 14", "Business", "free"]) == {
        "free": ("Free", "free"),
        "trial": ("Trial 14",),
        "paid": ("Business",),
    }


def test_files_of_one_name_with_dates_or_numbers_are_one_table(tmp_path):
    for name in ("track-2026-11-01.csv", "track-2026-11-02.csv"):
        (tmp_path / name).write_text("user_id;event\nu1;x\n")
    (tmp_path / "parts").mkdir()
    for n in range(2):
        (tmp_path / "parts" / f"{n}.jsonl").write_text('{"user": {"id": "u1"}, "tags": []}\n')
    (tmp_path / "broken.parquet").write_text("no parquet")

    found = {table.name: table for table in tables(tmp_path)}

    assert set(found) == {"track*.csv", "parts/**/*.jsonl"}
    assert (found["track*.csv"].columns, found["track*.csv"].delimiter) == (("user_id", "event"), ";")
    assert found["parts/**/*.jsonl"].columns == ("user.id",)


@pytest.mark.parametrize(
    ("text", "yaml"), [("no", '"no"'), ("a: b", '"a: b"'), ("../d/e*.csv", "../d/e*.csv"), ('x"y', '"x\\"y"')]
)
def test_text_is_written_so_that_yaml_reads_it_back(text, yaml):
    assert quoted(text) == yaml


def test_the_address_of_a_posthog_project_becomes_settings_without_problems(monkeypatch):
    monkeypatch.setenv("POSTHOG_TOKEN", "personal-key")
    usage = looking.look("https://eu.posthog.com/project/123", Path("settings.d"), NOBODY)
    picked = [composing.Picked("$pageview", "use"), composing.Picked("signed up", "value")]

    texts = composing.files(composing.Told("acme", usage.lines, usage.written(), usage.place, picked))

    found = check_text("\n".join(texts.values()), option_tables())
    assert [str(one) for one in (*found.problems, *found.warnings)] == []
    assert "host: https://eu.posthog.com\n    project: 123\n    token: ${POSTHOG_TOKEN}" in texts["sources.yaml"]
