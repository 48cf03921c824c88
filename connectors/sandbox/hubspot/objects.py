"""
Single records: list, create, read, update, archive, merge, gdpr-delete, and the associations of one record.

Decided here: what each of these answers. Batches and search have files of their own.
"""

from typing import Any

from connectors.sandbox.hubspot import shape
from connectors.sandbox.hubspot.associations import Associations, shown
from connectors.sandbox.hubspot.automation import Automation
from connectors.sandbox.hubspot.call import Call
from connectors.sandbox.hubspot.desk import STRICTEST, Desk, Writing
from connectors.sandbox.hubspot.errors import invalid, missing, not_found
from connectors.sandbox.hubspot.kinds import ASSOCIATIONS, PRIMARY, Kind
from connectors.sandbox.state import Change, Link, Row
from connectors.sandbox.wire import Reply


class Objects:
    """Answers `/{type}` and `/{type}/{id}`."""

    def __init__(self, desk: Desk, associations: Associations, automation: Automation) -> None:
        self._desk = desk
        self._state = desk.state
        self._associations = associations
        self._automation = automation

    def collection(self, call: Call, kind: Kind) -> Reply:
        if call.method == "GET":
            return self._list(call, kind)
        if call.method == "POST":
            return self._create(call, kind)
        raise missing()

    def _list(self, call: Call, kind: Kind) -> Reply:
        limit = call.number("limit", 10, 100)
        archived = call.flag("archived")
        rows = self._state.listing(kind.name, call.start(), limit + 1, archived=archived)
        results = [self._read(call, kind, row) for row in rows[:limit]]
        more = str(rows[limit - 1].rank) if len(rows) > limit else None
        return Reply(200, shape.page(results, more, call.request.path))

    def _read(self, call: Call, kind: Kind, row: Row) -> dict[str, Any]:
        call.refuse_history(call.words("propertiesWithHistory"))
        body = shape.read(self._desk, kind, row, call.words("properties"))
        wanted = [self._desk.kind(word) for word in call.words("associations")]
        found: dict[str, Any] = {}
        for other in wanted:
            ends = self._associations.between(kind, [row.id], other).get(row.id, {})
            names = [{"id": to, "type": _old_name(link)} for to, links in ends.items() for link in links]
            if names:
                found[other.plural] = {"results": names}
        return {**body, "associations": found} if found else body

    def _create(self, call: Call, kind: Kind) -> Reply:
        body = call.body()
        call.actor.inputs = 1
        links = self._associations.asked(kind, body.get("associations") or [])
        writing = Writing(kind, call.version, call.actor)
        draft = self._desk.create(writing, _properties(body), links)
        self._desk.apply([draft.change], call.actor)
        self._automation.follow(kind, [draft], call.actor)
        return Reply(201, shape.record(draft.row, draft.echo))

    def one(self, call: Call, kind: Kind, record: str) -> Reply:
        """Read, update or archive one record, by id or by a unique property."""
        archived = call.flag("archived")
        row = self._found(kind, record, call.request.one("idProperty"), archived=archived)
        if call.method == "DELETE":
            call.actor.inputs = 1
            if row is not None:
                self._desk.apply([self._desk.archive(row)], call.actor)
            return Reply(204)
        if row is None:
            raise missing() if call.method == "GET" else not_found(kind.name, [record])
        if call.method == "GET":
            return Reply(200, self._read(call, kind, row))
        if call.method == "PATCH":
            return self._update(call, kind, row)
        raise missing()

    def _found(self, kind: Kind, record: str, named: str, *, archived: bool) -> Row | None:
        if named:
            row = self._desk.lookup(kind, named, [record]).get(record)
        else:
            row = self._desk.rows(kind, [record], archived=archived).get(record)
        if row is None and self._state.switch("lenient"):
            now = self._state.now()
            return Row(kind.name, record, {}, now, now)
        return row

    def _update(self, call: Call, kind: Kind, row: Row) -> Reply:
        call.actor.inputs = 1
        draft = self._desk.update(Writing(kind, call.version, call.actor), row, _properties(call.body()))
        self._desk.apply([draft.change], call.actor)
        self._automation.follow(kind, [draft], call.actor)
        return Reply(200, shape.record(draft.row, draft.echo))

    def merge(self, call: Call, kind: Kind) -> Reply:
        """Merge two records; a call cannot undo it."""
        if not kind.mergeable:
            raise missing()
        body = call.body()
        primary, other = str(body.get("primaryObjectId", "")), str(body.get("objectIdToMerge", ""))
        call.actor.inputs = 1
        rows = self._desk.rows(kind, [primary, other])
        if self._state.switch("lenient") and len(rows) < 2:
            now = self._state.now()
            return Reply(200, shape.record(Row(kind.name, primary, {}, now, now), {}))
        for one in (primary, other):
            if one not in rows:
                raise not_found(kind.name, [one])
        if rows[primary].id == rows[other].id:
            raise invalid("Cannot merge a record with itself.")
        changes = self._desk.merge(kind, rows[primary], rows[other])
        self._desk.apply(changes, call.actor)
        merged = changes[-1].row
        if merged is None:
            raise missing()
        return Reply(200, shape.read(self._desk, kind, merged, list(merged.properties)))

    def gdpr_delete(self, call: Call, kind: Kind) -> Reply:
        """Delete for good and block the address, known or not."""
        body = call.body()
        record = str(body.get("objectId", ""))
        call.actor.inputs = 1
        row = self._found(kind, record, str(body.get("idProperty") or ""), archived=False)
        email = row.properties.get("email", "") if row else (record if body.get("idProperty") == "email" else "")
        changes = [Change("purge", kind.name, row.id, {"email": email}, None, purge=True)] if row else []
        self._desk.apply(changes, call.actor)
        return Reply(204)

    # associations of one record

    def associations(self, call: Call, kind: Kind, record: str, rest: tuple[str, ...]) -> Reply:
        """Answer `/{type}/{id}/associations/...`: list, set with labels, default, remove."""
        if rest[:1] == ("default",) and len(rest) == 3 and call.method == "PUT":
            return self._default(call, kind, record, rest[1:])
        other = self._desk.kind(rest[0]) if rest else None
        if other is None:
            raise missing()
        if len(rest) == 1 and call.method == "GET" and call.version != STRICTEST:  # the newest version has batch/read only
            return self._linked(call, kind, record, other)
        if len(rest) != 2 or call.method not in ("PUT", "DELETE"):
            raise missing()
        call.actor.inputs = 1
        ends = self._associations.verify((kind, record, other, rest[1]))
        if call.method == "DELETE":
            self._associations.archive(ends, call.actor)
            return Reply(204)
        types = call.request.json()
        if not isinstance(types, list):
            raise invalid("Send a list of association types.")
        self._associations.known(kind, other, types)
        links = [
            link
            for one in types
            for link in self._associations.pair(ends, one["associationCategory"], int(one["associationTypeId"]))
        ]
        if links:
            self._desk.apply([self._associations.linked(links)], call.actor)
        body = {
            "fromObjectTypeId": kind.type_id,
            "fromObjectId": ends[1],
            "toObjectTypeId": other.type_id,
            "toObjectId": ends[3],
        }
        return Reply(201, {**body, "labels": [link.label for link in links[::2] if link.label]})

    def _default(self, call: Call, kind: Kind, record: str, to: tuple[str, ...]) -> Reply:
        call.actor.inputs = 1
        ends = self._associations.verify((kind, record, self._desk.kind(to[0]), to[1]))
        links = self._associations.default(*ends)
        self._desk.apply([self._associations.linked(links)], call.actor)
        now = self._state.now()
        return Reply(200, shape.batch([_default_item(link) for link in links], now, now))

    def _linked(self, call: Call, kind: Kind, record: str, other: Kind) -> Reply:
        limit, start = call.number("limit", 500, 500), call.start()
        asked = self._desk.rows(kind, [record]).get(record)
        if asked is None and not self._state.switch("lenient"):
            raise missing()
        found = self._associations.between(kind, [asked.id], other).get(asked.id, {}) if asked else {}
        ids = sorted(found, key=lambda one: (len(one), one))
        results = [
            {"toObjectId": int(to) if to.isdecimal() else to, "associationTypes": [shown(link) for link in found[to]]}
            for to in ids[start : start + limit]
        ]
        more = str(start + limit) if len(ids) > start + limit else None
        return Reply(200, shape.page(results, more, call.request.path))


def _old_name(link: Link) -> str:
    """Return an association type as v3 names it; where there is a primary one, the other is the unlabelled."""
    name = f"{link.from_object}_to_{link.to_object}"
    if link.label and link.type not in PRIMARY:
        return link.label.lower().replace(" ", "_")
    plain = len(ASSOCIATIONS.get((link.from_object, link.to_object), ())) > 1 and link.type not in PRIMARY
    return f"{name}_unlabeled" if plain else name


def _default_item(link: Link) -> dict[str, Any]:
    spec = {"associationCategory": link.category, "associationTypeId": link.type}
    return {"from": {"id": link.from_id}, "to": {"id": link.to_id}, "associationSpec": spec}


def _properties(body: dict[str, Any]) -> dict[str, Any]:
    properties = body.get("properties")
    if not isinstance(properties, dict):
        raise invalid("Some required fields were not set: [properties]")
    return properties
