"""Owner of job_slot: one run per scheduled slot, however many schedulers ring."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, func, select, update

from worker.store.database import Tx
from worker.store.tables import job_slot as table


def claim(tx: Tx, job: str, slot_start: datetime, owner: str) -> bool:
    """Take the slot; False where somebody has it already."""
    row = {"job": job, "slot_start": slot_start, "claimed_at": tx.now(), "owner": owner}
    return tx.add_missing(table, [row]) == 1


def end(tx: Tx, job: str, slot_start: datetime, outcome: str) -> None:
    here = (tx.mine(table), table.c.job == job, table.c.slot_start == slot_start)
    tx.run(update(table).where(*here).values(ended_at=tx.now(), outcome=outcome))


def last(tx: Tx, job: str) -> datetime | None:
    """The newest slot that was taken."""
    asked = select(table.c.slot_start).where(tx.mine(table), table.c.job == job).order_by(table.c.slot_start.desc()).limit(1)
    moment: datetime | None = tx.value(asked)
    return moment


def last_done(tx: Tx) -> dict[str, datetime]:
    """When each job was last done, by job."""
    ended = func.max(table.c.ended_at, type_=table.c.ended_at.type)
    asked = select(table.c.job, ended).where(tx.mine(table), table.c.outcome == "done").group_by(table.c.job)
    return {row[0]: row[1] for row in tx.rows(asked)}


def count_since(tx: Tx, job: str, moment: datetime) -> int:
    """How many slots of a job began from that moment on."""
    here = (tx.mine(table), table.c.job == job, table.c.slot_start >= moment)
    return int(tx.value(select(func.count()).select_from(table).where(*here)))


def forget(tx: Tx, before: datetime) -> int:
    return tx.run(delete(table).where(tx.mine(table), table.c.slot_start < before))
