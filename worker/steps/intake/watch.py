"""
Watch: what is in a CRM, and what people did there.

Decided here: every object is mirrored page by page, each page with its cursor, its merges and deletions in one transaction;
an object that we may not read is named and keeps us from no other; on the way the answers of people and the fate of our
tasks are noted. A first plan needs a filled mirror. Not decided here: what an answer means for a lead (the fold).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from connectors.contract import Crm, Mirrored, MirrorPage, SeenTask
from connectors.errors import Refused, TryLater
from connectors.fields import FIELDS
from worker.steps.intake.touch import touched
from worker.steps.pacing.limiter import Limiter, LocalLimiter
from worker.steps.pacing.turns import patient
from worker.store import intents, links, mirror, outcomes
from worker.store.database import Store, Tx
from worker.store.mirror import Place
from worker.store.outcomes import Answer
from worker.store.values import unpacked

TASK = "task"
ANSWERS = tuple(one.name for one in FIELDS if one.by_people)
CLOSED, DELETED, DONE, OPEN, TOUCHED = "closed", "deleted", "done", "open", "touched"
SLICE = 60.0


def _never() -> bool:
    return False


def _nobody(_object: str, _rows: int, _rate: float) -> None:
    """Nobody watches the watch."""


@dataclass(frozen=True, slots=True)
class Watching:
    """
    How a watch goes about it.

    `fields` are the CRM's own fields to mirror, by object. `seconds` None takes as long as it takes: the first fill.
    """

    fields: Mapping[str, Sequence[str]] = field(default_factory=dict)
    objects: Sequence[str] = ()
    """The objects to mirror; those that carry leads, deals and tasks where empty."""
    seconds: float | None = SLICE
    stop: Callable[[], bool] = _never
    progress: Callable[[str, int, float], None] = _nobody
    """(object, rows so far, rows per second)."""
    limiter: Limiter | None = None


@dataclass(slots=True)
class WatchReport:
    """What was read, and what of it is news."""

    rows: dict[str, int] = field(default_factory=dict)
    calls: int = 0
    owners: int = 0
    unlinked: list[str] = field(default_factory=list)
    """Keys of our records whose CRM record was deleted."""
    answers: list[Answer] = field(default_factory=list)
    """What people newly answered, or took back."""
    handoffs: dict[str, int] = field(default_factory=dict)
    """How many of our tasks are newly done, touched or deleted."""
    complete: bool = False
    """Whether every object has been read completely at least once."""
    interrupted: bool = False
    limited: float | None = None
    later: str = ""
    """Why the CRM did not answer; blank where its limit was used up."""
    refused: str = ""
    seconds: float = 0.0


def objects_of(crm: Crm) -> tuple[str, ...]:
    """What is mirrored of a CRM: its people and companies, deals, our tasks."""
    return (*crm.objects, "deal", TASK)


def watch(store: Store, crm: Crm, destination: str, how: Watching | None = None) -> WatchReport:
    """Read what is new in the CRM, as far as the time allows; goes on there the next time."""
    watching = how or Watching()
    started, calls, report = time.monotonic(), crm.calls, WatchReport()
    names = tuple(watching.objects) or objects_of(crm)
    try:
        with patient():
            owners = crm.mirror.owners()
            with store.write() as tx:
                mirror.put_owners(tx, destination, owners)
            report.owners = len(owners)
            report.refused = _read_all(_Reading(store, crm, destination, watching, report), names, started)
    except TryLater as problem:
        report.limited, report.later = problem.after or 1.0, "" if problem.limited else str(problem)
    except Refused as problem:
        report.refused = str(problem)
    with store.read() as tx:
        report.complete = mirror.filled(tx, destination, names)
    report.calls, report.seconds = crm.calls - calls, round(time.monotonic() - started, 3)
    return report


def _read_all(reading: _Reading, names: Sequence[str], started: float) -> str:
    """Read these objects, as far as the time allows; what was refused and why, which keeps us from none of the others."""
    refused: dict[str, list[str]] = {}
    for name in names:
        try:
            if not reading.run(name, started):
                break
        except Refused as problem:
            refused.setdefault(str(problem), []).append(name)
    return " ".join(f"{', '.join(whom)}: {why}" for why, whom in refused.items())


class _Reading:
    """The objects of one CRM, one after another."""

    def __init__(self, store: Store, crm: Crm, destination: str, watching: Watching, report: WatchReport) -> None:
        self._store, self._crm, self._destination = store, crm, destination
        self._watching, self._report = watching, report
        self._limiter = watching.limiter or LocalLimiter()

    def run(self, object: str, started: float) -> bool:
        """Read page after page; False where time is over or somebody said stop."""
        fields = tuple(self._watching.fields.get(object, ()))
        place = Place(self._destination, object, mirror.asked_for(fields))
        cursor, complete = self._begin(place)
        begun, rows = time.monotonic(), 0
        for page in self._crm.mirror.pages(object, cursor, fields):
            complete = complete or page.last
            self._store_page(place, page, complete=complete)
            rows += len(page.rows)
            self._report.rows[object] = rows
            self._watching.progress(object, rows, rows / max(time.monotonic() - begun, 1e-6))
            self._limiter.learn(self._crm.budget())
            if not self._may_go_on(started) and not page.last:
                return False
            if not page.last:
                time.sleep(self._limiter.reserve())
        return self._may_go_on(started)

    def _begin(self, place: Place) -> tuple[str | None, bool]:
        with self._store.write() as tx:
            known = mirror.cursor(tx, place)
            if known is None:  # never read, or other fields were
                mirror.start_over(tx, place)
        return (known.cursor, known.complete) if known else (None, False)

    def _store_page(self, place: Place, page: MirrorPage, *, complete: bool) -> None:
        with self._store.write() as tx:
            self._report.unlinked += mirror.put_page(tx, place, page, complete=complete)
            if place.object == TASK:
                self._note_tasks(tx, page.rows)
            elif place.object in self._crm.objects:
                self._note_answers(tx, place.object, page.rows)

    def _note_answers(self, tx: Tx, object: str, rows: Sequence[Mirrored]) -> None:
        """The fields that people write, on records that are linked to ours."""
        told = {row.id: row for row in rows if not row.deleted and not row.moved_to}
        ours = links.by_id(tx, self._destination, object, list(told))
        answers = [
            Answer(link.record_key, name, None if value is None or value == "" else str(value), told[link.crm_id].modified)
            for link in ours
            for name, value in ((name, told[link.crm_id].fields.get(name)) for name in ANSWERS)
        ]
        self._report.answers += outcomes.put(tx, self._destination, answers)

    def _note_tasks(self, tx: Tx, rows: Sequence[Mirrored]) -> None:
        """What became of the tasks that we made."""
        seen = {row.key: row for row in rows if row.key}
        made = intents.made_under(tx, self._destination, list(seen))
        states, contexts = {}, {}
        for one in made:
            row, context = seen[one["effect_key"]], dict(one["context"] or {})
            if row.stage is not None and "status" not in context and row.open:
                contexts[one["id"]] = context = {**context, "status": row.stage}
            state = fate(row, unpacked(one["payload"]), context, one["handoff_state"])
            if state != one["handoff_state"]:
                states[one["id"]] = state
        intents.set_handoff(tx, states, contexts)
        for state in states.values():
            self._report.handoffs[state] = self._report.handoffs.get(state, 0) + 1

    def _may_go_on(self, started: float) -> bool:
        if self._watching.stop():
            self._report.interrupted = True
            return False
        return self._watching.seconds is None or time.monotonic() - started < self._watching.seconds


def fate(row: Mirrored, made: Mapping[str, object], context: Mapping[str, object], before: str | None) -> str:
    """What became of a task that we made: open, touched, done, closed (by us) or deleted."""
    if before == CLOSED and not row.open and not row.deleted:
        return CLOSED
    owner = context.get("owner") or made.get("owner")
    status = context.get("status")
    seen = SeenTask(row.id, row.key, row.owner, row.name, open=row.open, status=row.stage, deleted=row.deleted)
    what = touched(seen, made, None if owner is None else str(owner), None if status is None else str(status))
    if what in (DELETED, DONE):
        return str(what)
    return OPEN if what is None and before in (None, OPEN) else TOUCHED


def mirrored_enough(store: Store, destination: str, objects: Collection[str]) -> bool:
    """Whether a first plan may be made: every object was read completely once."""
    with store.read() as tx:
        return mirror.filled(tx, destination, list(objects))
