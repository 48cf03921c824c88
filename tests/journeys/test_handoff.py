"""From a PQL to a person's task: a Friday, the Monday on which many qualify, and the Tuesday after it."""

from __future__ import annotations

import html
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from journeys_calendar import FRIDAY, MONDAY, TUESDAY

from worker.steps.report import PlanReport, Report
from worker.wiring.worker import Untimely

ROUTING = """
routing:
  - {name: named accounts, when: account.domain in named_accounts, to: {owner_in: named_accounts, if_inactive: {pool: smb}}}
  - {name: existing owner, when: crm.account_owner_active, to: {owner_of: account, if_inactive: {pool: smb}}}
  - {name: country unknown, when: account.country is null, to: {queue: enrichment}}
  - name: dach partners
    when: account.country in ('DE', 'AT', 'CH') and account.employees < 200
    to: {offer: dach}
    otherwise: {pool: smb}
  - {name: france, when: account.country = 'FR', to: {pool: france}}
  - {name: everyone else, to: {pool: smb}}
pools:
  smb: {distribute: round_robin, calendar: emea, members: [ana@acme.com, tom@acme.com], when_nobody: {queue: enrichment}}
  france: {distribute: round_robin, members: [{who: eva@acme.com, per_day: 2}], when_nobody: {queue: enrichment}}
queues: {enrichment: {owner: revops@acme.com, due: 1 business day}}
partners:
  directory: {file: partners.csv}
  pools: {dach: {members: {territory: dach}}}
  consent: user.partner_consent
"""
NAMED = "domain,owner\nnamed.example,eva@acme.com\nleft.example,gone@acme.com\n"


@dataclass
class Day:
    """What a run said and left behind."""

    report: Report
    tasks: list[dict[str, Any]]
    written: int
    contacts: dict[str, dict[str, Any]] = field(default_factory=dict)

    def task(self, name: str) -> dict[str, Any]:
        """The one task about this person."""
        (found,) = self.all_tasks(name)
        return found

    def all_tasks(self, name: str) -> list[dict[str, Any]]:
        return [one for one in self.tasks if f" {name} Berg" in one["hs_task_subject"]]

    def held(self) -> dict[str, str]:
        return {str(one.lead).partition("@")[0]: one.reason for one in self.report.held}


@dataclass
class Story:
    stage: Any
    friday: Day
    plan: PlanReport
    monday: Day
    again: Day
    tuesday: Day

    def owner(self, task: dict[str, Any]) -> str:
        """Whose task it is, as a name."""
        owners = {one["id"]: one["email"] for one in self.stage.portal.endpoint.state.docs("owner").values()}
        return str(owners[task["hubspot_owner_id"]]).removesuffix("@acme.com")


def lived(stage, as_of, **wanted):
    stage.portal.mark()
    report = stage.run(as_of, **wanted)
    contacts = {name: stage.portal.contact(name) for name in stage.portal.ids if "@" in name}
    return Day(report, stage.portal.tasks(), len(stage.portal.written()), contacts)


def people(stage):
    """Who they are, and what the portal holds of them before."""
    stage.settings(routing=ROUTING)
    (stage.folder / "settings.d/lists/named_accounts.csv").write_text(NAMED)
    stage.rewrite("pql", "changed_leads: 20%", "changed_leads: off")
    stage.account("nordwerk", name="Nordwerk GmbH", storage_used=80)
    stage.user("maria", "nordwerk")
    stage.user("jan", "nordwerk")
    for name, employees in (("fleur", 3000), ("felix", 300), ("fanny", 40)):
        stage.user(name, stage.account(name, country="FR", employees=employees))
    stage.user("nora", stage.account("n1", domain="named.example"))
    stage.user("lena", stage.account("l1", domain="left.example"))
    stage.user("dieter", stage.account("d1", country="DE", employees=50), partner_consent=True)
    stage.user("doris", stage.account("d2", country="DE", employees=50))
    stage.user("uma", "u1", contact=False)
    stage.user("zoe", "z1", contact=False)
    for number in (1, 2):
        stage.portal.add("contact", email=f"zoe{number}@home.example", hs_additional_emails="zoe@z1.example")
    for name, owner in (("otto", "eva"), ("ines", "integration")):
        stage.user(name, contact=False, account=f"{name}1")
        stage.portal.add("contact", email=f"{name}@{name}1.example", hubspot_owner_id=f"{owner}@acme.com")
    stage.user("edda", "e1", contact=False)
    stage.portal.add("contact", email="edda@e1.example", usage_segment="key account")
    stage.user("henry", "h1")
    stage.user("omar", "o1")
    stage.portal.add("company", domain="o1.example", name="Firm o1", hubspot_owner_id="tom@acme.com")
    for user in ("twin", "twin_again"):
        stage.user(user, "t1", email="twin@t1.example", contact=user == "twin")


