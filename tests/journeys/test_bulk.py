"""A run whose changes are many goes to Salesforce as a bulk job, waits for it, and counts it as the plan did."""

from __future__ import annotations

from datetime import timedelta

from journeys_calendar import MONDAY

from worker.store import bulk_jobs, pauses

PEOPLE = 5


def set_up(opened):
    """HubSpot, where people work; Salesforce, which gets fields of five leads."""
    stage = opened(salesforce=True)
    stage.rewrite("destinations", "object: both", "object: lead\n    bulk_above: 3")
    for number in range(PEOPLE):
        email = stage.user(f"u{number}", f"a{number}")
        lead = {"object": "Lead", "properties": {"Email": email, "LastName": "Berg", "Company": f"Firm {number}"}}
        stage.org.ids[email] = stage.org.endpoint.seed(records=[lead])["records"][0]["id"]
    return stage


def files(stage):
    return [one for one in stage.org.endpoint.requests(stage.org.seen[1]) if one["path"].endswith("/batches")]


def test_many_changes_go_as_a_job_that_a_run_awaits_and_the_next_push_ends_where_it_lasts_longer(opened, monkeypatch):
    stage = set_up(opened)
    stage.org.mark()
    stage.write()
    stage.worker.pull()
    for name in ("hubspot", "salesforce"):
        stage.worker.watch(name)
    planned = stage.plan(MONDAY).calls["salesforce"].minimum
    report = stage.run(MONDAY, watch=False)
    done = report.destinations["salesforce"]

    assert (report.status, done.records.updated, len(files(stage))) == ("done", PEOPLE, 1)
    assert (planned, done.calls.minimum, done.calls.writing) == (6, 6, 3)

    # a job that outlasts the run
    monkeypatch.setattr("worker.wiring.writer.JOB_PATIENCE", 0.0)
    stage.org.endpoint.switch(bulk_polls=99)
    for number in range(PEOPLE):
        stage.did(f"u{number}", "report_viewed", 0.2, times=9)
    report = stage.run(MONDAY + timedelta(hours=1))
    assert report.status == "partial"
    assert any("5 records are in a bulk job at salesforce" in says for says in report.warnings)

    # paused, nothing new is written, and what was closed is ended all the same
    stage.org.endpoint.switch(bulk_polls=0)
    with stage.worker.tools.store.write() as tx:
        pauses.pause(tx, "salesforce", "ana", "a look at the rules")
        tx.connection.exec_driver_sql("update bulk_job set look_at = null")
    assert stage.worker.sweep() == ("salesforce",)
    assert stage.worker.push("salesforce") is False
    with stage.worker.tools.store.read() as tx:
        assert [one["stage"] for one in bulk_jobs.listed(tx)] == ["done", "done"]
