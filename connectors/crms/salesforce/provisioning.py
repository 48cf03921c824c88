"""
Makes the standard fields in an org and lets people see them.

Decided here: the order (fields, permission sets, what they grant, who gets them), what counts as a difference. A field
that differs is reported, never changed: Salesforce converts data when a type changes. List views and the mapping of
converted leads have no REST call; they are files and sentences for an admin. Not decided here: how a field looks
(`definitions`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from connectors.contract import SchemaChange
from connectors.crms.salesforce.answers import fault_in
from connectors.crms.salesforce.client import BATCH, Client
from connectors.crms.salesforce.definitions import (
    HOLDERS,
    LABELS,
    SALES,
    SYNC,
    field_file,
    full_name,
    list_view_file,
    metadata,
    permission_file,
    permissions,
)
from connectors.crms.salesforce.names import OBJECTS
from connectors.crms.salesforce.reading import Reader, where
from connectors.crms.salesforce.schema import FORMS, Column, Schema
from connectors.errors import ConnectorError, Rejected, TryLater
from connectors.fields import Standard, fields_on, salesforce_name

FOLDER = "salesforce"
SOURCE = f"{FOLDER}/force-app/main/default"
VIEW = (
    "List views have no REST call. Deploy the files of `pql provision --print FOLDER`, or make a list view `My PQLs`: "
    "my {plural}, filter PQL equals True, columns PQL tier, PQL score, PQL reasons, PQL next step, Respond by; share it "
    "with the sales team."
)
MAPPING = (
    "Fields of a converted lead are lost unless they are mapped. In Setup, Object Manager, Lead, Map Lead Fields: map each "
    "PQL field of Lead to the field of the same name of Contact."
)
TEAM = "Give the permission set PQL_Sales to the sales team, so that they see the fields and can set the outcome."
Outcome = tuple[SchemaChange, str]


class Provisioning:
    """Custom fields and permission sets of one org; `objects` are those of the destination, without tasks."""

    def __init__(self, client: Client, schema: Schema, objects: Sequence[str]) -> None:
        self._client = client
        self._schema = schema
        self._people = [object for object in objects if object != "company"]
        self._objects = (*objects, "task")
        self._reader = Reader(client, schema)

    def differences(self) -> Sequence[SchemaChange]:
        """What is missing, hidden or differs now; the last lines are what only a person can do."""
        self._schema.forget()
        made = self._made()
        found = [change for object in self._objects for change in self._of(object, made)]
        return [*found, *self._ungranted(found), *self._by_hand()]

    def apply(self) -> Sequence[Outcome]:
        """Create what is missing and grant what is hidden; drift, views and mappings stay with people."""
        changes = self.differences()
        outcomes = {change: change.says for change in changes if not change.by_api}
        wanted = {salesforce_name(field.name): field for object in self._objects for field in fields_on(object)}
        for change in changes:
            if change.kind == "field":
                outcomes[change] = self._field(change.object, wanted[change.name])
        for change in changes:
            if change.kind == "permission" and change.by_api:
                outcomes[change] = self._granted(change.name)
        self._schema.forget()
        return [(change, outcomes[change]) for change in changes]

    def files(self) -> Mapping[str, str]:
        """The same as a source folder: fields, permission sets, list views, and what to do with them."""
        found = {f"{FOLDER}/sfdx-project.json": _project(self._client.version), f"{FOLDER}/README.md": _readme()}
        for object in self._objects:
            for field in fields_on(object):
                path = f"{SOURCE}/objects/{HOLDERS[object]}/fields/{salesforce_name(field.name)}.field-meta.xml"
                found[path] = field_file(field)
        for name in LABELS:
            found[f"{SOURCE}/permissionsets/{name}.permissionset-meta.xml"] = permission_file(name, self._objects)
        for object in self._people:
            found[f"{SOURCE}/objects/{OBJECTS[object]}/listViews/My_PQLs.listView-meta.xml"] = list_view_file(object)
        return found

    # ------------------------------------------------------------------ what differs

    def _made(self) -> set[str]:
        """Full names of the custom fields there are, hidden ones too; none where we may not ask."""
        soql = "SELECT Id, DeveloperName, TableEnumOrId FROM CustomField WHERE DeveloperName LIKE 'PQL%'"
        try:
            listed = self._client.tooling(soql).record().get("records")
        except TryLater:
            raise
        except ConnectorError:
            return set()
        rows = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
        return {f"{one.get('TableEnumOrId')}.{one.get('DeveloperName')}__c" for one in rows}

    def _of(self, object: str, made: set[str]) -> Iterator[SchemaChange]:
        columns = self._schema.columns(object)
        hidden = 0
        for field in fields_on(object):
            name = salesforce_name(field.name)
            column = columns.get(name)
            if column is not None:
                hidden += not (column.updateable or field.by_people)
                for says in _drift(field, column):
                    yield SchemaChange(object, name, "drift", says, by_api=False)
            elif full_name(object, field) in made:
                hidden += 1
            else:
                unique = ", unique" if field.unique else ""
                says = f"Create {field.label} ({FORMS[field.type].type}{unique}) on {HOLDERS[object]}."
                yield SchemaChange(object, name, "field", says)
        if hidden:
            says = f"Let the integration user see and write {hidden} fields of {OBJECTS[object]} that are hidden from it."
            yield SchemaChange(object, SYNC, "permission", says)

    def _ungranted(self, found: Sequence[SchemaChange]) -> Iterator[SchemaChange]:
        """New fields are hidden from everybody, so both sets are needed; an admin may have granted ours otherwise."""
        new = {change.object for change in found if change.kind == "field"}
        told = {change.object for change in found if change.kind == "permission"}
        for object in self._objects:
            if object in new - told:
                says = f"Let the integration user see and write the new fields of {OBJECTS[object]}."
                yield SchemaChange(object, SYNC, "permission", says)
        granted = self._grants(SALES)
        lacking = {
            kind for name, (kind, edit) in self._wanted(SALES).items() if granted.get(name, ("", None))[1] is not edit
        }
        for object in self._objects:
            if OBJECTS[object] in lacking:
                says = f"Let the sales team see our fields of {OBJECTS[object]} and write theirs."
                yield SchemaChange(object, SALES, "permission", says)

    def _by_hand(self) -> Iterator[SchemaChange]:
        yield SchemaChange(self._people[0], SALES, "permission", TEAM, by_api=False)
        for object in self._people:
            says = VIEW.format(plural=f"{object}s")
            yield SchemaChange(object, "My PQLs", "view", says, by_api=False)
        if "lead" in self._people:
            yield SchemaChange("lead", "Map Lead Fields", "mapping", MAPPING, by_api=False)

    # ------------------------------------------------------------------ what is done

    def _field(self, object: str, field: Standard) -> str:
        body = {"FullName": full_name(object, field), "Metadata": metadata(field)}
        try:
            said = self._client.create("tooling/sobjects/CustomField", body).record(writes=True)
        except ConnectorError as problem:
            return "exists" if problem.code == "DUPLICATE_DEVELOPER_NAME" else str(problem)
        return "done" if said.get("success") else _first_error(said)

    def _granted(self, name: str) -> str:
        """Bring a permission set to what it should grant, and give ours to the user we are; can run again."""
        try:
            held = self._set(name)
            grants, wanted = self._grants(name), self._wanted(name)
            new = [
                {"ParentId": held, "SobjectType": kind, "Field": field, "PermissionsRead": True, "PermissionsEdit": edit}
                for field, (kind, edit) in wanted.items()
                if field not in grants
            ]
            other = [
                {"id": id, "PermissionsRead": True, "PermissionsEdit": wanted[field][1]}
                for field, (id, edit) in grants.items()
                if field in wanted and edit is not wanted[field][1]
            ]
            problems = [*self._sent("POST", new), *self._sent("PATCH", other)]
            if name == SYNC:
                self._assigned(held)
        except ConnectorError as problem:
            return str(problem)
        return problems[0] if problems else "done"

    def _wanted(self, name: str) -> dict[str, tuple[str, bool]]:
        return permissions(name, self._objects)

    def _grants(self, name: str) -> dict[str, tuple[str, bool]]:
        """What a permission set grants now: field -> id of the row and whether it may be edited."""
        soql = "SELECT Id, Field, PermissionsEdit FROM FieldPermissions WHERE Parent.Name = {}"
        return {
            str(one["Field"]): (str(one["Id"]), bool(one["PermissionsEdit"])) for one in self._reader.all(where(soql, name))
        }

    def _set(self, name: str) -> str:
        found = self._reader.all(where("SELECT Id FROM PermissionSet WHERE Name = {}", name))
        if found:
            return str(found[0]["Id"])
        body = {"Name": name, "Label": LABELS[name], "Description": "Made by pql provision."}
        return str(self._client.create("sobjects/PermissionSet", body).record(writes=True).get("id", ""))

    def _assigned(self, held: str) -> None:
        user = self._client.user()
        soql = "SELECT Id FROM PermissionSetAssignment WHERE PermissionSetId = {} AND AssigneeId = {}"
        if not self._reader.all(where(soql, held, user)):
            body = {"PermissionSetId": held, "AssigneeId": user}
            self._client.create("sobjects/PermissionSetAssignment", body).record(writes=True)

    def _sent(self, method: str, rows: Sequence[Mapping[str, Any]]) -> list[str]:
        """Write rows of FieldPermissions; what was refused, in Salesforce's words."""
        problems: list[str] = []
        for start in range(0, len(rows), BATCH):
            bodies = [{"attributes": {"type": "FieldPermissions"}, **row} for row in rows[start : start + BATCH]]
            items = self._client.collection(method, bodies).good()
            listed = items if isinstance(items, list) else []
            problems += [_first_error(one) for one in listed if isinstance(one, dict) and not one.get("success")]
            if len(listed) != len(bodies):
                raise Rejected("Salesforce did not answer for every permission. Run pql provision again.")
        return problems


