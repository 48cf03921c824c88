"""
Reads what is in the org: all of it once, then what changed, was merged, converted or deleted.

Decided here: paging, the cursor, how far back each poll reads again. The first fill walks by Id, polls walk by
SystemModstamp and Id; both look into the recycle bin, where deleted and merged records stand for 15 days. A row is
stamped before its transaction commits, so each poll begins `OVERLAP` before the newest stamp seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta

import orjson

from connectors.contract import Mirrored, MirrorPage, Owner
from connectors.crms.salesforce.client import Client
from connectors.crms.salesforce.mapping import KEY_FIELD, STAMP, TASK_KEY_FIELD, View, view
from connectors.crms.salesforce.names import OBJECTS
from connectors.crms.salesforce.reading import Reader, Record, where
from connectors.crms.salesforce.schema import Schema
from connectors.crms.salesforce.values import moment
from connectors.errors import Refused, TryLater

OVERLAP = timedelta(minutes=10)
PEOPLE = "SELECT Id, Email, Name, IsActive FROM User WHERE UserType IN ('Standard', 'PowerPartner') ORDER BY Id"
QUEUES = "SELECT Id, Name, DeveloperName, Email FROM Group WHERE Type = 'Queue' ORDER BY Id"


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where reading goes on; moments are ISO text of the org's clock."""

    since: str
    """The newest stamp that was handed on; overlap not counted."""
    filling: bool = True
    id: str = ""
    """The last record handed on: of the fill, or of a round of changes at `at`."""
    at: str | None = None
    """The stamp up to which a round of changes that was cut off has come."""

    def text(self) -> str:
        return orjson.dumps(asdict(self)).decode()

    @classmethod
    def read(cls, text: str) -> Cursor:
        try:
            cursor = cls(**orjson.loads(text))
            datetime.fromisoformat(cursor.since)
        except (orjson.JSONDecodeError, TypeError, ValueError):
            said = "This is no cursor of the Salesforce mirror. Fill the mirror again."
            raise Refused(said, code="BAD_CURSOR") from None
        return cursor


class Mirror:
    """Leads, contacts, accounts, opportunities and our tasks of one org."""

    def __init__(self, client: Client, schema: Schema) -> None:
        self._client = client
        self._schema = schema
        self._reader = Reader(client, schema)

    def owners(self) -> Sequence[Owner]:
        """Users who may own records, and queues; a queue without an address is known by its API name."""
        people = [_person(one) for one in self._reader.all(PEOPLE)]
        return [*people, *(_queue(one) for one in self._reader.all(QUEUES))]

    def pages(self, object: str, cursor: str | None, fields: Sequence[str]) -> Iterator[MirrorPage]:
        begun = self._client.calls
        shown = view(self._schema, object, fields)
        start = Cursor.read(cursor) if cursor else Cursor(self._client.now().isoformat())
        if object == "task" and TASK_KEY_FIELD not in shown.names:
            # Without the key none of them is ours.
            return iter([MirrorPage((), replace(start, filling=False, id="").text(), last=True, calls=0)])
        return self._walk(shown, start, begun)

    def read(self, object: str, ids: Sequence[str], fields: Sequence[str]) -> Mapping[str, Mirrored]:
        shown = view(self._schema, object, fields)
        return {id: shown.row(record) for id, record in self._reader.by_id(object, ids, shown.names).items()}

    def read_by_key(self, object: str, keys: Sequence[str], fields: Sequence[str]) -> Mapping[str, Mirrored]:
        field = self._schema.key(object, TASK_KEY_FIELD if object == "task" else KEY_FIELD)
        shown = view(self._schema, object, fields)
        rows = self._reader.found(object, (field, keys), shown.names)
        return {str(row[field]): shown.row(row) for row in rows}

    def _walk(self, shown: View, cursor: Cursor, begun: int) -> Iterator[MirrorPage]:
        for records, last in self._reader.pages(_question(shown, cursor), deleted=True):
            cursor = _after(cursor, records, last=last)
            calls, begun = self._client.calls - begun, self._client.calls
            yield MirrorPage(tuple(shown.row(record) for record in records), cursor.text(), last=last, calls=calls)


def _question(shown: View, cursor: Cursor) -> str:
    tests = [f"{TASK_KEY_FIELD} != null"] if shown.object == "task" else []
    order = "Id" if cursor.filling else f"{STAMP}, Id"
    if cursor.filling:
        tests += [where("Id > {}", cursor.id)] if cursor.id else []
    elif cursor.at is None:
        tests.append(where(f"{STAMP} >= {{}}", _moment(cursor.since) - OVERLAP))
    else:
        at = _moment(cursor.at)
        tests.append(where(f"{STAMP} >= {{}} AND ({STAMP} > {{}} OR Id > {{}})", at, at, cursor.id))
    chosen = f" WHERE {' AND '.join(tests)}" if tests else ""
    return f"SELECT {', '.join(shown.names)} FROM {OBJECTS[shown.object]}{chosen} ORDER BY {order}"  # noqa: S608  names of a describe; values are quoted


def _after(cursor: Cursor, records: Sequence[Record], *, last: bool) -> Cursor:
    """Where to go on once these are kept."""
    if cursor.filling:
        id = str(records[-1]["Id"]) if records else cursor.id
        return replace(cursor, filling=not last, id="" if last else id)
    if not records:
        return replace(cursor, id="", at=None) if last else cursor
    stamp = moment(records[-1].get(STAMP))
    if stamp is None:
        raise TryLater("Salesforce left out when a record was changed. Ask again later.", code="EMPTY_ANSWER")
    since = max(stamp, _moment(cursor.since)).isoformat()
    at = None if last else stamp.isoformat()
    return Cursor(since, filling=False, id="" if last else str(records[-1]["Id"]), at=at)


def _moment(text: str) -> datetime:
    read = datetime.fromisoformat(text)
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def _person(one: Record) -> Owner:
    email = str(one.get("Email") or "").lower()
    return Owner(str(one["Id"]), email, str(one.get("Name") or email), active=bool(one.get("IsActive")))


def _queue(one: Record) -> Owner:
    name = str(one.get("Name") or one["Id"])
    email = str(one.get("Email") or one.get("DeveloperName") or name).lower()
    return Owner(str(one["Id"]), email, name, kind="queue")
