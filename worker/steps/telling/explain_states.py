"""
Where a lead or an account stands in each definition, as explain tells it: gates with the values seen, thresholds, episodes.

Decided here: what is shown of a state, also at an instant in the past. Reads only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from settings.condition.tree import Condition
from settings.qualify import Definition
from worker.core.conditions import interpret, list_keys, trace
from worker.core.qualify import OPEN
from worker.core.routing import plain
from worker.core.wording import lead_name
from worker.steps.deciding.qualify import Row
from worker.steps.scoring.account_rows import rows_of
from worker.steps.scoring.score import Scored
from worker.steps.tools import Tools
from worker.store import leads


def states(tools: Tools, row: Row, as_of: datetime) -> list[dict[str, Any]]:
    """The state of a lead in each definition of leads, or of an account in each of accounts."""
    subject = row["subject"]
    with tools.store.read() as tx:
        then = states_then(leads.states_of(tx, subject), leads.history(tx, subject), as_of)
    definitions = tools.settings.of_grain("lead" if subject == row["lead_key"] else "account")
    return [state(tools, definition, row, then.get(name)) for name, definition in definitions.items()]


def buyer(row: Row) -> dict[str, Any] | None:
    """Of an account, its likely buyer."""
    if row["subject"] == row["lead_key"]:
        return None
    name = lead_name(row, row.get("crm_name"))
    return {"lead": row["lead_key"], "name": name, "user_id": row["user_id"], "match_status": row["match_status"]}


def account_episodes(tools: Tools, scored: Scored, row: Row, as_of: datetime) -> Iterator[dict[str, Any]]:
    """Of a lead, the open episodes of its account, and whether it is the buyer."""
    key = row["account_key"]
    if row["subject"] != row["lead_key"] or key is None or not tools.settings.of_grain("account"):
        return
    with tools.store.read() as tx:
        stored = leads.states_of(tx, key)
        then = states_then(stored, leads.history(tx, key), as_of)
    named = {one["definition"]: (one["facts"] or {}).get("buyer") for one in stored}
    found = {name: one for name, one in then.items() if name in tools.settings.of_grain("account") and one["state"] in OPEN}
    likely = {one["subject"]: one["lead_key"] for one in rows_of(tools, scored.accounts, [key] if found else [])}
    for name, one in found.items():
        told = {what: one[what] for what in ("state", "episode", "since", "entered_at")}
        work = named.get(name) or likely.get(key)
        yield {"definition": name, "account": key, **told, "buyer": work, "is_buyer": work == row["lead_key"]}


def states_then(
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


def state(tools: Tools, definition: Definition, row: Row, state: Mapping[str, Any] | None) -> dict[str, Any]:
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
