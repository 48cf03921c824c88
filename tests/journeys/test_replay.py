"""Any past answer can be had again: from what had arrived by then, whatever came later."""

from __future__ import annotations

from datetime import timedelta

import pytest
from journeys_calendar import MONDAY, TUESDAY

LATE = MONDAY + timedelta(days=2)


@pytest.fixture(scope="module")
def told(opened):
    """What was said of one lead on Monday, on Monday as of Wednesday, and on Wednesday."""
    stage = opened()
    stage.account("a1", employees=120, industry="software")
    email = stage.user("maria")
    stage.skip_baseline()
    stage.keen("maria")
    stage.run(MONDAY)
    then = stage.explain(email, MONDAY)
    stage.now = TUESDAY
    stage.did("maria", "project_created", 2, times=4, late=1.5, pages=3)
    stage.did("maria", "integration_connected", 3, late=2.5, integration="github")
    stage.did("maria", "contact_sales_clicked", 0.2)
    stage.accounts[0]["employees"] = 9
    stage.users[0]["last_name"] = "Berger"
    stage.run(LATE)
    return {"then": then, "again": stage.explain(email, MONDAY), "now": stage.explain(email, LATE), "stage": stage}


def test_the_past_scores_are_the_same_in_every_part_after_late_data_and_changed_attributes(told):
    then, again, now = (told[name].model_dump(mode="json") for name in ("then", "again", "now"))

    for part in ("scores", "tier", "signals", "points", "name"):
        assert again[part] == then[part], part
        assert part == "tier" or now[part] != then[part], part


@pytest.mark.decides("R-043")
def test_the_parts_of_every_score_add_up_to_it(told):
    for name in ("then", "now"):
        one = told[name]
        for dimension, value in one.scores.items():
            parts = sum(part["points"] for part in one.points if part["score"] == dimension)
            assert parts == pytest.approx(value, abs=1e-6), dimension


@pytest.mark.fault("F37")
def test_late_events_count_from_the_instant_they_arrived(told):
    values = {name: {one["name"]: one["value"] for one in told[name].signals} for name in ("again", "now")}

    assert (values["again"]["projects"], values["now"]["projects"]) == (5, 9)
    assert (values["again"]["integrations"], values["now"]["integrations"]) == (2, 3)


def test_a_plan_for_the_past_writes_nothing(told):
    stage = told["stage"]
    stage.portal.mark()

    report = stage.worker.plan(MONDAY)

    assert (report.as_of, stage.portal.written()) == (MONDAY, [])
