"""The sandbox world that a CRM brings to the shared suite, and the short words its tests use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import count
from typing import Any, Protocol

from connectors.contract import Change, Crm, Fields, Mirrored, Receipt

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


class World(Protocol):
    """A provisioned sandbox portal or org, and hands in it."""

    crm: Crm
    person: str
    """The object that carries a lead here: contact or lead."""
    secret: str

    def add_person(self, email: str, **more: Any) -> str: ...
    def add_company(self, name: str, domain: str) -> str: ...
    def add_owner(self, email: str, *, active: bool = True) -> str: ...
    def edit(self, object: str, id: str, field: str, value: Any) -> None: ...
    def delete(self, object: str, id: str) -> None: ...
    def merge(self, first: str, second: str) -> str:
        """Merge two people; the id that stands for both from now on."""
        ...

    def held(self, object: str, id: str, field: str) -> Any:
        """What the CRM holds in one field, in its own form; None or "" where it is empty."""
        ...

    def strike(self, fault: str, *, reads: bool = False, **args: Any) -> None:
        """The next writing call (or reading call) meets this fault."""
        ...

    def writes(self) -> int:
        """Changes applied by us so far."""
        ...

    def revoke(self) -> None: ...


def only(receipts: Any) -> Receipt:
    (receipt,) = receipts
    return receipt


def write(world: World, id: str, fields: Fields) -> Receipt:
    return only(world.crm.records.write(world.person, [Change("L1", world.person, id, fields)], f"t{next(_traces)}"))


def read(world: World, id: str) -> Mirrored:
    return world.crm.mirror.read(world.person, [id], [])[id]


def mirrored(world: World, object: str, cursor: str | None = None) -> tuple[list[Mirrored], str]:
    rows: list[Mirrored] = []
    for page in world.crm.mirror.pages(object, cursor, []):
        rows += page.rows
        cursor = page.cursor
    assert cursor is not None
    return rows, cursor


def new_person(world: World, email: str, key: str) -> Mapping[str, Any]:
    """What a new lead needs in any CRM."""
    fields = {"email": email, "last_name": "Huber", "first_name": "Maria", "pql_key": key}
    return fields | ({"company_name": "Nordwerk"} if world.person == "lead" else {})


_traces: Iterator[int] = count()
