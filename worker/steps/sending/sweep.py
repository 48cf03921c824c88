"""
Sweep: whatever was left undone is taken up again.

Decided here: a batch whose holder did not come back in time is unproved and is read back; one whose process died on this
very host at once. Rows in a bulk job are held by the job and are left alone: the next push takes the job further. Rows that
killed their process too often are dead; attempts that never ended are closed as lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from worker.steps.holding import died_here
from worker.steps.pacing.periods import Periods
from worker.store import attempts, bulk_jobs, intent_claims, record_claims
from worker.store.database import Store


@dataclass(frozen=True, slots=True)
class Swept:
    """
    What was found: rows and tasks without an outcome, those given up on, attempts closed as lost, and the destinations at
    which a bulk job waits for its next step.
    """

    records: int = 0
    tasks: int = 0
    dead: int = 0
    attempts: int = 0
    jobs: tuple[str, ...] = ()


def sweep(store: Store, periods: Periods | None = None) -> Swept:
    """Take up what was left; safe at any time and by any number of workers."""
    times = periods or Periods.from_environment()
    with store.read() as tx:
        holders = record_claims.holders(tx) | intent_claims.holders(tx) | bulk_jobs.holders(tx)
    died = [holder for holder in sorted(holders) if died_here(holder)]
    with store.write() as tx:
        records = record_claims.expire(tx, times.unknown_wait, died)
        tasks = intent_claims.expire(tx, times.unknown_wait, died)
        dead = record_claims.bury(tx) + intent_claims.bury(tx)
        lost = attempts.close_lost(tx, tx.now() - timedelta(seconds=2 * times.lease))
        jobs = bulk_jobs.waiting(tx, died)
    return Swept(records, tasks, dead, lost, tuple(jobs))
