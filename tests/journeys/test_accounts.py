"""One task per account, whoever of it comes and goes; a pause; somebody who left before the task was made."""

from __future__ import annotations

from datetime import timedelta

import pytest
from journeys_calendar import MONDAY, TUESDAY

from worker.store import leads, pauses, routes

DAY = timedelta(days=1)
JOINED = MONDAY + 9 * DAY
COOL = MONDAY + 16 * DAY
ANNA_GONE = COOL + 3 * DAY
CARL = ANNA_GONE + DAY
EMPTY = MONDAY + 45 * DAY


@pytest.fixture(scope="module")
def account(opened):
    """Anna gets the task, Ben joins it, Anna cools, Carl joins, everybody leaves; the tasks after each run."""
    stage = opened()
    stage.portal.add("company", domain="a1.example", name="Firm a1")
    for name in ("anna", "ben", "carl"):
        stage.user(name)
    stage.skip_baseline()
    told = {}
    for name, as_of in (("anna", MONDAY), ("ben", JOINED), (None, COOL), ("ben", ANNA_GONE), ("carl", CARL)):
        stage.now = as_of
        if name:
            stage.keen(name)
        stage.run(as_of)
        told[as_of] = stage.portal.tasks()
    told["company"] = stage.portal.record("company", stage.portal.ids["a1.example"])
    for as_of in (EMPTY, EMPTY + 3 * DAY):
        stage.run(as_of)
        told[as_of] = stage.portal.tasks()
    return stage, told


def test_the_accounts_task_outlives_the_one_it_was_made_for_while_a_colleague_goes_on(account):
    stage, told = account

    assert state_of(stage, "anna") == "EXPIRED"
    assert [[one["hs_task_status"] for one in told[as_of]] for as_of in (MONDAY, JOINED, COOL, ANNA_GONE)] == [
        ["NOT_STARTED"]
    ] * 4


def test_who_qualifies_after_the_first_one_left_joins_the_open_task(account):
    _, told = account

    assert len(told[CARL]) == 1


def test_with_the_last_pql_of_the_account_its_task_closes(account):
    _, told = account

    assert [one["hs_task_status"] for one in told[EMPTY + 3 * DAY]] == ["COMPLETED"]


def test_the_company_tells_how_many_qualified_and_who_leads_them(account):
    company = account[1]["company"]

    assert (company["pql_flag"], company["pql_leads"]) == ("true", "2")
    assert company["pql_champion"] in ("Ben Berg", "Carl Berg")


def state_of(stage, user):
    with stage.worker.tools.store.read() as tx:
        return leads.states_of(tx, leads.by_user(tx, user)["lead_key"])[0]["state"]


def pausing(stage, *, on):
    with stage.worker.tools.store.write() as tx:
        pauses.pause(tx, "hubspot", "test") if on else pauses.resume(tx, "hubspot")


def test_a_pause_holds_back_all_writing_and_what_is_over_by_then_is_never_sent(stage):
    stage.user("mia")
    stage.user("max", "m1")
    stage.rewrite("destinations", "create: never", "create: when_qualified")
    late = stage.user("noa", "n1", contact=False)
    stage.skip_baseline()
    sold = stage.user("ned", "n2", contact=False)
    for name in ("mia", "max", "noa", "ned"):
        stage.keen(name)
    pausing(stage, on=True)
    stage.portal.mark()
    paused = stage.run(MONDAY)
    assert (stage.portal.written(), len(paused.warnings)) == ([], 1)

    stage.portal.edit("mia@a1.example", hs_email_optout="true")
    next(one for one in stage.accounts if one["account_id"] == "n2")["plan_name"] = "team"
    assignee = pending(stage, "noa")["detail"]["payload"]["assignee"]
    stage.portal.act("deactivate_owner", email=assignee)
    stage.run(TUESDAY)
    pausing(stage, on=False)
    stage.run(TUESDAY)
    stage.run(TUESDAY)

    told = {one["hs_task_subject"].split(": ")[1].split(" ")[0]: one for one in stage.portal.tasks()}
    assert "Mia" not in told
    assert told["Noa"]["hubspot_owner_id"] != stage.portal.owner(assignee.removesuffix("@acme.com"))
    made = {row.properties["email"] for row in stage.portal.endpoint.state.scan("contact")}
    assert (late in made, sold in made) == (True, False)


def pending(stage, user):
    """What waits for the record of this user."""
    with stage.worker.tools.store.read() as tx:
        key = leads.by_user(tx, user)["lead_key"]
        (one,) = [row for row in routes.waiting(tx) if row["reason"] == "record_pending" and row["lead_key"] == key]
    return one
