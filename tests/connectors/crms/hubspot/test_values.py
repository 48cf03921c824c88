"""Values to HubSpot's strings and back."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.crms.hubspot.values import decoded, encoded, form_of, kept, moment, one_line, plain, rich

MOMENTS = st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  hypothesis wants naive bounds
NUMBERS = st.integers(-(10**15), 10**15) | st.floats(allow_nan=False, allow_infinity=False, width=64).filter(
    lambda n: abs(n) < 1e15
)


@given(value=st.text(min_size=1) | st.booleans() | NUMBERS)
def test_what_is_sent_reads_back_as_the_same_value(value):
    assert decoded(encoded(value), form_of(value)) == value


@given(value=MOMENTS)
def test_a_moment_reads_back_to_the_millisecond(value):
    assert decoded(encoded(value), "datetime") == kept(value)
    assert timedelta(0) <= value - kept(value) < timedelta(milliseconds=1)


@given(value=NUMBERS)
def test_a_number_has_no_exponent_and_no_separators(value):
    assert not set(encoded(value)) & set("eE,_ ")


def test_a_moment_of_another_zone_is_sent_in_utc():
    berlin = datetime(2026, 11, 23, 11, 0, tzinfo=timezone(timedelta(hours=1)))

    assert encoded(berlin) == "2026-11-23T10:00:00.000Z"
    assert encoded(berlin, "date") == "2026-11-23"


@pytest.mark.fault("F61")
@pytest.mark.parametrize("value", [float("nan"), float("inf"), datetime(2026, 1, 1), b"x", ["a"]])  # noqa: DTZ001  what must be refused
def test_what_hubspot_cannot_hold_is_refused(value):
    with pytest.raises(ValueError, match="cannot be written"):
        encoded(value)


@pytest.mark.parametrize(
    ("text", "form", "value"),
    [
        (None, "number", None),
        ("", "bool", None),
        ("71.0", "number", 71),
        ("1e3", "number", 1000),
        ("nan", "number", "nan"),
        ("many", "number", "many"),
        ("TRUE", "bool", True),
        ("1764068400000", "datetime", datetime(2025, 11, 25, 11, 0, tzinfo=UTC)),
        ("2026-11-23T10:00:00Z", "datetime", datetime(2026, 11, 23, 10, 0, tzinfo=UTC)),
        ("2026-11-23", "date", datetime(2026, 11, 23, tzinfo=UTC)),
        ("soon", "datetime", "soon"),
    ],
)
def test_an_echo_becomes_a_value_or_stays_the_text_it_is(text, form, value):
    assert decoded(text, form) == value


@given(text=st.text())
def test_no_text_breaks_the_reading_of_a_moment(text):
    assert moment(text) is None or moment(text).tzinfo is UTC


@given(text=st.text(alphabet=st.characters(blacklist_categories=("Cs", "Cc")) | st.just("\n")))
def test_rich_text_holds_no_markup_of_ours_and_reads_back(text):
    written = rich(text)

    assert "<" not in written.replace("<br>", "")
    assert plain(written) == text.strip("\n")


def test_what_a_person_made_of_the_body_reads_as_text():
    assert plain('<div style="x">Why <b>now</b>:<br/>5 &amp; 6</div><p>ref: k1</p>') == "Why now:\n5 & 6\nref: k1"


def test_a_subject_is_one_line_without_angle_brackets_and_without_entities():
    assert one_line("Hot: Müller & Co\n<img src=x>") == "Hot: Müller & Co ‹img src=x›"
