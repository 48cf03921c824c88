"""
Owner of bulk_job: which files of changes are on their way to a CRM, and how far each of them is.

Decided here: rows in a job are held by the job and not by a process, so they outlive it; who takes a job a step further
holds it by a lease with a fence, and what a process does that has lost its fence changes nothing. Times are the database's.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import delete, func, insert, literal, or_, select, update

from worker.store.database import Tx
from worker.store.tables import Moment
from worker.store.tables import bulk_job as table

Stage = Literal["filling", "filled", "opened", "uploaded", "closed", "done", "dropped", "lost"]
"""
filling: rows are claimed. filled: all are, and the job is about to be made. opened: the CRM's id is stored. uploaded: the
file is there. closed: the CRM works on it. done: every row has its outcome. dropped: nothing was sent. lost: nobody can
tell.
"""


@dataclass(frozen=True, slots=True)
class BulkJob:
    """A job that is held by us. `job` is the CRM's id of it."""

    id: int
    destination: str
    object: str
    stage: Stage
    fence: int
    rows: int = 0
    job: str | None = None
    looks: int = 0

    @property
    def holder(self) -> str:
        """Under which name it holds its rows."""
        return holder_of(self.id)


def holder_of(id: int) -> str:
    """No host and process, so that no sweep takes it for one that died."""
    return f"bulk/{id}"


@dataclass(frozen=True, slots=True)
class Held:
    """Who holds a job, and for how many seconds."""

    owner: str
    seconds: float


def begin(tx: Tx, job: tuple[str, str, Sequence[str]], by: Held, run_id: str | None) -> BulkJob:
    """A new job for (destination, object, fields), held by whoever fills it."""
    destination, object, fields = job
    row = {
        "workspace": tx.workspace,
        "destination": destination,
        "object": object,
        "fields": list(fields),
        "stage": "filling",
        "run_id": run_id,
        "begun_at": tx.now(),
        "claimed_by": by.owner,
        "claim_until": tx.now() + timedelta(seconds=by.seconds),
        "fence": 1,
    }
    id = int(tx.value(insert(table).values(**row).returning(table.c.id)))
    return BulkJob(id, destination, object, "filling", 1)


def take(tx: Tx, destination: str, by: Held, died: Collection[str] = ()) -> BulkJob | None:
    """The job that waits longest for its next step, from now on held by us; None where none is ready."""
    here = (tx.mine(table), table.c.destination == destination, table.c.ended_at.is_(None), _free(tx, died), _due(tx))
    asked = select(table).where(*here).order_by(table.c.look_at.asc().nulls_first(), table.c.id).limit(1)
    row = tx.first(asked.with_for_update(skip_locked=True))
    if row is None:
        return None
    fence = row["fence"] + 1
    held = {"claimed_by": by.owner, "claim_until": tx.now() + timedelta(seconds=by.seconds), "fence": fence}
    tx.run(update(table).where(tx.mine(table), table.c.id == row["id"]).values(**held))
    known = (row["id"], destination, row["object"], row["stage"], fence)
    return BulkJob(*known, rows=row["row_count"], job=row["job"], looks=row["looks"])


def keep(tx: Tx, job: BulkJob, by: Held, /, **news: Any) -> bool:
    """Go on holding it, and store what is new about it; False where somebody else holds it by now."""
    until = tx.now() + timedelta(seconds=by.seconds)
    return tx.run(_mine(tx, job).values(claim_until=until, **news)) == 1


def rest(tx: Tx, job: BulkJob, wait: float) -> bool:
    """Let go of it until it is worth another look."""
    news = {"claimed_by": None, "claim_until": None, "looks": table.c.looks + 1}
    return tx.run(_mine(tx, job).values(look_at=tx.now() + timedelta(seconds=wait), **news)) == 1


def end(tx: Tx, job: BulkJob, stage: Stage, error: str | None = None) -> bool:
    """It is over."""
    news = {"stage": stage, "error": error, "ended_at": tx.now(), "claimed_by": None, "claim_until": None}
    return tx.run(_mine(tx, job).values(**news)) == 1


def holders(tx: Tx) -> set[str]:
    """Who holds a job now."""
    asked = select(table.c.claimed_by).where(tx.mine(table), table.c.ended_at.is_(None), table.c.claimed_by.is_not(None))
    return {row[0] for row in tx.rows(asked.distinct())}


def open_ones(tx: Tx, destination: str) -> tuple[int, int]:
    """How many jobs are not over, and how many rows are in them."""
    here = (tx.mine(table), table.c.destination == destination, table.c.ended_at.is_(None))
    jobs, rows = tx.rows(select(func.count(), func.coalesce(func.sum(table.c.row_count), 0)).where(*here))[0]
    return int(jobs), int(rows)


def ready_at(tx: Tx, destination: str) -> datetime | None:
    """When the next step of a job can be taken, None where there is no job."""
    free = func.coalesce(table.c.claim_until, table.c.look_at, literal(tx.now(), Moment()))
    here = (tx.mine(table), table.c.destination == destination, table.c.ended_at.is_(None))
    moment: datetime | None = tx.value(select(func.min(free, type_=Moment())).where(*here))
    return moment


def waiting(tx: Tx, died: Collection[str] = ()) -> list[str]:
    """Destinations that have a job which waits for its next step."""
    here = (tx.mine(table), table.c.ended_at.is_(None), _free(tx, died), _due(tx))
    return [row[0] for row in tx.rows(select(table.c.destination).where(*here).distinct().order_by(table.c.destination))]


def failed_since(tx: Tx, destination: str, since: datetime) -> bool:
    """Whether a job came to nothing lately, other than by the death of its process."""
    here = (tx.mine(table), table.c.destination == destination, table.c.ended_at >= since, table.c.error.is_not(None))
    return tx.one(select(table.c.id).where(*here).limit(1)) is not None


def forget(tx: Tx, before: datetime) -> int:
    """Delete jobs that ended before that moment."""
    return tx.run(delete(table).where(tx.mine(table), table.c.ended_at < before))


def listed(tx: Tx, destination: str | None = None) -> list[dict[str, Any]]:
    """All jobs, newest first."""
    asked = select(table).where(tx.mine(table)).order_by(table.c.id.desc())
    return tx.dicts(asked if destination is None else asked.where(table.c.destination == destination))


def _mine(tx: Tx, job: BulkJob) -> Any:
    return update(table).where(tx.mine(table), table.c.id == job.id, table.c.fence == job.fence, table.c.ended_at.is_(None))


def _free(tx: Tx, died: Collection[str]) -> Any:
    gone = [table.c.claimed_by == holder for holder in died]
    return or_(table.c.claimed_by.is_(None), table.c.claim_until < tx.now(), *gone)


def _due(tx: Tx) -> Any:
    return or_(table.c.look_at.is_(None), table.c.look_at <= tx.now())
