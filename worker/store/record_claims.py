"""
The working half of the owner of record_sync: one worker holds a batch of rows for the length of a call, then settles each.

Decided here: which rows go together (one object, updates or creates), that a row whose process died is tried in ever smaller
company, and that a row's result counts only while its fence is the one that was claimed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from operator import itemgetter
from typing import Any, Literal

from sqlalchemy import (
    Column,
    Executable,
    Update,
    and_,
    bindparam,
    case,
    func,
    literal,
    literal_column,
    or_,
    select,
    true,
    update,
)

from worker.store.claiming import BLIND_AT_MOST, UNDO, Claim, share
from worker.store.database import Tx
from worker.store.many import Given, updating
from worker.store.tables import Moment, attempt
from worker.store.tables import record_sync as table
from worker.store.values import packed, unpacked


@dataclass(frozen=True, slots=True)
class Row:
    """A claimed row. `was` is due or unknown: of an unknown one nobody knows whether the last write arrived."""

    record_key: str
    object: str
    crm_id: str | None
    seq: int
    wanted: Mapping[str, Any]
    acknowledged: Mapping[str, Any]
    reformatted: Mapping[str, Any]
    parked: tuple[str, ...]
    because: str
    was: str
    fence: int
    attempts: int
    blind_attempts: int
    ack_seq: int
    last_attempt: int | None
    uncertain_until: datetime | None
    run_id: str | None = None
    """Under which id this state was wanted last: a run's, or that of the undo of a run."""

    @property
    def restores(self) -> bool:
        """Whether the row brings back what a run replaced: nobody's later value is overwritten for that."""
        return bool(self.run_id and self.run_id.startswith(UNDO))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a claimed row. None in a column that has a value leaves it as it was claimed."""

    row: Row
    status: str
    acknowledged: Mapping[str, Any] | None = None
    reformatted: Mapping[str, Any] | None = None
    crm_id: str | None = None
    object: str | None = None
    parked: tuple[str, ...] | None = None
    attempts: int = 0
    blind_attempts: int = 0
    wait: float | None = None
    """Seconds of database time until the row is taken up again."""
    uncertain: float | None = None
    """Seconds before which it must not be sent a second time."""
    error: tuple[str, str] | None = field(default=None)
    """(class, sentence)"""
    gone: bool = False
    """The record is no more: the row has no CRM id any longer."""


def pick(tx: Tx, destination: str, ask: Claim) -> list[Row]:
    """Up to `ask.limit` rows that can go in one call: unproved ones first, then by priority. `hold` them next."""
    given = {"workspace": tx.workspace, "destination": destination, "now": tx.now(), "run_id": ask.run_id}
    for status in _READY:
        head = tx.one(_head(status, ask.run_id is not None), given)
        if head is None:
            continue
        limit = share(ask.limit, head.blind_attempts)
        given |= {"object": head.object, "blind_attempts": head.blind_attempts, "priority": head.priority}
        rows: list[Row] = []
        # two questions, because each of them is answered from the index alone
        for urgent in (True, False):
            if len(rows) < limit:
                asked = _group(status, ask.run_id is not None, bool(head.creating), urgent)
                rows += [claimed(row) for row in tx.rows(asked, {**given, "most": limit - len(rows)})]
        return rows
    return []


def hold(
    tx: Tx, destination: str, rows: Sequence[Row], by: tuple[str, float | None], carried: Mapping[str, int] | None = None
) -> None:
    """
    Hold these rows for somebody: by whom, and for how many seconds, None for as long as it takes.

    `carried` says which attempt carries a row, where it was begun in this transaction.
    """
    owner, seconds = by
    held = {"claimed_by": owner, "claim_until": None if seconds is None else tx.now() + timedelta(seconds=seconds)}
    attempt = (carried or {}).get
    _HELD.run(tx, [{**_key(tx, destination, (key := row.record_key)), **held, "attempt_id": attempt(key)} for row in rows])


def note_attempt(tx: Tx, destination: str, record_keys: Sequence[str], attempt_id: int) -> None:
    """Say which attempt carries these rows; in its transaction."""
    _CARRIED.run(tx, [{**_key(tx, destination, key), "attempt_id": attempt_id} for key in record_keys])


def settle(tx: Tx, destination: str, verdicts: Sequence[Verdict]) -> set[str]:
    """
    Store what became of claimed rows; the keys that had lost their fence meanwhile, whose newer holder decides.

    Where a newer state was wanted while the call was under way, the row is due again with that.
    """
    rows = [{**_key(tx, destination, one.row.record_key), **_news(one, tx)} for one in verdicts]
    kept = _SETTLED.hits(tx, sorted(rows, key=itemgetter("record_key")))
    return {one.row.record_key for one in verdicts} - kept


def release(tx: Tx, destination: str, rows: Sequence[Row], wait: float | None = None) -> set[str]:
    """Give rows back that were not sent, as they were before the claim; the keys that had lost their fence meanwhile."""
    back = [Verdict(row, row.was, attempts=row.attempts, blind_attempts=row.blind_attempts, wait=wait) for row in rows]
    return settle(tx, destination, back)


def expire(tx: Tx, unknown_wait: float, died: Sequence[str] = ()) -> int:
    """
    Rows whose holder did not come back in time, or died, are `unknown`: the call may have been made.

    They are read back at once; a second write waits until `unknown_wait` seconds after the first was begun.
    """
    overdue = or_(table.c.claim_until < tx.now(), *(table.c.claimed_by == holder for holder in died))
    late = (tx.mine(table), SENDING, overdue)
    begun = select(table.c.destination, table.c.record_key, attempt.c.started_at)
    begun = begun.join_from(table, attempt, attempt.c.id == table.c.attempt_id, isouter=True).where(*late)
    rows = [
        {"where_": row[0], "key_": row[1], "until_": None if row[2] is None else row[2] + timedelta(seconds=unknown_wait)}
        for row in tx.rows(
            begun.order_by(table.c.destination, table.c.record_key).with_for_update(of=table, skip_locked=True)
        )
    ]
    same = (table.c.destination == bindparam("where_"), table.c.record_key == bindparam("key_"))
    news = {"status": "unknown", "claimed_by": None, "next_attempt_at": None, "last_error_class": "lost"}
    lost = update(table).where(*late, *same).values(uncertain_until=bindparam("until_"), **news)
    return tx.run(lost, rows) if rows else 0


def holders(tx: Tx) -> set[str]:
    """Who holds something now."""
    asked = select(table.c.claimed_by).where(tx.mine(table), SENDING, table.c.claimed_by.is_not(None))
    return {row[0] for row in tx.rows(asked.distinct())}


def bury(tx: Tx) -> int:
    """Rows with which a process died too often are `dead`, so that they take nobody else down."""
    poisoned = and_(table.c.status.in_(("due", "unknown")), table.c.blind_attempts >= BLIND_AT_MOST)
    said = f"The worker died {BLIND_AT_MOST} times while sending this record. Look at its values, then `pql retry`."
    dead = update(table).where(tx.mine(table), poisoned)
    return tx.run(dead.values(status="dead", last_error_class="poisoned", last_error=said))


def ready_at(tx: Tx, destination: str, run_id: str | None = None) -> datetime | None:
    """When the next row can be taken up: now or earlier for waiting work, None where nothing waits."""
    waiting = and_(table.c.status.in_(("due", "unknown")), _under(run_id))
    soonest = func.min(func.coalesce(table.c.next_attempt_at, literal(tx.now(), Moment())), type_=Moment())
    moment: datetime | None = tx.value(select(soonest).where(tx.mine(table), table.c.destination == destination, waiting))
    return moment


def waiting(tx: Tx, destination: str, run_id: str | None = None) -> int:
    """How many rows can be taken up now, for progress."""
    found = or_(ready(tx, destination, "due", run_id), ready(tx, destination, "unknown", run_id))
    return int(tx.value(select(func.count()).select_from(table).where(found)))


Status = Literal["due", "unknown"]
_READY: tuple[Status, ...] = ("unknown", "due")
SENDING = table.c.status == literal_column("'sending'")
_KEY = ("workspace", "destination", "record_key")
_OF_THE_RECORD = ("crm_id", "object", "acknowledged", "reformatted")
_NEWS = (
    *("ack_seq", "parked", "attempts", "blind_attempts"),
    *("uncertain_until", "last_error_class", "last_error"),
)


def _same(given: Given) -> tuple[Any, ...]:
    return tuple(table.c[name] == given[name] for name in _KEY)


def _held(given: Given) -> Update:
    taken = {"claimed_by": given["claimed_by"], "claim_until": given["claim_until"], "fence": table.c.fence + 1}
    counted = {"status": "sending", "blind_attempts": table.c.blind_attempts + 1}
    counted["attempt_id"] = func.coalesce(given["attempt_id"], table.c.attempt_id)
    return update(table).where(*_same(given)).values(**taken, **counted)


def _carried(given: Given) -> Update:
    return update(table).where(*_same(given)).values(attempt_id=given["attempt_id"])


def _settled(given: Given) -> Update:
    newer = table.c.seq != given["seq"]
    moved = or_(table.c.crm_id.is_distinct_from(given["was_crm_id"]), table.c.object != given["was_object"])
    # what is known of the record we wrote says nothing of another one that is wanted now
    elsewhere = and_(newer, moved)
    # newer wishes for a record that is gone have no place to go to; the next plan says what becomes of them
    there = or_(given["status"] != "unmatched", moved)
    overtaken = and_(newer, given["status"] != "unknown", there)
    values = {
        **{name: given[name] for name in _NEWS},
        **{name: case((elsewhere, table.c[name]), else_=given[name]) for name in _OF_THE_RECORD},
        "status": case((overtaken, "due"), else_=given["status"]),
        "next_attempt_at": case((overtaken, None), else_=given["next_attempt_at"]),
        "claimed_by": None,
        "claim_until": None,
    }
    # wrapped, because Postgres would read all that is being sent for each row instead of looking up the row
    sending = func.coalesce(table.c.status, "") == "sending"
    mine = (*_same(given), sending, table.c.fence == given["fence"])
    return update(table).where(*mine).values(**values)


def _columns(*names: str) -> list[Column[Any]]:
    return [table.c[name] for name in (*_KEY, *names)]


_HELD = updating(_columns("claimed_by", "claim_until", "attempt_id"), _held)
_CARRIED = updating(_columns("attempt_id"), _carried)
_SETTLED = updating(
    [
        *_columns("fence", "seq", "status", "next_attempt_at", *_OF_THE_RECORD, *_NEWS),
        *(Column("was_crm_id", table.c.crm_id.type), Column("was_object", table.c.object.type)),
    ],
    _settled,
    returns=table.c.record_key,
)


def _under(run_id: str | None) -> Any:
    return true() if run_id is None else table.c.run_id == run_id


def ready(tx: Tx, destination: str, status: Status, run_id: str | None = None) -> Any:
    """The condition that a row can be taken up now."""
    in_time = or_(table.c.next_attempt_at.is_(None), table.c.next_attempt_at <= tx.now())
    return and_(tx.mine(table), table.c.destination == destination, *_alive(status), in_time, _under(run_id))


def _alive(status: Status) -> tuple[Any, ...]:
    # a constant, because a partial index is not used for a parameter
    return table.c.status == literal_column(f"'{status}'"), table.c.blind_attempts < BLIND_AT_MOST


# made once, because making them takes longer than their answers


_ORDER = (table.c.priority, table.c.object, table.c.account)


def _asked(status: Status, under: bool) -> tuple[Any, ...]:
    in_time = or_(table.c.next_attempt_at.is_(None), table.c.next_attempt_at <= bindparam("now"))
    names = ("workspace", "destination", *(("run_id",) if under else ()))
    return *(table.c[name] == bindparam(name) for name in names), *_alive(status), in_time


@cache
def _head(status: Status, under: bool) -> Executable:
    """The most urgent row that is ready: which others can go with it."""
    names = (table.c.object, table.c.crm_id.is_(None).label("creating"), table.c.blind_attempts, table.c.priority)
    return select(*names).where(*_asked(status, under)).order_by(*_ORDER).limit(1).with_for_update(skip_locked=True)


@cache
def _group(status: Status, under: bool, creating: bool, urgent: bool) -> Executable:
    """Rows of one kind, of the head's priority where `urgent`, else after it."""
    priority: Any = bindparam("priority")
    alike = (
        table.c.object == bindparam("object"),
        table.c.crm_id.is_(None) if creating else table.c.crm_id.is_not(None),
        table.c.blind_attempts == bindparam("blind_attempts"),
        table.c.priority == priority if urgent else table.c.priority > priority,
    )
    found = select(*CLAIMED).where(*_asked(status, under), *alike).order_by(*_ORDER).limit(bindparam("most"))
    return found.with_for_update(skip_locked=True)


