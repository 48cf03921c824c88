"""
The batch verbs of associations (reading takes 1,000 inputs), and labels.

On the dated versions they answer 200 where v4 answers 201 or 204.
"""

from collections.abc import Sequence
from typing import Any

from connectors.sandbox.hubspot import shape
from connectors.sandbox.hubspot.associations import Associations, ends_of, shown
from connectors.sandbox.hubspot.batches import partial_status
from connectors.sandbox.hubspot.call import Call
from connectors.sandbox.hubspot.desk import Desk
from connectors.sandbox.hubspot.errors import Refusal, invalid, missing, not_found
from connectors.sandbox.hubspot.kinds import ASSOCIATIONS, PRIMARY, Kind
from connectors.sandbox.state import Change, Doc, Link
from connectors.sandbox.wire import Reply


class Links:
    """Answers `/associations/{from}/{to}/...`."""

    def __init__(self, desk: Desk, associations: Associations) -> None:
        self._desk = desk
        self._state = desk.state
        self._associations = associations

    def answer(self, call: Call) -> Reply:
        """Find the verb by the tail of the path."""
        if len(call.rest) < 3:
            raise missing()
        left, right = self._desk.kind(call.rest[0]), self._desk.kind(call.rest[1])
        tail = "/".join(call.rest[2:])
        if tail == "labels":
            return self._labels(call, left, right)
        verbs = {
            "batch/create": self._create,
            "batch/read": self._read,
            "batch/archive": self._archive,
            "batch/associate/default": self._default,
            "batch/labels/archive": self._archive_labels,
        }
        if tail not in verbs or call.method != "POST":
            raise missing()
        return verbs[tail](call, left, right)

    def _create(self, call: Call, left: Kind, right: Kind) -> Reply:
        results, errors = [], []
        for one in call.inputs():
            try:
                ends = self._associations.verify((left, ends_of(one)[0], right, ends_of(one)[1]))
                types = one.get("types") or []
                self._associations.known(left, right, types)
            except Refusal as refusal:
                errors.append(refusal.entry("listed"))
                continue
            links = [
                link
                for each in types
                for link in self._associations.pair(ends, each["associationCategory"], int(each["associationTypeId"]))
            ]
            if links:
                self._desk.apply([self._associations.linked(links)], call.actor)
            results.append(_told(left, right, ends, links))
        return self._answered(call, results, errors, 200 if call.dated else 201)

    def _default(self, call: Call, left: Kind, right: Kind) -> Reply:
        results: list[dict[str, Any]] = []
        errors = []
        for one in call.inputs():
            try:
                ends = self._associations.verify((left, ends_of(one)[0], right, ends_of(one)[1]))
            except Refusal as refusal:
                errors.append(refusal.entry("listed"))
                continue
            links = self._associations.default(*ends)
            self._desk.apply([self._associations.linked(links)], call.actor)
            results += [
                {
                    "from": {"id": link.from_id},
                    "to": {"id": link.to_id},
                    "associationSpec": {"associationCategory": link.category, "associationTypeId": link.type},
                }
                for link in links
            ]
        return self._answered(call, results, errors, 200)

    def _read(self, call: Call, left: Kind, right: Kind) -> Reply:
        asked = [str(one.get("id", "")) for one in call.inputs(1000)]
        rows = self._desk.rows(left, asked)
        found = self._associations.between(left, [row.id for row in rows.values()], right)
        results, lacking = [], []
        for record in asked:
            row = rows.get(record)
            ends = found.get(row.id, {}) if row else {}
            if row is None or not ends:
                lacking.append(record)
                continue
            to = [
                {"toObjectId": _number(to), "associationTypes": [shown(link) for link in links]}
                for to, links in ends.items()
            ]
            results.append({"from": {"id": row.id}, "to": to})
        errors = []
        if lacking:
            refusal = not_found(left.name, lacking)
            refusal.message = f"No {right.name} is associated with {left.name} {', '.join(lacking)}."
            refusal.sub_category = "crm.associations.NO_ASSOCIATIONS_FOUND"
            refusal.context = {"fromObjectId": lacking}
            errors = [refusal.entry("listed")]
        return self._answered(call, shape.shuffled(self._desk, results), errors, 200)

    def _archive(self, call: Call, left: Kind, right: Kind) -> Reply:
        for one in call.inputs():
            targets = one.get("to") or []
            for to in targets if isinstance(targets, list) else [targets]:
                source = str(one["from"]["id"])
                ends = (left, self._desk.survivor(left.name, source), right, self._desk.survivor(right.name, str(to["id"])))
                self._associations.archive(ends, call.actor)
        return self._emptied(call)

    def _archive_labels(self, call: Call, left: Kind, right: Kind) -> Reply:
        for one in call.inputs():
            ends = (left, ends_of(one)[0], right, ends_of(one)[1])
            links = [
                link
                for each in one.get("types") or []
                for link in self._associations.pair(ends, each["associationCategory"], int(each["associationTypeId"]))
            ]
            if links:
                self._desk.apply([self._associations.unlinked(links)], call.actor)
        return self._emptied(call)

    def _emptied(self, call: Call) -> Reply:
        now = self._state.now()
        return Reply(200, shape.batch([], now, now)) if call.dated else Reply(204)

    def _answered(self, call: Call, results: list[Any], errors: list[Any], good: int) -> Reply:
        now = self._state.now()
        body = shape.batch(results, now, now)
        if not errors:
            return Reply(good, body)
        status = good if partial_status(self._desk, call) == "plain" else 207
        return Reply(status, {**body, "numErrors": len(errors), "errors": errors})

    def _labels(self, call: Call, left: Kind, right: Kind) -> Reply:
        if call.method == "POST":
            return self._add_label(call, left, right)
        if call.method != "GET":
            raise missing()
        defined = [
            {"category": "HUBSPOT_DEFINED", "typeId": one, "label": "Primary" if one in PRIMARY else None}
            for one in ASSOCIATIONS.get((left.name, right.name), ())
        ]
        own = [
            {"category": "USER_DEFINED", "typeId": body["typeId"], "label": body["label"]}
            for body in self._state.docs("association_label").values()
            if (body["from"], body["to"]) == (left.name, right.name)
        ]
        return Reply(200, {"results": [*defined, *own]})

    def _add_label(self, call: Call, left: Kind, right: Kind) -> Reply:
        body = call.body()
        if not body.get("name") or not body.get("label"):
            raise invalid("Some required fields were not set: [name, label]")
        docs = []
        for sides in ((left, right), (right, left)):
            type_id = self._state.next("association_label")
            label = {
                "from": sides[0].name,
                "to": sides[1].name,
                "name": body["name"],
                "label": body["label"],
                "typeId": type_id,
            }
            docs.append(Doc("association_label", str(type_id), label))
        after = {"from": left.name, "to": right.name, "label": body["label"]}
        self._desk.apply([Change("create", "association_label", docs[0].key, None, after, docs=docs)], call.actor)
        results = [{"category": "USER_DEFINED", "typeId": doc.body["typeId"], "label": doc.body["label"]} for doc in docs]
        return Reply(200, {"results": results})


def _told(left: Kind, right: Kind, ends: tuple[Kind, str, Kind, str], links: Sequence[Link]) -> dict[str, Any]:
    return {
        "fromObjectTypeId": left.type_id,
        "fromObjectId": _number(ends[1]),
        "toObjectTypeId": right.type_id,
        "toObjectId": _number(ends[3]),
        "labels": [link.label for link in links[::2] if link.label],
    }


def _number(record: str) -> int | str:
    return int(record) if record.isdecimal() else record
