"""A portal with contacts, what is wanted on them, and a push that sends it: over real HTTP, to the sandbox."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pusher
import pytest
from pusher import Pushers

from connectors import registry
from connectors.contract import Crm
from connectors.sandbox.serve import Endpoint
from settings.destinations import DestinationSpec
from settings.terms import Secret
from worker.steps.pacing.periods import Periods
from worker.steps.planning.effects import Wishes, commit
from worker.steps.sending.desk import PushReport, Writing
from worker.steps.sending.push import Pushing, push
from worker.steps.sending.sweep import sweep
from worker.store import intents, links, record_claims, records
from worker.store.database import Store
from worker.store.intents import Planned
from worker.store.records import Want

PATIENCE = 30.0
SHORT = {"lease": 3.0, "sweep": 1.0, "unknown_wait": 1.0, "call": 1.5, "margin": 0.2}


def open_hubspot(endpoint: Endpoint, **more: Any) -> Crm:
    spec = DestinationSpec(
        name="hubspot", kind="hubspot", options={"token": Secret("HUBSPOT_TOKEN", endpoint.token), "base_url": endpoint.url}
    )
    return registry.crm(spec, **more)


@contextmanager
def meanwhile(begun: Callable[[], bool], do: Callable[[], object]) -> Iterator[None]:
    """Do something beside the block, as soon as `begun` says so; what goes wrong there is raised at the end."""
    over = threading.Event()

    def wait_and_do() -> None:
        deadline = time.monotonic() + PATIENCE
        while not begun():
            assert time.monotonic() < deadline, "what should have begun never did"
            assert not over.wait(0.01), "the block ended before it began"
        do()

    with ThreadPoolExecutor(1) as beside:
        done = beside.submit(wait_and_do)
        try:
            yield
        finally:
            over.set()
            done.result()


@dataclass
class Portal:
    """The sandbox HubSpot with its connector, provisioned, and contacts c0, c1, ... that belong to leads L0, L1, ..."""

    endpoint: Endpoint
    crm: Crm
    ids: list[str]
    ana: str
    tom: str
    since: int = 0
    requests_since: int = field(default=0)

    def want(self, number: int = 0, **fields: Any) -> Want:
        return pusher.want(number, self.ids[number], **fields)

    def task(self, number: int = 0, **payload: Any) -> Planned:
        return pusher.task(number, self.ids[number], self.ana, **payload)

    def contact(self, number: int = 0) -> dict[str, Any]:
        return self.crm.mirror.read("contact", [self.ids[number]], ["jobtitle"])[self.ids[number]].fields

    def ledger(self, op: str, object: str) -> list[dict[str, Any]]:
        """What the integration changed since the scene was set."""
        rows = self.endpoint.ledger(self.since)
        return [row for row in rows if row["op"] == op and row["object"] == object and row["actor"] == "integration"]

    def calls(self, path: str = "", *, writing: bool = False) -> list[dict[str, Any]]:
        rows = [row for row in self.endpoint.requests(self.requests_since) if path in row["path"]]
        return [row for row in rows if row["writes"]] if writing else rows


def set_scene(endpoint: Endpoint, crm: Crm, contacts: int) -> Portal:
    crm.provisioning.apply()
    owners = [{"email": "ana@acme.com", "firstName": "Ana"}, {"email": "tom@acme.com", "firstName": "Tom"}]
    people = [
        {"object": "contact", "properties": {"email": f"c{number}@nordwerk.example", "firstname": f"c{number}"}}
        for number in range(contacts)
    ]
    made = endpoint.seed(records=people, owners=owners)
    ids = [one["id"] for one in made["records"]]
    crm.tasks.guarded  # noqa: B018  reads the definitions once, so that tests count their own calls
    last = max((row["seq"] for row in endpoint.ledger(0)), default=0)
    calls = max((row["seq"] for row in endpoint.requests(0)), default=0)
    return Portal(endpoint, crm, ids, made["owners"]["ana@acme.com"], made["owners"]["tom@acme.com"], last, calls)


@pytest.fixture(scope="session")
def pushers() -> Iterator[Pushers]:
    """Processes of their own that push and may be killed."""
    with closing(Pushers()) as started:
        yield started


@pytest.fixture
def testing(monkeypatch: pytest.MonkeyPatch) -> Periods:
    """Short periods, which only tests may have."""
    monkeypatch.setenv("PQL_TESTING", "1")
    return Periods(**SHORT)


@pytest.fixture
def portal(hubspot: Endpoint) -> Iterator[Portal]:
    crm = open_hubspot(hubspot)
    with closing(crm):
        yield set_scene(hubspot, crm, 30)


@dataclass
class Rig:
    """A store, a portal, and the short way from a wish to its outcome."""

    store: Store
    portal: Portal
    periods: Periods
    writing: Writing = field(default_factory=lambda: Writing("hubspot"))

    @property
    def name(self) -> str:
        """The destination."""
        return self.writing.destination

    def wish(self, *wishes: Want | Planned, run_id: str = "r1") -> None:
        wants = [one for one in wishes if isinstance(one, Want)]
        tasks = [one for one in wishes if isinstance(one, Planned)]
        commit(self.store, Wishes({self.name: wants}, {self.name: tasks}), run_id)

    def push(self, writing: Writing | None = None, **how: Any) -> PushReport:
        pushing = replace(Pushing(periods=self.periods, seconds=20, threads=2), **how)
        return push(self.store, self.portal.crm, writing or self.writing, pushing)

    def sweep(self) -> None:
        sweep(self.store, self.periods)

    def expire(self) -> None:
        """As if every lease had run out."""
        with self.store.write() as tx:
            tx.connection.exec_driver_sql("update record_sync set claim_until = '2000-01-01 00:00:00.000000'")
            tx.connection.exec_driver_sql("update intent set claim_until = '2000-01-01 00:00:00.000000'")
        self.sweep()

    def statuses(self) -> dict[str, int]:
        with self.store.read() as tx:
            return records.counts(tx, self.name).get(self.name, {})

    def tasks(self) -> dict[str, int]:
        with self.store.read() as tx:
            counts = intents.counts(tx, self.name)
        return {f"{kind}:{status}": number for kind, some in counts.items() for status, number in some.items()}

    def row(self, number: int = 0) -> dict[str, Any]:
        with self.store.read() as tx:
            return records.by_key(tx, f"L{number}")[0]

    def link(self, number: int = 0) -> str | None:
        with self.store.read() as tx:
            found = links.by_key(tx, self.name, [f"L{number}"])
        return found[f"L{number}"].crm_id if found else None

    def ready(self) -> int:
        with self.store.read() as tx:
            return record_claims.waiting(tx, self.name)


@pytest.fixture
def rig(sqlite_store: Store, portal: Portal, testing: Periods) -> Rig:
    return Rig(sqlite_store, portal, testing)


@pytest.fixture
def both_rigs(store: Store, portal: Portal, testing: Periods) -> Rig:
    """The same on SQLite and on Postgres."""
    return Rig(store, portal, testing)
