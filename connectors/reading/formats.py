"""
CSV, JSON lines and Parquet files in pieces that fit into memory.

Decided here: what makes a whole file unreadable (a gzip that is cut off, a lost header, a quote that never closes) and what
only sets one line aside (not UTF-8, not JSON, too few values), each with its line number. Not decided here: what the values
mean (`shaping`), which files are new (the source).
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING

from connectors.contract import BadRow
from connectors.errors import Refused
from connectors.reading.shaping import SHOWN, Unreadable, memory

if TYPE_CHECKING:
    from _csv import Reader

    import duckdb
    import pyarrow as pa

BLOCK = 8 * 1024 * 1024
ROWS = 50_000
LONGEST_LINE = 64 * 1024 * 1024
LINES_IN_A_VALUE = 10_000
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows under the source's own column names, the line each stands in, and lines that are no rows at all."""

    raw: pa.Table
    lines: Sequence[int]
    bad: tuple[BadRow, ...] = field(default=())


def read(path: Path, wanted: Sequence[str], delimiter: str = ",") -> Iterator[Piece]:
    """Yield the file's rows with the `wanted` columns; the suffix says what it is: .csv, .jsonl, .ndjson, .parquet."""
    names = path.name.lower().removesuffix(".gz")
    if names.endswith(".parquet"):
        yield from _parquet(path, wanted)
        return
    reader = next((reader for suffix, reader in _READERS.items() if names.endswith(suffix)), None)
    if reader is None:
        raise Refused(
            f"{path.name} is no kind of file that can be read. Use .csv, .jsonl, .ndjson or .parquet, also as .gz."
        )
    if path.suffix.lower() == ".gz":
        _whole(path)
        with gzip.open(path) as opened:
            yield from reader(opened, path.name, wanted, delimiter)  # type: ignore[arg-type]  # a GzipFile reads like a binary file
    else:
        with path.open("rb") as opened:
            yield from reader(opened, path.name, wanted, delimiter)


def _whole(path: Path) -> None:
    # Read once to the end before the first row is given away: a file that is cut off lands not at all.
    try:
        with gzip.open(path) as opened:
            while opened.read(1024 * 1024):
                pass
    except (EOFError, OSError, zlib.error) as problem:
        raise Unreadable(f"the gzip file is cut off or damaged ({problem})") from None


# ---------------------------------------------------------------------------------------------------- JSON lines


def _jsonl(opened: IO[bytes], place: str, wanted: Sequence[str], _delimiter: str) -> Iterator[Piece]:
    with memory("256MB") as con:
        first = 1
        for lines in _blocks(opened):
            if first == 1 and lines:
                lines[0] = lines[0].removeprefix(_BOM)
            yield _from_json(con, lines, first, place, wanted)
            first += len(lines)


def _blocks(opened: IO[bytes]) -> Iterator[list[bytes]]:
    rest = b""
    while block := opened.read(BLOCK):
        lines = (rest + block).split(b"\n")
        rest = lines.pop()
        if len(rest) > LONGEST_LINE:
            raise Unreadable(f"a line is longer than {LONGEST_LINE:,} bytes; is this one JSON document, not one per line?")
        yield lines
    if rest:
        yield [rest]


def _from_json(con: duckdb.DuckDBPyConnection, lines: list[bytes], first: int, place: str, wanted: Sequence[str]) -> Piece:
    import pyarrow as pa

    kept, numbers, bad = _decoded(lines, first, place)
    con.register("lines", pa.table({"line": kept}))
    paths = ", ".join(_text(path) for name in wanted for path in _paths(name))
    found = con.execute(
        f"SELECT CASE WHEN ok THEN json_extract_string(line, [{paths}]) END AS found, ok "  # noqa: S608 (paths are quoted)
        "FROM (SELECT line, CASE WHEN json_valid(line) THEN json_type(line) = 'OBJECT' ELSE false END AS ok FROM lines)"
    ).to_arrow_table()
    good = found.column("ok").combine_chunks()
    if good.true_count != len(good):
        wrong = [n for n, fine in enumerate(good.to_pylist()) if not fine]
        bad += [BadRow(f"{place}:{numbers[n]}", "not a JSON object", kept[n].as_py()[:SHOWN]) for n in wrong]
        numbers = [number for number, fine in zip(numbers, good.to_pylist(), strict=True) if fine]
        found = found.filter(good)
    return Piece(_columns_of(found.column("found"), wanted), numbers, tuple(bad))


def _decoded(lines: list[bytes], first: int, place: str) -> tuple[pa.Array, list[int], list[BadRow]]:
    import pyarrow as pa

    full = [(number, line.rstrip(b"\r")) for number, line in enumerate(lines, start=first) if line.strip()]
    numbers = [number for number, _ in full]
    try:
        return pa.array([line for _, line in full], pa.binary()).cast(pa.string()), numbers, []
    except pa.ArrowInvalid:
        good = [(number, line) for number, line in full if _is_utf8(line)]
        bad = [
            BadRow(f"{place}:{number}", "not UTF-8", line.decode(errors="replace")[:SHOWN])
            for number, line in full
            if not _is_utf8(line)
        ]
        return pa.array([line.decode() for _, line in good], pa.string()), [number for number, _ in good], bad


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _paths(name: str) -> tuple[str, ...]:
    """A dotted name reaches into objects, or stands as it is."""
    steps = "$" + "".join(f'."{step}"' for step in name.split("."))
    return (steps, f'$."{name}"') if "." in name else (steps,)


