"""A row that the CRM does not take, from the run's report to the day it is mended."""

from __future__ import annotations

from datetime import timedelta

import pytest
from commands import Commands
from journeys_calendar import MONDAY

from worker.steps.telling import standing

STATUSES = {"object": "contact", "name": "hs_lead_status"}
SAYS = 'hs_lead_status = "hot": '


@pytest.fixture
def refused(stage):
    """Nina is a hot PQL, and the portal has no such lead status; Olga is a cold user, and it has that."""
    stage.rewrite(
        "destinations",
        "also: {contact.usage_segment: {value: tier, mode: respect_human}}",
        "also: {contact.hs_lead_status: {value: tier, mode: own}}",
    )
    stage.portal.act("edit_field", **STATUSES, options=["warm", "cold"])
    stage.nina, stage.olga = stage.user("nina", "n1"), stage.user("olga", "o1")
    stage.did("olga", "report_viewed", 1.0)
    stage.skip_baseline()
    stage.keen("nina")
    stage.first = stage.run()
    return stage


@pytest.mark.fault("F22")
def test_a_rejected_row_is_named_everywhere_stops_nothing_and_is_written_after_a_retry(refused, pql: Commands) -> None:
    stage, report = refused, refused.first
    (told,) = report.rejected
    stage.close()
    status, dead = pql("status"), pql("dead", "--output", "json")
    explained = pql("explain", stage.nina, "--as-of", stage.now.isoformat())
    stage.portal.act("edit_field", **STATUSES, options=["warm", "cold", "hot"])
    retried = pql("retry", "--output", "json")
    later = stage.run(MONDAY + timedelta(hours=1))

    assert (report.exit_code(), told.field, told.name) == (1, "hs_lead_status", "Nina Berg")
    assert told.message.startswith(SAYS)
    assert told.message.endswith(
        "Add the option to the property and run pql retry, or let the settings say one that it has."
    )
    assert len(stage.portal.tasks()) == 1, "the handoff goes on"
    assert stage.portal.contact(stage.olga)["hs_lead_status"] == "cold"
    assert "rejected" in status.out
    assert [row["reason"] for row in dead.document["rows"]] == [told.message]
    assert SAYS in explained.out, explained.out
    assert retried.document["counts"]["records"] == 1
    assert (later.rejected, stage.portal.contact(stage.nina)["hs_lead_status"]) == ([], "hot")
    assert stage.portal.contact(stage.nina)["pql_flag"] == "true"


@pytest.mark.fault("F21", "F22")
def test_a_rejected_row_costs_no_call_until_other_settings_say_something_else(refused) -> None:
    stage = refused
    stage.portal.mark()
    idle = stage.run(MONDAY + timedelta(minutes=10))
    before = (idle.rejected, stage.portal.written())
    stage.rewrite("destinations", "also: {contact.hs_lead_status: {value: tier, mode: own}}", "also: {}")
    stage.run(MONDAY + timedelta(hours=1))

    assert before == ([], [])
    assert stage.portal.contact(stage.nina)["pql_flag"] == "true"


@pytest.mark.fault("F23")
def test_a_task_for_somebody_who_left_meanwhile_names_them_and_goes_to_the_next_under_its_key(stage) -> None:
    stage.user("nina", "n1")
    stage.skip_baseline()
    stage.keen("nina")
    stage.write()
    worker = stage.worker
    worker.pull()
    worker.watch("hubspot")
    worker.evaluate()
    with worker.tools.store.read() as tx:
        (planned,) = tx.connection.exec_driver_sql("select effect_key, payload from intent").all()
    chosen = next(who for who in ("ana", "tom", "eva", "pia") if stage.portal.owner(who) in str(planned.payload))
    stage.portal.act("deactivate_owner", email=f"{chosen}@acme.com")
    worker.push("hubspot")
    (stuck,) = [row for row in standing.stuck(worker.tools.store, worker.tools.settings) if "task_create" in row["what"]]
    worker.watch("hubspot")
    worker.evaluate()
    worker.push("hubspot")
    (task,) = stage.portal.tasks()

    assert stuck["status"] == "rejected"
    assert stuck["reason"].startswith(f'owner = "{chosen}@acme.com": ')
    assert task["pql_task_key"] == planned.effect_key
    assert task["hubspot_owner_id"] != stage.portal.owner(chosen)
