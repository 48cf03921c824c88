"""Owner of outcome: what people answered in the CRM (outcome, reject reason, feedback) and what became of a handoff."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from worker.store.database import Tx
from worker.store.tables import outcome as table


@dataclass(frozen=True, slots=True)
class Answer:
    """One value of one answer field on one record; `at` is when the CRM says the record changed. None: taken back."""

    record_key: str
    name: str
    value: str | None
    at: datetime | None = None


def put(tx: Tx, destination: str, answers: Iterable[Answer]) -> list[Answer]:
    """Keep the answers that are news, and return them."""
    told = list(answers)
    known = newest(tx, destination, {one.record_key for one in told})
    news = [one for one in told if known.get((one.record_key, one.name)) != one.value]
    seen = tx.now()
    rows = [
        {
            "destination": destination,
            "record_key": a.record_key,
            "name": a.name,
            "value": a.value,
            "seen_at": seen,
            "at": a.at,
        }
        for a in news
    ]
    if rows:
        tx.add(table, rows)
    return news


def newest(tx: Tx, destination: str, record_keys: Collection[str] | None = None) -> dict[tuple[str, str], str | None]:
    """The last answer by record and name, of these records or of all."""
    last = _last(tx).where(table.c.destination == destination)
    if record_keys is not None:
        last = last.where(table.c.record_key.in_(record_keys))
    asked = select(table.c.record_key, table.c.name, table.c.value).where(table.c.id.in_(last))
    return {(row[0], row[1]): row[2] for row in tx.rows(asked)}


def columns(tx: Tx) -> dict[str, list[Any]]:
    """The last answers of all destinations: destination, record_key, name, value, seen_at, at."""
    names = (table.c.destination, table.c.record_key, table.c.name, table.c.value, table.c.seen_at, table.c.at)
    return tx.columns(select(*names).where(table.c.id.in_(_last(tx))))


def history(tx: Tx, record_key: str) -> list[dict[str, Any]]:
    """Every answer on one record, oldest first."""
    return tx.dicts(select(table).where(tx.mine(table), table.c.record_key == record_key).order_by(table.c.id))


def _last(tx: Tx) -> Any:
    keys = (table.c.destination, table.c.record_key, table.c.name)
    return select(func.max(table.c.id)).where(tx.mine(table)).group_by(*keys)
