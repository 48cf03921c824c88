"""
Qualify: who became, stayed and ceased to be a PQL at an instant.

Decided here: which leads are looked at one by one (those an evaluation could move, and those of whom people said something),
and how a state is kept as a row. Not decided here: the edges between states (core). Writes nothing.
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
from worker.core.qualify import OPEN, Circumstances, Evaluation, Rejection, State, Transition, needs_step, step
from worker.steps.score import Scored
from worker.steps.tools import Tools
from worker.store import leads, outcomes

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Moved:
    """One lead whose state changed, with its row of the frame."""

    row: Row
    definition: str
    state: State
    transition: Transition


@dataclass(slots=True)
class Qualified:
    """
    What an evaluation changed, and who is a PQL after it.

    `states` holds every open state by (user_id, definition), changed or not; `rows` the frame rows of those users.
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
    """user_id -> {top_<property>: the value with the most days}, for those in an open episode."""

    def plays(self, definitions: Iterable[str]) -> dict[str, str]:
        """user_id -> the first definition, in the order of the settings, under which they are a PQL."""
        order = {name: place for place, name in enumerate(definitions)}
        found: dict[str, str] = {}
        for user_id, name in sorted(self.open, key=lambda key: order.get(key[1], len(order))):
            found.setdefault(user_id, name)
        return found


@dataclass(frozen=True, slots=True)
class Before:
    """What the last run left: its instant, its settings, which definitions it judged."""

    previous: datetime | None
    settings_sha: str | None
    judged: frozenset[str]
    stale: bool = False


def qualify(tools: Tools, scored: Scored, before: Before) -> Qualified:
    """Evaluate every definition at the instant of `scored`."""
    result = Qualified(scored.as_of)
    said = rejections(tools)
    for name, definition in tools.settings.qualify.items():
        stored = _stored(tools, name)
        circumstances = Circumstances(
            stale=before.stale,
            previous=before.previous,
            redefined=before.settings_sha not in (None, tools.settings.sha),
            rejections=said,
        )
        if name not in before.judged:
            result.first_run.add(name)
        _evaluate(tools, scored, definition, (stored, circumstances), result)
    result.tops = tops(tools, scored, {user_id for user_id, _ in result.open})
    return result


def _evaluate(
    tools: Tools, scored: Scored, definition: Definition, known: tuple[Mapping[str, State], Circumstances], result: Qualified
) -> None:
    stored, circumstances = known
    for row in _rows(tools, scored, definition, stored, circumstances.rejections):
        user_id = row["user_id"]
        old = stored.get(user_id)
        state, transition = step(old, Evaluation.of(row, definition, circumstances), definition, scored.as_of)
        result.rows[user_id] = row
        if transition is not None:
            result.moved.append(Moved(row, definition.name, state, transition))
        if state != old and (old is not None or transition is not None):
            result.touched.append((row, definition.name, state))
        if state.is_open:
            result.open[user_id, definition.name] = state


def _rows(
    tools: Tools, scored: Scored, definition: Definition, stored: Mapping[str, State], said: Mapping[str, Rejection]
) -> list[Row]:
    """The frame rows an evaluation could move, and those of open episodes, which the plan reads anyway."""
    columns = {
        "user_id": pa.array(list(stored), pa.string()),
        "state": pa.array([state.name for state in stored.values()], pa.string()),
        "reason": pa.array([state.reason for state in stored.values()], pa.string()),
    }
    chosen = needs_step(scored.frame, tools.engine.table(pa.table(columns)), definition).drop("state", "state_reason")
    rows = tools.engine.run(chosen).to_pylist()
    there = {row["user_id"] for row in rows}
    wanted = {user_id for user_id, state in stored.items() if state.name in OPEN} | set(said)
    missing = sorted(wanted - there)
    return sorted([*rows, *frame_rows(tools, scored, missing)], key=lambda row: str(row["user_id"]))


def frame_rows(tools: Tools, scored: Scored, user_ids: Iterable[str]) -> list[Row]:
    """The frame's rows of these users."""
    asked = sorted(set(user_ids))
    if not asked:
        return []
    ids = tools.engine.table(pa.table({"asked": pa.array(asked, pa.string())}))
    return tools.engine.run(scored.frame.semi_join(ids, scored.frame.user_id == ids.asked)).to_pylist()


def rejections(tools: Tools) -> dict[str, Rejection]:
    """What people said no to, by user id: where the newest answer in the CRM of the people is a rejection."""
    with tools.store.read() as tx:
        answers = outcomes.columns(tx)
        known = leads.names(tx) if answers["record_key"] else {}
    users = dict(zip(known.get("lead_key", []), known.get("user_id", []), strict=True))
    said: dict[str, dict[str, tuple[str | None, datetime]]] = {}
    for place, key in enumerate(answers["record_key"]):
        if answers["destination"][place] == tools.settings.handoff.work_in and key in users:
            when = answers["at"][place] or answers["seen_at"][place]
            said.setdefault(users[key], {})[answers["name"][place]] = (answers["value"][place], when)
    refused = {user: one for user, one in said.items() if one.get("pql_outcome", ("", None))[0] == "rejected"}
    return {
        user: Rejection(one.get("pql_reject_reason", (None, None))[0] or "other", one["pql_outcome"][1])
        for user, one in refused.items()
    }


def _stored(tools: Tools, definition: str) -> dict[str, State]:
    """The states of one definition by user id."""
    with tools.store.read() as tx:
        rows = leads.states(tx, definition)
        known = leads.names(tx) if rows["lead_key"] else {}
    users = dict(zip(known.get("lead_key", []), known.get("user_id", []), strict=True))
    places = range(len(rows.get("lead_key", [])))
    found = ({name: rows[name][place] for name in rows} for place in places)
    return {
        users[row["lead_key"]]: State.of(row, orjson.loads(row["facts"] or "{}"))
        for row in found
        if row["lead_key"] in users
    }


def state_row(row: Row, definition: str, state: State, run_id: str | None) -> dict[str, Any]:
    """A state as it is stored."""
    return {
        "lead_key": row["lead_key"],
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
        "lead_key": one.row["lead_key"],
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
