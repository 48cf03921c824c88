"""
The properties API: read, create, change and archive properties and their groups.

Decided here: which definitions are taken. `hasUniqueValue` is set at creation or never, and ten per object is the most.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from connectors.sandbox.hubspot import shape
from connectors.sandbox.hubspot.batches import partial_status
from connectors.sandbox.hubspot.call import Call
from connectors.sandbox.hubspot.desk import Desk
from connectors.sandbox.hubspot.errors import VALIDATION, Refusal, invalid, missing
from connectors.sandbox.hubspot.kinds import Kind
from connectors.sandbox.hubspot.schema import FIELD_TYPES, options
from connectors.sandbox.state import Change, Doc, iso
from connectors.sandbox.wire import Reply

MOST_UNIQUE = 10
REQUIRED = ("name", "label", "groupName", "type", "fieldType")
Body = Mapping[str, Any]


class Definitions:
    """Answers `/properties/{type}/...`."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._state = desk.state

    def answer(self, call: Call) -> Reply:
        """Find the verb by the rest of the path."""
        if not call.rest:
            raise missing()
        kind = self._desk.kind(call.rest[0])
        tail = call.rest[1:]
        if tail[:1] == ("groups",):
            return self._groups(call, kind, tail[1:])
        if tail[:1] == ("batch",) and len(tail) == 2 and call.method == "POST":
            return self._batch(call, kind, tail[1])
        if not tail:
            return self._collection(call, kind)
        if len(tail) == 1:
            return self._one(call, kind, tail[0])
        raise missing()

    def _collection(self, call: Call, kind: Kind) -> Reply:
        if call.method == "GET":
            archived = call.flag("archived")
            if archived:
                return Reply(200, {"results": list(self._state.docs(f"archived_property:{kind.name}").values())})
            return Reply(200, {"results": list(self._desk.definitions(kind.name).values())})
        if call.method != "POST":
            raise missing()
        call.actor.inputs = 1
        return Reply(201, self._create(call, kind, call.body()))

    def _one(self, call: Call, kind: Kind, name: str) -> Reply:
        found = self._desk.definitions(kind.name).get(name)
        if found is None and call.method == "DELETE":
            return Reply(204)
        if found is None:
            raise missing(f"Property {name} does not exist")
        if call.method == "GET":
            return Reply(200, found)
        call.actor.inputs = 1
        if found["hubspotDefined"]:
            raise Refusal(400, VALIDATION, f"{name} is defined by HubSpot and cannot be changed.")
        if call.method == "DELETE":
            self.archive(kind, name, call.actor)
            return Reply(204)
        if call.method == "PATCH":
            return Reply(200, self._change(call, kind, found, call.body()))
        raise missing()

    # creating

    def _create(self, call: Call, kind: Kind, doc: Body) -> dict[str, Any]:
        self._check(call, kind, doc)
        now = iso(self._state.now())
        body = {
            "description": "",
            "displayOrder": -1,
            "hidden": False,
            "formField": False,
            "hasUniqueValue": False,
            **{name: value for name, value in doc.items() if value is not None},
            "options": _options(doc),
            "calculated": False,
            "externalOptions": bool(doc.get("externalOptions")),
            "hubspotDefined": False,
            "archived": False,
            "modificationMetadata": {"archivable": True, "readOnlyDefinition": False, "readOnlyValue": False},
            "createdAt": now,
            "updatedAt": now,
        }
        docs = [Doc(f"property:{kind.name}", str(doc["name"]), body)]
        key = f"{kind.name}.{doc['name']}"
        self._desk.apply([Change("create", "property", key, None, dict(doc), docs=docs)], call.actor)
        return body

    def _check(self, call: Call, kind: Kind, doc: Body) -> None:
        lacking = [name for name in REQUIRED if not doc.get(name)]
        if lacking:
            raise invalid(f"Some required fields were not set: {lacking}")
        name = str(doc["name"])
        if name in self._desk.definitions(kind.name):
            message = f'A property named "{name}" already exists on {kind.type_id}.'
            raise Refusal(409, "OBJECT_ALREADY_EXISTS", message, sub_category="Properties.PROPERTY_EXISTS")
        if not re.fullmatch(r"[a-z][a-z0-9_-]*", name):
            raise invalid(f"{name} is no property name: begin with a letter, then lower case letters, digits, _ or -.")
        if doc["groupName"] not in self._group_names(kind):
            raise invalid(f"The property group {doc['groupName']} does not exist.")
        if doc["fieldType"] not in FIELD_TYPES.get(str(doc["type"]), ()):
            raise invalid(f"fieldType {doc['fieldType']} does not fit type {doc['type']}.")
        self._check_options(call, doc)
        if doc.get("hasUniqueValue"):
            self._check_unique(kind, doc)

    def _check_options(self, call: Call, doc: Body) -> None:
        if doc["type"] == "bool":
            values = {str(one.get("value")) for one in doc.get("options") or ()}
            if values and values != {"true", "false"}:
                raise invalid("A bool property has the options true and false.")
        for option in doc.get("options") or ():
            needed = ("label", "value", "hidden", "displayOrder") if call.version == "2026-09" else ("label", "value")
            lacking = [name for name in needed if name not in option]
            if lacking:
                raise invalid(f"Option {option.get('value')} lacks {lacking}.")

    def _check_unique(self, kind: Kind, doc: Body) -> None:
        if doc["type"] not in ("string", "number"):
            raise invalid("hasUniqueValue is for string and number properties only.")
        if kind.name == "task" and not self._state.switch("unique_on_tasks", True):
            raise invalid("Unique properties are not supported for object type 0-27.")
        own = [one for one in self._state.docs(f"property:{kind.name}").values() if one["hasUniqueValue"]]
        if len(own) >= MOST_UNIQUE:
            raise invalid(f"An object has at most {MOST_UNIQUE} unique properties.")

    # changing and archiving

    def _change(self, call: Call, kind: Kind, found: Body, doc: Body) -> dict[str, Any]:
        if "hasUniqueValue" in doc and bool(doc["hasUniqueValue"]) != found["hasUniqueValue"]:
            raise invalid("hasUniqueValue cannot be changed after a property was created.")
        if "type" in doc and doc["type"] != found["type"]:
            raise invalid(f"Property {found['name']} is of type {found['type']}; it cannot become {doc['type']}.")
        self._check_options(call, {"type": found["type"], **doc})
        body = {**found, **doc, "name": found["name"], "updatedAt": iso(self._state.now())}
        before = {name: found.get(name) for name in doc}
        docs = [Doc(f"property:{kind.name}", str(found["name"]), body)]
        change = Change("update", "property", f"{kind.name}.{found['name']}", before, dict(doc), docs=docs)
        self._desk.apply([change], call.actor)
        return body

    def archive(self, kind: Kind, name: str, actor: Any) -> None:
        """Take a property away; its values stay in the records, unseen."""
        body = dict(self._desk.definitions(kind.name)[name], archived=True)
        docs = [Doc(f"property:{kind.name}", name, None), Doc(f"archived_property:{kind.name}", name, body)]
        self._desk.apply([Change("archive", "property", f"{kind.name}.{name}", body, None, docs=docs)], actor)

    def _batch(self, call: Call, kind: Kind, verb: str) -> Reply:
        verbs: Mapping[str, Callable[[Body], Any]] = {
            "create": lambda one: self._create(call, kind, one),
            "read": lambda one: self._read(kind, str(one.get("name"))),
            "archive": lambda one: self._gone(call, kind, str(one.get("name"))),
        }
        if verb not in verbs:
            raise missing()
        results, errors = [], []
        started = self._state.now()
        for one in call.inputs():
            try:
                results.append(verbs[verb](one))
            except Refusal as refusal:
                errors.append({**refusal.entry("listed"), "context": {"name": [str(one.get("name"))]}})
        if verb == "archive":
            return Reply(204)
        body = shape.batch(results, started, self._state.now())
        good = 201 if verb == "create" and not call.dated else 200
        if not errors:
            return Reply(good, body)
        status = good if partial_status(self._desk, call) == "plain" else 207
        return Reply(status, {**body, "numErrors": len(errors), "errors": errors})

    def _read(self, kind: Kind, name: str) -> Any:
        found = self._desk.definitions(kind.name).get(name)
        if found is None:
            raise missing(f"Property {name} does not exist")
        return found

    def _gone(self, call: Call, kind: Kind, name: str) -> None:
        if name in self._state.docs(f"property:{kind.name}"):
            self.archive(kind, name, call.actor)

    # groups

    def _group_names(self, kind: Kind) -> list[str]:
        return [f"{kind.name}information", *self._state.docs(f"group:{kind.name}")]

    def _groups(self, call: Call, kind: Kind, rest: tuple[str, ...]) -> Reply:
        own = self._state.docs(f"group:{kind.name}")
        label = f"{kind.label} information"
        standard = {"name": f"{kind.name}information", "label": label, "displayOrder": 0, "archived": False}
        known: dict[str, Any] = {f"{kind.name}information": standard, **own}
        if call.method == "GET":
            if not rest:
                return Reply(200, {"results": list(known.values())})
            if rest[0] not in known:
                raise missing(f"Property group {rest[0]} does not exist")
            return Reply(200, known[rest[0]])
        call.actor.inputs = 1
        if call.method == "POST" and not rest:
            return Reply(201, self._create_group(call, kind, known))
        if call.method == "DELETE" and rest and rest[0] in own:
            docs = [Doc(f"group:{kind.name}", rest[0], None)]
            self._desk.apply(
                [Change("archive", "group", f"{kind.name}.{rest[0]}", own[rest[0]], None, docs=docs)], call.actor
            )
            return Reply(204)
        raise missing()

    def _create_group(self, call: Call, kind: Kind, known: Mapping[str, Any]) -> dict[str, Any]:
        doc = call.body()
        if not doc.get("name") or not doc.get("label"):
            raise invalid("Some required fields were not set: [name, label]")
        if doc["name"] in known:
            raise Refusal(409, "OBJECT_ALREADY_EXISTS", f"Property group {doc['name']} already exists.")
        body = {"name": doc["name"], "label": doc["label"], "displayOrder": doc.get("displayOrder", -1), "archived": False}
        docs = [Doc(f"group:{kind.name}", str(doc["name"]), body)]
        self._desk.apply([Change("create", "group", f"{kind.name}.{doc['name']}", None, body, docs=docs)], call.actor)
        return body


def _options(doc: Body) -> list[dict[str, Any]]:
    given = doc.get("options") or []
    if doc["type"] == "bool" and not given:
        return options(("true", "false"))
    return [{"displayOrder": place, "hidden": False, **option} for place, option in enumerate(given)]
