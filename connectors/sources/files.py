"""
Files: CSV, JSON lines and Parquet by path or glob, or a query over such files.

Decided here: what makes a file new (the manifest in the cursor), that a file lands as a whole or is read again, the order of
files (by name). Not decided here: how lines become rows (`connectors.reading`), what is a duplicate (the lake).

The manifest keeps for each file its size, its stamp and a digest: of the content up to 8 MB, of both ends beyond that. A
stamp alone decides nothing for a small file. Where a pull breaks off in the middle of a file or query, the manifest says how
many pieces of it have landed (a query runs on one thread, so that its rows come in the same order again). A file that is
rejected, or that changes while it is read, stays out of the manifest and is read again at the next pull; rows that had
landed are then recognised by their ids. `until` cuts nothing: a file that is there has arrived.
"""

from __future__ import annotations

import glob
import hashlib
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from connectors.contract import BadRow, EventCount, Pulled, Stream
from connectors.errors import Refused
from connectors.reading.columns import columns, feed, nothing, stamps, streams, wanted
from connectors.reading.counting import frequent
from connectors.reading.formats import Piece, read
from connectors.reading.gathering import Gathered
from connectors.reading.queries import files_in
from connectors.reading.shaping import Shaper, Unreadable, memory
from settings.options import Option, OptionTable
from settings.sources import Feed, SourceSpec

if TYPE_CHECKING:
    import pyarrow as pa

OPTIONS = OptionTable(
    "files",
    (Option("delimiter", says="The character between the values of a CSV file; a comma unless said."),),
    role="source",
    feeds=("file", "query"),
)
WHOLE = 8 * 1024 * 1024
END = 1024 * 1024
ROWS = 50_000
Manifest = dict[str, list[Any]]
_PARTLY = ""  # beside the paths of a query: how many pieces of its result have landed


