"""Keys and values: what is unknown, missing, blank or of the wrong kind, each at its place and with what was meant."""

import pytest
from settings_samples import said, starter_with

from settings import starter


def test_an_unknown_key_is_met_with_the_one_that_was_meant():
    problem = starter_with("qualify.yaml", ("exit_below: 45", "exit_bellow: 45")).some("ST001", "exit_bellow")

    assert problem.try_ == "Did you mean `exit_below`?"


def test_an_unknown_top_level_key_is_named():
    assert (
        starter_with("pql.yaml", ("guards:", "gards:")).only("ST001", "pql.yaml", "gards").try_ == "Did you mean `guards`?"
    )


def test_a_key_that_is_needed_is_missed_where_it_belongs():
    problem = starter_with("signals.yaml", ('family: use, says: "views', 'says: "views')).some("ST002", "habit")

    assert problem.message == "`family` is missing here."


def test_a_missing_top_level_key_is_named():
    files = starter.files()
    del files["handoff.yaml"]

    assert any(p.code == "ST002" and "`handoff`" in p.message for p in said(files).all)


@pytest.mark.parametrize(
    ("file", "old", "new", "code", "begins"),
    [
        ("qualify.yaml", "enter_at: 60", "enter_at: sixty", "ST003", "sixty"),
        ("qualify.yaml", "runs: 1", "runs: 1.5", "ST003", "1.5"),
        ("qualify.yaml", "runs: 1", "runs: true", "ST003", "true"),
        ("qualify.yaml", "runs: 1", "runs: 0", "ST006", "0"),
        ("qualify.yaml", "enter_at: 60", "enter_at: 160", "ST006", "160"),
        ("qualify.yaml", "grace: 2 days", "grace: 2", "ST003", "2"),
        ("qualify.yaml", "grace: 2 days", "grace: two days", "ST003", "two days"),
        ("handoff.yaml", "due: 4 business hours", "due: 4 hours", "ST003", "4 hours"),
        ("pql.yaml", "changed_leads: 20%", "changed_leads: 20", "ST003", "20"),
        ("pql.yaml", "version: 1", "version: 2", "ST006", "2"),
        ("handoff.yaml", "set_owner: when_unowned", "set_owner: sometimes", "ST005", "sometimes"),
        ("score.yaml", "curve: exponential", "curve: exponentail", "ST005", "exponentail"),
        ("destinations.yaml", "match: [stored_id, pql_key, email]  #", "match: email  #", "ST003", "email"),
        ("destinations.yaml", "[stored_id, pql_key, email]  #", "[stored_id, phone]  #", "ST005", "phone"),
        ("handoff.yaml", "per_rep_per_day: 8", "per_rep_per_day: 0", "ST006", "0"),
        ("routing.yaml", "weight: 2", "weight: -2", "ST006", "-2"),
        ("routing.yaml", "per_day: 5", "per_day: 0", "ST006", "0"),
        ("pql.yaml", "workspace: acme", "workspace: 7", "ST003", "7"),
        ("pql.yaml", "workspace: acme", "workspace: [acme]", "ST003", "[acme]"),
        (
            "handoff.yaml",
            'subject: "{tier} PQL: {lead.name}, {account.name} - {top_reason}"',
            "subject: {tier}",
            "ST003",
            "{tier}",
        ),
        ("pql.yaml", "workspace: acme", "workspace: ''", "ST004", "''"),
        ("pql.yaml", "workspace: acme", "workspace: ~", "ST004", "~"),
        ("pql.yaml", "push: when something changed", "push: sometimes", "ST003", "sometimes"),
        (
            "destinations.yaml",
            "also: {contact.usage_segment: {value: tier, mode: respect_human}}",
            "also: {usage_segment: {value: tier}}",
            "DE001",
            "usage_segment",
        ),
    ],
)
def test_a_value_that_does_not_fit_is_said_at_its_place(file, old, new, code, begins):
    starter_with(file, (old, new)).some(code, begins)


def test_a_null_where_a_value_is_wanted_says_put_quotes_around_this():
    problem = starter_with("sources.yaml", ("free: [starter]", "free: [null]")).some("ST004", "null")

    assert "Put quotes around this" in problem.try_


def test_braces_where_text_is_wanted_say_put_quotes_around_this():
    problem = starter_with("score.yaml", ('says: "{account.employees} employees"', "says: {account.employees: x}")).some(
        "ST003", "{account"
    )

    assert problem.try_ == "Put quotes around this."


@pytest.mark.parametrize("word", ["no", "NO", "yes", "on", "Off"])
def test_a_word_that_other_tools_take_for_a_flag_wants_quotes_where_text_is_wanted(word):
    problem = starter_with("pql.yaml", ("holidays: DE", f"holidays: {word}")).only("ST008", "pql.yaml", word)

    assert problem.try_ == "Put quotes around this."
    assert starter_with("sources.yaml", ("free: [starter]", f"free: ['{word}']")).codes == []


