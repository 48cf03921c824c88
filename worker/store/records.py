"""
Owner of record_sync and parked_field: which field values are wanted on a record, and which of them the CRM has acknowledged.

Decided here: a newer wanted state overwrites the one before it, so changes coalesce; a row becomes due only where what is
wanted differs. What rides along (sync sequence, rules version, the wording of reasons) never makes a row due. Claims and
results of calls are in `record_claims`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import itemgetter
from typing import Any, Literal

from sqlalchemy import Text, and_, bindparam, case, cast, delete, func, or_, select, text, tuple_, update

from connectors.contract import Fields
from connectors.fields import FIELDS
from worker.store.database import Tx
from worker.store.many import Insert, inserting, looked_up
from worker.store.tables import parked_field
from worker.store.tables import record_sync as table
from worker.store.values import digest, packed, unpacked

AT_ONCE, FEW_PARTS = 500, 10  # keys in one question, and how many such questions cost less than reading all rows
STUCK = ("rejected", "dead", "needs_review")
RIDES_ALONG = frozenset(one.name for one in FIELDS if one.rides_along)


@dataclass(frozen=True, slots=True)
class Want:
    """
    The wanted state of one record.

    `status` due with `crm_id` None asks for a new record. `compare` replaces values where it is asked whether anything
    differs: reasons are compared by their signal codes, not by their words. `account` is the CRM's id of the account, by
    which rows are sorted so that two workers do not meet at one row lock.
    """

    record_key: str
    object: str
    fields: Fields
    crm_id: str | None = None
    because: str = ""
    status: Literal["due", "unmatched", "needs_review"] = "due"
    priority: int = 5
    account: str | None = None
    compare: Fields = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What `want` did: rows whose wanted state is news, and rows it left as they are."""

    changed: int
    unchanged: int


def want(tx: Tx, destination: str, rows: Sequence[Want], run_id: str | None = None) -> Wanted:
    """Set the wanted state of these records; `seq` grows where it differs from the one before."""
    docs = [_row(tx, destination, one, run_id) for one in rows]
    there = _standing(tx, destination, [one.record_key for one in rows])
    # most of a large plan is as it was; what is not is decided by the database, which may know more by now
    news = [doc for doc in docs if there.get(doc["record_key"]) != _stands(doc)]
    # sorted, so that two writers do not wait for each other
    last = {doc["record_key"]: doc for doc in sorted(news, key=itemgetter("record_key"))}
    changed = _UPSERT.run(tx, list(last.values()))
    return Wanted(changed, len(rows) - changed)


def _standing(tx: Tx, destination: str, keys: Sequence[str]) -> dict[str, tuple[Any, ...]]:
    """What is wanted now, as far as it decides whether a row is news."""
    names = (table.c.record_key, table.c.wanted_hash, table.c.object, table.c.crm_id, table.c.status)
    here = {"destination": destination}
    parts = [keys[start : start + AT_ONCE] for start in range(0, len(keys), AT_ONCE)]
    few = len(parts) <= FEW_PARTS
    all_of_it = select(*names).where(tx.mine(table), table.c.destination == destination)
    some = (looked_up(tx, names, here, (table.c.record_key, part)) for part in parts)
    found = some if few else (tx.rows(all_of_it),)
    open_ = ("unmatched", "needs_review")
    return {row[0]: (*row[1:4], row[4] if row[4] in open_ else "due") for some in found for row in some}


def _stands(doc: Mapping[str, Any]) -> tuple[Any, ...]:
    return doc["wanted_hash"], doc["object"], doc["crm_id"], doc["status"]


def _row(tx: Tx, destination: str, one: Want, run_id: str | None) -> dict[str, Any]:
    wanted = packed(one.fields)
    return {
        "workspace": tx.workspace,
        "destination": destination,
        "record_key": one.record_key,
        "object": one.object,
        "crm_id": one.crm_id,
        "seq": 1,
        "wanted": wanted,
        "wanted_hash": digest(wanted | packed(one.compare), without=RIDES_ALONG),
        "acknowledged": {},
        "ack_seq": 0,
        "because": one.because or None,
        "account": one.account,
        "status": one.status,
        "priority": one.priority,
        "run_id": run_id,
    }


