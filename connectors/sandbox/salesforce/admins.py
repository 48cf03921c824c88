"""
What admins do to an org while we write to it: fields taken away or changed, rules made.

Decided here: each of these acts. What a rule or field then refuses is decided in `rules` and `coerce`.
"""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from connectors.sandbox.salesforce import writes
from connectors.sandbox.salesforce.call import Call
from connectors.sandbox.salesforce.org import Org
from connectors.sandbox.salesforce.schema.catalog import holder
from connectors.sandbox.salesforce.schema.field import Field
from connectors.sandbox.state import Change, Doc

Doing = Mapping[str, Any]
CHANGEABLE = {"label", "type", "length", "values", "restricted"}
RULES: Mapping[str, tuple[str, ...]] = {
    "validation_rules": ("object", "refuse_when", "message"),
    "duplicate_rules": ("object", "match"),
    "record_types": ("object", "records", "field", "values"),
}


def drop_field(org: Org, call: Call, doc: Doing) -> dict[str, Any]:
    """Take a custom field away, as the Metadata API would; values stay unseen."""
    name, key = _named(doc)
    if org.state.doc("field", key) is None:
        raise ValueError(f"There is no custom field {key}.")
    org.state.apply(
        [Change("drop_field", str(doc["object"]), name, {"field": key}, docs=[Doc("field", key, None)])], call.actor
    )
    for row in org.state.scan("CustomField"):
        if row.properties.get("FullName") == key:
            writes.delete(org, call, row.id)
    org.forget_fields()
    return {"dropped": key}


def edit_field(org: Org, call: Call, doc: Doing) -> dict[str, Any]:
    """Change a field: label, type, length, values, restricted, required, read_only; values in records stay as they are."""
    name, key = _named(doc)
    field = org.for_people(str(doc["object"])).fields.get(name)
    if field is None:
        raise ValueError(f"There is no field {key}.")
    news: dict[str, Any] = {what: tuple(doc[what]) if what == "values" else doc[what] for what in CHANGEABLE & set(doc)}
    if doc.get("required"):
        news |= {"nillable": False, "defaulted": False}
    if "read_only" in doc:
        news |= dict.fromkeys(("createable", "updateable"), not doc["read_only"])
    changed = replace(field, **news)
    kept = {**(org.state.doc("field", key) or {}), "field": changed.to_doc()}
    before, after = _difference(field, changed)
    org.state.apply(
        [Change("edit_field", str(doc["object"]), name, before, after, docs=[Doc("field", key, kept)])], call.actor
    )
    org.forget_fields()
    return {"field": key}


def add_rule(org: Org, call: Call, kind: str, doc: Doing) -> dict[str, Any]:
    """Add a validation rule, a duplicate rule, or the values that records of a record type may have in a picklist."""
    lacking = [name for name in RULES[kind] if name not in doc]
    if lacking:
        raise ValueError(f"A rule needs {', '.join(lacking)}.")
    rule = {name: value for name, value in doc.items() if name not in ("kind", "actor", "by")}
    docs = [Doc("switch", kind, [*org.switch(kind), rule])]
    org.state.apply([Change("rule", str(doc["object"]), "", None, rule, docs=docs)], call.actor)
    return {"rules": len(org.switch(kind))}


def _named(doc: Doing) -> tuple[str, str]:
    name = str(doc.get("field") or doc["name"])
    return name, f"{holder(str(doc['object']))}.{name}"


def _difference(old: Field, new: Field) -> tuple[dict[str, Any], dict[str, Any]]:
    names = [one.name for one in fields(Field) if getattr(old, one.name) != getattr(new, one.name)]
    return {name: getattr(old, name) for name in names}, {name: getattr(new, name) for name in names}
