"""
What became of an undo, told from the store: which fields were restored, what was left and why.

Decided here: a field counts as restored once the CRM acknowledged its value; before that it waits. Writes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from connectors.contract import Value
from worker.core.threeway import NOT_KNOWN, same
from worker.core.undoing import Left
from worker.steps.mending.undo_reading import Found, FoundTask, Work
from worker.steps.mending.undo_report import Done, LeftAlone, Restored, Undone, UndoneTask
from worker.store import intents, records
from worker.store.claiming import undo_id
from worker.store.database import Store
from worker.store.records import RIDES_ALONG
from worker.store.runs import Run

GIVEN_UP = ("rejected", "dead", "needs_review")


def told(store: Store, run: Run, work: Mapping[str, Work], chosen: Mapping[str, Collection[str]] | None) -> Undone:
    """The document; `chosen` are the keys of the records that were taken up, None for a dry run."""
    dry_run = chosen is None
    report = Undone(schema="pqlsync/undo/1", run=run.id, as_of=run.as_of, dry_run=dry_run)
    for name, seen in sorted(work.items()):
        keys = [one.key for one in seen.found if one.restore]
        left_out = set(keys).difference(chosen[name]) if chosen else set()
        with store.read() as tx:
            now = {} if dry_run else records.by_keys(tx, name, keys)
            closings = {} if dry_run else _closings(intents.under(tx, [one.made["effect_key"] for one in seen.tasks]))
        for one in seen.found:
            _record(report, name, one, {} if one.key in left_out else now.get(one.key), run)
        for task in seen.tasks:
            report.tasks.append(_task(name, task, closings.get(task.made["effect_key"]), dry_run=dry_run))
        report.already += sum(one.stands for one in seen.found) + seen.closed
    return report


def _record(report: Undone, name: str, one: Found, row: Mapping[str, Any] | None, run: Run) -> None:
    plain = {"destination": name, "object": one.object, "lead": one.key, "name": one.name or one.key, "crm_id": one.crm_id}
    if one.whole is not None:
        report.left.append(LeftAlone(**plain, field=None, reason=one.whole))
    report.left += [LeftAlone(**plain, field=field, reason=why) for field, why in one.left.items()]
    for field, before in _shown(one.restore):
        outcome: Done | Left = "to_restore" if row is None else _outcome(row, field, before, run)
        if isinstance(outcome, Left):
            report.left.append(LeftAlone(**plain, field=field, reason=outcome))
        else:
            says = str(row["last_error"] or "") if row and outcome in ("rejected", "waiting") else ""
            now = one.holds[field]
            report.restored.append(Restored(**plain, field=field, old=now, new=before, outcome=outcome, says=says))


def _shown(fields: Mapping[str, Value]) -> Iterator[tuple[str, Value]]:
    return ((name, value) for name, value in fields.items() if name not in RIDES_ALONG)


def _outcome(row: Mapping[str, Any], field: str, before: Value, run: Run) -> Done | Left:
    """What became of one field, by its row after the push."""
    if not row:  # not taken up within the limit
        return "waiting"
    if row["run_id"] != undo_id(run.id):  # wanted anew meanwhile
        return Left.LATER_RUN
    if row["crm_id"] is None:
        return Left.GONE
    if row["status"] != "in_sync":
        return "rejected" if row["status"] in GIVEN_UP else "waiting"
    held = row["acknowledged"].get(field, NOT_KNOWN)
    if same(held, before) or same(row["reformatted"].get(field, held), before):
        return "restored"
    return Left.NO_FIELD if field in (row["parked"] or ()) else Left.PEOPLE


def _closings(rows: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    return {row["effect_key"]: row for row in rows if row["kind"] == "task_close"}


def _task(name: str, one: FoundTask, closing: Mapping[str, Any] | None, *, dry_run: bool) -> UndoneTask:
    made = one.made
    told = UndoneTask(
        destination=name,
        lead=made["lead_key"],
        crm_id=made["crm_id"],
        subject=str(made["payload"].get("subject", "")),
        outcome="left",
        reason=one.reason,
    )
    if one.reason is not None:
        return told
    if dry_run:
        return told.model_copy(update={"outcome": "to_close"})
    status = closing["status"] if closing else "planned"
    if status == "cancelled":
        gone = "deleted" in str(closing and closing["last_error"])
        return told.model_copy(update={"reason": Left.GONE if gone else Left.PEOPLE})
    outcome = "closed" if status == "confirmed" else "rejected" if status in GIVEN_UP else "waiting"
    return told.model_copy(update={"outcome": outcome})