def _first_error(said: Mapping[str, Any]) -> str:
    errors = said.get("errors")
    first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
    return fault_in(first).message or "Salesforce did not say why. Run pql provision again."


def _drift(field: Standard, column: Column) -> Iterator[str]:
    name, want = column.name, FORMS[field.type].type
    if column.form.type != want:
        yield f"{name} is of type {column.form.type}, not {want}. Rename or delete it, then run pql provision again."
        return
    if field.unique and not (column.unique and column.external_id):
        yield f"{name} must be an external ID with unique values. Change it in Setup, or delete it and provision again."
    if field.type in ("text", "long_text") and column.length < field.length:
        yield f"{name} holds {column.length} characters and should hold {field.length}. Make it longer in Setup."
    lacking = [value for value in field.choices if value not in column.values]
    if lacking:
        yield f"{name} lacks the values {', '.join(lacking)}. Add them to the picklist in Setup."


def _project(version: str) -> str:
    said = {"packageDirectories": [{"path": "force-app", "default": True}], "sourceApiVersion": version}
    return orjson.dumps(said, option=orjson.OPT_INDENT_2).decode()


def _readme() -> str:
    return (
        "# Fields of pqlsync for Salesforce\n\n"
        "1. `sf project deploy start` in this folder creates the fields, two permission sets and the list view.\n"
        f"2. Give `{SYNC}` to the integration user. {TEAM}\n"
        f"3. {MAPPING}\n"
    )
