"""
What a write must look like before it is applied: fields, references, owners, unique keys, and the rules an admin has
made.

Decided here: the checks and their order. Each refusal is a Fault; nothing here writes.
"""

from collections.abc import Mapping
from typing import Any

from connectors.sandbox.salesforce import errors
from connectors.sandbox.salesforce.call import Call
from connectors.sandbox.salesforce.coerce import coerce
from connectors.sandbox.salesforce.errors import Fault
from connectors.sandbox.salesforce.org import Org
from connectors.sandbox.salesforce.schema.catalog import OBJECTS, PREFIXES, holder
from connectors.sandbox.salesforce.schema.field import Field, SObject
from connectors.sandbox.salesforce.soql import evaluate
from connectors.sandbox.salesforce.soql.parse import condition
from connectors.sandbox.state import Doc, Row

Values = dict[str, Any]


def cleaned(org: Org, sobject: SObject, given: Mapping[str, Any], *, creating: bool) -> Values:
    """Return the given values by field name, ready to store; null stands for a field to clear."""
    found: Values = {}
    closed: list[str] = []
    for name, value in given.items():
        if name.lower() in ("attributes", "id"):
            continue
        if isinstance(value, Mapping) and name not in sobject.fields:
            field, stored = _by_parent_key(org, sobject, name, value)
        else:
            field = _field(sobject, name)
            stored = coerce(field, value)
        if not (field.createable if creating else field.updateable):
            closed.append(field.name)
        found[field.name] = stored
    if closed:
        raise errors.read_only(closed)
    return found


def _field(sobject: SObject, name: str) -> Field:
    field = sobject.find(name)
    if field is None:
        raise errors.no_column(name, sobject.name)
    return field


def _by_parent_key(org: Org, sobject: SObject, name: str, value: Mapping[str, Any]) -> tuple[Field, str]:
    """Read {"Account": {"PQL_Key__c": "k"}}: a reference by an external id of the parent."""
    field = next((each for each in sobject.fields.values() if each.relationship == name and len(each.refers) == 1), None)
    pairs = [(key, one) for key, one in value.items() if key != "attributes"]
    if field is None or len(pairs) != 1:
        raise errors.no_column(name, sobject.name)
    parent = org.sobject(field.refers[0])
    key = parent.find(pairs[0][0])
    rows = org.find(parent, key, pairs[0][1]) if key and (key.external_id or key.id_lookup) else []
    if len(rows) != 1:
        message = f"Foreign key external ID: {pairs[0][1]} not found for field {pairs[0][0]} in entity {parent.name}"
        raise Fault("INVALID_FIELD", message, [])
    return field, rows[0].id


def check(org: Org, call: Call, row: Row, news: Values, *, creating: bool) -> None:
    """Refuse a write that an org would refuse. `row` is the record as it would be afterwards."""
    sobject = org.sobject(row.object)
    _required(sobject, news, creating=creating)
    for name, value in news.items():
        field = sobject.fields[name]
        if value is not None and field.type == "reference":
            _reference(org, row.object, field, str(value))
    _who_and_what(row)
    _permission(org, row, creating=creating)
    _unlocked(org, row)
    _unique(org, sobject, row, news)
    _record_types(org, row, news)
    _validation_rules(org, row)
    _duplicate_rules(org, call, row, news)


def _required(sobject: SObject, news: Values, *, creating: bool) -> None:
    missing = [
        field.name
        for field in sobject.fields.values()
        if field.required
        and not field.hidden
        and (news.get(field.name) is None if creating else news.get(field.name, "") is None)
    ]
    person = sobject.name == "Account" and "IsPersonAccount" in sobject.fields and news.get("LastName")
    if missing and not (person and missing == ["Name"]):
        raise errors.missing(missing)


# references and owners


def _reference(org: Org, name: str, field: Field, key: str) -> None:
    kind = PREFIXES.get(key[:3])
    if field.name == "OwnerId":
        return _owner(org, name, field, key)
    if kind is None or kind not in field.refers:
        raise Fault("FIELD_INTEGRITY_EXCEPTION", f"{field.label}: id value of incorrect type: {key}", [field.name])
    target = org.row(key)
    if target is None:
        raise Fault("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", [])
    if target.archived:
        raise Fault("ENTITY_IS_DELETED", "entity is deleted", [])
    if target.properties.get("IsConverted"):
        raise converted()
    return None


def converted() -> Fault:
    return Fault("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead", [])


def _owner(org: Org, name: str, field: Field, key: str) -> None:
    kind = PREFIXES.get(key[:3])
    wrong = Fault("FIELD_INTEGRITY_EXCEPTION", f"{field.label}: id value of incorrect type: {key}", [field.name])
    if kind not in field.refers:
        raise wrong
    owner = org.row(key)
    if owner is None or owner.archived:
        raise Fault("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", [])
    if kind == "User" and not owner.properties.get("IsActive"):
        message = f"operation performed with inactive user [{key[:15]}] as owner of {name.lower()}"
        raise Fault("INACTIVE_OWNER_OR_USER", message, [field.name])
    if kind == "Group" and name not in queue_objects(org, key):
        raise wrong


def queue_objects(org: Org, queue: str) -> set[str]:
    """Return the objects a queue may own."""
    sobject = org.sobject("QueueSobject")
    rows = org.find(sobject, sobject.fields["QueueId"], queue)
    return {str(row.properties.get("SobjectType")) for row in rows}


