"""
Qualify: who became, stayed and ceased to be a PQL at an instant, and which accounts (PQAs).

Decided here: what is looked at one by one (those an evaluation could move, and those of whom people said something), and
how a state is kept as a row. The *subject* of a state is a lead key or, in a definition of the grain `account`, an account
key; the store keeps it in columns called lead_key, and rows of the frame in `subject`. Not decided here: the edges between
states (core). Writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
import pyarrow as pa

from settings.qualify import Definition
from worker.core import identity, rollup
from worker.core.frame import gates
from worker.core.qualify import OPEN, Circumstances, Evaluation, Rejection, State, Transition, needs_step, step
from worker.steps.deciding.answers import answers, of_accounts, of_leads
from worker.steps.scoring.account_rows import rows_of
from worker.steps.scoring.score import Scored
from worker.steps.tools import Tools
from worker.store import leads

Row = dict[str, Any]
ASKED = ("subject", "user_id", "lead_key", "excluded", "crm.is_customer", "last_active")
"""What a state depends on besides the gates of its definition. The rest of a row is read of those in an episode only."""


@dataclass(frozen=True, slots=True)
class Moved:
    """A lead or account whose state changed, with what of its row the state depends on."""

    row: Row
    definition: str
    state: State
    transition: Transition


@dataclass(slots=True)
class Qualified:
    """
    What an evaluation changed, and who is a PQL after it.

    `open` holds every open state by (subject, definition), changed or not; `rows` the rows of those subjects.
    """

    as_of: datetime
    moved: list[Moved] = field(default_factory=list)
    touched: list[tuple[Row, str, State]] = field(default_factory=list)
    """States that are to be stored: the moved ones, and those that counted one more run."""
    open: dict[tuple[str, str], State] = field(default_factory=dict)
    rows: dict[str, Row] = field(default_factory=dict)
    first_run: set[str] = field(default_factory=set)
    """Definitions that no run has judged before."""
    tops: dict[str, dict[str, str]] = field(default_factory=dict)
    """user_id -> {top_<property>: the value with the most days}, for those in an open episode and buyers."""

    replaced: set[str] = field(default_factory=set)
    """Leads (their keys) that were the buyer of an account which has another one now."""

    def plays(self, definitions: Iterable[str]) -> dict[str, str]:
        """Subject -> the first definition, in the order of the settings, under which it is a PQL or PQA."""
        order = {name: place for place, name in enumerate(definitions)}
        found: dict[str, str] = {}
        for subject, name in sorted(self.open, key=lambda key: order.get(key[1], len(order))):
            found.setdefault(subject, name)
        return found

    def buyers(self, plays: Mapping[str, str]) -> dict[str, str]:
        """Of the accounts among these subjects, lead key of the likely buyer -> account key."""
        return {self.rows[subject]["lead_key"]: subject for subject in plays if not self.is_lead(subject)}

    def is_lead(self, subject: str) -> bool:
        """Whether a subject is a lead, not an account."""
        return bool(self.rows[subject]["lead_key"] == subject)


@dataclass(frozen=True, slots=True)
class Before:
    """What the last run left: its instant, its settings, which definitions it judged."""

    previous: datetime | None
    settings_sha: str | None
    judged: frozenset[str]
    stale: bool = False


def qualify(tools: Tools, scored: Scored, before: Before) -> Qualified:
    """Evaluate every definition at the instant of `scored`: those of leads, then those of accounts."""
    result = Qualified(scored.as_of)
    told = answers(tools)
    held = {name: _stored(tools, name) for name in tools.settings.of_grain("account")}
    episodes = [state for states in held.values() for state in states.values()]
    own: dict[str, list[State]] = {state.buyer: [] for state in episodes if state.buyer}
    for name, definition in tools.settings.of_grain("lead").items():
        stored = _stored(tools, name)
        seen = _circumstances(tools, before, of_leads(told, stored, episodes))
        after = {**stored, **_evaluate(tools, scored.frame, definition, (stored, seen), result)}
        for buyer, known in own.items():
            known.extend([after[buyer]] if buyer in after else [])
    for name, definition in tools.settings.of_grain("account").items():
        seen = _circumstances(tools, before, of_accounts(told, held[name], own))
        _evaluate(tools, scored.accounts, definition, (held[name], seen), result)
    result.first_run = set(tools.settings.qualify) - before.judged
    result.tops = tops(tools, scored, {result.rows[subject]["user_id"] for subject, _ in result.open})
    return result


def _circumstances(tools: Tools, before: Before, said: Mapping[str, Rejection]) -> Circumstances:
    return Circumstances(
        stale=before.stale,
        previous=before.previous,
        redefined=before.settings_sha not in (None, tools.settings.sha),
        rejections=said,
    )


def _evaluate(
    tools: Tools, table: Any, definition: Definition, known: tuple[Mapping[str, State], Circumstances], result: Qualified
) -> dict[str, State]:
    """Judge those that could move; their states after it."""
    stored, circumstances = known
    after = {}
    for row in _rows(tools, table, definition, stored, circumstances.rejections):
        subject = row["subject"]
        old = stored.get(subject)
        state, transition = step(old, Evaluation.of(row, definition, circumstances), definition, result.as_of)
        after[subject] = state
        if transition is not None:
            result.moved.append(Moved(row, definition.name, state, transition))
        if state != old and (old is not None or transition is not None):
            result.touched.append((row, definition.name, state))
        if old and old.buyer and old.buyer != row["lead_key"]:
            result.replaced.add(old.buyer)
        if state.is_open:
            result.open[subject, definition.name] = state
    open_now = {subject for subject, name in result.open if name == definition.name}
    result.rows |= {row["subject"]: row for row in rows_of(tools, table, open_now - result.rows.keys())}
    return after


def _rows(
    tools: Tools, table: Any, definition: Definition, stored: Mapping[str, State], said: Mapping[str, Rejection]
) -> list[Row]:
    """What a state depends on, of those who could move, who are in an episode, or of whom people said something."""
    columns = {
        "subject": pa.array(list(stored), pa.string()),
        "state": pa.array([state.name for state in stored.values()], pa.string()),
        "reason": pa.array([state.reason for state in stored.values()], pa.string()),
    }
    asked = (*ASKED, *gates(definition))
    chosen = needs_step(table, tools.engine.table(pa.table(columns)), definition).select(*asked)
    rows = tools.engine.run(chosen).to_pylist()
    wanted = {subject for subject, state in stored.items() if state.name in OPEN} | set(said)
    missing = wanted - {row["subject"] for row in rows}
    return sorted([*rows, *rows_of(tools, table.select(*asked), missing)], key=lambda row: str(row["subject"]))


def frame_rows(tools: Tools, scored: Scored, user_ids: Iterable[str]) -> list[Row]:
    """The frame's rows of these users."""
    asked = sorted(set(user_ids))
    if not asked:
        return []
    ids = tools.engine.table(pa.table({"asked": pa.array(asked, pa.string())}))
    return tools.engine.run(scored.frame.semi_join(ids, scored.frame.user_id == ids.asked)).to_pylist()


