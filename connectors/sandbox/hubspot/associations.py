"""
Associations: which links an input asks for, and the batch and single verbs around them.

Decided here: both directions are always kept together, and `default` picks the unlabelled type (a first company becomes
primary by itself).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.sandbox.hubspot.desk import Desk
from connectors.sandbox.hubspot.errors import Refusal, invalid, not_found
from connectors.sandbox.hubspot.kinds import ASSOCIATIONS, PRIMARY, Kind, backwards
from connectors.sandbox.state import Change, Link
from connectors.sandbox.wire import Actor

DEFINED = "HUBSPOT_DEFINED"


class Associations:
    """The links of one portal."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._state = desk.state

    def pair(self, ends: tuple[Kind, str, Kind, str], category: str, type_id: int) -> list[Link]:
        """Return a link and its reverse; an empty id stands for the record that is being created."""
        from_kind, from_id, to_kind, to_id = ends
        label = self._label(from_kind.name, to_kind.name, category, type_id)
        back = backwards(from_kind.name, to_kind.name, type_id) if category == DEFINED else self._reverse(type_id)
        return [
            Link(from_kind.name, from_id, to_kind.name, to_id, type_id, category, label),
            Link(to_kind.name, to_id, from_kind.name, from_id, back, category, label),
        ]

    def default(self, from_kind: Kind, from_id: str, to_kind: Kind, to_id: str) -> list[Link]:
        """Return the links of the unlabelled type; a first company becomes the primary one too."""
        types = ASSOCIATIONS.get((from_kind.name, to_kind.name)) or (self._own_type(from_kind, to_kind),)
        links = self.pair((from_kind, from_id, to_kind, to_id), DEFINED, types[0])
        if len(types) > 1 and not self._has_primary(from_kind, from_id, to_kind):
            links += self.pair((from_kind, from_id, to_kind, to_id), DEFINED, types[1])
        return links

    def asked(self, from_kind: Kind, associations: Sequence[Mapping[str, Any]]) -> list[Link]:
        """Return the links that a create brings along, or raise where a target is not there."""
        links: list[Link] = []
        for association in associations or ():
            to_id = str(association["to"]["id"])
            for one in association["types"]:
                to_kind = self._target(from_kind, one)
                row = self._desk.rows(to_kind, [to_id]).get(to_id)
                if row is None and not self._state.switch("lenient"):
                    raise not_found(to_kind.name, [to_id])
                to_id = row.id if row else to_id
                links += self.pair(
                    (from_kind, "", to_kind, to_id), one["associationCategory"], int(one["associationTypeId"])
                )
        return links

    def _target(self, from_kind: Kind, one: Mapping[str, Any]) -> Kind:
        type_id, category = int(one["associationTypeId"]), one["associationCategory"]
        for (left, right), types in ASSOCIATIONS.items():
            if left == from_kind.name and type_id in types and category == DEFINED:
                return self._desk.kind(right)
        for body in self._state.docs("association_label").values():
            if body["typeId"] == type_id and body["from"] == from_kind.name:
                return self._desk.kind(body["to"])
        if self._state.switch("lenient"):
            return from_kind
        raise invalid(f"association type id {type_id} doesn't exist between {from_kind.type_id} and another object")

    def _own_type(self, from_kind: Kind, to_kind: Kind) -> int:
        # Objects of the customer get their default ids from the portal; any stable number per pair will do.
        return 1000 + sum(f"{from_kind.type_id}>{to_kind.type_id}".encode())

    def _has_primary(self, from_kind: Kind, from_id: str, to_kind: Kind) -> bool:
        return any(link.type in PRIMARY for link in self._state.links(from_kind.name, [from_id], to_kind.name))

    def _label(self, left: str, right: str, category: str, type_id: int) -> str | None:
        if category == DEFINED:
            return "Primary" if type_id in PRIMARY else None
        for body in self._state.docs("association_label").values():
            if body["typeId"] == type_id and {body["from"], body["to"]} == {left, right}:
                return str(body["label"])
        return None

    def _reverse(self, type_id: int) -> int:
        labels = self._state.docs("association_label")
        own = labels.get(str(type_id))
        if own is None:
            return type_id
        sides = (own["to"], own["from"], own["name"])
        return next((b["typeId"] for b in labels.values() if (b["from"], b["to"], b["name"]) == sides), type_id)

    # verbs

    def verify(self, ends: tuple[Kind, str, Kind, str]) -> tuple[Kind, str, Kind, str]:
        """Return the ends with merged ids replaced, or raise where one is not there."""
        from_kind, from_id, to_kind, to_id = ends
        left = self._desk.rows(from_kind, [from_id]).get(from_id)
        right = self._desk.rows(to_kind, [to_id]).get(to_id)
        if self._state.switch("lenient"):
            return from_kind, left.id if left else from_id, to_kind, right.id if right else to_id
        if left is None:
            raise not_found(from_kind.name, [from_id])
        if right is None:
            raise not_found(to_kind.name, [to_id])
        return from_kind, left.id, to_kind, right.id

    def known(self, from_kind: Kind, to_kind: Kind, types: Sequence[Mapping[str, Any]]) -> None:
        """Raise where an association type does not exist between these objects."""
        for one in types:
            type_id = int(one["associationTypeId"])
            if one["associationCategory"] == DEFINED:
                there = type_id in (
                    ASSOCIATIONS.get((from_kind.name, to_kind.name)) or (self._own_type(from_kind, to_kind),)
                )
            else:
                there = any(body["typeId"] == type_id for body in self._state.docs("association_label").values())
            if not there and not self._state.switch("lenient"):
                raise invalid(
                    f"association type id {type_id} doesn't exist between {from_kind.type_id} and {to_kind.type_id}"
                )

    def linked(self, links: Sequence[Link]) -> Change:
        first = links[0]
        after = {"to": {"object": first.to_object, "id": first.to_id}, "types": [link.type for link in links[::2]]}
        return Change("associate", first.from_object, first.from_id, None, after, link=links)

    def unlinked(self, links: Sequence[Link]) -> Change:
        first = links[0]
        before = {"to": {"object": first.to_object, "id": first.to_id}, "types": [link.type for link in links[::2]]}
        return Change("dissociate", first.from_object, first.from_id, before, None, unlink=links)

    def between(self, from_kind: Kind, ids: Sequence[str], to_kind: Kind) -> dict[str, dict[str, list[Link]]]:
        """Return from id -> to id -> links, without records that are archived."""
        links = self._state.links(from_kind.name, ids, to_kind.name)
        alive = self._state.rows(to_kind.name, list({link.to_id for link in links}))
        found: dict[str, dict[str, list[Link]]] = {}
        for link in links:
            if link.to_id in alive and not alive[link.to_id].archived:
                found.setdefault(link.from_id, {}).setdefault(link.to_id, []).append(link)
        return found

    def archive(self, ends: tuple[Kind, str, Kind, str], actor: Actor) -> None:
        from_kind, from_id, to_kind, to_id = ends
        links = [link for link in self._state.links(from_kind.name, [from_id], to_kind.name) if link.to_id == to_id]
        paired = [one for link in links for one in self.pair(ends, link.category, link.type)]
        if paired:
            self._desk.apply([self.unlinked(paired)], actor)


def shown(link: Link) -> dict[str, Any]:
    """Return an association type as v4 shows it."""
    return {"category": link.category, "typeId": link.type, "label": link.label}


def ends_of(entry: Mapping[str, Any]) -> tuple[str, str]:
    """Return the two ids of a batch input."""
    try:
        return str(entry["from"]["id"]), str(entry["to"]["id"])
    except (KeyError, TypeError) as problem:
        raise Refusal(400, "VALIDATION_ERROR", "Each input needs from.id and to.id.") from problem