@pytest.fixture(scope="module")
def story(opened):
    stage = opened()
    people(stage)
    friday = lived(stage, FRIDAY)
    stage.now = MONDAY
    newcomers = ("maria", "felix", "fanny", "nora", "lena", "dieter", "doris", "uma", "zoe", "otto", "ines", "edda", "omar")
    for user in (*newcomers, "twin", "fleur"):
        stage.keen(user)
    stage.did("henry", "contact_sales_clicked")
    stage.write()
    stage.worker.pull()
    plan = stage.plan()
    monday = lived(stage, MONDAY)
    again = lived(stage, MONDAY)
    stage.now = TUESDAY
    stage.keen("jan")
    stage.portal.edit("maria@nordwerk.example", usage_segment="strategic", hubspot_owner_id="eva@acme.com")
    stage.portal.add("contact", email="uma@u1.example", firstname="Uma", lastname="Berg")
    tuesday = lived(stage, TUESDAY)
    return Story(stage, friday, plan, monday, again, tuesday)


# ---------------------------------------------------------------------------------- the baseline


def test_the_first_run_of_a_definition_flags_everybody_and_hands_off_only_the_young_ones(opened):
    stage = opened()
    stage.rewrite("handoff", "on_first_run: flag_only", "handoff_within: 5 days\n  on_first_run: flag_only")
    emails = [stage.user("early", "x1"), stage.user("young", "y1")]
    for now in (FRIDAY - timedelta(days=6), FRIDAY):
        stage.now = now
        stage.keen("early")
    stage.keen("young")

    day = lived(stage, FRIDAY)

    assert [day.contacts[email]["pql_flag"] for email in emails] == ["true", "true"]
    assert (len(day.all_tasks("Early")), len(day.all_tasks("Young"))) == (0, 1)
    assert day.report.destinations["hubspot"].records.updated == 2


# ------------------------------------------------------------------------------------ one task


def test_a_new_pql_gets_one_task_that_says_why_now_what_to_do_and_by_when(story):
    task = story.monday.task("Maria")

    assert task["hs_task_subject"] == "Hot PQL: Maria Berg, Nordwerk GmbH - viewed pricing 2 times this week"
    assert html.unescape(task["hs_task_body"].replace("<br>", "\n")).splitlines()[:6] == [
        "Respond by Mon 16 Nov, 13:00 (Berlin). Trial ends 28 Nov, 12 days left.",
        "Why now: 5 projects created in 14 days / active on 10 of the last 14 days / viewed pricing 2 times this week",
        "Next step: Ask what they build with slack and offer a 20-minute setup call.",
        "Contact: e-mail yes, phone not recorded.",
        'Why you: rule "everyone else", pool smb.',
        'Not a good lead? Set "PQL outcome" to Rejected with a reason: no new task until its waiting time is over.',
    ]


@pytest.mark.decides("R-056")
def test_the_flag_is_in_the_crm_after_the_run_that_saw_the_usage_and_a_second_run_writes_nothing(story):
    maria = story.monday.contacts["maria@nordwerk.example"]

    assert (maria["pql_flag"], maria["pql_tier"], maria["pql_type"]) == ("true", "hot", "pql")
    assert (story.again.report.status, story.again.written, story.again.report.states.entered) == ("done", 0, 0)
    assert story.again.tasks == story.monday.tasks


@pytest.mark.decides("R-057", "R-058")
def test_a_handoff_holds_owner_type_due_time_evidence_and_later_the_answer(story):
    told = story.stage.explain("maria@nordwerk.example")
    (task,) = [one for one in told.tasks if one["kind"] == "task_create"]

    assert (told.route["target"], told.route["rule"], told.route["active"]) == ("rep", "everyone else", True)
    assert told.route["assignee"].removesuffix("@acme.com") == story.owner(story.monday.task("Maria"))
    assert told.route["respond_by"] == MONDAY + timedelta(hours=4)
    assert task["context"]["reasons"] == story.monday.contacts["maria@nordwerk.example"]["pql_reasons"]
    assert sum(
        value for name, value in task["context"]["evidence"].items() if name.startswith("why_usage")
    ) == pytest.approx(task["context"]["usage"])


