"""
Makes the standard fields in a portal.

Decided here: how a standard field looks as a property, the order (group, then fields), what counts as a difference. A
property that differs is reported, never changed: type and uniqueness are fixed at creation. Not decided here: which fields
there are (`connectors.fields`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import orjson

from connectors.contract import SchemaChange
from connectors.crms.hubspot.answers import fault_in
from connectors.crms.hubspot.client import PLURALS, Client
from connectors.crms.hubspot.schema import Schema
from connectors.crms.hubspot.values import FORMS
from connectors.errors import ConnectorError, Moved, Rejected
from connectors.fields import Standard, fields_on

OBJECTS = ("contact", "company", "task")
GROUP = {"name": "pql", "label": "Product qualified leads", "displayOrder": -1}
FIELD_TYPES = {
    "text": "text",
    "long_text": "textarea",
    "number": "number",
    "flag": "booleancheckbox",
    "moment": "date",
    "choice": "select",
}
VIEW = (
    "Saved views have no API. In Contacts, add a view `My PQLs` with the filters `PQL is Yes` and `Contact owner is Me`, "
    "the columns PQL tier, PQL score, PQL reasons, PQL next step and Respond by, sorted by PQL score, and share it with "
    "the sales team."
)
Outcome = tuple[SchemaChange, str]


class Provisioning:
    """Groups and properties of contacts, companies and tasks."""

    def __init__(self, client: Client, schema: Schema) -> None:
        self._client = client
        self._schema = schema

    def differences(self) -> Sequence[SchemaChange]:
        """What is missing or differs now; the last line is the view, which only a person can make."""
        self._schema.forget()
        found = [change for object in OBJECTS for change in self._of(object)]
        return [*found, SchemaChange("contact", "My PQLs", "view", VIEW, by_api=False)]

    def apply(self) -> Sequence[Outcome]:
        """Create what is missing; drift and the view stay with people."""
        changes = self.differences()
        outcomes: dict[SchemaChange, str] = {change: change.says for change in changes if not change.by_api}
        for object in OBJECTS:
            ours = [change for change in changes if change.by_api and change.object == object]
            for change in ours:
                if change.kind == "group":
                    outcomes[change] = self._made(partial(self._group, object))
            outcomes |= self._fields(object, [change for change in ours if change.kind == "field"])
        self._schema.forget()
        return [(change, outcomes[change]) for change in changes]

    def files(self) -> Mapping[str, str]:
        """Bodies for `POST /crm/properties/.../batch/create`, one per object."""
        return {
            f"hubspot/{PLURALS[object]}.json": orjson.dumps(
                {"group": GROUP, "inputs": [definition(field) for field in fields_on(object)]}, option=orjson.OPT_INDENT_2
            ).decode()
            for object in OBJECTS
        }

    def _of(self, object: str) -> Iterator[SchemaChange]:
        groups = self._client.groups(object).good().get("results") or []
        if GROUP["name"] not in [one.get("name") for one in groups if isinstance(one, dict)]:
            yield SchemaChange(
                object, str(GROUP["name"]), "group", f"Create the property group {GROUP['label']} for {object}."
            )
        present = self._schema.properties(object)
        for field in fields_on(object):
            if field.name not in present:
                unique = ", unique" if field.unique else ""
                yield SchemaChange(
                    object, field.name, "field", f"Create {field.label} ({FORMS[field.type]}{unique}) on {object}."
                )
            else:
                for says in _drift(field, present[field.name]):
                    yield SchemaChange(object, field.name, "drift", says, by_api=False)

    def _fields(self, object: str, changes: Sequence[SchemaChange]) -> dict[SchemaChange, str]:
        if not changes:
            return {}
        wanted = {field.name: definition(field) for field in fields_on(object)}
        try:
            body = self._client.create_properties(object, [wanted[change.name] for change in changes]).good()
        except (Rejected, Moved):
            # One of them refused all; asked one by one, each gets its own reason.
            return {change: self._made(partial(self._one, object, wanted[change.name])) for change in changes}
        made = {str(one.get("name")) for one in body.get("results") or [] if isinstance(one, dict)}
        return {change: "done" if change.name in made else _reason(body, change.name) for change in changes}

    def _group(self, object: str) -> None:
        self._client.create_group(object, GROUP).good()

    def _one(self, object: str, wanted: Mapping[str, Any]) -> None:
        body = self._client.create_properties(object, [wanted]).good()
        if not body.get("results"):
            raise Rejected(_reason(body, str(wanted["name"])))

    def _made(self, make: Callable[[], None]) -> str:
        try:
            make()
        except Moved as problem:
            return "exists" if problem.code != "OBJECT_NOT_FOUND" else str(problem)
        except Rejected as problem:
            return "exists" if "EXISTS" in problem.code else str(problem)
        except ConnectorError as problem:
            return str(problem)
        return "done"


def definition(field: Standard) -> dict[str, Any]:
    """A standard field as HubSpot's property."""
    return {
        "name": field.name,
        "label": field.label,
        "groupName": GROUP["name"],
        "type": FORMS[field.type],
        "fieldType": FIELD_TYPES[field.type],
        "description": "Set by people." if field.by_people else "Kept by pqlsync; changes made here are overwritten.",
        "hidden": field.hidden,
        "formField": False,
        "hasUniqueValue": field.unique,
        "options": _options(field),
    }


def _options(field: Standard) -> list[dict[str, Any]]:
    listed = (
        [("true", "Yes"), ("false", "No")] if field.type == "flag" else [(value, _label(value)) for value in field.choices]
    )
    return [
        {"value": value, "label": label, "displayOrder": place, "hidden": False}
        for place, (value, label) in enumerate(listed)
    ]


def _label(value: str) -> str:
    return value.replace("_", " ").capitalize()


def _drift(field: Standard, present: Mapping[str, Any]) -> Iterator[str]:
    have = str(present.get("type"))
    if have != FORMS[field.type]:
        yield f"{field.name} is of type {have}, not {FORMS[field.type]}. Rename or delete it, then run pql provision again."
    if field.unique and not present.get("hasUniqueValue"):
        yield f"{field.name} does not insist on unique values, fixed at creation. Delete it and run pql provision again."
    values = {str(one.get("value")) for one in present.get("options") or [] if isinstance(one, dict)}
    lacking = [value for value in field.choices if value not in values]
    if lacking:
        yield f"{field.name} lacks the options {', '.join(lacking)}. Add them in the property's settings."


def _reason(body: Mapping[str, Any], name: str) -> str:
    """Why a property of a batch was not made, in HubSpot's words."""
    for one in body.get("errors") or []:
        if not isinstance(one, dict):
            continue
        fault = fault_in(one)
        named = (one.get("context") or {}).get("name") or [name]
        if name in named:
            return "exists" if "EXISTS" in fault.category else fault.says or fault.code
    return "HubSpot did not say what became of it. Run pql provision again."
