"""
How a worker writes to its CRMs: slices of push, for a run until nothing is ready, else one at a time.

Decided here: when a run ends its push, what a paused destination still does, and what follows a push. Not decided here: what
a slice does (the step), when it is rung for (the duties).
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from connectors.errors import Refused
from worker.steps.pacing.turns import SHORT
from worker.steps.planning import commit
from worker.steps.planning.astray import follow_people
from worker.steps.planning.plan import unowned_ids
from worker.steps.report import Report
from worker.steps.sending.desk import PushReport, Writing, of_work, writing
from worker.steps.sending.push import Pushing, push
from worker.steps.tools import Tools
from worker.store import intents, mirror, pauses, schema
from worker.wiring.limiters import Limiters
from worker.wiring.noting import note, settled

JOB_PATIENCE = 900.0  # seconds that a run waits for the CRM to work off bulk jobs


@dataclass(frozen=True, slots=True)
class Writer:
    """The CRMs and how fast they may be called."""

    tools: Tools
    limiters: Limiters

    def all(self, report: Report, limit: int | None) -> None:
        """Write to every CRM what is due, the one where people work first; into the report of a run."""
        home = self.tools.settings.handoff.work_in
        for name in sorted(self.tools.crms, key=lambda one: one != home):
            why = self._paused(name)
            if why is not None:
                because = f" ({why})" if why else ""
                report.warnings.append(f"{name} is paused{because}: nothing was written. `pql resume {name}` goes on.")
                _add(report, name, self._finish_jobs(name))
            else:
                self._pushed(report, name, limit)

    def _paused(self, name: str) -> str | None:
        """Why nothing is written there, None where it is not paused."""
        with self.tools.store.read() as tx:
            return pauses.reason(tx, name)

    def _pushed(self, report: Report, name: str, limit: int | None) -> None:
        """Push until nothing is ready and no bulk job is under way; tasks of records that were made in this push follow."""
        until = time.monotonic() + JOB_PATIENCE
        while True:
            done = self._push(name, 60.0, limit, report.run)
            _add(report, name, done)
            if done.interrupted:
                report.status = "interrupted"
                return
            released = self._released(name, report.run)
            limited = (done.limited or 0.0) >= SHORT
            if done.filed and not (done.refused or limited) and self._waited(done.next_in or 0.0, until):
                limit = None if limit is None else 0
                continue
            # refused rows stay ready, and would be refused again and again
            if done.refused or (not released and (done.next_in != 0 or limit is not None or limited or done.filed)):
                report.status = "partial" if (limited or done.filed) and report.status == "done" else report.status
                if done.filed:
                    report.warnings.append(
                        f"{done.filed:,} records are in a bulk job at {name}; the next run takes what became of them."
                    )
                report.warnings += self._unproved(name)
                return

    def _unproved(self, name: str) -> list[str]:
        """A line on the handoffs that a killed process or a lost answer left without proof, where there are any."""
        with self.tools.store.read() as tx:
            count = sum(statuses.get("unknown", 0) for statuses in intents.counts(tx, name).values())
        if not count:
            return []
        return [
            f"{count:,} tasks at {name} could not be proved yet. They are read back a minute later, by the next run or push."
        ]

    def _waited(self, seconds: float, until: float) -> bool:
        """Wait so long, holding nothing; False where that is after `until`, or somebody says stop."""
        ends = time.monotonic() + seconds
        while (left := ends - time.monotonic()) > 0:
            if self.tools.stopping() or ends > until:
                return False
            time.sleep(min(left, 0.2))
        return True

    def slice(self, name: str, seconds: float) -> bool:
        """One slice of writing to a CRM; whether more is ready now."""
        if self._paused(name) is not None:
            self._finish_jobs(name)
            return False
        done = self._push(name, seconds, None, None)
        released = self._released(name)
        # at the end of a slice the next slot is some milliseconds away; a CRM's limit is farther, and not worth a bell
        return bool(released) or (done.next_in == 0 and not done.refused and (done.limited or 0.0) < SHORT)

    def _finish_jobs(self, name: str) -> PushReport:
        """Of a paused destination only what became of jobs that the CRM has had: nothing is begun, nothing is sent."""
        return self._push(name, 60.0, 0, None, sending=False)

    def _released(self, name: str, run_id: str | None = None) -> int:
        """Tasks that can be made now, because their record was made or found again; how many."""
        if name != self.tools.settings.handoff.work_in:
            return 0
        return commit.release(self.tools, run_id) + follow_people(self.tools, run_id)

    def _push(self, name: str, seconds: float, limit: int | None, run_id: str | None, *, sending: bool = True) -> PushReport:
        tools = self.tools
        schema.check(tools.store)  # before each slice: a store may be migrated while a run goes on
        how = Pushing(
            seconds=seconds,
            limit=limit,
            run_id=run_id,
            tasks=sending,
            records=sending,
            stop=tools.stopping,
            progress=lambda rows, whole, _rate: tools.progress(f"push {name}", rows, whole),
            limiter=self.limiters.of(name),
        )
        done = push(tools.store, tools.crms[name], self.rules(name), how)
        if done.refused:
            note(tools.store, f"push {name}", Refused(done.refused))
        elif done.counts.calls.made or done.next_in is None:
            settled(tools.store, f"push {name}")
        return done

    def rules(self, name: str) -> Writing:
        """How the fields of a destination may be written; owners only where people work."""
        handoff = self.tools.settings.handoff
        with self.tools.store.read() as tx:
            owners = {owner.email: owner for owner in mirror.owners(tx, name)}
        spec = self.tools.settings.destinations[name]
        if name != handoff.work_in:
            return writing(spec)
        return of_work(writing(spec, handoff.set_owner, unowned_ids(owners, handoff.unowned)), self.tools.settings)


def _add(report: Report, name: str, done: PushReport) -> None:
    counts, more = report.destinations[name], done.counts
    for part in ("records", "tasks", "calls"):
        mine, theirs = getattr(counts, part), getattr(more, part)
        for what in type(mine).model_fields:
            if what != "unknown":
                setattr(mine, what, getattr(mine, what) + getattr(theirs, what))
    counts.records.unknown = more.records.unknown
    counts.seconds = round(counts.seconds + more.seconds, 3)
    report.rejected += done.rejected
    report.warnings += [says for says in done.warnings if says not in report.warnings]
    if done.refused:
        report.warnings.append(f"{name}: {done.refused}")