def _key(tx: Tx, destination: str, record_key: str) -> dict[str, Any]:
    return {"workspace": tx.workspace, "destination": destination, "record_key": record_key}


CLAIMED = tuple(
    table.c[name]
    for name in (
        *("wanted", "acknowledged", "reformatted", "parked", "because", "fence", "record_key", "object", "crm_id", "seq"),
        *("status", "attempts", "blind_attempts", "ack_seq", "attempt_id", "uncertain_until", "run_id"),
    )
)


def claimed(found: Sequence[Any]) -> Row:
    """What `CLAIMED` selected, as a row under the fence that a claim gives it."""
    wanted, acknowledged, reformatted, parked, because, fence, *rest = found
    key, object, crm_id, seq, status, attempts, blind, ack_seq, attempt_id, uncertain_until, run_id = rest
    return Row(
        record_key=key,
        object=object,
        crm_id=crm_id,
        seq=seq,
        wanted=unpacked(wanted),
        acknowledged=unpacked(acknowledged),
        reformatted=unpacked(reformatted),
        parked=tuple(parked or ()),
        because=because or "",
        was=status,
        fence=fence + 1,
        attempts=attempts,
        blind_attempts=blind,
        ack_seq=ack_seq,
        last_attempt=attempt_id,
        uncertain_until=uncertain_until,
        run_id=run_id,
    )


def _news(one: Verdict, tx: Tx) -> dict[str, Any]:
    row = one.row
    later = None if one.wait is None else tx.now() + timedelta(seconds=one.wait)
    until = None if one.uncertain is None else tx.now() + timedelta(seconds=one.uncertain)
    class_, said = one.error or (None, None)
    return {
        "fence": row.fence,
        "seq": row.seq,
        "was_crm_id": row.crm_id,
        "was_object": row.object,
        "status": one.status,
        "crm_id": None if one.gone else one.crm_id or row.crm_id,
        "object": one.object or row.object,
        "acknowledged": packed(row.acknowledged if one.acknowledged is None else one.acknowledged),
        "reformatted": packed(row.reformatted if one.reformatted is None else one.reformatted) or None,
        "ack_seq": row.seq if one.status == "in_sync" else row.ack_seq,
        "parked": list(row.parked if one.parked is None else one.parked) or None,
        "attempts": one.attempts,
        "blind_attempts": one.blind_attempts,
        "next_attempt_at": later,
        "uncertain_until": row.uncertain_until if until is None and one.status == row.was else until,
        "last_error_class": class_,
        "last_error": said,
    }
