"""
Owner of pool, pool_member, assignment, offer and held: whose turn it is, who got what, and what waits.

Decided here: ledgers are locked in the order of their names before they are read, and an assignment is inserted before
its turn is paid for: a lead that has an owner already costs nobody a turn. `worker.core.fairness` makes the picks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, func, select, update

from worker.core.fairness import Ledger, Seat
from worker.core.office import Past
from worker.store.database import Tx
from worker.store.tables import assignment, held, offer, pool, pool_member


@dataclass(frozen=True, slots=True)
class Decision:
    """Who a lead goes to, and why; `target` is rep, queue, partner or joins."""

    lead_key: str
    subject: str
    play: str
    episode: int
    target: str
    assignee: str
    rule: str
    settings_hash: str
    reason: Any
    hop: int = 0
    pool: str | None = None
    pool_seq: int | None = None
    partner: str | None = None
    inputs_hash: str | None = None
    respond_by: datetime | None = None
    state: str = "assigned"
    run_id: str | None = None
    decided_at: datetime | None = None
    """The instant of the run that decided; caps and days are counted by it. None: now."""


@dataclass(frozen=True, slots=True)
class Held:
    """A qualified lead whose handoff waits."""

    lead_key: str
    play: str
    episode: int
    reason: str
    detail: Any = None
    run_id: str | None = None


def lock(tx: Tx, pools: Iterable[str]) -> dict[str, Ledger]:
    """Lock these pools until the transaction ends and return their ledgers, empty for a new pool."""
    names = sorted(set(pools))
    if not names:
        return {}
    tx.add_missing(pool, [{"name": name, "seq": 0} for name in names])
    locked = select(pool.c.name, pool.c.seq).where(tx.mine(pool), pool.c.name.in_(names)).order_by(pool.c.name)
    seqs = {row[0]: row[1] for row in tx.rows(locked.with_for_update())}
    seats = _seats(tx, names)
    return {name: Ledger(seqs[name], seats.get(name, {})) for name in names}


def ledgers(tx: Tx) -> dict[str, Ledger]:
    """All ledgers as they stand, without a lock: for plan and simulate, which work on a copy."""
    seqs = {row[0]: row[1] for row in tx.rows(select(pool.c.name, pool.c.seq).where(tx.mine(pool)))}
    seats = _seats(tx, list(seqs))
    return {name: Ledger(seq, seats.get(name, {})) for name, seq in seqs.items()}


def save(tx: Tx, name: str, ledger: Ledger) -> None:
    """Write a locked ledger back; members it does not name have left the pool."""
    tx.run(update(pool).where(tx.mine(pool), pool.c.name == name).values(seq=ledger.seq))
    gone = delete(pool_member).where(tx.mine(pool_member), pool_member.c.pool == name)
    tx.run(gone.where(pool_member.c.member.not_in(list(ledger.seats))))
    rows = [
        {
            "pool": name,
            "member": member,
            "weight": s.weight,
            "credit": s.credit,
            "received": s.received,
            "last_seq": s.last_seq,
        }
        for member, s in ledger.seats.items()
    ]
    tx.put(pool_member, rows)


def assign(tx: Tx, decisions: Sequence[Decision]) -> set[tuple[str, str]]:
    """Insert assignments; the (lead_key, play) that went in. The others have an active assignment already."""
    if not decisions:
        return set()
    now = tx.now()
    rows = [
        {"workspace": tx.workspace, **_plain(one), "decided_at": one.decided_at or now, "active": True} for one in decisions
    ]
    insert = tx.insert(assignment).on_conflict_do_nothing().returning(assignment.c.lead_key, assignment.c.play)
    return {(row[0], row[1]) for row in tx.connection.execute(insert, rows)}


def end(tx: Tx, ended: Iterable[tuple[str, str]], state: str) -> int:
    """Close the active assignments of these (lead_key, play): accepted work that is over, declined, moved, cooled."""
    rows = [{"lead_": lead_key, "play_": play} for lead_key, play in ended]
    same = (assignment.c.lead_key == bindparam("lead_"), assignment.c.play == bindparam("play_"))
    closing = update(assignment).where(tx.mine(assignment), assignment.c.active, *same).values(active=False, state=state)
    return tx.run(closing, rows) if rows else 0


def set_state(tx: Tx, states: Mapping[tuple[str, str], str]) -> None:
    """Change the state of active assignments without closing them: touched, accepted, working."""
    rows = [{"lead_": key[0], "play_": key[1], "state_": state} for key, state in states.items()]
    same = (assignment.c.lead_key == bindparam("lead_"), assignment.c.play == bindparam("play_"))
    if rows:
        tx.run(
            update(assignment).where(tx.mine(assignment), assignment.c.active, *same).values(state=bindparam("state_")), rows
        )


def active(tx: Tx) -> dict[str, list[Any]]:
    """All active assignments, column by column, without reasons."""
    names = [c for c in assignment.c if c.name not in ("workspace", "reason", "active")]
    return tx.columns(select(*names).where(tx.mine(assignment), assignment.c.active))


def of_lead(tx: Tx, lead_key: str) -> list[dict[str, Any]]:
    """Every assignment of one lead with its reasons, oldest first."""
    return tx.dicts(
        select(assignment).where(tx.mine(assignment), assignment.c.lead_key == lead_key).order_by(assignment.c.id)
    )


def counts(tx: Tx, since: datetime) -> dict[str, int]:
    """How many leads each assignee got since then; a lead that only joined its account's task is not counted."""
    asked = select(assignment.c.assignee, func.count()).where(tx.mine(assignment), assignment.c.decided_at >= since)
    return {row[0]: row[1] for row in tx.rows(asked.where(assignment.c.target != "joins").group_by(assignment.c.assignee))}


