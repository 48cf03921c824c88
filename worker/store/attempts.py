"""
Owner of attempt: one row per HTTP batch, committed before the call.

Decided here: a row names every key with what is sent and what that replaces, so that an unproved outcome can be settled by
reading and a run can be undone. Closed rows are kept 30 days.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import orjson
from sqlalchemy import (
    Select,
    Table,
    Text,
    and_,
    bindparam,
    cast,
    delete,
    func,
    insert,
    literal_column,
    or_,
    select,
    union_all,
    update,
)

from worker.store.database import Tx
from worker.store.tables import attempt as table
from worker.store.tables import intent, record_sync

KEPT = timedelta(days=30)
"""How long closed attempts are kept, and so how long a run can be undone."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """
    A call about to be made; `keys` is {key: {seq, sent, replaced, crm_id}} with packed fields.

    A key that was sent outside a run says in `run` under which id it was wanted. `job` is the bulk job that carries it.
    """

    destination: str
    kind: str
    keys: Mapping[str, Mapping[str, Any]]
    trace_id: str
    run_id: str | None = None
    job: int | None = None


@dataclass(frozen=True, slots=True)
class End:
    """How a call ended; `answers` is {key: outcome} where the outcomes of its rows differ."""

    outcome: str
    answers: Mapping[str, Any] | None = None
    http_status: int | None = None


_BEGUN = insert(table).returning(table.c.id)
_ENDED = update(table).where(table.c.workspace == bindparam("workspace_"), table.c.id == bindparam("id_"))


def begin(tx: Tx, call: Attempt) -> int:
    """Write the attempt down; the call may be made once this is committed."""
    keys = {key: dict(value) for key, value in call.keys.items()}
    row = {
        "workspace": tx.workspace,
        "destination": call.destination,
        "kind": call.kind,
        "keys": keys,
        "trace_id": call.trace_id,
        "run_id": call.run_id,
        "bulk_job_id": call.job,
        "started_at": tx.now(),
        "request_digest": sha256(orjson.dumps(keys, option=orjson.OPT_SORT_KEYS)).hexdigest(),
    }
    return int(tx.one(_BEGUN, row)[0])


def end(tx: Tx, id: int, how: End) -> None:
    """Close the attempt with its outcome."""
    said = {"outcome": how.outcome, "answers": how.answers, "http_status": how.http_status, "ended_at": tx.now()}
    tx.run(_ENDED, [{"workspace_": tx.workspace, "id_": id, **said}])


def keys_of(tx: Tx, ids: set[int]) -> dict[int, dict[str, dict[str, Any]]]:
    """What these attempts sent, by attempt and key."""
    asked = select(table.c.id, table.c["keys"]).where(tx.mine(table), table.c.id.in_(ids))
    return {row[0]: row[1] for row in tx.rows(asked)} if ids else {}


def close_lost(tx: Tx, before: datetime) -> int:
    """Close attempts begun before that moment and never ended: their process died."""
    lost = update(table).where(tx.mine(table), table.c.outcome.is_(None), table.c.started_at < before)
    return tx.run(lost.where(table.c.bulk_job_id.is_(None)).values(outcome="lost", ended_at=tx.now()))


def next_of_job(tx: Tx, job: int) -> tuple[int, dict[str, dict[str, Any]]] | None:
    """The first attempt of a bulk job whose rows are not settled: its id and what it sent."""
    asked = select(table.c.id, table.c["keys"]).where(tx.mine(table), _of_job(job)).order_by(table.c.id).limit(1)
    found = tx.one(asked)
    return None if found is None else (int(found[0]), found[1])


def end_job(tx: Tx, job: int, outcome: str) -> int:
    """Close what is left open of a bulk job with one outcome for all."""
    return tx.run(update(table).where(tx.mine(table), _of_job(job)).values(outcome=outcome, ended_at=tx.now()))


def _of_job(job: int) -> Any:
    # a worker of an older version may have taken one that is under way for lost
    return and_(table.c.bulk_job_id == job, or_(table.c.outcome.is_(None), table.c.outcome == "lost"))


def of_key(tx: Tx, key: str, most: int = 50) -> list[dict[str, Any]]:
    """The last attempts that named this key, newest first; of what they sent and were told only what concerns it."""
    asked = select(table).where(tx.mine(table), cast(table.c["keys"], Text).contains(f'"{key}"', autoescape=True))
    found = tx.dicts(asked.order_by(table.c.id.desc()).limit(most))
    return [row | {name: _only(row[name], key) for name in ("keys", "answers")} for row in found]


def _only(doc: Mapping[str, Any] | None, key: str) -> dict[str, Any] | None:
    return None if doc is None else {name: value for name, value in doc.items() if name == key}


def writes_since(tx: Tx, since: datetime) -> Iterator[dict[str, Any]]:
    """Every write of records begun since then, in order, for undo: destination, run_id, keys, outcome, answers."""
    names = (table.c[name] for name in ("destination", "run_id", "keys", "outcome", "answers"))
    asked = select(*names).where(tx.mine(table), table.c.kind == "record_write", table.c.started_at >= since)
    for part in tx.batches(asked.order_by(table.c.id)):
        for values in zip(*part.values(), strict=True):
            yield dict(zip(part, values, strict=True))


def wrote(tx: Tx, run_id: str) -> bool:
    """Whether any write of this run is still known, its own or one that a worker made for it."""
    for_it = cast(table.c["keys"], Text).contains(f'"{run_id}"', autoescape=True)
    here = (tx.mine(table), table.c.kind.in_(("record_write", "task_create")), or_(table.c.run_id == run_id, for_it))
    return tx.one(select(table.c.id).where(*here).limit(1)) is not None


def count(tx: Tx) -> dict[str, int]:
    """How many attempts ended in which way; `open` for those that have not ended."""
    outcome = func.coalesce(table.c.outcome, "open")
    return {row[0]: row[1] for row in tx.rows(select(outcome, func.count()).where(tx.mine(table)).group_by(outcome))}


def forget(tx: Tx, before: datetime, most: int) -> int:
    """
    Delete up to `most` attempts that ended before that moment; how many.

    One that carries something of which nobody knows whether it arrived stays, because reading back asks what was sent.
    """
    old = table.c.started_at < before
    oldest = select(table.c.started_at).where(tx.mine(table)).order_by(table.c.id).limit(1)
    first = tx.value(oldest)
    if first is None or first >= before:
        return 0  # told from one row: they come in order, and their documents are large
    ids = [row[0] for row in tx.rows(select(table.c.id).where(tx.mine(table), old).order_by(table.c.id).limit(most))]
    carrying = {row[0] for one in (record_sync, intent) for row in tx.rows(_unproved(tx, one))}
    done = [id for id in ids if id not in carrying]
    return tx.run(delete(table).where(tx.mine(table), table.c.id.in_(done), table.c.ended_at < before))


def _unproved(tx: Tx, rows: Table) -> Select[Any]:
    # one status at a time, as a constant, because that is what the partial indexes are for
    parts = (
        select(rows.c.attempt_id).where(tx.mine(rows), rows.c.status == literal_column(f"'{status}'"))
        for status in ("unknown", "sending")
    )
    return select(union_all(*parts).subquery("unproved").c.attempt_id)
