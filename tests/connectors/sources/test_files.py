"""Files: what makes a line or a whole file unreadable, what makes a file new, what a query may read."""

from __future__ import annotations

import gzip
import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from source_contract import NOW, START, everything, ids

from connectors.errors import Refused
from connectors.sources.files import Files
from settings.sources import EventFeed, Kept, SourceSpec

STAMP = "2026-11-01T08:00:00Z"


def source(folder: Path, file: str | None = "events.jsonl", keep: tuple[Kept, ...] = (), **more) -> Files:
    feed = {"file": file, "id": "id", "user": "user", "name": "event", "at": "at", "keep": keep} | more.pop("events", {})
    return Files(SourceSpec(kind="files", events=EventFeed(**feed), **more), folder)


def line(id: str = "e1", **more) -> str:
    return json.dumps({"id": id, "user": "u1", "event": "opened", "at": STAMP} | more)


def reasons(pieces) -> dict[str, str]:
    return {bad.where: bad.reason for piece in pieces for bad in piece.bad}


class TestLines:
    @pytest.mark.fault("F33")
    def test_a_malformed_line_is_set_aside_with_its_number_and_its_neighbours_land(self, tmp_path: Path) -> None:
        (tmp_path / "events.jsonl").write_text(f"{line('e1')}\n{{broken\n\n[1, 2]\n{line('e2')}\n")

        pieces = everything(source(tmp_path))

        assert ids(pieces) == ["e1", "e2"]
        assert reasons(pieces) == {"events.jsonl:2": "not a JSON object", "events.jsonl:4": "not a JSON object"}
        assert pieces[0].bad[0].raw == "{broken"

    @pytest.mark.fault("F33")
    def test_bytes_that_are_not_utf8_set_only_their_line_aside(self, tmp_path: Path) -> None:
        (tmp_path / "events.jsonl").write_bytes(f"{line('e1')}\n".encode() + b'{"id": "\xe9"}\n' + line("e2").encode())

        pieces = everything(source(tmp_path))

        assert ids(pieces) == ["e1", "e2"]
        assert reasons(pieces) == {"events.jsonl:2": "not UTF-8"}

    @pytest.mark.fault("F33")
    def test_a_byte_order_mark_and_windows_line_ends_are_no_trouble(self, tmp_path: Path) -> None:
        (tmp_path / "events.jsonl").write_bytes(b"\xef\xbb\xbf" + f"{line('e1')}\r\n{line('e2')}\r\n".encode())

        assert ids(everything(source(tmp_path))) == ["e1", "e2"]

    @pytest.mark.fault("F33")
    @pytest.mark.parametrize("zero", ['"u\\u0000"', '"u\x00"'])
    def test_a_nul_sets_its_line_aside(self, tmp_path: Path, zero: str) -> None:
        (tmp_path / "events.jsonl").write_text(
            f'{line("e1")}\n{{"id": "e2", "user": {zero}, "event": "x", "at": "{STAMP}"}}'
        )

        pieces = everything(source(tmp_path))

        assert ids(pieces) == ["e1"]
        assert set(reasons(pieces)) == {"events.jsonl:2"}

    @pytest.mark.fault("F32")
    @pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", '"NaN"'])
    def test_a_number_that_is_none_sets_its_row_aside_and_names_the_column(self, tmp_path: Path, number: str) -> None:
        bad = line("e2")[:-1] + f', "pages": {number}}}'
        (tmp_path / "events.jsonl").write_text(f"{line('e1', pages=3)}\n{bad}\n")

        pieces = everything(source(tmp_path, keep=(Kept(name="pages", type="number"),)))

        assert ids(pieces) == ["e1"]
        ((where, reason),) = reasons(pieces).items()
        assert where == "events.jsonl:2"
        assert "pages" in reason or reason == "not a JSON object"

    @pytest.mark.fault("F55")
    def test_a_value_beyond_65536_characters_sets_its_row_aside(self, tmp_path: Path) -> None:
        (tmp_path / "events.jsonl").write_text("\n".join((line("e1", note="n" * 65_536), line("e2", note="n" * 1_000_000))))

        pieces = everything(source(tmp_path, keep=(Kept(name="note"),)))

        assert ids(pieces) == ["e1"]
        assert reasons(pieces) == {"events.jsonl:2": "`note` is longer than 65,536 characters"}
        assert len(pieces[0].bad[0].raw) == 2_000

    def test_properties_are_reached_through_objects(self, tmp_path: Path) -> None:
        rows = [
            line("e1", properties={"plan": {"name": "team"}}),
            line("e2", **{"properties.plan.name": "flat"}),
            line("e3"),
        ]
        (tmp_path / "events.jsonl").write_text("\n".join(rows))

        (piece,) = everything(source(tmp_path, keep=(Kept(name="plan", column="properties.plan.name"),)))

        assert piece.rows.column("plan").to_pylist() == ["team", "flat", None]

    def test_a_kept_property_may_not_take_a_name_of_ours(self, tmp_path: Path) -> None:
        (tmp_path / "events.jsonl").write_text(line())

        with pytest.raises(Refused, match="my_source"):
            everything(source(tmp_path, keep=(Kept(name="source"),)))

    def test_several_columns_make_an_id_that_no_other_values_make(self, tmp_path: Path) -> None:
        rows = [line("a|b", n="c"), line("a", n="b|c"), line("a", n=None), line(None, n=None)]
        (tmp_path / "events.jsonl").write_text("\n".join(rows))

        pieces = everything(source(tmp_path, events={"id": ("id", "n")}))

        assert len(set(ids(pieces))) == 3
        assert reasons(pieces) == {"events.jsonl:4": "`id` + `n` is empty"}

    def test_mostly_unreadable_is_a_wrong_setting(self, tmp_path: Path) -> None:
        (tmp_path / "events.jsonl").write_text("\n".join(line(f"e{n}", at="2026-11-01 08:00:00") for n in range(1500)))

        with pytest.raises(Refused, match=r"1,500 of 1,500 rows .* `naive_tz`.* events.jsonl:1"):
            everything(source(tmp_path))


