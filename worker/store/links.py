"""
Owner of link: which CRM record is which of ours, with its history.

Decided here: a record of ours has at most one active link per destination. A link that ends says why: merged_into,
converted_to,
deleted; a merge or conversion opens the next one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, literal_column, select, update

from worker.store.database import Tx
from worker.store.many import inserting, looked_up
from worker.store.tables import link as table

ACTIVE = "active"
AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Link:
    """Our record and the CRM's; `how` it was found: stored_id, pql_key, email, created, moved."""

    record_key: str
    object: str
    crm_id: str
    how: str | None = None


def batches(tx: Tx, destination: str) -> Iterator[dict[str, list[Any]]]:
    """All active links: record_key, object, crm_id, how."""
    return tx.batches(select(*_COLUMNS).where(*_active(tx, destination)))


def by_key(tx: Tx, destination: str, record_keys: Sequence[str]) -> dict[str, Link]:
    """The active links of these records of ours."""
    found: dict[str, Link] = {}
    for start in range(0, len(record_keys), AT_ONCE):
        part = record_keys[start : start + AT_ONCE]
        rows = looked_up(tx, _COLUMNS, {"destination": destination}, (table.c.record_key, part), _IS_ACTIVE)
        found |= {row[0]: Link(*row) for row in rows}
    return found


def by_id(tx: Tx, destination: str, object: str, ids: Sequence[str]) -> list[Link]:
    """The active links to these CRM records; several of ours may stand for one of theirs."""
    found: list[Link] = []
    for start in range(0, len(ids), AT_ONCE):
        here, keys = {"destination": destination, "object": object}, (table.c.crm_id, ids[start : start + AT_ONCE])
        found += [Link(*row) for row in looked_up(tx, _COLUMNS, here, keys, _IS_ACTIVE)]
    return found


def put(tx: Tx, destination: str, links: Iterable[Link]) -> None:
    """Make these the active links: an equal one is verified again, another one ends as merged_into."""
    wanted = {one.record_key: one for one in links}
    if not wanted:
        return
    now = tx.now()
    present = by_key(tx, destination, list(wanted))
    same = [key for key, one in wanted.items() if key in present and _target(present[key]) == _target(one)]
    other = [key for key in wanted if key in present and key not in set(same)]
    _set(tx, destination, same, verified_at=now)
    _set(tx, destination, other, status="merged_into", verified_at=now)
    fresh = [one for key, one in wanted.items() if key not in set(same)]
    here = {"workspace": tx.workspace, "destination": destination, "status": ACTIVE, "verified_at": now}
    _ADDED.run(tx, [{**_row(one), **here} for one in fresh])


def moved(tx: Tx, destination: str, object: str, moves: Mapping[str, tuple[str, str]]) -> list[Link]:
    """
    Follow records that went elsewhere: CRM id -> (object, id) of the survivor. Return the new links.

    A lead converted to a contact keeps our key; the old link ends as converted_to.
    """
    ended = by_id(tx, destination, object, list(moves))
    for status, converted in (("merged_into", False), ("converted_to", True)):
        keys = [one.record_key for one in ended if (moves[one.crm_id][0] != object) == converted]
        _set(tx, destination, keys, status=status, verified_at=tx.now())
    fresh = [Link(one.record_key, *moves[one.crm_id], how="moved") for one in ended]
    put(tx, destination, fresh)
    return fresh


def gone(tx: Tx, destination: str, object: str, ids: Sequence[str]) -> list[str]:
    """End the links to records that were deleted; the keys that lost theirs."""
    keys = [one.record_key for one in by_id(tx, destination, object, ids)]
    _set(tx, destination, keys, status="deleted", verified_at=tx.now())
    return keys


def heirs(tx: Tx, destination: str, gone: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Link]:
    """(object, id) of records that our links once led to -> the active link of whoever stood there."""
    keys: dict[tuple[str, str], str] = {}
    for start in range(0, len(gone), AT_ONCE):
        ids = [id for _, id in gone[start : start + AT_ONCE]]
        asked = select(table.c.object, table.c.crm_id, table.c.record_key).order_by(table.c.id)
        here = (tx.mine(table), table.c.destination == destination, table.c.crm_id.in_(ids))
        keys |= {(row[0], row[1]): row[2] for row in tx.rows(asked.where(*here))}
    now = by_key(tx, destination, sorted(set(keys.values())))
    return {place: now[key] for place, key in keys.items() if key in now and place in set(gone)}


def history(tx: Tx, record_key: str) -> list[dict[str, Any]]:
    """All links one record of ours ever had, oldest first."""
    asked = select(table).where(tx.mine(table), table.c.record_key == record_key).order_by(table.c.id)
    return tx.dicts(asked)


def deleted_keys(tx: Tx, destination: str) -> set[str]:
    """Our records whose link ended in a deletion and that have no active one: not made again."""
    ended = select(table.c.record_key).where(tx.mine(table), table.c.destination == destination, table.c.status == "deleted")
    other = table.alias()
    now = (other.c.workspace == tx.workspace, other.c.destination == destination, other.c.status == ACTIVE)
    linked = select(other.c.id).where(*now, other.c.record_key == table.c.record_key).exists()
    return {row[0] for row in tx.rows(ended.where(~linked))}


_COLUMNS = (table.c.record_key, table.c.object, table.c.crm_id, table.c.how)


_IS_ACTIVE = table.c.status == literal_column(f"'{ACTIVE}'")  # a constant, so that the partial index serves
_NAMES = ("workspace", "destination", "record_key", "object", "crm_id", "status", "how", "verified_at")
_ADDED = inserting(table, _NAMES, lambda insert: insert)


def _active(tx: Tx, destination: str) -> tuple[Any, ...]:
    return tx.mine(table), table.c.destination == destination, _IS_ACTIVE


def _target(one: Link) -> tuple[str, str]:
    return one.object, one.crm_id


def _row(one: Link) -> dict[str, Any]:
    return {"record_key": one.record_key, "object": one.object, "crm_id": one.crm_id, "how": one.how}


def _set(tx: Tx, destination: str, keys: Sequence[str], **values: Any) -> None:
    if keys:
        statement = update(table).where(*_active(tx, destination), table.c.record_key == bindparam("key_"))
        tx.run(statement.values(**values), [{"key_": key} for key in keys])
