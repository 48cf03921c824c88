"""
What there is to read: files below a folder with their columns and a few rows, for people who begin.

Decided here: which files belong together (numbered and dated parts of one name, all of a subfolder), how many rows are
looked at. Not decided here: what a column means (`pql init` guesses), how a file is read for good (`formats`).
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any

from connectors.errors import Refused

ROWS = 200
LONGEST = 1024 * 1024
MOST_FILES = 10_000
_SUFFIX = re.compile(r"\.(csv|jsonl|ndjson|parquet)(\.gz)?$", re.IGNORECASE)
_PART = re.compile(r"[-_.]?\d[\d\-_T.:]*$")


@dataclass(frozen=True, slots=True)
class Table:
    """A table, or files of one kind under one pattern; `sample` holds first rows as text where they are cheap to get."""

    name: str
    columns: tuple[str, ...]
    sample: tuple[Mapping[str, str], ...] = ()
    delimiter: str = ","

    def values(self, column: str) -> list[str]:
        """What the sample has in a column, without blanks."""
        return [row[column] for row in self.sample if row.get(column)]


def tables(root: Path) -> list[Table]:
    """The files below a folder, grouped by pattern; a file without readable columns is left out."""
    if not root.is_dir():
        raise Refused(f"There is no folder {root}. Name the folder that holds the usage files.")
    grouped: dict[str, list[Path]] = {}
    for path in islice(sorted(root.rglob("*")), MOST_FILES):
        inside = path.relative_to(root)
        hidden = any(part.startswith((".", "_")) for part in inside.parts)
        if path.is_file() and not hidden and _SUFFIX.search(path.name):
            grouped.setdefault(_pattern(inside), []).append(path)
    found = (_table(pattern, paths, root) for pattern, paths in grouped.items())
    return [table for table in found if table.columns]


def _pattern(path: Path) -> str:
    suffix = "".join(_SUFFIX.search(path.name).group(0))  # type: ignore[union-attr]  # only files with a suffix come here
    if len(path.parts) > 1:
        return f"{path.parts[0]}/**/*{suffix}"
    stem = path.name.removesuffix(suffix)
    return f"{_PART.sub('', stem)}*{suffix}" if _PART.search(stem) and _PART.sub("", stem) else path.name


def _table(pattern: str, paths: list[Path], root: Path) -> Table:
    name = str(paths[0].relative_to(root)) if len(paths) == 1 else pattern
    try:
        if ".parquet" in paths[0].name.lower():
            return _parquet(name, paths[0])
        with _opened(paths[0]) as file:
            lines = io.TextIOWrapper(file, encoding="utf-8-sig", errors="replace", newline="")
            made = _csv(name, lines) if ".csv" in paths[0].name.lower() else _json(name, lines)
            lines.detach()
            return made
    except (OSError, EOFError, ValueError, csv.Error):
        return Table(name, ())


def _opened(path: Path) -> IO[bytes]:
    return gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb")  # type: ignore[return-value]  # reads alike


def _csv(name: str, lines: io.TextIOWrapper) -> Table:
    head = lines.readline(LONGEST)
    delimiter = max(",;\t|", key=head.count)
    columns = tuple(column.strip() for column in next(csv.reader([head], delimiter=delimiter), []))
    rows = csv.reader(_short(lines), delimiter=delimiter)
    sample = tuple(dict(zip(columns, row, strict=False)) for row in islice(rows, ROWS))
    return Table(name, columns if all(columns) else (), sample, delimiter)


def _short(lines: io.TextIOWrapper) -> Iterator[str]:
    while line := lines.readline(LONGEST):
        yield line


def _json(name: str, lines: io.TextIOWrapper) -> Table:
    sample = []
    for line in islice(_short(lines), ROWS):
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            continue
        if isinstance(row, dict):
            sample.append(dict(_flat(row)))
    return Table(name, tuple(dict.fromkeys(key for row in sample for key in row)), tuple(sample))


def _flat(row: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    """Objects are opened one level: properties.plan."""
    for key, value in row.items():
        if isinstance(value, dict) and not before:
            yield from _flat(value, f"{key}.")
        elif not isinstance(value, dict | list):
            yield before + key, "" if value is None else str(value)


def _parquet(name: str, path: Path) -> Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path, memory_map=False, pre_buffer=False) as opened:
            columns = tuple(opened.schema_arrow.names)
            batch = next(opened.iter_batches(ROWS, use_threads=False), None)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return Table(name, ())
    rows = batch.to_pylist() if batch is not None else []
    return Table(
        name, columns, tuple({key: "" if value is None else str(value) for key, value in row.items()} for row in rows)
    )
