"""
Explain: why a lead or an account stands where it stands, from the same rows that scored, routed and wrote it.

Decided here: what is looked up and shown. Reads only; an instant in the past is answered with what had arrived by then.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

import pyarrow as pa
from pydantic import Field

from settings.score import DIMENSIONS
from settings.signals import ANY_EVENT, Signal
from worker.core import rollup
from worker.core.instants import day_number
from worker.core.wording import lead_name
from worker.steps.deciding.qualify import Row, frame_rows
from worker.steps.listing import as_lake_files
from worker.steps.report import Document
from worker.steps.scoring.account_rows import rows_of
from worker.steps.scoring.score import Scored, score
from worker.steps.telling.explain_states import account_episodes, buyer, states
from worker.steps.tools import Tools
from worker.store import attempts, intents, landing, leads, links, outcomes, records, routes

EVENTS_SHOWN = 5


class Unknown(Exception):
    """Nobody is known under this name."""


class Explanation(Document):
    """The document of `pql explain`."""

    schema_: str = Field(default="pqlsync/explain/1", alias="schema")
    grain: Literal["lead", "account"]
    subject: str
    """The key under which states, tasks and records are kept: the lead's, or the account's."""
    lead: str
    """The lead's key; of an account its likely buyer's, as are name and user_id."""
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
    buyer: dict[str, Any] | None
    """Of an account."""
    account_episodes: list[dict[str, Any]]
    """Of a lead: the open episodes of its account."""
    route: dict[str, Any]
    records: list[dict[str, Any]]
    tasks: list[dict[str, Any]]
    attempts: list[dict[str, Any]]
    history: list[dict[str, Any]]
    outcomes: list[dict[str, Any]]


def explain(tools: Tools, name: str, as_of: datetime) -> Explanation:
    """Everything about one lead, named by e-mail, user id, lead key or CRM id; or one account, by its id, key or CRM id."""
    scored = score(tools, as_of)
    row = _row(tools, scored, name)
    key = row["subject"]
    with tools.store.read() as tx:
        kept = {
            "records": [_plain(one) for one in records.by_key(tx, key)],
            "tasks": [_plain(one) for one in intents.of_lead(tx, key)],
            "attempts": [_plain(one) for one in attempts.of_key(tx, key)],
            "history": [_plain(one) for one in leads.history(tx, key)],
            "outcomes": [_plain(one) for one in outcomes.history(tx, key)],
        }
        assigned = routes.of_lead(tx, key)
        waiting = [one for one in routes.waiting(tx) if one["lead_key"] == key]
    return Explanation(
        schema="pqlsync/explain/1",
        grain="lead" if key == row["lead_key"] else "account",
        subject=key,
        lead=row["lead_key"],
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
        state=states(tools, row, as_of),
        buyer=buyer(row),
        account_episodes=list(account_episodes(tools, scored, row, as_of)),
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
        return _account_row(tools, scored, name, linked)
    if len(found) > 1:
        ids = ", ".join(sorted(row["user_id"] for row in found))
        raise Unknown(f"{name} fits {len(found)} users: {ids}. Give one of these ids.")
    return frame_rows(tools, scored, [found[0]["user_id"]])[0]


def _account_row(tools: Tools, scored: Scored, name: str, linked: Collection[str]) -> Row:
    known = scored.accounts
    same = tools.engine.run(known.filter((known.account_id == name) | (known.subject == name)).select("subject"))
    rows = rows_of(tools, known, [*same.column(0).to_pylist(), *linked])
    if len(rows) != 1:
        ids = ", ".join(sorted(row["account_id"] for row in rows))
        said = f"{name} fits {len(rows)} accounts: {ids}." if rows else f"No lead or account is known as {name}."
        raise Unknown(f"{said} Give an e-mail address, a user id, a lead key, an account id or a CRM id.")
    return rows[0]


# ----------------------------------------------------------------------------------------- signals


def _signals(tools: Tools, row: Row, as_of: datetime) -> Iterator[dict[str, Any]]:
    for name, signal in tools.settings.signals.items():
        told = {"name": name, "value": row[name], "kind": signal.kind, "family": signal.family, "per": signal.per}
        window = {"within": str(signal.within) if signal.within else None}
        yield {**told, **window, "events": _events(tools, signal, row, as_of) if signal.kind != "ratio" else []}


def _events(tools: Tools, signal: Signal, row: Row, as_of: datetime) -> list[dict[str, Any]]:
    """The newest events that a signal counts, of this user or of the account; of an account those of all its users."""
    with tools.store.read() as tx:
        files = as_lake_files(landing.files(tx, "events"))
    rows = tools.engine.events(tools.lake.paths(files))
    own = signal.per == "lead" and row["subject"] == row["lead_key"]
    mine = rows.user_id == row["user_id"] if own else rows.account_id == (row["account_id"] or "")
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
