"""Recipes: a query that is compiled once answers as one compiled anew would."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

import pyarrow as pa
import pytest

from worker.engine import Engine, Recipe

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
MOMENT = pa.timestamp("us", tz="UTC")


@pytest.fixture
def engine():
    with Engine(threads=2, memory="300MB") as opened:
        yield opened


@dataclass(eq=False)
class Counted:
    """A recipe's maker that says how often it was asked."""

    asked: int = 0

    def __call__(self, about, form, tables, moment):
        self.asked += 1
        rows = tables["events"]
        passed = rows.filter(rows["at"] <= moment)
        return passed.aggregate(
            n=passed.count() * form, width=passed.count() * 0 + len(rows.columns), who=passed.name.max() + about[0]
        )


def events(engine, *ago, **more):
    columns = {"at": pa.array([NOON - one for one in ago], MOMENT), "name": pa.array(["login"] * len(ago), pa.string())}
    return {"events": engine.table(pa.table(columns | more))}


def answer(engine, make, tables, moment=NOON, about=("!",), form=1):
    made = engine.made(Recipe(make, about, form), tables, moment)
    assert made.schema() == engine.backend.table(made.get_name()).schema()
    return tuple(engine.run(made).to_pylist()[0].values())


SECOND = timedelta(seconds=1)
ABOUT = ("!",)


def test_other_rows_at_another_moment_are_answered_by_the_same_query(engine):
    make = Counted()

    first = answer(engine, make, events(engine, SECOND, -SECOND), about=ABOUT)
    later = answer(engine, make, events(engine, SECOND, -SECOND, -SECOND), NOON + SECOND, about=ABOUT)

    assert (first[0], later[0], make.asked) == (1, 3, 1)


def test_a_moment_is_exact_to_the_microsecond_in_any_zone(engine):
    make, tables = Counted(), events(engine, timedelta(0))
    before = NOON - timedelta(microseconds=1)

    seen = [
        answer(engine, make, tables, when, about=ABOUT)[0]
        for when in (before, NOON.astimezone(timezone(5 * SECOND)), before)
    ]

    assert (seen, make.asked) == ([0, 1, 0], 1)


def test_another_column_is_another_query(engine):
    make = Counted()
    narrow, wide = events(engine, SECOND), events(engine, SECOND, pages=pa.array([1.0]))

    widths = [answer(engine, make, tables, about=ABOUT)[1] for tables in (narrow, wide, narrow)]

    assert widths == [2, 3, 2]


def test_a_column_of_another_type_is_another_query(engine):
    def longest(_about, _form, tables, _moment):
        return tables["events"].aggregate(most=tables["events"].pages.max())

    seen = [answer(engine, longest, events(engine, SECOND, pages=pa.array([one]))) for one in (1, 1.5, "a", 2)]

    assert seen == [(1,), (1.5,), ("a",), (2,)]


def test_another_form_or_another_subject_is_another_query(engine):
    make, tables = Counted(), events(engine, SECOND)

    assert [answer(engine, make, tables, form=form, about=ABOUT)[0] for form in (1, 5, 1)] == [1, 5, 1]
    assert [answer(engine, make, tables, about=about)[2] for about in (("!",), ("?",), ("!",))] == [
        "login!",
        "login?",
        "login!",
    ]


def test_a_query_that_fails_is_not_kept(engine):
    def broken(_about, _form, tables, _moment):
        return tables["events"].mutate(bad=tables["events"].name.cast("int64"))

    with pytest.raises(Exception, match="login"):
        answer(engine, broken, events(engine, SECOND))

    made = engine.made(Recipe(broken, ("!",)), {"events": engine.table(pa.table({"name": ["7"]}))}, NOON)
    assert engine.run(made)["bad"].to_pylist() == [7]


def test_two_recipes_do_not_take_each_others_queries(engine):
    one, two, tables = Counted(), Counted(), events(engine, SECOND)

    answers = [answer(engine, make, tables, about=about)[2] for make, about in ((one, "1"), (two, "2"), (one, "1"))]

    assert (answers, one.asked, two.asked) == (["login1", "login2", "login1"], 1, 1)
