"""
One evaluation of a worker that lives: score, plan and commit in slices, without reading or writing any CRM.

Decided here: what an evaluation leaves to the next one, and how a run is opened and closed in the store.
Not decided here: when it is rung for (the duties), what is sent (the push).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from worker.steps.planning import commit, guarding
from worker.steps.planning.plan import make
from worker.steps.report import DestinationCounts, Report
from worker.steps.scoring.fold import fold
from worker.steps.telling import reporting
from worker.steps.tools import Tools
from worker.store import runs


class Moved(Exception):
    """The state is not the one that a saved plan was made on."""


def begin(tools: Tools, moment: datetime) -> Report:
    """A run as of this moment, on record as under way, and its empty report."""
    with tools.store.write() as tx:
        id = runs.begin(tx, moment, tools.settings.sha)
    return Report(
        schema="pqlsync/run/1",
        run=id,
        as_of=moment,
        settings_sha=tools.settings.sha,
        destinations={name: DestinationCounts() for name in tools.settings.destinations},
    )


def finish(tools: Tools, report: Report, status: str) -> None:
    """The run's end and its report, on record."""
    with tools.store.write() as tx:
        runs.finish(tx, report.run, status, report.model_dump(mode="json", by_alias=True))


def evaluate(tools: Tools, seconds: float | None = None) -> tuple[tuple[str, ...], bool]:
    """
    Score, plan and commit; the destinations that have something due, and whether something is left to evaluate.

    Days to fold, leads that are new and leads whose fields only follow have so many `seconds` each. Whatever takes
    longer is left to the next evaluation, which finds it and goes on, on what is known by then. Scoring, and the
    commit of states and handoffs, are one piece.
    """
    report = begin(tools, tools.now())
    try:
        with tools.engine.scope():
            more = _evaluated(tools, report, seconds)
    except BaseException:
        finish(tools, report, "failed")
        raise
    if report.leads.seen or not more:
        finish(tools, report, report.status)
        return (() if report.status == "held" else tuple(tools.crms)), more
    with tools.store.write() as tx:
        runs.drop(tx, report.run)
    return (), True


def _evaluated(tools: Tools, report: Report, seconds: float | None) -> bool:
    """One evaluation into the report, which stays without leads if it did not come to them; whether more is left."""
    # An old mirror holds it whatever the plan would be, and scoring a million leads to learn that takes minutes.
    if held := guarding.before_harm(tools, report.as_of):
        report.status, report.guards = "held", reporting.holding(held)
        return False
    late = _slice(seconds)
    fold(replace(tools, stopping=lambda: tools.stopping() or late()), report.as_of, report.run)
    if late():
        return True
    plan = make(tools, report.as_of)
    left = 0
    if plan.held:
        report.status = "held"
    elif not commit.introduce(tools, plan, _slice(seconds)):
        return True
    else:
        commit.write(tools, plan, report.run)
        left = commit.follow(tools, plan, report.run, _slice(seconds))
    reporting.add_plan(tools, report, plan)
    if left:
        report.warnings.append(f"{left:,} records are yet to be compared; the next evaluation goes on with them.")
    return left > 0


def _slice(seconds: float | None) -> Callable[[], bool]:
    """Whether so many seconds are over from now on, to be asked again and again."""
    ends = None if seconds is None else time.monotonic() + seconds
    return lambda: ends is not None and time.monotonic() > ends
