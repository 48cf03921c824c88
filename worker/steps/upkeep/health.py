"""
Health: the facts of the store that alerts are made of.

Decided here: where each fact is read, always by count and never row by row; that work counts as silent only for somebody who
watched for as long. Not decided here: what of it needs a person (`worker.core.alerting`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from settings.root import Settings
from worker.core.alerting import Crm, Ended, Health, Recurring, Trouble, Usage
from worker.store import intents, landing, mirror, pauses, records, runs, slots, troubles
from worker.store.database import Store, Tx

LOOK = "alerts"
"""The job that looks; its slots tell since when somebody has been watching."""
WATCHED = 0.9
"""Of the slots of a time that was watched so many were taken: a restart in between leaves a gap."""
DAY = timedelta(days=1)
RUNS_ASKED = 10


def health(store: Store, settings: Settings, every: Mapping[str, float]) -> Health:
    """How things are now; `every` says in seconds how often each job is due, where work is scheduled."""
    with store.read() as tx:
        now = tx.now()
        aside = landing.set_aside_since(tx, now - DAY)
        cursors = {name: landing.cursor(tx, name, "events") for name, spec in settings.sources.items() if spec.events}
        paused = pauses.active(tx)
        return Health(
            now=now,
            ended=_ended(tx),
            troubles=tuple(Trouble(row["what"], row["error"], row["says"]) for row in troubles.every(tx)),
            crms={name: _crm(tx, name, paused=name in paused or pauses.ALL in paused) for name in settings.destinations},
            sources={
                name: Usage(found.pulled_at if (found := cursors.get(name)) else None, aside.get(name, 0))
                for name in settings.sources
            },
            recurring=_recurring(tx, settings, every, now),
        )


def _ended(tx: Tx) -> tuple[Ended, ...]:
    recent = [run for run in runs.recent(tx, RUNS_ASKED) if run.status not in (runs.OPEN, "interrupted")]
    return tuple(Ended(run.status, _held_by(run) if run.status == "held" else {}) for run in recent[:2])


def _held_by(run: runs.Run) -> dict[str, str]:
    return {one["name"]: one["says"] for one in (run.report or {}).get("guards", []) if one["holds"]}


def _crm(tx: Tx, name: str, *, paused: bool) -> Crm:
    unproved = [at for at in (records.oldest_unproved(tx, name), intents.oldest_unproved(tx, name)) if at is not None]
    return Crm(
        stuck_records=records.given_up(tx, name),
        stuck_tasks=intents.given_up(tx, name),
        left_out=tuple(f"{object}.{field}" for object, field in sorted(records.parked(tx, name))),
        oldest_unproved=min(unproved, default=None),
        oldest_task=intents.oldest_open(tx, name),
        mirror_read=mirror.read_at(tx, name),
        paused=paused,
    )


def _recurring(tx: Tx, settings: Settings, every: Mapping[str, float], now: datetime) -> tuple[Recurring, ...]:
    limit = settings.alerts.silent_after
    look = every.get(LOOK)
    if limit is None or look is None or slots.count_since(tx, LOOK, now - limit.delta) * look < WATCHED * limit.seconds:
        return ()
    done = slots.last_done(tx)
    jobs = {name: seconds for name, seconds in every.items() if name != LOOK}
    evaluated = [Recurring("evaluate", timedelta(seconds=_evaluates_every(jobs)), runs.last_began(tx))]
    return (*(Recurring(name, timedelta(seconds=each), done.get(name)) for name, each in jobs.items()), *evaluated)


def _evaluates_every(jobs: Mapping[str, float]) -> float:
    """Evaluating comes after each pull, unless it has times of its own."""
    return jobs.get("score", jobs.get("pull", 0.0))
