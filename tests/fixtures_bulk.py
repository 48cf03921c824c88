"""An org to which more than three due updates go as a bulk job."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fixtures_salesforce import PEOPLE, SalesforceRig, salesforce_rig

from worker.steps.pacing.periods import Periods
from worker.steps.sending.desk import PushReport
from worker.store import bulk_jobs, records
from worker.store.database import Store


class BulkRig(SalesforceRig):
    def wish_all(self, **fields: Any) -> None:
        self.wish(*(self.portal.want(number, **fields) for number in range(PEOPLE)))

    def stages(self) -> list[str]:
        with self.store.read() as tx:
            return [one["stage"] for one in bulk_jobs.listed(tx)]

    def row(self, number: int) -> dict[str, Any]:
        with self.store.read() as tx:
            return records.by_key(tx, f"L{number}")[0]

    def job_id(self) -> str:
        with self.store.read() as tx:
            return str(bulk_jobs.listed(tx)[0]["job"])

    def until_quiet(self, **how: Any) -> list[PushReport]:
        """Push and sweep as the schedule would, until nothing is left; the reports."""
        reports = []
        for _ in range(30):
            self.sweep()
            reports.append(self.push(**how))
            if reports[-1].next_in is None:
                return reports
            self.as_if_later()
        raise AssertionError(self.statuses())

    def as_if_later(self) -> None:
        """As if whatever is waited for were over; jobs go by looks, not by time."""
        with self.store.write() as tx:
            tx.connection.exec_driver_sql("update bulk_job set look_at = null")
            tx.connection.exec_driver_sql("update record_sync set next_attempt_at = null, uncertain_until = null")

    def files(self) -> int:
        return sum(1 for one in self.portal.calls("/batches") if one["method"] == "PUT")

    def calls_of_rows(self) -> int:
        return sum(1 for one in self.portal.calls("composite/sobjects") if one["method"] == "PATCH")

    def assert_written_once(self, score: int = 71) -> None:
        assert self.statuses() == {"in_sync": PEOPLE}
        assert [self.portal.held("lead", id)["pql_score"] for id in self.portal.ids] == [score] * PEOPLE
        assert len(self.portal.ledger("update", "Lead")) == PEOPLE


@pytest.fixture
def bulk_rig(sqlite_store: Store, provisioned_org: Path, tmp_path: Path, testing: Periods) -> Iterator[BulkRig]:
    with salesforce_rig(sqlite_store, (provisioned_org, tmp_path), testing, bulk_above=3) as made:
        yield BulkRig(made.store, made.portal, made.periods)
