"""Landing: what is new becomes a file, once; when a fact arrived; what does not land."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.contract import Pulled
from worker.lake import Arrival, Brought, Lake, LakeDamaged, LakeFile, LakeRefused, land

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
STAMP = pa.timestamp("us", tz="UTC")
EVENTS = pa.schema(
    [(name, pa.string()) for name in ("event_id", "user_id", "anonymous_id", "account_id", "name")]
    + [("at", STAMP), ("received", STAMP), ("pages", pa.float64())]
)
USERS = pa.schema(
    [(name, pa.string()) for name in ("user_id", "email", "account_id", "title")]
    + [("signed_up", STAMP), ("received", STAMP)]
)


def events(*rows: dict[str, Any]) -> Pulled:
    full = [{"event_id": "e", "user_id": "u1", "name": "opened", "at": NOW - timedelta(days=1)} | row for row in rows]
    return Pulled("events", pa.Table.from_pylist(full, EVENTS), "cursor", "events.jsonl")


def users(*rows: dict[str, Any], schema: pa.Schema = USERS) -> Pulled:
    return Pulled("users", pa.Table.from_pylist([{"user_id": "u1", **row} for row in rows], schema), "cursor", "users.csv")


class Landing:
    """A lake and the list that a store would keep."""

    def __init__(self, folder: Path) -> None:
        self.lake = Lake(folder, "acme")
        self.listed: list[LakeFile] = []

    def land(self, pulled: Pulled, **more: Any) -> Brought:
        brought = land(self.lake, pulled, Arrival(**({"source": "product", "now": NOW} | more)), self.listed)
        self.listed += brought.files
        return brought

    def rows(self, kind: str) -> list[dict[str, Any]]:
        paths = self.lake.paths(file for file in self.listed if file.kind == kind)
        return [row for path in paths for row in pq.read_table(path).to_pylist()]


@pytest.fixture
def landing(tmp_path: Path) -> Landing:
    return Landing(tmp_path)


class TestDuplicates:
    def test_landing_the_same_piece_again_brings_nothing(self, landing: Landing) -> None:
        piece = events({"event_id": "a"}, {"event_id": "b"})

        first, second = landing.land(piece), landing.land(piece)

        assert (first.new, first.duplicate) == (2, 0)
        assert (second.new, second.duplicate, second.files) == (0, 2, ())

    def test_of_two_rows_with_one_id_the_first_to_arrive_stays(self, landing: Landing) -> None:
        early, late = NOW - timedelta(hours=5), NOW - timedelta(hours=1)

        brought = landing.land(events({"name": "late", "received": late}, {"name": "early", "received": early}))

        assert (brought.new, brought.duplicate) == (1, 1)
        assert [row["name"] for row in landing.rows("events")] == ["early"]

    def test_the_same_id_in_another_source_is_another_event(self, landing: Landing) -> None:
        landing.land(events({}), source="product")

        assert landing.land(events({}), source="website").new == 1

    def test_ids_whose_hashes_meet_are_still_two(self, landing: Landing, monkeypatch: pytest.MonkeyPatch) -> None:
        from worker.lake import events as room

        monkeypatch.setattr(room, "_ONCE", room._ONCE.replace("md5_number_lower(event_id)", "7::UBIGINT"))
        landing.land(events({"event_id": "a"}))

        assert landing.land(events({"event_id": "a"}, {"event_id": "b"})).new == 1

    @pytest.mark.fault("F36")
    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(pulls=st.lists(st.lists(st.integers(0, 15), max_size=12), max_size=5))
    def test_whatever_comes_how_often_each_id_lands_once(
        self, tmp_path_factory: pytest.TempPathFactory, pulls: list[list[int]]
    ) -> None:
        landing = Landing(tmp_path_factory.mktemp("lake"))

        brought = [landing.land(events(*({"event_id": str(n)} for n in numbers))) for numbers in pulls]

        landed = [row["event_id"] for row in landing.rows("events")]
        assert sorted(landed) == sorted({str(n) for numbers in pulls for n in numbers})
        assert sum(one.new + one.duplicate for one in brought) == sum(map(len, pulls))


class TestArrival:
    def test_without_a_column_a_first_pull_arrived_when_it_happened_and_a_later_one_when_it_landed(
        self, landing: Landing
    ) -> None:
        landing.land(events({"event_id": "a"}), first=True)
        landing.land(events({"event_id": "b"}))

        assert {row["event_id"]: row["arrived"] for row in landing.rows("events")} == {
            "a": NOW - timedelta(days=1),
            "b": NOW,
        }

    def test_the_sources_own_column_says_it_but_never_later_than_the_landing(self, landing: Landing) -> None:
        hour = timedelta(hours=1)
        landing.land(events({"event_id": "a", "received": NOW - hour}, {"event_id": "b", "received": NOW + hour}))

        assert {row["event_id"]: row["arrived"] for row in landing.rows("events")} == {"a": NOW - hour, "b": NOW}

    def test_a_run_that_pretends_to_be_earlier_lands_what_came_since_with_its_own_times(self, landing: Landing) -> None:
        since, clock = NOW - timedelta(days=3), NOW
        for first in (True, False):
            at = since + timedelta(days=1, hours=first)
            rows = ({"event_id": f"since {first}", "at": at}, {"event_id": f"future {first}", "at": NOW + timedelta(days=1)})
            brought = landing.land(events(*rows), now=since, first=first, clock=clock)
            assert brought.clamped == 1
        landed = {row["event_id"]: (row["at"], row["arrived"]) for row in landing.rows("events")}
        assert landed["since True"] == (since + timedelta(days=1, hours=1),) * 2
        assert landed["since False"] == (since + timedelta(days=1),) * 2
        assert landed["future True"] == (NOW, NOW)
        assert landed["future False"] == (since, since)

    @pytest.mark.fault("F60")
    def test_a_stamp_in_the_future_counts_as_happening_at_arrival_and_is_counted(self, landing: Landing) -> None:
        near, far = NOW + timedelta(minutes=9), NOW + timedelta(minutes=11)

        brought = landing.land(events({"event_id": "near", "at": near}, {"event_id": "far", "at": far}))

        assert {row["event_id"]: row["at"] for row in landing.rows("events")} == {"near": near, "far": NOW}
        assert brought.clamped == 1

    @pytest.mark.fault("F60")
    def test_what_is_too_old_or_from_the_first_of_january_1970_does_not_land(self, landing: Landing) -> None:
        old = NOW - timedelta(days=31)

        brought = landing.land(
            events({"event_id": "old", "at": old}, {"event_id": "zero", "at": datetime(1970, 1, 1, tzinfo=UTC)}, {}),
            oldest=timedelta(days=30),
        )

        assert (brought.new, brought.too_old) == (1, 2)
        assert [bad.where for bad in brought.bad] == ["events.jsonl, event old", "events.jsonl, event zero"]
        assert "30 days" in brought.bad[0].reason

    @pytest.mark.fault("F37")
    def test_a_late_event_names_the_day_it_touches(self, landing: Landing) -> None:
        landing.land(events({"event_id": "a"}))

        (file,) = landing.land(events({"event_id": "late", "at": datetime(2026, 11, 3, 23, 59, tzinfo=UTC)})).files

        assert list(file.facts["days"]) == ["20760"]
        assert file.facts["days"]["20760"] == [1, int(NOW.timestamp() * 1e6)]
        assert file.facts["columns"] == {"pages": "double"}


class TestLinks:
    def test_a_visitor_seen_with_a_user_is_a_link_that_lands_once(self, landing: Landing) -> None:
        landing.land(
            events({"event_id": "a", "anonymous_id": "cookie"}, {"event_id": "b", "anonymous_id": "alone", "user_id": None})
        )
        landing.land(events({"event_id": "c", "anonymous_id": "cookie"}))

        assert [(row["anonymous_id"], row["user_id"]) for row in landing.rows("links")] == [("cookie", "u1")]


class TestVersions:
    def test_a_row_lands_only_when_something_declared_changed(self, landing: Landing) -> None:
        landing.land(users({"title": "CTO"}, {"user_id": "u2"}))
        same = landing.land(users({"title": "CTO"}, {"user_id": "u2"}), now=NOW + timedelta(hours=1))
        changed = landing.land(users({"title": "CEO"}, {"user_id": "u2"}), now=NOW + timedelta(hours=2))
        back = landing.land(users({"title": "CTO"}), now=NOW + timedelta(hours=3))

        assert (same.new, same.files) == (0, ())
        assert (changed.new, changed.duplicate) == (1, 1)
        assert back.new == 1
        assert sorted((row["arrived"], row["title"]) for row in landing.rows("users") if row["user_id"] == "u1") == [
            (NOW, "CTO"),
            (NOW + timedelta(hours=2), "CEO"),
            (NOW + timedelta(hours=3), "CTO"),
        ]

    def test_history_comes_in_as_versions_and_reading_it_again_changes_nothing(self, landing: Landing) -> None:
        hour = timedelta(hours=1)
        history = users(
            {"title": "CEO", "received": NOW - hour},
            {"title": "CTO", "received": NOW - 3 * hour},
            {"title": "CTO", "received": NOW - 2 * hour},
        )

        first, again = landing.land(history), landing.land(history)

        assert (first.new, again.new) == (2, 0)

    def test_a_change_under_an_unchanged_arrival_stamp_arrived_when_it_landed(self, landing: Landing) -> None:
        stamp = NOW - timedelta(hours=1)
        landing.land(users({"title": "CTO", "received": stamp}))
        landing.land(users({"title": "CEO", "received": stamp}))

        assert {row["title"]: row["arrived"] for row in landing.rows("users")} == {"CTO": stamp, "CEO": NOW}

    def test_of_several_rows_for_one_user_in_a_file_the_last_stands(self, landing: Landing) -> None:
        assert landing.land(users({"title": "CTO"}, {"title": "CEO"})).new == 1
        assert [row["title"] for row in landing.rows("users")] == ["CEO"]

    def test_a_column_that_is_new_or_gone_or_of_another_type_is_a_change_only_where_it_says_something(
        self, landing: Landing
    ) -> None:
        landing.land(users({"title": "5"}, {"user_id": "u2"}))
        more = USERS.append(pa.field("seats", pa.float64()))
        later = {"now": NOW + timedelta(hours=1)}

        added = landing.land(users({"title": "5", "seats": 3.0}, {"user_id": "u2"}, schema=more), **later)
        retyped = landing.land(users({"title": 5.0}, schema=USERS.set(3, pa.field("title", pa.float64()))), **later)

        assert added.new == 1
        assert retyped.new == 0


class TestFiles:
    def test_rows_are_sorted_and_typed_so_that_readers_can_skip(self, landing: Landing) -> None:
        landing.land(events(*({"event_id": str(n), "at": NOW - timedelta(hours=n)} for n in range(5))))

        (path,) = landing.lake.paths(landing.listed)
        parquet = pq.ParquetFile(path)
        assert parquet.read().column("at").to_pylist() == sorted(parquet.read().column("at").to_pylist())
        assert parquet.schema_arrow.field("at").type == STAMP
        assert (
            parquet.metadata.row_group(0)
            .column(parquet.schema_arrow.get_field_index("name"))
            .encodings.count("RLE_DICTIONARY")
        )
        parquet.close()

    def test_a_listed_file_that_is_gone_or_cut_off_stops_the_reader(self, landing: Landing) -> None:
        landing.land(events({}))
        path = Path(landing.lake.path(landing.listed[0]))
        whole = path.read_bytes()

        path.write_bytes(whole[:-1])
        with pytest.raises(LakeDamaged, match="are listed"):
            landing.land(events({"event_id": "b"}))
        path.unlink()
        with pytest.raises(LakeDamaged, match=path.name):
            landing.lake.paths(landing.listed)

    def test_a_listed_file_with_other_bytes_stops_the_reader(self, landing: Landing) -> None:
        landing.land(events({}))
        path = Path(landing.lake.path(landing.listed[0]))
        path.write_bytes(b"x" * path.stat().st_size)

        with pytest.raises(LakeDamaged, match="cannot be read"):
            landing.land(events({"event_id": "b"}))

    def test_what_is_not_listed_is_swept_after_an_hour(self, landing: Landing) -> None:
        landing.land(events({"event_id": "kept"}))
        rubbish = land(landing.lake, events({"event_id": "lost"}), Arrival("product", NOW), landing.listed).files[0]
        listed = [file.path for file in landing.listed]

        assert landing.lake.sweep(listed) == 0
        assert landing.lake.sweep(listed, now=datetime.now(UTC).timestamp() + 3700) == 1
        assert not Path(landing.lake.path(rubbish)).exists()
        assert len(landing.rows("events")) == 1

    def test_names_from_settings_cannot_leave_the_lake(self, tmp_path: Path) -> None:
        landing = Landing(tmp_path / "lake")

        (file,) = landing.land(events({}), source="../../../escape").files

        assert Path(landing.lake.path(file)).resolve().is_relative_to(tmp_path / "lake")

    def test_a_bucket_is_refused(self) -> None:
        with pytest.raises(LakeRefused, match="not built"):
            Lake("s3://bucket/lake", "acme")
