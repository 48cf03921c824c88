"""More due updates than a bound go to Salesforce as bulk jobs, and come back row by row."""

from dataclasses import replace

import pytest
from fixtures_bulk import BulkRig
from fixtures_salesforce import PEOPLE

from worker.steps.sending.bulk import filling as bulk_filling
from worker.steps.sending.desk import PushReport, Writing
from worker.store import attempts, bulk_jobs, leases, links


@pytest.fixture
def rig(bulk_rig: BulkRig) -> BulkRig:
    return bulk_rig


def total(reports: list[PushReport], name: str) -> int:
    return sum(getattr(one.counts.records, name) for one in reports)


# ------------------------------------------------------------------ when


def test_many_updates_are_one_job_and_every_row_is_settled_by_its_result(rig: BulkRig):
    rig.wish_all()
    reports = rig.until_quiet()

    rig.assert_written_once()
    assert (total(reports, "updated"), rig.stages(), rig.files(), rig.calls_of_rows()) == (PEOPLE, ["done"], 1, 0)
    with rig.store.read() as tx:
        assert attempts.count(tx) == {"applied": 1}
    held = rig.row(3)
    assert (held["ack_seq"], held["claimed_by"], held["blind_attempts"], held["attempts"]) == (held["seq"], None, 0, 0)
    with rig.store.read() as tx:
        assert links.by_key(tx, "salesforce", ["L3"])["L3"].crm_id == rig.portal.ids[3]
    again = rig.push()
    assert (again.counts.calls.made, again.next_in) == (0, None)


def test_a_job_needs_no_more_calls_than_are_counted_for_it(rig: BulkRig):
    rig.portal.endpoint.switch(bulk_polls=0)
    rig.portal.crm.mirror.read("lead", rig.portal.ids[:1], [])  # the description of the object is read once in an hour
    rig.wish_all()
    calls = rig.push().counts.calls

    assert rig.stages() == ["done"]
    assert (calls.minimum, calls.made, calls.writing) == (6, 6, 3)


@pytest.mark.parametrize("bound", [0, PEOPLE])
def test_below_the_bound_and_with_bulk_turned_off_updates_go_by_calls(rig: BulkRig, bound: int):
    rig.portal.crm.bulk.above = bound
    rig.wish_all()
    rig.push()

    assert (rig.files(), rig.calls_of_rows()) == (0, 1)
    rig.assert_written_once()


def test_each_file_has_one_set_of_fields_and_small_groups_go_by_calls(rig: BulkRig):
    rig.wish(*(rig.portal.want(number) for number in range(6)))
    rig.wish(*(rig.portal.want(number, pql_plan="team") for number in range(6, 10)))
    rig.wish(*(rig.portal.want(number, pql_type="lead") for number in range(10, PEOPLE)))
    rig.until_quiet()

    assert (sorted(rig.stages()), rig.files(), rig.calls_of_rows()) == (["done", "done"], 2, 1)
    with rig.store.read() as tx:
        fields = {tuple(one["fields"]): one["row_count"] for one in bulk_jobs.listed(tx)}
    assert sorted(fields.values()) == [4, 6]
    rig.assert_written_once()


@pytest.mark.parametrize(("others", "jobs", "calls"), [({1, 5}, [10], 1), ({1, 5, 8, 9}, [4, 8], 0)])
def test_where_a_sample_is_of_one_kind_all_are_filed_and_what_does_not_fit_is_looked_through_afterwards(
    rig: BulkRig, monkeypatch: pytest.MonkeyPatch, others: set[int], jobs: list[int], calls: int
):
    monkeypatch.setattr(bulk_filling, "PROBE", 4)
    # of 12 keys in their order the sample takes each third from L0 on, and so none of the others
    rig.wish(*(rig.portal.want(number, **({"pql_plan": "team"} if number in others else {})) for number in range(PEOPLE)))
    rig.until_quiet()

    assert (rig.stages(), rig.files(), rig.calls_of_rows()) == (["done"] * len(jobs), len(jobs), calls)
    with rig.store.read() as tx:
        assert sorted(one["row_count"] for one in bulk_jobs.listed(tx)) == jobs
    rig.assert_written_once()


def test_while_another_process_fills_files_rows_are_left_to_it_and_handoffs_are_not(rig: BulkRig):
    rig.wish_all()
    rig.wish(rig.portal.task(3))
    with rig.store.write() as tx:
        fence = leases.take(tx, "bulk salesforce", "elsewhere:1", 60)
    report = rig.push(seconds=2)

    assert (rig.stages(), rig.calls_of_rows(), report.counts.tasks.created) == ([], 0, 1)
    with rig.store.write() as tx:
        leases.release(tx, "bulk salesforce", fence or 0)
    rig.until_quiet()
    assert (rig.stages(), rig.files()) == (["done"], 1)
    rig.assert_written_once()


