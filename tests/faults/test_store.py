"""What happens to the store while a push is under way: restarts, locks, migrations, clocks, a full disk."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import timedelta

import psycopg
import pytest
import time_machine
from fixtures_push import Portal, Rig, meanwhile
from sqlalchemy import event

from worker.steps.pacing.periods import Periods
from worker.store import leases, slots
from worker.store.database import Store, open_store
from worker.store.errors import StoreUnreachable
from worker.wiring.timetable import slot_start

UPDATE = {"method": "POST", "path": ".*batch/update"}
CREATE = {"method": "POST", "path": ".*tasks/batch/create"}


@pytest.fixture
def pg_rig(postgres_url: str, portal: Portal, testing: Periods) -> Iterator[Rig]:
    with closing(open_store(postgres_url, "acme")) as store:
        yield Rig(store, portal, testing)


def _admin(url: str, *statements: str) -> None:
    server, _, name = url.rpartition("/")
    with closing(psycopg.connect(f"{server}/postgres", autocommit=True)) as connection:
        for statement in statements:
            connection.execute(statement.format(name=name).encode())


CUT = "select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}'"
SHUT, OPEN = "alter database {name} allow_connections false", "alter database {name} allow_connections true"


@contextmanager
def during(rig: Rig, do: Callable[[], object]) -> Iterator[None]:
    """Something happens while the CRM thinks about a write."""
    endpoint = rig.portal.endpoint
    endpoint.weather({"match": UPDATE, "nth": 1, "fault": "latency", "args": {"seconds": 0.8}})
    with meanwhile(endpoint.struck, do):
        yield


@pytest.mark.fault("F48")
def test_connections_that_are_cut_during_a_call_are_made_anew(pg_rig: Rig, postgres_url: str) -> None:
    rig = pg_rig
    rig.wish(*(rig.portal.want(number) for number in range(5)))
    with during(rig, lambda: _admin(postgres_url, CUT)):
        report = rig.push(threads=1)

    assert report.counts.records.updated == 5
    assert rig.statuses() == {"in_sync": 5}
    assert len(rig.portal.calls("batch/update")) == 1


@pytest.mark.fault("F48")
def test_a_database_that_is_away_when_the_answer_comes_leaves_rows_to_read_back(pg_rig: Rig, postgres_url: str) -> None:
    rig = pg_rig
    rig.wish(*(rig.portal.want(number) for number in range(5)), rig.portal.task())
    rig.push(records=False)
    with during(rig, lambda: _admin(postgres_url, SHUT, CUT)), pytest.raises(StoreUnreachable):
        rig.push(threads=1)
    _admin(postgres_url, OPEN)

    assert rig.statuses() == {"sending": 5}
    rig.expire()
    assert rig.statuses() == {"unknown": 5}
    rig.push()
    assert rig.statuses() == {"in_sync": 5}
    assert len(rig.portal.calls("batch/update")) == 1, "what had arrived was found by reading"
    assert len(rig.portal.ledger("update", "contact")) == 5
    assert len(rig.portal.ledger("create", "task")) == 1


HOLD = """
import sqlite3, sys, time
held = sqlite3.connect(sys.argv[1], isolation_level=None)
held.execute("begin immediate")
print("held", flush=True)
time.sleep(float(sys.argv[2]))
held.rollback()
"""


@pytest.mark.fault("F50")
def test_a_store_that_another_process_holds_is_waited_for_and_nothing_is_half_written(rig: Rig) -> None:
    rig.wish(*(rig.portal.want(number) for number in range(5)))
    held = subprocess.Popen([sys.executable, "-c", HOLD, rig.store.engine.url.database, "1.5"], stdout=subprocess.PIPE)
    assert held.stdout is not None
    held.stdout.readline()
    started = time.monotonic()
    report = rig.push(threads=2)
    waited = time.monotonic() - started
    held.communicate()

    assert waited > 1
    assert (report.counts.records.updated, rig.statuses()) == (5, {"in_sync": 5})


@pytest.mark.fault("F29")
@pytest.mark.parametrize("jump", [timedelta(hours=2), timedelta(hours=-2)])
def test_a_host_whose_clock_jumps_steals_no_lease_and_doubles_no_slot(postgres_url: str, jump: timedelta) -> None:
    with closing(open_store(postgres_url, "acme")) as mine, closing(open_store(postgres_url, "acme")) as theirs:
        with mine.write() as tx:
            leases.take(tx, "evaluate", "mine", 60)
            slot = slot_start(tx.now(), 3600)
            slots.claim(tx, "pull", slot, "mine")
        with time_machine.travel(_now(mine) + jump, tick=True), theirs.write() as tx:
            stolen = leases.take(tx, "evaluate", "theirs", 60)
            again = slots.claim(tx, "pull", slot_start(tx.now(), 3600), "theirs")

    assert (stolen, again) == (None, False)


def _now(store: Store):
    with store.read() as tx:
        return tx.now()


@pytest.mark.fault("F29")
def test_a_push_on_a_host_whose_clock_jumps_takes_no_row_that_another_one_holds(pg_rig: Rig) -> None:
    rig = pg_rig
    rig.wish(*(rig.portal.want(number) for number in range(5)), rig.portal.task())

    def jumped() -> None:
        with time_machine.travel(_now(rig.store) + timedelta(hours=2), tick=True):
            rig.sweep()
            rig.push(threads=1, seconds=1)

    with during(rig, jumped):
        rig.push(threads=1)

    assert rig.statuses() == {"in_sync": 5}
    assert len(rig.portal.calls("batch/update")) == 1
    assert len(rig.portal.ledger("create", "task")) == 1


@contextmanager
def full(store: Store) -> Iterator[None]:
    """No room for one more page of the store's file."""
    with store.read() as tx:
        pages = tx.connection.exec_driver_sql("pragma page_count").scalar_one()

    def bound(connection, _) -> None:
        connection.execute(f"pragma max_page_count = {pages}")

    event.listen(store.engine, "connect", bound)
    store.engine.dispose()
    try:
        yield
    finally:
        event.remove(store.engine, "connect", bound)
        store.engine.dispose()


@pytest.mark.fault("F51")
def test_without_room_for_the_attempt_no_call_is_made(rig: Rig) -> None:
    rig.wish(*(rig.portal.want(number, jobtitle="x" * 900) for number in range(30)))
    with full(rig.store), pytest.raises(StoreUnreachable, match="full"):
        rig.push(threads=1)
    before = (rig.portal.calls(), rig.statuses())

    assert before == ([], {"due": 30})
    rig.push()
    assert rig.statuses() == {"in_sync": 30}


@pytest.mark.fault("F51")
def test_without_room_for_the_outcome_the_rows_are_read_back(rig: Rig) -> None:
    rig.wish(*(rig.portal.want(number, jobtitle="x" * 900) for number in range(30)))
    crowd = ExitStack()
    with during(rig, lambda: crowd.enter_context(full(rig.store))), crowd, pytest.raises(StoreUnreachable, match="full"):
        rig.push(threads=1)

    assert rig.statuses() == {"sending": 30}
    rig.expire()
    rig.push()
    assert rig.statuses() == {"in_sync": 30}
    assert len(rig.portal.calls("batch/update")) == 1
    assert len(rig.portal.ledger("update", "contact")) == 30
