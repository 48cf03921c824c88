"""From events to the lead frame, on small worlds."""

import dataclasses
from datetime import timedelta

import pyarrow as pa
import pytest
from scoring_samples import (
    NOON,
    World,
    days,
    keen_user,
    sample_definition,
    sample_settings,
    sample_signals,
    sample_source,
    signal,
    when,
)

from settings.qualify import MustHave
from worker.core import frame, rollup
from worker.core.frame import CRM_COLUMNS


def test_a_lead_who_meets_every_gate_has_the_scores_a_person_would_compute_by_hand(leads):
    world = keen_user(World().user("u1").account()).user("u2").event("u2", "report_viewed", 3)

    lead = leads(world)["u1"]

    assert (lead["projects"], lead["active_days"], lead["integrations"], lead["team"]) == (5, 10, 2, 2)
    assert lead["volume"] == 15
    assert lead["usage"] == pytest.approx(30 + 20 + 10 * (1 - 2.718281828459045 ** (-lead["habit"] / 4)) + 20 + 8)
    assert (lead["fit"], lead["intent"]) == (100, pytest.approx(100 / 200 * 50 / 3))
    assert lead["must_pql"]
    assert lead["applies_pql"]
    assert lead["excluded"] is None
    assert lead["value_pql"] == lead["usage"]


def test_an_attribute_is_what_had_arrived_by_the_instant(leads):
    world = World().account(ago=50, plan="starter").account(ago=10, plan="team", employees=None)
    world.user("u1", ago=50, title="CTO").user("u1", ago=1, title="CEO", email="New@Kunde.example").event("u1", "login", 60)

    now, before, long_before = (leads(world, as_of=NOON - timedelta(days=ago))["u1"] for ago in (0, 20, 55))

    assert (now["user.title"], now["user.email"], now["account.plan"], now["account.employees"]) == (
        "CEO",
        "new@kunde.example",
        "paid",
        None,
    )
    assert (before["user.title"], before["account.plan"], before["as_of_unknown"]) == ("CTO", "free", False)
    assert (long_before["user.title"], long_before["account_id"], long_before["as_of_unknown"]) == (None, None, True)


def test_of_two_versions_that_arrived_together_the_order_does_not_matter(leads):
    one, other = {"title": "A", "email": "a@x.example"}, {"title": "B", "email": None}
    forth = World().account().user("u1", **one).user("u1", **other)
    back = World().account().user("u1", **other).user("u1", **one)

    assert leads(forth)["u1"]["user.title"] == leads(back)["u1"]["user.title"] == "B"
    assert leads(forth)["u1"]["user.email"] == "a@x.example"


def test_a_value_comes_from_the_first_source_of_the_settings_that_has_one(leads):
    rules = sample_settings(sources={"product": sample_source(), "website": sample_source()})
    world = (
        World().account().user("u1", ago=9, title=None).user("u1", ago=1, title="CTO", email="w@x.example", source="website")
    )

    lead = leads(world, rules)["u1"]

    assert (lead["user.email"], lead["user.title"]) == ("u1@kunde.example", "CTO")


def test_a_lead_without_a_users_row_has_the_account_of_its_newest_event(leads):
    world = (
        World().account("a1").account("a2").event("u7", "login", 3, account_id="a2").event("u7", "login", 2, account_id="a1")
    )
    world.event("u7", "login", 1)

    lead = leads(world)["u7"]

    assert (lead["account_id"], lead["account.name"], lead["user.email"], lead["user.email_domain"]) == (
        "a1",
        "Kunde",
        None,
        None,
    )


@pytest.mark.decides("R-012")
def test_an_account_has_a_plan_state_and_rules_select_on_plan_and_trial_day(leads):
    def lead(plan, left):
        world = World().user("u1").account(plan=plan, trial_ends=NOON + timedelta(days=left, hours=9))
        rules = sample_settings(
            qualify={"pql": sample_definition(applies_to=when("account.plan = 'trial' and account.days_left_in_trial <= 5"))}
        )
        return leads(world, rules)["u1"]

    assert [lead(plan, 3)["account.plan"] for plan in ("starter", "trial_14", "team", "no such plan")] == [
        "free",
        "trial",
        "paid",
        None,
    ]
    assert (lead("trial_14", 5)["account.days_left_in_trial"], lead("trial_14", -3)["account.days_left_in_trial"]) == (5, -3)
    assert [lead(*case)["applies_pql"] for case in (("trial_14", 5), ("trial_14", 6), ("team", 5))] == [True, False, False]


