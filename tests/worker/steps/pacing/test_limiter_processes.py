"""
Four processes on one portal that enforces its limit: none is refused, and nearly all of the allowance is used.

Also where an answer takes its time: calls that are made before anybody has heard an answer are what overfills a window.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fixtures_servers import RedisProcess, redis_process

from connectors.sandbox.serve import Endpoint

# in real time against a limit that is enforced to the call: only on a machine that is not busy with other tests
pytestmark = pytest.mark.chaos
CALLER = Path(__file__).parents[3] / "caller.py"
ALLOWANCE, WINDOW = 190, 10.0
LENGTH = 17.0  # of one process, of which the middle is looked at


@pytest.fixture
def own_redis() -> Iterator[RedisProcess]:
    with redis_process() as running:
        yield running


def callers(hubspot: Endpoint, store_url: str, redis_url: str, number: int = 4) -> list[subprocess.Popen[str]]:
    (contact,) = hubspot.seed(records=[{"object": "contact", "properties": {"email": "maria@nordwerk.example"}}])["records"]
    hubspot.switch(enforce_limits=True)
    words = [store_url, redis_url, hubspot.url, hubspot.token, contact["id"], str(LENGTH)]
    command = [sys.executable, str(CALLER), *words]
    return [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=CALLER.parents[1]) for _ in range(number)]


def told(processes: list[subprocess.Popen[str]]) -> tuple[int, list[str]]:
    said = [json.loads(process.communicate(timeout=120)[0].splitlines()[-1]) for process in processes]
    return sum(one["calls"] for one in said), [code for one in said for code in one["refused"]]


def rate(hubspot: Endpoint, begun: int) -> int:
    """Calls in the window that began with the sandbox's request of this number."""
    return len([row for row in hubspot.requests(begun) if "batch/read" in row["path"]])


def used_in_a_window(hubspot: Endpoint, processes: list[subprocess.Popen[str]]) -> int:
    """Calls in ten seconds of full work; none of any process was refused."""
    while len(hubspot.requests(0)) < 40:
        time.sleep(0.05)
    since = max(row["seq"] for row in hubspot.requests(0))
    time.sleep(WINDOW)
    used = rate(hubspot, since)
    _, refused = told(processes)

    assert refused == []
    assert 429 not in {row["status"] for row in hubspot.requests(0)}
    return used


@pytest.mark.parametrize(("place", "latency"), [("redis", 0.0), ("redis", 0.3), ("store", 0.3)])
def test_four_processes_use_all_but_a_twentieth_of_the_allowance_and_none_is_refused(
    hubspot: Endpoint, sqlite_url: str, postgres_url: str, own_redis: RedisProcess, place: str, latency: float
):
    hubspot.weather({"match": {"path": "/crm"}, "rate": 1.0, "fault": "latency", "args": {"seconds": latency}})
    redis_url = own_redis.url if place == "redis" else "-"
    processes = callers(hubspot, sqlite_url if place == "redis" else postgres_url, redis_url)

    assert used_in_a_window(hubspot, processes) >= 0.95 * ALLOWANCE


@pytest.mark.fault("F40", "F41")
def test_a_redis_that_is_emptied_and_then_killed_costs_no_refusal(
    hubspot: Endpoint, postgres_url: str, own_redis: RedisProcess
):
    processes = callers(hubspot, postgres_url, own_redis.url)
    while len(hubspot.requests(0)) < 40:
        time.sleep(0.05)
    since = max(row["seq"] for row in hubspot.requests(0))
    time.sleep(3)
    own_redis.flush()
    time.sleep(3)
    own_redis.kill()
    time.sleep(WINDOW - 6)
    used = rate(hubspot, since)
    _, refused = told(processes)

    assert refused == []
    assert used <= ALLOWANCE
