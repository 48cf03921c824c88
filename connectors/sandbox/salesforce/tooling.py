"""
The Tooling API as far as provisioning needs it: custom fields are made, read, changed and listed.

Decided here: what the metadata of a field must say. A new field is hidden until a permission set shows it to the
caller.
"""

from collections.abc import Mapping
from typing import Any

from connectors.sandbox.salesforce import errors
from connectors.sandbox.salesforce.call import Call
from connectors.sandbox.salesforce.errors import Fault
from connectors.sandbox.salesforce.org import Org, lookups
from connectors.sandbox.salesforce.query import Queries
from connectors.sandbox.salesforce.schema.field import Field
from connectors.sandbox.state import Change, Doc, Row
from connectors.sandbox.wire import Reply

# metadata type -> our type, and what the metadata must say of it
TYPES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "Text": ("string", ("length",)),
    "TextArea": ("textarea", ()),
    "LongTextArea": ("textarea", ("length", "visibleLines")),
    "Number": ("double", ("precision", "scale")),
    "Currency": ("currency", ("precision", "scale")),
    "Percent": ("percent", ("precision", "scale")),
    "Checkbox": ("boolean", ("defaultValue",)),
    "Date": ("date", ()),
    "DateTime": ("datetime", ()),
    "Email": ("email", ()),
    "Phone": ("phone", ()),
    "Url": ("url", ()),
    "Picklist": ("picklist", ("valueSet",)),
    "MultiselectPicklist": ("multipicklist", ("valueSet", "visibleLines")),
}
LENGTHS = {"email": 80, "phone": 40, "url": 255, "picklist": 255, "multipicklist": 4099, "textarea": 255}
MOST_TEXT = 255
HOLDERS = ("Lead", "Contact", "Account", "Opportunity", "Campaign", "Activity", "User")


def answer(org: Org, call: Call) -> Reply:
    """Answer a call below `tooling/`."""
    rest = [part for part in call.parts[1:] if part]
    if rest[:1] == ["query"]:
        inner = call.inner(call.request, call.parts[1:])
        return Queries(org).answer(inner, deleted=False)
    if rest[:2] != ["sobjects", "CustomField"]:
        raise errors.not_built("this part of the Tooling API")
    if len(rest) == 2 and call.method == "POST":
        return _create(org, call)
    if len(rest) == 3:
        return _one(org, call, rest[2])
    raise errors.bad_method(call.method)


def _create(org: Org, call: Call) -> Reply:
    call.actor.inputs += 1
    body = call.object_body()
    full, metadata = str(body.get("FullName", "")), body.get("Metadata")
    owner, _, name = full.partition(".")
    if not isinstance(metadata, Mapping) or not name.endswith("__c"):
        raise Fault(
            "REQUIRED_FIELD_MISSING", "FullName must be Object.Name__c, and Metadata must be given", ["FullName", "Metadata"]
        )
    if owner not in HOLDERS:
        raise Fault(
            "FIELD_INTEGRITY_EXCEPTION", f"Entity Enumeration Or ID: bad value for custom fields: {owner}", ["FullName"]
        )
    field = _field(name, metadata)
    with org.state.lock:
        if org.state.doc("field", full) is not None:
            plain = name.removesuffix("__c")
            raise Fault("DUPLICATE_DEVELOPER_NAME", f"There is already a field named {plain} on {owner}.", ["DeveloperName"])
        sobject = org.sobject("CustomField")
        now = org.state.now()
        properties = {
            "FullName": full,
            "DeveloperName": name.removesuffix("__c"),
            "TableEnumOrId": owner,
            "Metadata": dict(metadata),
        }
        row = Row("CustomField", org.mint(sobject), properties, now, now)
        # A required field is visible to all; any other waits for field-level security.
        doc = Doc("field", full, {"field": field.to_doc(), "secured": not metadata.get("required")})
        index = lookups(sobject, properties)
        org.state.apply(
            [Change("create", "CustomField", row.id, None, properties, full, row, index, docs=[doc])], call.actor
        )
        org.forget_fields()
    return Reply(201, {"id": row.id, "success": True, "errors": [], "warnings": [], "infos": []})


