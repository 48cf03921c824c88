"""Runs that stop before harm, and how a person lets them pass."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from journeys_calendar import MONDAY

from worker.store import audit, runs

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
    assert "brought 10 events on 2026-11-15, usual are 120. Look at the source first." in report.guards[0].says


def test_an_override_names_the_plan_and_lets_pass_that_plan_and_no_other(stage, pql):
    stage.rewrite("pql", "tasks_per_run: 200", "tasks_per_run: 0")
    today = datetime.now(UTC)
    stage.now = today - timedelta(days=3)
    stage.user("maria")
    stage.run()
    stage.now = today
    stage.keen("maria")
    stage.write()
    stage.close()
    saved = str(stage.folder / "plan.json")
    pql("pull")

    bare = pql("run", "--override", "tasks_per_run")
    assert (bare.code, "An override names the plan that it lets pass." in bare.err) == (2, True)
    assert pql("plan", "--out", saved).code == 2
    other = pql("run", "--plan", saved, "--override", "changed_leads")
    assert other.code == 2
    assert "`changed_leads` does not hold the saved plan. It is held by tasks_per_run." in other.err
    assert stage.portal.tasks() == []

    passed = pql("run", "--plan", saved, "--override", "tasks_per_run", "--output", "json")
    assert passed.code == 0, passed.said
    [guard] = passed.document["guards"]
    assert (guard["name"], guard["holds"], guard["says"].startswith("Let pass. 1 tasks")) == ("tasks_per_run", False, True)
    assert len(stage.portal.tasks()) == 1
    with stage.worker.tools.store.read() as tx:
        [deed] = audit.recent(tx, what="override")
        assert runs.last_ended(tx).status == "done"
    assert deed["detail"]["guards"] == ["tasks_per_run"]

    moved = pql("run", "--plan", saved, "--override", "tasks_per_run")
    assert (moved.code, "Something has changed since the plan was saved." in moved.err) == (2, True)
    assert len(stage.portal.tasks()) == 1


def test_leads_whose_flag_goes_back_and_forth_within_a_day_hold_the_run_and_the_next_day_they_do_not(stage):
    stage.rewrite("pql", "tasks_per_run: 200", "tasks_per_run: 200, flips_per_day: 0")
    stage.user("maria")
    stage.baseline()
    stage.keen("maria")
    assert stage.run(MONDAY).states.entered == 1
    stage.portal.edit("maria@a1.example", hs_email_optout="true")

    report = stage.run(MONDAY + timedelta(hours=2))
    assert (report.status, holding(report)) == ("held", ["flips_per_day"])
    assert report.guards[0].says.startswith("The flag of 1 leads would change again within 24 hours, which is more than 0")
    assert stage.state("maria@a1.example")["state"] == "QUALIFIED"

    later = stage.run(MONDAY + timedelta(hours=25))
    assert (later.status, later.states.left) == ("done", 1)


def test_a_new_definition_may_flag_everybody_in_its_first_run(stage):
    for number in range(CROWD):
        stage.user(f"user{number}", f"c{number}")
    stage.baseline()
    for number in range(CROWD):
        stage.keen(f"user{number}")
    stage.rewrite("qualify", "  pql:\n", "  eager:\n")

    report = stage.run(MONDAY)  # under `pql`, which was judged on Friday, the same is held: see above
    assert (report.status, holding(report), report.states.entered) == ("done", [], CROWD)


def test_a_quiet_day_of_the_week_is_usual_and_a_day_is_judged_once_it_can_be_complete(stage):
    stage.user("maria")
    stage.now = MONDAY
    for ago in range(1, 10):
        stage.did("maria", "report_viewed", ago, times=10 if ago in (1, 8) else 120)
    assert stage.run(MONDAY).status == "done"

    night = MONDAY.replace(hour=2) + timedelta(days=2)
    stage.now = MONDAY + timedelta(hours=12)
    stage.did("maria", "report_viewed", 0, times=120)
    stage.now = night
    assert stage.run(night).status == "done"  # of the day that ended two hours ago nothing has come in yet
    assert holding(stage.run(night + timedelta(hours=6))) == ["source_rows_below"]
