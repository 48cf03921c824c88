"""
Killed at every named moment, the next pushes and sweeps leave one task for each handoff and lose no record.

K1 and K2 lie around the commit of what is wanted. K5 and K6 differ in the weather: the first request is applied after the
reset, or before. K9 lies between a task and its association in two calls; no connector makes two calls, so a push never
passes it. K10 is a worker that comes back after its claim was taken over.
"""

import signal
import time
from collections.abc import Sequence
from dataclasses import asdict

import pytest
from chaos.report import note
from chaos.scene import PERIODS, Scene

from worker.store.values import packed

RECORDS, TASKS = 5, 3
UNDER_WAY = {"K5": ("commit_after", {"seconds": 0.3}), "K6": ("reset_after", {})}
IN_A_PUSH = ("K3", "K4", "K5", "K6", "K7", "K8")


def wishes(scene: Scene, records: int = RECORDS, tasks: int = TASKS) -> list:
    values = {"pql_flag": True, "pql_tier": "hot", "pql_score": 71}
    return [*(scene.want(number, **values) for number in range(records)), *(scene.task(number) for number in range(tasks))]


def storm_over(scene: Scene, point: str) -> None:
    """The weather without which nobody passes this point: on the first call about tasks, and on the first about records."""
    if point in UNDER_WAY:
        fault, args = UNDER_WAY[point]
        scene.weather(scene.storm("tasks", fault, **args), scene.storm("records", fault, **args))


def assert_all_is_well(scene: Scene, fault: str, effects: int = RECORDS + TASKS) -> None:
    if scene.endpoint.faults():
        time.sleep(0.4)  # what is applied late has been applied
    judgement, late = scene.end()
    note(fault, scene.kind, judgement, late)

    assert (judgement.wrong, late) == ([], [])
    assert judgement.counts() == {"once": effects}


@pytest.mark.fault("F44")
@pytest.mark.decides("R-058")
@pytest.mark.parametrize("point", IN_A_PUSH)
def test_pushes_killed_anywhere_leave_one_task_and_every_record_written(both_scenes: Scene, point: str):
    """Killed twice: over the tasks, which go first, and then over the records."""
    scene = both_scenes
    scene.wish(*wishes(scene))
    storm_over(scene, point)

    assert [scene.kill(point), scene.kill(point)] == [True, True]
    assert_all_is_well(scene, f"kill at {point}")


@pytest.mark.parametrize("point", ["K1", "K2"])
def test_killed_around_the_commit_of_what_is_wanted_it_is_there_whole_or_made_again_under_the_same_keys(
    both_scenes: Scene, point: str
):
    scene = both_scenes
    wanted = wishes(scene)
    wants = [asdict(one) for one in wanted[:RECORDS]]
    tasks = [{**asdict(one), "payload": packed(one.payload)} for one in wanted[RECORDS:]]

    assert scene.kill(point, "wish", wants=wants, tasks=tasks)
    there = {"record": {"due": RECORDS}, "task_create": {"planned": TASKS}}
    assert scene.statuses() == ({"record": {}} if point == "K1" else there)
    if point == "K1":
        scene.wish(*wanted)
    assert_all_is_well(scene, f"kill at {point}")


def test_no_connector_makes_a_task_in_two_calls_so_k9_is_never_passed(both_scenes: Scene):
    scene = both_scenes
    scene.wish(*wishes(scene))

    assert scene.ended(scene.start(point="K9")) == 0
    assert_all_is_well(scene, "kill at K9")


@pytest.mark.fault("F46")
def test_a_worker_that_comes_back_after_its_claim_was_taken_over_changes_nothing(both_scenes: Scene):
    scene = both_scenes
    scene.wish(*wishes(scene))
    scene.weather(scene.storm("tasks", "drip", seconds=1.5))
    slow = scene.start(point="K10")
    deadline = time.monotonic() + 30
    while not scene.task_of(0) and time.monotonic() < deadline:
        time.sleep(0.02)
    scene.advance(PERIODS.lease + 1)
    scene.sweep()
    scene.push()

    assert scene.ended(slow) == -signal.SIGKILL, "its outcome matched no row any more"
    assert_all_is_well(scene, "kill at K10")


@pytest.mark.fault("F44")
def test_what_was_left_on_a_host_that_is_gone_is_taken_up_within_lease_and_sweep(scene: Scene):
    scene.wish(*wishes(scene))
    assert scene.kill("K4")
    scene.elsewhere()

    assert_all_is_well(scene, "host lost")
    assert scene.clock.ahead >= PERIODS.lease - 1, "nobody could know before"


@pytest.mark.fault("F45")
def test_a_record_that_kills_every_process_dies_alone(scene: Scene):
    scene.wish(*wishes(scene, tasks=0))
    for _ in range(5):
        assert scene.kill("K4")
    judgement, _ = scene.end()

    assert scene.statuses()["record"] == {"in_sync": RECORDS - 1, "dead": 1}
    assert (judgement.wrong, judgement.counts()) == ([], {"once": RECORDS - 1, "aside": 1})


def together(scene: Scene, points: Sequence[str]) -> list[int]:
    """So many processes at once, each with its crash point or none; how they ended."""
    started = [scene.start(point=point) for point in points]
    return [scene.ended(pid) for pid in started]


@pytest.mark.fault("F46")
def test_two_processes_at_once_make_each_task_once(both_scenes: Scene):
    scene = both_scenes
    scene.wish(*wishes(scene, 12, 6))

    assert together(scene, ["", ""]) == [0, 0]
    assert_all_is_well(scene, "two processes", 18)


@pytest.mark.chaos
@pytest.mark.parametrize("far", [False, True], ids=["here", "far"])
@pytest.mark.parametrize("processes", [1, 4])
@pytest.mark.parametrize("passage", [1, 2, 3])
@pytest.mark.parametrize("point", IN_A_PUSH)
def test_processes_that_are_killed_together_leave_everything_once(
    both_scenes: Scene, point: str, passage: int, processes: int, far: bool
):
    scene = both_scenes
    scene.wish(*wishes(scene, 12, 6))
    if point in UNDER_WAY:
        fault, args = UNDER_WAY[point]
        each = list(range(1, 4))
        scene.weather(scene.storm("tasks", fault, each, **args), scene.storm("records", fault, each, **args))
    ended = together(scene, [f"{point}:{passage}"] * processes)
    if far:
        scene.elsewhere()
    assert set(ended) <= {0, -signal.SIGKILL}
    together(scene, [""] * processes)

    assert_all_is_well(scene, f"{processes} killed at {point}", 18)
