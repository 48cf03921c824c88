"""
Owner of crm_mirror, crm_email, crm_owner and mirror_cursor: what is in a CRM, as last read.

Decided here: a page of records, their e-mails, the links that follow a merge or a deletion, and the cursor are one
transaction.
A record that moved or was deleted stays in the mirror, marked, so that the next plan can see why it left.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Text, bindparam, cast, delete, func, select, update

from connectors.contract import Mirrored, MirrorPage, Owner
from worker.store import links
from worker.store.database import Tx
from worker.store.many import looked_up
from worker.store.tables import crm_email, crm_mirror, crm_owner, mirror_cursor
from worker.store.values import packed, unpacked

SUCCESSORS = {"lead": "contact"}
"""What a record that moved has become where the CRM does not say: a lead was converted, all others were merged."""
PLAIN = tuple(c.name for c in crm_mirror.c if c.name not in ("workspace", "destination", "object", "id", "fields"))


@dataclass(frozen=True, slots=True)
class MirrorCursor:
    """How far an object has been mirrored; `complete` once all of it was read at least once."""

    cursor: str | None
    complete: bool
    read_at: datetime
    fields_hash: str | None


@dataclass(frozen=True, slots=True)
class Place:
    """One object of one destination, and the digest of the fields that are mirrored."""

    destination: str
    object: str
    fields_hash: str | None = None


def asked_for(fields: Iterable[str]) -> str:
    """A digest of the list of fields; another one means filling the mirror again."""
    return sha256("\n".join(sorted(fields)).encode()).hexdigest()


def cursor(tx: Tx, place: Place) -> MirrorCursor | None:
    """Where to go on, None where the object has not been read, or other fields were."""
    table = mirror_cursor
    row = tx.one(
        select(table).where(tx.mine(table), table.c.destination == place.destination, table.c.object == place.object)
    )
    if row is None or (place.fields_hash is not None and row.fields_hash != place.fields_hash):
        return None
    return MirrorCursor(row.cursor, row.complete, row.read_at, row.fields_hash)


def filled(tx: Tx, destination: str, objects: Sequence[str]) -> bool:
    """Whether every one of these objects has been read completely: required before a first plan."""
    table = mirror_cursor
    asked = select(table.c.object).where(tx.mine(table), table.c.destination == destination, table.c.complete)
    return set(objects) <= {row[0] for row in tx.rows(asked)}


def read_at(tx: Tx, destination: str) -> datetime | None:
    """When the object read longest ago was read; None before the first."""
    table = mirror_cursor
    moment: datetime | None = tx.value(
        select(func.min(table.c.read_at, type_=table.c.read_at.type)).where(
            tx.mine(table), table.c.destination == destination
        )
    )
    return moment


def put_page(tx: Tx, place: Place, page: MirrorPage, *, complete: bool) -> list[str]:
    """Store a page, follow its merges and deletions, move the cursor; our record keys whose link ended."""
    put(tx, place.destination, page.rows)
    ended = _follow(tx, place.destination, page.rows)
    row = {"destination": place.destination, "object": place.object, "cursor": page.cursor, "complete": complete}
    tx.put(mirror_cursor, [{**row, "read_at": tx.now(), "fields_hash": place.fields_hash}])
    return ended


def put(tx: Tx, destination: str, rows: Sequence[Mirrored]) -> None:
    """Store records as they are now, e-mails included; the newest of a record named twice counts."""
    newest = {(one.object, one.id): one for one in rows}
    tx.put(crm_mirror, [_row(destination, one) for one in newest.values()])
    where = (crm_email.c.destination == destination, crm_email.c.object == bindparam("o"), crm_email.c.id == bindparam("i"))
    if newest:
        tx.run(delete(crm_email).where(tx.mine(crm_email), *where), [{"o": o, "i": i} for o, i in newest])
    mails = [
        {"destination": destination, "object": one.object, "id": one.id, "email": email, "primary": place == 0}
        for one in newest.values()
        for place, email in enumerate(dict.fromkeys(one.emails))
        if not one.deleted and one.moved_to is None
    ]
    tx.put(crm_email, mails)


def put_owners(tx: Tx, destination: str, owners: Sequence[Owner]) -> None:
    """Store all owners; one that is not named any more is kept as inactive."""
    table = crm_owner
    tx.run(update(table).where(tx.mine(table), table.c.destination == destination).values(active=False))
    rows = [{"id": o.id, "email": o.email.lower(), "name": o.name, "active": o.active, "kind": o.kind} for o in owners]
    tx.put(table, [{"destination": destination, **row} for row in rows])


def owners(tx: Tx, destination: str) -> list[Owner]:
    table = crm_owner
    names = (table.c.id, table.c.email, table.c.name, table.c.active, table.c.kind)
    asked = select(*names).where(tx.mine(table), table.c.destination == destination).order_by(table.c.email, table.c.id)
    return [Owner(row.id, row.email, row.name or "", row.active, row.kind) for row in tx.rows(asked)]


def address(tx: Tx, destination: str, owner: str) -> str:
    """The address of an owner by id; the id where nobody knows it."""
    table = crm_owner
    asked = select(table.c.email).where(tx.mine(table), table.c.destination == destination, table.c.id == owner)
    return tx.value(asked) or owner


def batches(tx: Tx, destination: str, objects: Sequence[str] | None = None) -> Iterator[dict[str, list[Any]]]:
    """Records that are neither deleted nor moved; `fields` as JSON text (a moment is `{"at": ...}`)."""
    table = crm_mirror
    names = [table.c.object, table.c.id, *(table.c[name] for name in PLAIN if name not in ("deleted", "moved_to"))]
    here = (tx.mine(table), table.c.destination == destination, table.c.deleted.is_(False), table.c.moved_to.is_(None))
    asked = select(*names, cast(table.c.fields, Text).label("fields")).where(*here)
    return tx.batches(asked if objects is None else asked.where(table.c.object.in_(objects)))


def emails(tx: Tx, destination: str) -> Iterator[dict[str, list[Any]]]:
    """Every e-mail of a record: object, id, email (lower case), primary."""
    table = crm_email
    names = (table.c.object, table.c.id, table.c.email, table.c.primary)
    return tx.batches(select(*names).where(tx.mine(table), table.c.destination == destination))


def records(tx: Tx, destination: str, object: str, ids: Sequence[str]) -> dict[str, Mirrored]:
    """Some records in full, by id, deleted and moved ones included."""
    table, found = crm_mirror, dict[str, Mirrored]()
    for start in range(0, len(ids), links.AT_ONCE):
        part = ids[start : start + links.AT_ONCE]
        here = {"destination": destination, "object": object}
        for row in looked_up(tx, list(table.c), here, (table.c.id, part)):
            plain = {name: getattr(row, name) for name in PLAIN}
            found[row.id] = Mirrored(row.id, object, fields=unpacked(row.fields), **plain)
    return found


def count(tx: Tx, destination: str) -> dict[str, int]:
    """How many records are mirrored, by object."""
    table = crm_mirror
    asked = select(table.c.object, func.count()).where(tx.mine(table), table.c.destination == destination)
    return {row[0]: row[1] for row in tx.rows(asked.where(table.c.deleted.is_(False)).group_by(table.c.object))}


def start_over(tx: Tx, place: Place) -> None:
    """Forget what was mirrored of an object before it is filled again; links stay."""
    for table in (crm_mirror, crm_email, mirror_cursor):
        tx.run(delete(table).where(tx.mine(table), table.c.destination == place.destination, table.c.object == place.object))


def gone(tx: Tx, destination: str, object: str, ids: Sequence[str]) -> list[str]:
    """Records that turned out not to be in the CRM any more, whatever it told of them; our keys whose link ended."""
    here = (crm_mirror.c.destination == destination, crm_mirror.c.object == object, crm_mirror.c.id.in_(ids))
    if ids:
        tx.run(update(crm_mirror).where(tx.mine(crm_mirror), *here).values(deleted=True))
    return links.gone(tx, destination, object, ids)


def _row(destination: str, one: Mirrored) -> dict[str, Any]:
    plain = {name: getattr(one, name) for name in PLAIN}
    return {"destination": destination, "object": one.object, "id": one.id, **plain, "fields": packed(one.fields)}


def _follow(tx: Tx, destination: str, rows: Sequence[Mirrored]) -> list[str]:
    ended: list[str] = []
    for object in sorted({one.object for one in rows}):
        here = [one for one in rows if one.object == object]
        moves = {one.id: (one.moved_object or SUCCESSORS.get(object, object), one.moved_to) for one in here if one.moved_to}
        links.moved(tx, destination, object, moves)
        ended += links.gone(tx, destination, object, [one.id for one in here if one.deleted and not one.moved_to])
    return ended
