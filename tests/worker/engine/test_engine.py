"""The engine: files and Arrow in, expressions, Arrow and files out."""

import ctypes
import gc
from datetime import UTC, datetime

import duckdb
import ibis
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from worker.engine import Engine, changed
from worker.engine.difference import gone
from worker.engine.engine import EVENT_COLUMNS


@pytest.fixture(scope="module")
def engine():
    with Engine(threads=2, memory="500MB") as opened:
        yield opened


def event_file(path, **columns):
    given = {"source": ["s"], "name": ["login"], "at": [datetime(2026, 11, 22, 23, 59, 59, 999999, tzinfo=UTC)]} | columns
    pq.write_table(
        pa.table({name: values if isinstance(values, pa.Array) else pa.array(values) for name, values in given.items()}),
        path,
    )
    return path


def test_files_are_united_by_name_and_what_one_lacks_is_null(engine, tmp_path):
    old = event_file(tmp_path / "old.parquet")
    new = event_file(tmp_path / "new.parquet", pages=[2.0])

    rows = engine.run(engine.events([old, new], {"pages": "float64", "never_seen": "string"}))

    assert sorted(rows["pages"].to_pylist(), key=str) == [2.0, None]
    assert rows["never_seen"].to_pylist() == [None, None]
    assert set(rows.column_names) == {*EVENT_COLUMNS, "pages", "never_seen", "day"}


@pytest.mark.fault("F31")
def test_the_day_of_an_event_is_the_utc_day_to_the_microsecond(engine, tmp_path):
    path = event_file(tmp_path / "e.parquet")
    late = event_file(tmp_path / "l.parquet", at=[datetime(2026, 11, 23, tzinfo=UTC)])
    ancient = event_file(tmp_path / "a.parquet", at=[datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)])

    assert sorted(engine.run(engine.events([path, late, ancient]))["day"].to_pylist()) == [-1, 20779, 20780]


def test_no_file_yet_is_a_table_without_rows(engine):
    events = engine.run(engine.events([], {"pages": "float64"}))
    users = engine.run(engine.rows([], {"user_id": "string"}))

    assert (events.num_rows, "pages" in events.column_names, users.num_rows) == (0, True, 0)


def test_a_file_name_with_a_quote_is_a_name(engine, tmp_path):
    path = tmp_path / "it's.parquet"

    engine.to_parquet(engine.table(pa.table({"a": [1, 2]})).order_by("a"), path)

    assert engine.run(engine.files([path]))["a"].to_pylist() == [1, 2]


def test_whole_numbers_come_out_as_whole_numbers(engine):
    table = engine.table(pa.table({"a": pa.array([2**62, 2**61], pa.int64())}))

    total = engine.run(table.aggregate(total=table.a.sum()))

    assert (total.schema.field("total").type, total["total"].to_pylist()) == (pa.int64(), [2**62 + 2**61])


def test_batches_stop_when_the_reader_stops(engine):
    table = engine.table(pa.table({"a": list(range(200_000))}))

    for batch in engine.batches(table, size=10_000):
        assert batch.num_rows > 0
        break

    assert sum(batch.num_rows for batch in engine.batches(table)) == 200_000


def test_other_queries_may_run_between_two_batches(engine):
    table = engine.table(pa.table({"a": list(range(200_000))}))

    sizes = [engine.run(table.count().as_table()).num_rows * batch.num_rows for batch in engine.batches(table, size=10_000)]

    assert sum(sizes) == 200_000


def test_batches_come_in_the_order_asked_for(engine):
    table = engine.table(pa.table({"a": [number * 7919 % 500_000 for number in range(500_000)]}))

    found = [value for batch in engine.batches(table.order_by("a")) for value in batch["a"].to_pylist()]

    assert found == sorted(found)


def test_what_was_made_inside_a_scope_is_forgotten_at_its_end(engine, tmp_path):
    path = event_file(tmp_path / "e.parquet")
    outside = engine.table(pa.table({"a": [1]}))

    def tables():
        held = engine.backend.con.execute(
            "select table_name from duckdb_tables() union select view_name from duckdb_views() where not internal"
        )
        return held.to_arrow_table().num_rows

    before = tables()
    with engine.scope():
        engine.keep(engine.events([path]).count().as_table())
        next(engine.batches(engine.table(pa.table({"a": [1]}))))
        assert tables() > before

    assert tables() == before
    assert engine.run(outside).num_rows == 1