def _over(insert: Insert) -> Insert:
    """What is wanted of a row that is there."""
    new, old = insert.excluded, table.c
    elsewhere = or_(old.crm_id.is_distinct_from(new.crm_id), old.object != new.object)
    # spelled out, because a list of values cannot go with many rows at once; what has no record to go to any more does not
    # wait for what is under way: once that was settled, the record would be made anew
    busy = and_(or_(old.status == "sending", old.status == "unknown"), new.status == "due")
    waiting = and_(or_(old.status == "unmatched", old.status == "needs_review"), new.status != old.status)
    # what a person has to look at does not become due by being wanted once more
    waiting = and_(waiting, or_(old.status == "unmatched", new.status == "unmatched"))
    names = ("object", "crm_id", "wanted", "wanted_hash", "because", "account", "priority", "run_id")
    # nothing is known of what another record holds; a record that was just made is the one we know
    forget = and_(old.crm_id.is_not(None), elsewhere)
    news = {
        **{name: new[name] for name in names},
        "seq": old.seq + 1,
        "status": case((busy, old.status), else_=new.status),
        "next_attempt_at": case((busy, old.next_attempt_at), else_=None),
        "acknowledged": case((forget, new.acknowledged), else_=old.acknowledged),
        "reformatted": case((forget, None), else_=old.reformatted),
        "attempts": 0,
        "blind_attempts": 0,
        "last_error_class": None,
        "last_error": None,
    }
    differs = or_(old.wanted_hash != new.wanted_hash, elsewhere, waiting)
    key = ["workspace", "destination", "record_key"]
    return insert.on_conflict_do_update(index_elements=key, set_=news, where=differs)


_NAMES = (
    *("workspace", "destination", "record_key", "object", "crm_id", "seq", "wanted", "wanted_hash", "acknowledged"),
    *("ack_seq", "because", "account", "status", "priority", "run_id"),
)
_UPSERT = inserting(table, _NAMES, _over)


def batches(tx: Tx, destination: str) -> Iterator[dict[str, list[Any]]]:
    """Every row for the plan; wanted, acknowledged and reformatted as JSON text (a moment is `{"at": ...}`)."""
    plain = (
        table.c.record_key,
        table.c.object,
        table.c.crm_id,
        table.c.seq,
        table.c.ack_seq,
        table.c.status,
        table.c.priority,
    )
    docs = (cast(table.c[name], Text).label(name) for name in ("wanted", "acknowledged", "reformatted"))
    return tx.batches(select(*plain, *docs).where(tx.mine(table), table.c.destination == destination))


def by_key(tx: Tx, record_key: str) -> list[dict[str, Any]]:
    """The row of one record in every destination, for explain."""
    return tx.dicts(select(table).where(tx.mine(table), table.c.record_key == record_key).order_by(table.c.destination))


