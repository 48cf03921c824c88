"""Files keep the contract of sources, in each of their formats."""

from __future__ import annotations

import csv
import gzip
import json
from itertools import count
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from source_contract import Publish, Rows, SourceContract, feeds, spec

from connectors.contract import Stream
from connectors.sources.files import Files


def _as_text(rows: Rows) -> Rows:
    return [{name: getattr(value, "isoformat", lambda v=value: v)() for name, value in row.items()} for row in rows]


def _jsonl(path: Path, rows: Rows) -> None:
    path.with_suffix(".jsonl").write_text("".join(json.dumps(row) + "\n" for row in _as_text(rows)))


def _gzip(path: Path, rows: Rows) -> None:
    text = "\n".join(json.dumps(row, ensure_ascii=False) for row in _as_text(rows))
    path.with_suffix(".jsonl.gz").write_bytes(gzip.compress(text.encode()))


def _csv(path: Path, rows: Rows) -> None:
    if rows:
        with path.with_suffix(".csv").open("w", newline="") as opened:
            writer = csv.DictWriter(opened, list(rows[0]))
            writer.writeheader()
            writer.writerows(_as_text(rows))


def _parquet(path: Path, rows: Rows) -> None:
    if rows:
        table = pa.Table.from_pylist(rows)
        pq.write_table(table, path.with_suffix(".parquet"))


@pytest.fixture(params=[_jsonl, _gzip, _csv, _parquet], ids=lambda write: write.__name__.strip("_"))
def write(request: pytest.FixtureRequest):
    return request.param


@pytest.fixture
def publish(tmp_path: Path, write) -> Publish:
    number = count()

    def put(stream: Stream, rows: Rows) -> None:
        write(tmp_path / f"{stream}-{next(number):03d}", rows)

    return put


@pytest.fixture
def source(tmp_path: Path) -> Files:
    return Files(spec("files", **feeds(file_events="events-*", file_users="users-*")), tmp_path)


class TestFiles(SourceContract):
    pass
