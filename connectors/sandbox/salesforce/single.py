"""
sObject rows one at a time: `sobjects/{T}`, `/{id}`, `/{field}/{value}`, and what changed in a span of time.

Decided here: statuses and bodies of these calls.
"""

from datetime import datetime, timedelta
from typing import Any

from connectors.sandbox.salesforce import errors, writes
from connectors.sandbox.salesforce.call import Call
from connectors.sandbox.salesforce.errors import Fault
from connectors.sandbox.salesforce.ids import whole
from connectors.sandbox.salesforce.org import Org
from connectors.sandbox.salesforce.schema.field import SObject
from connectors.sandbox.salesforce.soql.dates import moment, stamp
from connectors.sandbox.salesforce.writes import Given
from connectors.sandbox.state import Row
from connectors.sandbox.wire import Reply

MOST_IDS = 600_000
WINDOWS = {"updated": timedelta(days=30), "deleted": timedelta(days=15)}


def collection(org: Org, call: Call, sobject: SObject) -> Reply:
    """POST creates; GET tells about the object."""
    if call.method == "POST":
        call.actor.inputs += 1
        record = writes.create(org, call, Given(sobject, call.object_body()))
        headers = {"Location": f"{call.root}/sobjects/{sobject.name}/{record}"}
        return Reply(201, {"id": record, "success": True, "errors": []}, headers)
    raise errors.bad_method(call.method)


def by_id(org: Org, call: Call, sobject: SObject, record: str) -> Reply:
    if whole(record) is None:
        raise errors.no_external_id(record)
    row = org.row(record)
    if row is None or row.object != sobject.name:
        raise errors.not_found()
    return _one(org, call, sobject, row)


def _one(org: Org, call: Call, sobject: SObject, row: Row) -> Reply:
    if call.method == "GET":
        if row.archived:
            raise errors.not_found()
        return Reply(200, record(org, call, row, _asked(sobject, call)))
    if row.archived:
        raise errors.deleted()
    call.actor.inputs += 1
    if call.method == "PATCH":
        body = call.object_body()
        if any(name.lower() == "id" for name in body):
            raise Fault("INVALID_FIELD", "The Id field should not be specified in the sobject data.")
        writes.update(org, call, Given(sobject, body), row.id)
    elif call.method == "DELETE":
        writes.delete(org, call, row.id)
    else:
        raise errors.bad_method(call.method)
    return Reply(204)


def by_key(org: Org, call: Call, sobject: SObject, name: str, value: str) -> Reply:
    """A record by an external id: read it, upsert it, delete it. Several holders answer 300 with their addresses."""
    key = writes.key_of(org, sobject, name, value)
    if len(key.holders) > 1:
        return Reply(300, [f"{call.root}/sobjects/{sobject.name}/{each}" for each in key.holders])
    if call.method == "PATCH" and key.field.name != "Id":
        return _upsert(org, call, sobject, key)
    if not key.holders:
        raise errors.not_found()
    return by_id(org, call, sobject, key.holders[0])


def _upsert(org: Org, call: Call, sobject: SObject, key: writes.Key) -> Reply:
    call.actor.inputs += 1
    body = call.object_body()
    named = next((name for name in body if name.lower() in ("id", key.field.name.lower())), None)
    if named is not None:
        raise Fault("INVALID_FIELD", f"The {named} field should not be specified in the sobject data.")
    if not key.holders and call.flag("updateOnly"):
        raise errors.not_found()
    record_id, created = writes.upsert(org, call, Given(sobject, body), key)
    answer = {"id": record_id, "success": True, "errors": [], "created": created}
    headers = {"Location": f"{call.root}/sobjects/{sobject.name}/{record_id}"} if created else {}
    # Since API 46 an update answers 200 with a body, before it was an empty 204.
    if not created and float(call.version[1:]) < 46:
        return Reply(204)
    return Reply(201 if created else 200, answer, headers)


def _asked(sobject: SObject, call: Call) -> list[str] | None:
    asked = call.request.one("fields")
    return names(sobject, asked.split(",")) if asked else None


def names(sobject: SObject, asked: list[str]) -> list[str]:
    """Return the fields a caller asks for; one that cannot be seen is refused."""
    found = []
    for name in asked:
        field = sobject.find(name.strip())
        if field is None:
            raise errors.no_column(name.strip(), sobject.name)
        found.append(field.name)
    return found


def record(org: Org, call: Call, row: Row, asked: list[str] | None = None) -> dict[str, Any]:
    """Return a record as GET shows it; Id is always among the fields. Reading it is looking at it."""
    fields = None if asked is None else list(dict.fromkeys([*asked, "Id"]))
    shown = org.shown(row, fields)
    looked: dict[str, Any] = {
        name: stamp(org.state.now()) for name in ("LastViewedDate", "LastReferencedDate") if name in shown
    }
    return {"attributes": attributes(call, row), **shown, **looked}


def attributes(call: Call, row: Row) -> dict[str, str]:
    return {"type": row.object, "url": f"{call.root}/sobjects/{row.object}/{row.id}"}


# what changed


def changes(org: Org, call: Call, sobject: SObject, kind: str) -> Reply:
    """`updated` and `deleted`: ids by the time of their last change, in whole minutes as Salesforce keeps it."""
    start, end = _instant(call, "start"), _instant(call, "end")
    now = datetime.fromtimestamp(org.state.now() / 1000, start.tzinfo)
    if end - start < timedelta(minutes=1):
        raise Fault("INVALID_REPLICATION_DATE", "startDate must be at least one minute before endDate")
    if now - start > WINDOWS[kind]:
        raise Fault("INVALID_REPLICATION_DATE", f"startDate cannot be more than {WINDOWS[kind].days} days ago")
    span = int(start.timestamp()) * 1000, int(end.timestamp()) * 1000
    rows = org.state.scan(sobject.name, span[0], archived=kind == "deleted")
    rows = [row for row in rows if row.modified < span[1]]
    if len(rows) > MOST_IDS:
        raise Fault("EXCEEDED_ID_LIMIT", f"more than {MOST_IDS} ids: use a shorter span")
    covered = stamp(min(span[1], org.state.now()))
    if kind == "updated":
        return Reply(200, {"ids": [row.id for row in rows], "latestDateCovered": covered})
    gone = [{"id": row.id, "deletedDate": stamp(row.modified)} for row in rows]
    oldest = stamp(int((now - WINDOWS[kind]).timestamp()) * 1000)
    return Reply(200, {"deletedRecords": gone, "earliestDateAvailable": oldest, "latestDateCovered": covered})


def _instant(call: Call, name: str) -> datetime:
    text = call.request.one(name)
    try:
        return moment(text.replace(" ", "+"))
    except ValueError:
        raise Fault("INVALID_FIELD", f"{name} is not a valid datetime: {text!r}") from None
