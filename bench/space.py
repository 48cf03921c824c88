"""
How large the store gets: leads, the mirror of their contacts, links, record state and attempts, for one destination.

Measured with SPACE_LEADS (20,000 unless said) and scaled to a million; each table grows with its rows. Usage is not in the
store: it lies in the lake as Parquet.
"""

from __future__ import annotations

import os
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import text

from bench.figures import Figure
from bench.servers import on_both
from bench.store import people, settle, want
from connectors.contract import Mirrored, MirrorPage
from worker.store import mirror
from worker.store.database import Store, open_store

LEADS, AT_ONCE = int(os.environ.get("SPACE_LEADS") or 20_000), 10_000
MILLION, MEGABYTE = 1_000_000, 1024 * 1024
NOW = datetime(2026, 11, 22, tzinfo=UTC)


def measured() -> list[Figure]:
    """After the first push, and what another change of every lead adds until old attempts are forgotten."""
    return on_both("space", _measured)


def _measured(name: str, url: str) -> list[Figure]:
    with closing(open_store(url, "bench")) as store:
        empty = _size(store)
        for start in range(0, LEADS, AT_ONCE):
            numbers = range(start, min(start + AT_ONCE, LEADS))
            people(store, numbers)
            _mirrored(store, numbers, last=numbers.stop == LEADS)
            want(store, numbers)
            settle(store)
        first = _size(store)
        _change(store)
        again = _size(store)
    return [
        _figure(f"{name}: a million leads, pushed once", first - empty),
        _figure(f"{name}: each further change of all of them", again - first),
    ]


def _figure(what: str, size: float) -> Figure:
    scaled = size / LEADS * MILLION
    return Figure("space", what, f"{scaled:,.0f} MB", note=f"{size:.0f} MB for {LEADS:,} leads, scaled")


def _change(store: Store) -> None:
    for start in range(0, LEADS, AT_ONCE):
        want(store, range(start, min(start + AT_ONCE, LEADS)))
        settle(store)


def _mirrored(store: Store, numbers: range, *, last: bool) -> None:
    rows = tuple(
        Mirrored(str(n), "contact", (f"u{n}@w{n // 4}.example",), f"Maria Huber {n}", str(n // 4), key=f"L{n}", modified=NOW)
        for n in numbers
    )
    with store.write() as tx:
        mirror.put_page(tx, mirror.Place("hubspot", "contact"), MirrorPage(rows, "end", last), complete=last)


def _size(store: Store) -> float:
    """Megabytes on disk, with what the database has not given back yet."""
    if store.on_postgres:
        with store.read() as tx:
            tx.connection.execute(text("VACUUM"))
            return float(tx.value(text("SELECT pg_database_size(current_database())"))) / MEGABYTE
    with store.read() as tx:
        tx.connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
    return Path(str(store.engine.url.database)).stat().st_size / MEGABYTE
