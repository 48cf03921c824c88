"""
Owner of drift: fields of ours that the audit found to hold something else than the CRM had acknowledged.

Decided here: a field is one row however often it drifts, with when it was repaired last; values are not kept, because a
field may hold what is personal. What was looked at in all is in `audit`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import bindparam, delete, func, or_, select

from worker.store.database import Tx
from worker.store.records import AT_ONCE
from worker.store.tables import drift as table

State = Literal["repaired", "fighting", "other_writer", "reported"]


@dataclass(frozen=True, slots=True)
class Found:
    """A field that drifted; `state` says what was done about it. reported: nothing may be written there just now."""

    record_key: str
    field: str
    object: str
    crm_id: str
    state: State


def put(tx: Tx, destination: str, found: Sequence[Found]) -> None:
    """Note these fields; one that is known drifted once more."""
    now = tx.now()
    known = {(row["record_key"], row["field"]): row for row in of(tx, destination, {one.record_key for one in found})}
    rows = []
    for one in found:
        before = known.get((one.record_key, one.field), {})
        plain = {name: getattr(one, name) for name in one.__dataclass_fields__}
        repaired = now if one.state == "repaired" else before.get("repaired_at")
        times = {"times": before.get("times", 0) + 1, "first_seen": before.get("first_seen", now), "seen_at": now}
        rows.append({"destination": destination, **plain, **times, "repaired_at": repaired})
    tx.put(table, rows)


def of(tx: Tx, destination: str, record_keys: Iterable[str]) -> list[dict[str, Any]]:
    """What is known of these records."""
    keys, found = sorted(record_keys), list[dict[str, Any]]()
    for start in range(0, len(keys), AT_ONCE):
        here = table.c.record_key.in_(keys[start : start + AT_ONCE])
        found += tx.dicts(select(table).where(tx.mine(table), table.c.destination == destination, here))
    return found


def settled(tx: Tx, destination: str, same: Sequence[tuple[str, str]], since: datetime) -> int:
    """These fields hold what they should: forget them, unless they were repaired after `since`; how many."""
    rows = [{"key_": key, "field_": field} for key, field in same]
    here = (
        table.c.destination == destination,
        table.c.record_key == bindparam("key_"),
        table.c.field == bindparam("field_"),
    )
    long_ago = or_(table.c.repaired_at.is_(None), table.c.repaired_at <= since)
    return tx.run(delete(table).where(tx.mine(table), *here, long_ago), rows) if rows else 0


def forget(tx: Tx, before: datetime) -> int:
    """What was not seen again for so long."""
    return tx.run(delete(table).where(tx.mine(table), table.c.seen_at < before))


def counts(tx: Tx) -> list[tuple[str, str, str, int]]:
    """(destination, state, field, records), the most first."""
    names = (table.c.destination, table.c.state, table.c.field)
    asked = select(*names, func.count()).where(tx.mine(table)).group_by(*names)
    return [(row[0], row[1], row[2], row[3]) for row in tx.rows(asked.order_by(func.count().desc(), *names))]