class Files:
    """Usage in files of a local folder. `root` is where relative paths start."""

    def __init__(self, spec: SourceSpec, root: Path = Path()) -> None:
        self._spec = spec
        self._root = root
        self._delimiter = str(spec.options.get("delimiter", ","))
        self.streams = streams(spec)

    def pull(self, stream: Stream, cursor: str | None, until: datetime) -> Iterator[Pulled]:  # noqa: ARG002 (see the module's docstring)
        described = feed(self._spec, stream)
        manifest: Manifest = orjson.loads(cursor) if cursor else {}
        if described.query:
            yield from self._query(stream, described, manifest)
            return
        for path in self._paths(described.file or ""):
            key, mark = str(path), _mark(path)
            if _same(manifest.get(key), mark):
                continue
            yield from self._file(stream, path, manifest, mark)

    def frequent_events(self, most: int = 50) -> Sequence[EventCount]:
        """Counted over the first million rows."""
        return frequent(self.pull("events", None, datetime.now(UTC)), most)

    def _file(self, stream: Stream, path: Path, manifest: Manifest, mark: list[Any]) -> Iterator[Pulled]:
        described, key = columns(feed(self._spec, stream)), str(path)
        gathered, untouched = Gathered(stream, path.name, _rows(path)), _text(manifest)
        done = _pieces_done(manifest.get(key), mark)
        try:
            with Shaper(described, stamps(self._spec)) as shaper:
                for number, piece in enumerate(read(path, wanted(described), self._delimiter), start=1):
                    if number > done:
                        partly = _text(manifest | {key: [*mark, number]})
                        yield from gathered.add(*_shaped(shaper, piece, path.name), partly)
        except Unreadable as problem:
            bad = BadRow(path.name, f"the whole file is set aside: {problem}", "")
            yield gathered.set_aside(bad, nothing(described), untouched)
            return
        manifest.pop(key, None)
        if _mark(path) == mark:
            manifest[key] = mark
        yield gathered.last(nothing(described), _text(manifest))

    def _query(self, stream: Stream, described: Feed, manifest: Manifest) -> Iterator[Pulled]:
        sql = described.query or ""
        paths = [path for pattern in files_in(sql) for path in self._paths(pattern)]
        marks: Manifest = {str(path): _mark(path) for path in paths}
        partly = manifest.pop(_PARTLY, [0])[0]
        alike = marks.keys() == manifest.keys() and all(_same(manifest[key], marks[key]) for key in marks)
        if alike and not partly:
            return
        shapes, gathered = columns(described), Gathered(stream, "query")
        try:
            with Shaper(shapes, stamps(self._spec)) as shaper:
                for number, piece in enumerate(self._run(sql), start=1):
                    if number > (partly if alike else 0):
                        rows, bad = _shaped(shaper, piece, "query row")
                        yield from gathered.add(rows, bad, _text(marks | {_PARTLY: [number]}))
        except Unreadable as problem:
            raise Refused(f"The query of `{stream}` does not fit: {problem}") from None
        yield gathered.last(nothing(shapes), _text(marks))

    def _run(self, sql: str) -> Iterator[Piece]:
        import duckdb
        import pyarrow as pa

        # A window or a join over all rows does not fit into memory; what DuckDB writes out for it goes with the folder.
        with tempfile.TemporaryDirectory(prefix="pql-query-") as spill, memory("192MB", spill) as con:
            con.execute("SET file_search_path = $1", [str(self._root.resolve())])
            con.execute("SET threads = 1; SET lock_configuration = true")
            try:
                reader = con.execute(sql).to_arrow_reader(ROWS)
                first = 1
                for batch in reader:
                    yield Piece(pa.Table.from_batches([batch]), range(first, first + len(batch)))
                    first += len(batch)
            except duckdb.Error as problem:
                said = str(problem).splitlines()[0]
                raise Refused(f"The query over files failed: {said}. Try it in DuckDB, then correct it.") from None

    def _paths(self, pattern: str) -> list[Path]:
        if "://" in pattern:
            raise Refused(f"{pattern} is not a local path. Copy the files to a folder first, or use `kind: warehouse`.")
        full = self._root / pattern
        if glob.has_magic(pattern):
            found = sorted(Path(one) for one in glob.glob(str(full), recursive=True))  # noqa: PTH207 (a pattern may be absolute)
            return [path for path in found if path.is_file() and not path.name.startswith((".", "_"))]
        if not full.is_file():
            raise Refused(f"There is no file {pattern}. Correct `file:`, or write a pattern such as usage/*.jsonl.")
        return [full]


def _shaped(shaper: Shaper, piece: Piece, place: str) -> tuple[pa.Table, list[BadRow]]:
    rows, bad = shaper.shape(piece.raw, lambda n: f"{place}:{piece.lines[n]}")
    return rows, [*piece.bad, *bad]


def _rows(path: Path) -> int | None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return int(pq.read_metadata(path).num_rows) if path.suffix == ".parquet" else None
    except (pa.ArrowInvalid, OSError):
        return None  # reading it will say what is wrong


# ---------------------------------------------------------------------------------------------------- manifest


def _mark(path: Path) -> list[Any]:
    """Size, stamp and digest of a file as it is now."""
    state = path.stat()
    digest = hashlib.sha256()
    with path.open("rb") as opened:
        if state.st_size <= WHOLE:
            digest.update(opened.read())
        else:
            digest.update(opened.read(END))
            opened.seek(-END, 2)
            digest.update(opened.read())
    return [state.st_size, state.st_mtime_ns, digest.hexdigest()]


def _pieces_done(known: list[Any] | None, mark: list[Any]) -> int:
    """How many pieces of this very file have landed before a pull broke off."""
    return int(known[3]) if known and len(known) > 3 and known[:3] == mark else 0


def _same(known: list[Any] | None, mark: list[Any]) -> bool:
    if known is None or len(known) > len(mark):
        return False
    small = mark[0] <= WHOLE
    return (known[0], known[2]) == (mark[0], mark[2]) and (small or known[1] == mark[1])


def _text(manifest: Manifest) -> str:
    return orjson.dumps(manifest, option=orjson.OPT_SORT_KEYS).decode()
