"""
The working half of the owner of record_sync: one worker holds a batch of rows for the length of a call, then settles each.

Decided here: which rows go together (one object, updates or creates), that a row whose process died is tried in ever smaller
company, and that a row's result counts only while its fence is the one that was claimed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import and_, bindparam, func, literal, literal_column, or_, select, true, update

from worker.store.claiming import BLIND_AT_MOST, UNDO, Claim, share
from worker.store.database import Tx
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


def claim(tx: Tx, destination: str, ask: Claim) -> list[Row]:
    """Claim up to `ask.limit` rows that can go in one call: unproved ones first, then by priority."""
    for status in _READY:
        ready = _ready(tx, destination, status, ask.run_id)
        order = (table.c.priority, table.c.object, table.c.account)
        names = (table.c.object, table.c.crm_id.is_(None).label("creating"), table.c.blind_attempts, table.c.priority)
        head = tx.one(select(*names).where(ready).order_by(*order).limit(1).with_for_update(skip_locked=True))
        if head is None:
            continue
        missing = table.c.crm_id.is_(None) if head.creating else table.c.crm_id.is_not(None)
        group = and_(ready, table.c.object == head.object, missing, table.c.blind_attempts == head.blind_attempts)
        limit = share(ask.limit, head.blind_attempts)
        rows: list[dict[str, Any]] = []
        # two questions, because each of them is answered from the index alone
        for urgency in (table.c.priority == head.priority, table.c.priority > head.priority):
            if len(rows) < limit:
                asked = select(table).where(group, urgency).order_by(*order).limit(limit - len(rows))
                rows += tx.dicts(asked.with_for_update(skip_locked=True))
        _hold(tx, destination, rows, (ask.owner, ask.seconds))
        return [_claimed(row) for row in rows]
    return []


def note_attempt(tx: Tx, destination: str, record_keys: Sequence[str], attempt_id: int) -> None:
    """Say which attempt carries these rows; in its transaction."""
    carried = update(table).where(*_one(tx, destination)).values(attempt_id=attempt_id)
    tx.run(carried, [{"key_": key} for key in record_keys])


def settle(tx: Tx, destination: str, verdicts: Sequence[Verdict]) -> set[str]:
    """
    Store what became of claimed rows; the keys that had lost their fence meanwhile, whose newer holder decides.

    Where a newer state was wanted while the call was under way, the row is due again with that.
    """
    keys = [one.row.record_key for one in verdicts]
    names = ("record_key", "fence", "seq", "crm_id", "object")
    here = (tx.mine(table), table.c.destination == destination, table.c.record_key.in_(keys), table.c.status == "sending")
    asked = select(*(table.c[name] for name in names)).where(*here).order_by(table.c.record_key).with_for_update()
    present = {row.record_key: row for row in tx.rows(asked)}
    lost = {v.row.record_key for v in verdicts if getattr(present.get(v.row.record_key), "fence", None) != v.row.fence}
    news: dict[bool, list[dict[str, Any]]] = {True: [], False: []}
    for one in verdicts:
        if one.row.record_key not in lost:
            there = present[one.row.record_key]
            # what is known of the record we wrote says nothing of another one that is wanted now
            elsewhere = there.seq != one.row.seq and (there.crm_id, there.object) != (one.row.crm_id, one.row.object)
            news[elsewhere].append(_news(one, there.seq, tx.now()))
    for elsewhere, rows in news.items():
        if rows:
            tx.run(_settling(tx, destination, keep=_OF_THE_RECORD if elsewhere else ()), rows)
    return lost


def _settling(tx: Tx, destination: str, keep: Sequence[str]) -> Any:
    same = (table.c.record_key == bindparam("key_"), table.c.fence == bindparam("fence_"))
    values: dict[str, Any] = {name: bindparam(f"{name}_") for name in _SETTLED if name not in keep}
    mine = (tx.mine(table), table.c.destination == destination, *same)
    return update(table).where(*mine).values(claimed_by=None, claim_until=None, **values)


def release(tx: Tx, destination: str, rows: Sequence[Row], wait: float | None = None) -> None:
    """Give rows back that were not sent, as they were before the claim."""
    back = [Verdict(row, row.was, attempts=row.attempts, blind_attempts=row.blind_attempts, wait=wait) for row in rows]
    settle(tx, destination, back)


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
    asked = select(table).where(tx.mine(table), table.c.destination == destination, table.c.record_key.in_(keys))
    return [_claimed(row) for row in tx.dicts(asked)]


def claim_keys(tx: Tx, destination: str, keys: Sequence[str], holder: str) -> list[Row]:
    """
    Claim those of these updates that are still due, for a holder that is no process: a bulk job.

    They are held until the job's outcome is stored, without an end; `holder` names the job.
    """
    asked = select(table).where(_fileable(tx, destination), table.c.record_key.in_(keys))
    rows = tx.dicts(asked.order_by(table.c.account, table.c.record_key).with_for_update(skip_locked=True))
    _hold(tx, destination, rows, (holder, None))
    return [_claimed(row) for row in rows]


def held_for(tx: Tx, destination: str, holder: str, sent: Mapping[str, Mapping[str, Any]]) -> list[Row]:
    """Rows that a job holds as it sent them; one that was taken from it since is left out."""
    here = (tx.mine(table), table.c.destination == destination, table.c.claimed_by == holder, _SENDING)
    rows = tx.dicts(select(table).where(*here, table.c.record_key.in_(list(sent))))
    found = []
    for row in rows:
        doc = sent[row["record_key"]]
        if row["fence"] == doc["fence"]:
            as_sent = {"seq": doc["seq"], "crm_id": doc["crm_id"], "object": doc["object"], "fence": doc["fence"] - 1}
            found.append(_claimed({**row, **as_sent, "status": "due"}))
    return found


def let_go(tx: Tx, destination: str, holder: str, *, status: Literal["due", "unknown"], innocent: bool = True) -> int:
    """
    Give back all that a job holds: `due` where nothing was written, `unknown` where nobody can tell any more.

    `innocent`: no process died over what these rows hold.
    """
    here = (tx.mine(table), table.c.destination == destination, table.c.claimed_by == holder, _SENDING)
    blind = table.c.blind_attempts - 1 if innocent else table.c.blind_attempts
    news = {"status": status, "claimed_by": None, "next_attempt_at": None, "blind_attempts": blind}
    return tx.run(update(table).where(*here).values(**news, last_error_class="lost" if status == "unknown" else None))


def _fileable(tx: Tx, destination: str) -> Any:
    # a row with which a process died goes in small company first
    return and_(_ready(tx, destination, "due"), table.c.crm_id.is_not(None), table.c.blind_attempts == 0)


def expire(tx: Tx, unknown_wait: float, died: Sequence[str] = ()) -> int:
    """
    Rows whose holder did not come back in time, or died, are `unknown`: the call may have been made.

    They are read back at once; a second write waits until `unknown_wait` seconds after the first was begun.
    """
    overdue = or_(table.c.claim_until < tx.now(), *(table.c.claimed_by == holder for holder in died))
    late = (tx.mine(table), _SENDING, overdue)
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
    asked = select(table.c.claimed_by).where(tx.mine(table), _SENDING, table.c.claimed_by.is_not(None))
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
    ready = or_(_ready(tx, destination, "due", run_id), _ready(tx, destination, "unknown", run_id))
    return int(tx.value(select(func.count()).select_from(table).where(ready)))


_READY: tuple[Literal["due", "unknown"], ...] = ("unknown", "due")
_SENDING = table.c.status == literal_column("'sending'")
_SETTLED = (
    *("status", "crm_id", "object", "acknowledged", "ack_seq", "reformatted", "parked", "attempts", "blind_attempts"),
    *("next_attempt_at", "uncertain_until", "last_error_class", "last_error"),
)


_OF_THE_RECORD = ("crm_id", "object", "acknowledged", "reformatted")


def _under(run_id: str | None) -> Any:
    return true() if run_id is None else table.c.run_id == run_id


def _ready(tx: Tx, destination: str, status: Literal["due", "unknown"], run_id: str | None = None) -> Any:
    in_time = or_(table.c.next_attempt_at.is_(None), table.c.next_attempt_at <= tx.now())
    alive = table.c.blind_attempts < BLIND_AT_MOST
    # a constant, because a partial index is not used for a parameter
    constant = table.c.status == literal_column(f"'{status}'")
    return and_(tx.mine(table), table.c.destination == destination, constant, in_time, alive, _under(run_id))


def _hold(tx: Tx, destination: str, rows: Sequence[Mapping[str, Any]], by: tuple[str, float | None]) -> None:
    owner, seconds = by
    until = None if seconds is None else tx.now() + timedelta(seconds=seconds)
    held = {"status": "sending", "claimed_by": owner, "claim_until": until}
    counted = {"fence": table.c.fence + 1, "blind_attempts": table.c.blind_attempts + 1}
    taking = update(table).where(*_one(tx, destination)).values(**held, **counted)
    tx.run(taking, [{"key_": row["record_key"]} for row in rows])


def _one(tx: Tx, destination: str) -> tuple[Any, ...]:
    # row by row: Postgres without statistics answers a list of keys by reading the whole table
    return tx.mine(table), table.c.destination == destination, table.c.record_key == bindparam("key_")


def _claimed(row: Mapping[str, Any]) -> Row:
    return Row(
        record_key=row["record_key"],
        object=row["object"],
        crm_id=row["crm_id"],
        seq=row["seq"],
        wanted=unpacked(row["wanted"]),
        acknowledged=unpacked(row["acknowledged"]),
        reformatted=unpacked(row["reformatted"]),
        parked=tuple(row["parked"] or ()),
        because=row["because"] or "",
        was=row["status"],
        fence=row["fence"] + 1,
        attempts=row["attempts"],
        blind_attempts=row["blind_attempts"],
        ack_seq=row["ack_seq"],
        last_attempt=row["attempt_id"],
        uncertain_until=row["uncertain_until"],
        run_id=row["run_id"],
    )


def _news(one: Verdict, wanted_seq: int, now: datetime) -> dict[str, Any]:
    row = one.row
    # a newer state was wanted during the call
    overtaken = wanted_seq != row.seq and one.status != "unknown"
    later = None if one.wait is None else now + timedelta(seconds=one.wait)
    until = None if one.uncertain is None else now + timedelta(seconds=one.uncertain)
    class_, said = one.error or (None, None)
    values = {
        "key": row.record_key,
        "fence": row.fence,
        "status": "due" if overtaken else one.status,
        "crm_id": None if one.gone else one.crm_id or row.crm_id,
        "object": one.object or row.object,
        "acknowledged": packed(row.acknowledged if one.acknowledged is None else one.acknowledged),
        "reformatted": packed(row.reformatted if one.reformatted is None else one.reformatted) or None,
        "ack_seq": row.seq if one.status == "in_sync" else row.ack_seq,
        "parked": list(row.parked if one.parked is None else one.parked) or None,
        "attempts": one.attempts,
        "blind_attempts": one.blind_attempts,
        "next_attempt_at": None if overtaken else later,
        "uncertain_until": row.uncertain_until if until is None and one.status == row.was else until,
        "last_error_class": class_,
        "last_error": said,
    }
    return {f"{name}_": value for name, value in values.items()}