class TestStamps:
    def moment(self, folder: Path, at: object, **more) -> datetime | str:
        (folder / "events.jsonl").write_text(line("e1", at=at))
        (piece,) = everything(source(folder, **more))
        return piece.rows.column("at").to_pylist()[0] if len(piece.rows) else piece.bad[0].reason

    @pytest.mark.fault("F31")
    def test_a_leap_second_is_read_or_set_aside_and_never_moves_its_neighbours(self, tmp_path: Path) -> None:
        leap = self.moment(tmp_path, "2016-12-31T23:59:60Z")

        assert isinstance(leap, str) or abs((leap - datetime(2017, 1, 1, tzinfo=UTC)).total_seconds()) <= 1
        assert self.moment(tmp_path, "2028-02-29T23:59:59Z") == datetime(2028, 2, 29, 23, 59, 59, tzinfo=UTC)

    @pytest.mark.parametrize(
        "text",
        [
            "2026-11-01T08:00:00Z",
            "2026-11-01 09:00:00+01:00",
            "2026-11-01T09:00+0100",
            "2026-11-01 08:00:00.000 UTC",
            "2026-11-01T08:00Z",
        ],
    )
    def test_a_stamp_with_its_zone_is_understood(self, tmp_path: Path, text: str) -> None:
        assert self.moment(tmp_path, text) == START

    @pytest.mark.fault("F60")
    def test_a_stamp_without_zone_is_set_aside_unless_the_zone_is_declared(self, tmp_path: Path) -> None:
        assert "no time zone" in str(self.moment(tmp_path, "2026-11-01T09:00:00"))
        assert self.moment(tmp_path, "2026-11-01T09:00:00", naive_tz="Europe/Berlin") == START
        assert "no time zone" in str(self.moment(tmp_path, "2026-11-01"))

    @pytest.mark.fault("F60")
    @pytest.mark.parametrize(
        ("unit", "number"), [("seconds", 1793520000), ("milliseconds", 1793520000000), ("microseconds", 1793520000000000)]
    )
    def test_a_bare_number_is_a_stamp_only_in_a_declared_unit(self, tmp_path: Path, unit: str, number: int) -> None:
        assert "no `epoch`" in str(self.moment(tmp_path, number))
        assert self.moment(tmp_path, number, epoch=unit) == START
        assert self.moment(tmp_path, str(number), epoch=unit) == START

    @pytest.mark.fault("F60")
    def test_a_number_in_the_wrong_unit_is_set_aside(self, tmp_path: Path) -> None:
        assert "outside 1970 to 9999" in str(self.moment(tmp_path, 1793520000000, epoch="seconds"))

    @pytest.mark.parametrize("text", ["yesterday", "2026-02-30T00:00:00Z", "0000-00-00 00:00:00Z"])
    def test_what_is_no_date_is_set_aside(self, tmp_path: Path, text: str) -> None:
        assert self.moment(tmp_path, text) == "`at` is not a date and time"

    def test_typed_columns_follow_the_same_rule(self, tmp_path: Path) -> None:
        table = pa.table({"id": ["e1"], "user": ["u"], "event": ["x"], "at": [START.replace(tzinfo=None)]})
        pq.write_table(table, tmp_path / "events.parquet")

        (piece,) = everything(source(tmp_path, "events.parquet"))
        (declared,) = everything(source(tmp_path, "events.parquet", naive_tz="UTC"))

        assert "naive_tz" in piece.bad[0].reason
        assert declared.rows.column("at").to_pylist() == [START]


