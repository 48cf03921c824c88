"""
Whether a CRM has the unique key of our tasks, or they are guarded by reading only.

Decided here: when that is asked, what happens while the CRM does not say, and that `pql status` can tell. Not decided
here: how guarded tasks are looked for (the connector), and when (`push_tasks`).
"""

from __future__ import annotations

from connectors.errors import ConnectorError, Refused
from connectors.fields import TASK_KEY
from worker.steps.sending.desk import Desk
from worker.store import intent_claims, records

GUARDED = (
    "Tasks are guarded, not guaranteed: the CRM has no unique task key. Each task is looked for before it is made, "
    "and again after a call that nobody can prove. Run `pql provision`; a portal that refuses the key stays guarded."
)


def knows_mode(desk: Desk) -> bool:
    """Ask once, holding nothing, how the CRM knows our tasks; False where there are none or it does not answer now."""
    with desk.store.read() as tx:
        if not intent_claims.waiting(tx, desk.destination, desk.only):
            return False
    try:
        desk.guarded = desk.crm.tasks.guarded
    except Refused as problem:
        desk.tasks_too = False
        desk.refuse(str(problem))
    except ConnectorError as problem:
        wait = getattr(problem, "after", None) or desk.crm.budget().window_seconds
        if getattr(problem, "limited", False):
            desk.limiter.pause(wait)
        desk.tasks_too = False
        desk.tally.report.limited = wait
        desk.tally.warn(f"Tasks wait, because {desk.destination} did not say what it knows of them: {problem}")
    if desk.guarded is not None:
        _say_mode(desk, guarded=desk.guarded)
    return desk.guarded is not None


def _say_mode(desk: Desk, *, guarded: bool) -> None:
    """Note that the key is left out, so that `pql status` says it; forget it once the CRM has the key."""
    left_out = ("task", TASK_KEY.name)
    if guarded:
        desk.tally.warn(f"{desk.destination}: {GUARDED}")
    if guarded != (left_out in desk.parked):
        with desk.store.write() as tx:
            if guarded:
                records.park(tx, desk.destination, "task", {TASK_KEY.name: GUARDED})
            else:
                records.unpark(tx, desk.destination, *left_out)
