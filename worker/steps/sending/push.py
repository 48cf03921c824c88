"""
Push: carry out what is wanted in one CRM, a slice of at most 60 seconds at a time.

Decided here: several threads claim batches of their own, so that waiting for answers costs little; tasks go before fields.
Losing this process at any moment loses nothing: the next push and sweep go on. Not decided here: what is wanted (the plan).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from connectors.contract import Crm
from worker.steps.holding import holder_name
from worker.steps.pacing.limiter import Limiter, LocalLimiter
from worker.steps.pacing.periods import Periods
from worker.steps.sending.bulk.filling import begin_jobs
from worker.steps.sending.bulk.results import go_on
from worker.steps.sending.desk import PART, Desk, PushReport, Tally, Writing
from worker.steps.sending.push_records import push_records
from worker.steps.sending.push_tasks import push_tasks
from worker.store import bulk_jobs, intent_claims, record_claims, records
from worker.store.database import Store

SLICE = 60.0
THREADS = 4
BESIDE = 0.02  # seconds between two looks whether bulk jobs are filled
LOOK_AGAIN = 1.0  # seconds between two looks for tasks while fields are sent
Progress = Callable[[int, int, float], None]
"""(rows done, rows there were, rows per second)."""


def _never() -> bool:
    return False


def _nobody(_done: int, _all: int, _rate: float) -> None:
    """Nobody watches."""


@dataclass(frozen=True, slots=True)
class Pushing:
    """How a push goes about it: for how long, with how many threads, how many rows, who watches and who may stop it."""

    seconds: float = SLICE
    threads: int = THREADS
    limit: int | None = None
    """Rows to take up at most (`--limit`)."""
    run_id: str | None = None
    only: str | None = None
    """Take up only what was wanted under this id, as an undo does."""
    tasks: bool = True
    records: bool = True
    stop: Callable[[], bool] = _never
    progress: Progress = _nobody
    periods: Periods = field(default_factory=Periods.from_environment)
    part: int = PART
    """Rows of a bulk job that are claimed or settled in one transaction."""
    limiter: Limiter | None = None
    """Shared by all who call this CRM account; its own where None."""


def push(store: Store, crm: Crm, writing: Writing, how: Pushing | None = None) -> PushReport:
    """Send what is due until nothing is ready, the time is over, the CRM's limit is reached or somebody says stop."""
    pushing = how or Pushing()
    started, calls = time.monotonic(), crm.calls
    desk = _desk(store, crm, writing, pushing, started)
    go_on(desk)
    all_rows = _waiting(store, writing.destination, pushing)
    if all_rows:
        _work(desk, pushing, all_rows, started)
    report = desk.tally.report
    report.counts.calls.made = crm.calls - calls
    report.counts.calls.minimum = desk.tally.minimum(crm)
    report.counts.seconds = round(time.monotonic() - started, 3)
    with store.read() as tx:
        report.counts.records.unknown = (
            records.counts(tx, writing.destination).get(writing.destination, {}).get("unknown", 0)
        )
    with store.read() as tx:
        report.filed = bulk_jobs.open_ones(tx, writing.destination)[1]
    report.next_in = _next_in(store, writing.destination, pushing.only)
    return report


def _desk(store: Store, crm: Crm, writing: Writing, pushing: Pushing, started: float) -> Desk:
    with store.read() as tx:
        parked = set(records.parked(tx, writing.destination))
    return Desk(
        store=store,
        crm=crm,
        writing=writing,
        limiter=pushing.limiter or LocalLimiter(),
        periods=pushing.periods,
        tally=Tally(),
        holder=holder_name(),
        ends_at=started + pushing.seconds,
        run_id=pushing.run_id,
        only=pushing.only,
        stop=pushing.stop,
        rows_left=pushing.limit,
        tasks_too=pushing.tasks,
        records_too=pushing.records,
        parked=parked,
        part=pushing.part,
    )


def _work(desk: Desk, pushing: Pushing, all_rows: int, started: float) -> None:
    """Run the threads to their end; the first defect among them is raised when all have stopped."""
    defects: list[BaseException] = []

    def guarded(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as defect:  # noqa: BLE001  raised again below, once nothing is in flight any more
            defects.append(defect)
            desk.halted.set()

    def work() -> None:
        while not desk.over() and _one_batch(desk):
            seconds = max(time.monotonic() - started, 1e-6)
            pushing.progress(desk.tally.done, all_rows, desk.tally.done / seconds)

    guarded(lambda: _handoffs_first(desk))
    needed = max(1, -(-all_rows // desk.crm.records.batch))
    few = range(min(pushing.threads, needed))
    threads = [threading.Thread(target=guarded, args=(work,), name=f"push-{number}") for number in few]
    if _may_file(desk):
        desk.filing.set()
        threads.append(threading.Thread(target=guarded, args=(lambda: _file(desk),), name="push-bulk"))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if defects:
        raise defects[0]


def _handoffs_first(desk: Desk) -> None:
    """A batch of tasks before anything else is begun, so that a process that dies early leaves few handoffs unproved."""
    with desk.store.read() as tx:
        soonest = intent_claims.ready_at(tx, desk.destination, desk.only) if desk.tasks_too else None
        ready = soonest is not None and soonest <= tx.now()
    if ready and not desk.over() and desk.wait_for_slot():
        push_tasks(desk)


def _may_file(desk: Desk) -> bool:
    """Whether bulk jobs may be begun at all: an undo looks at every record before it writes."""
    return desk.crm.bulk is not None and desk.crm.bulk.above > 0 and desk.records_too and desk.only is None


def _file(desk: Desk) -> None:
    """Begin bulk jobs, then let the others send what is not in them; take first looks meanwhile."""
    try:
        if not _is_lean(desk):
            begin_jobs(desk)
    finally:
        desk.filing.clear()
    go_on(desk)


def _one_batch(desk: Desk) -> bool:
    """Carry out one batch, tasks before fields; False where there is nothing to do or no slot for it in time."""
    look = desk.tasks_too and time.monotonic() >= desk.no_tasks_until
    if desk.filing.is_set() and not look:
        time.sleep(BESIDE)
        return True
    if not desk.wait_for_slot():
        return False
    if look:
        if push_tasks(desk):
            return True
        desk.no_tasks_until = time.monotonic() + LOOK_AGAIN
    if desk.filing.is_set():
        return True
    if desk.records_too and not _is_lean(desk) and push_records(desk):
        return True
    # what was given back meanwhile, or planned, is not left for the next push
    return desk.tasks_too and push_tasks(desk)


def _is_lean(desk: Desk) -> bool:
    """Whether what is left of the day's calls is kept for handoffs and other tools; said where records wait for it."""
    seconds = desk.limiter.lean()
    if seconds > 0:
        with desk.store.read() as tx:
            left = record_claims.waiting(tx, desk.destination)
        desk.spare(seconds, left)
    return seconds > 0


def _waiting(store: Store, destination: str, pushing: Pushing) -> int:
    with store.read() as tx:
        rows = record_claims.waiting(tx, destination, pushing.only) if pushing.records else 0
        tasks = intent_claims.waiting(tx, destination, pushing.only) if pushing.tasks else 0
    return rows + tasks


def _next_in(store: Store, destination: str, only: str | None) -> float | None:
    with store.read() as tx:
        moments = [one.ready_at(tx, destination, only) for one in (record_claims, intent_claims)]
        moments.append(bulk_jobs.ready_at(tx, destination))
        now = tx.now()
    soonest = min((moment for moment in moments if moment is not None), default=None)
    return None if soonest is None else max(0.0, (soonest - now).total_seconds())
