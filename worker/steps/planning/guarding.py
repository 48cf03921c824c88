"""
Guards that look at what came in: a source that fell silent, a mirror that is old, a day with far fewer events than usual.

Decided here: a source that could not be pulled for longer than its limit demotes nobody, yet holds no run: whoever
qualifies does so on what is there. A mirror older than its limit holds the run, for it would overwrite what people did.
An empty successful pull is no silence. Usual is the median of the seven whole days before the last one, and no more than the
same day a week ago, since weekends are quiet. The last day is one that ended at least `source_older_than` ago: what comes in
at night is not missing at midnight. A lead flips back when its flag changed in a run of the last 24 hours already.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from statistics import median

from worker.core.instants import day_number, utc_date
from worker.core.planning import Held, let_pass
from worker.core.qualify import OPEN
from worker.lake import rollups
from worker.steps.deciding.qualify import Moved
from worker.steps.intake.watch import objects_of
from worker.steps.listing import as_lake_files
from worker.steps.tools import Tools
from worker.store import landing, leads, mirror, runs

WEEK = 7
DAY = timedelta(days=1)
LATE = timedelta(hours=6)
"""What a day may be late by where nothing is said."""
FEWEST_ROWS = 100
"""Days with fewer events than this say nothing about the usual."""


def stale_sources(tools: Tools, as_of: datetime) -> tuple[str, ...]:
    """Sources with events whose last complete pull is older than the limit."""
    limit = tools.settings.guards.source_older_than
    if limit is None:
        return ()
    with tools.store.read() as tx:
        cursors = {name: landing.cursor(tx, name, "events") for name, spec in tools.settings.sources.items() if spec.events}
    return tuple(
        name
        for name, cursor in cursors.items()
        if cursor is None or cursor.pulled_at is None or as_of - cursor.pulled_at > limit.delta
    )


def before_harm(tools: Tools, as_of: datetime) -> tuple[Held, ...]:
    """What holds a run whatever its plan is."""
    return (*_old_mirrors(tools), *_thin_days(tools, as_of))


def _old_mirrors(tools: Tools) -> list[Held]:
    limit = tools.settings.guards.mirror_older_than
    if limit is None:
        return []
    held = []
    with tools.store.read() as tx:
        now = tx.now()
        read = {
            name: mirror.read_at(tx, name) if mirror.filled(tx, name, objects_of(crm)) else None
            for name, crm in tools.crms.items()
        }
    for name, at in read.items():
        age = None if at is None else (now - at).total_seconds()
        if age is None or age > limit.seconds:
            said = "was never read to its end" if age is None else f"was read {age / 3600:.1f} hours ago, more than {limit}"
            mend = "`pql pull` reads it" if age is None else "Look at `pql doctor`, then run again"
            says = f"The mirror of {name} {said}. {mend}."
            held.append(Held("mirror_older_than", age or 0.0, float(limit.seconds), says))
    return held


def flips(tools: Tools, moved: Iterable[Moved], as_of: datetime) -> int:
    """How many of these would change their flag again within a day."""
    now = {(one.row["subject"], one.definition) for one in moved if one.transition.flips}
    if not now:
        return 0
    with tools.store.read() as tx:
        lately = [run for at, _, run in runs.instants(tx, as_of - DAY) if at > as_of - DAY]
        return len(now & leads.flag_changes(tx, lately, OPEN))


def _thin_days(tools: Tools, as_of: datetime) -> list[Held]:
    """The last whole day of a source against the week before it."""
    share = tools.settings.guards.source_rows_below
    if share is None:
        return []
    with tools.store.read() as tx:
        files = as_lake_files(landing.files(tx, "events"))
    older = tools.settings.guards.source_older_than
    today = day_number(as_of - (older.delta if older else LATE))
    held = []
    for name in sorted({file.source for file in files}):
        days = rollups.days_of(file for file in files if file.source == name)
        rows = {number: day.rows for number, day in days.items() if number < today}
        first = min(rows, default=today)
        week = [rows.get(number, 0) for number in range(today - 1 - WEEK, today - 1)]
        usual = min(median(week), week[0])
        if first > today - 1 - WEEK or usual < FEWEST_ROWS:
            continue
        last = rows.get(today - 1, 0)
        if last < usual * share.of:
            day = utc_date(as_of) - timedelta(days=day_number(as_of) - today + 1)
            said = f"{name} brought {last} events on {day:%Y-%m-%d}, usual are {usual:.0f}. Look at the source first."
            says = f"{said} {let_pass('source_rows_below')}"
            held.append(Held("source_rows_below", float(last), usual * share.of, says))
    return held
