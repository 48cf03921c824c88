"""A provisioned HubSpot sandbox and hands in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from connectors.crms.hubspot import HubSpot, Options
from connectors.reach import Timeouts
from connectors.sandbox.serve import Endpoint, Sandbox
from settings.terms import Secret

WRITING = r"/batch/(create|update|upsert)$|/objects/[^/]+/[^/]+/[^/]+$"
READING = r"/batch/read$"


class Portal:
    """The sandbox behind a connector; the words of the shared suite, then some of HubSpot's own."""

    person = "contact"

    def __init__(self, endpoint: Endpoint, version: str = "2026-09") -> None:
        self.sandbox = endpoint
        self.secret = endpoint.token
        self.crm = self.connect(version)

    def connect(self, version: str = "2026-09", token: str | None = None) -> HubSpot:
        options = Options(Secret("HUBSPOT_TOKEN", token or self.secret), self.sandbox.url, version)
        return HubSpot(options, Timeouts(2.0, 2.0))

    def add(self, object: str, properties: dict[str, Any], *to: tuple[str, str]) -> str:
        links = [{"object": other, "id": id} for other, id in to]
        record = {"object": object, "properties": properties, "associations": links}
        return str(self.sandbox.seed(records=[record])["records"][0]["id"])

    def add_person(self, email: str, **more: Any) -> str:
        return self.add("contact", {"email": email, **more})

    def add_company(self, name: str, domain: str) -> str:
        return self.add("company", {"name": name, "domain": domain})

    def add_owner(self, email: str, *, active: bool = True) -> str:
        return str(self.sandbox.seed(owners=[{"email": email, "name": "Ana Berg", "active": active}])["owners"][email])

    def edit(self, object: str, id: str, field: str, value: Any) -> None:
        self.sandbox.act("edit", object=object, id=id, properties={field: value})

    def delete(self, object: str, id: str) -> None:
        self.sandbox.act("delete", object=object, id=id)

    def merge(self, first: str, second: str) -> str:
        return str(self.sandbox.act("merge", object="contact", id=first, into_it=second)["id"])

    def held(self, object: str, id: str, field: str) -> Any:
        return self.sandbox.state.rows(object, [id])[id].properties.get(field)

    def strike(self, fault: str, *, reads: bool = False, **args: Any) -> None:
        match = {"method": "POST" if reads else "", "path": READING if reads else WRITING}
        self.sandbox.weather({"match": match, "nth": 1, "fault": fault, "args": args})

    def writes(self) -> int:
        return sum(1 for line in self.sandbox.ledger() if line["actor"] == "integration")

    def revoke(self) -> None:
        self.sandbox.act("revoke_token")

    def close(self) -> None:
        self.crm.close()


@pytest.fixture
def bare(sandbox: Sandbox) -> Iterator[Portal]:
    """A new portal without our fields."""
    portal = Portal(sandbox.hubspot)
    yield portal
    portal.close()


@pytest.fixture
def portal(bare: Portal) -> Portal:
    bare.crm.provisioning.apply()
    return bare


@pytest.fixture
def world(portal: Portal) -> Portal:
    return portal
