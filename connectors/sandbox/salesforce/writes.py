"""
One record is created, changed, deleted or upserted: the only place where the sandbox Salesforce changes state for a
caller.

Decided here: what follows from a write (assignment rules, accounts of tasks, cascades) and the ledger row. Not
decided here: what is refused (rules), or how a call speaks of it (single, collections, bulk).
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from connectors.sandbox.salesforce import errors, persons, rules
from connectors.sandbox.salesforce.call import Call
from connectors.sandbox.salesforce.errors import Fault
from connectors.sandbox.salesforce.org import Org, lookups
from connectors.sandbox.salesforce.schema.field import Field, SObject
from connectors.sandbox.state import Change, Row

# What goes with a deleted record: object -> (object, reference) pairs.
CASCADES: Mapping[str, Sequence[tuple[str, str]]] = {
    "Account": (("Contact", "AccountId"), ("Opportunity", "AccountId"), ("Task", "WhatId")),
    "Contact": (("Task", "WhoId"), ("CampaignMember", "ContactId"), ("TopicAssignment", "EntityId")),
    "Lead": (("Task", "WhoId"), ("CampaignMember", "LeadId"), ("TopicAssignment", "EntityId")),
    "Opportunity": (("Task", "WhatId"), ("OpportunityContactRole", "OpportunityId")),
    "Campaign": (("CampaignMember", "CampaignId"),),
    "Topic": (("TopicAssignment", "TopicId"),),
    "PermissionSet": (("FieldPermissions", "ParentId"), ("PermissionSetAssignment", "PermissionSetId")),
}
PERMISSIONS = ("FieldPermissions", "PermissionSetAssignment", "PermissionSet")
OWNED = "OwnerId"


@dataclass(frozen=True, slots=True)
class Given:
    """What a caller sends for one record."""

    sobject: SObject
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Key:
    """A record named by a field instead of an id, and who carried the value when the call began."""

    field: Field
    value: Any
    holders: tuple[str, ...] = ()


def create(org: Org, call: Call, given: Given, extra: Mapping[str, Any] | None = None) -> str:
    """Create a record and return its id."""
    sobject = given.sobject
    if not sobject.createable:
        raise Fault("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", f"entity type cannot be inserted: {sobject.label}", [])
    with org.state.lock:
        news = {**rules.cleaned(org, sobject, given.values, creating=True), **(extra or {})}
        again = _assigned_before(org, sobject, news)
        if again is not None:
            return again
        complete = {**_defaults(org, call, sobject), **{name: one for name, one in news.items() if one is not None}}
        _assign(org, call, sobject, complete)
        now = org.state.now()
        row = Row(sobject.name, org.mint(sobject), complete, now, now)
        rules.check(org, call, row, {**news, **_owner_of(complete)}, creating=True)
        _apply(org, call, "create", None, _finished(org, row))
        return row.id


def _assigned_before(org: Org, sobject: SObject, news: Mapping[str, Any]) -> str | None:
    """Assigning a topic twice is no error and makes nothing: the first assignment answers."""
    if sobject.name != "TopicAssignment":
        return None
    found = org.find(sobject, sobject.fields["TopicId"], news.get("TopicId"))
    return next((row.id for row in found if row.properties.get("EntityId") == news.get("EntityId")), None)


def update(org: Org, call: Call, given: Given, record: str) -> None:
    """Change a record; nulls clear."""
    sobject = given.sobject
    with org.state.lock:
        old = _present(org, sobject, record)
        news = rules.cleaned(org, sobject, given.values, creating=False)
        if not sobject.updateable:
            raise Fault("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", f"entity type cannot be updated: {sobject.label}", [])
        persons.refuse_contact(old)
        if old.properties.get("IsConverted") and org.switch("converted_leads") == "refuse":
            raise rules.converted()
        merged = {**old.properties, **news}
        properties = {name: one for name, one in merged.items() if one is not None}
        _assign(org, call, sobject, properties)
        if properties.get(OWNED) != old.properties.get(OWNED) and OWNED in sobject.fields:
            news = {**news, **_owner_of(properties)}
        by = {} if "LastModifiedById" not in sobject.fields else {"LastModifiedById": call.user or org.integration_user}
        row = replace(old, properties={**properties, **by}, modified=org.state.now())
        rules.check(org, call, row, news, creating=False)
        _apply(org, call, "update", old, _finished(org, row))


def delete(org: Org, call: Call, record: str) -> None:
    """Move a record and what hangs on it to the recycle bin."""
    with org.state.lock:
        name = org.object_of(record)
        if name is None:
            raise Fault("MALFORMED_ID", f"bad id {record}", ["Id"])
        sobject = org.sobject(name)
        row = _present(org, sobject, record)
        if not sobject.deletable:
            raise Fault("INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id", [])
        org.state.apply([_removal(org, each) for each in [row, *_hanging(org, row)]], call.actor)
        if name in PERMISSIONS:
            org.forget_fields()


def key_of(org: Org, sobject: SObject, name: str, value: Any) -> Key:
    """Look a key up as a call begins; a race with another call shows when it is written."""
    field = sobject.find(name)
    if field is None or not (field.external_id or field.id_lookup):
        raise errors.no_external_id(name)
    if value is None or value == "":
        raise Fault("MISSING_ARGUMENT", f"{field.name} not specified", [])
    if field.name == "Id":
        return Key(field, value, (str(value),))
    return Key(field, value, tuple(row.id for row in org.find(sobject, field, value)))


def upsert(org: Org, call: Call, given: Given, key: Key) -> tuple[str, bool]:
    """Create or change the record of a key; return its id and whether it is new."""
    pause = org.switch("upsert_race_s")
    if pause:
        time.sleep(float(pause))
    if len(key.holders) > 1:
        raise Fault(
            "DUPLICATE_EXTERNAL_ID",
            f"{key.field.name}: more than one record found for external id field: {list(key.holders)}",
            [],
        )
    if key.holders:
        update(org, call, given, key.holders[0])
        return _whole(org, key.holders[0]), False
    return create(org, call, replace(given, values={**given.values, key.field.name: key.value})), True


def _whole(org: Org, record: str) -> str:
    row = org.row(record)
    return row.id if row else record


# what follows from a write


def _present(org: Org, sobject: SObject, record: str) -> Row:
    row = org.row(record)
    if row is None or row.object != sobject.name:
        raise Fault("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", [], status=404)
    if row.archived:
        raise errors.deleted()
    return row


def _defaults(org: Org, call: Call, sobject: SObject) -> dict[str, Any]:
    found = {
        field.name: field.default
        for field in sobject.fields.values()
        if field.default not in (None, False) and not field.hidden
    }
    for name in (OWNED, "CreatedById", "LastModifiedById"):
        field = sobject.fields.get(name)
        if field is not None and "User" in field.refers:
            found[name] = call.user or org.integration_user
    return found


def _owner_of(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {OWNED: properties[OWNED]} if OWNED in properties else {}


def _assign(org: Org, call: Call, sobject: SObject, properties: dict[str, Any]) -> None:
    """Run the active assignment rule, which asks nobody who the owner was."""
    owner = org.switch("auto_assign").get(sobject.name)
    if owner and call.auto_assign:
        properties[OWNED] = owner


def _finished(org: Org, row: Row) -> Row:
    """Return the record with what the org itself keeps on it."""
    more: dict[str, Any] = {}
    if row.object == "Task":
        account = rules.account_of(org, row)
        more = {"AccountId": account} if account else {}
        if row.properties.get("Status") == "Completed" and "CompletedDateTime" not in row.properties:
            more["CompletedDateTime"] = org.value(row, org.sobject("Task").fields["LastModifiedDate"])
    if persons.is_person(row.object, row.properties):
        more = persons.marks(org, row.properties)
    if row.object == "TopicAssignment":
        more = {"EntityType": org.object_of(str(row.properties["EntityId"]))}
    return replace(row, properties={**row.properties, **more}) if more else row


def _apply(org: Org, call: Call, op: str, old: Row | None, row: Row) -> None:
    changes = [changed(org, op, old, row)]
    if persons.is_person(row.object, row.properties):
        was, contact = persons.mirror(org, row)
        changes.append(changed(org, "update" if was else "create", was, contact))
    org.state.apply(changes, call.actor)
    if row.object in PERMISSIONS:
        org.forget_fields()


def changed(org: Org, op: str, old: Row | None, row: Row) -> Change:
    """Return the change of a record; before and after hold the fields that differ."""
    was = old.properties if old else {}
    names = [name for name in {**was, **row.properties} if was.get(name) != row.properties.get(name)]
    before = {name: was.get(name) for name in names} if old else None
    after = {name: row.properties.get(name) for name in names}
    sobject = org.sobject(row.object)
    return Change(op, row.object, row.id, before, after, _key(sobject, row), row, lookups(sobject, row.properties))


def _removal(org: Org, row: Row) -> Change:
    gone = replace(row, archived=True, modified=org.state.now())
    key = _key(org.sobject(row.object), row)
    return Change("delete", row.object, row.id, row.properties, None, key, gone, ())


def _key(sobject: SObject, row: Row) -> str | None:
    names = (field.name for field in sobject.fields.values() if field.external_id)
    return next((str(row.properties[name]) for name in names if row.properties.get(name)), None)


def _hanging(org: Org, row: Row) -> list[Row]:
    found: list[Row] = []
    for name, reference in CASCADES.get(row.object, ()):
        sobject = org.sobject(name)
        for child in org.find(sobject, sobject.fields[reference], row.id):
            found += [child, *_hanging(org, child)]
    return found