def past(tx: Tx, since: datetime) -> list[Past]:
    """Decisions since then that gave somebody a task, as caps count them."""
    names = (assignment.c.assignee, assignment.c.decided_at, assignment.c.pool, assignment.c.partner)
    asked = select(*names).where(tx.mine(assignment), assignment.c.decided_at >= since, assignment.c.target != "joins")
    return [Past(row.assignee, row.decided_at, row.pool, row.partner) for row in tx.rows(asked)]


def handed(tx: Tx) -> dict[str, dict[str, Any]]:
    """Lead key -> what its record tells of the open handoff (`handed` in the reason of its assignment)."""
    asked = select(assignment.c.lead_key, assignment.c.reason).where(tx.mine(assignment), assignment.c.active)
    return {row.lead_key: row.reason["handed"] for row in tx.rows(asked) if "handed" in (row.reason or {})}


def hold(tx: Tx, rows: Iterable[Held]) -> None:
    """Note what waits and why; since when does not change while it waits."""
    now = tx.now()
    tx.put(held, [{**_plain(one), "since": now} for one in rows], keep=("since",))


def let_go(tx: Tx, done: Iterable[tuple[str, str]]) -> None:
    """These (lead_key, play) wait no longer."""
    rows = [{"lead_": lead_key, "play_": play} for lead_key, play in done]
    same = (held.c.lead_key == bindparam("lead_"), held.c.play == bindparam("play_"))
    if rows:
        tx.run(delete(held).where(tx.mine(held), *same), rows)


def waiting(tx: Tx) -> list[dict[str, Any]]:
    """What waits, longest first."""
    return tx.dicts(select(held).where(tx.mine(held)).order_by(held.c.since, held.c.lead_key))


def add_offer(tx: Tx, row: Mapping[str, Any]) -> None:
    """Open an offer to a partner: assignment_id, partner, disclosed_level, expires_at."""
    tx.add(offer, [{**row, "state": "offered", "version": 1, "offered_at": tx.now()}])


def answer_offer(tx: Tx, id: int, version: int, state: str) -> bool:
    """Change an offer that nobody changed since it was read in this version."""
    same = update(offer).where(tx.mine(offer), offer.c.id == id, offer.c.version == version)
    return tx.run(same.values(state=state, version=version + 1)) == 1


def offers(tx: Tx, state: str | None = None) -> list[dict[str, Any]]:
    """Offers, oldest first."""
    asked = select(offer).where(tx.mine(offer)).order_by(offer.c.id)
    return tx.dicts(asked if state is None else asked.where(offer.c.state == state))


def _plain(one: Decision | Held) -> dict[str, Any]:
    return {name: getattr(one, name) for name in one.__dataclass_fields__}


def _seats(tx: Tx, names: Sequence[str]) -> dict[str, dict[str, Seat]]:
    found: dict[str, dict[str, Seat]] = {}
    for row in tx.rows(select(pool_member).where(tx.mine(pool_member), pool_member.c.pool.in_(names))):
        found.setdefault(row.pool, {})[row.member] = Seat(row.weight, row.credit, row.received, row.last_seq)
    return found
