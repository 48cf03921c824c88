"""Whatever happens to a bulk job or to a call about it, every row is written once and settled."""

import time
from typing import Any

import pytest
from fixtures_bulk import BulkRig
from fixtures_salesforce import PEOPLE

from connectors.contract import Budget
from worker.steps.pacing.limiter import LocalLimiter
from worker.store import attempts


@pytest.fixture
def rig(bulk_rig: BulkRig) -> BulkRig:
    return bulk_rig


CLOSING = {"method": "PATCH", "path": ".*jobs/ingest"}
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
def test_whatever_happens_to_a_call_of_a_job_every_row_is_written_once(rig: BulkRig, call, fault: str, args: Any):
    rig.wish_all()
    rig.portal.endpoint.weather({"match": call, "nth": 1, "fault": fault, "args": args})
    rig.until_quiet(limiter=Forgetful())

    rig.assert_written_once()


class Forgetful(LocalLimiter):
    """A limit of the day is waited for by nobody in a test."""

    def pause(self, seconds: float) -> None:
        super().pause(seconds * 0)

    def learn(self, budget: Budget) -> None:
        """Whatever the answer said, the next call may be made at once."""


def test_a_job_that_failed_half_way_leaves_rows_that_are_read_back_and_sent_by_calls(rig: BulkRig):
    rig.portal.endpoint.switch(bulk_failure={"after": 4, "message": "InternalServerError : Retried too often"})
    rig.wish_all()
    reports = rig.until_quiet()

    rig.assert_written_once()
    assert (rig.stages(), rig.calls_of_rows()) == (["done"], 1)
    assert any("ended early: InternalServerError" in says for one in reports for says in one.warnings)
    with rig.store.read() as tx:
        assert "mixed" in attempts.count(tx)


def test_after_a_job_that_failed_rows_go_by_calls_for_a_while(rig: BulkRig):
    rig.portal.endpoint.switch(daily_bulk_batches=0)
    rig.wish_all()
    rig.until_quiet()
    rig.wish_all(pql_score=80)
    rig.until_quiet()

    assert (rig.files(), rig.stages()) == (1, ["done"])
    assert [rig.portal.held("lead", id)["pql_score"] for id in rig.portal.ids] == [80] * PEOPLE


def test_a_job_that_is_gone_leaves_rows_that_are_read_back(rig: BulkRig):
    rig.portal.endpoint.switch(bulk_seconds=10)
    rig.wish_all()
    rig.push()
    rig.portal.endpoint.advance(11)
    rig.portal.crm.mirror.read("lead", rig.portal.ids[:1], [])  # whoever calls, the job is worked off meanwhile
    rig.portal.endpoint.advance(8 * 86_400)
    rig.until_quiet()

    assert rig.stages() == ["lost"]
    rig.assert_written_once()


def test_a_job_that_a_person_aborted_half_way_is_ended_by_calls(rig: BulkRig):
    rig.portal.endpoint.switch(bulk_polls=3)
    rig.wish_all()
    rig.push()
    rig.portal.crm.bulk.abort(rig.job_id())
    rig.until_quiet()

    rig.assert_written_once()


def test_rows_in_a_job_are_held_however_long_it_takes_and_no_sweep_takes_them(rig: BulkRig):
    rig.portal.endpoint.switch(bulk_polls=99)
    rig.wish_all()
    rig.push()
    time.sleep(rig.periods.lease + 0.2)
    rig.sweep()

    assert rig.statuses() == {"sending": PEOPLE}
    rig.portal.endpoint.switch(bulk_polls=0)
    rig.until_quiet()
    rig.assert_written_once()


def test_rows_that_were_taken_from_a_job_are_their_new_holders(rig: BulkRig):
    rig.portal.endpoint.switch(bulk_polls=2)
    rig.wish_all()
    rig.push()
    rig.expire()
    rig.until_quiet()

    assert rig.statuses() == {"in_sync": PEOPLE}
    assert [rig.portal.held("lead", id)["pql_score"] for id in rig.portal.ids] == [71] * PEOPLE
    with rig.store.read() as tx:
        assert "stale_result" in attempts.count(tx)


def test_paused_nothing_is_sent_and_jobs_that_are_closed_are_ended(rig: BulkRig):
    rig.portal.endpoint.switch(bulk_polls=1)
    rig.wish_all()
    rig.push()
    rig.as_if_later()
    report = rig.push(records=False, tasks=False)

    assert (report.filed, rig.statuses()) == (0, {"in_sync": PEOPLE})