@pytest.mark.decides("R-021")
def test_a_rule_on_days_of_an_advanced_feature_fires_at_its_number_and_not_below(leads):
    advanced = signal("advanced_feature_days", "days_with", "advanced_feature_used", within=days(14))
    rules = sample_settings(
        signals=sample_signals() | {"advanced_feature_days": advanced},
        qualify={
            "pql": sample_definition(
                applies_to=when("account.plan = 'trial'"), must_have=MustHave(value=when("advanced_feature_days >= 4"))
            )
        },
    )

    def gate(number):
        world = World().user("u1").account(plan="trial_14")
        for ago in range(number):
            world.event("u1", "advanced_feature_used", ago).event("u1", "advanced_feature_used", ago)
        return leads(world, rules)["u1"]["must_pql"]

    assert (gate(3), gate(4)) == (False, True)


@pytest.mark.decides("R-019")
def test_heavy_free_use_qualifies_with_an_integration_and_not_without(leads):
    rules = sample_settings(
        qualify={"pql": sample_definition(must_have=MustHave(use=when("active_days >= 8"), value=when("integrations >= 1")))}
    )

    def gate(*connected):
        world = World().user("u1").account()
        for ago in range(10):
            world.event("u1", "report_viewed", ago)
        for name in connected:
            world.event("u1", "integration_connected", 20, integration=name)
        return leads(world, rules)["u1"]

    assert (gate("slack")["must_pql"], gate()["must_pql"], gate()["must_pql_use"]) == (True, False, True)


@pytest.mark.decides("R-040")
def test_volume_and_days_of_tenure_stand_beside_adoption(leads):
    tenure = signal("tenure_days_active", "days_with", "any_event")
    world = World().user("u1").account()
    for ago in (0, 1, 1, 300, 900):
        world.event("u1", "project_created", ago, pages=2.5)

    lead = leads(world, sample_settings(signals=sample_signals() | {"tenure_days_active": tenure}))["u1"]

    assert (lead["volume"], lead["tenure_days_active"], lead["projects"]) == (7.5, 4, 3)


def test_what_the_mirror_tells_is_joined_and_nothing_is_false_zero_or_none(engine, leads):
    world = World().user("u1").user("u2").account()
    kinds = pa.schema({"user_id": pa.string(), "crm.is_customer": pa.bool_(), "crm.open_deals": pa.float64()})
    crm = pa.Table.from_pylist([{"user_id": "u1", "crm.is_customer": True, "crm.open_deals": None}], kinds)

    found = leads(world, crm=engine.table(crm))

    assert [found["u1"][name] for name in CRM_COLUMNS] == [True, 0.0, "none", False, False, 0.0]
    assert [found["u2"][name] for name in CRM_COLUMNS] == list(CRM_COLUMNS.values())
    assert not found["u1"]["applies_pql"]


def test_each_definition_has_answers_of_its_own(leads):
    rules = sample_settings(
        qualify={
            "pql": sample_definition(),
            "grow": sample_definition(name="grow", applies_to=when("account.plan = 'paid'"), score="intent"),
        }
    )
    lead = leads(World().user("u1").account(plan="team").event("u1", "contact_sales_clicked", 1), rules)["u1"]

    assert (lead["applies_pql"], lead["applies_grow"], lead["value_grow"]) == (False, True, 50)
    assert (lead["immediate_pql"], lead["tier"]) == (True, "hot")


def test_columns_that_no_file_has_yet_are_there_and_empty(engine):
    rules = sample_settings()
    nothing = frame.Inputs(
        rollup=engine.rows([], {"user": "string", "account": "string", "day": "int32", "last_at": "timestamp('UTC', 6)"}),
        users=engine.rows([], {"source": "string", "user_id": "string", "arrived": "timestamp('UTC', 6)"}),
        accounts=engine.rows([], {"source": "string", "account_id": "string", "arrived": "timestamp('UTC', 6)"}),
    )
    empty = dataclasses.replace(nothing, rollup=rollup.together([nothing.rollup], rollup.columns(rules)))

    found = engine.run(frame.leads(rules, empty, NOON))

    assert found.num_rows == 0
    assert {"user.title", "account.industry", "user.signed_up", "crm.is_customer", *rules.signals} <= set(found.column_names)
