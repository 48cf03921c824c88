"""
What all batches of one push share: where rows come from and go to, how fields may be written, the clock, the counts.

Decided here: when a push ends (time, a limit, a person, a refusal), and who counts. Not decided here: what a batch does.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from connectors.contract import Crm
from settings.destinations import DestinationSpec, Mode
from settings.root import Settings
from worker.core.planning import Batches, SetOwner, minimum_calls
from worker.steps.pacing.limiter import Limiter
from worker.steps.pacing.periods import Periods
from worker.steps.report import DestinationCounts, Rejection
from worker.store.database import Store

PART = 2000


@dataclass(frozen=True, slots=True)
class Writing:
    """
    How the fields of a destination may be written.

    `modes` by (object, field), `own` where nothing is said. `unowned` are ids of owners that count as nobody.
    """

    destination: str
    modes: Mapping[tuple[str, str], Mode] = field(default_factory=dict)
    set_owner: SetOwner = "when_unowned"
    unowned: frozenset[str] = frozenset()
    looks: bool = False
    """Whether the people whom new tasks are about are read just before these are made."""
    opt_out: bool = False
    """Whether who does not want to be contacted gets no task: an exclusion of the settings says so."""

    def mode(self, object: str, name: str) -> Mode:
        return self.modes.get((object, name), "own")


def writing(spec: DestinationSpec, set_owner: SetOwner = "never", unowned: frozenset[str] = frozenset()) -> Writing:
    """The rules of a destination from its settings; owners are set only where people work (`handoff.work_in`)."""
    modes = {(also.object, also.field): also.mode for also in spec.also}
    return Writing(spec.name, modes, set_owner, unowned)


def of_work(rules: Writing, settings: Settings) -> Writing:
    """The rules of the CRM where people work: tasks are for people who are there and want to hear from us."""
    opt_out = any("crm.do_not_contact" in one.when.columns for one in settings.exclude)
    return replace(rules, looks=True, opt_out=opt_out)


@dataclass(slots=True)
class PushReport:
    """What one slice of a push did; `counts` is the part of the run report."""

    counts: DestinationCounts = field(default_factory=DestinationCounts)
    rejected: list[Rejection] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    refused: str = ""
    """The destination as a whole refuses us: credentials, scopes. Rows stay due."""
    limited: float | None = None
    """Seconds until the CRM's limit lets us go on, where that is later than this slice."""
    interrupted: bool = False
    next_in: float | None = None
    """Seconds until more can be done, 0 for at once; None where nothing is left."""
    filed: int = 0
    """Rows in bulk jobs that are not over."""


class Tally:
    """Counts of all threads of one push."""

    def __init__(self) -> None:
        self.report = PushReport()
        self._lock = threading.Lock()
        self._groups: Counter[tuple[str, bool]] = Counter()
        self._reads: Counter[str] = Counter()
        self._tasks: Counter[str] = Counter()
        self._filed = 0
        self.done = 0

    def records(self, **counts: int) -> None:
        with self._lock:
            for name, number in counts.items():
                setattr(self.report.counts.records, name, getattr(self.report.counts.records, name) + number)

    def tasks(self, **counts: int) -> None:
        with self._lock:
            for name, number in counts.items():
                setattr(self.report.counts.tasks, name, getattr(self.report.counts.tasks, name) + number)

    def reject(self, *rejected: Rejection) -> None:
        with self._lock:
            self.report.rejected.extend(rejected)

    def warn(self, says: str) -> None:
        with self._lock:
            if says not in self.report.warnings:
                self.report.warnings.append(says)

    def wrote(self) -> None:
        with self._lock:
            self.report.counts.calls.writing += 1

    def changed(self, object: str, creating: bool, rows: int) -> None:
        """So many rows needed a write: they count for the least number of calls."""
        with self._lock:
            self._groups[object, creating] += rows

    def filed(self, calls: int) -> None:
        """A bulk job needs at least so many calls."""
        with self._lock:
            self._filed += calls

    def read(self, object: str, rows: int) -> None:
        with self._lock:
            self._reads[object] += rows

    def task(self, kind: str, rows: int) -> None:
        with self._lock:
            self._tasks[kind] += rows

    def finished(self, rows: int) -> None:
        with self._lock:
            self.done += rows

    def minimum(self, crm: Crm) -> int:
        batches = Batches(crm.records.batch, crm.records.batch, crm.tasks.batch)
        single = self._tasks["task_move"] + self._tasks["task_close"]
        tasks = [self._tasks["task_create"], self._tasks["task_find"]]
        # a task is looked at before it is moved or closed
        first = [n for (object, creating), n in self._groups.items() if object in crm.records.looks_first and not creating]
        calls = minimum_calls(batches, self._groups.values(), [*self._reads.values(), *first], tasks)
        return calls + 2 * single + self._filed


