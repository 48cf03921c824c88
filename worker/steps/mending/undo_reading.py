"""
What a run wrote, by the attempts that are kept, and what of it the CRM still holds.

Decided here: which attempts count as the run's, which as later ones, and that records are read by id in batches. The keys
by which our records are found (pql_key, pql_seq) are no content and stay. Writes nothing. Not decided here: what may come
back (`worker.core.undoing`).
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.contract import Crm, Mirrored, SeenTask, Value
from connectors.errors import TryLater
from connectors.fields import BY_NAME, OWNER
from worker.core.threeway import NOT_KNOWN
from worker.core.undoing import Left, Past, Restore, Stands, Written, judge
from worker.steps.intake.touch import touched
from worker.steps.pacing.limiter import Limiter
from worker.store import attempts, intents, records
from worker.store.claiming import UNDO, undo_id
from worker.store.database import Store, Tx
from worker.store.records import RIDES_ALONG
from worker.store.runs import Run
from worker.store.values import unpacked

STAYS = ("pql_key", "pql_seq")
UNPROVED = ("unknown", "lost", "stale_result")
PATIENCE = 75.0
"""Seconds to wait for a slot or for an unproved call; a limit of the day is waited for by nobody."""


@dataclass(slots=True)
class _Field:
    writes: list[Written] = field(default_factory=list)
    later: list[tuple[str, Written]] = field(default_factory=list)
    undone: bool = False


@dataclass(slots=True)
class Wrote:
    """What a run wrote on one record."""

    crm_id: str | None
    created: bool = False
    fields: dict[str, _Field] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Found:
    """One record now. `whole`: why all of it stays. `holds` is what the fields in `restore` and `left` hold."""

    key: str
    object: str
    crm_id: str | None
    name: str = ""
    row: Mapping[str, Any] = field(default_factory=dict)
    holds: Mapping[str, Value] = field(default_factory=dict)
    restore: Mapping[str, Value] = field(default_factory=dict)
    left: Mapping[str, Left] = field(default_factory=dict)
    stands: int = 0
    whole: Left | None = None


@dataclass(frozen=True, slots=True)
class FoundTask:
    """One task that the run made; without a reason it is as we left it and can be closed."""

    made: Mapping[str, Any]
    reason: Left | None = None


@dataclass(frozen=True, slots=True)
class Work:
    """What was found in one destination; `closed` counts tasks that we closed before."""

    found: Sequence[Found]
    tasks: Sequence[FoundTask]
    closed: int

    def first(self, most: int | None) -> tuple[list[Found], list[FoundTask]]:
        """The first records and tasks of which something is to be done."""
        some = [one for one in self.found if one.restore][:most]
        rest = None if most is None else most - len(some)
        return some, [one for one in self.tasks if one.reason is None][:rest]


@dataclass(frozen=True, slots=True)
class Looking:
    """One CRM to look at."""

    store: Store
    crm: Crm
    destination: str
    limiter: Limiter
    progress: Callable[[int, int], None]

    def ask(self, question: Callable[[], Any]) -> Any:
        """Read something at its turn; where the limit is hit, once more after the pause it asks for."""
        while True:
            wait = self.limiter.reserve(within=PATIENCE)
            if wait > PATIENCE:
                raise TryLater(f"{self.destination} allows no more calls for {wait:.0f} s. Nothing was begun; try it then.")
            time.sleep(wait)
            try:
                return question()
            except TryLater as problem:
                if not problem.limited:
                    raise
                self.limiter.pause(problem.after or self.crm.budget().window_seconds)
            finally:
                self.limiter.learn(self.crm.budget())


# ------------------------------------------------------------------------------------- the attempts


def written(tx: Tx, run: Run) -> dict[str, dict[str, Wrote]]:
    """By destination and record key what the run wrote, and who wrote after it."""
    found: dict[str, dict[str, Wrote]] = {}
    for call in attempts.writes_since(tx, run.started_at):
        records_there = found.setdefault(call["destination"], {})
        for key, doc in call["keys"].items():
            sure = _proof(call, key)
            by = str(call["run_id"] or doc.get("run") or "")
            if sure is None:
                continue
            if by == run.id:
                _ours(records_there, key, doc, sure=sure)
            elif key in records_there:
                _later(records_there[key], by, doc, run, sure=sure)
    return found


def _proof(call: Mapping[str, Any], key: str) -> bool | None:
    """Whether the CRM acknowledged it; None where it is known not to have arrived."""
    said = (call["answers"] or {}).get(key, call["outcome"])
    if said is None or said in UNPROVED or said.startswith("crashed"):
        return False
    return True if said == "applied" else None


def _ours(found: dict[str, Wrote], key: str, doc: Mapping[str, Any], *, sure: bool) -> None:
    one = found.setdefault(key, Wrote(doc["crm_id"]))
    one.created = one.created or doc["crm_id"] is None
    replaced = unpacked(doc["replaced"])
    for name, sent in unpacked(doc["sent"]).items():
        if name not in STAYS:
            past = one.fields.setdefault(name, _Field())
            past.writes.append(Written(sent, replaced.get(name, NOT_KNOWN), sure))
            past.later.clear()


def _later(one: Wrote, by: str, doc: Mapping[str, Any], run: Run, *, sure: bool) -> None:
    for name, sent in unpacked(doc["sent"]).items():
        past = one.fields.get(name)
        if past is None:
            continue
        if not by.startswith(UNDO):
            past.later.append((by, Written(sent, sure=sure)))
        elif sure and by == undo_id(run.id):
            past.undone = True
        elif sure:  # a later run that was undone itself
            past.later = [(other, write) for other, write in past.later if undo_id(other) != by]


# ------------------------------------------------------------------------------------------ the CRM


def look(at: Looking, wrote: Mapping[str, Wrote]) -> list[Found]:
    """Read every record that the run wrote on, and judge its fields."""
    with at.store.read() as tx:
        rows = records.by_keys(tx, at.destination, sorted(wrote))
    found, ask = [], []
    for key, one in sorted(wrote.items()):
        row = rows.get(key)
        if one.created:
            found += [Found(key, row["object"], row["crm_id"], whole=Left.CREATED)] if row and row["crm_id"] else []
        elif row is None or row["crm_id"] != one.crm_id:
            found.append(Found(key, row["object"] if row else "", one.crm_id, whole=Left.GONE))
        else:
            ask.append(row)
    done = 0
    for rows_of_call in _batches(ask, at.crm.records.batch):
        found += _read(at, rows_of_call, wrote)
        done += len(rows_of_call)
        at.progress(done, len(ask))
    return found


def _batches(rows: Sequence[Mapping[str, Any]], most: int) -> Iterator[Sequence[Mapping[str, Any]]]:
    for object in sorted({row["object"] for row in rows}):
        same = [row for row in rows if row["object"] == object]
        yield from (same[start : start + most] for start in range(0, len(same), most))


def _read(at: Looking, rows: Sequence[Mapping[str, Any]], wrote: Mapping[str, Wrote]) -> list[Found]:
    object = rows[0]["object"]
    theirs = sorted({name for row in rows for name in wrote[row["record_key"]].fields if name not in (*BY_NAME, OWNER)})
    ids = sorted({row["crm_id"] for row in rows})
    says: Mapping[str, Mirrored] = at.ask(lambda: at.crm.mirror.read(object, ids, theirs))
    return [_found(row, wrote[row["record_key"]], says.get(row["crm_id"])) for row in rows]


def _found(row: Mapping[str, Any], wrote: Wrote, says: Mirrored | None) -> Found:
    key, object, id = row["record_key"], row["object"], row["crm_id"]
    if says is None or says.deleted or says.moved_to or says.id != id:
        return Found(key, object, id, whole=Left.GONE)
    holds = {OWNER: says.owner, **says.fields}
    restore: dict[str, Value] = {}
    left: dict[str, Left] = {}
    stands = 0
    for name, past in wrote.fields.items():
        judged = judge(_past(row, name, past), holds[name]) if name in holds else Left.NO_FIELD
        if isinstance(judged, Restore):
            restore[name] = judged.before
        elif isinstance(judged, Stands):
            stands += name not in RIDES_ALONG
        elif name not in RIDES_ALONG:
            left[name] = judged
    if restore.keys() <= RIDES_ALONG:
        restore = {}
    return Found(key, object, id, (*says.emails, says.name or key)[0], row, holds, restore, left, stands)


def _past(row: Mapping[str, Any], name: str, past: _Field) -> Past:
    held = row["acknowledged"].get(name, NOT_KNOWN)
    later = tuple(write for _, write in past.later)
    return Past(tuple(past.writes), later, past.undone, held, row["reformatted"].get(name, held))


def look_at_tasks(at: Looking, run: Run) -> tuple[list[FoundTask], int]:
    """The tasks that the run made and that are not closed by us already, and how many are."""
    with at.store.read() as tx:
        made = intents.made_by(tx, at.destination, run.id)
        others = intents.under(tx, [one["effect_key"] for one in made])
    closing = {one["effect_key"] for one in others if one["kind"] == "task_close" and one["status"] in intents.OPEN}
    open_ = [one for one in made if one["handoff_state"] != "closed" and one["crm_id"]]
    seen: dict[str, SeenTask] = {}
    for start in range(0, len(open_), at.crm.tasks.batch):
        ids = [one["crm_id"] for one in open_[start : start + at.crm.tasks.batch]]
        seen |= at.ask(functools.partial(at.crm.tasks.read, ids))
    told = (FoundTask(one, _why_left(one, seen.get(one["crm_id"]), ours=one["effect_key"] in closing)) for one in open_)
    return list(told), len(made) - len(open_)


def _why_left(made: Mapping[str, Any], seen: SeenTask | None, *, ours: bool) -> Left | None:
    """Why a task stays. `ours`: we are closing it, so that a closed one may be our doing; the push finds out."""
    context = made["context"] or {}
    owner = context.get("owner") or made["payload"].get("owner")
    what = "deleted" if seen is None else touched(seen, made["payload"], owner and str(owner), context.get("status"))
    if what is None or (ours and what == "done"):
        return None
    return Left.GONE if what == "deleted" else Left.PEOPLE
