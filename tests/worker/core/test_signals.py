"""Signals against hand-written SQL over the raw events, and each kind on events small enough to count."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scoring_samples import NOON, World, count, days, random_world, sample_settings, sample_signals, signal, when

from worker.core import rollup
from worker.core.instants import day_number
from worker.core.signals import weights


def only(*wanted):
    """The sample settings with more signals."""
    return sample_settings(signals=sample_signals() | {one.name: one for one in wanted})


BY_HAND = """
with known as (
    select *, coalesce(user_id, '~' || source || ':' || anonymous_id) as who, (epoch_us("at") // 86400000000) as day,
           {today} - (epoch_us("at") // 86400000000) as age
    from events where "at" <= $1 and arrived <= $1 and coalesce(user_id, anonymous_id) is not null
), placed as (
    select known.*, coalesce(known.account_id, users.account_id) as home
    from known left join users on known.who = users.user_id
), plus as (
    select user_id, integration, max("at") filter (name = 'integration_connected') as got,
           max("at") filter (name = 'integration_removed') as lost
    from known where user_id is not null and integration is not null and name like 'integration%' group by all
), last as (
    select user_id, arg_min(account_id, (-epoch_us("at"), account_id)) as account_id
    from known where account_id is not null and user_id is not null group by user_id
), people as (
    select user_id from users union select user_id from known where user_id is not null
), leads as (
    select user_id, coalesce(users.account_id, last.account_id) as account_id
    from people left join users using (user_id) left join last using (user_id)
)
select leads.user_id,
    (select count(distinct day) from known where user_id = leads.user_id and age < 14) as active_days,
    (select count(*) from known
     where user_id = leads.user_id and name = 'project_created' and pages >= 2 and age < 14) as projects,
    (select count(*) from plus
     where user_id = leads.user_id and got is not null and (lost is null or got > lost)) as integrations,
    (select coalesce(sum(weight), 0) / 1e9 from known join weights using (age)
     where user_id = leads.user_id and name = 'report_viewed') as habit,
    (select coalesce(sum(pages), 0) from known
     where user_id = leads.user_id and name = 'project_created' and age < 28) as volume,
    (select count(distinct user_id) from placed where home = leads.account_id and age < 28) as team,
    (select count(distinct day) from placed where home = leads.account_id and age < 10) as account_days,
    (select count(distinct day) from known where user_id = leads.user_id) as all_days,
    (select max("at") from known where user_id = leads.user_id) as last_active,
from leads
"""


@settings(deadline=None, max_examples=12)
@given(seed=st.integers(0, 10**6), hours=st.sampled_from([0, 1, 23, 24 * 5]))
def test_signals_are_what_plain_sql_over_the_raw_events_says(engine, leads, seed, hours):
    world, as_of = random_world(seed), NOON - timedelta(hours=hours)
    more = (
        signal("account_days", "days_with", "any_event", within=days(10), per="account"),
        signal("all_days", "days_with", "any_event"),
    )

    found = leads(world, only(*more), as_of)

    for row in by_hand(engine, world, as_of):
        lead = found[row["user_id"]]
        assert {name: lead[name] for name in row if name not in ("user_id", "habit")} == {
            name: row[name] for name in row if name not in ("user_id", "habit")
        }
        assert lead["habit"] == pytest.approx(row["habit"], abs=1e-12)


def by_hand(engine, world, as_of):
    events, users, _ = world.arrow()
    with engine.backend.con.cursor() as session:
        session.execute("SET TimeZone = 'UTC'")
        session.register("events_arrow", events)
        session.execute("create temp table events as from events_arrow")
        session.register("users", users)
        session.execute("create temp table weights (age bigint, weight bigint)")
        session.executemany("insert into weights values (?, ?)", [list(pair) for pair in enumerate(weights(7))])
        return session.execute(BY_HAND.format(today=day_number(as_of)), [as_of]).to_arrow_table().to_pylist()


@pytest.mark.decides("R-009")
def test_three_projects_and_two_integrations_satisfy_what_two_and_one_do_not(leads):
    definition = {"must_have": {"value": when("projects >= 3 and integrations >= 2")}}
    rules = sample_settings()
    pql = rules.qualify["pql"].model_copy(
        update={"must_have": rules.qualify["pql"].must_have.model_copy(update=definition["must_have"])}
    )
    rules = rules.model_copy(update={"qualify": {"pql": pql}})

    def gate(projects, integrations):
        world = World().user("u1").account()
        for number in range(projects):
            world.event("u1", "project_created", number, pages=2.0)
        for name in ("slack", "jira")[:integrations]:
            world.event("u1", "integration_connected", 1, integration=name)
        return leads(world, rules)["u1"]["must_pql_value"]

    assert (gate(3, 2), gate(2, 2), gate(3, 1)) == (True, False, False)


@pytest.mark.decides("R-023")
def test_five_events_on_one_day_are_one_active_day(leads):
    world = World().user("u1").account()
    for hour in range(5):
        world.event("u1", "login", hour / 24)

    lead = leads(world, only(count("logins", "login")))["u1"]

    assert (lead["active_days"], lead["logins"]) == (1, 5)


@pytest.mark.decides("R-020", "R-030")
def test_events_whose_property_does_not_match_add_nothing(leads):
    world = World().user("u1").account()
    for pages in (1.0, 1.5, None, 2.0, 9.0):
        world.event("u1", "project_created", 1, pages=pages)

    assert leads(world)["u1"]["projects"] == 2


@pytest.mark.decides("R-034")
def test_a_disconnected_integration_is_gone_until_it_is_connected_again(leads):
    world = World().user("u1").account()
    world.event("u1", "integration_connected", 5, integration="slack").event(
        "u1", "integration_connected", 5, integration="jira"
    )
    world.event("u1", "integration_removed", 3, integration="slack")

    assert leads(world)["u1"]["integrations"] == 1

    world.event("u1", "integration_connected", 2, integration="slack")
    assert leads(world)["u1"]["integrations"] == 2


@pytest.mark.decides("R-035")
def test_variety_counts_values_and_repeat_days_count_days(leads):
    world = World().user("u1").account()
    for ago, name in ((1, "png"), (1, "png"), (2, "jpg"), (40, "gif")):
        world.event("u1", "exported", ago, integration=name)
    wanted = (
        signal("variety", "distinct", "exported", property="integration", within=days(30)),
        signal("repeat_days", "days_with", "exported", within=days(30)),
    )

    lead = leads(world, only(*wanted))["u1"]

    assert (lead["variety"], lead["repeat_days"]) == (2, 2)


def test_volume_is_exact_to_a_millionth_and_never_overflows(leads):
    world = World().user("u1").account().user("u2")
    for pages in (0.1, 0.2, 1e-6, float("nan"), float("inf"), None):
        world.event("u1", "project_created", 1, pages=pages)
    world.event("u2", "project_created", 1, pages=1e300).event("u2", "project_created", 1, pages=1e300)

    found = leads(world)

    assert found["u1"]["volume"] == 0.300001
    assert found["u2"]["volume"] == 9e12


def test_the_window_is_the_day_of_the_instant_and_those_before(leads):
    world = World().user("u1").account()
    world.event("u1", "project_created", 13.5, pages=2.0)  # the first instant of the fourteenth day
    world.event("u1", "project_created", 13.500001, pages=2.0)

    assert leads(world)["u1"]["projects"] == 1


def test_nothing_counts_before_it_has_happened_and_has_arrived(leads):
    world = World().user("u1").account()
    world.event("u1", "project_created", -0.1, pages=2.0).event("u1", "project_created", 1, late=2, pages=2.0)

    assert leads(world)["u1"]["projects"] == 0


def test_a_ratio_is_null_where_it_has_no_meaning(leads):
    world = World().user("u1").account(storage_used=9.0, storage_limit=10.0).user("u2", account_id="a2")
    world.account("a2", storage_used=9.0, storage_limit=0.0).user("u3", account_id="unknown")

    found = leads(world)

    assert [found[user]["near_limit"] for user in ("u1", "u2", "u3")] == [0.9, None, None]
    assert found["u1"]["must_pql_intent"]
    assert not found["u2"]["must_pql_intent"]


def test_a_visitor_is_nobodys_colleague_but_what_it_did_counts_for_the_account(leads):
    world = World().user("u1").account()
    world.event("u1", "login", 1, account_id="a1").event(None, "login", 2, anonymous_id="x", account_id="a1")

    lead = leads(world, only(count("account_logins", "login", per="account")))["u1"]

    assert (lead["team"], lead["account_logins"]) == (1, 2)


def test_signals_that_count_the_same_share_a_column_and_a_changed_list_makes_another():
    rules = only(
        count("a", "x", "y"), count("b", "y", "x", "x", within=3), signal("c", "decayed", "x", "y", half_life=days(2))
    )
    keys = {name: rollup.column_of(rules.signals[name], rules).key for name in ("a", "b", "c", "projects")}
    listed = count("d", "x", where=when("integration in own_domains"))
    other = rules.model_copy(
        update={"lists": {"own_domains": rules.lists["own_domains"].model_copy(update={"rows": {"new.com": {}}})}}
    )

    assert keys["a"] == keys["b"] == keys["c"] != keys["projects"]
    assert rollup.column_of(listed, rules).key != rollup.column_of(listed, other).key


def test_the_properties_to_keep_are_those_that_columns_read():
    rules = sample_settings()

    assert rollup.needed_properties((*rollup.columns(rules), *rollup.side_columns(rules))) == {"pages", "integration"}
