"""
What a sandbox remembers, in SQLite: records, their links, documents (owners, fields, switches), the ledger and the calls.

Decided here: every applied change writes state and its ledger row in one transaction. Not decided here: what a record looks
like. Durability is traded for speed (synchronous=off): a killed process loses nothing, a killed machine the last moments.
"""

import contextlib
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from connectors.sandbox.wire import Actor

SCHEMA = """
create table if not exists record (
    rank integer primary key autoincrement, object text not null, id text not null, properties text not null,
    archived integer not null, created integer not null, modified integer not null, unique (object, id));
create index if not exists record_by_change on record (object, modified);
create index if not exists record_in_order on record (object, archived, rank);
create table if not exists lookup (
    object text not null, name text not null, value text not null, id text not null,
    primary key (object, name, value, id)) without rowid;
create index if not exists lookup_by_record on lookup (object, id);
create table if not exists link (
    from_object text not null, from_id text not null, to_object text not null, to_id text not null,
    category text not null, type integer not null, label text,
    primary key (from_object, from_id, to_object, to_id, category, type)) without rowid;
create index if not exists link_backwards on link (to_object, to_id);
create table if not exists doc (
    kind text not null, key text not null, body text not null, primary key (kind, key)) without rowid;
create table if not exists ledger (
    seq integer primary key autoincrement, at text not null, actor text not null, op text not null, object text not null,
    id text not null, key text, before text, after text, request integer);
create table if not exists request (
    seq integer primary key, at text not null, method text not null, path text not null, status integer,
    inputs integer not null, writes integer not null);
"""
TABLES = ("record", "lookup", "link", "doc", "ledger", "request")
ROW = "object, id, properties, archived, created, modified, rank"
LINK = "from_object, from_id, to_object, to_id, category, type, label"
AT_ONCE = 500  # ids in one statement


@dataclass(frozen=True, slots=True)
class Row:
    """A record as stored; times are milliseconds since 1970. Rank is the order of creation."""

    object: str
    id: str
    properties: dict[str, Any]
    created: int
    modified: int
    archived: bool = False
    rank: int = 0


@dataclass(frozen=True, slots=True)
class Link:
    """One direction of an association."""

    from_object: str
    from_id: str
    to_object: str
    to_id: str
    type: int = 0
    category: str = ""
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Doc:
    """A document of a kind (owner, field, switch ...); body None removes it."""

    kind: str
    key: str
    body: Any


@dataclass(frozen=True, slots=True)
class Change:
    """One ledger row and what it does to state. An update that changes nothing is stored and counted, not listed."""

    op: str
    object: str
    id: str
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    key: str | None = None
    row: Row | None = None
    lookups: Iterable[tuple[str, str]] | None = None  # None leaves the index of this record as it is
    purge: bool = False
    link: Sequence[Link] = ()
    unlink: Sequence[Link] = ()
    docs: Sequence[Doc] = field(default=())


