"""Laws of the roll-up and of the scores: bits do not depend on plans, order, threads or on what came later."""

import dataclasses
import random
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scoring_samples import (
    NOON,
    World,
    days,
    inputs_of,
    keen_user,
    random_world,
    sample_score,
    sample_settings,
    sample_signals,
    signal,
    when,
)

from settings.score import Line, Score
from worker.core import frame, rollup
from worker.core.identity import links
from worker.core.instants import day_number
from worker.core.rollup import Days
from worker.engine import Engine

RULES = sample_settings()
WANTED, SIDE = rollup.columns(RULES), rollup.side_columns(RULES)
seeds = st.integers(0, 10**6)
few = settings(deadline=None, max_examples=6)


def bits(engine, inputs, as_of=NOON, rules=RULES):
    """Every column of every lead, comparable bit for bit."""
    return engine.run(frame.leads(rules, inputs, as_of)).sort_by("user_id")


def shuffled(world, seed):
    events = list(world.events)
    random.Random(seed).shuffle(events)
    return dataclasses.replace(world, events=events)


def cached(engine, world, folder, as_of=NOON, cuts=(5, 20)):
    """The roll-up as the lake keeps it: whole past days in files of some days and some columns, today folded fresh."""
    events, users, accounts = (engine.table(rows) for rows in world.arrow())
    today = day_number(as_of)
    spans = [Days(None, today - cuts[1]), Days(today - cuts[1] + 1, today - cuts[0]), Days(today - cuts[0] + 1, today - 1)]
    for number, span in enumerate(spans):
        for half, part in enumerate((WANTED[::2], WANTED[1::2])):
            engine.to_parquet(rollup.fold(events, part, as_of, span), folder / f"days{number}_{half}.parquet")
        engine.to_parquet(rollup.side_fold(events, SIDE, as_of, span), folder / f"side{number}.parquet")
    fresh = Days(today, None)
    rows = [engine.files(sorted(folder.glob("days*.parquet"))), rollup.fold(events, WANTED, as_of, fresh)]
    values = engine.files(sorted(folder.glob("side*.parquet"))).union(rollup.side_fold(events, SIDE, as_of, fresh))
    return frame.Inputs(rollup.together(rows, WANTED), users, accounts, values)


@few
@given(seeds)
def test_a_roll_up_in_pieces_gives_the_same_bits_as_one_fold(engine, tmp_path_factory, seed):
    world = random_world(seed)

    whole = bits(engine, inputs_of(engine, world, RULES))

    assert bits(engine, cached(engine, world, tmp_path_factory.mktemp("rollup"))).equals(whole)


@few
@given(seeds)
def test_the_order_of_events_and_the_number_of_threads_change_no_bit(engine, seed):
    world = random_world(seed, events=400)

    with Engine(threads=1) as alone, Engine(threads=8) as many:
        answers = [bits(one, inputs_of(one, shuffled(world, n), RULES)) for n, one in enumerate((engine, alone, many))]

    assert answers[0].equals(answers[1])
    assert answers[0].equals(answers[2])


@few
@given(seeds, st.integers(0, 30))
def test_what_arrives_later_never_changes_an_earlier_answer(engine, seed, ago):
    as_of = NOON - timedelta(days=ago)
    world = random_world(seed)
    known = World([row for row in world.events if row["arrived"] <= as_of], world.users, world.accounts)
    later = world.user("u1", ago=ago - 0.5, email="new@x.example").account("a1", ago=ago - 0.5, employees=9.0)

    before = bits(engine, inputs_of(engine, known, RULES, as_of), as_of)

    assert bits(engine, inputs_of(engine, later, RULES, as_of), as_of).equals(before)


def day_rows(engine, world):
    events, _, _ = (engine.table(rows) for rows in world.arrow())
    rows = engine.run(rollup.fold(events, WANTED, NOON)).to_pylist()
    return {(row["user"], row["account"], row["day"]): row for row in rows}


@few
@given(seeds, st.integers(0, 30))
def test_a_late_event_changes_only_the_day_it_touches(engine, seed, ago):
    world = random_world(seed)
    before = day_rows(engine, world)

    after = day_rows(engine, world.event("u1", "project_created", ago, pages=3.0))

    touched = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    assert touched == {("u1", None, day_number(NOON - timedelta(days=ago)))}


@few
@given(seeds, st.sampled_from(["project_created", "report_viewed", "pricing_viewed", "integration_connected"]))
def test_one_more_good_event_never_lowers_a_score(engine, seed, name):
    world = random_world(seed)
    before = engine.run(frame.leads(RULES, inputs_of(engine, world, RULES), NOON)).to_pylist()
    more = world.event("u1", name, 1, pages=5.0, integration="new")

    after = {row["user_id"]: row for row in engine.run(frame.leads(RULES, inputs_of(engine, more, RULES), NOON)).to_pylist()}

    for row in before:
        assert all(after[row["user_id"]][score] >= row[score] for score in ("usage", "fit", "intent"))


@pytest.mark.decides("R-049")
def test_without_new_events_a_score_only_falls(engine):
    world = keen_user(World().user("u1").account())

    def usage(ago):
        as_of = NOON + timedelta(days=ago)
        return engine.run(frame.leads(RULES, inputs_of(engine, world, RULES, as_of), as_of))["usage"].to_pylist()[0]

    course = [usage(ago) for ago in (0, 3, 7, 15, 30)]

    assert course == sorted(course, reverse=True)
    assert course[0] > 60 > course[-1]


