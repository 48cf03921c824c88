"""Two CRMs, records that are made, owners by each mode, and a product that is no software."""

from __future__ import annotations

import pytest
from journeys_calendar import MONDAY


@pytest.fixture(scope="module")
def both(opened):
    """HubSpot, where people work and records are made; Salesforce, which gets fields."""
    stage = opened(salesforce=True)
    stage.rewrite("destinations", "create: never", "create: when_qualified")
    new = stage.user("nina", "n1", contact=False)
    idle = stage.user("idle", "i1", contact=False)
    known = stage.user("kim", "k1", contact=False)
    stage.portal.add("contact", email=known, firstname="Kim", lastname="Berg", hubspot_owner_id="eva@acme.com")
    lead = {"object": "Lead", "properties": {"Email": known, "LastName": "Berg", "Company": "Firm k1"}}
    stage.org.ids[known] = stage.org.endpoint.seed(records=[lead])["records"][0]["id"]
    stage.baseline()
    for user in ("nina", "kim"):
        stage.keen(user)
    stage.write()
    stage.worker.pull()
    modes = {}
    for mode in ("never", "always", "when_unowned"):
        text = (stage.folder / "settings.d/handoff.yaml").read_text()
        now = next(line for line in text.splitlines() if "set_owner:" in line)
        stage.rewrite("handoff", now, f"  set_owner: {mode}")
        modes[mode] = stage.plan()
    for portal in (stage.portal, stage.org):
        portal.mark()
    report = stage.run(MONDAY)
    return stage, report, modes, {"new": new, "idle": idle, "known": known}


def test_a_missing_record_is_made_when_its_lead_qualifies_and_gets_its_task_in_the_same_run(both):
    stage, report, _, emails = both
    made = {row.properties.get("email"): row.properties for row in stage.portal.endpoint.state.scan("contact")}

    assert made[emails["new"]]["pql_flag"] == "true"
    assert emails["idle"] not in made
    assert report.destinations["hubspot"].records.created == 1
    assert len([one for one in stage.portal.tasks() if "Nina Berg" in one["hs_task_subject"]]) == 1


def test_the_next_run_makes_neither_record_nor_task_again(both):
    stage, *_ = both
    for portal in (stage.portal, stage.org):
        portal.mark()

    report = stage.run(MONDAY)

    assert (report.status, stage.portal.written(), stage.org.written()) == ("done", [], [])


def test_fields_go_to_both_crms_and_tasks_only_where_people_work(both):
    stage, report, _, emails = both
    lead = stage.org.record("Lead", stage.org.ids[emails["known"]])

    assert stage.portal.contact(emails["known"])["pql_flag"] == "true"
    assert lead["PQL_Flag__c"] in (True, "true")
    assert (report.destinations["hubspot"].tasks.created, report.destinations["salesforce"].tasks.created) == (2, 0)
    assert stage.org.endpoint.state.scan("Task") == []


def test_owners_are_set_as_the_settings_say(both):
    _, _, modes, emails = both
    planned = {mode: {one.lead: one.old for one in plan.owners} for mode, plan in modes.items()}
    kept = {mode: {one.lead: one.reason for one in plan.skips if "owner" in one.reason} for mode, plan in modes.items()}

    assert planned["never"] == {}
    assert planned["always"][emails["known"]] == "eva@acme.com"
    assert (emails["known"] in planned["when_unowned"], kept["when_unowned"][emails["known"]]) == (
        False,
        "manual_owner_kept",
    )


COFFEE = {
    "sources": """
sources:
  till:
    kind: files
    events: {file: data/visits*.csv, id: receipt, user: card, name: what, at: when, keep: [{name: cups, type: number}]}
    users: {file: data/cards*.csv, id: card, email: email}
""",
    "signals": """
signals:
  visits: {days_with: bought, within: 28 days, family: use, says: "came on {n} days"}
  cups:   {sum: bought.cups, within: 28 days, family: value, says: "{n} cups bought"}
  asked:  {count: asked_for_beans, within: 28 days, family: intent, says: "asked for beans"}
""",
    "score": """
score: {usage: [{signal: visits, points: 50, full_at: 4}, {signal: cups, points: 50, full_at: 10}]}
tiers: [{name: regular}]
""",
    "qualify": """
qualify:
  beans: {must_have: {use: visits >= 3, value: cups >= 5, intent: asked >= 1}, enter_at: 60, exit_below: 30}
""",
    "handoff": """
handoff: {work_in: hubspot, next_steps: [{action: email, say: "Offer a bag of beans."}]}
queues: {counter: {owner: ana@acme.com, due: 1 business day}}
""",
    "routing": "routing: [{name: everyone, to: {queue: counter}}]\n",
    "pql": "version: 1\nworkspace: coffee\ntimezone: Europe/Berlin\n",
}


@pytest.mark.decides("R-109")
def test_a_coffee_shop_with_a_till_and_cards_has_product_qualified_leads_too(stage):
    stage.settings(**COFFEE)
    data = stage.folder / "settings.d/data"
    data.mkdir()
    (data / "cards.csv").write_text("card,email\n7,guest@home.example\n8,other@home.example\n")
    days = [f"r{day},7,bought,2026-11-{day}T08:10:00+01:00,2\n" for day in (12, 13, 14, 15)]
    rows = [*days, "q1,7,asked_for_beans,2026-11-15T08:11:00+01:00,\n", "r9,8,bought,2026-11-14T09:00:00+01:00,1\n"]
    (data / "visits.csv").write_text("receipt,card,what,when,cups\n" + "".join(rows))
    for email in ("guest@home.example", "other@home.example"):
        stage.portal.add("contact", email=email)

    report = stage.worker.run(MONDAY)

    assert (report.status, report.states.entered) == ("done", 1)
    assert [stage.portal.contact(f"{who}@home.example")["pql_flag"] for who in ("guest", "other")] == ["true", "false"]
