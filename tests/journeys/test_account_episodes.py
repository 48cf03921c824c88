"""What becomes of qualified accounts: noes, buyers who come and go, records that are yet to be made, customers."""

from __future__ import annotations

import pytest
from journeys_accounts import DAY, TEAM, account_state, at_work, qualifying_accounts, team
from journeys_calendar import MONDAY, TUESDAY

from worker.store import leads, pauses, routes

WEDNESDAY = TUESDAY + DAY
ACCOUNTS = ("firm", "rep", "own", "left", "out", "none", "sold")


def about(stage, account):
    """The tasks about an account."""
    return [one for one in stage.portal.tasks() if f" Firm {account} " in one["hs_task_subject"]]


def standing_of(stage, account):
    state = account_state(stage, account)
    return state["state"], state["reason"]


@pytest.fixture(scope="module")
def days(opened):
    """Seven accounts that qualify on Monday; what people do before Tuesday; and the day after it."""
    stage = opened()
    qualifying_accounts(stage)
    stage.rewrite("pql", "changed_leads: 20%", "changed_leads: off")
    emails = {}
    for name in ACCOUNTS:
        stage.portal.add("company", domain=f"{name}.example", name=f"Firm {name}")
    stage.baseline()
    for name in ACCOUNTS:
        emails[name] = team(stage, name)
    stage.user("uma", "unmatched", contact=False)
    stage.keen("cara_own")
    monday = stage.run(MONDAY)
    told = {"monday": monday, "made": {name: len(about(stage, name)) for name in ACCOUNTS}}
    no = {"pql_outcome": "rejected", "pql_reject_reason": "wrong_timing"}
    stage.portal.act("edit", object="company", id=stage.portal.ids["firm.example"], properties=no)
    stage.portal.edit(emails["rep"]["cara"], **no)
    stage.portal.edit(emails["own"]["cara"], **no)
    stage.portal.edit(emails["out"]["cara"], hs_email_optout="true")
    for email in emails["none"].values():
        stage.portal.edit(email, hs_email_optout="true")
    next(one for one in stage.users if one["user_id"] == "cara_left")["account_id"] = "elsewhere"
    sold = {"lifecyclestage": "customer"}
    stage.portal.act("edit", object="company", id=stage.portal.ids["sold.example"], properties=sold)
    told["tuesday"] = stage.run(TUESDAY)
    told["on tuesday"] = {name: standing_of(stage, name) for name in ACCOUNTS}
    told["flags"] = {
        (name, who): stage.portal.contact(email).get("pql_flag") for name in ACCOUNTS for who, email in emails[name].items()
    }
    stage.run(WEDNESDAY)
    told["on wednesday"] = {name: standing_of(stage, name) for name in ACCOUNTS}
    return stage, told


def test_each_qualified_account_gets_one_task_also_where_its_buyer_has_one_as_a_lead(days):
    _, told = days

    assert told["made"] == {name: 2 if name == "own" else 1 for name in ACCOUNTS}
    assert (told["monday"].states.entered, told["monday"].account_states.entered) == (1, len(ACCOUNTS))


def test_a_no_on_the_company_or_on_its_buyers_record_ends_the_accounts_episode(days):
    _, told = days

    assert told["on tuesday"]["firm"] == told["on tuesday"]["rep"] == ("REJECTED", "wrong_timing")
    assert told["flags"]["rep", "cara"] == "false"


def test_a_no_to_a_buyer_who_is_a_pql_counts_for_that_lead_and_never_for_the_account(days):
    stage, told = days
    lead = stage.state("cara_own")

    assert (lead["state"], lead["reason"]) == ("REJECTED", "wrong_timing")
    assert told["on tuesday"]["own"] == told["on wednesday"]["own"] == ("QUALIFIED", None)
    assert told["flags"]["own", "cara"] == "true"


