"""Accounts that qualify as a whole: three people of whom none is a PQL alone, in both CRMs, and what becomes of them."""

from __future__ import annotations

import pytest
from commands import Commands
from journeys_accounts import DAY, TEAM, at_work, qualifying_accounts, team
from journeys_calendar import MONDAY, TUESDAY

COOL = MONDAY + 17 * DAY
OVER = COOL + 3 * DAY


def in_salesforce(stage, email, account):
    """A contact of an account in the other CRM."""
    home = {"object": "Account", "properties": {"Name": "Firm a1", "Website": "https://a1.example"}}
    if account not in stage.org.ids:
        stage.org.ids[account] = stage.org.endpoint.seed(records=[home])["records"][0]["id"]
    person = {"Email": email, "LastName": "Berg", "AccountId": stage.org.ids[account]}
    made = stage.org.endpoint.seed(records=[{"object": "Contact", "properties": person}])
    stage.org.ids[email] = made["records"][0]["id"]


def seen(stage, emails):
    """What stands in both CRMs now."""
    return {
        "tasks": stage.portal.tasks(),
        "company": stage.portal.record("company", stage.portal.ids["a1.example"]),
        "account": stage.org.record("Account", stage.org.ids["a1.example"]),
        "people": {name: stage.portal.contact(email) for name, email in emails.items()},
        "contacts": {name: stage.org.record("Contact", stage.org.ids[email]) for name, email in emails.items()},
    }


@pytest.fixture(scope="module")
def story(opened):
    stage = opened(salesforce=True)
    qualifying_accounts(stage)
    stage.rewrite("pql", "changed_leads: 20%", "changed_leads: off")
    stage.portal.add("company", domain="a1.example", name="Firm a1")
    stage.account("a1")
    emails = {name: stage.user(f"{name}_a1") for name in TEAM}
    for email in emails.values():
        in_salesforce(stage, email, "a1.example")
    stage.baseline()
    at_work(stage)
    stage.write()
    stage.worker.pull()
    told = {"plan": stage.plan(), "monday": stage.run(MONDAY)}
    told["then"] = seen(stage, emails)
    told["account"], told["buyer"] = stage.explain("a1"), stage.explain(emails["cara"])
    for portal in (stage.portal, stage.org):
        portal.mark()
    told["again"] = stage.run(MONDAY)
    told["written"] = [*stage.portal.written(), *stage.org.written()]
    stage.now = TUESDAY
    stage.did("ben_a1", "pricing_viewed", 0.1, times=3)
    told["tuesday"] = stage.run(TUESDAY)
    told["stronger"] = seen(stage, emails)
    for as_of in (COOL, OVER):
        told[as_of] = stage.run(as_of)
    told["over"] = seen(stage, emails)
    return stage, told


@pytest.mark.decides("R-015")
def test_three_people_of_whom_none_is_a_pql_alone_make_their_account_one(story):
    _, told = story
    company, account = told["then"]["company"], told["then"]["account"]

    assert (company["pql_flag"], company["pql_type"], company["pql_champion"]) == ("true", "pqa", "Cara_A1 Berg")
    assert (company["pql_tier"], company["pql_leads"], company["pql_active_users"]) == ("hot", "0", "3")
    assert float(company["pql_score"]) == int(told["account"].scores["usage"]) >= 60
    assert (account["PQL_Type__c"], account["PQL_Flag__c"]) == ("pqa", True)
    assert all(told["monday"].states.now.get(state) is None for state in ("QUALIFIED", "COOLING"))


@pytest.mark.decides("R-093")
def test_qualified_accounts_are_counted_apart_from_qualified_leads(story):
    _, told = story

    for document in (told["plan"], told["monday"]):
        assert (document.states.entered, document.account_states.entered) == (0, 1)
        assert (document.accounts.seen, document.account_states.now) == (1, {"QUALIFIED": 1})
    assert (told[OVER].states.left, told[OVER].account_states.left) == (0, 1)


def test_the_one_task_is_about_the_likely_buyer_and_speaks_of_the_account(story):
    _, told = story
    (task,) = told["then"]["tasks"]

    assert task["hs_task_subject"].startswith("Hot PQL: Cara_A1 Berg, Firm a1 - ")
    assert "5 projects created in 14 days" in task["hs_task_body"]
    assert [one.lead for one in told["plan"].tasks] == ["cara_a1@a1.example"]


