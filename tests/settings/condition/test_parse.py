"""Conditions: what passes the allow-list becomes the tree it says, everything else is refused with a place."""

import pytest
from condition_texts import conditions, text_of
from hypothesis import example, given, settings
from hypothesis import strategies as st

from settings.condition.parse import parse
from settings.condition.tree import And, Arithmetic, Call, Column, Compare, Constant, In, InList, IsNull, Like, Not, Or
from settings.problem import Problems


def refused(text):
    with pytest.raises(Problems) as raised:
        parse(text)
    return [(problem.code, problem.col) for problem in raised.value.problems]


@settings(deadline=None)
@given(conditions)
def test_a_tree_written_as_text_is_read_as_the_same_tree(tree):
    assert parse(text_of(tree)).tree == tree


@settings(deadline=None)
@given(st.text(max_size=40))
@example("'")
@example("a in (")
@example("x" * 3000)
@example("not " * 400 + "a")
@example("(" * 500)
@example("-" + "- " * 300 + "1")
def test_any_text_at_all_is_read_or_refused_as_problems(text):
    try:
        parse(text)
    except Problems as problems:
        found = {problem.code for problem in problems.problems}
    else:
        found = {"CO001"}

    assert found
    assert found <= {"CO001", "CO002", "CO003", "CO004", "CO005", "CO006"}


SQL = """
select from where drop table a b.c 1 2.5 'x' ( ) , and or not in is null between like case when then end union all any exists
cast as int :: ; -- /* */ ? $1 @v [ ] { } || == != <> = < > + - * / % count sum lower coalesce interval date current_date
distinct over partition escape true false using collate lambda -> #
"""
words = st.sampled_from(SQL.split())


@pytest.mark.fault("F58")
@settings(deadline=None)
@given(st.lists(words, max_size=12).map(" ".join))
def test_any_words_of_sql_in_any_order_are_refused_or_say_nothing_that_is_lost(text):
    try:
        tree = parse(text).tree
    except Problems:
        return
    assert parse(text_of(tree)).tree == tree


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a", Column("a")),
        ("a != 1", Compare("<>", Column("a"), Constant(1))),
        ("A.b = 'it''s'", Compare("=", Column("A.b"), Constant("it's"))),
        ("a >= -2.5", Compare(">=", Column("a"), Constant(-2.5))),
        ("-a < 1", Compare("<", Arithmetic("-", Constant(0), Column("a")), Constant(1))),
        ("a in ('x', 'y')", In(Column("a"), ("x", "y"))),
        ("a not in (1)", Not(In(Column("a"), (1,)))),
        ("user.email_domain in own_domains", InList(Column("user.email_domain"), "own_domains")),
        ("a is not null", Not(IsNull(Column("a")))),
        ("a and b and (c or d)", And((Column("a"), Column("b"), Or((Column("c"), Column("d")))))),
        ("not a and b", And((Not(Column("a")), Column("b")))),
        ("a ilike 'x%'", Like(Column("a"), "x%", ignore_case=True)),
        ("lower(a) not like '%x'", Not(Like(Call("lower", (Column("a"),)), "%x"))),
        (
            "coalesce(a, null, 1) > 0",
            Compare(">", Call("coalesce", (Column("a"), Constant(None), Constant(1))), Constant(0)),
        ),
        ("a\n  >= 1", Compare(">=", Column("a"), Constant(1))),
        (
            "user.date = 'x' AND x.order = 1",
            And((Compare("=", Column("user.date"), Constant("x")), Compare("=", Column("x.order"), Constant(1)))),
        ),
    ],
)
def test_what_the_language_knows_becomes_its_tree(text, tree):
    assert parse(text).tree == tree


def test_a_condition_names_the_columns_and_lists_that_it_reads_once_and_in_order():
    condition = parse("b > 1 and a in mine and b < 9 and not a in yours")

    assert condition.columns == ("b", "a")
    assert condition.lists == ("mine", "yours")


