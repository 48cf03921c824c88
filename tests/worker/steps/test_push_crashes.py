"""
Killed at every named moment, the next push and sweep leave one task and lose no record.

K5 and K6 differ in the weather: the first request is applied after the reset, or before. K9 lies between a task and its
association in two calls; no connector makes two calls, so a push never passes it. K10 is a worker that comes back after its
claim was taken over.
"""

import signal
import threading
import time
from dataclasses import dataclass
from typing import Any

import pytest
from fixtures_push import SHORT, Portal, Rig
from pusher import Pushers

from worker.steps.periods import Periods
from worker.store import attempts
from worker.store.database import Store

TASKS, FIELDS = ".*tasks/batch/create", ".*contacts/batch/update"
ENVIRONMENT = {"PQL_TESTING": "1", **{f"PQL_{name.upper()}": str(value) for name, value in SHORT.items()}}


@dataclass
class Scene(Rig):
    """A rig, and processes of their own that push for it."""

    pushers: Pushers | None = None

    def start(self, what: str = "push", point: str = "") -> int:
        url = self.store.engine.url.render_as_string(hide_password=False)
        endpoint = self.portal.endpoint
        args = {"push": (url, endpoint.url, endpoint.token), "wish": (url, self.portal.ids[:5], self.portal.ana)}
        return self.pushers.start(what, {**ENVIRONMENT, "PQL_CRASHPOINT": point}, *args[what])

    def killed_at(self, point: str, what: str = "push") -> None:
        assert self.pushers.wait(self.start(what, point)) == -signal.SIGKILL


@pytest.fixture
def scene(sqlite_store: Store, portal: Portal, testing: Periods, pushers: Pushers) -> Scene:
    return Scene(sqlite_store, portal, testing, pushers=pushers)


@pytest.fixture
def both_scenes(store: Store, portal: Portal, testing: Periods, pushers: Pushers) -> Scene:
    """The same on SQLite and on Postgres."""
    return Scene(store, portal, testing, pushers=pushers)


def until_quiet(scene: Scene) -> None:
    """Push and sweep as the schedule would, until nothing is left to do."""
    for _ in range(20):
        scene.sweep()
        if scene.push().next_in is None:
            return
        time.sleep(0.3)


def wish_all(scene: Scene) -> None:
    scene.wish(*(scene.portal.want(number) for number in range(5)), scene.portal.task())


def storm(portal: Portal, path: str, fault: str, **args: Any) -> None:
    portal.endpoint.weather({"match": {"method": "POST", "path": path}, "nth": 1, "fault": fault, "args": args})


def assert_all_is_well(scene: Scene) -> None:
    assert len(scene.portal.ledger("create", "task")) == 1
    assert scene.tasks() == {"task_create:confirmed": 1}
    assert scene.statuses() == {"in_sync": 5}
    assert [scene.portal.contact(number)["pql_score"] for number in range(5)] == [71] * 5
    assert len(scene.portal.ledger("update", "contact")) == 5
    with scene.store.read() as tx:
        begun = sum(number for outcome, number in attempts.count(tx).items() if outcome not in ("read", "not_sent"))
    assert len(scene.portal.calls("batch/create")) + len(scene.portal.calls("batch/update")) <= begun


@pytest.mark.fault("F44")
@pytest.mark.decides("R-058")
@pytest.mark.parametrize("point", ["K3", "K3:2", "K4", "K4:2", "K7", "K7:2", "K8", "K8:2"])
def test_a_push_killed_anywhere_leaves_one_task_and_every_record_written(both_scenes: Scene, point: str):
    scene = both_scenes
    wish_all(scene)
    scene.killed_at(point)
    until_quiet(scene)

    assert_all_is_well(scene)


@pytest.mark.parametrize("path", [TASKS, FIELDS])
@pytest.mark.parametrize(("point", "fault", "args"), [("K5", "commit_after", {"seconds": 0.7}), ("K6", "reset_after", {})])
def test_a_push_killed_while_its_request_was_under_way_repeats_nothing(
    scene: Scene, path: str, point: str, fault: str, args
):
    wish_all(scene)
    storm(scene.portal, path, fault, **args)
    scene.killed_at(point)
    until_quiet(scene)

    assert_all_is_well(scene)


def test_killed_before_the_wish_is_committed_nothing_is_there_and_it_is_made_again_under_the_same_key(scene: Scene):
    scene.killed_at("K1", "wish")
    assert (scene.statuses(), scene.tasks()) == ({}, {})

    wish_all(scene)
    until_quiet(scene)
    assert_all_is_well(scene)


def test_killed_after_the_wish_was_committed_the_next_push_finds_it(scene: Scene):
    scene.killed_at("K2", "wish")
    until_quiet(scene)

    assert_all_is_well(scene)


def test_no_connector_makes_a_task_in_two_calls_so_k9_is_never_passed(scene: Scene):
    wish_all(scene)

    assert scene.pushers.wait(scene.start(point="K9")) == 0
    assert_all_is_well(scene)


@pytest.mark.fault("F46")
def test_a_worker_that_comes_back_after_its_claim_was_taken_over_changes_nothing(scene: Scene):
    wish_all(scene)
    storm(scene.portal, TASKS, "latency", seconds=1.2)
    slow = scene.start(point="K10")
    deadline = time.monotonic() + 30
    while not scene.tasks().get("task_create:sending") and time.monotonic() < deadline:
        time.sleep(0.05)
    scene.expire()
    until_quiet(scene)

    assert scene.pushers.wait(slow) == -signal.SIGKILL, "its outcome matched no row any more"
    until_quiet(scene)
    assert_all_is_well(scene)


@pytest.mark.fault("F44")
def test_what_a_killed_worker_left_is_taken_up_within_lease_and_sweep(scene: Scene):
    wish_all(scene)
    scene.killed_at("K4")
    with scene.store.write() as tx:  # as if it had run on another host, of whose processes nobody can tell
        tx.connection.exec_driver_sql("update intent set claimed_by = 'other:1' where status = 'sending'")
    started = time.monotonic()
    while scene.tasks() != {"task_create:confirmed": 1}:
        scene.sweep()
        scene.push()
        time.sleep(0.2)

    assert time.monotonic() - started < SHORT["lease"] + SHORT["sweep"] + 2
    assert_all_is_well(scene)


@pytest.mark.fault("F46")
def test_two_processes_at_once_make_each_task_once(both_scenes: Scene):
    scene = both_scenes
    scene.wish(*(scene.portal.want(number) for number in range(30)), *(scene.portal.task(number) for number in range(30)))
    both = [scene.start() for _ in range(2)]

    assert [scene.pushers.wait(one) for one in both] == [0, 0]
    until_quiet(scene)
    assert len(scene.portal.ledger("create", "task")) == 30
    assert len(scene.portal.ledger("update", "contact")) == 30


@pytest.mark.fault("F45")
def test_a_record_that_kills_every_process_dies_alone(scene: Scene):
    scene.wish(*(scene.portal.want(number) for number in range(5)))
    for _ in range(5):
        scene.killed_at("K4")
    until_quiet(scene)

    assert scene.statuses() == {"in_sync": 4, "dead": 1}
    assert threading.active_count() < 20