class Allocated(ctypes.Structure):
    """glibc's mallinfo2."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "kept")
    ]


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="only glibc tells what a process has allocated")
def test_a_process_that_lives_long_gives_back_what_its_evaluations_took():
    """DuckDB keeps a note of each block it freed, outside its own books, until tens of thousands have come together."""
    told = ctypes.CDLL(None).mallinfo2
    told.restype = Allocated

    def evaluated(engine, times):
        for _ in range(times):
            with engine.scope():
                rows = engine.table(pa.table({"key": range(5_000), "value": [f"v{n}" for n in range(5_000)]}))
                for _ in range(10):
                    engine.keep(rows.inner_join(rows.view(), "key"))
        gc.collect()
        return told().uordblks

    with Engine(threads=2) as engine:
        before = evaluated(engine, 5)
        assert evaluated(engine, 40) - before < 500_000


def test_a_scope_inside_another_leaves_what_was_made_around_it(engine):
    with engine.scope():
        around = engine.table(pa.table({"a": [1]}))
        with engine.scope():
            engine.table(pa.table({"a": [2]}))
        assert engine.run(around)["a"].to_pylist() == [1]


def test_what_is_kept_is_computed_once(engine):
    table = engine.table(pa.table({"a": [1]}))

    kept = engine.keep(table.mutate(chance=ibis.random()))

    assert engine.run(kept).equals(engine.run(kept))


def test_moments_are_shown_and_compared_in_utc(engine):
    table = engine.table(pa.table({"at": pa.array([datetime(2026, 11, 22, 23, 30, tzinfo=UTC)], pa.timestamp("us", "UTC"))}))

    assert engine.run(table.select(day=table.at.date().cast("string")))["day"].to_pylist() == ["2026-11-22"]


def test_names_of_tables_are_not_names_that_ibis_gives_to_parts(engine):
    tables = [engine.table(pa.table({"key": [n], f"c{n}": [n]})) for n in range(12)]
    first = tables[0].group_by("key").aggregate(n=tables[0].c0.sum())
    joined = first
    for table in tables[1:]:
        joined = joined.left_join(table.mutate(twice=table.key * 2).drop("twice"), "key").drop("key_right")

    assert engine.run(joined.union(joined)).num_rows == 2


def test_a_closed_engine_leaves_no_folder_behind():
    engine = Engine(threads=1)
    spill = engine._spill
    assert spill.exists()

    engine.close()

    assert not spill.exists()


def test_two_engines_know_nothing_of_each_other():
    with Engine(threads=1) as one, Engine(threads=1) as other:
        name = one.table(pa.table({"a": [1]})).get_name()
        with pytest.raises(duckdb.CatalogException):
            other.backend.con.execute(f"select * from {name}")


# ---------------------------------------------------------------------------------- the difference


def pairs(engine, **rows):
    return engine.table(
        pa.table(
            {
                "key": list(rows),
                "a": [a for a, _ in rows.values()],
                "b": pa.array([b for _, b in rows.values()], pa.string()),
            }
        )
    )


def test_only_new_and_different_rows_remain_and_null_is_a_value(engine):
    wanted = pairs(engine, same=(1, None), new=(1, "x"), other=(2, "x"), filled=(1, "x"), emptied=(1, None))
    held = pairs(engine, same=(1, None), other=(1, "x"), filled=(1, None), emptied=(1, "x"), old=(1, "x"))

    found = {row["key"]: row for row in engine.run(changed(wanted, held, ["key"], ["a", "b"])).to_pylist()}

    assert set(found) == {"new", "other", "filled", "emptied"}
    assert [key for key, row in found.items() if row["is_new"]] == ["new"]
    assert (found["other"]["was_a"], found["filled"]["was_b"], found["emptied"]["was_b"]) == (1, None, "x")
    assert engine.run(gone(wanted, held, ["key"]))["key"].to_pylist() == ["old"]


def test_a_table_does_not_differ_from_itself(engine):
    rows = pairs(engine, one=(1, None), two=(2, "x"))

    assert engine.run(changed(rows, rows, ["key"], ["a", "b"])).num_rows == 0
