"""What was pulled, with which settings, in which run."""

from datetime import UTC, datetime, timedelta

import pytest

from worker.store import landing, runs, slots, versions
from worker.store.database import Store
from worker.store.landing import Bad, Cursor, File, Landed

NOW = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)


def piece(path: str, cursor: str, *bad: Bad) -> Landed:
    file = File("product", "events", path, rows=10, bytes=100, min_at=NOW, max_at=NOW)
    return Landed("product", "events", Cursor(cursor, pulled_at=NOW, last_rows=10), (file,), bad, "r1")


def test_files_and_cursor_land_together(store: Store):
    with store.write() as tx:
        landing.landed(tx, piece("a.parquet", "c1"))

    with store.read() as tx:
        assert landing.cursor(tx, "product", "events") == Cursor("c1", pulled_at=NOW, last_rows=10)
        assert [file.path for file in landing.files(tx, "events", "product")] == ["a.parquet"]
        assert landing.cursor(tx, "product", "users") is None


def test_a_cursor_never_runs_ahead_of_the_files_it_covers(store: Store):
    with store.write() as tx:
        landing.landed(tx, piece("a.parquet", "c1"))
    with pytest.raises(Exception, match=r"(?i)unique"), store.write() as tx:
        landing.landed(tx, piece("a.parquet", "c2"))

    with store.read() as tx:
        assert landing.cursor(tx, "product", "events").cursor == "c1"


def test_a_bad_row_is_set_aside_once_and_in_part(store: Store):
    bad = Bad("users.csv:7", "no user id", "x" * 5000)
    with store.write() as tx:
        assert landing.landed(tx, piece("a.parquet", "c1", bad, bad)) == 1
        assert landing.landed(tx, piece("b.parquet", "c2", bad)) == 0

    with store.write() as tx:
        (row,) = landing.quarantined(tx, "product")
        assert (row["where"], len(row["raw"])) == ("users.csv:7", 2000)
        assert landing.count_quarantined(tx) == {"product": 1}
        landing.settle_quarantined(tx, [row["id"]], "retried")
        assert landing.quarantined(tx) == []


def test_a_fold_replaces_the_files_it_folded(store: Store):
    with store.write() as tx:
        landing.landed(tx, piece("a.parquet", "c1"))
        landing.replace_files(tx, ["a.parquet"], [File("product", "rollup", "day.parquet", 5, 50, key="2026-11-22")])

    with store.read() as tx:
        assert [(file.kind, file.key) for file in landing.files(tx)] == [("rollup", "2026-11-22")]


def test_only_a_change_makes_a_new_settings_version(store: Store):
    with store.write() as tx:
        first, changed = versions.activate(tx, "version: 1", "ana@acme.com")
        assert changed
        assert versions.activate(tx, "version: 1", "tom@acme.com") == (first, False)
        second, _ = versions.activate(tx, "version: 1 # more", "tom@acme.com")

        assert versions.active(tx).who == "tom@acme.com"
        assert versions.by_hash(tx, first[:8]).text == "version: 1"
        assert [version.hash for version in versions.history(tx)] == [second, first]


def test_going_back_to_earlier_settings_is_a_version_again(store: Store):
    with store.write() as tx:
        first, _ = versions.activate(tx, "a", "ana")
        versions.activate(tx, "b", "ana")
        assert versions.activate(tx, "a", "ana") == (first, True)
        assert versions.active(tx).text == "a"


def test_a_replay_finds_the_instants_of_the_runs_that_were_carried_out(store: Store):
    with store.write() as tx:
        done = runs.begin(tx, NOW, "sha1")
        runs.finish(tx, done, "done", {"leads": {"seen": 3}})
        failed = runs.begin(tx, NOW + timedelta(hours=1), "sha1")
        runs.at_step(tx, failed, "push")
        runs.finish(tx, failed, "failed")

        assert runs.instants(tx) == [(NOW, "sha1", done)]
        assert runs.last(tx).id == failed
        assert runs.last(tx, finished=True).report == {"leads": {"seen": 3}}
        assert runs.by_id(tx, failed).step == "push"


@pytest.mark.fault("F47")
def test_a_slot_is_taken_once_however_many_schedulers_ring(store: Store):
    with store.write() as tx:
        assert slots.claim(tx, "score", NOW, "beat-1")
        assert not slots.claim(tx, "score", NOW, "beat-2")
        assert slots.claim(tx, "score", NOW + timedelta(minutes=15), "beat-2")
        assert slots.last(tx, "score") == NOW + timedelta(minutes=15)
