"""Runs that stop before harm, and how a person lets them pass."""

from __future__ import annotations

from datetime import timedelta

import pytest
from journeys_calendar import MONDAY

CROWD = 12
OVER = MONDAY + timedelta(days=20)


@pytest.fixture(scope="module")
def crowd(opened):
    """A dozen leads that all qualify on one Monday; the reports and how much was written, run by run."""
    stage = opened()
    stage.rewrite("pql", "tasks_per_run: 200", "tasks_per_run: 5")
    for number in range(CROWD):
        stage.user(f"user{number}", f"c{number}")
    stage.baseline()
    for number in range(CROWD):
        stage.keen(f"user{number}")
    told = []
    for as_of, override in ((MONDAY, ()), (MONDAY, ("changed_leads",)), (MONDAY, ("changed_leads", "tasks_per_run"))):
        stage.portal.mark()
        report = stage.run(as_of, override=override)
        told.append((report, len(stage.portal.written())))
    stage.portal.mark()
    stage.run(OVER - timedelta(days=3))
    stage.portal.mark()
    report = stage.run(OVER)
    told.append((report, len(stage.portal.written())))
    return stage, told


def holding(report):
    return [guard.name for guard in report.guards if guard.holds]


@pytest.mark.fault("F39")
def test_a_run_that_would_change_too_much_is_held_and_writes_nothing(crowd):
    report, written = crowd[1][0]

    assert (report.status, holding(report), written) == ("held", ["changed_leads", "tasks_per_run"], 0)
    assert report.exit_code() == 2
    assert "12 of 12 leads would change" in report.guards[0].says


def test_a_guard_that_was_not_named_still_holds(crowd):
    report, written = crowd[1][1]

    assert (report.status, holding(report), written) == ("held", ["tasks_per_run"], 0)


def test_a_person_lets_one_run_pass_and_the_next_is_guarded_again(crowd):
    stage, told = crowd

    assert told[2][0].status == "done"
    assert len(stage.portal.tasks()) == CROWD
    assert (told[3][0].status, holding(told[3][0]), told[3][1]) == ("held", ["changed_leads"], 0)


def test_a_held_run_moved_no_state(crowd):
    first = crowd[1][0][0]

    assert first.states.now == {}
    assert crowd[1][2][0].states.entered == CROWD


@pytest.mark.fault("F39")
def test_a_day_with_far_fewer_events_than_usual_holds_the_run_and_says_how_many(stage):
    stage.user("maria")
    stage.now = MONDAY
    for ago in range(1, 10):
        stage.did("maria", "report_viewed", ago, times=10 if ago == 1 else 120)

    report = stage.run(MONDAY)

    assert (report.status, holding(report)) == ("held", ["source_rows_below"])
    assert report.guards[0].says.startswith("product brought 10 events yesterday, usual are 120.")
