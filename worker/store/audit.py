"""Owner of audit: who did what, appended and never changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from worker.store.database import Tx
from worker.store.tables import audit as table


def add(tx: Tx, who: str, what: str, detail: Mapping[str, Any] | None = None) -> None:
    """Write down that `who` did `what`; in the transaction of the deed itself."""
    tx.add(table, [{"at": tx.now(), "who": who, "what": what, "detail": None if detail is None else dict(detail)}])


def recent(tx: Tx, most: int = 100, what: str | None = None) -> list[dict[str, Any]]:
    """The last deeds, newest first."""
    asked = select(table).where(tx.mine(table)).order_by(table.c.id.desc()).limit(most)
    return tx.dicts(asked if what is None else asked.where(table.c.what == what))
