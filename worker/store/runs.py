"""Owner of run: when each run pretended to be, with which settings, and what it reported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import ColumnElement, Select, delete, func, or_, select, update

from worker.store.database import Tx
from worker.store.tables import run as table

OPEN = "running"
COMMITTED = "committed"
"""The step at which a run has stored states and handoffs."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run; `status` is running, done, partial, held, failed or interrupted."""

    id: str
    as_of: datetime
    settings_sha: str
    started_at: datetime
    ended_at: datetime | None
    status: str
    step: str | None
    report: dict[str, Any] | None


def begin(tx: Tx, as_of: datetime, settings_sha: str) -> str:
    """Open a run and return its id."""
    id = uuid4().hex
    row = {"id": id, "as_of": as_of, "settings_sha": settings_sha, "started_at": tx.now(), "status": OPEN}
    tx.add(table, [row])
    return id


def at_step(tx: Tx, id: str, step: str) -> None:
    """Say which step the run has come to."""
    tx.run(update(table).where(tx.mine(table), table.c.id == id).values(step=step))


def finish(tx: Tx, id: str, status: str, report: Mapping[str, Any] | None = None) -> None:
    """Close a run with its report."""
    values = {"status": status, "ended_at": tx.now(), "report": None if report is None else dict(report)}
    tx.run(update(table).where(tx.mine(table), table.c.id == id).values(**values))


def by_id(tx: Tx, id: str) -> Run | None:
    return _first(tx, select(*_COLUMNS).where(tx.mine(table), table.c.id == id))


def last(tx: Tx, *, finished: bool = False) -> Run | None:
    """The run with the newest as_of; with `finished` the last whose states were committed, however it ended then."""
    asked = select(*_COLUMNS).where(tx.mine(table)).order_by(table.c.as_of.desc(), table.c.started_at.desc()).limit(1)
    return _first(tx, asked.where(_judged()) if finished else asked)


def last_began(tx: Tx) -> datetime | None:
    """When the newest run began, however it ended."""
    moment: datetime | None = tx.value(
        select(func.max(table.c.started_at, type_=table.c.started_at.type)).where(tx.mine(table))
    )
    return moment


def last_ended(tx: Tx) -> Run | None:
    """The run that ended last, by itself: neither under way nor stopped by a person."""
    asked = select(*_COLUMNS).where(tx.mine(table), table.c.status.not_in((OPEN, "interrupted")))
    return _first(tx, asked.order_by(table.c.ended_at.desc()).limit(1))


def beginning(tx: Tx, id: str) -> list[Run]:
    """The runs whose id begins so, at most two: one is the one that is meant."""
    asked = select(*_COLUMNS).where(tx.mine(table), table.c.id.startswith(id, autoescape=True)).limit(2)
    return [Run(**row) for row in tx.dicts(asked)]


def recent(tx: Tx, most: int = 20) -> list[Run]:
    """The last runs, newest first."""
    asked = select(*_COLUMNS).where(tx.mine(table)).order_by(table.c.started_at.desc()).limit(most)
    return [Run(**row) for row in tx.dicts(asked)]


def instants(tx: Tx, since: datetime | None = None) -> list[tuple[datetime, str, str]]:
    """Each evaluation whose states were committed: (as_of, settings hash, run id), oldest first, for replay."""
    asked = select(table.c.as_of, table.c.settings_sha, table.c.id).where(tx.mine(table)).order_by(table.c.as_of)
    asked = asked.where(_judged())
    return [(row[0], row[1], row[2]) for row in tx.rows(asked if since is None else asked.where(table.c.as_of >= since))]


def _judged() -> ColumnElement[bool]:
    """A run that was killed or interrupted after its commit has judged the leads as much as one that went on to the end."""
    return or_(table.c.status.in_(("done", "partial")), table.c.step == COMMITTED)


def forget(tx: Tx, before: datetime) -> int:
    """Delete the reports of runs that ended before that moment; their instants stay, replay needs them."""
    old = (tx.mine(table), table.c.ended_at < before, table.c.report.is_not(None))
    return tx.run(update(table).where(*old).values(report=None))


def drop(tx: Tx, id: str) -> None:
    """Delete a run that did nothing."""
    tx.run(delete(table).where(tx.mine(table), table.c.id == id))


_COLUMNS = tuple(table.c[name] for name in Run.__dataclass_fields__)


def _first(tx: Tx, asked: Select[Any]) -> Run | None:
    row = tx.first(asked)
    return Run(**row) if row else None
