"""
Explain: why a lead stands where it stands, from the same rows that scored, routed and wrote it.

Decided here: what is looked up and shown. Reads only; an instant in the past is answered with what had arrived by then.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa
from pydantic import Field

from settings.condition.tree import Condition
from settings.qualify import Definition
from settings.score import DIMENSIONS
from settings.signals import ANY_EVENT, Signal
from worker.core import rollup
from worker.core.conditions import interpret, list_keys, trace
from worker.core.instants import day_number
from worker.core.qualify import OPEN
from worker.core.routing import plain
from worker.core.wording import lead_name
from worker.steps.listing import as_lake_files
from worker.steps.qualify import Row, frame_rows
from worker.steps.report import Document
from worker.steps.score import Scored, score
from worker.steps.tools import Tools
from worker.store import attempts, intents, landing, leads, links, outcomes, records, routes

EVENTS_SHOWN = 5


class Unknown(Exception):
    """Nobody is known under this name."""


class Explanation(Document):
    """The document of `pql explain`."""

    schema_: str = Field(default="pqlsync/explain/1", alias="schema")
    lead: str
    name: str | None
    user_id: str
    account: str | None
    as_of: datetime
    as_of_unknown: bool
    excluded: str | None
    tier: str
    scores: dict[str, float]
    signals: list[dict[str, Any]]
    points: list[dict[str, Any]]
    state: list[dict[str, Any]]
    route: dict[str, Any]
    records: list[dict[str, Any]]
    tasks: list[dict[str, Any]]
    attempts: list[dict[str, Any]]
    history: list[dict[str, Any]]
    outcomes: list[dict[str, Any]]


def explain(tools: Tools, name: str, as_of: datetime) -> Explanation:
    """Everything about one lead, named by e-mail, user id, lead key or CRM id."""
    scored = score(tools, as_of)
    row = _row(tools, scored, name)
    key = row["lead_key"]
    with tools.store.read() as tx:
        stored = leads.states_of(tx, key)
        kept = {
            "records": [_plain(one) for one in records.by_key(tx, key)],
            "tasks": [_plain(one) for one in intents.of_lead(tx, key)],
            "attempts": [_plain(one) for one in attempts.of_key(tx, key)],
            "history": [_plain(one) for one in leads.history(tx, key)],
            "outcomes": [_plain(one) for one in outcomes.history(tx, key)],
        }
        assigned = routes.of_lead(tx, key)
        waiting = [one for one in routes.waiting(tx) if one["lead_key"] == key]
    then = _states_then(stored, kept["history"], as_of)
    return Explanation(
        schema="pqlsync/explain/1",
        lead=key,
        name=lead_name(row, row.get("crm_name")),
        user_id=row["user_id"],
        account=row.get("account.name") or row.get("account_id"),
        as_of=as_of,
        as_of_unknown=row["as_of_unknown"],
        excluded=row["excluded"],
        tier=row["tier"],
        scores={name: row[name] for name in DIMENSIONS},
        signals=list(_signals(tools, row, as_of)),
        points=list(_points(tools, row)),
        state=[_state(tools, definition, row, then.get(name)) for name, definition in tools.settings.qualify.items()],
        route=_route(assigned, waiting),
        **kept,
    )


def _row(tools: Tools, scored: Scored, name: str) -> Row:
    engine, frame = tools.engine, scored.frame
    home = tools.settings.handoff.work_in
    with tools.store.read() as tx:
        linked = {one.record_key for object in tools.crms[home].objects for one in links.by_id(tx, home, object, [name])}
    wanted = engine.table(pa.table({"linked": pa.array(sorted(linked), pa.string())}))
    by_name = (frame.user_id == name) | (frame["user.email"] == name.strip().lower()) | (frame.lead_key == name)
    found = engine.run(frame.filter(by_name | (frame.crm_id == name)).select("user_id")).to_pylist()
    if not found and linked:
        found = engine.run(frame.semi_join(wanted, frame.lead_key == wanted.linked).select("user_id")).to_pylist()
    if not found:
        raise Unknown(f"No lead is known as {name}. Give an e-mail address, a user id, a lead key or a CRM id.")
    if len(found) > 1:
        ids = ", ".join(sorted(row["user_id"] for row in found))
        raise Unknown(f"{name} fits {len(found)} users: {ids}. Give one of these ids.")
    return frame_rows(tools, scored, [found[0]["user_id"]])[0]


# ----------------------------------------------------------------------------------------- signals


def _signals(tools: Tools, row: Row, as_of: datetime) -> Iterator[dict[str, Any]]:
    for name, signal in tools.settings.signals.items():
        told = {"name": name, "value": row[name], "kind": signal.kind, "family": signal.family, "per": signal.per}
        window = {"within": str(signal.within) if signal.within else None}
        yield {**told, **window, "events": _events(tools, signal, row, as_of) if signal.kind != "ratio" else []}


def _events(tools: Tools, signal: Signal, row: Row, as_of: datetime) -> list[dict[str, Any]]:
    """The newest events that a signal counts, of this user or of the account."""
    with tools.store.read() as tx:
        files = as_lake_files(landing.files(tx, "events"))
    rows = tools.engine.events(tools.lake.paths(files))
    mine = rows.user_id == row["user_id"] if signal.per == "lead" else rows.account_id == (row["account_id"] or "")
    rules = [mine, rows.at <= as_of, rows.arrived <= as_of]
    names = [name for name in (*signal.events, *signal.minus) if name != ANY_EVENT]
    if names:
        rules.append(rows.name.isin(names))
    if signal.within:
        first = rollup.first_instant(day_number(as_of) - signal.within.days + 1)
        rules.append(rows.at >= first)
    chosen = rows.filter(*rules).order_by(rows.at.desc()).limit(EVENTS_SHOWN)
    return tools.engine.run(chosen.select("source", "event_id", "name", "at", "arrived")).to_pylist()


# ------------------------------------------------------------------------------------------ points


def _points(tools: Tools, row: Row) -> Iterator[dict[str, Any]]:
    """Each line of the scores with what it gave; the parts and the cap add up to the score."""
    for dimension in DIMENSIONS:
        for place, line in enumerate(tools.settings.score.of(dimension)):
            what = line.signal or (line.when.text if line.when else "")
            yield {
                "score": dimension,
                "line": what,
                "value": row.get(line.signal) if line.signal else None,
                "points": row[f"why_{dimension}_{place}"],
                "most": line.points,
                "where": line.where,
            }
        yield {
            "score": dimension,
            "line": "caps and floor",
            "value": None,
            "points": row[f"cap_{dimension}"],
            "most": None,
            "where": "",
        }


# ------------------------------------------------------------------------------------------- state


def _states_then(
    stored: Sequence[Mapping[str, Any]], history: Sequence[Mapping[str, Any]], as_of: datetime
) -> dict[str, Mapping[str, Any]]:
    """Definition -> the state at an instant: the stored one, or where it moved since, what the last edge before led to."""
    then = {one["definition"]: one for one in stored}
    for name in {edge["definition"] for edge in history if edge["at"] > as_of}:
        then.pop(name, None)
        for edge in (one for one in history if one["definition"] == name and one["at"] <= as_of):
            entered = edge["to_state"] in OPEN and edge["from_state"] not in OPEN
            before = then.get(name, {}).get("entered_at")
            then[name] = {
                "state": edge["to_state"],
                "episode": edge["episode"],
                "since": edge["at"],
                "entered_at": edge["at"] if entered else before,
                "reason": (edge.get("detail") or {}).get("reason"),
            }
    return then


def _state(tools: Tools, definition: Definition, row: Row, state: Mapping[str, Any] | None) -> dict[str, Any]:
    """The state of a definition, its gates with the values seen, thresholds and expiry."""
    gates = [_gate(tools, "applies_to", definition.applies_to, row)]
    gates += [_gate(tools, f"must_have.{family}", part, row) for family, part in definition.must_have.parts()]
    gates += [_gate(tools, "immediately_when", definition.immediately_when, row)]
    entered = state["entered_at"] if state else None
    expires = entered + definition.expires_after.delta if entered and definition.expires_after else None
    return {
        "definition": definition.name,
        "state": state["state"] if state else "NOT",
        "episode": state["episode"] if state else 0,
        "since": state["since"] if state else None,
        "entered_at": entered,
        "reason": state["reason"] if state and state["reason"] else _why_not(definition, row, state),
        "value": row[f"value_{definition.name}"],
        "enter_at": definition.enter_at,
        "exit_below": definition.exit_below,
        "missing": max(0.0, definition.enter_at - row[f"value_{definition.name}"]),
        "expires_at": expires if state and state["state"] in OPEN else None,
        "gates": [gate for gate in gates if gate is not None],
    }


def _why_not(definition: Definition, row: Row, state: Mapping[str, Any] | None) -> str | None:
    """Why somebody without an episode has none, in the words of the gates: `no intent/value`; None for whoever may enter."""
    if state is not None and state["state"] != "NOT":
        return None
    if row["excluded"]:
        return str(row["excluded"])
    name = definition.name
    if not row[f"applies_{name}"]:
        return "does not apply"
    if row[f"immediate_{name}"]:
        return None
    lacking = sorted(family for family, _ in definition.must_have.parts() if not row[f"must_{name}_{family}"])
    if lacking:
        return f"no {'/'.join(lacking)}"
    return "score below enter_at" if row[f"value_{name}"] < definition.enter_at else None


def _gate(tools: Tools, name: str, condition: Condition | None, row: Row) -> dict[str, Any] | None:
    if condition is None:
        return None
    lists = list_keys(tools.settings)
    seen = trace(condition, row, lists)
    return {
        "gate": name,
        "when": condition.text,
        "where": condition.where,
        "holds": interpret(condition, row, lists) is True,
        "seen": {key: plain(value) for one in seen for key, value in one.seen.items()},
        "missing": sorted({key for one in seen if one.outcome is None for key in one.missing}),
    }


# ------------------------------------------------------------------------------------------- route


def _route(assigned: Sequence[Mapping[str, Any]], waiting: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The newest decision with its reason tree, and what the lead waits for."""
    told: dict[str, Any] = {"tried": [], "eligible": [], "waiting": [_plain(one) for one in waiting]}
    if waiting:
        told["tried"] = (waiting[0]["detail"] or {}).get("tried", [])
    if assigned:
        last = assigned[-1]
        reason = last["reason"] or {}
        told |= {
            name: last[name]
            for name in ("target", "assignee", "pool", "partner", "rule", "respond_by", "decided_at", "active")
        }
        told |= {
            "tried": reason.get("tried", []),
            "eligible": reason.get("eligible", []),
            "removed": reason.get("removed", {}),
        }
        told |= {"steps": reason.get("steps", [])}
    return told


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "workspace" and value is not None}
