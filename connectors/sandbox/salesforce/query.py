"""
`query` and `queryAll`: pages of records, and the address of the next one.

Decided here: the shape of a page, and how long a cursor lives (as long as the process; 50 at once, the oldest goes
first).
"""

import itertools
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from connectors.sandbox.salesforce import single
from connectors.sandbox.salesforce.call import Call
from connectors.sandbox.salesforce.errors import Fault, bad_method
from connectors.sandbox.salesforce.ids import mint
from connectors.sandbox.salesforce.org import Org
from connectors.sandbox.salesforce.schema.field import Field
from connectors.sandbox.salesforce.soql import evaluate
from connectors.sandbox.salesforce.soql.evaluate import Path
from connectors.sandbox.salesforce.soql.parse import Query, parse
from connectors.sandbox.state import Row
from connectors.sandbox.wire import Reply

CURSOR_PREFIX = "01g"
MOST_CURSORS = 50


@dataclass(frozen=True, slots=True)
class Cursor:
    """What is left to page through: the ids are fixed, the records are read when their page is."""

    object: str
    paths: tuple[Path, ...]
    ids: tuple[str, ...]


class Queries:
    """Runs queries and remembers their cursors."""

    def __init__(self, org: Org) -> None:
        self._org = org
        self._cursors: OrderedDict[str, Cursor] = OrderedDict()
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def answer(self, call: Call, *, deleted: bool) -> Reply:
        if call.method != "GET":
            raise bad_method(call.method)
        if len(call.parts) > 1 and call.parts[1]:
            return self._next(call, call.parts[1])
        text = call.request.one("q")
        if not text:
            raise Fault("MALFORMED_QUERY", "unexpected token: '<EOF>'")
        return self._first(call, parse(text), deleted=deleted)

    def _first(self, call: Call, query: Query, *, deleted: bool) -> Reply:
        sobject = self._org.sobject(query.object)
        paths = tuple(evaluate.path(self._org, sobject, names) for names in query.fields)
        found = evaluate.rows(self._org, query, deleted=deleted)
        if query.count:
            return Reply(200, {"totalSize": len(found), "done": True, "records": []})
        cursor = Cursor(sobject.name, paths, tuple(row.id for row in found))
        return self._page(call, cursor, 0, None, found[: call.batch_size])

    def _next(self, call: Call, locator: str) -> Reply:
        name, _, start = locator.partition("-")
        cursor = self._cursors.get(name)
        if cursor is None or not start.isdigit():
            raise Fault("INVALID_QUERY_LOCATOR", "invalid query locator")
        ids = cursor.ids[int(start) : int(start) + call.batch_size]
        rows = self._org.state.rows(cursor.object, ids)
        return self._page(call, cursor, int(start), name, [rows[each] for each in ids if each in rows])

    def _page(self, call: Call, cursor: Cursor, start: int, name: str | None, rows: list[Row]) -> Reply:
        end = start + call.batch_size
        done = end >= len(cursor.ids)
        body: dict[str, Any] = {"totalSize": len(cursor.ids), "done": done}
        if not done:
            body["nextRecordsUrl"] = f"{call.root}/query/{name or self._keep(cursor)}-{end}"
        body["records"] = [shown(self._org, call, row, cursor.paths) for row in rows]
        return Reply(200, body)

    def _keep(self, cursor: Cursor) -> str:
        with self._lock:
            name = mint(CURSOR_PREFIX, next(self._numbers))
            self._cursors[name] = cursor
            while len(self._cursors) > MOST_CURSORS:
                self._cursors.popitem(last=False)
            return name


def shown(org: Org, call: Call, row: Row, paths: tuple[Path, ...]) -> dict[str, Any]:
    """Return a record with the fields that were asked for, parents as objects of their own."""
    body: dict[str, Any] = {"attributes": single.attributes(call, row)}
    for way in paths:
        if not way.through:
            body[way.field.name] = org.value(row, way.field)
        else:
            _nest(org, call, row, way, body)
    return body


def _nest(org: Org, call: Call, row: Row, way: Path, body: dict[str, Any]) -> None:
    here, level = row, body
    for name, field in zip(way.names[:-1], way.through, strict=True):
        parent = org.parent(here, field)
        if parent is None or level.get(name, ...) is None:
            level[name] = None
            return
        level = level.setdefault(name, {"attributes": _attributes(call, parent, field)})
        here = parent
    level[way.names[-1]] = evaluate.reach(org, row, way)


def _attributes(call: Call, parent: Row, field: Field) -> dict[str, str]:
    told = single.attributes(call, parent)
    return {**told, "type": "Name"} if len(field.refers) > 1 else told