@pytest.mark.fault("F58")
@pytest.mark.parametrize(
    "text",
    [
        "a = 1; drop table users",
        "a in (select id from users)",
        "exists (select 1)",
        "(select 1) = 1",
        "select 1",
        "drop table users",
        "a union select b",
        "a = any(array[1])",
        "a = some_function(b)",
        "sum(a) > 1",
        "count(*) > 1",
        "read_csv('/etc/passwd') is null",
        "cast(a as int) = 1",
        "a::int = 1",
        "date '2026-01-01' < a",
        "interval 1 day",
        "current_date > a",
        "case when a then b end",
        "a = ?",
        "a = $1",
        "a = :name",
        "a = @x",
        "a = {x}",
        "a = 1 -- and b",
        "a /* x */ = 1",
        "a # x",
        "'a' || 'b' = c",
        "a = 'x' 'y'",
        "a % 2 = 0",
        "a like 'x' escape '!'",
        "a similar to 'x'",
        "a ~ 'x'",
        "regexp_matches(a, 'x')",
        "a is true",
        "a is distinct from b",
        "a collate nocase = 'x'",
        "a[1] = 2",
        "[1, 2] = a",
        "a.b.c = 1",
        '"a" = 1',
        "`a` = 1",
        "a.* = 1",
        "* = 1",
        "(a, b) in (1, 2)",
        "a in (b)",
        "a in ('x', null)",
        "a in ()",
        "a in user.b",
        "a = null",
        "null <> a",
        "a -> 1",
        "lambda x: x",
        "a b",
        "a =",
        "(a",
        "a)",
        "",
        "  ",
        "round(a, b)",
        "round(a, 1, 2) = 1",
        "coalesce(a) = 1",
        "lower(a, b) = 'x'",
        "1e999 = a",
        "99999999999999999999 = a",
        "0x10 = a",
        "a between symmetric 1 and 2",
        "a and distinct b",
        "{{ a }} = 1",
        "a = E'\\n'",
        "𝐚 = 1",
        "try_cast(a as int) = 1",
        "if(a, b, c)",
        "a over (partition by b)",
        "values (1)",
        "a ? b : c",
        "not",
    ],
)
def test_what_the_language_does_not_know_is_refused(text):
    assert refused(text)


@pytest.mark.parametrize(
    ("text", "code", "col"),
    [
        ("a > 1 or b > 2 and c > 3", "CO003", 10),
        ("a and b or c", "CO003", 1),
        ("a = 1; drop", "CO002", 6),
        ("a > 1 and lengt (b) > 2", "CO002", 11),
        ("a >= 1 and b = null", "CO006", 12),
        ("a = 1 and case when b then c end", "CO002", 21),
        ("a = 1 b", "CO001", 7),
        ("a = 1 and b in (select x)", "CO002", 11),
        ("a = 1 and user.b.c = 2", "CO004", 11),
        ("a = 1 and b in user.c", "CO005", 16),
    ],
)
def test_a_refusal_points_at_the_character(text, code, col):
    assert refused(text)[0] == (code, col)


def test_all_that_is_wrong_is_said_at_once():
    assert [code for code, _ in refused("a is true and b = null and user.x.y = 1")] == ["CO002", "CO004"]


def test_a_misspelt_function_is_met_with_the_one_that_was_meant():
    with pytest.raises(Problems, match="Did you mean `length`"):
        parse("lenght(a) > 1")


def test_text_in_double_quotes_is_told_to_use_single_ones():
    with pytest.raises(Problems, match="single quotes"):
        parse('country = "DE"')


def test_brackets_settle_and_with_or():
    assert parse("hand_raise >= 1 or (usage >= 70 and fit >= 50)").tree == Or(
        (
            Compare(">=", Column("hand_raise"), Constant(1)),
            And((Compare(">=", Column("usage"), Constant(70)), Compare(">=", Column("fit"), Constant(50)))),
        )
    )
