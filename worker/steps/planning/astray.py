"""
Tasks whose person went elsewhere before they were made.

Decided here: a merge or a conversion is followed under the same key; a deletion is not, so that nobody whom a person deleted
gets a task.
"""

from __future__ import annotations

from worker.steps.tools import Tools
from worker.store import intents, links
from worker.store.intents import Planned


def follow_people(tools: Tools, run_id: str | None = None) -> int:
    """
    Plan tasks again, under the same keys, whose person was merged or converted before they were made; how many.

    Who was deleted gets none: the task stays rejected until its lead is linked to a record again.
    """
    home = tools.settings.handoff.work_in
    with tools.store.write() as tx:
        rows = intents.astray(tx, home)
        was = [(str(row["payload"]["person_object"]), str(row["payload"]["person"])) for row in rows]
        heirs = links.heirs(tx, home, was) if rows else {}
        again = [
            Planned(
                row["kind"],
                row["effect_key"],
                row["lead_key"],
                row["play"],
                row["episode"],
                {**row["payload"], "person": heirs[place].crm_id, "person_object": heirs[place].object},
                row["hop"],
                row["context"] or {},
            )
            for row, place in zip(rows, was, strict=True)
            if place in heirs and (heirs[place].object, heirs[place].crm_id) != place
        ]
        intents.plan(tx, home, again, run_id)
    return len(again)