def test_the_buyers_record_shows_the_accounts_standing_and_no_colleagues_does(story):
    _, told = story
    people, company = told["then"]["people"], told["then"]["company"]

    assert [people[name]["pql_flag"] for name in TEAM] == ["false", "false", "true"]
    same = ("pql_type", "pql_tier", "pql_score", "pql_reasons", "pql_since", "pql_respond_by", "pql_routed_by")
    assert {name: people["cara"][name] for name in same} == {name: company[name] for name in same}
    assert people["cara"]["pql_next_step"]
    assert people["cara"]["hubspot_owner_id"] == told["then"]["tasks"][0]["hubspot_owner_id"]
    assert told["then"]["contacts"]["cara"]["PQL_Type__c"] == "pqa"


def test_a_second_run_writes_nothing(story):
    _, told = story

    assert (told["again"].status, told["written"]) == ("done", [])


def test_a_colleague_who_becomes_stronger_brings_no_second_task_and_no_other_buyer(story):
    _, told = story

    assert len(told["stronger"]["tasks"]) == 1
    assert told["stronger"]["company"]["pql_champion"] == "Cara_A1 Berg"
    assert told["stronger"]["people"]["ben"]["pql_flag"] == "false"


def test_when_the_account_cools_its_untouched_task_is_closed_and_the_flags_are_taken(story):
    _, told = story
    over = told["over"]

    assert [one["hs_task_status"] for one in over["tasks"]] == ["COMPLETED"]
    assert (over["company"]["pql_flag"], over["people"]["cara"]["pql_flag"]) == ("false", "false")
    assert over["account"]["PQL_Flag__c"] is False


@pytest.mark.decides("R-015")
def test_an_account_is_explained_by_its_own_points_buyer_and_state(story):
    _, told = story
    account, buyer = told["account"], told["buyer"]
    points = sum(one["points"] for one in account.points if one["score"] == "usage")

    assert points == pytest.approx(account.scores["usage"], abs=1e-6)
    assert (account.grain, account.buyer["user_id"], account.state[0]["state"]) == ("account", "cara_a1", "QUALIFIED")
    assert [one["definition"] for one in account.state] == ["pqa"]
    assert account.tasks
    assert account.attempts
    assert [(one["definition"], one["is_buyer"]) for one in buyer.account_episodes] == [("pqa", True)]


def commands(stage):
    """`pql` on the places of the stage."""
    stage.close()
    places = {"PQL_SETTINGS": "settings.d", "PQL_STORE": stage.places.store, "PQL_LAKE": "lake", "PQL_TESTING": "1"}
    crms = {"hubspot": stage.portal, "salesforce": stage.org}
    tokens = {f"{name.upper()}_TOKEN": one.endpoint.token for name, one in crms.items() if one}
    return Commands(stage.folder, places | tokens)


@pytest.mark.decides("R-093")
def test_the_command_line_tells_qualified_accounts_on_a_line_of_their_own(story):
    stage, _ = story
    pql = commands(stage)
    at = ("--as-of", OVER.isoformat())

    status, plan, told, lead = pql("status"), pql("plan", *at), pql("explain", "a1", *at), pql("explain", "cara_a1", *at)

    assert "Accounts (PQAs): 1 expired; 0 became PQAs in the last run." in status.out
    assert "1 accounts, 0 excluded, 0 became PQAs, 0 left." in plan.out
    assert "Account Firm a1 (A" in told.out
    assert "pqa: EXPIRED" in told.out
    assert "pqa" not in lead.out
    assert "No lead or account is known as a9." in pql("explain", "a9", *at).said


@pytest.mark.parametrize("point", ["K1", "K2", "K3", "K7"])
def test_a_kill_anywhere_leaves_one_task(stage, point):
    qualifying_accounts(stage)
    stage.portal.add("company", domain="a1.example", name="Firm a1")
    team(stage)
    stage.skip_baseline()
    stage.write()
    pql = commands(stage)

    died = pql("run", "--as-of", MONDAY.isoformat(), PQL_CRASHPOINT=point)
    stage.run(MONDAY)
    stage.run(MONDAY)

    assert died.code == -9
    assert len(stage.portal.tasks()) == 1
