"""The three-way rule, cell by cell, then its laws."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.core.templates import clean
from worker.core.threeway import NOT_KNOWN, Keep, Nothing, Three, Write, canonical, is_empty, resolve, same

# rows: wanted N, acknowledged W, in the CRM now C
EQUAL = Three("n", "w", "n")
EQUAL_UNKNOWN = Three("n", NOT_KNOWN, "n")
UNTOUCHED = Three("n", "w", "w")
EDITED = Three("n", "w", "e")
EMPTIED = Three("n", "w", None)
NEW = Three("n", NOT_KNOWN, None)
FOREIGN = Three("n", NOT_KNOWN, "e")
TABLE = [
    (EQUAL, "own", Nothing(learn=True)),
    (EQUAL, "respect_human", Nothing(learn=True)),
    (EQUAL, "fill_empty", Nothing()),
    (EQUAL, "create_only", Nothing()),
    (EQUAL_UNKNOWN, "own", Nothing(learn=True)),
    (EQUAL_UNKNOWN, "respect_human", Nothing(learn=True)),
    (EQUAL_UNKNOWN, "fill_empty", Nothing()),
    (EQUAL_UNKNOWN, "create_only", Nothing()),
    (UNTOUCHED, "own", Write("n", "w")),
    (UNTOUCHED, "respect_human", Write("n", "w")),
    (UNTOUCHED, "fill_empty", Keep("not_empty")),
    (UNTOUCHED, "create_only", Keep("created_only")),
    (EDITED, "own", Write("n", "e", edited=True)),
    (EDITED, "respect_human", Keep("human_edit_kept")),
    (EDITED, "fill_empty", Keep("not_empty")),
    (EDITED, "create_only", Keep("created_only")),
    (EMPTIED, "own", Write("n", None, edited=True)),
    (EMPTIED, "respect_human", Keep("human_edit_kept")),
    (EMPTIED, "fill_empty", Keep("human_edit_kept")),
    (EMPTIED, "create_only", Keep("created_only")),
    (NEW, "own", Write("n", None)),
    (NEW, "respect_human", Write("n", None)),
    (NEW, "fill_empty", Write("n", None)),
    (NEW, "create_only", Keep("created_only")),
    (FOREIGN, "own", Write("n", "e", edited=True)),
    (FOREIGN, "respect_human", Keep("conflict")),
    (FOREIGN, "fill_empty", Keep("not_empty")),
    (FOREIGN, "create_only", Keep("created_only")),
]
MODES = ("own", "respect_human", "fill_empty", "create_only")
values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**9), 10**9),
    st.floats(),
    st.text(max_size=8),
    st.datetimes(timezones=st.just(UTC)),
)
known = st.one_of(st.just(NOT_KNOWN), values)


@pytest.mark.parametrize(("three", "mode", "expected"), TABLE)
def test_each_cell_of_the_table(three, mode, expected):
    assert resolve(mode, three) == expected


def test_a_new_record_gets_every_value_in_every_mode():
    assert [resolve(mode, NEW, creating=True) for mode in (*MODES, "append")] == [Write("n")] * 5
    assert resolve("own", Three(None), creating=True, clear=True) == Nothing()


def test_an_empty_wanted_value_never_clears_unless_told_to():
    filled = Three(None, "w", "w")
    assert resolve("own", filled) == Nothing()
    assert resolve("own", filled, clear=True) == Write(None, "w")
    assert resolve("respect_human", Three(None, "w", "e"), clear=True) == Keep("human_edit_kept")
    assert resolve("own", Three(None, NOT_KNOWN, None), clear=True) == Nothing(learn=True)


@pytest.mark.parametrize("value", [0, 0.0, False])
def test_zero_and_false_are_values(value):
    assert not is_empty(value)
    assert resolve("own", Three(value, NOT_KNOWN, None)) == Write(value, None)
    assert resolve("respect_human", Three("n", NOT_KNOWN, value)) == Keep("conflict")


def test_append_adds_once_and_keeps_what_is_there():
    assert resolve("append", Three("pql", NOT_KNOWN, None)) == Write("pql", None)
    assert resolve("append", Three("pql", NOT_KNOWN, "a; b")) == Write("a;b;pql", "a; b")
    assert resolve("append", Three("pql", NOT_KNOWN, "a;pql")) == Nothing(learn=True)
    assert resolve("append", Three("pql", "pql;a", "a; pql")) == Nothing()
    assert resolve("append", Three(None, "pql", "pql"), clear=True) == Nothing()


def test_what_a_person_took_out_of_several_values_is_not_added_again():
    assert resolve("append", Three("pql", "a;pql", "a")) == Keep("human_edit_kept")
    assert resolve("append", Three("pql", "pql", None)) == Keep("human_edit_kept")
    assert resolve("append", Three("pql;new", "a;pql", "a")) == Write("a;new", "a")


@pytest.mark.fault("F61")
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number_is_never_written(value):
    assert [resolve(mode, Three(value, NOT_KNOWN, None)) for mode in MODES] == [Keep("not_a_number")] * 4


def test_without_the_crms_value_the_acknowledged_one_stands_in():
    assert resolve("own", Three("n", "n")) == Nothing()
    assert resolve("respect_human", Three("n", "w")) == Write("n", "w")
    assert resolve("own", Three("n")) == Write("n")
    assert resolve("create_only", Three("n")) == Keep("created_only")


def test_a_crm_that_reformats_what_it_is_sent_is_not_written_to_again_and_again():
    echoed = Three("+49 (30) 1234", "+49301234", "+49301234", sent="+49 (30) 1234")
    assert [resolve(mode, echoed) for mode in MODES] == [Nothing()] * 4
    assert resolve("own", Three("+49 (30) 9", "+49301234", "+49301234", sent="+49 (30) 1234")) == Write(
        "+49 (30) 9", "+49301234"
    )
    edited = Three("+49 (30) 1234", "+49301234", "+1 555", sent="+49 (30) 1234")
    assert resolve("respect_human", edited) == Keep("human_edit_kept")
    assert resolve("own", edited) == Write("+49 (30) 1234", "+1 555", edited=True)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (71, "71"),
        (71.0, "71.00"),
        (0.1, "0.1"),
        (True, "true"),
        (None, "  "),
        ("Zo\u00eb", "Zoe\u0308 "),
        ("a\nb", "a b"),
        (datetime(2026, 1, 1, 12, tzinfo=UTC), "2026-01-01T13:00:00+01:00"),
        (datetime(2026, 1, 1, 12, 0, 0, 1234, tzinfo=UTC), datetime(2026, 1, 1, 12, 0, 0, 1000, tzinfo=UTC)),
        (datetime(2026, 1, 1, 12, tzinfo=UTC), datetime(2026, 1, 1, 14, tzinfo=timezone(timedelta(hours=2)))),
    ],
)
def test_values_that_differ_in_form_alone_are_the_same(one, other):
    assert same(one, other)
    assert same(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [(71, 71.5), ("none", None), (0, None), (False, None), (1, True), ("a", "A"), ("x", 1), (NOT_KNOWN, None)],
)
def test_values_that_mean_something_else_are_not(one, other):
    assert not same(one, other)


@given(values)
def test_canonical_form_is_stable(value):
    if not (isinstance(value, float) and value != value):  # noqa: PLR0124 (NaN is never written, so never compared)
        once = canonical(value)
        assert same(value, value)
        assert once is None or same(once if not hasattr(once, "as_tuple") else str(once), value)


@given(st.sampled_from((*MODES, "append")), values, known, values, st.booleans())
def test_a_value_that_a_person_changed_is_only_overwritten_where_the_field_is_ours(
    mode, wanted, acknowledged, current, clear
):
    answer = resolve(mode, Three(wanted, acknowledged, current), clear=clear)
    if isinstance(answer, Write) and mode not in ("own", "append") and not is_empty(current):
        assert same(acknowledged, current)
    if isinstance(answer, Write) and mode == "append":
        kept = [part.strip() for part in str(answer.value).split(";")]
        assert is_empty(current) or all(clean(part) in kept for part in str(current).split(";") if clean(part))


@given(st.sampled_from((*MODES, "append")), values, known, known, st.booleans())
def test_after_a_write_there_is_nothing_left_to_write(mode, wanted, acknowledged, current, clear):
    answer = resolve(mode, Three(wanted, acknowledged, current), clear=clear)
    if isinstance(answer, Write):
        again = resolve(mode, Three(wanted, answer.value, answer.value), clear=clear)
        assert not isinstance(again, Write)


@given(st.sampled_from((*MODES, "append")), values, known, values, st.booleans())
def test_equal_values_are_never_written(mode, wanted, acknowledged, current, clear):
    if same(wanted, current):
        assert not isinstance(resolve(mode, Three(wanted, acknowledged, current), clear=clear), Write)
