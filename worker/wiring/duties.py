"""
What a bell means: which step a kind of work is, and which bells to ring after it. For Celery; `pql up` uses the same.

Decided here: the order score after pull, push after score, and that scheduled work is claimed by its slot in the database.
A worker is opened once per process and reopened when other settings were activated.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from settings.root import Settings
from worker.store import slots, versions
from worker.wiring.opening import active_settings, open
from worker.wiring.places import find
from worker.wiring.timetable import jobs
from worker.wiring.worker import Worker

SLICE_SECONDS = 60.0
Bells = list[tuple[str, str]]
ME = f"{socket.gethostname()}:{os.getpid()}"


class NothingActive(Exception):
    """No settings were activated, so there is nothing to do."""


class _Desk:
    """The worker of this process."""

    worker: Worker | None = None
    sha: str = ""


@contextmanager
def at_work() -> Iterator[Worker]:
    """This process's worker on the active settings."""
    worker = _Desk.worker
    if worker is None or _active_hash(worker) != _Desk.sha:
        if worker is not None:
            worker.close()
        settings = active_settings()
        if settings is None:
            raise NothingActive("No settings are active. Run `pql activate` first.")
        worker = _Desk.worker = open(settings, find())
        _Desk.sha = _active_hash(worker)
    yield worker


def _active_hash(worker: Worker) -> str:
    with worker.tools.store.read() as tx:
        version = versions.active(tx)
    return version.hash if version else ""


def scheduled(job: str, kind: str, about: str) -> Bells:
    """Do a scheduled job unless its slot is taken already."""
    with at_work() as worker:
        if not claim_slot(worker, job):
            return []
    return perform(kind, about)


def claim_slot(worker: Worker, job: str) -> bool:
    """Take the present slot of a job; False when another process has it."""
    seconds = seconds_of(worker.tools.settings, job)
    store = worker.tools.store
    with store.write() as tx:
        return slots.claim(tx, job, slot_start(tx.now(), seconds), ME)


def seconds_of(settings: Settings, job: str) -> float:
    """How often a job is due; once a minute for one that the settings no longer have."""
    return next((one.seconds for one in jobs(settings).jobs if one.name == job), 60.0)


def slot_start(now: datetime, seconds: float) -> datetime:
    """
    The beginning of the slot that an instant falls into; slots are counted from 1970.

    >>> slot_start(datetime(2026, 1, 1, 0, 7, tzinfo=UTC), 300).minute
    5
    """
    since = now.timestamp()
    return datetime.fromtimestamp(0, tz=UTC) + timedelta(seconds=since - since % seconds)


def perform(kind: str, about: str) -> Bells:
    """One slice of work, and the bells to ring after it."""
    with at_work() as worker:
        if kind == "pull":
            more = worker.pull(seconds=SLICE_SECONDS)
            return [("pull", "")] if more else [("score", "")]
        if kind == "score":
            return [("push", name) for name in worker.evaluate()]
        if kind == "push":
            return [("push", about)] if worker.push(about, seconds=SLICE_SECONDS) else []
        if kind == "watch":
            return [("watch", about)] if worker.watch(about, seconds=SLICE_SECONDS) else []
        return [("push", name) for name in worker.sweep()]
