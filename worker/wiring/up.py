"""
`pql up`: the schedule in one process, without Redis. Lanes are threads: one for usage (pull, then score), one to push and
one to watch for each CRM, one for the sweep.

Decided here: what each lane does, and who wakes whom; what the work is, `duties` says. A lane that cannot go on says so and
goes on at its next turn; work that was in hand is in the store. Settings that are activated meanwhile are taken over: the
lanes end what is in flight and start again on them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog

from settings.root import Settings
from worker.store import versions
from worker.wiring.duties import Bell, perform, say, sweep_seconds
from worker.wiring.opening import active_settings, open
from worker.wiring.places import Places
from worker.wiring.timetable import Job, jobs, slot_start
from worker.wiring.worker import Worker

log = structlog.get_logger("pql.up")
LOOK_SECONDS = 3.0
LATE = 0.05  # a turn begins so long after its slot, so that the database's clock agrees


def up(settings: Settings, places: Places, done: threading.Event) -> None:
    """Activate these settings and work until `done`, on them and on those that are activated after them."""
    active = ""
    while not done.is_set():
        changed = threading.Event()
        with open(settings, places, stopping=_either(done, changed)) as worker:
            if not active:
                worker.activate("pql up")
                active = _active(worker)
            lanes = Lanes(worker)
            lanes.start()
            log.info("up", workspace=settings.workspace, settings=settings.sha[:12], lanes=sorted(lanes.lanes))
            active = _until(done, active, worker)
            changed.set()
            lanes.stop()
        if not done.is_set():
            settings = _news(places, settings)


def _either(one: threading.Event, other: threading.Event) -> Callable[[], bool]:
    return lambda: one.is_set() or other.is_set()


def _until(done: threading.Event, before: str, worker: Worker) -> str:
    """Return when somebody says stop, or other settings are active; the hash of the active ones."""
    while not done.wait(LOOK_SECONDS):
        try:
            active = _active(worker)
        except Exception as problem:  # noqa: BLE001  the store may be away for a while; the lanes say so too
            say(problem, "settings")
            continue
        if active != before:
            return active
    return before


def _active(worker: Worker) -> str:
    with worker.tools.store.read() as tx:
        version = versions.active(tx)
    return version.hash if version else ""


def _news(places: Places, before: Settings) -> Settings:
    """What was activated; the settings before where it cannot be used here."""
    try:
        found = active_settings(places, before.workspace) or before
    except Exception as problem:  # noqa: BLE001  a secret may be missing here; said, and the old settings stay
        say(problem, "settings")
        return before
    log.info("settings", reason="Other settings were activated and are in force now.", sha=found.sha[:12])
    return found


@dataclass
class Lane:
    """A thread with jobs of its own and bells that ring for it."""

    name: str
    jobs: tuple[Job, ...]
    bells: dict[Bell, None] = field(default_factory=dict)
    wake: threading.Condition = field(default_factory=threading.Condition)

    def ring(self, bell: Bell) -> None:
        """Ask for work; asking twice is asking once."""
        with self.wake:
            self.bells[bell] = None
            self.wake.notify()


class Lanes:
    """The running lanes. `stop` ends them after what is in flight."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._stopping = threading.Event()
        table = jobs(worker.tools.settings, sweep_seconds())
        names = dict.fromkeys(lane_of(job.kind, job.about) for job in table)
        self.lanes = {
            name: Lane(name, tuple(job for job in table if lane_of(job.kind, job.about) == name)) for name in names
        }
        self._threads = [
            threading.Thread(target=self._run, args=(lane,), name=f"pql-{lane.name}", daemon=True)
            for lane in self.lanes.values()
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def ring(self, bell: Bell) -> None:
        """Wake the lane that does this work."""
        self.lanes[lane_of(*bell)].ring(bell)

    def stop(self) -> None:
        """End all lanes; returns when the last one has."""
        self._stopping.set()
        for lane in self.lanes.values():
            with lane.wake:
                lane.wake.notify()
        for thread in self._threads:
            thread.join()

    def _run(self, lane: Lane) -> None:
        turns = dict.fromkeys(lane.jobs, 0.0)
        while not self._stopping.is_set():
            now = time.time()
            for job in lane.jobs:
                if turns[job] <= now:
                    turns[job] = next_turn(job, now)
                    self._do(job.kind, job.about, job.name)
            self._answer(lane)
            with lane.wake:
                if not lane.bells and not self._stopping.is_set():
                    lane.wake.wait(max(0.0, min(turns.values(), default=now + LOOK_SECONDS) - time.time()))

    def _answer(self, lane: Lane) -> None:
        with lane.wake:
            bell = next(iter(lane.bells), None)
            if bell is None or self._stopping.is_set():
                return
            del lane.bells[bell]
        self._do(*bell)

    def _do(self, kind: str, about: str, job: str = "") -> None:
        if self._stopping.is_set():
            return
        for bell in perform(self._here, kind, about, job):
            self.ring(bell)

    def _here(self) -> Worker:
        return self._worker


def lane_of(kind: str, about: str) -> str:
    """
    The lane of a kind of work. The engine is for one thread at a time, so pull and score share theirs.

    >>> lane_of("score", ""), lane_of("push", "hubspot")
    ('usage', 'push:hubspot')
    """
    return "usage" if kind in ("pull", "score") else f"{kind}:{about}" if about else kind


def next_turn(job: Job, now: float) -> float:
    """When the slot after that of `now` begins."""
    start = slot_start(datetime.fromtimestamp(now, tz=UTC), job.seconds)
    return start.timestamp() + job.seconds + LATE
