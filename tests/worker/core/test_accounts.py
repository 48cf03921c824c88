"""The row of an account: the most of its leads, in the columns of its likely buyer."""

import random

import ibis
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scoring_samples import (
    NOON,
    World,
    inputs_of,
    keen_user,
    random_world,
    sample_definition,
    sample_score,
    sample_settings,
    sample_signals,
    signal,
    when,
)

from settings.score import DIMENSIONS, Line, Score
from worker.core import frame
from worker.core.accounts import accounts
from worker.core.frame import CRM_COLUMNS

PQA = sample_definition(name="pqa", grain="account", must_have={}, immediately_when=None)
RULES = sample_settings(qualify={"pql": sample_definition(), "pqa": PQA})
seeds = st.integers(0, 10**6)
few = settings(deadline=None, max_examples=6)


def judged(engine, world, rules=RULES, crm=(), **known):
    """The lead frame as the score step hands it on; `known` gives match_status and the like by user."""
    given_crm = {"crm": engine.table(crm)} if crm else {}
    rows = frame.leads(rules, inputs_of(engine, world, rules, **given_crm), NOON)

    def column(name, otherwise):
        of = [(rows.user_id == user, value) for user, value in known.get(name, {}).items()]
        nothing = ibis.literal(otherwise, type="string")
        return ibis.cases(*of, else_=nothing) if of else nothing

    made = {"match_status": column("match_status", "matched"), "crm_id": column("crm_id", None)}
    keys = {"subject": rows.user_id, "lead_key": rows.user_id, "account_key": rows.account_id}
    return engine.keep(rows.mutate(**keys, **made, crm_company=ibis.null("string")))


def rows_of(engine, leads, rules=RULES, named=None):
    """Account rows by account key, in bits."""
    table = engine.run(accounts(rules, leads, NOON, None if named is None else engine.table(pa.table(named))))
    return {row["account_key"]: row for row in table.to_pylist()}


def of_world(engine, world, rules=RULES, named=None, **known):
    return rows_of(engine, judged(engine, world, rules, **known), rules, named)


def scores(row):
    parts = [name for name in row if name.startswith(("why_", "cap_"))]
    return {name: row[name] for name in (*DIMENSIONS, "tier", *parts)}


# ------------------------------------------------------------------------------------------- laws


@few
@given(seeds)
def test_the_parts_of_an_account_add_up_to_its_scores(engine, seed):
    for row in of_world(engine, random_world(seed)).values():
        for dimension in DIMENSIONS:
            parts = sum(row[f"why_{dimension}_{place}"] for place in range(len(RULES.score.of(dimension))))
            assert parts + row[f"cap_{dimension}"] == pytest.approx(row[dimension], abs=1e-9)
            assert 0 <= row[dimension] <= 100


@few
@given(seeds)
def test_one_more_idle_lead_changes_no_score_of_an_account(engine, seed):
    world = random_world(seed).user("u0", ago=1, account_id="a1")
    before = of_world(engine, world)["a1"]

    after = of_world(engine, world.user("idle", account_id="a1"))["a1"]

    assert scores(after) == scores(before)
    assert (after["leads"], after["active_users"]) == (before["leads"] + 1, before["active_users"])


@few
@given(seeds)
def test_the_order_of_leads_does_not_matter(engine, seed):
    world = random_world(seed)
    before = of_world(engine, world)
    for rows in (world.users, world.events, world.accounts):
        random.Random(seed).shuffle(rows)

    assert of_world(engine, world) == before


@few
@given(seeds)
def test_where_points_are_positive_an_account_has_at_least_what_any_of_its_leads_has(engine, seed):
    leads = judged(engine, random_world(seed))
    rows = rows_of(engine, leads)

    for lead in engine.run(leads).to_pylist():
        if lead["account_key"] is not None:
            account = rows[lead["account_key"]]
            assert all(account[dimension] >= lead[dimension] for dimension in DIMENSIONS)


@few
@given(seeds)
def test_a_definition_of_accounts_changes_no_lead(engine, seed):
    world = random_world(seed)
    alone = sample_settings()

    told = engine.run(frame.leads(RULES, inputs_of(engine, world, RULES), NOON)).sort_by("user_id")

    assert told.equals(engine.run(frame.leads(alone, inputs_of(engine, world, alone), NOON)).sort_by("user_id"))


# ------------------------------------------------------------------------------------ what is told