# ----------------------------------------------------------------------------------------- who


@pytest.mark.decides("R-041")
def test_what_a_visitor_did_counts_for_the_user_it_turned_out_to_be(engine):
    world = World().user("u1").account()
    world.event(None, "pricing_viewed", 3, anonymous_id="x").event("u1", "login", 2, anonymous_id="x")
    inputs = inputs_of(engine, world, RULES)

    pairs = engine.run(linked(engine, world)).to_pylist()
    (before,) = engine.run(frame.leads(RULES, inputs, NOON)).to_pylist()
    (after,) = engine.run(frame.leads(RULES, dataclasses.replace(inputs, identity=linked(engine, world)), NOON)).to_pylist()

    assert [(row["visitor"].endswith(":x"), row["user_id"]) for row in pairs] == [(True, "u1")]
    assert (before["pricing_views"], after["pricing_views"]) == (0, 1)
    assert (before["active_days"], after["active_days"]) == (1, 2)


def linked(engine, world):
    return links(engine.table(world.arrow()[0]), NOON)


def test_the_first_link_to_arrive_wins_and_no_day_is_counted_twice(engine):
    world = World().user("u1").account()
    world.event("u2", "login", 2, late=1, anonymous_id="x").event("u1", "login", 1, late=0.1, anonymous_id="x")
    world.event("u1", "login", 1).event(None, "login", 1, anonymous_id="x")

    inputs = dataclasses.replace(inputs_of(engine, world, RULES), identity=linked(engine, world))
    found = {row["user_id"]: row for row in engine.run(frame.leads(RULES, inputs, NOON)).to_pylist()}

    assert (found["u1"]["active_days"], found["u2"]["active_days"]) == (1, 2)


def test_anonymous_ids_of_two_sources_are_two_visitors(engine):
    world = World().user("u1").account()
    world.event("u1", "login", 2, anonymous_id="x").event(None, "login", 1, anonymous_id="x", source="website")

    inputs = dataclasses.replace(inputs_of(engine, world, RULES), identity=linked(engine, world))

    assert engine.run(frame.leads(RULES, inputs, NOON))["active_days"].to_pylist() == [1]


# ----------------------------------------------------------------------------------------- gates


@pytest.mark.decides("R-001")
def test_a_perfect_fit_without_any_event_has_no_usage_and_does_not_qualify(leads):
    lead = leads(World().user("u1").account())["u1"]

    assert (lead["fit"], lead["usage"], lead["must_pql"], lead["immediate_pql"]) == (100, 0, False, False)


attributes = st.fixed_dictionaries(
    {
        "employees": st.sampled_from([None, 10.0, 100.0, 9000.0]),
        "industry": st.sampled_from(["software", "mining", None]),
        "plan": st.sampled_from(["starter", "trial_14", "team"]),
        "storage_used": st.sampled_from([None, 0.0, 99.0]),
        "storage_limit": st.sampled_from([None, 0.0, 100.0]),
    }
)


@pytest.mark.decides("R-002")
@few
@given(st.lists(attributes, min_size=1, max_size=8), st.sampled_from([1, 60, 1000]))
def test_no_attribute_and_no_weight_of_attributes_qualifies_anyone(engine, companies, points):
    world = World()
    for number, company in enumerate(companies):
        world.account(f"a{number}", **company).user(f"u{number}", account_id=f"a{number}", title="CTO")
    fit = (Line(when=when("account.employees > 0"), points=points), Line(when=when("user.title = 'CTO'"), points=points))
    rules = sample_settings(score=sample_score().model_copy(update={"fit": fit}))

    found = engine.run(frame.leads(rules, inputs_of(engine, world, rules), NOON))

    assert not any(found["must_pql"].to_pylist())
    assert not any(found["immediate_pql"].to_pylist())


@pytest.mark.decides("R-005")
def test_many_features_without_value_do_not_pass_the_gate(leads):
    names = [f"feature_{number}" for number in range(40)]
    breadth = signal("breadth", "distinct", "feature_used", property="integration", within=days(30))
    rules = sample_settings(
        signals=sample_signals() | {"breadth": breadth},
        score=Score(usage=(Line(signal="breadth", points=100, full_at=10),)),
    )
    world = World().user("u1").account()
    for number, name in enumerate(names):
        world.event("u1", "feature_used", number % 10, integration=name).event("u1", "pricing_viewed", 1)

    lead = leads(world, rules)["u1"]

    assert (lead["usage"], lead["must_pql_use"], lead["must_pql_intent"]) == (100, True, True)
    assert (lead["must_pql_value"], lead["must_pql"]) == (False, False)


@few
@given(seeds)
def test_an_exclusion_is_named_whatever_the_score(engine, seed):
    world = keen_user(random_world(seed), "u9").user("u9", email="Boss@ACME.com").account("a1")

    found = engine.run(frame.leads(RULES, inputs_of(engine, world, RULES), NOON)).to_pylist()

    assert {row["user_id"]: row["excluded"] for row in found if row["user_id"] == "u9"} == {"u9": "own people"}
