"""
A standard field as Salesforce's metadata: for the Tooling API and as files of a source folder.

Decided here: types, lengths, who may see and write what. Two permission sets: the integration user writes what is ours
and reads what people write; the sales team the other way round. Not decided here: which fields there are
(`connectors.fields`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape

from connectors.crms.salesforce.names import OBJECTS
from connectors.fields import Standard, fields_on, salesforce_name

HOLDERS: Mapping[str, str] = {**OBJECTS, "task": "Activity"}
"""The object a custom field is made on; a field of tasks is made on Activity and shows on Task and Event."""
SYNC, SALES = "PQL_Sync", "PQL_Sales"
LABELS: Mapping[str, str] = {SYNC: "PQL sync (integration user)", SALES: "PQL fields (sales team)"}
TYPES: Mapping[str, str] = {
    "text": "Text",
    "long_text": "LongTextArea",
    "number": "Number",
    "flag": "Checkbox",
    "moment": "DateTime",
    "choice": "Picklist",
}
SHARES = frozenset({"pql_score", "pql_fit_score", "pql_intent_score"})
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
_SPACE = "http://soap.sforce.com/2006/04/metadata"


def full_name(object: str, field: Standard) -> str:
    """Where the field is made: Lead.PQL_Flag__c, Activity.PQL_Task_Key__c."""
    return f"{HOLDERS[object]}.{salesforce_name(field.name)}"


def permission_name(object: str, field: Standard) -> str:
    """Where permissions name it: Task.PQL_Task_Key__c, for they know no Activity."""
    return f"{OBJECTS[object]}.{salesforce_name(field.name)}"


def metadata(field: Standard) -> dict[str, Any]:
    """What the Tooling API wants to know of a new field."""
    return {
        "type": TYPES[field.type],
        "label": field.label,
        "description": "Set by people." if field.by_people else "Kept by pqlsync; changes made here are overwritten.",
        **_size(field),
        **({"required": False} if field.type != "flag" else {}),
        **({"externalId": True, "unique": True, "caseSensitive": True} if field.unique else {}),
        **({"valueSet": _values(field)} if field.type == "choice" else {}),
    }


def _size(field: Standard) -> dict[str, Any]:
    if field.type == "number":
        return {"precision": 6, "scale": 2} if field.name in SHARES else {"precision": 18, "scale": 0}
    if field.type == "flag":
        return {"defaultValue": "false"}
    if field.type == "long_text":
        return {"length": field.length, "visibleLines": 5}
    return {"length": field.length} if field.type == "text" else {}


def _values(field: Standard) -> dict[str, Any]:
    listed = [{"valueName": one, "label": label(one), "default": False} for one in field.choices]
    return {"restricted": True, "valueSetDefinition": {"sorted": False, "value": listed}}


def label(choice: str) -> str:
    return choice.replace("_", " ").capitalize()


def permissions(name: str, objects: Iterable[str]) -> dict[str, tuple[str, bool]]:
    """What a permission set grants: field -> its object and whether it may be edited."""
    return {
        permission_name(object, field): (OBJECTS[object], field.by_people if name == SALES else not field.by_people)
        for object in objects
        for field in fields_on(object)
        if name == SYNC or not field.hidden
    }


# ---------------------------------------------------------------------------------------- files


def field_file(field: Standard) -> str:
    """A field as a file of a source folder; lists of values look different there."""
    said = metadata(field)
    name = salesforce_name(field.name)
    lines = [_tag("fullName", name)]
    lines += [_tag(key, value) for key, value in sorted(said.items()) if key != "valueSet"]
    if field.type == "choice":
        lines += ["    <valueSet>", "        <restricted>true</restricted>", "        <valueSetDefinition>"]
        lines.append("            <sorted>false</sorted>")
        lines += [_value(one) for one in field.choices]
        lines += ["        </valueSetDefinition>", "    </valueSet>"]
    return _document("CustomField", lines)


def permission_file(name: str, objects: Sequence[str]) -> str:
    lines = [
        f"    <fieldPermissions>\n        <editable>{str(edit).lower()}</editable>\n        <field>{field}</field>\n"
        f"        <readable>true</readable>\n    </fieldPermissions>"
        for field, (_, edit) in sorted(permissions(name, objects).items())
    ]
    return _document("PermissionSet", [*lines, _tag("hasActivationRequired", value=False), _tag("label", LABELS[name])])


def list_view_file(object: str) -> str:
    """The view "My PQLs": mine, flagged, the columns a rep reads."""
    company = "LEAD.COMPANY" if object == "lead" else "ACCOUNT.NAME"
    ours = ("pql_tier", "pql_score", "pql_reasons", "pql_next_step", "pql_respond_by", "pql_outcome")
    columns = ["FULL_NAME", company, *(salesforce_name(name) for name in ours)]
    lines = [_tag("fullName", "My_PQLs"), *(_tag("columns", one) for one in columns), _tag("filterScope", "Mine")]
    lines.append("    <filters>")
    lines += [f"        <{key}>{value}</{key}>" for key, value in _FLAGGED.items()]
    return _document("ListView", [*lines, "    </filters>", _tag("label", "My PQLs")])


_FLAGGED = {"field": salesforce_name("pql_flag"), "operation": "equals", "value": "1"}


def _document(kind: str, lines: Sequence[str]) -> str:
    return f'{_HEAD}<{kind} xmlns="{_SPACE}">\n' + "\n".join(lines) + f"\n</{kind}>\n"


def _tag(name: str, value: object) -> str:
    said = str(value).lower() if isinstance(value, bool) else escape(str(value))
    return f"    <{name}>{said}</{name}>"


def _value(choice: str) -> str:
    inner = f"<fullName>{choice}</fullName><default>false</default><label>{label(choice)}</label>"
    return f"            <value>{inner}</value>"