class TestWholeFiles:
    @pytest.mark.fault("F34")
    def test_a_gzip_that_is_cut_off_lands_not_at_all_and_lands_once_it_is_whole(self, tmp_path: Path) -> None:
        whole = gzip.compress("\n".join(line(f"e{n}", note=os.urandom(50).hex()) for n in range(20_000)).encode())
        (tmp_path / "a.jsonl.gz").write_bytes(whole[:-2000])
        (tmp_path / "b.jsonl").write_text(line("other"))
        files = source(tmp_path, "*.jsonl*")

        first = everything(files)
        (tmp_path / "a.jsonl.gz").write_bytes(whole)
        then = everything(files, cursor=first[-1].cursor)

        assert ids(first) == ["other"]
        assert "cut off" in reasons(first)["a.jsonl.gz"]
        assert len(ids(then)) == 20_000

    @pytest.mark.fault("F39")
    def test_a_csv_that_lost_a_column_lands_not_at_all_and_says_which(self, tmp_path: Path) -> None:
        (tmp_path / "events.csv").write_text(f"id,user,event,when\ne1,u,x,{STAMP}\n")

        pieces = everything(source(tmp_path, "*.csv"))

        assert ids(pieces) == []
        assert "`at`" in reasons(pieces)["events.csv"]
        assert json.loads(pieces[-1].cursor) == {}

    def test_rows_of_a_csv_with_another_number_of_values_are_set_aside(self, tmp_path: Path) -> None:
        text = f'id,user,event,at\ne1,u,"two\nlines",{STAMP}\ne2,u,x\ne3,u,x,{STAMP},more\n\ne4,u,x,{STAMP}\n'
        (tmp_path / "events.csv").write_text(text)

        pieces = everything(source(tmp_path, "*.csv"))

        assert ids(pieces) == ["e1", "e4"]
        assert reasons(pieces) == {
            "events.csv:4": "3 values where the header has 4",
            "events.csv:5": "5 values where the header has 4",
        }

    def test_a_csv_in_another_encoding_keeps_its_plain_rows(self, tmp_path: Path) -> None:
        (tmp_path / "events.csv").write_bytes(f"id;user;event;at\ne1;Jos\xe9;x;{STAMP}\ne2;Ana;x;{STAMP}".encode("latin-1"))

        pieces = everything(source(tmp_path, "*.csv", options={"delimiter": ";"}))

        assert ids(pieces) == ["e2"]
        assert reasons(pieces) == {"events.csv:2": "not UTF-8"}

    def test_a_damaged_parquet_file_is_set_aside_as_a_whole(self, tmp_path: Path) -> None:
        (tmp_path / "events.parquet").write_bytes(b"PAR1 and no more")

        assert "damaged" in reasons(everything(source(tmp_path, "*.parquet")))["events.parquet"]

    def test_a_file_that_was_touched_is_not_read_again_but_one_that_changed_is(self, tmp_path: Path) -> None:
        path = tmp_path / "events.jsonl"
        path.write_text(line("e1"))
        files = source(tmp_path)
        cursor = everything(files)[-1].cursor

        os.utime(path, (1, 1))
        touched = everything(files, cursor=cursor)
        path.write_text(line("e2"))
        os.utime(path, (1, 1))

        assert touched == []
        assert ids(everything(files, cursor=cursor)) == ["e2"]

    @pytest.mark.fault("F35")
    def test_a_file_that_grows_while_it_is_read_is_read_again(self, tmp_path: Path) -> None:
        path = tmp_path / "events.jsonl"
        path.write_text("\n".join(line(f"e{n}") for n in range(210_000)) + "\n")
        files, cursor = source(tmp_path), None
        for piece in files.pull("events", None, NOW):
            if cursor is None:
                with path.open("a") as opened:
                    opened.write(line("late"))
            cursor = piece.cursor

        assert "late" in ids(everything(files, cursor=cursor))

    @pytest.mark.fault("F35")
    def test_a_file_that_is_replaced_while_it_is_read_is_read_again_from_its_beginning(self, tmp_path: Path) -> None:
        path = tmp_path / "events.jsonl"
        path.write_text("\n".join(line(f"e{n}") for n in range(210_000)) + "\n")
        files, cursor, seen = source(tmp_path), None, set()
        for piece in files.pull("events", None, NOW):
            if cursor is None:
                (tmp_path / "next").write_text("\n".join(line(f"n{n}") for n in range(50)) + "\n")
                (tmp_path / "next").rename(path)
            cursor = piece.cursor
            seen |= set(ids([piece]))

        assert seen <= {f"e{n}" for n in range(210_000)}, "what was open is read to its end"
        assert {f"n{n}" for n in range(50)} <= set(ids(everything(files, cursor=cursor)))

    def test_a_pull_that_breaks_off_in_a_large_file_goes_on_behind_what_landed(self, tmp_path: Path) -> None:
        path = tmp_path / "events.jsonl"
        path.write_text("\n".join(line(f"e{n}") for n in range(420_000)))
        files = source(tmp_path)
        pieces = files.pull("events", None, NOW)
        first = next(pieces)
        pieces.close()

        rest = everything(files, cursor=first.cursor)

        assert len(ids([first])) + len(ids(rest)) == 420_000
        assert set(ids([first])) | set(ids(rest)) == {f"e{n}" for n in range(420_000)}
        assert everything(files, cursor=rest[-1].cursor) == []
        path.write_text(line("other"))
        assert ids(everything(files, cursor=first.cursor)) == ["other"], "another file under the same name starts anew"

    def test_pieces_are_small_enough_for_memory(self, tmp_path: Path) -> None:
        (tmp_path / "events.jsonl").write_text("\n".join(line(f"e{n}") for n in range(300_000)))

        sizes = [len(piece.rows) for piece in everything(source(tmp_path))]

        assert sum(sizes) == 300_000
        assert max(sizes) <= 250_000

    @pytest.mark.parametrize(("file", "says"), [("gone.jsonl", "no file gone.jsonl"), ("s3://b/x", "not a local path")])
    def test_a_place_that_cannot_be_read_is_refused(self, tmp_path: Path, file: str, says: str) -> None:
        with pytest.raises(Refused, match=says):
            everything(source(tmp_path, file))