@dataclass(slots=True)
class Desk:
    """One push at work."""

    store: Store
    crm: Crm
    writing: Writing
    limiter: Limiter
    periods: Periods
    tally: Tally
    holder: str
    ends_at: float
    """On the monotonic clock."""
    run_id: str | None = None
    stop: Callable[[], bool] = lambda: False
    only: str | None = None
    """Take up only what was wanted under this id."""
    rows_left: int | None = None
    """Rows that may still be taken up, None for all."""
    tasks_too: bool = True
    records_too: bool = True
    guarded: bool | None = None
    """Whether the CRM has no unique key of tasks; None until that was asked."""
    parked: set[tuple[str, str]] = field(default_factory=set)
    part: int = PART
    """Rows of a bulk job that are claimed or settled in one transaction, and that one attempt names."""
    no_tasks_until: float = 0.0
    """On the monotonic clock: there were none a moment ago."""
    halted: threading.Event = field(default_factory=threading.Event)
    filing: threading.Event = field(default_factory=threading.Event)
    """Set while bulk jobs are being filled: records that may go into them are not sent by calls."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def destination(self) -> str:
        return self.writing.destination

    def over(self) -> bool:
        """Whether nothing new is to be begun."""
        return self.stopped() or time.monotonic() >= self.ends_at

    def stopped(self) -> bool:
        """Whether somebody said stop, or nothing will work until a person mends it."""
        if self.stop():
            self.tally.report.interrupted = True
            self.halted.set()
        return self.halted.is_set()

    def refuse(self, says: str) -> None:
        """Stop: nothing will work until a person mends it."""
        self.tally.report.refused = self.tally.report.refused or says
        self.halted.set()

    def spare(self, seconds: float, rows: int) -> None:
        """So many rows wait so long, because the calls that are left of the day are not for them."""
        if rows:
            self.tally.report.limited = seconds
            said = f"What is left of today's calls at {self.destination} is kept for your other tools and for handoffs"
            self.tally.warn(
                f"{said} (`reserve`). Flags and scores go on when it returns; we look again in {_about(seconds)}."
            )

    def take(self, rows: int) -> int:
        """How many of so many rows may be taken up."""
        with self.lock:
            if self.rows_left is None:
                return rows
            taken = min(rows, self.rows_left)
            self.rows_left -= taken
            return taken

    def give_back(self, rows: int) -> None:
        with self.lock:
            if self.rows_left is not None:
                self.rows_left += rows

    def wait_for_slot(self) -> bool:
        """Wait, holding nothing, until a call may be made; False where that is after the end of this push."""
        left = self.ends_at - time.monotonic()
        wait = self.limiter.reserve(within=max(left, 0.0))  # a slot that we could not use stays with the others
        if wait >= left:
            self.tally.report.limited = wait
            return False
        return self.rest(wait, self.over)

    def rest(self, seconds: float, over: Callable[[], bool]) -> bool:
        """Let time pass; False as soon as there is no use in it any more."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if over():
                return False
            time.sleep(min(left, 0.2))
        return True


def _about(seconds: float) -> str:
    return f"{seconds / 3600:.0f} h" if seconds >= 5400 else f"{max(seconds / 60, 1):.0f} min"
