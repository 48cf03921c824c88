"""An org with leads p0, p1, ... that belong to leads L0, L1, ... of ours, and a push that sends what is wanted on them."""

import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fixtures_push import Portal, Rig

from connectors import registry
from connectors.contract import Crm
from connectors.sandbox.serve import Endpoint, Sandbox
from settings.destinations import DestinationSpec
from settings.terms import Secret
from worker.steps.pacing.periods import Periods
from worker.steps.planning.effects import Wishes, commit
from worker.steps.sending.desk import PushReport, Writing
from worker.steps.sending.push import Pushing, push
from worker.store import intents, records
from worker.store.database import Store
from worker.store.intents import Planned
from worker.store.records import Want

PEOPLE = 12


def open_salesforce(endpoint: Endpoint, **more: Any) -> Crm:
    options = {"token": Secret("SALESFORCE_TOKEN", endpoint.token), "base_url": endpoint.url, **more}
    return registry.crm(DestinationSpec(name="salesforce", kind="salesforce", options=options))


@pytest.fixture(scope="session")
def provisioned_org(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of an org in which `pql provision` has run once."""
    folder = tmp_path_factory.mktemp("org")
    with Sandbox.start(folder, only=("salesforce",)) as running, closing(open_salesforce(running.salesforce)) as crm:
        crm.provisioning.apply()
    return folder / "salesforce.sqlite"


class Org(Portal):
    """Leads p0, p1, ... of the org belong to leads L0, L1, ... of ours."""

    def want(self, number: int = 0, **fields: object) -> Want:
        return replace(super().want(number, **fields), object="lead")

    def task(self, number: int = 0, **payload: object) -> Planned:
        return super().task(number, **{"person_object": "lead", **payload})

    def held(self, object: str, id: str) -> dict[str, object]:
        return dict(self.crm.mirror.read(object, [id], [])[id].fields)


class SalesforceRig(Rig):
    def wish(self, *wishes: Want | Planned, run_id: str = "r1") -> None:
        wants = [one for one in wishes if isinstance(one, Want)]
        tasks = [one for one in wishes if isinstance(one, Planned)]
        commit(self.store, Wishes({"salesforce": wants}, {"salesforce": tasks}), run_id)

    def push(self, writing: Writing | None = None, **how: object) -> PushReport:
        pushing = replace(Pushing(periods=self.periods, seconds=20, threads=2), **how)
        return push(self.store, self.portal.crm, writing or Writing("salesforce"), pushing)

    def statuses(self) -> dict[str, int]:
        with self.store.read() as tx:
            return records.counts(tx, "salesforce").get("salesforce", {})

    def tasks(self) -> dict[str, int]:
        with self.store.read() as tx:
            return intents.counts(tx, "salesforce").get("task_create", {})


@contextmanager
def salesforce_rig(store: Store, places: tuple[Path, Path], testing: Periods, **more: Any) -> Iterator[SalesforceRig]:
    """A rig on a copy of the provisioned org; `more` are options of the destination."""
    provisioned, folder = places
    shutil.copy(provisioned, folder / "salesforce.sqlite")
    with Sandbox.start(folder, only=("salesforce",)) as running, closing(open_salesforce(running.salesforce, **more)) as crm:
        endpoint = running.salesforce
        people = [{"object": "Lead", "properties": _person(number)} for number in range(PEOPLE)]
        owners = [{"email": "ana@acme.com", "name": "Ana"}, {"email": "tom@acme.com", "name": "Tom"}]
        made = endpoint.seed(records=people, owners=owners)
        ids = [one["id"] for one in made["records"]]
        crm.tasks.guarded  # noqa: B018  reads the definitions once, so that tests count their own calls
        last = max((row["seq"] for row in endpoint.ledger(0)), default=0)
        calls = max((row["seq"] for row in endpoint.requests(0)), default=0)
        portal = Org(endpoint, crm, ids, made["owners"]["ana@acme.com"], made["owners"]["tom@acme.com"], last, calls)
        yield SalesforceRig(store, portal, testing)


def _person(number: int) -> dict[str, str]:
    return {"LastName": f"p{number}", "Company": "Nordwerk", "Email": f"p{number}@nordwerk.example"}