class TestQueries:
    def query(self, folder: Path, sql: str) -> Files:
        return source(folder, None, events={"query": sql})

    def test_a_query_shapes_files_into_rows_and_runs_again_when_a_file_changes(self, tmp_path: Path) -> None:
        (tmp_path / "events.jsonl").write_text(line("e1"))
        files = self.query(tmp_path, "select id, user, event, \"at\"::timestamptz as at from read_json('events*.jsonl')")

        first = everything(files)
        same = everything(files, cursor=first[-1].cursor)
        (tmp_path / "events-2.jsonl").write_text(line("e2"))

        assert ids(first) == ["e1"]
        assert same == []
        assert set(ids(everything(files, cursor=first[-1].cursor))) == {"e1", "e2"}

    def test_a_query_that_breaks_off_goes_on_behind_what_landed(self, tmp_path: Path) -> None:
        pq.write_table(pa.table({"n": range(420_000)}), tmp_path / "n.parquet")
        files = self.query(
            tmp_path,
            f"select n as id, 'u' as user, 'x' as event, '{STAMP}'::timestamptz as \"at\" from read_parquet('n.parquet') "
            "group by n",
        )
        pieces = files.pull("events", None, NOW)
        first = next(pieces)
        pieces.close()

        rest = everything(files, cursor=first.cursor)

        assert len(ids([first])) + len(ids(rest)) == len(set(ids([first])) | set(ids(rest))) == 420_000
        assert everything(files, cursor=rest[-1].cursor) == []

    @pytest.mark.parametrize(
        "sql",
        [
            "select * from read_text('/etc/passwd')",
            "select * from read_parquet('s3://bucket/x.parquet')",
            "copy (select 1) to 'out.csv'",
            "select * from read_json('events.jsonl'); drop table x",
            "attach 'x.db'",
            "select * from 'events.jsonl'",
            "select (select content from read_text('x')) from read_json('events.jsonl')",
            "select * from read_json('events' || '.jsonl')",
            "with gone as (delete from x returning *) select * from gone",
            "selekt",
        ],
    )
    def test_a_query_reads_local_files_and_nothing_else(self, tmp_path: Path, sql: str) -> None:
        (tmp_path / "events.jsonl").write_text(line("e1"))

        with pytest.raises(Refused):
            everything(self.query(tmp_path, sql))

    def test_the_moment_of_asking_cuts_nothing_from_files(self, tmp_path: Path) -> None:
        (tmp_path / "events.jsonl").write_text(line("e1"))

        assert ids(source(tmp_path).pull("events", None, datetime(2020, 1, 1, tzinfo=UTC))) == ["e1"]
