"""
Killed at every moment of a bulk job, the next push finds the job in the store and goes on; every record is written once.

B1: rows are claimed and named, no job is made. B2: the job is made, its id is not stored. B3: the id is stored, nothing is
sent. B4: the file is there, which is not stored. B5: it is stored, the job is not closed. B6: it is closed, which is not
stored. B7: it is over, no result is stored. B8: some results are stored.
"""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from fixtures_push import SHORT
from fixtures_salesforce import PEOPLE, SalesforceRig, salesforce_rig
from pusher import Pushers

from worker.steps.pacing.periods import Periods
from worker.store import attempts, bulk_jobs
from worker.store.database import Store, open_store

ENVIRONMENT = {"PQL_TESTING": "1", **{f"PQL_{name.upper()}": str(value) for name, value in SHORT.items()}}
POINTS = ["B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8:2"]


@dataclass
class Scene:
    """A rig, and processes of their own that push for it."""

    rig: SalesforceRig
    pushers: Pushers

    def start(self, point: str = "") -> int:
        url = self.rig.store.engine.url.render_as_string(hide_password=False)
        endpoint = self.rig.portal.endpoint
        doc = {"store": url, "crm": ("salesforce", endpoint.url, endpoint.token), "ahead": 0.0}
        return self.pushers.start("file", {**ENVIRONMENT, "PQL_CRASHPOINT": point}, doc)

    def ended(self, point: str = "") -> int:
        return self.pushers.wait(self.start(point))

    def wish_all(self) -> None:
        self.rig.wish(*(self.rig.portal.want(number) for number in range(PEOPLE)))

    def stages(self) -> list[str]:
        with self.rig.store.read() as tx:
            return [one["stage"] for one in bulk_jobs.listed(tx)]

    def outcomes(self) -> dict[str, int]:
        with self.rig.store.read() as tx:
            return attempts.count(tx)

    def assert_all_is_well(self) -> None:
        rig = self.rig
        assert rig.statuses() == {"in_sync": PEOPLE}
        assert [rig.portal.held("lead", id)["pql_score"] for id in rig.portal.ids] == [71] * PEOPLE
        assert len(rig.portal.ledger("update", "Lead")) == PEOPLE
        assert set(self.stages()) <= {"done", "dropped"}
        assert "open" not in self.outcomes()


@contextmanager
def scene_on(store: Store, places: tuple[Path, Path], periods: Periods, pushers: Pushers) -> Iterator[Scene]:
    with salesforce_rig(store, places, periods, bulk_above=3) as rig:
        yield Scene(rig, pushers)


@pytest.fixture
def scene(sqlite_store: Store, provisioned_org: Path, tmp_path: Path, testing: Periods, pushers: Pushers) -> Iterator[Scene]:
    with scene_on(sqlite_store, (provisioned_org, tmp_path), testing, pushers) as made:
        yield made


@pytest.fixture
def on_postgres(
    postgres_url: str, provisioned_org: Path, tmp_path: Path, testing: Periods, pushers: Pushers
) -> Iterator[Scene]:
    with (
        closing(open_store(postgres_url, "acme")) as store,
        scene_on(store, (provisioned_org, tmp_path), testing, pushers) as made,
    ):
        yield made


@pytest.mark.parametrize("point", POINTS)
def test_killed_anywhere_in_a_job_the_next_push_ends_it_and_writes_every_record_once(scene: Scene, point: str):
    scene.wish_all()
    assert scene.ended(point) == -signal.SIGKILL
    assert scene.ended() == 0

    scene.assert_all_is_well()
    sent = [one for one in scene.rig.portal.calls("/batches") if one["method"] == "PUT"]
    assert len(sent) == (2 if point == "B4" else 1), "only a job that is known not to be closed gets a successor"


@pytest.mark.parametrize("point", ["B1", "B5", "B8"])
def test_the_same_on_postgres(on_postgres: Scene, point: str):
    scene = on_postgres
    scene.wish_all()
    assert scene.ended(point) == -signal.SIGKILL
    assert scene.ended() == 0

    scene.assert_all_is_well()


def test_a_job_that_was_made_and_not_stored_stays_open_and_writes_nothing(scene: Scene):
    scene.wish_all()
    scene.ended("B2")
    scene.ended()

    states = [one["told"]["state"] for one in scene.rig.portal.endpoint.state.docs("job").values()]
    assert sorted(states) == ["JobComplete", "Open"]
    assert sorted(scene.stages()) == ["done", "dropped"]
    assert scene.outcomes() == {"applied": 3, "not_sent": 3}


def test_killed_while_a_job_is_worked_off_the_next_push_takes_its_results(scene: Scene):
    scene.rig.portal.endpoint.switch(bulk_polls=2)
    scene.wish_all()
    pid = scene.start()
    deadline = time.monotonic() + 30
    while scene.stages() != ["closed"] and time.monotonic() < deadline:
        time.sleep(0.02)

    os.kill(pid, signal.SIGKILL)
    assert scene.pushers.wait(pid) == -signal.SIGKILL
    assert scene.rig.statuses() == {"sending": PEOPLE}
    assert scene.ended() == 0

    scene.assert_all_is_well()


def test_what_a_killed_worker_of_another_host_left_is_taken_up_when_its_lease_is_over(scene: Scene):
    scene.wish_all()
    scene.ended("B5")
    with scene.rig.store.write() as tx:
        tx.connection.exec_driver_sql("update bulk_job set claimed_by = 'other:1'")
    assert scene.rig.push().counts.calls.made == 0
    time.sleep(SHORT["lease"] + 0.1)
    assert scene.ended() == 0

    scene.assert_all_is_well()


def test_a_worker_that_comes_back_after_its_job_was_taken_over_changes_nothing(scene: Scene):
    scene.wish_all()
    scene.rig.portal.endpoint.weather(
        {"match": {"method": "PUT", "path": ".*batches"}, "nth": 1, "fault": "latency", "args": {"seconds": 1.2}}
    )
    slow = scene.start()
    deadline = time.monotonic() + 30
    while scene.stages() != ["opened"] and time.monotonic() < deadline:
        time.sleep(0.02)
    with scene.rig.store.write() as tx:  # as if its lease had run out while it waited
        tx.connection.exec_driver_sql("update bulk_job set claim_until = '2000-01-01 00:00:00.000000'")
    assert scene.ended() == 0
    assert scene.pushers.wait(slow) == 0

    scene.assert_all_is_well()


def test_two_processes_at_once_make_one_job_and_write_every_record_once(on_postgres: Scene):
    scene = on_postgres
    scene.wish_all()
    both = [scene.start() for _ in range(2)]

    assert [scene.pushers.wait(one) for one in both] == [0, 0]
    scene.assert_all_is_well()


def test_a_row_over_which_a_process_died_while_filling_goes_in_small_company(scene: Scene):
    """What the file says of a row may be what kills: after a death no file takes it again."""
    scene.wish_all()
    with scene.rig.store.write() as tx:
        tx.connection.exec_driver_sql("update record_sync set blind_attempts = 1")
    scene.rig.push()

    assert scene.stages() == []
    assert scene.rig.statuses() == {"in_sync": PEOPLE}
