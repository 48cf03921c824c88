"""A portal and an org to provoke faults in, with the same short way from a wish to its outcome."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from fixtures_push import Portal, Rig

from connectors import registry
from connectors.contract import Crm
from connectors.sandbox.serve import Endpoint, Sandbox
from settings.destinations import DestinationSpec
from settings.terms import Secret
from worker.steps.pacing.periods import Periods
from worker.steps.sending.desk import Writing
from worker.store.database import Store
from worker.store.intents import Planned
from worker.store.records import Want

PEOPLE = 6


class Org(Portal):
    """The sandbox Salesforce, provisioned; leads c0, c1, ... belong to leads L0, L1, ... of ours."""

    def want(self, number: int = 0, **fields: object) -> Want:
        return replace(super().want(number, **fields), object="lead")

    def task(self, number: int = 0, **payload: object) -> Planned:
        return super().task(number, **{"person_object": "lead", **payload})


def open_salesforce(endpoint: Endpoint) -> Crm:
    options = {"token": Secret("SALESFORCE_TOKEN", endpoint.token), "base_url": endpoint.url}
    return registry.crm(DestinationSpec(name="salesforce", kind="salesforce", options=options))


@pytest.fixture(scope="session")
def provisioned_org(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of an org in which `pql provision` has run once."""
    folder = tmp_path_factory.mktemp("org")
    with Sandbox.start(folder, only=("salesforce",)) as running, closing(open_salesforce(running.salesforce)) as crm:
        crm.provisioning.apply()
    return folder / "salesforce.sqlite"


@pytest.fixture
def org_rig(sqlite_store: Store, provisioned_org: Path, tmp_path: Path, testing: Periods) -> Iterator[Rig]:
    """As `rig`, with the sandbox Salesforce."""
    shutil.copy(provisioned_org, tmp_path / "salesforce.sqlite")
    with Sandbox.start(tmp_path, only=("salesforce",)) as running:
        endpoint = running.salesforce
        with closing(open_salesforce(endpoint)) as crm:
            people = [
                {
                    "object": "Lead",
                    "properties": {"LastName": f"c{n}", "Company": "Nordwerk", "Email": f"c{n}@nordwerk.example"},
                }
                for n in range(PEOPLE)
            ]
            made = endpoint.seed(
                records=people, owners=[{"email": f"{who}@acme.com", "name": who} for who in ("ana", "tom")]
            )
            ids, known = [one["id"] for one in made["records"]], made["owners"]
            crm.tasks.guarded  # noqa: B018  reads the definitions once, so that tests count their own calls
            portal = Org(endpoint, crm, ids, known["ana@acme.com"], known["tom@acme.com"])
            portal.since = max((row["seq"] for row in endpoint.ledger(0)), default=0)
            portal.requests_since = max((row["seq"] for row in endpoint.requests(0)), default=0)
            yield Rig(sqlite_store, portal, testing, Writing("salesforce"))


def _person(number: int) -> dict[str, str]:
    return {"LastName": f"c{number}", "Company": "Nordwerk", "Email": f"c{number}@nordwerk.example"}