def _field(name: str, metadata: Mapping[str, Any]) -> Field:
    """Return the field that the metadata describes; a Fault names what is missing."""
    kind = _kind(metadata)
    length = int(metadata.get("length") or LENGTHS.get(kind, 0))
    if kind == "string" and length > MOST_TEXT:
        raise Fault("FIELD_INTEGRITY_EXCEPTION", f"Text fields hold {MOST_TEXT} characters at most", ["length"])
    flag = kind == "boolean"
    values, restricted = _choices(metadata.get("valueSet") or {})
    return Field(
        name,
        str(metadata["label"]),
        kind,
        length,
        nillable=not (metadata.get("required") or flag),
        defaulted=flag,
        default=str(metadata["defaultValue"]).lower() == "true" if flag else None,
        unique=bool(metadata.get("unique")),
        external_id=bool(metadata.get("externalId")),
        case_sensitive=bool(metadata.get("caseSensitive")),
        id_lookup=bool(metadata.get("externalId")),
        values=values,
        restricted=restricted,
        custom=True,
        precision=int(metadata.get("precision") or 0),
        scale=int(metadata.get("scale") or 0),
        extra="plaintextarea" if kind == "textarea" else None,
        filterable=metadata["type"] != "LongTextArea",
    )


def _kind(metadata: Mapping[str, Any]) -> str:
    """Return our type of the metadata's, after checking that it says all that its type needs."""
    named = metadata.get("type")
    kind, needed = TYPES.get(str(named), ("", ()))
    if not kind:
        message = f"Field Type: bad value for restricted picklist field: {named}"
        raise Fault("FIELD_INTEGRITY_EXCEPTION", message, ["Metadata"])
    if not metadata.get("label"):
        raise Fault("REQUIRED_FIELD_MISSING", "Required fields are missing: [label]", ["label"])
    for each in needed:
        if metadata.get(each) is None:
            message = f"Must specify '{each}' for a CustomField of type {named}"
            raise Fault("FIELD_INTEGRITY_EXCEPTION", message, ["Metadata"])
    return kind


def _choices(value_set: Mapping[str, Any]) -> tuple[tuple[str, ...], bool]:
    given = value_set.get("valueSetDefinition", {}).get("value", [])
    return tuple(str(each.get("fullName") or each.get("valueName")) for each in given), bool(value_set.get("restricted"))


def _one(org: Org, call: Call, record: str) -> Reply:
    row = org.row(record)
    if row is None or row.archived or row.object != "CustomField":
        raise errors.not_found()
    if call.method == "GET":
        shown = {"attributes": {"type": "CustomField", "url": f"{call.root}/tooling/sobjects/CustomField/{row.id}"}}
        return Reply(200, {**shown, **org.shown(row)})
    if call.method != "PATCH":
        raise errors.bad_method(call.method)
    metadata = call.object_body().get("Metadata")
    if not isinstance(metadata, Mapping):
        raise Fault("REQUIRED_FIELD_MISSING", "Required fields are missing: [Metadata]", ["Metadata"])
    full = str(row.properties["FullName"])
    field = _field(full.partition(".")[2], metadata)
    with org.state.lock:
        old = org.state.doc("field", full)
        doc = Doc("field", full, {**old, "field": field.to_doc()})
        properties = {**row.properties, "Metadata": dict(metadata)}
        changed = Row(row.object, row.id, properties, row.created, org.state.now())
        before, after = {"Metadata": row.properties["Metadata"]}, {"Metadata": properties["Metadata"]}
        org.state.apply([Change("update", row.object, row.id, before, after, full, changed, docs=[doc])], call.actor)
        org.forget_fields()
    return Reply(204)
