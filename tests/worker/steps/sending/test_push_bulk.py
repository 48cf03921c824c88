"""More due updates than a bound go to Salesforce as bulk jobs, and come back row by row."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fixtures_salesforce import PEOPLE, SalesforceRig, salesforce_rig

from connectors.contract import Budget
from worker.steps.pacing.limiter import LocalLimiter
from worker.steps.pacing.periods import Periods
from worker.steps.sending.bulk import filling as bulk_filling
from worker.steps.sending.desk import PushReport, Writing
from worker.store import attempts, bulk_jobs, leases, links, records
from worker.store.database import Store

CLOSING = {"method": "PATCH", "path": ".*jobs/ingest"}


@pytest.fixture
def rig(sqlite_store: Store, provisioned_org: Path, tmp_path: Path, testing: Periods) -> Iterator[SalesforceRig]:
    with salesforce_rig(sqlite_store, (provisioned_org, tmp_path), testing, bulk_above=3) as made:
        yield made


def wish_all(rig: SalesforceRig, **fields: Any) -> None:
    rig.wish(*(rig.portal.want(number, **fields) for number in range(PEOPLE)))


def stages(rig: SalesforceRig) -> list[str]:
    with rig.store.read() as tx:
        return [one["stage"] for one in bulk_jobs.listed(tx)]


def row(rig: SalesforceRig, number: int) -> dict[str, Any]:
    with rig.store.read() as tx:
        return records.by_key(tx, f"L{number}")[0]


def until_quiet(rig: SalesforceRig, **how: Any) -> list[PushReport]:
    """Push and sweep as the schedule would, until nothing is left; the reports."""
    reports = []
    for _ in range(30):
        rig.sweep()
        reports.append(rig.push(**how))
        if reports[-1].next_in is None:
            return reports
        as_if_later(rig)
    raise AssertionError(rig.statuses())


def as_if_later(rig: SalesforceRig) -> None:
    """As if whatever is waited for were over; jobs go by looks, not by time."""
    with rig.store.write() as tx:
        tx.connection.exec_driver_sql("update bulk_job set look_at = null")
        tx.connection.exec_driver_sql("update record_sync set next_attempt_at = null, uncertain_until = null")


def total(reports: list[PushReport], name: str) -> int:
    return sum(getattr(one.counts.records, name) for one in reports)


def files(rig: SalesforceRig) -> int:
    return sum(1 for one in rig.portal.calls("/batches") if one["method"] == "PUT")


def calls_of_rows(rig: SalesforceRig) -> int:
    return sum(1 for one in rig.portal.calls("composite/sobjects") if one["method"] == "PATCH")


def assert_written_once(rig: SalesforceRig, score: int = 71) -> None:
    assert rig.statuses() == {"in_sync": PEOPLE}
    assert [rig.portal.held("lead", id)["pql_score"] for id in rig.portal.ids] == [score] * PEOPLE
    assert len(rig.portal.ledger("update", "Lead")) == PEOPLE


# ------------------------------------------------------------------ when


def test_many_updates_are_one_job_and_every_row_is_settled_by_its_result(rig: SalesforceRig):
    wish_all(rig)
    reports = until_quiet(rig)

    assert_written_once(rig)
    assert (total(reports, "updated"), stages(rig), files(rig), calls_of_rows(rig)) == (PEOPLE, ["done"], 1, 0)
    with rig.store.read() as tx:
        assert attempts.count(tx) == {"applied": 1}
    held = row(rig, 3)
    assert (held["ack_seq"], held["claimed_by"], held["blind_attempts"], held["attempts"]) == (held["seq"], None, 0, 0)
    with rig.store.read() as tx:
        assert links.by_key(tx, "salesforce", ["L3"])["L3"].crm_id == rig.portal.ids[3]
    again = rig.push()
    assert (again.counts.calls.made, again.next_in) == (0, None)


def test_a_job_needs_no_more_calls_than_are_counted_for_it(rig: SalesforceRig):
    rig.portal.endpoint.switch(bulk_polls=0)
    rig.portal.crm.mirror.read("lead", rig.portal.ids[:1], [])  # the description of the object is read once in an hour
    wish_all(rig)
    calls = rig.push().counts.calls

    assert stages(rig) == ["done"]
    assert (calls.minimum, calls.made, calls.writing) == (6, 6, 3)


@pytest.mark.parametrize("bound", [0, PEOPLE])
def test_below_the_bound_and_with_bulk_turned_off_updates_go_by_calls(rig: SalesforceRig, bound: int):
    rig.portal.crm.bulk.above = bound
    wish_all(rig)
    rig.push()

    assert (files(rig), calls_of_rows(rig)) == (0, 1)
    assert_written_once(rig)


def test_each_file_has_one_set_of_fields_and_small_groups_go_by_calls(rig: SalesforceRig):
    rig.wish(*(rig.portal.want(number) for number in range(6)))
    rig.wish(*(rig.portal.want(number, pql_plan="team") for number in range(6, 10)))
    rig.wish(*(rig.portal.want(number, pql_type="lead") for number in range(10, PEOPLE)))
    until_quiet(rig)

    assert (sorted(stages(rig)), files(rig), calls_of_rows(rig)) == (["done", "done"], 2, 1)
    with rig.store.read() as tx:
        fields = {tuple(one["fields"]): one["row_count"] for one in bulk_jobs.listed(tx)}
    assert sorted(fields.values()) == [4, 6]
    assert_written_once(rig)


@pytest.mark.parametrize(("others", "jobs", "calls"), [({1, 5}, [10], 1), ({1, 5, 8, 9}, [4, 8], 0)])
def test_where_a_sample_is_of_one_kind_all_are_filed_and_what_does_not_fit_is_looked_through_afterwards(
    rig: SalesforceRig, monkeypatch: pytest.MonkeyPatch, others: set[int], jobs: list[int], calls: int
):
    monkeypatch.setattr(bulk_filling, "PROBE", 4)
    # of 12 keys in their order the sample takes each third from L0 on, and so none of the others
    rig.wish(*(rig.portal.want(number, **({"pql_plan": "team"} if number in others else {})) for number in range(PEOPLE)))
    until_quiet(rig)

    assert (stages(rig), files(rig), calls_of_rows(rig)) == (["done"] * len(jobs), len(jobs), calls)
    with rig.store.read() as tx:
        assert sorted(one["row_count"] for one in bulk_jobs.listed(tx)) == jobs
    assert_written_once(rig)


def test_while_another_process_fills_files_rows_are_left_to_it_and_handoffs_are_not(rig: SalesforceRig):
    wish_all(rig)
    rig.wish(rig.portal.task(3))
    with rig.store.write() as tx:
        fence = leases.take(tx, "bulk salesforce", "elsewhere:1", 60)
    report = rig.push(seconds=2)

    assert (stages(rig), calls_of_rows(rig), report.counts.tasks.created) == ([], 0, 1)
    with rig.store.write() as tx:
        leases.release(tx, "bulk salesforce", fence or 0)
    until_quiet(rig)
    assert (stages(rig), files(rig)) == (["done"], 1)
    assert_written_once(rig)


def test_urgent_rows_do_not_wait_in_the_job_of_a_backfill(rig: SalesforceRig):
    rig.portal.endpoint.switch(bulk_polls=99)
    rig.wish(*(replace(rig.portal.want(number), priority=1 if number < 2 else 5) for number in range(PEOPLE)))
    rig.push()

    assert rig.statuses() == {"in_sync": 2, "sending": PEOPLE - 2}
    assert row(rig, 0)["status"] == "in_sync"


def test_handoffs_do_not_wait_for_a_job(rig: SalesforceRig):
    rig.portal.endpoint.switch(bulk_polls=99)
    wish_all(rig)
    rig.wish(rig.portal.task())
    report = rig.push()

    assert (report.counts.tasks.created, report.filed) == (1, PEOPLE)


@pytest.mark.parametrize(
    "writing",
    [
        Writing("salesforce", {("lead", "Title"): "respect_human"}),
        Writing("salesforce", {("lead", "Title"): "fill_empty"}),
    ],
)
def test_what_must_be_read_before_it_is_written_goes_by_calls_because_a_job_takes_minutes(rig: SalesforceRig, writing):
    wish_all(rig, Title="CTO")
    rig.portal.endpoint.act("edit", object="Lead", id=rig.portal.ids[0], properties={"Title": "mine"})
    rig.push(writing)

    assert files(rig) == 0
    assert rig.portal.crm.mirror.read("lead", [rig.portal.ids[0]], ["Title"])[rig.portal.ids[0]].fields["Title"] == "mine"


def test_a_push_that_is_stopped_while_it_fills_a_file_sends_none(rig: SalesforceRig):
    """A worker that is told to end has seconds for it."""
    wish_all(rig)
    report = rig.push(part=3, threads=1, stop=lambda: rig.statuses().get("sending", 0) > 0)

    assert (report.interrupted, files(rig), stages(rig)) == (True, 0, ["dropped"])
    assert rig.statuses() == {"due": PEOPLE}
    assert row(rig, 0)["blind_attempts"] == 0
    until_quiet(rig)
    assert_written_once(rig)


def test_no_more_rows_than_were_asked_for_go_into_a_file(rig: SalesforceRig):
    wish_all(rig)
    while rig.push(limit=0 if stages(rig) else 5).filed:
        as_if_later(rig)

    assert rig.statuses() == {"in_sync": 5, "due": PEOPLE - 5}


def test_records_that_are_yet_to_be_made_go_by_calls(rig: SalesforceRig):
    rig.wish(*(replace(rig.portal.want(number, email=f"n{number}@x.example"), crm_id=None) for number in range(5)))
    report = rig.push()

    assert (files(rig), report.counts.records.created) == (0, 5)


# ------------------------------------------------------------------ rows


def test_each_row_of_a_job_becomes_what_it_would_have_become_by_a_call(rig: SalesforceRig):
    org, ids = rig.portal.endpoint, rig.portal.ids
    contact = org.act("convert", object="Lead", id=ids[0])["contact"]
    org.act("delete", object="Lead", id=ids[1])
    org.switch(row_locks={ids[2]: 1})
    rule = {"object": "Lead", "refuse_when": "LastName = 'p3'", "message": "Not this one", "field": "PQL_Score__c"}
    org.switch(validation_rules=[rule])
    wish_all(rig)
    reports = until_quiet(rig)

    assert rig.statuses() == {"in_sync": PEOPLE - 2, "unmatched": 1, "rejected": 1}
    assert (row(rig, 0)["object"], row(rig, 0)["crm_id"]) == ("contact", contact)
    assert row(rig, 1)["crm_id"] is None
    (bad,) = [one for report in reports for one in report.rejected]
    assert (bad.lead, bad.field, bad.code) == ("L3", "pql_score", "FIELD_CUSTOM_VALIDATION_EXCEPTION")
    assert row(rig, 2)["status"] == "in_sync"
    assert len([one for one in rig.portal.ledger("update", "Lead") if one["id"] == ids[2]]) == 1


def test_a_state_that_moved_on_while_the_job_ran_is_due_again_and_wins(rig: SalesforceRig):
    rig.portal.endpoint.switch(bulk_polls=2)
    wish_all(rig)
    rig.push()
    rig.wish(rig.portal.want(4, pql_score=90))
    assert row(rig, 4)["status"] == "sending"
    until_quiet(rig)

    assert rig.statuses() == {"in_sync": PEOPLE}
    assert rig.portal.held("lead", rig.portal.ids[4])["pql_score"] == 90
    scores = [one["after"]["PQL_Score__c"] for one in rig.portal.ledger("update", "Lead") if one["id"] == rig.portal.ids[4]]
    assert scores == [71, 90]


def test_a_field_that_the_org_hides_is_left_out_and_said(rig: SalesforceRig):
    rig.portal.endpoint.act("drop_field", object="Lead", name="PQL_Tier__c")
    wish_all(rig)
    reports = until_quiet(rig)

    assert rig.statuses() == {"in_sync": PEOPLE}
    assert any("no field pql_tier" in says for one in reports for says in one.warnings)
    assert [rig.portal.held("lead", id)["pql_score"] for id in rig.portal.ids] == [71] * PEOPLE


def test_a_text_that_a_file_cannot_say_goes_by_a_call(rig: SalesforceRig):
    rig.wish(*(rig.portal.want(number, pql_reasons="#N/A" if number == 2 else "fine") for number in range(PEOPLE)))
    until_quiet(rig)

    assert (files(rig), calls_of_rows(rig)) == (1, 1)
    assert rig.portal.held("lead", rig.portal.ids[2])["pql_reasons"] == "#N/A"
    assert_written_once(rig)


# ------------------------------------------------------------------ jobs in bad weather


OPEN = {"method": "POST", "path": ".*jobs/ingest$"}
UPLOAD = {"method": "PUT", "path": ".*batches"}
LOOK = {"method": "GET", "path": ".*jobs/ingest/750[^/]*$"}
RESULTS = {"method": "GET", "path": ".*successfulResults"}


@pytest.mark.parametrize(
    ("call", "fault", "args"),
    [
        *((OPEN, fault, {}) for fault in ("reset_after", "empty_2xx", "daily_limit", "forbidden")),
        *((UPLOAD, fault, {}) for fault in ("reset_after", "html", "daily_limit")),
        *((CLOSING, fault, {}) for fault in ("reset_before", "reset_after", "daily_limit")),
        *((LOOK, fault, {}) for fault in ("reset_before", "html", "daily_limit")),
        *((RESULTS, fault, {}) for fault in ("truncate", "empty_2xx", "daily_limit")),
        *((call, "html", {"status": 200}) for call in (UPLOAD, CLOSING, RESULTS)),
        (UPLOAD, "empty_2xx", {"applied": False}),
    ],
)
def test_whatever_happens_to_a_call_of_a_job_every_row_is_written_once(rig: SalesforceRig, call, fault: str, args: Any):
    wish_all(rig)
    rig.portal.endpoint.weather({"match": call, "nth": 1, "fault": fault, "args": args})
    until_quiet(rig, limiter=Forgetful())

    assert_written_once(rig)


class Forgetful(LocalLimiter):
    """A limit of the day is waited for by nobody in a test."""

    def pause(self, seconds: float) -> None:
        super().pause(seconds * 0)

    def learn(self, budget: Budget) -> None:
        """Whatever the answer said, the next call may be made at once."""


def test_a_job_that_failed_half_way_leaves_rows_that_are_read_back_and_sent_by_calls(rig: SalesforceRig):
    rig.portal.endpoint.switch(bulk_failure={"after": 4, "message": "InternalServerError : Retried too often"})
    wish_all(rig)
    reports = until_quiet(rig)

    assert_written_once(rig)
    assert (stages(rig), calls_of_rows(rig)) == (["done"], 1)
    assert any("ended early: InternalServerError" in says for one in reports for says in one.warnings)
    with rig.store.read() as tx:
        assert "mixed" in attempts.count(tx)


def test_after_a_job_that_failed_rows_go_by_calls_for_a_while(rig: SalesforceRig):
    rig.portal.endpoint.switch(daily_bulk_batches=0)
    wish_all(rig)
    until_quiet(rig)
    wish_all(rig, pql_score=80)
    until_quiet(rig)

    assert (files(rig), stages(rig)) == (1, ["done"])
    assert [rig.portal.held("lead", id)["pql_score"] for id in rig.portal.ids] == [80] * PEOPLE


def test_a_job_that_is_gone_leaves_rows_that_are_read_back(rig: SalesforceRig):
    rig.portal.endpoint.switch(bulk_seconds=10)
    wish_all(rig)
    rig.push()
    rig.portal.endpoint.advance(11)
    rig.portal.crm.mirror.read("lead", rig.portal.ids[:1], [])  # whoever calls, the job is worked off meanwhile
    rig.portal.endpoint.advance(8 * 86_400)
    until_quiet(rig)

    assert stages(rig) == ["lost"]
    assert_written_once(rig)


def test_a_job_that_a_person_aborted_half_way_is_ended_by_calls(rig: SalesforceRig):
    rig.portal.endpoint.switch(bulk_polls=3)
    wish_all(rig)
    rig.push()
    rig.portal.crm.bulk.abort(job_id(rig))
    until_quiet(rig)

    assert_written_once(rig)


def job_id(rig: SalesforceRig) -> str:
    with rig.store.read() as tx:
        return str(bulk_jobs.listed(tx)[0]["job"])


def test_rows_in_a_job_are_held_however_long_it_takes_and_no_sweep_takes_them(rig: SalesforceRig):
    rig.portal.endpoint.switch(bulk_polls=99)
    wish_all(rig)
    rig.push()
    time.sleep(rig.periods.lease + 0.2)
    rig.sweep()

    assert rig.statuses() == {"sending": PEOPLE}
    rig.portal.endpoint.switch(bulk_polls=0)
    until_quiet(rig)
    assert_written_once(rig)


def test_rows_that_were_taken_from_a_job_are_their_new_holders(rig: SalesforceRig):
    rig.portal.endpoint.switch(bulk_polls=2)
    wish_all(rig)
    rig.push()
    rig.expire()
    until_quiet(rig)

    assert rig.statuses() == {"in_sync": PEOPLE}
    assert [rig.portal.held("lead", id)["pql_score"] for id in rig.portal.ids] == [71] * PEOPLE
    with rig.store.read() as tx:
        assert "stale_result" in attempts.count(tx)


def test_paused_nothing_is_sent_and_jobs_that_are_closed_are_ended(rig: SalesforceRig):
    rig.portal.endpoint.switch(bulk_polls=1)
    wish_all(rig)
    rig.push()
    as_if_later(rig)
    report = rig.push(records=False, tasks=False)

    assert (report.filed, rig.statuses()) == (0, {"in_sync": PEOPLE})