def test_urgent_rows_do_not_wait_in_the_job_of_a_backfill(rig: BulkRig):
    rig.portal.endpoint.switch(bulk_polls=99)
    rig.wish(*(replace(rig.portal.want(number), priority=1 if number < 2 else 5) for number in range(PEOPLE)))
    rig.push()

    assert rig.statuses() == {"in_sync": 2, "sending": PEOPLE - 2}
    assert rig.row(0)["status"] == "in_sync"


def test_handoffs_do_not_wait_for_a_job(rig: BulkRig):
    rig.portal.endpoint.switch(bulk_polls=99)
    rig.wish_all()
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
def test_what_must_be_read_before_it_is_written_goes_by_calls_because_a_job_takes_minutes(rig: BulkRig, writing):
    rig.wish_all(Title="CTO")
    rig.portal.endpoint.act("edit", object="Lead", id=rig.portal.ids[0], properties={"Title": "mine"})
    rig.push(writing)

    assert rig.files() == 0
    assert rig.portal.crm.mirror.read("lead", [rig.portal.ids[0]], ["Title"])[rig.portal.ids[0]].fields["Title"] == "mine"


def test_a_push_that_is_stopped_while_it_fills_a_file_sends_none(rig: BulkRig):
    """A worker that is told to end has seconds for it."""
    rig.wish_all()
    report = rig.push(part=3, threads=1, stop=lambda: rig.statuses().get("sending", 0) > 0)

    assert (report.interrupted, rig.files(), rig.stages()) == (True, 0, ["dropped"])
    assert rig.statuses() == {"due": PEOPLE}
    assert rig.row(0)["blind_attempts"] == 0
    rig.until_quiet()
    rig.assert_written_once()


def test_no_more_rows_than_were_asked_for_go_into_a_file(rig: BulkRig):
    rig.wish_all()
    while rig.push(limit=0 if rig.stages() else 5).filed:
        rig.as_if_later()

    assert rig.statuses() == {"in_sync": 5, "due": PEOPLE - 5}


def test_records_that_are_yet_to_be_made_go_by_calls(rig: BulkRig):
    rig.wish(*(replace(rig.portal.want(number, email=f"n{number}@x.example"), crm_id=None) for number in range(5)))
    report = rig.push()

    assert (rig.files(), report.counts.records.created) == (0, 5)


# ------------------------------------------------------------------ rows


def test_each_row_of_a_job_becomes_what_it_would_have_become_by_a_call(rig: BulkRig):
    org, ids = rig.portal.endpoint, rig.portal.ids
    contact = org.act("convert", object="Lead", id=ids[0])["contact"]
    org.act("delete", object="Lead", id=ids[1])
    org.switch(row_locks={ids[2]: 1})
    rule = {"object": "Lead", "refuse_when": "LastName = 'p3'", "message": "Not this one", "field": "PQL_Score__c"}
    org.switch(validation_rules=[rule])
    rig.wish_all()
    reports = rig.until_quiet()

    assert rig.statuses() == {"in_sync": PEOPLE - 2, "unmatched": 1, "rejected": 1}
    assert (rig.row(0)["object"], rig.row(0)["crm_id"]) == ("contact", contact)
    assert rig.row(1)["crm_id"] is None
    (bad,) = [one for report in reports for one in report.rejected]
    assert (bad.lead, bad.field, bad.code) == ("L3", "pql_score", "FIELD_CUSTOM_VALIDATION_EXCEPTION")
    assert rig.row(2)["status"] == "in_sync"
    assert len([one for one in rig.portal.ledger("update", "Lead") if one["id"] == ids[2]]) == 1


def test_a_state_that_moved_on_while_the_job_ran_is_due_again_and_wins(rig: BulkRig):
    rig.portal.endpoint.switch(bulk_polls=2)
    rig.wish_all()
    rig.push()
    rig.wish(rig.portal.want(4, pql_score=90))
    assert rig.row(4)["status"] == "sending"
    rig.until_quiet()

    assert rig.statuses() == {"in_sync": PEOPLE}
    assert rig.portal.held("lead", rig.portal.ids[4])["pql_score"] == 90
    scores = [one["after"]["PQL_Score__c"] for one in rig.portal.ledger("update", "Lead") if one["id"] == rig.portal.ids[4]]
    assert scores == [71, 90]


def test_a_field_that_the_org_hides_is_left_out_and_said(rig: BulkRig):
    rig.portal.endpoint.act("drop_field", object="Lead", name="PQL_Tier__c")
    rig.wish_all()
    reports = rig.until_quiet()

    assert rig.statuses() == {"in_sync": PEOPLE}
    assert any("no field pql_tier" in says for one in reports for says in one.warnings)
    assert [rig.portal.held("lead", id)["pql_score"] for id in rig.portal.ids] == [71] * PEOPLE


def test_a_text_that_a_file_cannot_say_goes_by_a_call(rig: BulkRig):
    rig.wish(*(rig.portal.want(number, pql_reasons="#N/A" if number == 2 else "fine") for number in range(PEOPLE)))
    rig.until_quiet()

    assert (rig.files(), rig.calls_of_rows()) == (1, 1)
    assert rig.portal.held("lead", rig.portal.ids[2])["pql_reasons"] == "#N/A"
    rig.assert_written_once()
