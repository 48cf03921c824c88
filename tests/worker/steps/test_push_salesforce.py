"""The same push into the sandbox Salesforce: what is different there."""

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
from worker.steps.desk import PushReport, Writing
from worker.steps.effects import Wishes, commit
from worker.steps.periods import Periods
from worker.steps.push import Pushing, push
from worker.steps.watch import watch
from worker.store import intents, links, records
from worker.store.database import Store
from worker.store.intents import Planned
from worker.store.records import Want

PEOPLE = 12
UPDATE = {"method": "PATCH", "path": ".*composite/sobjects"}
CREATE = {"method": "POST", "path": ".*composite/sobjects$"}


def opened(endpoint: Endpoint) -> Crm:
    options = {"token": Secret("SALESFORCE_TOKEN", endpoint.token), "base_url": endpoint.url}
    return registry.crm(DestinationSpec(name="salesforce", kind="salesforce", options=options))


@pytest.fixture(scope="session")
def provisioned_org(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of an org in which `pql provision` has run once."""
    folder = tmp_path_factory.mktemp("org")
    with Sandbox.start(folder, only=("salesforce",)) as running, closing(opened(running.salesforce)) as crm:
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


@pytest.fixture
def rig(sqlite_store: Store, provisioned_org: Path, tmp_path: Path, testing: Periods) -> Iterator[SalesforceRig]:
    shutil.copy(provisioned_org, tmp_path / "salesforce.sqlite")
    with Sandbox.start(tmp_path, only=("salesforce",)) as running, closing(opened(running.salesforce)) as crm:
        endpoint = running.salesforce
        people = [{"object": "Lead", "properties": _person(number)} for number in range(PEOPLE)]
        owners = [{"email": "ana@acme.com", "name": "Ana"}, {"email": "tom@acme.com", "name": "Tom"}]
        made = endpoint.seed(records=people, owners=owners)
        ids = [one["id"] for one in made["records"]]
        crm.tasks.guarded  # noqa: B018  reads the definitions once, so that tests count their own calls
        last = max((row["seq"] for row in endpoint.ledger(0)), default=0)
        calls = max((row["seq"] for row in endpoint.requests(0)), default=0)
        portal = Org(endpoint, crm, ids, made["owners"]["ana@acme.com"], made["owners"]["tom@acme.com"], last, calls)
        yield SalesforceRig(sqlite_store, portal, testing)


def _person(number: int) -> dict[str, str]:
    return {"LastName": f"p{number}", "Company": "Nordwerk", "Email": f"p{number}@nordwerk.example"}


def test_a_push_writes_fields_and_tasks_and_a_second_one_calls_nobody(rig: SalesforceRig):
    rig.wish(*(rig.portal.want(number) for number in range(PEOPLE)), rig.portal.task())
    first = rig.push()
    second = rig.push()

    assert (first.counts.records.updated, first.counts.tasks.created, first.rejected) == (PEOPLE, 1, [])
    assert rig.portal.held("lead", rig.portal.ids[3])["pql_score"] == 71
    assert second.counts.calls.made == 0


@pytest.mark.fault("F3")
@pytest.mark.parametrize("fault", ["reset_after", "truncate", "empty_2xx"])
def test_outcomes_nobody_can_prove_are_settled_by_reading(rig: SalesforceRig, fault: str):
    rig.portal.endpoint.weather({"match": UPDATE, "nth": 1, "fault": fault}, {"match": CREATE, "nth": 1, "fault": fault})
    rig.wish(*(rig.portal.want(number) for number in range(PEOPLE)), rig.portal.task())
    report = rig.push(threads=1)

    assert (report.counts.records.updated, report.counts.tasks.created) == (PEOPLE, 1)
    assert len(rig.portal.ledger("create", "Task")) == 1
    assert len(rig.portal.ledger("update", "Lead")) == PEOPLE


@pytest.mark.fault("F20")
def test_a_lead_that_was_converted_is_followed_to_its_contact(rig: SalesforceRig):
    rig.wish(rig.portal.want())
    rig.push()
    rig.portal.endpoint.act("convert", object="Lead", id=rig.portal.ids[0])
    watch(rig.store, rig.portal.crm, "salesforce")
    with rig.store.read() as tx:
        link = links.by_key(tx, "salesforce", ["L0"])["L0"]
    assert link.object == "contact"

    rig.wish(replace(rig.portal.want(pql_score=85), object=link.object, crm_id=link.crm_id))
    rig.push()
    assert rig.portal.held("contact", link.crm_id)["pql_score"] == 85


@pytest.mark.fault("F20")
def test_a_conversion_between_plan_and_push_is_followed_too(rig: SalesforceRig):
    rig.wish(rig.portal.want())
    rig.portal.endpoint.act("convert", object="Lead", id=rig.portal.ids[0])
    rig.push()

    with rig.store.read() as tx:
        (row,) = records.by_key(tx, "L0")
    assert (row["object"], row["status"]) == ("contact", "in_sync")
    assert rig.portal.held("contact", row["crm_id"])["pql_score"] == 71


@pytest.mark.fault("F49")
def test_after_data_loss_the_org_refuses_the_second_task(rig: SalesforceRig):
    rig.wish(rig.portal.task())
    rig.push()
    with rig.store.write() as tx:
        tx.connection.exec_driver_sql("delete from intent")
    rig.wish(rig.portal.task())
    report = rig.push()

    assert report.counts.tasks.existing == 1
    assert len(rig.portal.ledger("create", "Task")) == 1


@pytest.mark.fault("F24")
def test_a_locked_row_is_tried_again(rig: SalesforceRig):
    args = {"code": "UNABLE_TO_LOCK_ROW", "message": "unable to obtain exclusive access to this record"}
    rig.portal.endpoint.weather({"match": UPDATE, "nth": 1, "fault": "row_error", "args": args})
    rig.wish(*(rig.portal.want(number) for number in range(PEOPLE)))
    report = rig.push()

    assert report.counts.records.updated == PEOPLE - 1
    assert rig.statuses() == {"in_sync": PEOPLE - 1, "due": 1}
    assert report.next_in > 0
