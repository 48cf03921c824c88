"""More due updates than a bound go to Salesforce as bulk jobs, and come back row by row."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fixtures_salesforce import PEOPLE, SalesforceRig, salesforce_rig

from worker.steps.periods import Periods
from worker.store import attempts, bulk_jobs, records
from worker.store.database import Store

JOBS = "jobs/ingest"


@pytest.fixture
def rig(sqlite_store: Store, provisioned_org: Path, tmp_path: Path, testing: Periods) -> Iterator[SalesforceRig]:
    with salesforce_rig(sqlite_store, (provisioned_org, tmp_path), testing, bulk_above=3) as made:
        yield made


def wish_all(rig: SalesforceRig, **fields: Any) -> None:
    rig.wish(*(rig.portal.want(number, **fields) for number in range(PEOPLE)))


def jobs(rig: SalesforceRig) -> list[str]:
    with rig.store.read() as tx:
        return [one["stage"] for one in bulk_jobs.listed(tx)]


def until_quiet(rig: SalesforceRig) -> list[Any]:
    """Push and sweep as the schedule would, until nothing is left; the reports."""
    reports = []
    for _ in range(30):
        rig.sweep()
        reports.append(rig.push())
        if reports[-1].next_in is None:
            return reports
        time.sleep(min(reports[-1].next_in, 1.0) + 0.01)
    raise AssertionError(rig.statuses())


def assert_written_once(rig: SalesforceRig) -> None:
    assert rig.statuses() == {"in_sync": PEOPLE}
    assert [rig.portal.held("lead", id)["pql_score"] for id in rig.portal.ids] == [71] * PEOPLE
    assert len(rig.portal.ledger("update", "Lead")) == PEOPLE


def test_many_updates_are_one_job_and_every_row_is_settled_by_its_result(rig: SalesforceRig):
    wish_all(rig)
    reports = until_quiet(rig)

    assert sum(one.counts.records.updated for one in reports) == PEOPLE
    assert_written_once(rig)
    assert jobs(rig) == ["done"]
    assert rig.portal.calls("composite/sobjects", writing=True) == []
    with rig.store.read() as tx:
        assert attempts.count(tx) == {"applied": 1}
        (row,) = records.by_key(tx, "L3")
    assert (row["ack_seq"], row["claimed_by"], row["blind_attempts"]) == (row["seq"], None, 0)