def three():
    """Three people of one account who each do a part."""
    world = World().account()
    for user in ("u1", "u2", "u3"):
        world.user(user)
    for ago in (1, 2, 3, 4, 5):
        world.event("u1", "project_created", ago, pages=3.0)
        world.event("u2", "report_viewed", ago)
    return world.event("u3", "integration_connected", 2, integration="slack").event("u3", "pricing_viewed", 1)


@pytest.mark.decides("R-015")
def test_what_several_people_do_adds_up_line_by_line_to_the_accounts_score(engine):
    row = of_world(engine, three())["a1"]

    assert (row["projects"], row["active_days"], row["integrations"], row["pricing_views"], row["team"]) == (5, 5, 1, 1, 3)
    assert [row[f"why_usage_{place}"] for place in (0, 1, 3, 4)] == pytest.approx([30, 10, 10, 12])
    assert row["value_pqa"] == row["usage"]
    assert (row["applies_pqa"], row["must_pqa"], row["subject"], row["excluded"]) == (True, True, "a1", None)
    assert not any(name.endswith("_pql") for name in row)


def test_a_lead_without_an_account_belongs_to_no_row(engine):
    assert list(of_world(engine, three().user("lone", account_id=None))) == ["a1"]


def test_of_negative_points_the_mildest_counts(engine):
    score = Score(usage=(*sample_score().usage, Line(when=when("user.title = 'student'"), points=-50)))
    rules = sample_settings(score=score, qualify={"pqa": PQA})
    world = three().user("u1", ago=1, title="student")

    mixed, alike = (
        of_world(engine, world, rules),
        of_world(engine, world.user("u2", ago=1, title="student").user("u3", ago=1, title="student"), rules),
    )

    assert (mixed["a1"]["why_usage_5"], alike["a1"]["why_usage_5"]) == (0, -50)


def test_a_ratio_of_leads_is_null_where_it_is_for_all_and_else_the_highest(engine):
    share = signal("share", "ratio", expression=when("projects / integrations"), per="lead")
    rules = sample_settings(signals=sample_signals() | {"share": share}, qualify={"pqa": PQA})
    idle = World().account().user("u1").user("u2")

    assert of_world(engine, idle, rules)["a1"]["share"] is None
    assert of_world(engine, keen_user(idle), rules)["a1"]["share"] == 2.5


def test_what_the_crm_knows_of_any_lead_holds_for_the_account(engine):
    columns = {"user_id": ["u1", "u2"], "crm.is_customer": [True, False], "crm.open_deals": [0.0, 2.0]}
    crm = ibis.memtable(columns | {"crm.days_since_sales_activity": [9.0, 40.0]}).to_pyarrow()

    row = of_world(engine, three(), crm=crm, crm_id={"u1": "c1", "u2": "c2"})["a1"]

    assert (row["crm.is_customer"], row["crm.open_deals"], row["crm.days_since_sales_activity"]) == (True, 2.0, 9.0)
    assert set(CRM_COLUMNS) <= set(row)


# ------------------------------------------------------------------------------------- who is it


def test_the_likely_buyer_is_matched_first_and_then_the_one_with_the_most_intent(engine):
    world = three()

    assert of_world(engine, world)["a1"]["lead_key"] == "u3"
    assert of_world(engine, world, match_status={"u3": "unmatched"})["a1"]["lead_key"] == "u1"
    unmatched = {"u1": "unmatched", "u2": "needs_review", "u3": "needs_review"}
    assert of_world(engine, world, match_status=unmatched)["a1"]["user.email"] == "u1@kunde.example"


def test_a_buyer_who_is_named_stays_while_there_and_not_excluded(engine):
    world = three()
    named = {"account_key": ["a1"], "buyer": ["u2"]}

    assert of_world(engine, world, named=named)["a1"]["lead_key"] == "u2"
    assert of_world(engine, world.user("u2", ago=1, email="u2@acme.com"), named=named)["a1"]["lead_key"] == "u3"


def test_an_excluded_lead_takes_no_part_unless_all_are(engine):
    world = three().user("u1", ago=1, email="u1@acme.com")
    some = of_world(engine, world)["a1"]
    every = of_world(engine, world.user("u2", ago=1, email="u2@acme.com").user("u3", ago=1, email="u3@acme.com"))["a1"]

    assert (some["projects"], some["excluded"], some["leads"]) == (0, None, 3)
    assert (every["projects"], every["excluded"]) == (5, "own people")
