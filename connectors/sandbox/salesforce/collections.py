"""
sObject Collections: up to 200 records in one call, answered in request order, each item with its own outcome.

Decided here: the limits of a call, and what a failed item looks like. HTTP 200 says nothing about rows.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import groupby
from typing import Any

from connectors.sandbox.salesforce import errors, single, writes
from connectors.sandbox.salesforce.call import Call
from connectors.sandbox.salesforce.errors import Fault
from connectors.sandbox.salesforce.ids import whole
from connectors.sandbox.salesforce.org import Org
from connectors.sandbox.salesforce.schema.field import SObject
from connectors.sandbox.salesforce.writes import Given
from connectors.sandbox.wire import Reply

MOST = 200
MOST_READ = 2000
MOST_RUNS = 10
ROLLED_BACK = "Record rolled back because not all records were valid and the request was using AllOrNone header"

Item = dict[str, Any]
Write = Callable[[], Item]


class RolledBack(Exception):
    """One row failed where all were wanted."""


def answer(org: Org, call: Call) -> Reply:
    """Answer a call below `composite/sobjects`."""
    rest = call.parts[2:]
    if not rest:
        writers = {"POST": _create, "PATCH": _update, "DELETE": _delete}
        if call.method not in writers:
            raise errors.bad_method(call.method)
        return writers[call.method](org, call)
    sobject = org.sobject(rest[0])
    if len(rest) == 2 and call.method == "PATCH":
        return _upsert(org, call, sobject, rest[1])
    if len(rest) == 1 and call.method in ("GET", "POST"):
        return _read(org, call, sobject)
    raise errors.not_found()


# reading the body


def _records(call: Call, kind: str | None = None) -> tuple[list[Item], bool]:
    body = call.object_body()
    records = body.get("records")
    if (
        set(body) - {"records", "allOrNone"}
        or not isinstance(records, list)
        or not all(isinstance(one, dict) for one in records)
    ):
        raise errors.bad_body("Unrecognized field or `records` is not a list of objects at [line:1, column:1]")
    if len(records) > MOST:
        raise Fault("INVALID_BATCH_SIZE", f"record limit reached. cannot submit more than {MOST} records in this call")
    kinds = [_kind(one) or kind for one in records]
    if any(each is None for each in kinds):
        raise Fault("INVALID_INPUT", "The attributes.type of a record is missing.")
    if kind is not None and any(each.lower() != kind.lower() for each in kinds if each):
        raise Fault("INVALID_TYPE", f"All records of this call must be of type {kind}")
    if len(list(groupby(kinds))) > MOST_RUNS:
        raise Fault("INVALID_BATCH_SIZE", f"Cannot have more than {MOST_RUNS} chunks in a single operation")
    call.actor.inputs += len(records)
    return records, body.get("allOrNone") is True


def _kind(record: Item) -> str | None:
    attributes = record.get("attributes")
    kind = attributes.get("type") if isinstance(attributes, dict) else None
    return kind if isinstance(kind, str) else None


# the four writes


def _create(org: Org, call: Call) -> Reply:
    records, whole_or_none = _records(call)

    def write(record: Item) -> Write:
        def go() -> Item:
            if any(name.lower() == "id" for name in record):
                raise Fault("INVALID_FIELD_FOR_INSERT_UPDATE", "cannot specify Id in an insert call", ["Id"])
            return _done(writes.create(org, call, Given(org.sobject(str(_kind(record))), record)))

        return go

    return _run(org, call, [write(each) for each in records], whole_or_none)


def _update(org: Org, call: Call) -> Reply:
    records, whole_or_none = _records(call)
    ids = Counter(whole(_id(each)) for each in records)

    def write(record: Item) -> Write:
        def go() -> Item:
            key = _id(record)
            if key is None:
                raise Fault("MISSING_ARGUMENT", "Id not specified in an update call", [])
            sobject = org.sobject(str(_kind(record)))
            found = _checked(org, sobject, key)
            if ids[found] > 1:
                raise Fault("INVALID_FIELD", f"duplicate id in list: {found}", ["Id"])
            writes.update(org, call, Given(sobject, record), found)
            return _done(found)

        return go

    return _run(org, call, [write(each) for each in records], whole_or_none)


def _id(record: Item) -> Any:
    return next((one for name, one in record.items() if name.lower() == "id"), None)


def _checked(org: Org, sobject: SObject, key: Any) -> str:
    found = whole(key)
    if found is None or org.object_of(found) != sobject.name:
        raise Fault("MALFORMED_ID", f"{sobject.fields['Id'].label}: id value of incorrect type: {key}", ["Id"])
    return found


def _upsert(org: Org, call: Call, sobject: SObject, name: str) -> Reply:
    records, whole_or_none = _records(call, sobject.name)
    field = sobject.find(name)
    if field is None or not (field.external_id or field.id_lookup):
        raise errors.no_external_id(name)
    keyed = [(each, next((one for key, one in each.items() if key.lower() == field.name.lower()), None)) for each in records]
    spelt = Counter(str(value) if field.case_sensitive else str(value).lower() for _, value in keyed)
    # All keys are looked up as the call begins: a key that another call creates meanwhile is a duplicate, not an update.
    holders = [_holders(org, sobject, field.name, value) for _, value in keyed]

    def write(record: Item, value: Any, key: writes.Key | Fault) -> Write:
        def go() -> Item:
            if spelt[str(value) if field.case_sensitive else str(value).lower()] > 1:
                raise Fault("DUPLICATE_EXTERNAL_ID", f"Duplicate external id specified: {value}", [field.name])
            if isinstance(key, Fault):
                raise key
            sent = {one: given for one, given in record.items() if one.lower() != field.name.lower()}
            record_id, created = writes.upsert(org, call, Given(sobject, sent), key)
            return {**_done(record_id), "created": created}

        return go

    return _run(
        org, call, [write(record, value, key) for (record, value), key in zip(keyed, holders, strict=True)], whole_or_none
    )


def _holders(org: Org, sobject: SObject, name: str, value: Any) -> writes.Key | Fault:
    try:
        return writes.key_of(org, sobject, name, value)
    except Fault as fault:
        return fault


def _delete(org: Org, call: Call) -> Reply:
    ids = [each.strip() for each in call.request.one("ids").split(",") if each.strip()]
    if not ids:
        raise Fault("MISSING_ARGUMENT", "The ids parameter is missing.")
    if len(ids) > MOST:
        raise Fault("INVALID_BATCH_SIZE", f"record limit reached. cannot submit more than {MOST} records in this call")
    call.actor.inputs += len(ids)

    def write(record: str) -> Write:
        def go() -> Item:
            found = whole(record)
            if found is None:
                raise Fault("MALFORMED_ID", f"bad id {record}", ["Id"])
            writes.delete(org, call, found)
            return _done(found)

        return go

    return _run(org, call, [write(each) for each in ids], call.flag("allOrNone"))


# outcomes


def _done(record: str) -> Item:
    return {"id": record, "success": True, "errors": []}


def _failed(fault: Fault) -> Item:
    return {"success": False, "errors": [fault.row()]}


def _run(org: Org, call: Call, rows: Sequence[Write], whole_or_none: bool) -> Reply:
    items: list[Item] = []
    scope: AbstractContextManager[Any] = org.state.whole() if whole_or_none else nullcontext()
    try:
        with scope:
            for place, write in enumerate(rows):
                items.append(_item(call, place, write))
            if whole_or_none:
                _all_done(items)
    except RolledBack:
        org.forget_fields()
        call.actor.writes = 0
        items = [_undone(item) if item["success"] else item for item in items]
    return Reply(200, items)


def _all_done(items: Sequence[Item]) -> None:
    if not all(item["success"] for item in items):
        raise RolledBack


def _item(call: Call, place: int, write: Write) -> Item:
    try:
        strike(call, place)
        return write()
    except Fault as fault:
        return _failed(fault)


def strike(call: Call, place: int) -> None:
    """Fail the row that the weather has ordered to fail."""
    args = call.actor.args
    if call.actor.fault in ("row_error", "partial_as_200") and int(args.get("index", 0)) == place:
        code = str(args.get("code", "UNABLE_TO_LOCK_ROW"))
        raise Fault(code, str(args.get("message", "unable to obtain exclusive access to this record")), [])


def _undone(item: Item) -> Item:
    fault = Fault("ALL_OR_NONE_OPERATION_ROLLED_BACK", ROLLED_BACK, [])
    return {"id": item["id"], **_failed(fault)}


# many at once, read


def _read(org: Org, call: Call, sobject: SObject) -> Reply:
    if call.method == "POST":
        body = call.object_body()
        ids, asked = body.get("ids", []), body.get("fields", [])
    else:
        ids, asked = call.request.one("ids").split(","), call.request.one("fields").split(",")
    plain = isinstance(ids, list) and isinstance(asked, list) and all(isinstance(each, str) for each in [*ids, *asked])
    if not plain or not ids or not asked or len(ids) > MOST_READ:
        raise Fault("INVALID_INPUT", f"Name the fields and between 1 and {MOST_READ} ids.")
    names = single.names(sobject, [each for each in asked if each])
    rows = [org.row(each.strip()) for each in ids]
    found = [row if row and not row.archived and row.object == sobject.name else None for row in rows]
    return Reply(
        200,
        [
            {"attributes": single.attributes(call, row), **org.shown(row, [*names, *([] if "Id" in names else ["Id"])])}
            if row
            else None
            for row in found
        ],
    )