def _columns_of(found: pa.ChunkedArray, wanted: Sequence[str]) -> pa.Table:
    import pyarrow as pa
    import pyarrow.compute as pc

    width = sum(len(_paths(name)) for name in wanted)
    flat = pc.list_flatten(found).combine_chunks()
    columns, at = [], 0
    for name in wanted:
        parts = [flat.take(pa.array(range(at + n, len(flat), width), pa.int64())) for n in range(len(_paths(name)))]
        columns.append(pc.coalesce(*parts))
        at += len(parts)
    return pa.table(columns, names=list(wanted))


# ---------------------------------------------------------------------------------------------------- CSV


def _csv(opened: IO[bytes], place: str, wanted: Sequence[str], delimiter: str) -> Iterator[Piece]:
    csv.field_size_limit(LONGEST_LINE)  # one setting for the process; beyond it the reader gives up on the line
    text = io.TextIOWrapper(opened, encoding="utf-8-sig", errors="surrogateescape", newline="")
    try:
        rows = csv.reader(text, delimiter=delimiter)
        header = next(rows, [])
        missing = [name for name in wanted if name not in header and name.split(".")[0] not in header]
        if missing:
            raise Unreadable(f"the header has no column `{'`, `'.join(missing)}`. It says: {', '.join(header[:12])}")
        columns = tuple(dict.fromkeys(name if name in header else name.split(".")[0] for name in wanted))
        yield from _csv_pieces(rows, header, columns, place)
    finally:
        text.detach()


def _csv_pieces(rows: Reader, header: Sequence[str], columns: Sequence[str], place: str) -> Iterator[Piece]:
    good: list[list[str]] = []
    lines: list[int] = []
    bad: list[BadRow] = []
    last = rows.line_num
    for row in rows:
        line, last = last + 1, rows.line_num
        if last - line > LINES_IN_A_VALUE:
            raise Unreadable(f"a quote that opens after line {line} is not closed")
        if len(row) == len(header):
            good.append(row)
            lines.append(line)
        elif row:
            says = f"{len(row)} values where the header has {len(header)}"
            bad.append(BadRow(f"{place}:{line}", says, _escaped(",".join(row))[:SHOWN]))
        if len(good) == ROWS:
            yield _from_csv(good, lines, bad, place, (header, columns))
            good, lines, bad = [], [], []
    if good or bad:
        yield _from_csv(good, lines, bad, place, (header, columns))


def _from_csv(
    good: list[list[str]], lines: list[int], bad: list[BadRow], place: str, names: tuple[Sequence[str], Sequence[str]]
) -> Piece:
    import pyarrow as pa

    header, columns = names
    try:
        table = _csv_table(good, header, columns)
    except UnicodeEncodeError:  # a stray byte somewhere: find its rows
        fine = [_is_text(row) for row in good]
        bad += [
            BadRow(f"{place}:{line}", "not UTF-8", _escaped(",".join(row))[:SHOWN])
            for row, line, ok in zip(good, lines, fine, strict=True)
            if not ok
        ]
        lines = [line for line, ok in zip(lines, fine, strict=True) if ok]
        table = _csv_table([row for row, ok in zip(good, fine, strict=True) if ok], header, columns)
    assert isinstance(table, pa.Table)
    return Piece(table, lines, tuple(bad))


def _csv_table(rows: list[list[str]], header: Sequence[str], columns: Sequence[str]) -> pa.Table:
    import pyarrow as pa

    at = [list(header).index(name) for name in columns]
    return pa.table([pa.array([row[n] for row in rows], pa.string()) for n in at], names=list(columns))


def _is_text(row: Sequence[str]) -> bool:
    return not any("\ud800" <= char <= "\udfff" for value in row if not value.isascii() for char in value)


def _escaped(text: str) -> str:
    return text.encode(errors="backslashreplace").decode()


_Reader = Callable[[IO[bytes], str, Sequence[str], str], Iterator[Piece]]
_READERS: dict[str, _Reader] = {".csv": _csv, ".jsonl": _jsonl, ".ndjson": _jsonl, ".json": _jsonl}


# ---------------------------------------------------------------------------------------------------- Parquet


def _parquet(path: Path, wanted: Sequence[str]) -> Iterator[Piece]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        opened = pq.ParquetFile(path, memory_map=False, pre_buffer=False)
    except (pa.ArrowInvalid, OSError) as problem:
        raise Unreadable(f"the Parquet file is cut off or damaged ({str(problem)[:200]})") from None
    with opened:
        names = opened.schema_arrow.names
        columns = list(dict.fromkeys(name if name in names else name.split(".")[0] for name in wanted))
        missing = [name for name in columns if name not in names]
        if missing:
            raise Unreadable(f"there is no column `{'`, `'.join(missing)}`. It has: {', '.join(names[:12])}")
        first = 1
        try:
            for batch in opened.iter_batches(ROWS, columns=columns, use_threads=False):
                table = _strings(pa.Table.from_batches([batch]))
                yield Piece(table, range(first, first + len(table)))
                first += len(table)
        except (pa.ArrowInvalid, OSError) as problem:
            raise Unreadable(f"the Parquet file is damaged near row {first:,} ({str(problem)[:200]})") from None


def _strings(table: pa.Table) -> pa.Table:
    """Old writers mark text as bytes."""
    import pyarrow as pa

    for n, column in enumerate(table.schema):
        if pa.types.is_binary(column.type):
            table = table.set_column(n, column.name, table.column(n).cast(pa.string()))
    return table


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
