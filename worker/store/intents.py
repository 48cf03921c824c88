"""
Owner of intent: one row per task to create, move or close, committed before any call.

Decided here: one effect key stands for one payload, and only an intent that was proved not applied may get another.
Moving and closing are repeatable wishes about one task, so a newer wish replaces a settled one. Claims and results are
in `intent_claims`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import and_, bindparam, func, or_, select, update

from worker.store.database import Tx
from worker.store.tables import intent as table
from worker.store.values import digest, packed, unpacked

Kind = Literal["task_create", "task_move", "task_close"]
STUCK = ("rejected", "dead", "needs_review")
FINAL = ("confirmed", "rejected", "needs_review", "dead", "superseded", "cancelled")
OPEN = ("planned", "sending", "unknown")
AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Planned:
    """
    A task to create, move or close.

    `payload` of a create holds the fields of `connectors.contract.Task` but the key; of a move {task, owner}; of a close
    {task}: `task` is the CRM's id, and what is no longer as we left it is not touched. A close with `if_owner` closes one
    that was touched, too, as long as that owner has it.
    """

    kind: Kind
    effect_key: str
    lead_key: str
    play: str
    episode: int
    payload: Mapping[str, Any]
    hop: int = 0
    context: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What `plan` did: keys that are new, were there already, or came with another payload and were refused."""

    new: tuple[str, ...] = ()
    same: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()


def plan(tx: Tx, crm: str, rows: Sequence[Planned], run_id: str | None = None) -> Outcome:
    """Store intents; the same key twice is one intent."""
    wanted: dict[tuple[str, str], Planned] = {(one.effect_key, one.kind): one for one in rows}
    there = _present(tx, wanted)
    fresh = [one for key, one in wanted.items() if key not in there]
    same = [one for key, one in wanted.items() if key in there and there[key].payload_hash == digest(packed(one.payload))]
    other = [one for key, one in wanted.items() if key in there and one not in same]
    again = [one for one in other if _may_change(there[one.effect_key, one.kind])]
    now = tx.now()
    tx.add_missing(table, [_row(crm, one, run_id, now) for one in fresh])
    _replace(tx, again, run_id)
    refused = tuple(one.effect_key for one in other if one not in again)
    return Outcome(tuple(one.effect_key for one in (*fresh, *again)), tuple(one.effect_key for one in same), refused)


def supersede(tx: Tx, effect_keys: Sequence[str], by: int | None = None) -> int:
    """A later hop or play replaces intents that were not sent yet."""
    return _end_unsent(tx, effect_keys, "superseded", by)


def cancel(tx: Tx, effect_keys: Sequence[str]) -> int:
    """Intents that were not sent yet are not to be sent; looked at before each effect."""
    return _end_unsent(tx, effect_keys, "cancelled", None)


def by_key(tx: Tx, effect_key: str) -> list[dict[str, Any]]:
    """All intents under one effect key: create, move, close."""
    return tx.dicts(select(table).where(tx.mine(table), table.c.effect_key == effect_key).order_by(table.c.id))


def under(tx: Tx, effect_keys: Sequence[str]) -> list[dict[str, Any]]:
    """All intents under these effect keys."""
    found: list[dict[str, Any]] = []
    for start in range(0, len(effect_keys), AT_ONCE):
        here = table.c.effect_key.in_(effect_keys[start : start + AT_ONCE])
        found += tx.dicts(select(table).where(tx.mine(table), here).order_by(table.c.id))
    return found


def of_lead(tx: Tx, lead_key: str) -> list[dict[str, Any]]:
    """Every intent of one lead, oldest first, for explain."""
    return tx.dicts(select(table).where(tx.mine(table), table.c.lead_key == lead_key).order_by(table.c.id))


def of_leads(tx: Tx, crm: str, lead_keys: Sequence[str]) -> list[dict[str, Any]]:
    """Every intent of these leads in one CRM, oldest first, payload unpacked."""
    found: list[dict[str, Any]] = []
    for start in range(0, len(lead_keys), AT_ONCE):
        here = (table.c.crm == crm, table.c.lead_key.in_(lead_keys[start : start + AT_ONCE]))
        found += tx.dicts(select(table).where(tx.mine(table), *here).order_by(table.c.id))
    return [row | {"payload": unpacked(row["payload"])} for row in found]


