"""Values on their way to Salesforce and back."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.crms.salesforce.names import ours, theirs
from connectors.crms.salesforce.reading import LONGEST_LIST, MOST_VALUES, pieces, where
from connectors.crms.salesforce.values import Form, as_kept, decoded, encoded, full_id, moment, one_line
from connectors.fields import FIELDS, salesforce_name
from connectors.sandbox.salesforce.ids import mint
from connectors.sandbox.salesforce.soql.parse import parse

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
TYPE = {
    "text": "string",
    "long_text": "textarea",
    "number": "double",
    "flag": "boolean",
    "moment": "datetime",
    "choice": "picklist",
}
MOMENTS = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  bounds are naive
VALUES = st.one_of(
    st.tuples(st.just(Form("boolean")), st.booleans()),
    st.tuples(st.just(Form("double", 2)), st.integers(-(10**12), 10**12) | st.floats(-1e9, 1e9)),
    st.tuples(st.just(Form("datetime")), MOMENTS),
    st.tuples(st.just(Form("string")), st.text()),
)


@given(VALUES)
def test_what_we_say_salesforce_keeps_is_what_reads_back(pair):
    form, value = pair

    sent = encoded(value, form)

    assert as_kept(value, sent, form) in (decoded(sent, form), value)
    assert encoded(decoded(sent, form), form) == sent or sent == ""


@pytest.mark.parametrize(
    ("value", "form", "sent"),
    [
        (71.456, Form("double", 2), 71.46),
        (0.5, Form("double", 0), 1),
        (2.5, Form("int", 0), 3),
        (80, Form("double", 2), 80),
        (True, Form("string"), "true"),
        (71.0, Form("string"), "71"),
        (NOON, Form("string"), "2026-11-23T12:00:00.000Z"),
        (NOON, Form("date"), "2026-11-23"),
        (NOON.astimezone(timezone(timedelta(hours=14))), Form("date"), "2026-11-23"),
        (NOON.replace(microsecond=999_999), Form("datetime"), "2026-11-23T12:00:00.000Z"),
        (" hot ", Form("picklist"), "hot"),
        ("new; hot;hot;cold", Form("multipicklist", order=("cold", "warm", "hot")), "cold;hot;new"),
        (None, Form("boolean"), False),
        (None, Form("double"), None),
    ],
)
def test_each_type_of_field_gets_its_own_form(value, form, sent):
    assert encoded(value, form) == sent


@pytest.mark.fault("F61")
@pytest.mark.parametrize(
    ("value", "form"),
    [
        (float("nan"), Form("double")),
        (float("inf"), Form("string")),
        ("71", Form("double")),
        (True, Form("double")),
        ("yes", Form("boolean")),
        (1, Form("boolean")),
        ("tomorrow", Form("datetime")),
        (NOON.replace(tzinfo=None), Form("datetime")),
    ],
)
def test_what_a_field_cannot_hold_is_refused_before_it_spoils_a_call(value, form):
    with pytest.raises(ValueError, match=r"\w"):
        encoded(value, form)


@given(st.text())
def test_no_text_breaks_the_reading_of_a_moment(text):
    assert moment(text) is None or moment(text).tzinfo is UTC


@given(st.sampled_from(["00Q", "003", "001", "00T"]), st.integers(0, 62**9 - 1))
def test_a_short_id_becomes_the_full_one(prefix, number):
    whole = mint(prefix, number)

    assert full_id(whole[:15]) == whole == full_id(whole)


def test_what_is_no_id_is_none():
    assert [full_id(one) for one in ("", "00Q", "<unknown>", None, "00Q5g0000000001EA", "00Q5g000000 001")] == [None] * 6


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_each_standard_field_has_one_name_there_and_back(field):
    for object in field.on:
        assert theirs(object, field.name) == salesforce_name(field.name)
        assert ours(object, salesforce_name(field.name)) == field.name


def test_identity_goes_by_each_objects_own_names_and_what_it_has_no_field_for_stays():
    names = ("email", "company_name", "domain", "name", "owner", "Own_Field__c")

    assert [theirs("lead", name) for name in names] == ["Email", "Company", "Website", None, "OwnerId", "Own_Field__c"]
    assert [theirs("contact", name) for name in names] == ["Email", None, None, None, "OwnerId", "Own_Field__c"]
    assert [theirs("company", name) for name in names] == [None, None, "Website", "Name", "OwnerId", "Own_Field__c"]


@given(st.lists(st.text(min_size=1, max_size=3000), max_size=40))
def test_long_lists_are_cut_so_that_an_address_holds_them_and_nothing_is_lost(values):
    cut = list(pieces(values))

    assert [value for piece in cut for value in piece] == list(dict.fromkeys(values))
    assert all(len(piece) <= MOST_VALUES for piece in cut)
    assert all(len(piece) == 1 or sum(len(value) for value in piece) <= LONGEST_LIST for piece in cut)


@pytest.mark.fault("F58")
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_no_value_gets_out_of_its_quotes(text):
    """SOQL injection: whatever the value, the query keeps its shape and the value is read as it was."""
    query = parse(where("SELECT Id FROM Lead WHERE LastName = {} AND IsConverted = false", text))

    assert query.where.parts[0].values == (text,)


def test_a_subject_is_one_line_and_fits():
    assert one_line(" Hot\nPQL:\t Ana ") == "Hot PQL: Ana"
    assert len(one_line("x" * 300)) == 255
