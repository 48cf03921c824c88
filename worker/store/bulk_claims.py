"""
Claims of the rows that a bulk job carries: its holder is no process, and it is held until the job's outcome is stored.

Decided here: which rows may go into a file, and how a job holds them and lets them go. Not decided here: how a claim and
its fence work (`record_claims`), what a job is (`bulk_jobs`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from sqlalchemy import and_, case, func, select, update

from worker.store.database import Tx
from worker.store.record_claims import CLAIMED, SENDING, Row, claimed, hold, ready
from worker.store.tables import record_sync as table


def due_updates(tx: Tx, destination: str) -> dict[str, int]:
    """How many updates could go into a bulk job now, by object."""
    asked = select(table.c.object, func.count()).where(_fileable(tx, destination)).group_by(table.c.object)
    return {row[0]: row[1] for row in tx.rows(asked)}


def due_keys(tx: Tx, destination: str, object: str, most: int) -> list[tuple[str, int]]:
    """The first updates of one object in the order in which they go out: key and priority. Claims nothing."""
    asked = select(table.c.record_key, table.c.priority).where(_fileable(tx, destination), table.c.object == object)
    order = (table.c.priority, table.c.object, table.c.account, table.c.record_key)
    return [(row[0], row[1]) for row in tx.rows(asked.order_by(*order).limit(most))]


def looked_at(tx: Tx, destination: str, keys: Sequence[str]) -> list[Row]:
    """Rows as they stand, without a claim."""
    asked = select(*CLAIMED).where(tx.mine(table), table.c.destination == destination, table.c.record_key.in_(keys))
    return [claimed(row) for row in tx.rows(asked)]


def claim_keys(tx: Tx, destination: str, keys: Sequence[str], holder: str) -> list[Row]:
    """
    Claim those of these updates that are still due, for a holder that is no process: a bulk job.

    They are held until the job's outcome is stored, without an end; `holder` names the job.
    """
    asked = select(*CLAIMED).where(_fileable(tx, destination), table.c.record_key.in_(keys))
    found = asked.order_by(table.c.account, table.c.record_key).with_for_update(skip_locked=True)
    rows = [claimed(row) for row in tx.rows(found)]
    hold(tx, destination, rows, (holder, None))
    return rows


def held_for(tx: Tx, destination: str, holder: str, sent: Mapping[str, Mapping[str, Any]]) -> list[Row]:
    """Rows that a job holds as it sent them; one that was taken from it since is left out."""
    here = (tx.mine(table), table.c.destination == destination, table.c.claimed_by == holder, SENDING)
    found = []
    for row in map(claimed, tx.rows(select(*CLAIMED).where(*here, table.c.record_key.in_(list(sent))))):
        doc = sent[row.record_key]
        if row.fence == doc["fence"] + 1:
            as_sent = {"seq": doc["seq"], "crm_id": doc["crm_id"], "object": doc["object"], "fence": doc["fence"]}
            found.append(replace(row, **as_sent, was="due"))
    return found


def let_go(tx: Tx, destination: str, holder: str, *, status: Literal["due", "unknown"], innocent: bool = True) -> int:
    """
    Give back all that a job holds: `due` where nothing was written, `unknown` where nobody can tell any more.

    `innocent`: no process died over what these rows hold.
    """
    here = (tx.mine(table), table.c.destination == destination, table.c.claimed_by == holder, SENDING)
    # what was wanted anew meanwhile counts from nothing already
    one_less = case((table.c.blind_attempts > 0, table.c.blind_attempts - 1), else_=0)
    blind = one_less if innocent else table.c.blind_attempts
    news = {"status": status, "claimed_by": None, "next_attempt_at": None, "blind_attempts": blind}
    return tx.run(update(table).where(*here).values(**news, last_error_class="lost" if status == "unknown" else None))


def _fileable(tx: Tx, destination: str) -> Any:
    # a row with which a process died goes in small company first
    return and_(ready(tx, destination, "due"), table.c.crm_id.is_not(None), table.c.blind_attempts == 0)
