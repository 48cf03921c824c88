"""
The schedule as a list of jobs, read from the active settings: for Celery's beat and for `pql up`.

`after pull` and `when something changed` are not times: pull rings score, and score rings push. A slow tick stands behind
each of them, so that a lost bell costs at most one sweep.
"""

from __future__ import annotations

from dataclasses import dataclass

from settings.root import Settings

SWEEP_SECONDS = 30.0
SAFETY_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Job:
    """One thing that recurs: its kind of work, the name it is about (a destination), how often."""

    name: str
    kind: str
    about: str
    seconds: float
    queue: str


@dataclass(frozen=True, slots=True)
class Timetable:
    destinations: tuple[str, ...]
    jobs: tuple[Job, ...]


def jobs(settings: Settings, sweep_seconds: float = SWEEP_SECONDS) -> Timetable:
    """Pull and score as scheduled, watch per destination, a sweep, and a safety push per destination."""
    times = settings.schedule
    found = [Job("sweep", "sweep", "", sweep_seconds, "sweep")]
    if times.pull.every:
        found.append(Job("pull", "pull", "", times.pull.every.seconds, "pull"))
    if times.score.every:
        found.append(Job("score", "score", "", times.score.every.seconds, "score"))
    for name in settings.destinations:
        if times.watch.every:
            found.append(Job(f"watch:{name}", "watch", name, times.watch.every.seconds, "watch"))
        every = times.push.every.seconds if times.push.every else SAFETY_SECONDS
        found.append(Job(f"push:{name}", "push", name, every, f"push.{name}"))
    return Timetable(tuple(settings.destinations), tuple(found))


def timetable() -> Timetable:
    """The timetable of the active settings; only a sweep while nothing is activated."""
    from worker.wiring.opening import active_settings

    settings = active_settings()
    return jobs(settings) if settings else Timetable((), (Job("sweep", "sweep", "", SWEEP_SECONDS, "sweep"),))
