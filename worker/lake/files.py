"""
Where files of the lake stand, how one is written, and what is rubbish.

Decided here: a file appears whole or not at all (written under another name, flushed to disk, renamed) and never changes;
its name is random, so two writers never meet; a listed file that is missing or not as long as listed stops whoever reads it.
Not decided here: which files count (the list in the store).
"""

from __future__ import annotations

import os
import re
import tempfile
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

RUBBISH_AFTER = 3600.0
ROW_GROUP = 65_536


class LakeDamaged(Exception):
    """A listed file cannot be read; nothing may be computed until it is back."""


class LakeRefused(Exception):
    """The lake's place is not one that can be used."""


@dataclass(frozen=True, slots=True)
class LakeFile:
    """What the store lists about a file; `path` is relative to the lake's root."""

    source: str
    kind: str
    path: str
    rows: int
    bytes: int
    key: str | None = None
    min_at: datetime | None = None
    max_at: datetime | None = None
    min_arrived: datetime | None = None
    max_arrived: datetime | None = None
    facts: dict[str, Any] = field(default_factory=dict)


class Lake:
    """The files of one workspace under `root`."""

    def __init__(self, root: str | Path, workspace: str) -> None:
        if "://" in str(root):
            raise LakeRefused(f"PQL_LAKE is {root}, but a lake in a bucket is not built yet. Name a folder.")
        self.root = Path(root)
        self.workspace = workspace

    def path(self, file: LakeFile | str) -> str:
        """Where a file stands on this disk."""
        return str(self.root / (file if isinstance(file, str) else file.path))

    def paths(self, files: Iterable[LakeFile]) -> list[str]:
        """Where listed files stand; LakeDamaged names one that is not there as listed."""
        return [self._sound(file) for file in files]

    def write(self, rows: pa.Table, kind: str, source: str) -> tuple[str, int]:
        """Write one new file; its path under the root and its size."""
        return self.write_with(kind, source, lambda path: _write(rows, path))

    def write_with(self, kind: str, source: str, write: Callable[[Path], None]) -> tuple[str, int]:
        """Let `write` fill a new file, then give it its name; its path under the root and its size."""
        folder = self.root / _safe(self.workspace) / kind / _safe(source)
        folder.mkdir(parents=True, exist_ok=True)
        unfinished, final = folder / f".{uuid4().hex}.unfinished", folder / f"{uuid4().hex}.parquet"
        try:
            write(unfinished)
            _flush(unfinished)
            size = unfinished.stat().st_size
            unfinished.rename(final)
        finally:
            unfinished.unlink(missing_ok=True)
        _flush(folder)
        return str(final.relative_to(self.root)), size

    def rows(self, path: str) -> int:
        """How many rows a file has."""
        return int(pq.read_metadata(self.root / path).num_rows)

    def sweep(self, listed: Collection[str], now: float | None = None) -> int:
        """Remove files that are older than an hour and not listed; how many."""
        now = time.time() if now is None else now
        known, removed = set(listed), 0
        for path in sorted((self.root / _safe(self.workspace)).rglob("*")):
            if path.suffix not in (".parquet", ".unfinished") or str(path.relative_to(self.root)) in known:
                continue
            if now - path.stat().st_mtime > RUBBISH_AFTER:
                path.unlink(missing_ok=True)
                removed += 1
        return removed

    def _sound(self, file: LakeFile) -> str:
        path = self.root / file.path
        try:
            size = path.stat().st_size
        except OSError as problem:
            raise LakeDamaged(_damaged(path, problem.strerror or "it is missing")) from None
        if size != file.bytes:
            raise LakeDamaged(_damaged(path, f"it has {size:,} bytes and {file.bytes:,} are listed"))
        return str(path)


@contextmanager
def session(memory: str = "320MB") -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB in memory that thinks in UTC; beyond its limit it spills into a folder that goes with it."""
    with tempfile.TemporaryDirectory(prefix="pql-lake-") as spill, duckdb.connect() as con:
        con.execute(f"SET memory_limit='{memory}'; SET threads=2; SET temp_directory='{spill}'")
        con.execute("SET python_enable_replacements=false")
        con.execute("SET TimeZone='UTC'; SET autoinstall_known_extensions=false; SET autoload_known_extensions=false")
        yield con


def ask(con: duckdb.DuckDBPyConnection, sql: str, **values: Any) -> pa.Table:
    """The answer as Arrow; a file that cannot be read is LakeDamaged."""
    try:
        return con.execute(sql, values or None).to_arrow_table()
    except (duckdb.IOException, duckdb.InvalidInputException) as problem:
        said = str(problem)
        if ".parquet" in said:
            raise LakeDamaged(f"A listed file of the lake cannot be read: {said.splitlines()[0]}") from None
        raise


def listed(paths: Iterable[str]) -> str:
    """Paths as a list in SQL."""
    return "[" + ", ".join("'" + path.replace("'", "''") + "'" for path in paths) + "]"


def quoted(name: str) -> str:
    """A column's name in SQL."""
    return '"' + name.replace('"', '""') + '"'


def _write(rows: pa.Table, path: Path) -> None:
    words = [f.name for f in rows.schema if pa.types.is_string(f.type) and f.name != "event_id"]
    stamps = {f.name: "DELTA_BINARY_PACKED" for f in rows.schema if pa.types.is_timestamp(f.type)}
    pq.write_table(
        rows, path, compression="zstd", row_group_size=ROW_GROUP, use_dictionary=words, column_encoding=stamps or None
    )


def _flush(path: Path) -> None:
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _safe(name: str) -> str:
    return re.sub(r"^\.", "%2E", quote(name, safe=" "))


def _damaged(path: Path, why: str) -> str:
    mend = "Restore the file, or the lake and the store together, then run again."
    return f"{path} is listed in the store and cannot be used: {why}. {mend}"
