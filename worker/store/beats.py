"""Owner of heartbeat: which worker showed progress when; liveness is a row, not a process or an open port."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import delete, select

from worker.store.database import Tx
from worker.store.tables import heartbeat as table


def beat(tx: Tx, worker: str, doing: str) -> None:
    """Say that this worker got on with something."""
    tx.put(table, [{"worker": worker, "at": tx.now(), "doing": doing[:255]}])


def workers(tx: Tx) -> list[dict[str, Any]]:
    """All workers that ever showed a sign, the most recent first."""
    return tx.dicts(select(table.c.worker, table.c.at, table.c.doing).where(tx.mine(table)).order_by(table.c.at.desc()))


def forget(tx: Tx, before: datetime) -> int:
    return tx.run(delete(table).where(tx.mine(table), table.c.at < before))
