"""Owner of limiter: the pace of each limit, in microseconds of database time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select, update

from worker.core.pace import Pace
from worker.store.database import Tx
from worker.store.tables import limiter as table

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def now(tx: Tx) -> int:
    return (tx.now() - EPOCH) // timedelta(microseconds=1)


def read(tx: Tx, name: str) -> Pace:
    """The pace as it stands; nothing is held."""
    return _pace(tx.first(select(table).where(table.c.name == name)))


def hold(tx: Tx, name: str) -> Pace:
    """The pace, which nobody else changes before this transaction ends."""
    tx.add_missing(table, [{"name": name, "free_at": 0}])
    return _pace(tx.first(select(table).where(table.c.name == name).with_for_update()))


def put(tx: Tx, name: str, pace: Pace) -> None:
    """Write the pace of a row that is held."""
    learned = {"gap": pace.gap, "window": pace.window, "heir": pace.heir, "lean": pace.lean, "ours": [*pace.ours.items()]}
    tx.run(update(table).where(table.c.name == name).values(free_at=pace.free, learned=learned))


def _pace(row: dict[str, Any] | None) -> Pace:
    if row is None:
        return Pace()
    said = row["learned"] or {}
    known = {name: said[name] for name in ("gap", "window", "heir", "lean") if name in said}
    return Pace(int(row["free_at"]), ours=dict(said.get("ours", ())), **known)
