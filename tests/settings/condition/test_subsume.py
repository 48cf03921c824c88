"""What check knows about two conditions without data; each claim must hold for every lead."""

import pytest
from condition_texts import conditions, number_columns, small
from hypothesis import given, settings
from hypothesis import strategies as st

from settings.condition.parse import parse
from settings.condition.subsume import implies, never, normal
from settings.condition.tree import And, Compare, Constant
from worker.core.conditions import interpret

LISTS = {"own_domains": frozenset({"a", "de"}), "named": frozenset({"b"})}
leads = st.fixed_dictionaries(
    {
        **dict.fromkeys(
            ("projects", "usage", "account.employees"), st.none() | st.integers(-3, 6) | st.sampled_from([0.5, 45.5])
        ),
        **dict.fromkeys(("account.country", "user.title"), st.none() | st.text("abDE'", max_size=3)),
        **dict.fromkeys(("crm.is_customer", "user.opted_in"), st.none() | st.booleans()),
    }
)
ranges = st.lists(
    st.builds(Compare, st.sampled_from(["=", "<>", "<", "<=", ">", ">="]), number_columns, small.map(Constant)),
    min_size=1,
    max_size=3,
).map(lambda parts: And(tuple(parts)))


def holds(tree, lead):
    return interpret(tree, lead, LISTS) is True


@settings(deadline=None)
@given(conditions, leads)
def test_the_normal_form_of_a_condition_holds_for_the_same_leads(tree, lead):
    assert holds(normal(tree), lead) == holds(tree, lead)


def test_a_number_that_must_be_one_is_no_flag():
    assert normal(parse("projects in (1)").tree) == parse("projects = 1").tree
    assert normal(parse("projects = 1").tree) == parse("projects = 1").tree


@given(conditions | ranges, conditions | ranges, leads)
@settings(max_examples=300, deadline=None)
def test_whoever_meets_a_condition_meets_what_it_implies(narrow, wide, lead):
    if implies(narrow, wide) and holds(narrow, lead):
        assert holds(wide, lead)


@given(conditions | ranges, leads)
@settings(max_examples=300, deadline=None)
def test_nobody_meets_a_condition_that_can_never_hold(tree, lead):
    if never(tree):
        assert not holds(tree, lead)


@settings(deadline=None)
@given(conditions)
def test_a_condition_implies_itself(tree):
    assert implies(tree, tree)


@pytest.mark.parametrize(
    ("narrow", "wide"),
    [
        ("a > 5", "a >= 5"),
        ("a between 2 and 3", "a > 1"),
        ("a = 4", "a between 1 and 9"),
        ("a > 5 and b", "a > 3"),
        ("a > 5", "a > 3 or b"),
        ("a >= 3 and a <= 3", "a between 3 and 3"),
        ("c in ('DE', 'AT')", "c in ('DE', 'AT', 'CH')"),
        ("c = 'DE'", "c in ('DE', 'AT')"),
        ("c = 'DE'", "c <> 'AT'"),
        ("c not in ('a', 'b')", "c <> 'a'"),
        ("a > 5", "a is not null"),
        ("a > 5", "a <> 5"),
        ("5 < a", "a > 4"),
        ("not (a < 5)", "a >= 5"),
        ("not (a < 5 or b)", "a > 1"),
        ("flag", "flag"),
        ("flag = true", "flag"),
        ("(a > 5 or a > 7) and b", "a > 4"),
        ("t >= '2026-03-01'", "t > '2026-01-01'"),
        ("a is null", "a is null and (a is null or b)"),
    ],
)
def test_what_lies_within_another_condition_is_seen(narrow, wide):
    assert implies(parse(narrow).tree, parse(wide).tree)


@pytest.mark.parametrize(
    ("narrow", "wide"),
    [
        ("a >= 5", "a > 5"),
        ("a > 5", "b > 5"),
        ("a > 3 or b", "a > 3"),
        ("c in ('DE', 'FR')", "c in ('DE', 'AT')"),
        ("c <> 'AT'", "c = 'DE'"),
        ("a is null", "a < 5"),
        ("not flag", "flag"),
        ("t > '2026-01-01'", "t <> '2026-05-01'"),
        ("a is not null", "a > 0"),
    ],
)
def test_what_may_lie_outside_is_not_claimed(narrow, wide):
    assert not implies(parse(narrow).tree, parse(wide).tree)


@pytest.mark.parametrize(
    "text",
    [
        "a > 5 and a < 3",
        "a = 1 and a = 2",
        "c = 'x' and c in ('y', 'z')",
        "a > 5 and a is null",
        "flag and not flag",
        "false",
        "c in mine and not c in mine",
    ],
)
def test_a_contradiction_is_seen(text):
    assert never(parse(text).tree)


@pytest.mark.parametrize(
    "text", ["a > 3 and a < 5", "t > '2026-01-01' and t < '2026-02-01'", "c <> 'x' and c <> 'y'", "a >= 3 and a <= 3"]
)
def test_what_can_hold_is_no_contradiction(text):
    assert not never(parse(text).tree)
