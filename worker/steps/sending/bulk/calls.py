"""
What the steps of a bulk job share: its lease, a turn for each call, and what a call that failed means for the job.

Decided here: a job's step is made only by who holds it, and is written down before the next one; a worker that has lost the
job stops. Not decided here: what goes into a file (`filling`), what becomes of it (`results`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from connectors.bulk import Bulk
from connectors.errors import ConnectorError, Refused, TryLater
from worker.steps.pacing.turns import SHORT
from worker.steps.sending.calling import Late
from worker.steps.sending.desk import Desk
from worker.store import attempts, bulk_claims, bulk_jobs
from worker.store.bulk_jobs import BulkJob, Held, Stage
from worker.store.database import Tx

SOON, LATEST = 1.0, 30.0
"""Seconds until the second look at a job, and the longest between two looks."""
ASIDE = 900.0
"""Seconds without a new job after one that came to nothing: meanwhile its rows go by calls."""
Answer = TypeVar("Answer")


class Lost(Exception):
    """Somebody else holds the job by now and decides."""


class Hand:
    """One job in the hand of this push."""

    def __init__(self, desk: Desk, bulk: Bulk, job: BulkJob) -> None:
        self.desk = desk
        self.bulk = bulk
        self.job = job

    @property
    def by(self) -> Held:
        return Held(self.desk.holder, self.desk.periods.lease)

    def call(self, ask: Callable[[], Answer], *, writes: bool = False) -> Answer:
        """Make a call at its turn, while the lease outlasts it."""
        wait = self.desk.limiter.reserve(within=SHORT)
        if wait > SHORT:
            raise Late(wait)
        time.sleep(wait)
        self.keep()
        if writes:
            self.desk.tally.wrote()
        try:
            return ask()
        except TryLater as problem:
            if problem.limited:
                self.desk.limiter.pause(problem.after or self.desk.crm.budget().window_seconds)
            raise
        except Refused as problem:
            self.desk.refuse(str(problem))
            raise
        finally:
            self.desk.limiter.learn(self.desk.crm.budget())

    def keep(self, **news: Any) -> None:
        """Hold the job longer, and store what is new about it."""
        with self.writing() as tx:
            self.kept(tx, **news)

    def kept(self, tx: Tx, **news: Any) -> None:
        if not bulk_jobs.keep(tx, self.job, self.by, **news):
            raise Lost

    @contextmanager
    def writing(self) -> Iterator[Tx]:
        with self.desk.store.write() as tx:
            yield tx

    def rest(self, wait: float) -> None:
        """Let go of the job until then; its rows stay where they are."""
        with self.writing() as tx:
            bulk_jobs.rest(tx, self.job, wait)

    def drop(self, error: str | None = None, *, innocent: bool = True) -> None:
        """Nothing of it was written: all its rows are due again."""
        with self.writing() as tx:
            self._over(tx, "dropped", error)
            attempts.end_job(tx, self.job.id, "not_sent")
            bulk_claims.let_go(tx, self.desk.destination, self.job.holder, status="due", innocent=innocent)
        if error:
            self.desk.tally.warn(f"A bulk job to {self.desk.destination} was not made: {error} Its rows go by calls.")

    def give_up(self, problem: ConnectorError | Late) -> None:
        """The file did not get there: the job is aborted where there is one, and its rows are due again."""
        if self.job.job is not None:
            with suppress(ConnectorError, Late):
                self.call(lambda: self.bulk.abort(str(self.job.job)), writes=True)
        self.drop(None if isinstance(problem, Late) else str(problem))

    def lose(self, error: str) -> None:
        """Nobody can tell what became of it: its rows are read back."""
        with self.writing() as tx:
            self._over(tx, "lost", error)
            attempts.end_job(tx, self.job.id, "unknown")
            bulk_claims.let_go(tx, self.desk.destination, self.job.holder, status="unknown")
        self.desk.tally.warn(f"A bulk job at {self.desk.destination} was lost: {error} Its rows are read back.")

    def done(self, error: str | None = None) -> None:
        """Every row has its outcome."""
        with self.writing() as tx:
            self._over(tx, "done", error)
            bulk_claims.let_go(tx, self.desk.destination, self.job.holder, status="due")

    def _over(self, tx: Tx, stage: Stage, error: str | None) -> None:
        if not bulk_jobs.end(tx, self.job, stage, error):
            raise Lost

    def later(self, problem: ConnectorError | Late) -> None:
        """A call failed that tells of the job: it stands as it stood, and is asked again."""
        wait = min(SOON * 2 ** min(self.job.looks, 10), LATEST)
        if isinstance(problem, Late):
            wait = max(wait, problem.wait or 0.0)
        elif isinstance(problem, TryLater):
            wait = max(wait, problem.after or 0.0)
        else:
            self.desk.tally.warn(f"A bulk job at {self.desk.destination} did not answer: {problem}")
        self.rest(wait)
