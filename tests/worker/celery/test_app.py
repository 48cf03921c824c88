"""The app as Celery sees it: its settings, its queues, its bells."""

import json
import os
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
import time_machine
from celery.signals import before_task_publish
from fixtures_office import SHORT, Offices, activate
from fixtures_servers import redis_process

from worker.celery import QUEUES, REQUIRED, Slots, app, ring, tick, work

HEAVY = {
    "ibis",
    "duckdb",
    "pyarrow",
    "pandas",
    "sqlalchemy",
    "sqlglot",
    "hubspot",
    "simple_salesforce",
    "requests",
    "settings",
}
ROOT = Path(__file__).resolve().parents[3]


def python(program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PQL_", "REDIS_"))}
    command = [sys.executable, "-c", program]
    return subprocess.run(
        command, env={**kept, **environment}, capture_output=True, text=True, cwd=ROOT, timeout=60, check=False
    )


def test_importing_the_app_loads_no_engine_and_opens_no_store(tmp_path: Path) -> None:
    program = "import sys, json, worker.celery\nprint(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    done = python(program, PQL_STORE=f"sqlite:///{tmp_path}/pql.db")

    assert set(json.loads(done.stdout)) & HEAVY == set()
    assert not (tmp_path / "pql.db").exists()


def test_the_settings_that_keep_messages_safe_are_in_force() -> None:
    assert {name: app.conf[name] for name in REQUIRED} == REQUIRED
    assert app.conf.result_backend is None
    assert app.conf.task_time_limit < app.conf.visibility_timeout / 2


def test_an_evaluation_may_take_longer_than_a_push_and_its_message_is_still_handed_to_nobody_else() -> None:
    sent: dict[str, list[Any]] = {}

    def note(sender: str, body: Any, headers: dict[str, Any], **_: Any) -> None:
        sent[body[0][0]] = headers["timelimit"]

    before_task_publish.connect(note)
    ring("score")

    longest, gently = sent["score"]
    assert app.conf.task_time_limit < gently < longest < app.conf.visibility_timeout / 2


def test_the_visibility_timeout_is_the_same_in_all_three_places() -> None:
    places = (app.conf, app.conf.broker_transport_options, app.conf.result_backend_transport_options)

    assert len({place["visibility_timeout"] for place in places}) == 1


def test_every_setting_has_its_reason_in_the_documentation() -> None:
    page = (ROOT / "docs/operations.md").read_text()
    names = {*REQUIRED, *REQUIRED["broker_transport_options"]}

    assert {name for name in names if f"`{name}`" not in page} == set()


def test_the_only_tasks_are_two_bells() -> None:
    assert {name for name in app.tasks if not name.startswith("celery.")} == {tick.name, work.name}


def test_scoring_has_a_queue_of_its_own_and_each_destination_one() -> None:
    program = """
import worker.celery as c
from types import SimpleNamespace
from worker.wiring import process
process.settings_when_active = lambda: SimpleNamespace(destinations={"hubspot": 0, "salesforce": 0})
c._hear_all(conf=c.app.conf)
print([one.name for one in c.app.conf.task_queues])
"""
    done = python(program)

    assert done.stdout.strip() == str([*QUEUES, "push.hubspot", "push.salesforce"]), done.stderr


def test_a_broker_nobody_should_use_ends_the_worker_with_a_sentence(tmp_path: Path) -> None:
    done = python("import worker.celery as c\nc.app.Beat", PQL_BROKER="redis://redis.example:6379/0")

    assert done.returncode == 1
    assert "neither a password nor TLS" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.fault("F42", "F43")
def test_a_bell_that_nobody_takes_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    program = "import worker.celery as c\nc.app.conf.broker_transport_options = {}\nc.ring('pull')\nprint('went on')"
    done = python(program, PQL_BROKER="redis://127.0.0.1:1/0")

    assert done.stdout.endswith("went on\n"), done.stderr
    assert ring is not None


@pytest.mark.fault("F42")
@pytest.mark.parametrize("state", ["full", "read-only"])
def test_a_redis_that_takes_no_messages_stops_nobody(state: str) -> None:
    with redis_process() as own_redis, closing(redis.Redis.from_url(own_redis.url)) as client:
        if state == "full":
            client.config_set("maxmemory", "1")
        else:
            client.execute_command("replicaof", "127.0.0.1", "1")
        done = python("import worker.celery as c\nc.ring('pull')\nprint('went on')", PQL_BROKER=own_redis.url)

    assert done.stdout.endswith("went on\n"), done.stderr
    assert "unheard" in done.stdout + done.stderr


@pytest.mark.parametrize(("asked", "scheduler"), [("", "celery.beat.Scheduler"), ("1", "redbeat.RedBeatScheduler")])
def test_redbeat_is_used_by_setting(asked: str, scheduler: str) -> None:
    done = python("import worker.celery as c\nprint(c.app.conf.beat_scheduler)", PQL_REDBEAT=asked)

    assert done.stdout.strip() == scheduler


@pytest.mark.parametrize("seconds", [2.0, 60.0, 900.0, 86_400.0])
def test_a_slot_rings_once_a_moment_after_it_began(seconds: float) -> None:
    slots = Slots(seconds, app=app)
    begun = datetime.fromtimestamp(20_000 * 86_400, tz=UTC)
    late = timedelta(seconds=min(2.0, seconds / 10))
    with time_machine.travel(begun, tick=False) as clock:
        before = slots.is_due(begun - timedelta(seconds=seconds / 2))
        clock.shift(late)
        now = slots.is_due(begun - timedelta(seconds=seconds / 2))
        rung = slots.is_due(begun + late)

    assert (before.is_due, now.is_due, rung.is_due) == (False, True, False)
    assert before.next == pytest.approx(late.total_seconds(), abs=1e-3)
    assert rung.next == pytest.approx(seconds, abs=1e-3)


def test_a_second_redbeat_stands_by(offices: Offices, sqlite_url: str, redis_server: str) -> None:
    office = offices(10, sqlite_url, f"{redis_server}/3", PQL_REDBEAT="1", **SHORT)
    activate(office)
    beats = [office.beat(), office.beat()]
    office.until(lambda: office.log().count("Sending due task sweep") >= 3)

    with closing(redis.Redis.from_url(f"{redis_server}/3")) as client:
        rung = client.llen("pql:sweep")
    assert office.log().count("beat: Acquired lock") == 1
    assert rung <= sum(office.log().count(f"Sending due task {job} ") for job in ("sweep", "alerts"))
    assert [beat.poll() for beat in beats] == [None, None]
