"""Runs that write into a sandbox CRM, people who write after them, and `undo`: over real HTTP, for both CRMs."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import pytest

from connectors import registry
from connectors.contract import Crm
from connectors.fields import OWNER, salesforce_name
from connectors.sandbox.serve import Endpoint, Sandbox
from settings.destinations import DestinationSpec
from settings.terms import Secret
from worker.steps.intake.watch import Watching, watch
from worker.steps.mending.undo import Asked, undo
from worker.steps.mending.undo_report import Undone
from worker.steps.pacing.limiter import LocalLimiter
from worker.steps.pacing.periods import Periods
from worker.steps.planning.effects import Wishes, commit
from worker.steps.sending.desk import Writing
from worker.steps.sending.push import Pushing, push
from worker.steps.sending.sweep import sweep
from worker.store import records, runs
from worker.store.database import Store
from worker.store.intents import Planned
from worker.store.records import Want

PEOPLE = 3


@dataclass
class Ground:
    """A CRM with three people, whose records belong to L0, L1 and L2; Tom owns them and Ana may."""

    store: Store
    crm: Crm
    endpoint: Endpoint
    name: str
    object: str
    title: str
    ids: list[str]
    ana: str
    tom: str
    asked: int = 0
    stop: bool = False
    told: Callable[..., None] = lambda *_: None

    def want(self, number: int = 0, **fields: Any) -> Want:
        values = {"pql_flag": True, "pql_tier": "hot", "pql_score": 71, "pql_key": f"L{number}", **fields}
        return Want(f"L{number}", self.object, values, crm_id=self.ids[number])

    def new(self, number: int = 9) -> Want:
        names = {"email": f"n{number}@new.example", "last_name": "New", "company_name": "New"}
        return Want(f"L{number}", self.object, {"pql_flag": True, "pql_key": f"L{number}", **names})

    def run(self, *wishes: Want | Planned, by_worker: bool = False) -> str:
        """A run that wants this and writes it; with `by_worker` a push outside the run does. Its id."""
        with self.store.write() as tx:
            id = runs.begin(tx, tx.now(), "sha")
        wants = [one for one in wishes if isinstance(one, Want)]
        tasks = [one for one in wishes if isinstance(one, Planned)]
        commit(self.store, Wishes({self.name: wants}, {self.name: tasks}), id)
        self.push(run_id=None if by_worker else id)
        with self.store.write() as tx:
            runs.finish(tx, id, "done")
        return id

    def push(self, **how: Any) -> None:
        rules = Writing(self.name, {(self.object, self.title): "own"}, "always")
        sweep(self.store)
        push(self.store, self.crm, rules, replace(Pushing(seconds=20, threads=1), **how))

    def undo(self, run: str = "last", **asked: Any) -> Undone:
        """Undo, counting from here what is written."""
        self.mark()
        tools = SimpleNamespace(store=self.store, crms={self.name: self.crm}, stopping=lambda: self.stop, progress=self.told)
        return undo(tools, Asked(run, "ana", **asked), lambda _: LocalLimiter())

    def watch(self) -> None:
        watch(self.store, self.crm, self.name, Watching(fields={self.object: [self.title]}))

    def mark(self) -> None:
        self.asked = max((row["seq"] for row in self.endpoint.requests(0)), default=0)

    def written(self) -> int:
        """Writing calls since the last undo was begun."""
        return sum(row["writes"] for row in self.endpoint.requests(self.asked))

    def holds(self, number: int = 0) -> dict[str, Any]:
        """The record as it stands in the CRM, our key and sequence left out."""
        says = self.crm.mirror.read(self.object, [self.ids[number]], [self.title])[self.ids[number]]
        kept = {name: value for name, value in says.fields.items() if name not in ("pql_key", "pql_seq")}
        return {**kept, OWNER: says.owner}

    def edit(self, number: int = 0, **fields: Any) -> None:
        """As a person would."""
        native = fields if self.name == "hubspot" else {salesforce_name(name): value for name, value in fields.items()}
        self.act("edit", number, properties=native)

    def act(self, kind: str, number: int = 0, **doc: Any) -> None:
        object = self.object if self.name == "hubspot" else self.object.title()
        self.endpoint.act(kind, object=object, id=self.ids[number], **doc)

    def row(self, number: int = 0) -> dict[str, Any]:
        with self.store.read() as tx:
            return records.by_keys(tx, self.name, [f"L{number}"])[f"L{number}"]


def _opened(endpoint: Endpoint, name: str) -> Crm:
    options = {"token": Secret("TOKEN", endpoint.token), "base_url": endpoint.url}
    return registry.crm(DestinationSpec(name=name, kind=name, options=options))


def _person(name: str, number: int, tom: str) -> dict[str, Any]:
    email = f"c{number}@nordwerk.example"
    if name == "hubspot":
        return {"object": "contact", "properties": {"email": email, "jobtitle": "CTO", "hubspot_owner_id": tom}}
    plain = {"LastName": f"c{number}", "Company": "Nordwerk", "Title": "CTO", "OwnerId": tom}
    return {"object": "Lead", "properties": {**plain, "Email": email}}


@contextmanager
def _ground(name: str, store: Store) -> Iterator[Ground]:
    with Sandbox.start(only=(name,)) as running:
        endpoint: Endpoint = getattr(running, name)
        with closing(_opened(endpoint, name)) as crm:
            crm.provisioning.apply()
            owners = [{"email": f"{who}@acme.com", "name": who.title()} for who in ("ana", "tom")]
            owned = endpoint.seed(owners=owners)["owners"]
            tom = owned["tom@acme.com"]
            made = endpoint.seed(records=[_person(name, number, tom) for number in range(PEOPLE)])
            object, title = ("contact", "jobtitle") if name == "hubspot" else ("lead", "Title")
            ids = [one["id"] for one in made["records"]]
            set_up = Ground(store, crm, endpoint, name, object, title, ids, owned["ana@acme.com"], tom)
            set_up.watch()
            yield set_up


@pytest.fixture(params=["hubspot", "salesforce"])
def ground(request: pytest.FixtureRequest, sqlite_store: Store, testing: Periods) -> Iterator[Ground]:
    """The same in both CRMs, mirrored once before anything is written."""
    with _ground(request.param, sqlite_store) as made:
        yield made


@pytest.fixture
def both_grounds(store: Store, testing: Periods) -> Iterator[Ground]:
    """HubSpot, on SQLite and on Postgres."""
    with _ground("hubspot", store) as made:
        yield made
