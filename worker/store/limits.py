"""Owner of limiter: the next free slot of each limit, in microseconds of database time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import select, update

from worker.store.database import Tx
from worker.store.tables import limiter as table

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def reserve(tx: Tx, name: str, seconds: float, pause: float = 0.0) -> float:
    """Take `seconds` of the limit, from its next free moment or after `pause`; how long until then."""
    tx.add_missing(table, [{"name": name, "free_at": 0}])
    free = int(tx.value(select(table.c.free_at).where(table.c.name == name).with_for_update()))
    now = (tx.now() - EPOCH) // timedelta(microseconds=1)
    start = max(free, now + round(pause * 1e6))
    tx.run(update(table).where(table.c.name == name).values(free_at=start + round(seconds * 1e6)))
    return (start - now) / 1e6
