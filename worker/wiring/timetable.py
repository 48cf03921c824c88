"""
The schedule as a list of jobs, read from the active settings: for Celery's beat and for `pql up`.

Decided here: what recurs, and that the slots of a job are counted from 1970, so that everybody who looks at a clock means
the same slot. `after pull` and `when something changed` are not times: pull rings score, and score rings push. A slow tick
stands behind each push, so that a lost bell costs at most one sweep.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from settings.root import Settings

SAFETY_SECONDS = 60.0
AUDIT_SECONDS = 3600.0
ALERTS_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Job:
    """One thing that recurs: its kind of work, the name it is about (a destination), how often."""

    name: str
    kind: str
    about: str
    seconds: float


def jobs(settings: Settings, sweep_seconds: float) -> tuple[Job, ...]:
    """Pull and score, watch, a sweep, a look for alerts, and a push and an hourly audit per destination."""
    times, hurry = settings.schedule, _hurry()
    found = [Job("sweep", "sweep", "", sweep_seconds), Job("alerts", "alerts", "", ALERTS_SECONDS / hurry)]
    if times.pull.every:
        found.append(Job("pull", "pull", "", times.pull.every.seconds / hurry))
    if times.score.every:
        found.append(Job("score", "score", "", times.score.every.seconds / hurry))
    for name in settings.destinations:
        if times.watch.every:
            found.append(Job(f"watch:{name}", "watch", name, times.watch.every.seconds / hurry))
        every = times.push.every.seconds if times.push.every else SAFETY_SECONDS
        found.append(Job(f"push:{name}", "push", name, every / hurry))
        found.append(Job(f"audit:{name}", "audit", name, AUDIT_SECONDS / hurry))
    return tuple(found)


def _hurry() -> float:
    """How many times faster a schedule goes; only in tests, because settings allow nothing below a minute."""
    return float(os.environ.get("PQL_HURRY", "1")) if os.environ.get("PQL_TESTING") == "1" else 1.0


def queue_of(kind: str, about: str) -> str:
    """The Celery queue of a kind of work. Looking for alerts goes with the sweep, so that no queue more has to be heard."""
    return f"push.{about}" if kind == "push" and about else "sweep" if kind == "alerts" else kind


def seconds_of(settings: Settings, job: str, sweep_seconds: float) -> float | None:
    """How often a job is due; None for one that these settings do not have."""
    return next((one.seconds for one in jobs(settings, sweep_seconds) if one.name == job), None)


def slot_start(now: datetime, seconds: float) -> datetime:
    """
    The beginning of the slot that an instant falls into.

    >>> slot_start(datetime(2026, 1, 1, 0, 7, tzinfo=UTC), 300).minute
    5
    """
    since = now.timestamp()
    return datetime.fromtimestamp(0, tz=UTC) + timedelta(seconds=since - since % seconds)
