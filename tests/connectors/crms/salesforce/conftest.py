"""A provisioned Salesforce sandbox and hands in it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.crms.salesforce import Options, Salesforce
from connectors.crms.salesforce.names import OBJECTS, theirs
from connectors.reach import Timeouts
from connectors.sandbox.serve import Endpoint, Sandbox
from settings.terms import Secret

WRITING = r"/composite/sobjects$|/sobjects/Task/00T"
READING = r"/composite/sobjects/\w+$"


class Org:
    """The sandbox behind a connector; the words of the shared suite, then some of Salesforce's own."""

    def __init__(self, endpoint: Endpoint, person: str = "contact") -> None:
        self.sandbox = endpoint
        self.secret = endpoint.token
        self.person = person
        self.crm = self.connect()

    def connect(self, **options: Any) -> Salesforce:
        """Another connector to the same org; by a given token unless told otherwise."""
        if not {"client_id", "token"} & set(options):
            options["token"] = Secret("SALESFORCE_TOKEN", self.secret)
        return Salesforce(Options(self.sandbox.url, **options), Timeouts(2.0, 2.0))

    def logged_in(self) -> Salesforce:
        """A connector that asks for its sessions itself."""
        return self.connect(client_id="app", client_secret=Secret("SALESFORCE_SECRET", "a-secret-nobody-sees"))

    def add(self, object: str, **properties: Any) -> str:
        record = {"object": OBJECTS.get(object, object), "properties": properties}
        return str(self.sandbox.seed(records=[record])["records"][0]["id"])

    def add_person(self, email: str, **more: Any) -> str:
        company = {"Company": "Nordwerk"} if self.person == "lead" else {}
        return self.add(self.person, **{"Email": email, "LastName": "Huber", **company, **more})

    def add_company(self, name: str, domain: str) -> str:
        return self.add("company", Name=name, Website=f"https://www.{domain}/about")

    def add_owner(self, email: str, *, active: bool = True) -> str:
        return str(self.sandbox.seed(owners=[{"email": email, "name": "Ana Berg", "active": active}])["owners"][email])

    def add_queue(self, name: str, *objects: str, **more: Any) -> str:
        queue = {"kind": "queue", "name": name, "objects": objects, **more}
        return str(next(iter(self.sandbox.seed(owners=[queue])["owners"].values())))

    def edit(self, object: str, id: str, field: str, value: Any) -> None:
        self.sandbox.act("edit", object=OBJECTS[object], id=id, properties={theirs(object, field): value})

    def delete(self, object: str, id: str) -> None:
        self.sandbox.act("delete", object=OBJECTS[object], id=id)

    def merge(self, first: str, second: str) -> str:
        return str(self.sandbox.act("merge", id=first, into_it=second)["id"])

    def held(self, object: str, id: str, field: str) -> Any:
        return self.row(object, id).get(theirs(object, field) or field)

    def row(self, object: str, id: str) -> dict[str, Any]:
        return dict(self.sandbox.state.rows(OBJECTS[object], [id])[id].properties)

    def strike(self, fault: str, *, reads: bool = False, **args: Any) -> None:
        if fault == "row_error":
            args = {"code": "FIELD_CUSTOM_VALIDATION_EXCEPTION", "message": "Not this one", **args}
        match = {"method": "POST" if reads else "", "path": READING if reads else WRITING}
        self.sandbox.weather({"match": match, "nth": 1, "fault": fault, "args": args})

    def writes(self) -> int:
        return sum(1 for line in self.sandbox.ledger() if line["actor"] == "integration")

    def writing_calls(self) -> list[str]:
        """Methods of the calls to the writing endpoints, in order."""
        calls = self.sandbox.requests()
        return [
            call["method"]
            for call in calls
            if call["path"].endswith("/composite/sobjects") or "/sobjects/Task/" in call["path"]
        ]

    def revoke(self) -> None:
        self.sandbox.act("revoke_token")

    def close(self) -> None:
        self.crm.close()


@pytest.fixture
def bare(salesforce: Endpoint) -> Iterator[Org]:
    """A new org without our fields."""
    org = Org(salesforce)
    yield org
    org.close()


@pytest.fixture(scope="session")
def provisioned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of an org in which `pql provision` has run once."""
    folder = tmp_path_factory.mktemp("org")
    with Sandbox.start(folder, only=("salesforce",)) as running:
        org = Org(running.salesforce)
        org.crm.provisioning.apply()
        org.close()
    return folder / "salesforce.sqlite"


@pytest.fixture
def org(provisioned: Path, tmp_path: Path) -> Iterator[Org]:
    shutil.copy(provisioned, tmp_path)
    with Sandbox.start(tmp_path, only=("salesforce",)) as running:
        org = Org(running.salesforce)
        yield org
        org.close()


@pytest.fixture
def world(org: Org) -> Org:
    return org