def _who_and_what(row: Row) -> None:
    if row.object == "Task" and row.properties.get("WhatId") and str(row.properties.get("WhoId", "")).startswith("00Q"):
        message = "Related To ID: a task about a lead cannot be related to another record"
        raise Fault("FIELD_INTEGRITY_EXCEPTION", message, ["WhatId"])


# permissions: one row for each parent and target

PAIRS = {"FieldPermissions": ("ParentId", "Field"), "PermissionSetAssignment": ("PermissionSetId", "AssigneeId")}


def _permission(org: Org, row: Row, *, creating: bool) -> None:
    if row.object not in PAIRS or not creating:
        return
    if row.object == "FieldPermissions" and not _exists(org, str(row.properties.get("Field"))):
        message = f"Field Name: bad value for restricted picklist field: {row.properties.get('Field')}"
        raise Fault("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, ["Field"])
    parent, target = PAIRS[row.object]
    sobject = org.sobject(row.object)
    for other in org.find(sobject, sobject.fields[parent], row.properties[parent]):
        if other.properties.get(target) == row.properties.get(target):
            raise duplicate_value(sobject.fields[parent], other.id)


def _exists(org: Org, full_name: str) -> bool:
    name, _, field = full_name.partition(".")
    standard = OBJECTS.get("Task" if name == "Activity" else name)
    custom = org.state.doc("field", f"{holder(name)}.{field}")
    return custom is not None or (standard is not None and field in standard.fields)


# locks


def _unlocked(org: Org, row: Row) -> None:
    locks = org.switch("row_locks")
    for key in (account_of(org, row), row.id) if locks else ():
        left = locks.get(key, 0) if key else 0
        if left:
            fewer = left if isinstance(left, bool) else left - 1
            org.state.keep(Doc("switch", "row_locks", {**locks, key: fewer}))
            raise row_lock(key or row.id)


def row_lock(key: str) -> Fault:
    return Fault("UNABLE_TO_LOCK_ROW", f"unable to obtain exclusive access to this record or 1 records: {key}", [])


def account_of(org: Org, row: Row) -> str | None:
    """Return the account whose row a write to this record locks."""
    if row.object == "Account":
        return row.id
    for name in ("AccountId", "WhatId", "WhoId"):
        key = row.properties.get(name)
        if isinstance(key, str) and (parent := org.row(key)):
            return account_of(org, parent) if parent.object != row.object else parent.properties.get("AccountId")
    return None


# keys and rules made by an admin


def _unique(org: Org, sobject: SObject, row: Row, news: Values) -> None:
    for name, value in news.items():
        field = sobject.fields[name]
        if field.unique and value is not None:
            other = next((each for each in org.find(sobject, field, value) if each.id != row.id), None)
            if other is not None:
                raise duplicate_value(field, other.id)


def duplicate_value(field: Field, holder: str) -> Fault:
    message = f"duplicate value found: {field.name} duplicates value on record with id: {holder[:15]}"
    return Fault("DUPLICATE_VALUE", message, [])


def _record_types(org: Org, row: Row, news: Values) -> None:
    for rule in org.switch("record_types"):
        value = news.get(rule["field"])
        if row.object == rule["object"] and row.id in rule["records"] and value and value not in rule["values"]:
            label = org.sobject(row.object).fields[rule["field"]].label
            message = f"{label}: bad value for restricted picklist field: {value}"
            raise Fault("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, [rule["field"]])


def _validation_rules(org: Org, row: Row) -> None:
    for rule in org.switch("validation_rules"):
        if rule["object"] == row.object and evaluate.holds(org, condition(rule["refuse_when"]), row):
            fields = [rule["field"]] if rule.get("field") else []
            raise Fault("FIELD_CUSTOM_VALIDATION_EXCEPTION", rule["message"], fields)


def _duplicate_rules(org: Org, call: Call, row: Row, news: Values) -> None:
    for rule in org.switch("duplicate_rules"):
        alert = rule.get("action", "block") == "alert"
        if rule["object"] != row.object or not set(rule["match"]) & set(news) or (alert and call.allow_save):
            continue
        hits = _matches(org, row, rule["match"], rule.get("against", row.object))
        if hits:
            raise _duplicates(rule, hits, allow=alert)


def _matches(org: Org, row: Row, names: list[str], against: str) -> list[Row]:
    wanted = {name: str(row.properties.get(name) or "").lower() for name in names}
    if not all(wanted.values()):
        return []
    same = (each for each in org.state.scan(against) if each.id != row.id)
    return [
        each for each in same if all(str(each.properties.get(name) or "").lower() == one for name, one in wanted.items())
    ]


def _duplicates(rule: Mapping[str, Any], hits: list[Row], *, allow: bool) -> Fault:
    records = [
        {
            "additionalInformation": [],
            "fieldDiffs": [],
            "matchConfidence": 100.0,
            "record": {"attributes": {"type": hit.object}, "Id": hit.id},
        }
        for hit in hits
    ]
    result = {
        "allowSave": allow,
        "duplicateRule": rule.get("name", f"Standard_{rule['object']}_Duplicate_Rule"),
        "duplicateRuleEntityType": rule["object"],
        "errorMessage": "Use one of these records?",
        "matchResults": [
            {
                "entityType": hits[0].object,
                "errors": [],
                "matchEngine": "ExactMatchEngine",
                "matchRecords": records,
                "rule": f"Standard_{hits[0].object}_Match_Rule",
                "size": len(hits),
                "success": True,
            }
        ],
    }
    # The misspelt key is Salesforce's own; rows of a collection do not carry it.
    return Fault("DUPLICATES_DETECTED", "Use one of these records?", None, extra={"duplicateResut": result})
