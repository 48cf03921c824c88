"""
Owner of lead, lead_state and transition.

Decided here: leads and states are read and written as sets. A state row is the newest per lead and definition; transitions
are the history and are never changed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Text, cast, func, select

from worker.store.database import Tx
from worker.store.tables import lead, lead_state, transition

Rows = Sequence[Mapping[str, Any]]
Columns = dict[str, list[Any]]


def columns(tx: Tx) -> Columns:
    """All leads: lead_key, user_id, account_id, first_seen."""
    return tx.columns(select(lead.c.lead_key, lead.c.user_id, lead.c.account_id, lead.c.first_seen).where(tx.mine(lead)))


def names(tx: Tx) -> Columns:
    """lead_key and user_id of all leads. Without moments, which are slow to read for very many."""
    return tx.columns(select(lead.c.lead_key, lead.c.user_id).where(tx.mine(lead)))


def known(tx: Tx) -> Iterator[Columns]:
    """lead_key and user_id of all leads, in batches."""
    return tx.batches(select(lead.c.lead_key, lead.c.user_id).where(tx.mine(lead)))


def by_user(tx: Tx, user_id: str) -> dict[str, Any] | None:
    """The lead of this user of the product."""
    return tx.first(select(lead).where(tx.mine(lead), lead.c.user_id == user_id))


def by_key(tx: Tx, lead_key: str) -> dict[str, Any] | None:
    return tx.first(select(lead).where(tx.mine(lead), lead.c.lead_key == lead_key))


def put(tx: Tx, rows: Rows) -> None:
    """Insert or update leads; when a lead was first seen does not change."""
    tx.put(lead, rows, keep=("first_seen", "user_id"))


def count(tx: Tx) -> int:
    return int(tx.value(select(func.count()).select_from(lead).where(tx.mine(lead))))


def states(tx: Tx, definition: str | None = None) -> Columns:
    """The newest state of every lead in each definition; `facts` as JSON text."""
    table = lead_state
    plain = [column for column in table.c if column.name not in ("workspace", "facts")]
    asked = select(*plain, cast(table.c.facts, Text).label("facts")).where(tx.mine(table))
    return tx.columns(asked if definition is None else asked.where(table.c.definition == definition))


def states_of(tx: Tx, lead_key: str) -> list[dict[str, Any]]:
    """The states of one lead, one per definition."""
    return tx.dicts(select(lead_state).where(tx.mine(lead_state), lead_state.c.lead_key == lead_key))


def count_states(tx: Tx) -> dict[str, dict[str, int]]:
    """How many leads are in each state, by definition."""
    table = lead_state
    asked = select(table.c.definition, table.c.state, func.count()).where(tx.mine(table))
    counts: dict[str, dict[str, int]] = {}
    for definition, state, number in tx.rows(asked.group_by(table.c.definition, table.c.state)):
        counts.setdefault(definition, {})[state] = number
    return counts


def put_states(tx: Tx, rows: Rows) -> None:
    """Insert or replace states: lead_key, definition, state, episode, reason, since, entered_at, first_at, facts, run_id."""
    tx.put(lead_state, rows)


def add_transitions(tx: Tx, rows: Rows) -> None:
    """Append to the history (lead_key, definition, episode, from_state, to_state, at, cause, detail, run_id)."""
    if rows:
        tx.add(transition, rows)


def history(tx: Tx, lead_key: str) -> list[dict[str, Any]]:
    """The transitions of one lead, oldest first."""
    asked = select(transition).where(tx.mine(transition), transition.c.lead_key == lead_key).order_by(transition.c.id)
    return tx.dicts(asked)


def flag_changes(tx: Tx, run_ids: Sequence[str], states: Collection[str]) -> set[tuple[str, str]]:
    """(lead key, definition) of those who came into or left these states in one of these runs."""
    table, found = transition, set()
    inside, outside = table.c.from_state.in_(states), table.c.to_state.in_(states)
    for start in range(0, len(run_ids), 500):
        here = (tx.mine(table), table.c.run_id.in_(run_ids[start : start + 500]), inside != outside)
        found |= {(row[0], row[1]) for row in tx.rows(select(table.c.lead_key, table.c.definition).where(*here))}
    return found


def transitions_of_run(tx: Tx, run_id: str) -> list[dict[str, Any]]:
    """What one run changed, in order."""
    asked = select(transition).where(tx.mine(transition), transition.c.run_id == run_id).order_by(transition.c.id)
    return tx.dicts(asked)