def stopped_moves(tx: Tx, crm: str) -> list[dict[str, Any]]:
    """The moves that were given up because a person had touched the task meanwhile: effect_key, lead_key, play."""
    names = (table.c.effect_key, table.c.lead_key, table.c.play)
    here = (table.c.crm == crm, table.c.kind == "task_move", table.c.status == "cancelled")
    return tx.dicts(select(*names).where(tx.mine(table), *here).order_by(table.c.id))


def astray(tx: Tx, crm: str) -> list[dict[str, Any]]:
    """Tasks that were not made because the record they belong to had moved or was gone, payload unpacked."""
    here = (table.c.crm == crm, table.c.kind == "task_create", table.c.status == "rejected")
    asked = select(table).where(tx.mine(table), *here, table.c.last_error_class == "moved").order_by(table.c.id)
    return [row | {"payload": unpacked(row["payload"])} for row in tx.dicts(asked)]


def handoffs(tx: Tx, crm: str) -> dict[str, list[Any]]:
    """
    Every task that was or will be created, column by column, for the plan and the watch.

    handoff_state: None before it is confirmed, then open, touched, done, closed (by us) or deleted.
    """
    names = ("id", "effect_key", "lead_key", "play", "episode", "hop", "status", "crm_id", "handoff_state", "confirmed_at")
    asked = select(*(table.c[name] for name in names), table.c.payload, table.c.context)
    found = tx.columns(asked.where(tx.mine(table), table.c.crm == crm, table.c.kind == "task_create").order_by(table.c.id))
    return {**found, "payload": [unpacked(one) for one in found["payload"]]}


def made_under(tx: Tx, crm: str, effect_keys: Sequence[str]) -> list[dict[str, Any]]:
    """The intents that made the tasks under these keys: id, effect_key, payload, context, handoff_state, status."""
    names = (table.c[name] for name in ("id", "effect_key", "payload", "context", "handoff_state", "status"))
    asked = select(*names).where(tx.mine(table), table.c.crm == crm, table.c.kind == "task_create")
    return tx.dicts(asked.where(table.c.effect_key.in_(effect_keys)).order_by(table.c.id))


def made_by(tx: Tx, crm: str, run_id: str) -> list[dict[str, Any]]:
    """The tasks that stand in the CRM because of one run, payload unpacked, oldest first."""
    names = ("id", "effect_key", "lead_key", "play", "episode", "hop", "crm_id", "handoff_state", "payload", "context")
    here = (tx.mine(table), table.c.crm == crm, table.c.kind == "task_create", table.c.created_run_id == run_id)
    made = table.c.status == "confirmed"
    rows = tx.dicts(select(*(table.c[name] for name in names)).where(*here, made).order_by(table.c.id))
    return [row | {"payload": unpacked(row["payload"])} for row in rows]


def set_handoff(tx: Tx, states: Mapping[int, str], contexts: Mapping[int, Mapping[str, Any]] | None = None) -> int:
    """Note what became of tasks in the CRM, by the id of the intent that created them."""
    rows = [{"id_": id, "state_": state} for id, state in states.items()]
    changed = update(table).where(tx.mine(table), table.c.id == bindparam("id_")).values(handoff_state=bindparam("state_"))
    number = tx.run(changed, rows) if rows else 0
    notes = [{"id_": id, "context_": dict(context)} for id, context in (contexts or {}).items()]
    if notes:
        tx.run(
            update(table).where(tx.mine(table), table.c.id == bindparam("id_")).values(context=bindparam("context_")), notes
        )
    return number


def counts(tx: Tx, crm: str | None = None) -> dict[str, dict[str, int]]:
    """How many intents are in each status, by kind."""
    asked = select(table.c.kind, table.c.status, func.count()).where(tx.mine(table))
    asked = asked if crm is None else asked.where(table.c.crm == crm)
    found: dict[str, dict[str, int]] = {}
    for kind, status, number in tx.rows(asked.group_by(table.c.kind, table.c.status)):
        found.setdefault(kind, {})[status] = number
    return found


def oldest_open(tx: Tx, crm: str) -> datetime | None:
    """Since when the intent that waits longest has been waiting."""
    here = (tx.mine(table), table.c.crm == crm, table.c.status.in_(OPEN))
    moment: datetime | None = tx.value(select(func.min(table.c.created_at, type_=table.c.created_at.type)).where(*here))
    return moment