def test_a_buyer_who_left_or_is_excluded_is_replaced_and_no_second_task_is_made(days):
    stage, told = days

    for name in ("left", "out"):
        account = stage.explain(name)
        assert account.buyer["user_id"] != f"cara_{name}"
        assert told["on tuesday"][name] == ("QUALIFIED", None)
        assert [told["flags"][name, who] for who in TEAM].count("true") == 1
        assert told["flags"][name, "cara"] == "false"
        assert len(about(stage, name)) == 1


def test_an_account_whose_leads_are_all_excluded_is_excluded_and_its_task_closed(days):
    stage, told = days

    assert told["on tuesday"]["none"] == ("SUPPRESSED", "do not contact")
    assert told["tuesday"].accounts.excluded == 1
    assert [one["hs_task_status"] for one in about(stage, "none")] == ["COMPLETED"]


def test_an_account_that_buys_is_converted_and_its_task_closed(days):
    stage, told = days

    assert told["on tuesday"]["sold"] == ("CONVERTED", None)
    assert [one["hs_task_status"] for one in about(stage, "sold")] == ["COMPLETED"]


def test_nothing_else_made_or_closed_a_task(days):
    stage, _ = days

    for name in ("firm", "rep", "own", "left", "out"):
        assert {one["hs_task_status"] for one in about(stage, name)} == {"NOT_STARTED"}, name


def test_a_first_run_flags_accounts_and_hands_off_only_the_young_ones(stage):
    qualifying_accounts(stage)
    stage.rewrite("handoff", "on_first_run: flag_only", "handoff_within: 5 days\n  on_first_run: flag_only")
    companies = {name: stage.portal.add("company", domain=f"{name}.example", name=f"Firm {name}") for name in ("old", "new")}
    today, stage.now = stage.now, stage.now - 6 * DAY
    team(stage, "old")
    stage.now = today
    at_work(stage, "old")
    emails = team(stage, "new")

    report = stage.run(today)

    assert [stage.portal.record("company", id)["pql_flag"] for id in companies.values()] == ["true", "true"]
    assert stage.portal.contact(emails["cara"])["pql_flag"] == "true"
    assert [len(about(stage, name)) for name in companies] == [0, 1]
    assert (report.account_states.entered, report.states.entered) == (2, 0)


def test_a_buyer_without_a_record_waits_visibly_and_gets_the_task_once_it_is_there(stage):
    qualifying_accounts(stage)
    emails = team(stage, contact=False)
    stage.skip_baseline()

    waiting = stage.run(MONDAY)
    for name, email in emails.items():
        stage.portal.add("contact", email=email, firstname=name.title(), lastname="Berg")
    stage.run(TUESDAY)

    assert [(one.lead, one.reason) for one in waiting.held] == [(emails["cara"], "unmatched")]
    assert len(stage.portal.tasks()) == 1
    assert stage.portal.contact(emails["cara"])["pql_flag"] == "true"


def pausing(stage, *, on):
    with stage.worker.tools.store.write() as tx:
        pauses.pause(tx, "hubspot", "test") if on else pauses.resume(tx, "hubspot")


@pytest.mark.parametrize("leaves", [False, True])
def test_a_task_waits_for_the_record_of_its_buyer_whoever_that_is_by_then(stage, leaves):
    qualifying_accounts(stage)
    stage.rewrite("destinations", "create: never", "create: when_qualified")
    emails = team(stage, contact=False)
    stage.skip_baseline()
    pausing(stage, on=True)
    stage.run(MONDAY)
    with stage.worker.tools.store.read() as tx:
        (pending,) = routes.waiting(tx)
        assert leads.by_key(tx, pending["detail"]["about"]["record"])["user_id"] == "cara_a1"
    if leaves:
        next(one for one in stage.users if one["user_id"] == "cara_a1")["account_id"] = "elsewhere"
    pausing(stage, on=False)
    for as_of in (TUESDAY, WEDNESDAY, WEDNESDAY):
        stage.run(as_of)

    made = {row.properties["email"] for row in stage.portal.endpoint.state.scan("contact")}
    (task,) = stage.portal.tasks()
    assert (emails["cara"] in made) != leaves
    assert ("Cara" in task["hs_task_subject"]) != leaves
    assert len(made) == 1
