"""One meaning on two roads: a condition over a set of rows and the same condition for one lead."""

import math
from datetime import UTC, datetime

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scoring_samples import MOMENT, sample_settings, when

from settings.condition.tree import (
    And,
    Arithmetic,
    Between,
    Call,
    Column,
    Compare,
    Constant,
    In,
    InList,
    IsNull,
    Like,
    Not,
    Or,
)
from worker.core.conditions import compile, holds, interpret, list_keys, lower, trace, upper
from worker.core.trees import render

LISTS = {"named": frozenset({"acme.com", "große firma"}), "empty": frozenset()}
KINDS = {
    "a": pa.int64(),
    "x": pa.float64(),
    "y": pa.float64(),
    "t": pa.string(),
    "user.u": pa.string(),
    "f": pa.bool_(),
    "m": MOMENT,
}

words = st.sampled_from(["", "a", "Ab", "ACME.com", "a_b", "100%", "große Firma", "ΣΟΦΟΣ", "ß", "a.b", "x'y", "\n"])
numbers = st.sampled_from([-3.5, -1.0, -0.5, 0.0, 0.49, 0.5, 1.0, 1.5, 2.5, 7.0, 1e6])
times = st.sampled_from([datetime(2026, 11, 22, hour, tzinfo=UTC) for hour in (0, 12)])
rows = st.fixed_dictionaries(
    {
        "a": st.none() | st.integers(-3, 9),
        "x": st.none() | numbers,
        "y": st.none() | numbers,
        "t": st.none() | words,
        "user.u": st.none() | words,
        "f": st.none() | st.booleans(),
        "m": st.none() | times,
    }
)

number_leaves = st.sampled_from([Column("a"), Column("x"), Column("y"), Column("absent")]) | numbers.map(Constant)
text_leaves = st.sampled_from([Column("t"), Column("user.u"), Column("absent")]) | words.map(Constant)
comparisons = st.sampled_from(["=", "<>", "<", "<=", ">", ">="])


def calls(names, argument, most):
    return st.builds(Call, st.sampled_from(names), st.lists(argument, min_size=most[0], max_size=most[1]).map(tuple))


number_trees = st.recursive(
    number_leaves,
    lambda inner: (
        st.builds(Arithmetic, st.sampled_from(["+", "-", "*", "/"]), inner, inner)
        | calls(["abs", "round"], inner, (1, 1))
        | calls(["coalesce", "least", "greatest"], inner, (2, 3))
    ),
    max_leaves=4,
) | calls(["length"], text_leaves, (1, 1))
text_trees = text_leaves | calls(["lower", "upper"], text_leaves, (1, 1)) | calls(["coalesce"], text_leaves, (2, 3))
atoms = st.one_of(
    st.builds(Compare, comparisons, number_trees, number_trees),
    st.builds(Compare, comparisons, text_trees, text_trees),
    st.builds(
        Compare,
        comparisons,
        st.just(Column("m")),
        st.sampled_from(["2026-11-22", "2026-11-22T06:00:00+00:00"]).map(Constant),
    ),
    st.builds(Between, number_trees, number_trees, number_trees),
    st.builds(In, text_trees, st.lists(words, min_size=1, max_size=3).map(tuple)),
    st.builds(In, number_trees, st.lists(numbers, min_size=1, max_size=3).map(tuple)),
    st.builds(InList, text_trees, st.sampled_from(["named", "empty"])),
    st.builds(Like, text_trees, st.sampled_from(["%", "a%", "_b", "%.%", "100%", "", "%ß%", "A_", "a.b"]), st.booleans()),
    st.builds(IsNull, number_trees | text_trees),
    st.sampled_from([Column("f"), Column("absent")]),
)
trees = st.recursive(
    atoms,
    lambda inner: (
        st.builds(And, st.lists(inner, min_size=2, max_size=3).map(tuple))
        | st.builds(Or, st.lists(inner, min_size=2, max_size=3).map(tuple))
        | st.builds(Not, inner)
    ),
    max_leaves=5,
)


