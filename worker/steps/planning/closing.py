"""
Whose task has lost its reason: the lead cooled, bought or opted out, or an older handoff stands on the same record.

Decided here: the settings say whether such a task is closed; one that serves a colleague, or another lead of the record,
stays. Whether somebody touched it is asked once more by the push, just before. Writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from worker.steps.planning.plan import Plan
from worker.steps.tools import Tools
from worker.store import intents, leads, links
from worker.store.database import Tx
from worker.store.intents import Planned


@dataclass(frozen=True, slots=True)
class Over:
    """Handoffs whose reason is gone: tasks to close if nobody touched them, and tasks that were not made yet."""

    closings: tuple[Planned, ...] = ()
    unsent: tuple[str, ...] = ()


def over(tools: Tools, plan: Plan) -> Over:
    """
    Of leads that cooled or bought, where the settings close their tasks and nobody of their account or record goes on; and
    those that an older handoff of the same record stands for.
    """
    handoff = tools.settings.handoff
    rules = {"EXPIRED": handoff.when_cooled, "SUPPRESSED": handoff.when_cooled, "CONVERTED": handoff.when_customer}
    if set(rules.values()) == {"leave"} and not plan.routed.doubled:
        return Over()
    with tools.store.read() as tx:
        columns = intents.handoffs(tx, handoff.work_in)
        tasks = [{name: values[place] for name, values in columns.items()} for place in range(len(columns["id"]))]
        tasks = [task for task in tasks if task["handoff_state"] in (None, "open")]
        doubled = [task for task in tasks if (task["lead_key"], task["play"]) in plan.routed.doubled]
        done = _without_episode(plan, [task for task in tasks if task not in doubled])
        moved = {(one.row["subject"], one.definition): one.state.name for one in plan.qualified.moved}
        states = {
            key: moved.get(key) or _stored_state(tx, *key) for key in {(task["lead_key"], task["play"]) for task in done}
        }
    going_on = _going_on(tools, plan, {task["lead_key"] for task in done})
    found = [
        task
        for task in done
        if rules.get(states[task["lead_key"], task["play"]]) == "close_task_if_untouched"
        and (task["lead_key"], task["play"]) not in going_on
    ]
    found += doubled
    closings = (
        Planned("task_close", t["effect_key"], t["lead_key"], t["play"], t["episode"], {"task": t["crm_id"]}, t["hop"])
        for t in found
        if t["crm_id"]
    )
    return Over(tuple(closings), tuple(task["effect_key"] for task in found if not task["crm_id"]))


def _without_episode(plan: Plan, tasks: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those whose lead or account is not in the episode any more for which they were made."""
    begun = {key: state.episode for key, state in plan.qualified.open.items()}
    return [task for task in tasks if begun.get((task["lead_key"], task["play"])) != task["episode"]]


def _stored_state(tx: Tx, lead_key: str, play: str) -> str:
    return next((one["state"] for one in leads.states_of(tx, lead_key) if one["definition"] == play), "NOT")


def _going_on(tools: Tools, plan: Plan, lead_keys: set[str]) -> set[tuple[str, str]]:
    """Of these leads those, with the play, whose task serves a colleague, or another lead of their record, who is a PQL."""
    if not lead_keys:
        return set()
    with tools.store.read() as tx:
        linked = links.by_key(tx, tools.settings.handoff.work_in, sorted(lead_keys))
    open_ = [(plan.qualified.rows[subject]["crm_id"], play) for subject, play in plan.qualified.open]
    same = {(key, play) for id, play in open_ if id for key, one in linked.items() if one.crm_id == id}
    if tools.settings.handoff.one_task_per != "account":
        return same
    asked = tools.engine.table(pa.table({"asked": pa.array(sorted(lead_keys), pa.string())}))
    keys = plan.scored.keys
    rows = tools.engine.run(
        keys.semi_join(asked, keys.lead_key == asked.asked).select("lead_key", "account_key")
    ).to_pylist()
    busy = {(plan.qualified.rows[subject]["account_key"], play) for subject, play in plan.qualified.open}
    here = {row["lead_key"]: row["account_key"] for row in rows}
    return same | {(key, play) for key, own in here.items() for account, play in busy if account and account == own}