def test_a_country_list_with_norway_in_it_wants_quotes():
    starter_with("pql.yaml", ("own_domains: [acme.com]", "own_domains: [de, no]")).some("ST008", "no")


def test_yes_where_a_flag_is_wanted_is_told_to_be_true():
    edit = ("mode: respect_human", "mode: respect_human, clear: yes")
    problem = starter_with("destinations.yaml", edit).only("ST003", "destinations.yaml", "yes")

    assert problem.try_ == "Write `true`."


def test_the_same_top_level_key_in_two_files_is_refused():
    files = starter.files() | {"zz.yaml": "tiers: [{name: cold}]\n"}

    problem = said(files).only("YA007", "zz.yaml", "tiers")

    assert "score.yaml:" in problem.message


def test_a_duplicate_key_is_refused_at_its_second_place():
    starter_with("qualify.yaml", ("    runs: 1\n", "    runs: 1\n    runs: 2\n")).only("YA002", "qualify.yaml", "runs: 2")


@pytest.mark.parametrize(
    ("file", "old", "new", "begins"),
    [
        ("pql.yaml", "workspace: acme", "workspace: acme\nholdout: 5%", "holdout"),
        ("pql.yaml", "workspace: acme", "workspace: acme\nsla: []", "sla"),
        ("pql.yaml", "workspace: acme", "workspace: acme\nmodel: {}", "model"),
        ("pql.yaml", "workspace: acme", "workspace: acme\nplaybooks: {}", "playbooks"),
        ("routing.yaml", "distribute: round_robin", "distribute: load_balanced", "load_balanced"),
        ("routing.yaml", "distribute: round_robin", "distribute: round_robin\n    away: {catch_up: 3}", "catch_up"),
        ("routing.yaml", "consent: user", "offers: {max_offers: 3}\n  consent: user", "offers"),
        ("routing.yaml", "{owner_of: account", "{owner_of: newest_open_deal", "newest_open_deal"),
        ("routing.yaml", "{offer: dach}", "{offer: partner_of_record}", "partner_of_record"),
        ("qualify.yaml", "runs: 1", "fresh_evidence: true", "fresh_evidence"),
        ("qualify.yaml", "grain: lead", "grain: lead\n    holdout: 5%", "holdout"),
        ("signals.yaml", "days_with: any_event", "session_minutes: any_event", "session_minutes"),
        ("qualify.yaml", "not crm.is_customer", "crm.deal_registration = 'none'", "crm.deal_registration"),
        ("routing.yaml", "{file: partners.csv}", "{companies: partner}", "companies"),
    ],
)
def test_what_is_planned_and_not_built_is_refused_with_a_clear_word(file, old, new, begins):
    problem = starter_with(file, (old, new)).some("NYI", begins)

    assert problem.message.endswith("not yet built.")


def test_freeze_is_the_one_treatment_of_absence_and_may_be_said():
    assert starter_with("routing.yaml", ("distribute: round_robin", "distribute: round_robin\n    away: freeze")).codes == []


def test_off_turns_a_guard_off():
    said_ = starter_with("pql.yaml", ("changed_leads: 20%, tasks_per_run: 200", "changed_leads: off, tasks_per_run: off"))

    assert said_.codes == []
    assert said_.checked.settings.guards.changed_leads is None
    assert said_.checked.settings.guards.tasks_per_run is None


@pytest.mark.parametrize(
    ("name", "try_"),
    [("NearLimit", "Write `nearlimit`."), ("near-limit", "Write `near_limit`."), ("9lives", "Begin with a letter")],
)
def test_names_are_in_snake_case(name, try_):
    problem = starter_with("signals.yaml", ("near_limit:", f"{name}:")).some("ST007", name)

    assert problem.try_.startswith(try_)


@pytest.mark.parametrize("name", ["usage", "tier", "and", "lower", "select", "case", "any_event"])
def test_a_signal_cannot_be_named_by_a_word_of_conditions(name):
    starter_with("signals.yaml", ("near_limit:", f"{name}:")).some("ST007", name)


def test_the_name_of_an_exclusion_or_a_tier_occurs_once():
    starter_with("qualify.yaml", ("name: do not contact", "name: own people")).only("ST009", "qualify.yaml", "own people")
    starter_with("score.yaml", ("name: warm", "name: hot")).only("ST009", "score.yaml", "hot")


def test_all_problems_are_said_at_once():
    said_ = starter_with(
        "qualify.yaml", ("enter_at: 60", "enter_at: x"), ("grain: lead", "grain: leed"), ("runs: 1", "rums: 1")
    )

    assert sorted(said_.codes) == ["ST001", "ST003", "ST005"]


def test_nothing_at_all_is_one_problem():
    assert [p.code for p in said({"pql.yaml": "# nothing\n"}).all] == ["YA006"]
