"""
The sandbox CRMs, started once and set back to the same moment for each scene: provisioned, empty of people.

Decided here: what belongs to each CRM (objects, fields, paths). A scene costs some milliseconds, because nothing is started
or provisioned for it.
"""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from typing import Any

from chaos.clock import Clock
from chaos.evidence import HUBSPOT, SALESFORCE, Names
from pusher import Pushers, opened

from connectors.contract import Crm
from connectors.sandbox.serve import Endpoint, Sandbox
from worker.store.database import Store, open_store
from worker.store.tables import metadata

FILING = {"bulk_above": 1}


@dataclass(frozen=True, slots=True)
class Place:
    """What is different from CRM to CRM."""

    names: Names
    person: str
    title: str
    """A field that people share with us."""
    several: str
    """A field of several values, to which we add."""
    paths: Mapping[str, tuple[str, str]]
    """Method and path of the calls that weather may strike."""

    def seed(self, number: int) -> dict[str, Any]:
        """A person; every other one has a title already."""
        email, title = f"c{number}@nordwerk.example", {self.title: "CTO"} if number % 2 else {}
        if self.names.crm == "hubspot":
            return {"object": "contact", "properties": {"email": email, "firstname": f"c{number}", **title}}
        plain = {"LastName": f"c{number}", "Company": "Nordwerk", "Email": email}
        return {"object": "Lead", "properties": plain | title}

    def company(self, number: int) -> dict[str, Any]:
        """A company."""
        if self.names.crm == "hubspot":
            return {"object": "company", "properties": {"name": f"c{number}", "domain": f"c{number}.example"}}
        return {"object": "Account", "properties": {"Name": f"c{number}"}}

    def native(self, object: str) -> str:
        return next(theirs for theirs, ours in self.names.objects.items() if ours == object)


PLACES = {
    "hubspot": Place(
        HUBSPOT,
        "contact",
        "jobtitle",
        "message",
        {
            "records": ("POST", "(contacts|companies)/batch/(update|create)"),
            "tasks": ("POST", "tasks/batch/create"),
            "changes": ("PATCH", "objects/[^/]+/tasks/"),
            "reads": ("POST", "batch/read"),
            "all": ("*", "/crm/"),
        },
    ),
    "salesforce": Place(
        SALESFORCE,
        "lead",
        "Title",
        "Description",
        {
            "records": ("PATCH", "composite/sobjects"),
            "tasks": ("POST", "composite/sobjects$"),
            "changes": ("PATCH", "sobjects/Task/"),
            "reads": ("*", "(query|composite/sobjects/)"),
            "jobs": ("*", "jobs/ingest"),
            "files": ("PUT", "jobs/ingest"),
            "states": ("PATCH", "jobs/ingest"),
            "looks": ("GET", "jobs/ingest"),
            "all": ("*", "/services/data/"),
        },
    ),
}


class Stage:
    """Both CRMs, their connectors, and processes of their own to be killed."""

    def __init__(self, sandbox: Sandbox, pushers: Pushers) -> None:
        self.pushers = pushers
        self._endpoints = {"hubspot": sandbox.hubspot, "salesforce": sandbox.salesforce}
        self._crms: dict[str, Crm] = {}
        self._filing: Crm | None = None
        self._photographs: dict[str, sqlite3.Connection] = {}
        self._stores: dict[str, tuple[Store, Clock]] = {}

    def scratch(self, url: str) -> tuple[Store, Clock]:
        """The store at this address, emptied; opened once, because a new engine learns all statements anew."""
        if url not in self._stores:
            store, clock = open_store(url, "acme"), Clock()
            clock.rule(store)
            self._stores[url] = store, clock
        with self._stores[url][0].write() as tx:
            for table in reversed(metadata.sorted_tables):
                tx.connection.execute(table.delete())
        return self._stores[url]

    def leave(self, url: str) -> None:
        """Close the store at this address, which goes away."""
        if url in self._stores:
            self._stores.pop(url)[0].close()

    def close(self) -> None:
        for crm in (*self._crms.values(), *([self._filing] if self._filing else [])):
            crm.close()  # type: ignore[attr-defined]
        for store, _ in self._stores.values():
            store.close()

    @classmethod
    @contextmanager
    def opened(cls, pushers: Pushers | None = None) -> Iterator["Stage"]:
        with ExitStack() as stack:
            started = pushers or stack.enter_context(closing(Pushers()))
            yield stack.enter_context(closing(cls(stack.enter_context(Sandbox.start()), started)))

    def set(self, kind: str) -> tuple[Place, Endpoint, Crm]:
        """The CRM as it was on the first day: provisioned, with nobody in it."""
        endpoint, place = self._endpoints[kind], PLACES[kind]
        endpoint.control.reset()
        if kind in self._photographs:
            with endpoint.state.lock:
                self._photographs[kind].backup(endpoint.state._db)
                endpoint.state._load()
                endpoint.state.version += 1
        else:
            self._prepare(kind, endpoint)
        if kind == "salesforce":
            unowned = frozenset({str(endpoint.state.doc("account", "integration_user"))})
            place = replace(place, names=replace(place.names, unowned=unowned))
        return place, endpoint, self._crms[kind]

    @property
    def filing(self) -> Crm:
        """A connector to Salesforce that makes a bulk job of two rows and more."""
        if self._filing is None:
            endpoint = self._endpoints["salesforce"]
            self._filing = opened("salesforce", endpoint.url, endpoint.token, **FILING)
        return self._filing

    def _prepare(self, kind: str, endpoint: Endpoint) -> None:
        crm = self._crms[kind] = opened(kind, endpoint.url, endpoint.token)
        crm.provisioning.apply()
        crm.tasks.guarded  # noqa: B018  reads the definitions once, so that a scene counts its own calls
        photograph = self._photographs[kind] = sqlite3.connect(":memory:", check_same_thread=False)
        with endpoint.state.lock:
            endpoint.state._db.backup(photograph)
