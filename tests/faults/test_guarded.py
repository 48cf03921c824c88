"""A portal that refuses the unique task key: guarded by reading, and said to be so."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from fixtures_push import SHORT, Rig

from worker.steps.pacing.periods import Periods
from worker.steps.telling import standing

CREATE = {"method": "POST", "path": ".*tasks/batch/create"}


@pytest.fixture
def guarded(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> Rig:
    rig.portal.endpoint.act("drop_field", object="task", name="pql_task_key")
    rig.portal.endpoint.switch(unique_on_tasks=False)
    rig.portal.crm.provisioning.differences()  # the connector reads all definitions anew
    assert rig.portal.crm.tasks.guarded
    rig.portal.requests_since = max(row["seq"] for row in rig.portal.endpoint.requests(0))
    return replace(rig, periods=Periods(**{**SHORT, "unknown_wait": 0.3}))


def wait(seconds: float | None) -> None:
    threading.Event().wait((seconds or 0.0) + 0.05)


@pytest.mark.fault("F3", "F4", "F8")
@pytest.mark.parametrize(
    ("fault", "args"),
    [
        ("reset_after", {}),
        ("truncate", {}),
        ("status", {"status": 502}),
        ("reset_before", {}),
        ("commit_after", {"seconds": 0.2}),
    ],
)
def test_after_an_unproved_create_each_task_is_looked_for_and_there_is_one(guarded: Rig, fault: str, args: dict) -> None:
    guarded.portal.endpoint.weather({"match": CREATE, "nth": 1, "fault": fault, "args": args})
    guarded.wish(*(guarded.portal.task(number) for number in range(5)))
    for _ in range(3):
        wait(guarded.push(threads=1).next_in)

    made = guarded.portal.ledger("create", "task")
    assert guarded.tasks() == {"task_create:confirmed": 5}
    assert len(made) == 5
    assert len({row["after"]["hs_task_body"] for row in made}) == 5


def test_the_requests_that_look_for_tasks_count_in_the_minimum(guarded: Rig) -> None:
    guarded.wish(*(guarded.portal.task(number) for number in range(5)))
    report = guarded.push(threads=1)

    assert (report.counts.tasks.created, report.counts.calls.writing) == (5, 1)
    assert report.counts.calls.minimum == 2, "one look for all five, one create"
    assert report.counts.calls.made == report.counts.calls.minimum


def test_status_says_it_until_the_portal_has_the_key(guarded: Rig) -> None:
    settings = type("Settings", (), {"destinations": {"hubspot": None}, "sources": {}, "of_grain": lambda *_: ()})()
    guarded.wish(guarded.portal.task())
    report = guarded.push()
    before = standing.standing(guarded.store, settings)
    guarded.portal.endpoint.switch(unique_on_tasks=True)
    guarded.portal.crm.provisioning.apply()
    guarded.wish(guarded.portal.task(1))
    guarded.push()

    assert before.guarded == ["hubspot"]
    assert "guarded, not guaranteed" in report.warnings[0]
    assert standing.standing(guarded.store, settings).guarded == []
