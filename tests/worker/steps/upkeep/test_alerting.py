"""Alerts on a real store, SQLite and Postgres, and real channels: what is told, to whom, how often."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from fixtures_channels import HANG_UP, Hook, http_hook
from sqlalchemy import update

from connectors import registry
from settings.alerts import Alerts, Channel
from settings.schedule import Guards
from settings.terms import Secret
from worker.steps.upkeep import alerting
from worker.store import alerts, landing, pauses, records, runs, slots, troubles
from worker.store.database import Store
from worker.store.tables import alert, alert_message


class Watched:
    """An installation with one destination, its channels, and time that a test may let go by."""

    def __init__(self, store: Store, hooks: dict[str, Hook]) -> None:
        self.store, self.hooks = store, hooks
        self.every: dict[str, float] = {}
        self.alerts = Alerts(to=tuple(_slack(name, hook.url) for name, hook in hooks.items()))

    @property
    def settings(self) -> Any:
        source = SimpleNamespace(events=object())
        return SimpleNamespace(
            alerts=self.alerts, guards=Guards(), destinations={"hubspot": None}, sources={"product": source}
        )

    def look(self) -> list[str]:
        """What is news."""
        news = alerting.look(self.store, self.settings, self.every)
        return [f"{one.state} {one.condition.key}" for one in news]

    def deliver(self) -> None:
        opened = {one.name: partial(registry.notifier, one, pytest.fail) for one in self.alerts.to}
        alerting.deliver(self.store, opened)

    def later(self, *, old: bool = False, **time: float) -> None:
        """Let time go by for alerts and the waits of messages; `old`: the messages themselves get older too."""
        by = timedelta(**time)
        with self.store.write() as tx:
            for table, names in ((alert, ("seen_at", "since")), (alert_message, ("next_at", "at") if old else ("next_at",))):
                for row in tx.dicts(table.select()):
                    key = table.c.id == row["id"] if "id" in row else table.c.name == row["name"]
                    values = {name: row[name] - by for name in names if row[name] is not None}
                    tx.run(update(table).where(tx.mine(table), key).values(**values))

    def break_(self, what: str = "push hubspot") -> None:
        with self.store.write() as tx:
            troubles.note(tx, what, "Refused", "HTTP 401. Check the token.")

    def mend(self, what: str = "push hubspot") -> None:
        with self.store.write() as tx:
            troubles.clear(tx, what)

    def statuses(self) -> list[tuple[str, str, int]]:
        with self.store.read() as tx:
            rows = tx.dicts(alert_message.select().order_by(alert_message.c.channel, alert_message.c.id))
        return [(row["channel"], row["status"], row["attempts"]) for row in rows]


def _slack(name: str, url: str) -> Channel:
    return Channel(kind="slack", options={"slack": Secret(name, url)})


@contextmanager
def watched(store: Store, *names: str) -> Iterator[Watched]:
    if not names:
        yield Watched(store, {})
        return
    with http_hook() as hook, watched(store, *names[1:]) as rest:
        yield Watched(store, {names[0]: hook, **rest.hooks})


@pytest.fixture
def ops(store: Store) -> Iterator[Watched]:
    with watched(store, "ONE") as one:
        yield one


@pytest.fixture
def sqlite_ops(sqlite_store: Store) -> Iterator[Watched]:
    with watched(sqlite_store, "ONE") as one:
        yield one


def test_a_condition_is_told_once_however_often_it_is_looked_at(ops):
    ops.break_()
    for _ in range(5):
        ops.look()
        ops.deliver()

    assert len(ops.hooks["ONE"].texts) == 1
    assert "DEGRADED refused: hubspot" in ops.hooks["ONE"].texts[0]
    assert ops.statuses() == [("slack ONE", "sent", 1)]


def test_its_recovery_is_told_once_after_it_was_not_seen_for_ten_minutes(ops):
    ops.break_()
    ops.look()
    ops.mend()
    assert ops.look() == []
    ops.later(minutes=9)
    assert ops.look() == []
    ops.later(minutes=2)
    assert ops.look() == ["over refused: hubspot"]
    assert ops.look() == []
    ops.deliver()

    assert len(ops.hooks["ONE"].texts) == 1
    assert "RECOVERED refused: hubspot" in ops.hooks["ONE"].texts[0]


def test_two_that_look_at_the_same_time_tell_once(ops):
    ops.break_()
    ready = threading.Barrier(4)

    def look() -> None:
        ready.wait()
        ops.look()
        ops.deliver()

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(ops.hooks["ONE"].texts) == 1


def test_each_channel_is_told_and_one_that_fails_hinders_no_other(store):
    with watched(store, "ONE", "TWO") as ops:
        ops.hooks["ONE"].answer(404, "no_service")
        ops.break_()
        ops.look()
        ops.deliver()
        assert ops.statuses() == [("slack ONE", "waiting", 1), ("slack TWO", "sent", 1)]

        ops.deliver()
        assert len(ops.hooks["ONE"].taken) == 1  # its minute is not over
        ops.later(minutes=2)
        ops.deliver()
        assert ops.statuses() == [("slack ONE", "sent", 2), ("slack TWO", "sent", 1)]
        assert len(ops.hooks["TWO"].taken) == 1


def test_what_came_meanwhile_waits_behind_what_failed_and_then_goes_as_one_message(sqlite_ops):
    ops = sqlite_ops
    ops.hooks["ONE"].answer(503)
    ops.break_()
    ops.look()
    ops.deliver()
    ops.break_("watch salesforce")
    ops.break_("pull product")
    ops.look()
    ops.deliver()
    assert len(ops.hooks["ONE"].taken) == 1

    ops.later(minutes=2)
    ops.deliver()
    first, again, both = ops.hooks["ONE"].texts
    assert first == again
    assert "and 1 more" in both


@pytest.mark.parametrize("status", [HANG_UP, 500])
def test_a_sending_that_ended_unproved_is_repeated_under_the_same_id(sqlite_store, status):
    with http_hook() as hook:
        ops = Watched(sqlite_store, {})
        ops.alerts = Alerts(to=(Channel(kind="webhook", options={"webhook": Secret("HOOK", hook.url)}),))
        hook.answer(status)
        ops.break_()
        ops.look()
        ops.deliver()
        ops.break_("watch salesforce")
        ops.look()
        ops.later(minutes=2)
        ops.deliver()

        first, again, other = hook.taken
        assert first.document == again.document
        assert first.headers["webhook-id"] == again.headers["webhook-id"] != other.headers["webhook-id"]
        assert [one["subject"] for one in other.document["alerts"]] == ["salesforce"]


def test_a_sender_that_died_is_followed_after_its_claim_and_one_that_comes_back_late_says_nothing(sqlite_ops):
    ops = sqlite_ops
    ops.break_()
    ops.look()
    with ops.store.write() as tx:
        dead = alerts.claim(tx, "slack ONE")
    ops.deliver()
    assert ops.hooks["ONE"].taken == []

    ops.later(minutes=3)
    ops.deliver()
    with ops.store.write() as tx:
        alerts.again(tx, dead, 0.0, "too late")
    assert ops.statuses() == [("slack ONE", "sent", 2)]


def test_waits_grow_to_an_hour_and_after_three_days_a_message_is_given_up(sqlite_ops):
    ops = sqlite_ops
    for _ in range(20):
        ops.hooks["ONE"].answer(404)
    ops.break_()
    ops.look()
    for _ in range(9):
        ops.deliver()
        ops.later(minutes=61)
    assert ops.statuses() == [("slack ONE", "waiting", 9)]

    ops.later(old=True, days=3)
    ops.deliver()
    assert ops.statuses() == [("slack ONE", "given_up", 10)]


def test_a_channel_that_is_added_hears_of_what_is_open_and_one_that_is_gone_is_not_called(store):
    with watched(store, "ONE", "TWO") as ops:
        both = ops.alerts
        ops.alerts = Alerts(to=both.to[:1])
        ops.break_()
        ops.look()
        ops.deliver()
        ops.alerts = Alerts(to=both.to[1:])
        ops.break_("pull product")
        ops.look()
        ops.deliver()

        assert len(ops.hooks["ONE"].texts) == 1
        assert "and 1 more" in ops.hooks["TWO"].texts[0]


def test_what_was_told_is_forgotten_but_for_the_last_change_of_each(sqlite_ops):
    ops = sqlite_ops
    ops.break_()
    ops.look()
    ops.mend()
    ops.later(minutes=11)
    ops.look()
    ops.deliver()
    ops.later(old=True, days=40)
    with ops.store.write() as tx:
        assert alerts.forget(tx, tx.now() - timedelta(days=30)) == 1
    ops.look()

    assert len(ops.statuses()) == 1


# ------------------------------------------------------------------------------------------- facts


def test_the_facts_of_the_store_become_conditions(ops):
    with ops.store.write() as tx:
        now = tx.now()
        wants = [records.Want(f"l{n}", "contact", {"pql_score": 1}, crm_id=str(n)) for n in range(3)]
        records.want(tx, "hubspot", wants)
        tx.connection.exec_driver_sql("update record_sync set status = 'rejected' where record_key = 'l0'")
        tx.connection.exec_driver_sql("update record_sync set status = 'dead' where record_key = 'l1'")
        records.park(tx, "hubspot", "contact", {"usage_segment": "it is not there"})
        bad = [landing.Bad("users.csv:2", "no id", "x")]
        cursor = landing.Cursor("c", pulled_at=now - timedelta(hours=7))
        landing.landed(tx, landing.Landed("product", "events", cursor, bad=bad))
        run = runs.begin(tx, now, "sha")
        runs.finish(tx, run, "held", {"guards": [{"name": "tasks_per_run", "says": "900 tasks.", "holds": True}]})

    assert sorted(ops.look()) == [
        "open held: tasks_per_run",
        "open left_out: hubspot",
        "open rejected: hubspot",
        "open set_aside: product",
        "open stale_source: product",
    ]


def watch_for(ops: Watched, minutes: int, **done: int) -> None:
    """Somebody looked each minute, and jobs were last done so many minutes ago."""
    with ops.store.write() as tx:
        now = tx.now()
        for minute in range(minutes):
            slots.claim(tx, "alerts", now - timedelta(minutes=minute), "me")
        for job, last in done.items():
            slots.claim(tx, job, now - timedelta(minutes=last), "me")
            slots.end(tx, job, now - timedelta(minutes=last), "done")
        tx.connection.exec_driver_sql("update job_slot set ended_at = slot_start where job <> 'alerts'")


def test_work_that_was_not_done_is_silent_only_for_somebody_who_watched_as_long(ops):
    ops.every = {"alerts": 60.0, "pull": 900.0}
    watch_for(ops, 60, pull=300)
    assert ops.look() == []

    watch_for(ops, 121)
    assert ops.look() == ["open silent: pull"]


def test_a_pause_is_no_alert(ops):
    with ops.store.write() as tx:
        pauses.pause(tx, "hubspot", "eva", "moving portals")

    assert ops.look() == []
