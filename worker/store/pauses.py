"""Owner of paused: what a person stopped (a destination, a source, a partner, or `all`), since when and why."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, select

from worker.store.database import Tx
from worker.store.tables import paused as table

ALL = "all"


def pause(tx: Tx, what: str, who: str, why: str = "") -> bool:
    """Stop it; False where it was stopped already."""
    return tx.add_missing(table, [{"what": what, "since": tx.now(), "who": who, "why": why}]) == 1


def resume(tx: Tx, what: str) -> bool:
    """Let it go on; False where it was not stopped."""
    return tx.run(delete(table).where(tx.mine(table), table.c.what == what)) == 1


def active(tx: Tx) -> dict[str, dict[str, Any]]:
    """All that is stopped, by name."""
    return {row["what"]: row for row in tx.dicts(select(table).where(tx.mine(table)).order_by(table.c.since))}


def reason(tx: Tx, what: str) -> str | None:
    """Why this, or everything, is stopped; blank where nobody said, None where it goes on."""
    asked = select(table.c.why).where(tx.mine(table), table.c.what.in_((what, ALL))).order_by(table.c.since).limit(1)
    row = tx.one(asked)
    return None if row is None else row.why or ""
