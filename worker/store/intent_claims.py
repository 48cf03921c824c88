"""
The working half of the owner of intent: claim what can go in one call, settle each by its fence.

Decided here: the intents of one lead are carried out one after the other, in the order they were planned, so that a task
is not moved before it is known to exist. Not decided here: what an outcome means (push).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, bindparam, case, exists, func, literal, literal_column, or_, select, true, update

from worker.store.claiming import BLIND_AT_MOST, Claim, share
from worker.store.database import Tx
from worker.store.intents import OPEN, Kind
from worker.store.tables import Moment, attempt
from worker.store.tables import intent as table
from worker.store.values import unpacked

WINDOW = 500


@dataclass(frozen=True, slots=True)
class Claimed:
    """A claimed intent. `was` is planned or unknown: of an unknown one nobody knows whether it was carried out."""

    id: int
    kind: Kind
    effect_key: str
    lead_key: str
    payload: Mapping[str, Any]
    was: str
    fence: int
    attempts: int
    blind_attempts: int
    uncertain_until: datetime | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a claimed intent."""

    intent: Claimed
    status: str
    crm_id: str | None = None
    handoff_state: str | None = None
    attempts: int = 0
    blind_attempts: int = 0
    wait: float | None = None
    uncertain: float | None = None
    error: tuple[str, str] | None = None


def claim(tx: Tx, crm: str, ask: Claim) -> list[Claimed]:
    """Claim intents of one kind: unproved ones first, then in the order planned; moves and closes one at a time."""
    for status in ("unknown", "planned"):
        ids = _first_in_line(tx, crm, status, ask)
        if ids:
            held = select(table).where(tx.mine(table), table.c.id.in_(ids), table.c.status == status).order_by(table.c.id)
            rows = tx.dicts(held.with_for_update(skip_locked=True))
            _hold(tx, rows, ask)
            return [_claimed(row) for row in rows]
    return []


def _first_in_line(tx: Tx, crm: str, status: str, ask: Claim) -> list[int]:
    """The ids of what goes in one call: of one kind, as poisonous, and the oldest open intent of its lead."""
    names = (table.c.id, table.c.kind, table.c.blind_attempts, table.c.lead_key)
    asked = select(*names).where(_ready(tx, crm, status, ask.run_id)).order_by(_ORDER, table.c.id)
    seen = 0
    while window := tx.rows(asked.offset(seen).limit(WINDOW)):
        seen += len(window)
        oldest = _oldest_open(tx, crm, sorted({row.lead_key for row in window}))
        free = [row for row in window if oldest.get(row.lead_key) == row.id]
        if free:
            most = share(ask.limit, free[0].blind_attempts) if free[0].kind == "task_create" else 1
            alike = (free[0].kind, free[0].blind_attempts)
            return [row.id for row in free if (row.kind, row.blind_attempts) == alike][:most]
    return []


def _oldest_open(tx: Tx, crm: str, lead_keys: Sequence[str]) -> dict[str, int]:
    here = (tx.mine(table), table.c.crm == crm, table.c.lead_key.in_(lead_keys), table.c.status.in_(OPEN))
    return {
        row[0]: row[1]
        for row in tx.rows(select(table.c.lead_key, func.min(table.c.id)).where(*here).group_by(table.c.lead_key))
    }


def note_attempt(tx: Tx, ids: Sequence[int], attempt_id: int) -> None:
    """Say which attempt carries these intents; in its transaction."""
    tx.run(update(table).where(tx.mine(table), table.c.id.in_(ids)).values(attempt_id=attempt_id))


def settle(tx: Tx, verdicts: Sequence[Verdict]) -> set[int]:
    """Store what became of claimed intents; the ids that had lost their fence meanwhile."""
    ids = [one.intent.id for one in verdicts]
    here = (tx.mine(table), table.c.id.in_(ids), table.c.status == "sending")
    fences = {
        row[0]: row[1]
        for row in tx.rows(select(table.c.id, table.c.fence).where(*here).order_by(table.c.id).with_for_update())
    }
    lost = {one.intent.id for one in verdicts if fences.get(one.intent.id) != one.intent.fence}
    now = tx.now()
    rows = [_news(one, now) for one in verdicts if one.intent.id not in lost]
    if rows:
        values: dict[str, Any] = {name: bindparam(f"{name}_") for name in _SETTLED}
        kept: dict[str, Any] = {"crm_id": func.coalesce(bindparam("crm_id_"), table.c.crm_id)}
        kept["handoff_state"] = func.coalesce(bindparam("handoff_state_"), table.c.handoff_state)
        statement = update(table).where(tx.mine(table), table.c.id == bindparam("id_"))
        tx.run(statement.values(claimed_by=None, claim_until=None, **values, **kept), rows)
    return lost


def release(tx: Tx, claimed: Sequence[Claimed], wait: float | None = None) -> None:
    """Give intents back that were not sent, as they were before the claim."""
    back = [Verdict(c, c.was, attempts=c.attempts, blind_attempts=c.blind_attempts, wait=wait) for c in claimed]
    settle(tx, back)