class State:
    """All state of one sandbox CRM. Hold `lock` while a decision and the change that follows from it must not be parted."""

    def __init__(self, path: Path | None = None) -> None:
        self.lock = threading.RLock()
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path or ":memory:", check_same_thread=False, cached_statements=256)
        self._db.executescript("pragma journal_mode=wal; pragma synchronous=off; pragma cache_size=-65536;" + SCHEMA)
        self._docs: dict[str, dict[str, Any]] = {}
        self._counters: dict[str, int] = {}
        self._request = 0
        self._depth = 0
        self.version = 0
        """Grows with everything that is stored, so that what was found once can be known to be still right."""
        self._load()

    def close(self) -> None:
        with self.lock:
            self._db.close()

    def reset(self) -> None:
        """Forget everything, sequence numbers included."""
        with self.lock, self._db:
            self.version += 1
            for table in TABLES:
                self._db.execute(f"delete from {table}")  # noqa: S608  the names are the constants above
            self._db.execute("delete from sqlite_sequence")
            self._load()

    # documents, in memory because every call asks for them

    def docs(self, kind: str) -> Mapping[str, Any]:
        return self._docs.get(kind, {})

    def doc(self, kind: str, key: str) -> Any:
        return self._docs.get(kind, {}).get(key)

    @contextlib.contextmanager
    def whole(self) -> Iterator[None]:
        """Keep all changes made inside, or none of them when an error leaves the block."""
        with self.lock:
            self._depth += 1
            mark = f"whole_{self._depth}"
            self._db.execute(f"savepoint {mark}")
            try:
                yield
            except BaseException:
                self._db.execute(f"rollback to {mark}")
                self._load_docs()
                raise
            finally:
                self._db.execute(f"release {mark}")
                self._depth -= 1

    def _transaction(self) -> contextlib.AbstractContextManager[Any]:
        return contextlib.nullcontext() if self._depth else self._db

    def keep(self, *docs: Doc) -> None:
        """Store documents that are not somebody's change: switches, what a new account has."""
        with self.lock, self._transaction():
            self._keep(docs)

    def _keep(self, docs: Iterable[Doc]) -> None:
        self.version += 1
        for doc in docs:
            if doc.body is None:
                self._db.execute("delete from doc where kind = ? and key = ?", (doc.kind, doc.key))
                self._docs.get(doc.kind, {}).pop(doc.key, None)
            else:
                body = orjson.dumps(doc.body).decode()
                self._db.execute("insert or replace into doc values (?, ?, ?)", (doc.kind, doc.key, body))
                self._docs.setdefault(doc.kind, {})[doc.key] = doc.body

    def switch(self, name: str, default: Any = None) -> Any:
        return self._docs.get("switch", {}).get(name, default)

    def next(self, counter: str, start: int = 1) -> int:
        """Return the next number of a counter; it is stored with the change that uses it."""
        with self.lock:
            self._counters[counter] = self._counters.get(counter, start - 1) + 1
            return self._counters[counter]

    def at_least(self, counter: str, value: int) -> None:
        """Move a counter past a number that a seed has used."""
        with self.lock:
            self._counters[counter] = max(self._counters.get(counter, 0), value)

    # the clock

    def now(self) -> int:
        """Return the sandbox's time in milliseconds: the machine's clock plus what it was advanced by."""
        return time.time_ns() // 1_000_000 + int(self.doc("clock", "offset_ms") or 0)

    def advance(self, milliseconds: int) -> int:
        with self.lock:
            self.keep(Doc("clock", "offset_ms", int(self.doc("clock", "offset_ms") or 0) + milliseconds))
            return self.now()

    # changes

    def apply(self, changes: Sequence[Change], actor: Actor) -> None:
        """Write all changes and their ledger rows, or none of them."""
        with self.lock, self._transaction():
            self.version += 1
            at = iso(self.now())
            for change in changes:
                self._store(change)
            listed = [change for change in changes if change.op != "update" or change.before != change.after]
            self._db.executemany(
                "insert into ledger (at, actor, op, object, id, key, before, after, request) values (?,?,?,?,?,?,?,?,?)",
                [
                    (at, actor.name, c.op, c.object, c.id, c.key, _packed(c.before), _packed(c.after), actor.request)
                    for c in listed
                ],
            )
            if self._counters != self._docs.get("counter", {}):
                self._keep([Doc("counter", name, value) for name, value in self._counters.items()])
            actor.writes += len(changes)

    def _store(self, change: Change) -> None:
        if change.row is not None:
            self._put(change.row)
        if change.lookups is not None or change.purge:
            self._db.execute("delete from lookup where object = ? and id = ?", (change.object, change.id))
        if change.lookups:
            self._db.executemany(
                "insert or ignore into lookup values (?, ?, ?, ?)",
                [(change.object, name, value, change.id) for name, value in change.lookups],
            )
        if change.purge:
            self._purge(change.object, change.id)
        for link in change.unlink:
            self._unlink(link)
        self._db.executemany(
            "insert or replace into link values (?, ?, ?, ?, ?, ?, ?)",
            [(k.from_object, k.from_id, k.to_object, k.to_id, k.category, k.type, k.label) for k in change.link],
        )
        self._keep(change.docs)

    def _put(self, row: Row) -> None:
        self._db.execute(
            "insert into record (object, id, properties, archived, created, modified) values (?, ?, ?, ?, ?, ?)"
            " on conflict (object, id) do update set properties = excluded.properties, archived = excluded.archived,"
            " created = excluded.created, modified = excluded.modified",
            (row.object, row.id, orjson.dumps(row.properties).decode(), row.archived, row.created, row.modified),
        )

    def _purge(self, kind: str, record: str) -> None:
        self._db.execute("delete from record where object = ? and id = ?", (kind, record))
        self._db.execute("delete from link where from_object = ? and from_id = ?", (kind, record))
        self._db.execute("delete from link where to_object = ? and to_id = ?", (kind, record))

    def _unlink(self, link: Link) -> None:
        self._db.execute(
            "delete from link where from_object = ? and from_id = ? and to_object = ? and to_id = ?"
            " and category = ? and type = ?",
            (link.from_object, link.from_id, link.to_object, link.to_id, link.category, link.type),
        )

    # reading

    def row(self, kind: str, record: str) -> Row | None:
        return self.rows(kind, [record]).get(record)

    def rows(self, kind: str, ids: Sequence[str]) -> dict[str, Row]:
        """Return the records of these ids, archived ones included; an unknown id is absent."""
        found: dict[str, Row] = {}
        for start in range(0, len(ids), AT_ONCE):
            part = ids[start : start + AT_ONCE]
            where = f"object = ? and id in ({', '.join('?' * len(part))})"
            found |= {row.id: row for row in self._select(where, (kind, *part))}
        return found

    def listing(self, kind: str, after: int = 0, limit: int = 100, *, archived: bool = False) -> list[Row]:
        """Return a page of records in the order of their creation, from the rank after `after`."""
        where = f"object = ? and archived = ? and rank > ? order by rank limit {limit:d}"
        return list(self._select(where, (kind, archived, after)))

    def scan(self, kind: str, since: int = 0, *, archived: bool = False) -> list[Row]:
        """Return all records changed at or after `since` milliseconds, in the order of their creation."""
        where = "object = ? and archived = ? and modified >= ? order by rank"
        return list(self._select(where, (kind, archived, since)))

    def holding(self, kind: str, text: str) -> list[Row]:
        """Return the records whose stored JSON holds this text in any case of its ASCII letters, oldest first."""
        escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        where = "object = ? and not archived and properties like ? escape '\\' order by rank"
        return list(self._select(where, (kind, f"%{escaped}%")))

    def count(self, kind: str) -> int:
        with self.lock:
            return int(
                self._db.execute("select count(*) from record where object = ? and not archived", (kind,)).fetchone()[0]
            )

    def _select(self, where: str, values: Sequence[Any]) -> Iterator[Row]:
        with self.lock:
            rows = self._db.execute(f"select {ROW} from record where {where}", values).fetchall()  # noqa: S608  fixed text
        for kind, record, properties, archived, created, modified, rank in rows:
            yield Row(kind, record, orjson.loads(properties), created, modified, bool(archived), rank)

    def find(self, kind: str, name: str, values: Sequence[str]) -> dict[str, list[str]]:
        """Return value -> ids of the records that carry it, by the lookups given with their changes."""
        found: dict[str, list[str]] = {}
        for start in range(0, len(values), AT_ONCE):
            part = values[start : start + AT_ONCE]
            text = f"select value, id from lookup where object = ? and name = ? and value in ({', '.join('?' * len(part))})"  # noqa: S608  only marks are put in
            with self.lock:
                rows = self._db.execute(text, (kind, name, *part)).fetchall()
            for value, record in rows:
                found.setdefault(value, []).append(record)
        return found

    def links(self, kind: str, ids: Sequence[str], to: str | None = None) -> list[Link]:
        """Return the associations that leave these records, to one object or to all."""
        found: list[Link] = []
        for start in range(0, len(ids), AT_ONCE):
            part = ids[start : start + AT_ONCE]
            text = f"select {LINK} from link where from_object = ? and from_id in ({', '.join('?' * len(part))})"  # noqa: S608  only marks are put in
            values: tuple[Any, ...] = (kind, *part)
            if to is not None:
                text, values = text + " and to_object = ?", (*values, to)
            with self.lock:
                rows = self._db.execute(text, values).fetchall()
            found += [Link(f, fid, t, tid, type_, category, label) for f, fid, t, tid, category, type_, label in rows]
        return found

    # the ledger and the calls

    def ledger(self, since: int = 0) -> list[dict[str, Any]]:
        """Return every applied change after that sequence number."""
        names = ("seq", "at", "actor", "op", "object", "id", "key", "before", "after", "request")
        with self.lock:
            rows = self._db.execute(
                "select seq, at, actor, op, object, id, key, before, after, request from ledger where seq > ? order by seq",
                (since,),
            ).fetchall()
        found = [dict(zip(names, row, strict=True)) for row in rows]
        for entry in found:
            for side in ("before", "after"):
                entry[side] = orjson.loads(entry[side]) if entry[side] is not None else None
        return found

    def begin_request(self) -> int:
        """Return the sequence number of the call that starts now."""
        with self.lock:
            self._request += 1
            return self._request

    def log_request(self, actor: Actor, method: str, path: str, status: int) -> None:
        """Store what a call did; status 0 is a call that got no answer."""
        with self.lock, self._transaction():
            self._db.execute(
                "insert into request values (?, ?, ?, ?, ?, ?, ?)",
                (actor.request, iso(self.now()), method, path, status, actor.inputs, actor.writes),
            )

    def credit(self, request: int | None, inputs: int, writes: int) -> None:
        """Count rows that were written later, on behalf of a call that has long been answered."""
        with self.lock, self._transaction():
            self._db.execute(
                "update request set inputs = inputs + ?, writes = writes + ? where seq = ?", (inputs, writes, request)
            )

    def requests(self, since: int = 0) -> list[dict[str, Any]]:
        """Return every call after that sequence number."""
        names = ("seq", "at", "method", "path", "status", "inputs", "writes")
        with self.lock:
            rows = self._db.execute(
                "select seq, at, method, path, status, inputs, writes from request where seq > ? order by seq", (since,)
            ).fetchall()
        return [dict(zip(names, row, strict=True)) for row in rows]

    def _load(self) -> None:
        self._load_docs()
        self._request = self._db.execute("select coalesce(max(seq), 0) from request").fetchone()[0]

    def _load_docs(self) -> None:
        self._docs = {}
        for kind, key, body in self._db.execute("select kind, key, body from doc").fetchall():
            self._docs.setdefault(kind, {})[key] = orjson.loads(body)
        self._counters = dict(self._docs.get("counter", {}))


def iso(milliseconds: int) -> str:
    """Return the time as both vendors' documents write it, with milliseconds and Z."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _packed(values: Mapping[str, Any] | None) -> str | None:
    return None if values is None else orjson.dumps(values).decode()