def test_a_colleague_who_qualifies_later_joins_the_accounts_task(story):
    assert story.tuesday.contacts["jan@nordwerk.example"]["pql_flag"] == "true"
    assert story.tuesday.all_tasks("Jan") == []
    assert story.tuesday.report.routes["joins the account's task"] == 1


def test_a_hand_raise_alone_becomes_a_call(story):
    task = story.monday.task("Henry")

    assert task["hs_task_type"] == "CALL"
    assert "Call back: they asked to talk to sales." in task["hs_task_body"]


# ------------------------------------------------------------------------------ what people set


def test_a_field_that_a_person_wrote_before_or_after_us_stays(story):
    assert story.monday.contacts["edda@e1.example"]["usage_segment"] == "key account"
    assert story.monday.contacts["maria@nordwerk.example"]["usage_segment"] == "hot"
    assert story.tuesday.contacts["maria@nordwerk.example"]["usage_segment"] == "strategic"
    assert story.monday.report.kept["conflict"] == 1
    assert story.monday.report.destinations["hubspot"].records.kept_human_edit == 1


def test_an_owner_set_by_hand_stays_and_one_who_counts_as_nobody_is_replaced(story):
    owners = {name: story.owner(story.monday.contacts[f"{name}@{name}1.example"]) for name in ("otto", "ines")}

    assert owners["otto"] == "eva"
    assert owners["ines"] == story.owner(story.monday.task("Ines")) != "integration"
    assert story.owner(story.tuesday.contacts["maria@nordwerk.example"]) == "eva"


def test_a_plan_says_what_a_run_then_does(story):
    planned = {(one.subject, one.owner) for one in story.plan.tasks}
    made = {(one["hs_task_subject"], f"{story.owner(one)}@acme.com") for one in story.monday.tasks}

    assert planned == made
    assert story.monday.report.destinations["hubspot"].tasks.created == len(story.monday.tasks)


# -------------------------------------------------------------------------------------- routing


def test_owners_named_or_of_the_account_come_first_and_who_left_falls_to_the_pool(story):
    assert story.owner(story.monday.task("Nora")) == "eva"
    assert story.owner(story.monday.task("Omar")) == "tom"
    assert story.owner(story.monday.task("Lena")) in ("ana", "tom")


def test_a_partner_is_offered_a_lead_only_with_consent(story):
    with_consent, without = story.monday.contacts["dieter@d1.example"], story.monday.contacts["doris@d2.example"]

    assert story.owner(story.monday.task("Dieter")) == "pia"
    assert (with_consent["pql_partner_status"], without.get("pql_partner")) == ("assigned", None)
    assert with_consent["pql_partner"] in ("Rheinsoft", "Donau Digital")
    assert story.owner(story.monday.task("Doris")) in ("ana", "tom")


@pytest.mark.decides("R-066")
def test_above_a_persons_cap_leads_wait_for_capacity_in_rank_order_and_come_the_next_day(story):
    assert [name for name, reason in story.monday.held().items() if reason == "capacity"] == ["fanny"]
    assert len(story.monday.all_tasks("Fleur") + story.monday.all_tasks("Felix")) == 2
    assert story.owner(story.tuesday.task("Fanny")) == "eva"


def test_an_unmatched_pql_waits_visibly_and_is_handed_off_once_its_record_is_there(story):
    assert story.monday.held()["uma"] == "unmatched"
    assert ("uma@u1.example", "unmatched") in {(one.lead, one.reason) for one in story.plan.skips}
    assert story.tuesday.contacts["uma@u1.example"]["pql_flag"] == "true"
    assert "Respond by Tue 17 Nov" in story.tuesday.task("Uma")["hs_task_body"]


def test_several_records_of_one_address_go_to_review_and_are_left_alone(story):
    assert story.monday.held()["zoe"] == "needs_review"
    assert [story.monday.contacts[f"zoe{number}@home.example"].get("pql_flag") for number in (1, 2)] == [None, None]


def test_of_two_users_on_one_record_the_stronger_one_shows(story):
    assert story.monday.contacts["twin@t1.example"]["pql_flag"] == "true"
    assert len(story.monday.all_tasks("Twin")) == 1


def test_a_run_does_not_go_back_in_time(story):
    with pytest.raises(Untimely, match="cannot go back"):
        story.stage.worker.run(FRIDAY)
