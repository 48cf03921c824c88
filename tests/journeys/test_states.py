"""How episodes end and begin again: weeks in the life of a few leads, one run after the other."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from journeys_calendar import MONDAY, TUESDAY

from worker.steps.report import Report
from worker.store import leads

STALE = MONDAY + timedelta(days=16)
COOL = STALE + timedelta(hours=1)
OVER = COOL + timedelta(days=3)
LATER = MONDAY + timedelta(days=33)
LEADS = ("cora", "tara", "rudi", "exa", "bert", "sven")


@dataclass
class Seen:
    """A run and what stood in the portal after it."""

    report: Report
    states: dict[str, dict[str, Any]]
    flags: dict[str, str | None]
    tasks: dict[str, list[dict[str, Any]]]


def lived(stage, as_of, **wanted):
    stage.now = as_of
    if wanted.get("pull", True):
        stage.keen("sven")
    report = stage.run(as_of, **wanted)
    emails = {name: f"{name}@{name}1.example" for name in LEADS}
    tasks = stage.portal.tasks()
    return Seen(
        report,
        {name: stored_state(stage, name) for name in LEADS},
        {name: stage.portal.contact(email).get("pql_flag") for name, email in emails.items()},
        {name: [one for one in tasks if f" {name.title()} Berg" in one["hs_task_subject"]] for name in LEADS},
    )


def stored_state(stage, user):
    with stage.worker.tools.store.read() as tx:
        known = leads.by_user(tx, user)
        return next(iter(leads.states_of(tx, known["lead_key"])), {"state": "NOT"}) if known else {"state": "NOT"}


def history(stage, user):
    with stage.worker.tools.store.read() as tx:
        return leads.history(tx, leads.by_user(tx, user)["lead_key"])


@pytest.fixture(scope="module")
def weeks(opened):
    stage = opened()
    stage.rewrite("pql", "changed_leads: 20%", "changed_leads: off")
    for name in LEADS:
        stage.user(name, f"{name}1")
    stage.portal.add("company", domain="bert1.example", name="Firm bert1")
    stage.baseline()
    for name in LEADS[:-1]:
        stage.keen(name)
    seen = {MONDAY: lived(stage, MONDAY)}
    stage.portal.edit("rudi@rudi1.example", pql_outcome="rejected", pql_reject_reason="wrong_timing")
    stage.portal.edit("exa@exa1.example", hs_email_optout="true")
    stage.portal.act(
        "edit", object="company", id=stage.portal.ids["bert1.example"], properties={"lifecyclestage": "customer"}
    )
    touched = seen[MONDAY].tasks["tara"][0]["id"]
    stage.portal.act("edit", object="task", id=touched, properties={"hs_task_subject": "Tara Berg: called, will call again"})
    seen[TUESDAY] = lived(stage, TUESDAY)
    seen[STALE] = lived(stage, STALE, pull=False)
    seen[COOL] = lived(stage, COOL)
    seen[OVER] = lived(stage, OVER)
    stage.now = LATER
    stage.keen("rudi")
    seen[LATER] = lived(stage, LATER)
    return stage, seen


def course(weeks, name):
    """A lead's state after each run."""
    return [seen.states[name]["state"] for seen in weeks[1].values()]


@pytest.mark.decides("R-050")
def test_whoever_stays_keen_becomes_a_pql_once_and_keeps_one_task(weeks):
    stage, seen = weeks

    assert course(weeks, "sven") == ["QUALIFIED"] * 6
    assert [one["to_state"] for one in history(stage, "sven")] == ["QUALIFIED"]
    assert [len(one.tasks["sven"]) for one in seen.values()] == [1] * 6