def _stored(tools: Tools, definition: str) -> dict[str, State]:
    """The states of one definition by subject."""
    with tools.store.read() as tx:
        rows = leads.states(tx, definition)
    places = range(len(rows.get("lead_key", [])))
    found = ({name: rows[name][place] for name in rows} for place in places)
    return {row["lead_key"]: State.of(row, orjson.loads(row["facts"] or "{}")) for row in found}


def state_row(row: Row, definition: str, state: State, run_id: str | None) -> dict[str, Any]:
    """A state as it is stored."""
    return {
        "lead_key": row["subject"],
        "definition": definition,
        "state": state.name,
        "episode": state.episode,
        "reason": state.reason,
        "since": state.since,
        "entered_at": state.entered_at,
        "first_at": state.first_at,
        "facts": state.facts(),
        "run_id": run_id,
    }


def transition_row(one: Moved, run_id: str | None) -> dict[str, Any]:
    """An edge as it is stored."""
    edge = one.transition
    return {
        "lead_key": one.row["subject"],
        "definition": one.definition,
        "episode": edge.episode,
        "from_state": edge.from_state,
        "to_state": edge.to_state,
        "at": edge.at,
        "cause": edge.cause,
        "detail": dict(edge.detail),
        "run_id": run_id,
    }


def tops(tools: Tools, scored: Scored, user_ids: Iterable[str]) -> dict[str, dict[str, str]]:
    """The value of each distinct property that was seen on the most days, the newest of equals, for these users."""
    side = scored.given.inputs.side
    chosen = sorted(user_ids)
    if side is None or not chosen:
        return {}
    engine = tools.engine
    names = {
        column.key: column.property_name
        for column in rollup.side_columns(tools.settings)
        if column.property_name is not None
    }
    rows = identity.resolve(side, scored.given.inputs.identity)
    rows = rows.filter(rows.last_plus.notnull())
    ids = engine.table(pa.table({"asked": pa.array(chosen, pa.string())}))
    counted = rows.semi_join(ids, rows.user == ids.asked).group_by("user", "column", "value")
    found = engine.run(counted.aggregate(days=rows.day.nunique(), newest=rows.last_plus.max())).to_pylist()
    answer: dict[str, dict[str, str]] = {}
    for row in sorted(found, key=lambda one: (one["days"], one["newest"], one["value"])):
        if row["column"] in names:
            answer.setdefault(row["user"], {})[f"top_{names[row['column']]}"] = row["value"]
    return answer
