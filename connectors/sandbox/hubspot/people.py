"""
What people and HubSpot itself do meanwhile: edit, close, delete, merge, leave, revoke.

Decided here: the kinds of an act and what each needs. Their ledger rows carry the person's name, so that a test can tell
hands apart.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from connectors.sandbox.hubspot.definitions import Definitions
from connectors.sandbox.hubspot.desk import Desk, Writing
from connectors.sandbox.hubspot.errors import Refusal
from connectors.sandbox.hubspot.kinds import Kind
from connectors.sandbox.hubspot.schema import options
from connectors.sandbox.state import Change, Doc, Row, iso
from connectors.sandbox.wire import Actor

Act = Mapping[str, Any]


class People:
    """One method per kind of act; each returns what came of it."""

    def __init__(self, desk: Desk, definitions: Definitions) -> None:
        self._desk = desk
        self._state = desk.state
        self._definitions = definitions

    def act(self, doc: Act) -> dict[str, Any]:
        """Carry out one act; ValueError says what is missing or unknown."""
        kinds: Mapping[str, Callable[[Act, Actor], dict[str, Any]]] = {
            "edit": self._edit,
            "close": self._close,
            "delete": self._delete,
            "restore": self._restore,
            "merge": self._merge,
            "opt_out": self._opt_out,
            "log_activity": self._log_activity,
            "deactivate_owner": self._deactivate,
            "activate_owner": self._activate,
            "drop_field": self._drop_field,
            "edit_field": self._edit_field,
            "require_field": self._require_field,
            "revoke_token": self._revoke,
            "grant_token": self._grant,
            "revoke_scope": self._revoke_scope,
            "grant_scope": self._grant_scope,
        }
        kind = str(doc.get("kind"))
        if kind == "convert":
            raise ValueError("HubSpot converts no leads; act convert is for Salesforce.")
        if kind not in kinds:
            raise ValueError(f"There is no act {kind!r}. Known: {', '.join(kinds)}.")
        with self._state.lock:
            try:
                return kinds[kind](doc, Actor(str(doc.get("actor", "person"))))
            except Refusal as refusal:
                raise ValueError(
                    f"{refusal.message} {[wrong.message for wrong in refusal.wrongs] or ''}".strip()
                ) from refusal

    def _target(self, doc: Act, *, archived: bool = False) -> tuple[Kind, Row]:
        """Return the record an act names: by id, or by key for what we made ourselves."""
        kind = self._desk.kind(str(doc.get("object", "contact")))
        record = str(doc.get("id", ""))
        if not record:
            for name in self._desk.unique(kind.name):
                wanted = (
                    str(doc.get(name, doc.get("key", ""))).lower()
                    if name == "email"
                    else str(doc.get(name, doc.get("key", "")))
                )
                found = self._state.find(kind.name, name, [wanted]).get(wanted)
                record = found[0] if found else record
        row = self._desk.rows(kind, [record], archived=archived).get(record)
        if row is None:
            raise ValueError(f"There is no {kind.name} {record or doc.get('key') or doc.get('email')!r}.")
        return kind, row

    def _edit(self, doc: Act, actor: Actor) -> dict[str, Any]:
        kind, row = self._target(doc)
        properties = dict(doc["properties"])
        if "@" in str(properties.get("hubspot_owner_id", "")):
            properties["hubspot_owner_id"] = self._owner({"email": properties["hubspot_owner_id"]})["id"]
        draft = self._desk.update(Writing(kind, "v3", actor), row, properties)
        self._desk.apply([draft.change], actor)
        return {"object": kind.name, "id": row.id}

    def _close(self, doc: Act, actor: Actor) -> dict[str, Any]:
        closed = {
            "task": {"hs_task_status": "COMPLETED"},
            "deal": {"dealstage": "closedwon" if doc.get("won", True) else "closedlost"},
        }
        name = self._desk.kind(str(doc.get("object", "task"))).name
        if name not in closed:
            raise ValueError("A task or a deal can be closed.")
        return self._edit({**doc, "object": name, "properties": closed[name]}, actor)

    def _delete(self, doc: Act, actor: Actor) -> dict[str, Any]:
        kind, row = self._target(doc)
        self._desk.apply([self._desk.archive(row)], actor)
        return {"object": kind.name, "id": row.id}

    def _restore(self, doc: Act, actor: Actor) -> dict[str, Any]:
        kind, row = self._target(doc, archived=True)
        back = Row(row.object, row.id, row.properties, row.created, self._state.now())
        lookups = self._desk.lookups(row.object, row.properties)
        key = self._desk.key(row.object, row.properties)
        self._desk.apply([Change("restore", row.object, row.id, None, row.properties, key, back, lookups)], actor)
        return {"object": kind.name, "id": row.id}

    def _merge(self, doc: Act, actor: Actor) -> dict[str, Any]:
        kind, primary = self._target(doc)
        other = self._desk.rows(kind, [str(doc["into_it"])]).get(str(doc["into_it"])) if "into_it" in doc else None
        if other is None:
            raise ValueError("merge needs id (the one that stays in front) and into_it (the one that is merged into it).")
        if other.id == primary.id:
            raise ValueError("A record is not merged with itself.")
        changes = self._desk.merge(kind, primary, other)
        self._desk.apply(changes, actor)
        return {"object": kind.name, "id": changes[-1].id, "merged": [primary.id, other.id]}

    def _opt_out(self, doc: Act, actor: Actor) -> dict[str, Any]:
        return self._edit({**doc, "properties": {"hs_email_optout": "true"}}, actor)

    def _log_activity(self, doc: Act, actor: Actor) -> dict[str, Any]:
        """A call or an e-mail of a person moves the time stamps that only HubSpot writes."""
        kind, row = self._target(doc)
        now = self._state.now()
        stamps = dict.fromkeys(("notes_last_contacted", "notes_last_updated", "hs_last_sales_activity_timestamp"), iso(now))
        self._desk.apply([self._desk.rewritten("update", row, stamps, now).change], actor)
        return {"object": kind.name, "id": row.id}

    # owners, fields, tokens

    def _owner(self, doc: Act) -> dict[str, Any]:
        for owner in self._state.docs("owner").values():
            if str(doc.get("id", "")) == owner["id"] or str(doc.get("email", "")).lower() == owner["email"]:
                return dict(owner)
        raise ValueError(f"There is no owner {doc.get('email') or doc.get('id')!r}.")

    def _deactivate(self, doc: Act, actor: Actor) -> dict[str, Any]:
        return self._turned(self._owner(doc), actor, archived=True)

    def _activate(self, doc: Act, actor: Actor) -> dict[str, Any]:
        return self._turned(self._owner(doc), actor, archived=False)

    def _turned(self, owner: dict[str, Any], actor: Actor, *, archived: bool) -> dict[str, Any]:
        user = None if archived else owner["userIdIncludingInactive"]
        turned = {**owner, "archived": archived, "userId": user, "updatedAt": iso(self._state.now())}
        before, after = {"archived": owner["archived"]}, {"archived": archived}
        docs = [Doc("owner", owner["id"], turned)]
        self._desk.apply([Change("update", "owner", owner["id"], before, after, docs=docs)], actor)
        return {"owner": owner["id"], "archived": archived}

    def _drop_field(self, doc: Act, actor: Actor) -> dict[str, Any]:
        kind, name = self._desk.kind(str(doc["object"])), str(doc["name"])
        if name not in self._state.docs(f"property:{kind.name}"):
            raise ValueError(f"{kind.name} has no property {name!r} of the portal's own.")
        self._definitions.archive(kind, name, actor)
        return {"object": kind.name, "name": name}

    def _edit_field(self, doc: Act, actor: Actor) -> dict[str, Any]:
        """An admin changes a property: read_only, options, label or type; nothing that records hold is converted."""
        kind, name = self._desk.kind(str(doc["object"])), str(doc["name"])
        found = self._desk.definitions(kind.name).get(name)
        if found is None:
            raise ValueError(f"{kind.name} has no property {name!r}.")
        news = {key: doc[key] for key in ("label", "type", "fieldType") if key in doc}
        if "options" in doc:
            news["options"] = options(doc["options"])
        if "read_only" in doc:
            news["modificationMetadata"] = {**found["modificationMetadata"], "readOnlyValue": bool(doc["read_only"])}
        docs = [Doc(f"property:{kind.name}", name, {**found, **news, "updatedAt": iso(self._state.now())})]
        before = {key: found.get(key) for key in news}
        self._desk.apply([Change("update", "property", f"{kind.name}.{name}", before, news, docs=docs)], actor)
        return {"object": kind.name, "name": name}

    def _require_field(self, doc: Act, actor: Actor) -> dict[str, Any]:
        """An admin insists on a property: of new records, or of all whose `if_property` has the value `is`."""
        kind, name = self._desk.kind(str(doc["object"])).name, str(doc["name"])
        if "if_property" in doc:
            rule = {"object": kind, "property": doc["if_property"], "value": doc["is"], "then": [name]}
            docs = [Doc("switch", "conditional_required", [*self._state.switch("conditional_required", ()), rule])]
        else:
            known = self._state.switch("required_properties", {})
            docs = [Doc("switch", "required_properties", {**known, kind: [*known.get(kind, ()), name]})]
        self._desk.apply([Change("require", "property", f"{kind}.{name}", None, None, docs=docs)], actor)
        return {"object": kind, "name": name}

    def _revoke_scope(self, doc: Act, actor: Actor) -> dict[str, Any]:
        return self._scopes(actor, lambda missing: {*missing, str(doc["scope"])})

    def _grant_scope(self, doc: Act, actor: Actor) -> dict[str, Any]:
        return self._scopes(actor, lambda missing: set(missing) - {str(doc["scope"])})

    def _scopes(self, actor: Actor, change: Callable[[Iterable[str]], set[str]]) -> dict[str, Any]:
        missing = sorted(change(self._state.doc("account", "missing_scopes") or ()))
        docs = [Doc("account", "missing_scopes", missing)]
        self._desk.apply([Change("update", "token", "", None, {"missing_scopes": missing}, docs=docs)], actor)
        return {"missing": missing}

    def _revoke(self, doc: Act, actor: Actor) -> dict[str, Any]:  # noqa: ARG002  all acts are called alike
        return self._token(actor, revoked=True)

    def _grant(self, doc: Act, actor: Actor) -> dict[str, Any]:  # noqa: ARG002  all acts are called alike
        return self._token(actor, revoked=False)

    def _token(self, actor: Actor, *, revoked: bool) -> dict[str, Any]:
        docs = [Doc("account", "revoked", revoked)]
        self._desk.apply([Change("revoke" if revoked else "grant", "token", "", None, None, docs=docs)], actor)
        return {"revoked": revoked}