def expire(tx: Tx, unknown_wait: float, died: Sequence[str] = ()) -> int:
    """Intents whose holder did not come back in time, or died, are `unknown`: read back, not sent again too early."""
    overdue = or_(table.c.claim_until < tx.now(), *(table.c.claimed_by == holder for holder in died))
    late = (tx.mine(table), _SENDING, overdue)
    begun = select(table.c.id, attempt.c.started_at)
    begun = begun.join_from(table, attempt, attempt.c.id == table.c.attempt_id, isouter=True).where(*late)
    rows = [
        {"id_": row[0], "until_": None if row[1] is None else row[1] + timedelta(seconds=unknown_wait)}
        for row in tx.rows(begun.order_by(table.c.id).with_for_update(of=table, skip_locked=True))
    ]
    news = {"status": "unknown", "claimed_by": None, "next_attempt_at": None, "last_error_class": "lost"}
    lost = update(table).where(*late, table.c.id == bindparam("id_")).values(uncertain_until=bindparam("until_"), **news)
    return tx.run(lost, rows) if rows else 0


def holders(tx: Tx) -> set[str]:
    """Who holds something now."""
    asked = select(table.c.claimed_by).where(tx.mine(table), _SENDING, table.c.claimed_by.is_not(None))
    return {row[0] for row in tx.rows(asked.distinct())}


def bury(tx: Tx) -> int:
    """Intents with which a process died too often are `dead`."""
    poisoned = and_(table.c.status.in_(("planned", "unknown")), table.c.blind_attempts >= BLIND_AT_MOST)
    said = f"The worker died {BLIND_AT_MOST} times over this task. Look at its words, then `pql retry`."
    dead = update(table).where(tx.mine(table), poisoned)
    return tx.run(dead.values(status="dead", last_error_class="poisoned", last_error=said))


def ready_at(tx: Tx, crm: str, run_id: str | None = None) -> datetime | None:
    """When the next intent can be taken up; None where nothing waits. One behind another of its lead waits for that one."""
    older = table.alias()
    before = (older.c.workspace == table.c.workspace, older.c.crm == table.c.crm, older.c.lead_key == table.c.lead_key)
    behind = exists().where(*before, older.c.status.in_(OPEN), older.c.id < table.c.id)
    here = (tx.mine(table), table.c.crm == crm, table.c.status.in_(("planned", "unknown")), ~behind, _under(run_id))
    soonest = func.min(func.coalesce(table.c.next_attempt_at, literal(tx.now(), Moment())), type_=Moment())
    moment: datetime | None = tx.value(select(soonest).where(*here))
    return moment


def waiting(tx: Tx, crm: str, run_id: str | None = None) -> int:
    """How many intents can be taken up now, for progress."""
    ready = or_(_ready(tx, crm, "planned", run_id), _ready(tx, crm, "unknown", run_id))
    return int(tx.value(select(func.count()).select_from(table).where(ready)))


_ORDER = case((table.c.kind == "task_create", 0), else_=1)
# as a constant, because a partial index is not used for a parameter
_SENDING = table.c.status == literal_column("'sending'")
_SETTLED = (
    *("status", "attempts", "blind_attempts", "next_attempt_at", "uncertain_until", "last_error_class", "last_error"),
    "confirmed_at",
)


def _under(run_id: str | None) -> Any:
    return true() if run_id is None else table.c.created_run_id == run_id


def _ready(tx: Tx, crm: str, status: str, run_id: str | None = None) -> Any:
    in_time = or_(table.c.next_attempt_at.is_(None), table.c.next_attempt_at <= tx.now())
    alive = table.c.blind_attempts < BLIND_AT_MOST
    return and_(tx.mine(table), table.c.crm == crm, table.c.status == status, in_time, alive, _under(run_id))


def _hold(tx: Tx, rows: Sequence[Mapping[str, Any]], ask: Claim) -> None:
    held = {"status": "sending", "claimed_by": ask.owner, "claim_until": tx.now() + timedelta(seconds=ask.seconds)}
    counted = {"fence": table.c.fence + 1, "blind_attempts": table.c.blind_attempts + 1}
    ids = [row["id"] for row in rows]
    tx.run(update(table).where(tx.mine(table), table.c.id.in_(ids)).values(**held, **counted))


def _claimed(row: Mapping[str, Any]) -> Claimed:
    same = ("id", "kind", "effect_key", "lead_key", "attempts", "blind_attempts", "uncertain_until")
    plain = {name: row[name] for name in same}
    return Claimed(**plain, payload=unpacked(row["payload"]), was=row["status"], fence=row["fence"] + 1)


def _news(one: Verdict, now: datetime) -> dict[str, Any]:
    until = None if one.uncertain is None else now + timedelta(seconds=one.uncertain)
    class_, said = one.error or (None, None)
    values = {
        "id": one.intent.id,
        "status": one.status,
        "crm_id": one.crm_id,
        "handoff_state": one.handoff_state,
        "attempts": one.attempts,
        "blind_attempts": one.blind_attempts,
        "next_attempt_at": None if one.wait is None else now + timedelta(seconds=one.wait),
        "uncertain_until": one.intent.uncertain_until if until is None and one.status == one.intent.was else until,
        "last_error_class": class_,
        "last_error": said,
        "confirmed_at": now if one.status == "confirmed" else None,
    }
    return {f"{name}_": value for name, value in values.items()}