def given_up(tx: Tx, crm: str) -> int:
    """How many intents the CRM rejected or that killed their process."""
    here = (tx.mine(table), table.c.crm == crm, table.c.status.in_(("rejected", "dead")))
    return int(tx.value(select(func.count()).select_from(table).where(*here)))


def oldest_unproved(tx: Tx, crm: str) -> datetime | None:
    """Since when the intent that waits longest for a proof has been waiting."""
    here = (tx.mine(table), table.c.crm == crm, table.c.status == "unknown")
    moment: datetime | None = tx.value(
        select(func.min(table.c.uncertain_until, type_=table.c.uncertain_until.type)).where(*here)
    )
    return moment


def stuck(tx: Tx, crm: str, statuses: Sequence[str] = STUCK) -> list[dict[str, Any]]:
    """Intents that need a person: kind, key, lead, status, the error in words."""
    names = ("kind", "effect_key", "lead_key", "status", "last_error_class", "last_error")
    asked = select(*(table.c[name] for name in names)).where(tx.mine(table), table.c.crm == crm)
    return tx.dicts(asked.where(table.c.status.in_(statuses)).order_by(table.c.id))


def retry(tx: Tx, crm: str, statuses: Sequence[str] = STUCK) -> int:
    """Send rejected, dead and reviewed intents once more: read back first, then under the same key."""
    again = update(table).where(tx.mine(table), table.c.crm == crm, table.c.status.in_(statuses))
    return tx.run(again.values(status="unknown", attempts=0, blind_attempts=0, next_attempt_at=None, uncertain_until=None))


def _row(crm: str, one: Planned, run_id: str | None, now: datetime) -> dict[str, Any]:
    payload = packed(one.payload)
    return {
        "crm": crm,
        "kind": one.kind,
        "effect_key": one.effect_key,
        "lead_key": one.lead_key,
        "play": one.play,
        "episode": one.episode,
        "hop": one.hop,
        "payload": payload,
        "payload_hash": digest(payload),
        "status": "planned",
        "created_run_id": run_id,
        "created_at": now,
        "context": dict(one.context),
    }


def _present(tx: Tx, wanted: Mapping[tuple[str, str], Planned]) -> dict[tuple[str, str], Any]:
    keys = sorted({key for key, _ in wanted})
    found: dict[tuple[str, str], Any] = {}
    names = (
        table.c.effect_key,
        table.c.kind,
        table.c.payload_hash,
        table.c.status,
        table.c.attempts,
        table.c.blind_attempts,
    )
    for start in range(0, len(keys), AT_ONCE):
        asked = select(*names).where(tx.mine(table), table.c.effect_key.in_(keys[start : start + AT_ONCE]))
        found |= {(row.effect_key, row.kind): row for row in tx.rows(asked.with_for_update())}
    return {key: row for key, row in found.items() if key in wanted}


def _may_change(row: Any) -> bool:
    unsent = row.attempts == 0 and row.blind_attempts == 0
    if row.status == "rejected" or (row.status in ("planned", "cancelled") and unsent):
        return True
    return row.kind != "task_create" and row.status in FINAL


def _replace(tx: Tx, rows: Sequence[Planned], run_id: str | None) -> None:
    here = (table.c.effect_key == bindparam("key_"), table.c.kind == bindparam("kind_"))
    fresh = {"status": "planned", "attempts": 0, "next_attempt_at": None, "last_error_class": None, "last_error": None}
    news: dict[str, Any] = {
        "payload": bindparam("payload_"),
        "payload_hash": bindparam("hash_"),
        "context": bindparam("context_"),
    }
    statement = update(table).where(tx.mine(table), *here).values(**fresh, **news, created_run_id=run_id)
    docs = [(one, packed(one.payload)) for one in rows]
    if docs:
        params = [
            {"key_": one.effect_key, "kind_": one.kind, "payload_": doc, "hash_": digest(doc), "context_": dict(one.context)}
            for one, doc in docs
        ]
        tx.run(statement, params)


def _end_unsent(tx: Tx, effect_keys: Sequence[str], status: str, by: int | None) -> int:
    unsent = and_(table.c.status == "planned", table.c.attempts == 0)
    proved = or_(unsent, table.c.status == "rejected")
    ending = update(table).where(tx.mine(table), table.c.effect_key.in_(effect_keys), proved)
    return tx.run(ending.values(status=status, superseded_by=by)) if effect_keys else 0
