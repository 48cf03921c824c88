"""
Filling a portal: what a new one has, and what a seed adds as if it had always been there.

Decided here: the form of a seed. `records` may name themselves with `ref`, which associations and later seeds can point to.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from connectors.sandbox.hubspot import rules
from connectors.sandbox.hubspot.associations import Associations
from connectors.sandbox.hubspot.desk import FIRST_ID, Desk
from connectors.sandbox.hubspot.kinds import BY_WORD, Kind
from connectors.sandbox.hubspot.owners import Owners
from connectors.sandbox.hubspot.schema import BORN, FIELD_TYPES, options
from connectors.sandbox.hubspot.values import EPOCH, moment
from connectors.sandbox.state import Change, Doc, Link, Row
from connectors.sandbox.wire import Actor

PORTAL = 24_000_042


class Seeds:
    """Stores without asking rules; unknown properties are made on the way, as text."""

    def __init__(self, desk: Desk, associations: Associations, owners: Owners) -> None:
        self._desk = desk
        self._state = desk.state
        self._associations = associations
        self._owners = owners

    def install(self) -> None:
        docs = [Doc("account", "portal", PORTAL), Doc("account", "installed", body=True)]
        self._state.keep(*docs)

    def seed(self, doc: Mapping[str, Any]) -> dict[str, Any]:
        """Store owners, object types, properties and records; return the ids in the order given."""
        unknown = set(doc) - {"records", "owners", "object_types", "properties"}
        if unknown:
            raise ValueError(f"A seed has records, owners, object_types, properties; not {', '.join(sorted(unknown))}.")
        actor = Actor("seed")
        with self._state.lock:
            owners = [self._owners.made(one) for one in doc.get("owners", ())]
            self._state.keep(*owners)
            for one in doc.get("object_types", ()):
                self._state.keep(_object_type(one))
            for one in doc.get("properties", ()):
                self._property(self._desk.kind(str(one["object"])), one)
            records = self._records(doc.get("records", ()), actor)
        return {"owners": {one.body["email"]: one.key for one in owners}, "records": records}

    def _records(self, docs: Any, actor: Actor) -> list[dict[str, str]]:
        refs = {key: (body["object"], body["id"]) for key, body in self._state.docs("ref").items()}
        rows: list[Row] = []
        keep: list[Doc] = []
        for one in docs:
            row = self._row(self._kind(str(one["object"])), one)
            rows.append(row)
            if one.get("ref"):
                refs[str(one["ref"])] = (row.object, row.id)
                keep.append(Doc("ref", str(one["ref"]), {"object": row.object, "id": row.id}))
        changes = []
        for one, row in zip(docs, rows, strict=True):
            links = [link for to in one.get("associations") or () for link in self._links(row, to, refs)]
            key = self._desk.key(row.object, row.properties)
            lookups = self._desk.lookups(row.object, row.properties)
            after = self._desk.noted(row.properties, links)
            changes.append(Change("seed", row.object, row.id, None, after, key, row, lookups, link=links))
        self._state.keep(*keep)
        self._state.apply(changes, actor)
        return [{"object": row.object, "id": row.id} for row in rows]

    def _kind(self, word: str) -> Kind:
        if word.lower() not in BY_WORD and word.startswith("2-") and self._state.doc("object_type", word) is None:
            self._state.keep(_object_type({"id": word, "name": f"object_{word}"}))
        return self._desk.kind(word)

    def _row(self, kind: Kind, one: Mapping[str, Any]) -> Row:
        record = str(one.get("id") or self._state.next("record", FIRST_ID))
        if record.isdecimal() and int(record) >= FIRST_ID:
            self._state.at_least("record", int(record))
        now = self._state.now()
        sent = {name: _word(value) for name, value in (one.get("properties") or {}).items() if value is not None}
        if "email" in sent:
            sent["email"] = sent["email"].lower()
        stamps = [_stamp(sent.pop(name, None)) for name in (kind.created, kind.modified)]
        owner = sent.get("hubspot_owner_id", "")
        if "@" in owner:
            sent["hubspot_owner_id"] = self._owner(owner)
        for name in sent:
            if name not in self._desk.definitions(kind.name):
                self._property(kind, {"name": name})
        created = stamps[0] or now
        values = {**rules.computed(kind, sent, record, created), **sent}
        return Row(kind.name, record, values, created, stamps[1] or stamps[0] or now, bool(one.get("archived")))

    def _owner(self, email: str) -> str:
        for owner in self._state.docs("owner").values():
            if owner["email"] == email.lower():
                return str(owner["id"])
        raise ValueError(f"No owner has the e-mail {email}. Seed the owners first.")

    def _links(self, row: Row, to: Mapping[str, Any], refs: Mapping[str, tuple[str, str]]) -> list[Link]:
        if "ref" in to:
            if str(to["ref"]) not in refs:
                raise ValueError(f"No record has the ref {to['ref']!r}.")
            name, record = refs[str(to["ref"])]
        else:
            name, record = self._desk.kind(str(to["object"])).name, str(to["id"])
        ends = (self._desk.kind(row.object), row.id, self._desk.kind(name), record)
        if "type" in to:
            return self._associations.pair(ends, str(to.get("category", "HUBSPOT_DEFINED")), int(to["type"]))
        return self._associations.default(*ends)

    def _property(self, kind: Kind, one: Mapping[str, Any]) -> None:
        name, type_ = str(one["name"]), str(one.get("type", "string"))
        body = {
            "name": name,
            "label": one.get("label", name),
            "type": type_,
            "fieldType": one.get("fieldType", FIELD_TYPES[type_][0]),
            "description": "",
            "groupName": one.get("groupName", f"{kind.name}information"),
            "options": options(one.get("options") or (("true", "false") if type_ == "bool" else ())),
            "displayOrder": -1,
            "calculated": False,
            "externalOptions": False,
            "hasUniqueValue": bool(one.get("hasUniqueValue")),
            "hidden": False,
            "hubspotDefined": False,
            "archived": False,
            "formField": True,
            "modificationMetadata": {"archivable": True, "readOnlyDefinition": False, "readOnlyValue": False},
            "createdAt": BORN,
            "updatedAt": BORN,
        }
        self._state.keep(Doc(f"property:{kind.name}", name, body))


def _object_type(one: Mapping[str, Any]) -> Doc:
    name = str(one["name"])
    labels = one.get("labels", {"singular": name, "plural": f"{name}s"})
    body = {**one, "name": name, "labels": labels, "fullyQualifiedName": f"p{PORTAL}_{name}"}
    return Doc("object_type", str(one["id"]), body)


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _stamp(text: str | None) -> int | None:
    return None if not text else round((moment(text) - EPOCH) / timedelta(milliseconds=1))