@pytest.mark.decides("R-049", "R-051")
def test_without_new_events_a_lead_cools_and_after_its_grace_expires_with_the_reason(weeks):
    stage, seen = weeks
    edges = [(one["to_state"], one["cause"]) for one in history(stage, "cora")]

    assert course(weeks, "cora")[:5] == ["QUALIFIED", "QUALIFIED", "QUALIFIED", "COOLING", "EXPIRED"]
    assert edges == [("QUALIFIED", "events"), ("COOLING", "decay"), ("EXPIRED", "decay")]
    assert (seen[COOL].flags["cora"], seen[OVER].flags["cora"]) == ("true", "false")
    assert seen[OVER].states["cora"]["reason"] == "score fell"
    then = stage.explain("cora@cora1.example", TUESDAY).state[0]
    assert (then["state"], then["episode"], then["entered_at"], then["reason"]) == ("QUALIFIED", 1, MONDAY, None)


@pytest.mark.fault("F39")
def test_a_stale_source_demotes_nobody_and_is_named(weeks):
    _, seen = weeks

    assert seen[STALE].report.states.left == 0
    assert {name: one["state"] for name, one in seen[STALE].states.items()} == {
        name: one["state"] for name, one in seen[TUESDAY].states.items()
    }
    assert [one.name for one in seen[STALE].report.guards] == ["source_older_than"]


def test_when_a_lead_cooled_its_untouched_task_is_closed_and_a_touched_one_is_left(weeks):
    _, seen = weeks

    assert seen[OVER].tasks["cora"][0]["hs_task_status"] == "COMPLETED"
    assert seen[COOL].tasks["cora"][0]["hs_task_status"] == "NOT_STARTED"
    (touched,) = [one for one in weeks[0].portal.tasks() if one["hs_task_subject"].startswith("Tara Berg: called")]
    assert touched["hs_task_status"] == "NOT_STARTED"
    assert course(weeks, "tara")[4] == "EXPIRED"


@pytest.mark.decides("R-051", "R-057")
def test_a_rejection_takes_the_flag_waits_its_time_and_then_a_new_episode_gets_a_new_task(weeks):
    stage, seen = weeks

    assert course(weeks, "rudi") == ["QUALIFIED", *["REJECTED"] * 4, "QUALIFIED"]
    assert (seen[TUESDAY].states["rudi"]["reason"], seen[TUESDAY].flags["rudi"]) == ("wrong_timing", "false")
    assert (seen[LATER].states["rudi"]["episode"], seen[LATER].flags["rudi"]) == (2, "true")
    assert [len(one.tasks["rudi"]) for one in seen.values()] == [1, 1, 1, 1, 1, 2]
    answers = {(one["name"], one["value"]) for one in stage.explain("rudi@rudi1.example").outcomes}
    assert answers >= {("pql_outcome", "rejected"), ("pql_reject_reason", "wrong_timing")}


def test_whoever_opts_out_is_suppressed_under_the_name_of_the_exclusion(weeks):
    _, seen = weeks

    assert seen[TUESDAY].states["exa"]["state"] == "SUPPRESSED"
    assert (seen[TUESDAY].states["exa"]["reason"], seen[TUESDAY].flags["exa"]) == ("do not contact", "false")
    assert seen[TUESDAY].tasks["exa"][0]["hs_task_status"] == "COMPLETED"


def test_whoever_buys_is_converted_and_the_open_task_is_closed(weeks):
    _, seen = weeks

    assert set(course(weeks, "bert")[1:]) == {"CONVERTED"}
    assert (seen[TUESDAY].flags["bert"], seen[TUESDAY].tasks["bert"][0]["hs_task_status"]) == ("false", "COMPLETED")


def test_every_edge_is_a_row_with_instant_cause_and_the_value_seen(weeks):
    stage, _ = weeks
    edges = [edge for name in LEADS for edge in history(stage, name)]

    assert all(isinstance(edge["at"], datetime) and edge["cause"] and "value" in edge["detail"] for edge in edges)
    assert {edge["cause"] for edge in edges} == {"events", "decay", "outcome", "exclusion"}
