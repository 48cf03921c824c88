"""
The worker: settings, store, lake, engine and connectors put together.

Decided here: the order of steps in a run, and how a run is opened and closed in the store. Not decided here: what steps do.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Self

from connectors.errors import Refused, TryLater
from worker.steps.holding import beside
from worker.steps.intake.pull import Pulling, pull
from worker.steps.intake.watch import Watching, watch
from worker.steps.mending.audit import Auditing, audit
from worker.steps.mending.audit_report import Finding, Looked
from worker.steps.mending.undo import LEASE as UNDO
from worker.steps.mending.undo import Asked, undo
from worker.steps.mending.undo_report import Undone
from worker.steps.planning import commit
from worker.steps.planning.plan import Plan, make
from worker.steps.report import PlanReport, Report, SourceCounts
from worker.steps.scoring.fold import fold
from worker.steps.sending.sweep import sweep
from worker.steps.telling import reporting
from worker.steps.telling.explain import Explanation, explain
from worker.steps.tools import Tools
from worker.steps.upkeep import activating
from worker.store import audit as book
from worker.store import runs
from worker.wiring.alerting import begins, look_and_tell
from worker.wiring.evaluating import Moved, begin, evaluate, finish
from worker.wiring.limiters import Limiters
from worker.wiring.noting import RUN, note, noted, settled
from worker.wiring.writer import Writer

ALERTS_WAIT = 15.0
RUN_SECONDS = 6 * 3600.0  # on a host that died in a run, nothing can be undone for so long


class Untimely(Exception):
    """The instant asked for is before that of the last run."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """How a run goes: as of when, its limit, guards to let pass, the digest of the plan it must equal, who asks."""

    as_of: datetime | None = None
    limit: int | None = None
    override: tuple[str, ...] = ()
    digest: str | None = None
    who: str = ""
    pull: bool = True
    watch: bool = True


@dataclass(slots=True)
class Worker:
    """Opened by `worker.wiring.open`. Evaluating is for one thread at a time, pushing and watching for any."""

    tools: Tools
    limiters: Limiters
    unheard: dict[str, str] = field(default_factory=dict)
    """Sources and CRMs that did not answer the last time they were read, and why."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of everything."""
        self.tools.engine.close()
        for crm in self.tools.crms.values():
            getattr(crm, "close", lambda: None)()
        self.limiters.close()
        self.tools.store.close()

    # ------------------------------------------------------------------------------------- a run

    def run(self, as_of: datetime | None = None, wanted: Wanted | None = None) -> Report:
        """Pull, watch, score, qualify, route, plan and push; the report of all of it."""
        asked = wanted or Wanted()
        moment = as_of or asked.as_of or self.tools.now()
        self._timely(moment)
        self.activate()
        sweep(self.tools.store)
        begun = begins(self.tools.settings)
        try:
            with beside(self.tools.store, "run", unless=UNDO, seconds=RUN_SECONDS), noted(self.tools.store, RUN):
                return self._run(moment, asked)
        finally:
            if begun is not None:
                begun.join(ALERTS_WAIT)  # a service that hears of the end before the beginning waits for another end
            look_and_tell(self.tools)

    def _run(self, moment: datetime, asked: Wanted) -> Report:
        report = begin(self.tools, moment)
        try:
            with self.tools.engine.scope():
                self._carry_out(report, moment, asked)
        except KeyboardInterrupt:
            report.status = "interrupted"
        except Moved:
            with self.tools.store.write() as tx:
                runs.drop(tx, report.run)  # it did nothing, which is what was asked for
            raise
        except BaseException:
            finish(self.tools, report, "failed")
            raise
        finish(self.tools, report, report.status)
        return report

    def _carry_out(self, report: Report, moment: datetime, asked: Wanted) -> None:
        if asked.pull:
            self._pull(report, moment)
        refused = self._watch_all(report) if asked.watch and report.status == "done" else None
        if report.status == "done":
            self._evaluate_and_push(report, moment, asked)
        if refused is not None:
            if report.status == "done":
                refused.add_note("All else was carried out with what was read before; `pql status` tells of the run.")
            raise refused

    def _evaluate_and_push(self, report: Report, moment: datetime, asked: Wanted) -> None:
        with _timed(report, "score"):
            fold(self.tools, moment, report.run)
            plan = make(self.tools, moment, override=asked.override)
        if asked.digest and reporting.digest(plan) != asked.digest:
            raise Moved("Something has changed since the plan was saved. Make a new one with `pql plan --out FILE`.")
        if plan.held:
            report.status = "held"
            reporting.add_plan(self.tools, report, plan)
            return
        self._note_override(plan, asked, report.run)
        with _timed(report, "commit"):
            commit.introduce(self.tools, plan)
            commit.write(self.tools, plan, report.run)
            if commit.follow(self.tools, plan, report.run):
                report.status = "interrupted"
            reporting.add_plan(self.tools, report, plan)
        if report.status == "done":
            with _timed(report, "push"):
                self._writer.all(report, asked.limit)

    def _note_override(self, plan: Plan, asked: Wanted, run_id: str) -> None:
        """Who let which plan pass which guards."""
        if plan.passed:
            detail = {"guards": [one.guard for one in plan.passed], "plan": asked.digest, "run": run_id}
            with self.tools.store.write() as tx:
                book.add(tx, asked.who or "run", "override", detail)

    def _timely(self, moment: datetime) -> None:
        with self.tools.store.read() as tx:
            last = runs.last(tx, finished=True)
        if last and moment < last.as_of:
            said = f"The last run was as of {last.as_of:%Y-%m-%d %H:%M} UTC, after {moment:%Y-%m-%d %H:%M}."
            raise Untimely(f"{said} A run cannot go back; `pql plan --as-of` and `pql explain --as-of` can.")

    def activate(self, who: str = "pql run") -> bool:
        """Make these settings the active ones; whether they were not."""
        return activating.activate(self.tools.store, self.tools.settings, who)[1]

    # --------------------------------------------------------------------------------- the steps

    def _pull(self, report: Report, moment: datetime) -> None:
        with _timed(report, "pull"):
            result = self._pulled(moment, report.run)
        report.sources = result
        away = [name for name in self.tools.sources if name in self.unheard]
        report.warnings += [f"{name} could not be pulled: {self.unheard[name]}" for name in away]
        if self.tools.stopping():
            report.status = "interrupted"

    def _pulled(self, moment: datetime, run_id: str | None = None) -> dict[str, SourceCounts]:
        settings, tools = self.tools.settings, self.tools
        sources = {name: (settings.sources[name], source) for name, source in tools.sources.items()}
        tell = tools.progress
        pulling = Pulling(
            tools.store,
            tools.lake,
            moment,
            run_id,
            progress=lambda one: tell(f"pull {one.source} {one.stream}", one.rows, one.expected),
            stop=tools.stopping,
            clock=tools.now(),
        )
        result = pull(sources, pulling)
        for name in sources:
            self.unheard.pop(name, None)
        for name, problem in result.problems.items():
            if not isinstance(problem, TryLater):
                note(tools.store, f"pull {name}", problem)
                raise problem
            # What has landed is scored; a source that stays away is stale after its limit and then demotes nobody.
            self.unheard[name] = str(problem)
        settled(tools.store, *(f"pull {name}" for name in result.counts if name not in result.problems))
        return result.counts

    def pull_counted(self) -> dict[str, SourceCounts]:
        """What is new at the sources, counted by source."""
        return self._pulled(self.tools.now())

    def pull(self, seconds: float | None = None) -> bool:
        """What is new at the sources; whether something is left after so many seconds."""
        ends = None if seconds is None else time.monotonic() + seconds
        late = Worker(
            replace(self.tools, stopping=lambda: self.tools.stopping() or (ends is not None and time.monotonic() > ends)),
            self.limiters,
            unheard=self.unheard,
        )
        late._pulled(self.tools.now())
        return ends is not None and time.monotonic() > ends

    def _watch_all(self, report: Report) -> Refused | None:
        """Read every CRM; the first refusal, which keeps from no other one and not from what was read before."""
        refused = None
        with _timed(report, "watch"):
            for name in self.tools.crms:
                calls = self.tools.crms[name].calls
                try:
                    self.watch(name)
                except Refused as problem:
                    refused = refused or problem
                    report.warnings.append(str(problem))
                if name in self.unheard:
                    report.warnings.append(f"{name} did not answer: {self.unheard[name]}")
                report.destinations[name].calls.made += self.tools.crms[name].calls - calls
                report.destinations[name].calls.minimum += self.tools.crms[name].calls - calls
        return refused

    def watch(self, name: str, seconds: float | None = None) -> bool:
        """Read what changed in a CRM; whether more is left."""
        tell = self.tools.progress
        asked: dict[str, list[str]] = {}
        for also in self.tools.settings.destinations[name].also:
            asked.setdefault(also.object, []).append(also.field)
        watching = Watching(
            fields=asked,
            seconds=seconds,
            stop=self.tools.stopping,
            progress=lambda kind, rows, _rate: tell(f"watch {name} {kind}", rows, None),
            limiter=self.limiters.of(name),
        )
        found = watch(self.tools.store, self.tools.crms[name], name, watching)
        self.unheard.pop(name, None)
        if found.later:
            self.unheard[name] = found.later
        if found.refused:
            refused = Refused(f"{name}: {found.refused}")
            note(self.tools.store, f"watch {name}", refused)
            raise refused
        if not found.later:
            settled(self.tools.store, f"watch {name}")
        return not (found.complete or found.interrupted or found.limited)

    def plan(self, as_of: datetime | None = None) -> PlanReport:
        """What a run would do; writes nothing."""
        with self.tools.engine.scope():
            return reporting.plan_report(self.tools, self.planned(as_of))

    def planned(self, as_of: datetime | None = None) -> Plan:
        """The plan itself, with the tables it rests on."""
        return make(self.tools, as_of or self.tools.now())

    def explain(self, lead: str, as_of: datetime | None = None) -> Explanation:
        """Why a lead stands where it stands."""
        with self.tools.engine.scope():
            return explain(self.tools, lead, as_of or self.tools.now())

    def evaluate(self, seconds: float | None = None) -> tuple[tuple[str, ...], bool]:
        """Score, plan and commit; the destinations that have something due, and whether something is left to evaluate."""
        with noted(self.tools.store, RUN):
            return evaluate(self.tools, seconds)

    def push(self, name: str, seconds: float = 60.0) -> bool:
        """One slice of writing to a CRM; whether more is ready now."""
        return self._writer.slice(name, seconds)

    @property
    def _writer(self) -> Writer:
        return Writer(self.tools, self.limiters)

    def audit(self, name: str, how: Auditing | None = None) -> tuple[Looked, list[Finding]]:
        """Read back a sample of what a CRM acknowledged."""
        auditing = replace(how or Auditing(), limiter=self.limiters.of(name), stop=self.tools.stopping)
        return audit(self.tools.store, self.tools.crms[name], self._writer.rules(name), auditing)

    def undo(self, asked: Asked) -> Undone:
        """Restore what a run replaced."""
        return undo(self.tools, asked, self.limiters.of)

    def sweep(self) -> tuple[str, ...]:
        """Take up what was left undone; the destinations that may have something due."""
        found = sweep(self.tools.store)
        if found.records or found.tasks:
            return tuple(self.tools.crms)
        return tuple(name for name in found.jobs if name in self.tools.crms)


@contextmanager
def _timed(report: Report, stage: str) -> Iterator[None]:
    started = time.monotonic()
    try:
        yield
    finally:
        report.stages[stage] = round(time.monotonic() - started, 3)
