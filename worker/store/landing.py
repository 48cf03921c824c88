"""
Owner of source_cursor, lake_file and quarantine: what has been pulled, and how far.

Decided here: files, cursor and bad rows of one landing are one transaction, so a cursor never runs ahead of the rows
it covers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import delete, func, select, update

from worker.store.database import Tx
from worker.store.tables import lake_file, quarantine, source_cursor

PULLED = ("events", "users", "accounts", "links")
RAW_AT_MOST = 2000  # characters of a row that could not be read


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far one stream of a source has been read. `usual_rows` is the average of the pulls before."""

    cursor: str | None
    pulled_at: datetime | None = None
    newest_arrival: datetime | None = None
    newest_event: datetime | None = None
    last_rows: int | None = None
    usual_rows: float | None = None


@dataclass(frozen=True, slots=True)
class File:
    """A file of the lake; `kind` is events, users, accounts, links, rollup or side."""

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
    facts: dict[str, Any] | None = None
    run_id: str | None = None


@dataclass(frozen=True, slots=True)
class Bad:
    """A row that could not be read."""

    where: str
    reason: str
    raw: str


@dataclass(frozen=True, slots=True)
class Landed:
    """What one piece of a pull brought: its files, the rows set aside, and the cursor after it."""

    source: str
    stream: str
    cursor: Cursor
    files: Sequence[File] = ()
    bad: Sequence[Bad] = ()
    run_id: str | None = None


def cursor(tx: Tx, source: str, stream: str) -> Cursor | None:
    """How far this stream has been read, None before the first landing."""
    table = source_cursor
    names = (c for c in table.c if c.name in Cursor.__dataclass_fields__)
    row = tx.first(select(*names).where(tx.mine(table), table.c.source == source, table.c.stream == stream))
    return Cursor(**row) if row else None


def landed(tx: Tx, piece: Landed) -> int:
    """List the files, set the bad rows aside and move the cursor; how many bad rows were new."""
    add_files(tx, piece.files)
    tx.put(source_cursor, [{"source": piece.source, "stream": piece.stream, **asdict(piece.cursor)}])
    return set_aside(tx, piece)


def add_files(tx: Tx, files: Sequence[File]) -> None:
    """List files without moving a cursor: roll-ups and links."""
    at = tx.now()
    if files:
        tx.add(lake_file, [{**asdict(file), "created_at": at} for file in files])


def replace_files(tx: Tx, old: Sequence[str], new: Sequence[File]) -> None:
    """Take the paths `old` off the list and list `new` instead."""
    for start in range(0, len(old), 500):
        tx.run(delete(lake_file).where(tx.mine(lake_file), lake_file.c.path.in_(old[start : start + 500])))
    add_files(tx, new)


def files(tx: Tx, kind: str | None = None, source: str | None = None) -> list[File]:
    """The listed files in the order they came; a file that is not listed is rubbish."""
    table = lake_file
    asked = select(*(table.c[name] for name in File.__dataclass_fields__)).where(tx.mine(table)).order_by(table.c.id)
    if kind is not None:
        asked = asked.where(table.c.kind == kind)
    if source is not None:
        asked = asked.where(table.c.source == source)
    return [File(**row) for row in tx.dicts(asked)]


@dataclass(frozen=True, slots=True)
class Newest:
    """The file of usage that was listed last; the number grows with each landing."""

    number: int
    path: str


def newest(tx: Tx) -> Newest | None:
    """What landed last, None before the first landing."""
    table = lake_file
    asked = select(table.c.id, table.c.path).where(tx.mine(table), table.c.kind.in_(PULLED))
    row = tx.one(asked.order_by(table.c.id.desc()).limit(1))
    return Newest(row[0], row[1]) if row else None


def set_aside(tx: Tx, piece: Landed) -> int:
    """Quarantine rows; one that is there already is not counted again."""
    at = tx.now()
    rows = [
        {
            "source": piece.source,
            "stream": piece.stream,
            "where": bad.where,
            "reason": bad.reason,
            "raw": bad.raw[:RAW_AT_MOST],
            "at": at,
            "run_id": piece.run_id,
            "digest": sha256(f"{bad.where}\0{bad.reason}\0{bad.raw}".encode()).hexdigest(),
            "status": "open",
        }
        for bad in piece.bad
    ]
    return tx.add_missing(quarantine, rows)


def quarantined(tx: Tx, source: str | None = None, most: int = 1000) -> list[dict[str, Any]]:
    """Rows set aside and not yet settled, newest first."""
    table = quarantine
    asked = select(table).where(tx.mine(table), table.c.status == "open").order_by(table.c.id.desc()).limit(most)
    if source is not None:
        asked = asked.where(table.c.source == source)
    return tx.dicts(asked)


def count_quarantined(tx: Tx) -> dict[str, int]:
    """How many rows wait in quarantine, by source."""
    table = quarantine
    asked = select(table.c.source, func.count()).where(tx.mine(table), table.c.status == "open").group_by(table.c.source)
    return {row[0]: row[1] for row in tx.rows(asked)}


def set_aside_since(tx: Tx, moment: datetime) -> dict[str, int]:
    """How many rows were set aside from that moment on, by source."""
    table = quarantine
    asked = select(table.c.source, func.count()).where(tx.mine(table), table.c.status == "open", table.c.at >= moment)
    return {row[0]: row[1] for row in tx.rows(asked.group_by(table.c.source))}


def settle_quarantined(tx: Tx, ids: Sequence[int], status: str) -> int:
    """Mark rows `retried` or `dropped`."""
    table = quarantine
    return tx.run(update(table).where(tx.mine(table), table.c.id.in_(ids)).values(status=status))


def forget_quarantined(tx: Tx, before: datetime) -> int:
    """Delete rows set aside before that moment; kept 90 days by default."""
    return tx.run(delete(quarantine).where(tx.mine(quarantine), quarantine.c.at < before))
