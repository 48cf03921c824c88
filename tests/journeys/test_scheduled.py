"""
The schedule in real processes: two Celery workers and two beats on Redis and Postgres, and `pql up` without any of it.

What Redis loses, repeats or brings from strangers changes nothing but latency; a kill costs nothing and doubles nothing.
"""

import pickle
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import redis
from fixtures_office import SHORT, Office, Offices, activate, opened_office
from fixtures_servers import _database
from kombu import Connection

from worker.store import beats
from worker.store.tables import attempt, job_slot

USERS = 150
IN_TIME = 40
SLOWLY = {
    "match": {"method": "POST", "path": ".*/contacts/batch/update"},
    "fault": "latency",
    "args": {"seconds": 2},
}


@pytest.mark.fault("F44")
def test_a_worker_killed_in_the_middle_of_a_push_is_made_up_for_exactly_once(
    offices: Offices, sqlite_url: str, redis_url: str
) -> None:
    office = offices(600, sqlite_url, redis_url, **SHORT)
    office.hubspot.weather(SLOWLY)
    activate(office)
    office.beat()
    first = office.worker("first")
    office.until(lambda: in_flight(office))
    office.kill(first)
    written = len(office.written())
    office.worker("second")

    office.until(lambda: office.due() == 0 and len(office.written()) == 600)
    assert written < 600
    assert set(office.written().values()) == {1}


def in_flight(office: Office) -> bool:
    with closing(office.open_store()) as store, store.read() as tx:
        return bool(tx.value(attempt.select().where(attempt.c.kind == "record_write", attempt.c.outcome.is_(None))))


def test_up_finishes_what_is_in_flight_when_told_to_stop(offices: Offices, sqlite_url: str) -> None:
    office = offices(600, sqlite_url)
    office.hubspot.weather(SLOWLY)
    process = office.start("pql", "up")
    office.until(lambda: in_flight(office))

    assert office.end(process) == 0
    assert not in_flight(office)
    assert 0 < len(office.written()) < 600
    assert "Traceback" not in office.log()


def test_up_takes_over_settings_that_are_activated_while_it_runs(offices: Offices, sqlite_url: str) -> None:
    office = offices(20, sqlite_url)
    office.start("pql", "up")
    office.until(lambda: len(office.written()) == 20)
    path = office.folder / "settings.d/handoff.yaml"
    path.write_text(path.read_text().replace("{tier} PQL: {lead.name}", "Look at {lead.name}"))
    office.pql("activate")
    office.until(lambda: "are in force now" in office.log())
    office.raise_hand(5)

    office.until(office.tasks, IN_TIME)
    assert office.tasks()[0].startswith("Look at Maria Huber")


@pytest.fixture(scope="module")
def office(
    tmp_path_factory: pytest.TempPathFactory, redis_server: str, postgres_server: str, postgres_template: str
) -> Iterator[Office]:
    """Two workers and two beats at work; the first scheduled runs have written everything."""
    address = contextmanager(_database)(postgres_server, postgres_template)
    with closing(redis.Redis.from_url(redis_server)) as client:
        client.flushall()
    with address as url, opened_office(tmp_path_factory.mktemp("office"), USERS, url, f"{redis_server}/0") as opened:
        opened.worker("one", 1)
        opened.worker("two", 1)
        opened.beat()
        opened.beat()
        opened.until(lambda: opened.log().count("Run `pql activate`") >= 4)
        activate(opened)
        opened.until(lambda: len(opened.written()) == USERS and opened.due() == 0)
        yield opened


def task_of(office: Office, user: int) -> list[str]:
    return [subject for subject in office.tasks() if f"Nordwerk {user // 5} " in subject]


def test_workers_and_beats_wait_for_settings_and_then_push_leads(office: Office) -> None:
    office.raise_hand(5)
    office.until(lambda: task_of(office, 5), IN_TIME)

    assert "Nordwerk 1 - asked to talk to sales" in task_of(office, 5)[0]
    assert "Traceback" not in office.log()


@pytest.mark.fault("F47")
def test_a_second_beat_doubles_nothing(office: Office) -> None:
    office.raise_hand(10)
    office.until(lambda: task_of(office, 10), IN_TIME)
    office.until(lambda: office.due() == 0)

    with closing(office.open_store()) as store, store.read() as tx:
        pulls = tx.dicts(job_slot.select().where(job_slot.c.job == "pull"))
    quiet = [times for id, times in office.written().items() if times > 1]
    assert len(task_of(office, 10)) == 1
    assert len(quiet) <= 2 * 5, "only colleagues of those who raised a hand were written twice"
    assert len({one["slot_start"] for one in pulls}) == len(pulls)
    span = max(one["slot_start"] for one in pulls) - min(one["slot_start"] for one in pulls)
    assert len(pulls) <= span.total_seconds() / 5 + 1


@pytest.mark.fault("F41")
def test_emptying_redis_loses_nothing(office: Office, redis_server: str) -> None:
    office.raise_hand(15)
    with closing(redis.Redis.from_url(redis_server)) as client:
        for _ in range(10):
            client.flushall()
            time.sleep(0.1)

    office.until(lambda: task_of(office, 15), IN_TIME)
    assert len(task_of(office, 15)) == 1


class Burglar:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (Path.touch, (Path("/tmp/pql-burglar"),))  # type: ignore[return-value]  # what a pickle may ask for


def test_a_pickled_message_is_refused_and_the_worker_lives(office: Office, redis_server: str) -> None:
    trace = Path("/tmp/pql-burglar")
    trace.unlink(missing_ok=True)
    options = {"global_keyprefix": "pql:"}
    headers = {"task": "pql.work", "id": "burglar", "lang": "py", "argsrepr": "", "kwargsrepr": ""}
    with Connection(f"{redis_server}/0", transport_options=options) as connection:
        producer = connection.Producer(serializer=None)
        body = pickle.dumps(((Burglar(),), {}, {}))
        producer.publish(
            body,
            routing_key="sweep",
            headers=headers,
            content_type="application/x-python-serialize",
            content_encoding="binary",
        )
    office.until(lambda: "ContentDisallowed" in office.log() or "Refusing to deserialize" in office.log())
    office.raise_hand(20)

    office.until(lambda: task_of(office, 20), IN_TIME)
    assert not trace.exists()


def test_workers_leave_signs_of_life(office: Office) -> None:
    with closing(office.open_store()) as store, store.read() as tx:
        signs, now = beats.workers(tx), tx.now()

    assert signs
    assert all(":" in one["worker"] for one in signs)
    assert (now - signs[0]["at"]).total_seconds() < 10


@pytest.mark.fault("F52")
def test_settings_activated_meanwhile_are_in_force_from_the_next_message(office: Office) -> None:
    path = office.folder / "settings.d/handoff.yaml"
    path.write_text(path.read_text().replace("{tier} PQL: {lead.name}", "Look at {lead.name}"))
    activate(office)
    office.raise_hand(25)

    office.until(lambda: task_of(office, 25), IN_TIME)
    assert task_of(office, 25)[0].startswith("Look at Maria Huber")