def over_a_set(engine, tree, world):
    table = engine.table(pa.Table.from_pylist(world, pa.schema(KINDS)).append_column("n", pa.array(range(len(world)))))
    value = compile(tree, table, LISTS)
    value = value.cast("string") if value.type().is_null() else value
    found = engine.run(table.select("n", value=value)).sort_by("n")
    return found["value"].to_pylist()


def same(left, right):
    if isinstance(left, int | float) and isinstance(right, int | float):
        return math.isclose(left, right, rel_tol=1e-12, abs_tol=1e-12)
    return left == right and type(left) is type(right)


@settings(deadline=None, max_examples=150)
@given(trees | number_trees | text_trees, st.lists(rows, min_size=1, max_size=6))
@example(Compare("=", Call("lower", (Column("t"),)), Constant("σοφοσ")), [dict.fromkeys(KINDS) | {"t": "ΣΟΦΟΣ"}])
@example(Call("round", (Constant(-2.5),)), [dict.fromkeys(KINDS)])
@example(And((Column("f"), Compare("=", Column("x"), Constant(1.0)))), [dict.fromkeys(KINDS) | {"f": False}])
def test_a_set_and_a_single_lead_get_the_same_answer(engine, tree, world):
    answers = over_a_set(engine, tree, world)

    for row, answer in zip(world, answers, strict=True):
        assert same(interpret(tree, row, LISTS), answer), render(tree)


@given(trees, rows)
def test_the_comparisons_shown_are_those_that_were_made(tree, row):
    tried = trace(tree, row, LISTS)

    assert tried
    for one in tried:
        assert set(one.seen) <= {*KINDS, "absent"}
        assert one.missing == tuple(name for name in one.seen if row.get(name) is None)


@given(trees, trees)
def test_equal_text_means_equal_tree(one, other):
    if render(one) == render(other):
        assert one == other


def test_a_missing_value_is_no_match_and_is_said_so():
    asked = when("account.employees >= 50 and user.title = 'CTO'")
    (employees, title) = trace(asked, {"user.title": "CTO"}, {})

    assert interpret(asked, {"user.title": "CTO"}, {}) is None
    assert (employees.text, employees.outcome, employees.missing) == (
        "account.employees >= 50",
        None,
        ("account.employees",),
    )
    assert (title.outcome, title.missing) == (True, ())


def test_a_condition_holds_only_where_it_is_true(engine):
    table = engine.table(pa.table({"x": pa.array([1.0, 0.0, None])}))

    assert engine.run(table.select(h=holds(when("x >= 1"), table, {})))["h"].to_pylist() == [True, False, False]
    assert engine.run(table.select(h=holds(None, table, {})))["h"].to_pylist() == [True] * 3


@pytest.mark.fault("F61")
def test_not_a_number_reads_as_missing():
    assert interpret(when("x >= 1"), {"x": math.nan}, {}) is None


@pytest.mark.parametrize(("domain", "listed"), [("ACME.com", True), ("other.com", False), (None, None)])
def test_lists_compare_as_lower_case_text(domain, listed):
    asked = when("user.email_domain in own_domains")

    assert interpret(asked, {"user.email_domain": domain}, list_keys(sample_settings())) is listed


@pytest.mark.parametrize(
    ("value", "digits", "rounded"), [(0.5, 0, 1), (-0.5, 0, -1), (2.5, 0, 3), (0.49999999999999994, 0, 0), (1.005, 1, 1.0)]
)
def test_halves_round_away_from_zero(value, digits, rounded):
    assert interpret(Call("round", (Constant(value), Constant(digits))), {}, {}) == rounded


def test_brackets_show_where_the_tree_needs_them():
    assert render(when("a = 1 and (x = 2 or y = 3)").tree) == "(a = 1) and ((x = 2) or (y = 3))"


def test_capitals_and_small_letters_are_those_of_the_engine(engine):
    letters = [chr(code) for code in range(1, 0x1F000) if not 0xD800 <= code <= 0xDFFF]
    table = engine.table(pa.table({"t": letters}))

    found = engine.run(table.select("t", small=table.t.lower(), capital=table.t.upper())).to_pylist()

    assert [row for row in found if (row["small"], row["capital"]) != (lower(row["t"]), upper(row["t"]))] == []
