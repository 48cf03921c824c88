"""Owner of trouble: work that stopped for a reason that a person has to mend; gone once the work was done again."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, select

from worker.store.database import Tx
from worker.store.tables import trouble as table


def note(tx: Tx, what: str, error: str, says: str) -> None:
    """This work stopped; since when stays as it is where it is known already."""
    now = tx.now()
    tx.put(table, [{"what": what, "error": error[:64], "says": says, "since": now, "at": now}], keep=("since",))


def clear(tx: Tx, what: str) -> int:
    return tx.run(delete(table).where(tx.mine(table), table.c.what == what))


def every(tx: Tx) -> list[dict[str, Any]]:
    """All of it, the oldest first."""
    return tx.dicts(select(table).where(tx.mine(table)).order_by(table.c.since, table.c.what))