def by_keys(tx: Tx, destination: str, record_keys: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The rows of these records in one destination, by key, their fields unpacked."""
    found: dict[str, dict[str, Any]] = {}
    here = {"destination": destination}
    for start in range(0, len(record_keys), AT_ONCE):
        part = (table.c.record_key, record_keys[start : start + AT_ONCE])
        for row in looked_up(tx, list(table.c), here, part):
            told = dict(zip(table.c.keys(), row, strict=True))
            docs = {name: unpacked(told[name]) for name in ("wanted", "acknowledged", "reformatted")}
            found[told["record_key"]] = told | docs
    return found


def fences(tx: Tx, destination: str, record_keys: Sequence[str]) -> dict[str, int]:
    """The fences of these rows, by which a claim since an earlier look shows; nobody claims them before this commits."""
    found: dict[str, int] = {}
    here = (tx.mine(table), table.c.destination == destination)
    for start in range(0, len(record_keys), AT_ONCE):
        part = select(table.c.record_key, table.c.fence).where(
            *here, table.c.record_key.in_(record_keys[start : start + AT_ONCE])
        )
        found |= {row[0]: row[1] for row in tx.rows(part.order_by(table.c.record_key).with_for_update())}
    return found


def sample(tx: Tx, destination: str, begins: str, most: int) -> list[dict[str, Any]]:
    """
    Up to so many records whose values the CRM acknowledged, in the order of their keys from `begins` on, round to it again.

    Only keys of the same kind, told by the first letter. What is on its way is left out.
    """
    kind = begins[:1]
    settled = (table.c.status == "in_sync", table.c.ack_seq > 0, table.c.crm_id.is_not(None))
    here = (tx.mine(table), table.c.destination == destination, table.c.record_key.startswith(kind), *settled)
    asked = select(table).where(*here).order_by(table.c.record_key)
    rows = tx.dicts(asked.where(table.c.record_key >= begins).limit(most))
    if len(rows) < most:
        rows += tx.dicts(asked.where(table.c.record_key < begins).limit(most - len(rows)))
    return [row | {name: unpacked(row[name]) for name in ("wanted", "acknowledged")} for row in rows]


def repair(tx: Tx, destination: str, found: Mapping[str, tuple[int, Fields]]) -> set[str]:
    """
    Make records due whose fields hold something else than was acknowledged: key -> (fence it was looked at, what it holds).

    What it holds counts as acknowledged from now on, so that the next push writes what is wanted over just that. A record
    that somebody took up since is left; the keys that were made due.
    """
    done: set[str] = set()
    for row in tx.dicts(_settled(tx, destination, found)):
        fence, holds = found[row["record_key"]]
        if row["fence"] == fence:
            same = (tx.mine(table), table.c.destination == destination, table.c.record_key == row["record_key"])
            held = {**row["acknowledged"], **packed(holds)}
            forms = {name: value for name, value in (row["reformatted"] or {}).items() if name not in holds}
            again = {"status": "due", "next_attempt_at": None, "attempts": 0, "blind_attempts": 0}
            tx.run(update(table).where(*same).values(acknowledged=held, reformatted=forms or None, **again))
            done.add(row["record_key"])
    return done


def untouched(tx: Tx, destination: str, looked_at: Mapping[str, int]) -> set[str]:
    """Those of these records (key -> fence) that nobody took up, and for which nothing newer is wanted, since."""
    rows = tx.dicts(_settled(tx, destination, looked_at))
    return {row["record_key"] for row in rows if row["fence"] == looked_at[row["record_key"]]}


def _settled(tx: Tx, destination: str, keys: Iterable[str]) -> Any:
    here = (tx.mine(table), table.c.destination == destination, table.c.status == "in_sync")
    return select(table).where(*here, table.c.record_key.in_(sorted(keys))).order_by(table.c.record_key).with_for_update()


def counts(tx: Tx, destination: str | None = None) -> dict[str, dict[str, int]]:
    """How many rows are in each status, by destination."""
    asked = select(table.c.destination, table.c.status, func.count()).where(tx.mine(table))
    asked = asked if destination is None else asked.where(table.c.destination == destination)
    found: dict[str, dict[str, int]] = {}
    for name, status, number in tx.rows(asked.group_by(table.c.destination, table.c.status)):
        found.setdefault(name, {})[status] = number
    return found


def stuck(tx: Tx, destination: str, statuses: Sequence[str] = STUCK) -> list[dict[str, Any]]:
    """Rows that need a person: key, object, crm_id, status, the error in words."""
    names = (
        table.c.record_key,
        table.c.object,
        table.c.crm_id,
        table.c.status,
        table.c.last_error_class,
        table.c.last_error,
    )
    asked = select(*names).where(tx.mine(table), table.c.destination == destination, table.c.status.in_(statuses))
    return tx.dicts(asked.order_by(table.c.record_key))


def given_up(tx: Tx, destination: str) -> int:
    """How many rows the CRM rejected or that killed their process; from an index, however many rows there are."""
    here = (tx.mine(table), table.c.destination == destination, text("status in ('rejected', 'dead')"))
    return int(tx.value(select(func.count()).select_from(table).where(*here)))


def oldest_unproved(tx: Tx, destination: str) -> datetime | None:
    """Since when the row that waits longest for a proof has been waiting."""
    here = (tx.mine(table), table.c.destination == destination, text("status = 'unknown'"))
    moment: datetime | None = tx.value(
        select(func.min(table.c.uncertain_until, type_=table.c.uncertain_until.type)).where(*here)
    )
    return moment


def retry(tx: Tx, destination: str, statuses: Sequence[str] = STUCK) -> int:
    """Make rejected, dead and reviewed rows due again: a person mended the settings, the CRM or the row."""
    again = update(table).where(tx.mine(table), table.c.destination == destination, table.c.status.in_(statuses))
    return tx.run(again.values(status="due", attempts=0, blind_attempts=0, next_attempt_at=None))


def forget(tx: Tx, destination: str, record_keys: Sequence[str]) -> int:
    """
    These rows speak for no CRM record any more; what was acknowledged of it is no longer known.

    Whoever speaks for the same record is written once more: these rows may have written to it after that one.
    """
    for start in range(0, len(record_keys), AT_ONCE):
        tx.run(_once_more(tx, destination, record_keys[start : start + AT_ONCE]))
    here = (tx.mine(table), table.c.destination == destination, table.c.record_key == bindparam("key_"))
    gone = update(table).where(*here).values(crm_id=None, acknowledged={}, reformatted=None, status="unmatched")
    return tx.run(gone, [{"key_": key} for key in record_keys]) if record_keys else 0


def _once_more(tx: Tx, destination: str, record_keys: Sequence[str]) -> Any:
    silent = table.alias()
    shared = select(silent.c.object, silent.c.crm_id).where(
        silent.c.workspace == tx.workspace, silent.c.destination == destination, silent.c.record_key.in_(record_keys)
    )
    speaks = (table.c.status.in_(("in_sync", "due", "unknown")), table.c.record_key.not_in(record_keys))
    here = (tx.mine(table), table.c.destination == destination, *speaks)
    due = update(table).where(*here, tuple_(table.c.object, table.c.crm_id).in_(shared))
    status = case((table.c.status == "in_sync", "due"), else_=table.c.status)
    return due.values(status=status, acknowledged={}, reformatted=None)


def park(tx: Tx, destination: str, object: str, fields: Mapping[str, str]) -> None:
    """Leave these fields out for this destination from now on: the CRM does not have them. field -> why."""
    since = tx.now()
    rows = [
        {"destination": destination, "object": object, "field": name, "since": since, "why": why}
        for name, why in fields.items()
    ]
    tx.add_missing(parked_field, rows)


def parked(tx: Tx, destination: str) -> dict[tuple[str, str], str]:
    """The fields that are left out, by (object, field), and why."""
    asked = select(parked_field).where(tx.mine(parked_field), parked_field.c.destination == destination)
    return {(row.object, row.field): row.why or "" for row in tx.rows(asked)}


def unpark(tx: Tx, destination: str, object: str, field: str) -> int:
    """The CRM has this field now: write it again on every record that went without it; how many."""
    here = (parked_field.c.destination == destination, parked_field.c.object == object, parked_field.c.field == field)
    tx.run(delete(parked_field).where(tx.mine(parked_field), *here))
    without = cast(table.c.parked, Text).contains(f'"{field}"', autoescape=True)
    rows = update(table).where(tx.mine(table), table.c.destination == destination, table.c.object == object, without)
    return tx.run(rows.where(table.c.status.in_(("in_sync", "rejected"))).values(status="due", next_attempt_at=None))


def unpark_all(tx: Tx) -> int:
    """Other settings are in force: try every field that was left out once more; how many."""
    found = tx.rows(
        select(parked_field.c.destination, parked_field.c.object, parked_field.c.field).where(tx.mine(parked_field))
    )
    for row in found:
        unpark(tx, row.destination, row.object, row.field)
    return len(found)
