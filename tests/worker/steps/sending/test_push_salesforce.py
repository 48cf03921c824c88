"""The same push into the sandbox Salesforce: what is different there."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fixtures_salesforce import PEOPLE, SalesforceRig, salesforce_rig

from worker.steps.intake.watch import watch
from worker.steps.pacing.periods import Periods
from worker.store import links, records
from worker.store.database import Store

UPDATE = {"method": "PATCH", "path": ".*composite/sobjects"}
CREATE = {"method": "POST", "path": ".*composite/sobjects$"}


@pytest.fixture
def rig(sqlite_store: Store, provisioned_org: Path, tmp_path: Path, testing: Periods) -> Iterator[SalesforceRig]:
    with salesforce_rig(sqlite_store, (provisioned_org, tmp_path), testing) as made:
        yield made


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
