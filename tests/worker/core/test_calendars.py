"""Working time: laws over random calendars and clock changes, then cases worked out by hand."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from settings.checks.people import hours_problem
from settings.terms import Working
from worker.core.calendars import add_working, calendar, is_open, next_opening

BERLIN = calendar("Mon-Fri 09:00-18:00", "Europe/Berlin", "DE")
ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Africa/Cairo", "Pacific/Apia", "UTC")
WEEKS = (
    "Mon-Fri 09:00-18:00",
    "Mon-Thu 08:30-12:00, Mon-Thu 13:00-17:15, Fri 09:00-15:00",
    "Mon-Sun 00:00-24:00",
    "Sun-Thu 00:30-02:30, Sun-Thu 02:45-05:00",
    "Sat 22:00-24:00, Sun 00:00-04:00",
)
calendars = st.builds(
    calendar, st.sampled_from(WEEKS), st.sampled_from(ZONES), st.sampled_from((None, "DE", "US", "AT", "CH-ZH", "EG"))
)


def between(first, last):
    return st.datetimes(datetime.fromisoformat(first), datetime.fromisoformat(last), timezones=st.just(UTC))


# around clock changes and around the day that Samoa skipped, besides anywhere
moments = st.one_of(
    between("2011-12-27", "2012-01-03"),
    between("2026-03-26", "2026-04-08"),
    between("2026-10-22", "2026-11-04"),
    between("2020-01-01", "2030-01-01"),
)
minutes = st.integers(1, 3000).map(lambda n: Working(n, "minute"))
terms = st.one_of(
    minutes, st.integers(1, 60).map(lambda n: Working(n, "hour")), st.integers(1, 15).map(lambda n: Working(n, "day"))
)


def utc(text):
    return datetime.fromisoformat(text).astimezone(UTC)


@given(moments, minutes, minutes, calendars)
def test_working_time_added_in_two_parts_is_the_sum_added_at_once(start, one, other, hours):
    in_parts = add_working(add_working(start, one, hours), other, hours)
    assert in_parts == add_working(start, Working(one.amount + other.amount, "minute"), hours)


@given(moments, terms, st.integers(0, 20), calendars)
def test_more_working_time_never_ends_earlier(start, term, more, hours):
    assert add_working(start, term, hours) <= add_working(start, Working(term.amount + more, term.unit), hours)


@given(moments, st.timedeltas(timedelta(0), timedelta(days=9)), terms, calendars)
def test_a_later_start_never_ends_earlier(start, later, term, hours):
    assert add_working(start, term, hours) <= add_working(start + later, term, hours)


@given(moments, terms, calendars)
def test_a_start_outside_hours_is_a_start_at_the_next_opening(start, term, hours):
    assert add_working(start, term, hours) == add_working(next_opening(start, hours), term, hours)


@given(moments, terms, calendars)
def test_a_deadline_is_a_utc_moment_after_the_start_within_or_at_the_end_of_hours(start, term, hours):
    due = add_working(start, term, hours)
    assert due > start
    assert due.utcoffset() == timedelta(0)
    assert is_open(due, hours) or is_open(due - timedelta(microseconds=1), hours)


@given(moments, calendars)
def test_the_next_opening_is_open_and_nothing_before_it_is(at, hours):
    opening = next_opening(at, hours)
    assert is_open(opening, hours)
    assert (opening == at) == is_open(at, hours)
    assert not any(is_open(at + (opening - at) * n / 9, hours) for n in range(9)) or opening == at


@given(moments, st.integers(1, 200), calendars)
def test_time_that_passes_while_open_is_the_time_that_was_asked_for(start, amount, hours):
    # counted minute by minute, from a whole minute in which it is open
    begin = next_opening(start.replace(second=0, microsecond=0), hours)
    due = add_working(begin, Working(amount, "minute"), hours)
    assume(due - begin < timedelta(days=4))
    steps = int((due - begin) / timedelta(minutes=1))
    assert sum(is_open(begin + timedelta(minutes=n), hours) for n in range(steps)) == amount


@pytest.mark.fault("F31")
@pytest.mark.parametrize(
    ("start", "term", "due"),
    [
        ("2026-11-23T10:00+01:00", "4 business hours", "2026-11-23T14:00+01:00"),
        ("2026-11-23T14:00+01:00", "4 business hours", "2026-11-23T18:00+01:00"),
        ("2026-11-20T16:30+01:00", "4 business hours", "2026-11-23T11:30+01:00"),
        ("2026-11-22T12:00+01:00", "2 business hours", "2026-11-23T11:00+01:00"),
        ("2026-12-24T17:00+01:00", "2 business hours", "2026-12-28T10:00+01:00"),
        ("2026-03-27T17:30+01:00", "1 business hour", "2026-03-30T09:30+02:00"),
        ("2026-11-20T15:00+01:00", "1 business day", "2026-11-23T15:00+01:00"),
        ("2026-11-21T15:00+01:00", "1 business day", "2026-11-24T09:00+01:00"),
        ("2026-10-23T15:00+02:00", "1 business day", "2026-10-26T15:00+01:00"),
        ("2026-11-22T12:00+01:00", "0 business hours", "2026-11-23T09:00+01:00"),
    ],
)
def test_deadlines_in_berlin(start, term, due):
    assert add_working(utc(start), Working.parse(term), BERLIN) == utc(due)


def test_a_business_day_moves_into_the_hours_of_the_day_it_ends_on():
    hours = calendar("Mon-Thu 08:00-18:00, Fri 10:00-12:00, Fri 13:00-15:00", "Europe/Berlin")
    day = Working(1, "day")
    assert add_working(utc("2026-11-19T17:00+01:00"), day, hours) == utc("2026-11-20T15:00+01:00")
    assert add_working(utc("2026-11-19T12:30+01:00"), day, hours) == utc("2026-11-20T12:00+01:00")
    assert add_working(utc("2026-11-19T08:30+01:00"), day, hours) == utc("2026-11-20T10:00+01:00")


@pytest.mark.fault("F30")
def test_hours_that_a_clock_change_skips_or_repeats_count_as_they_pass():
    nights = calendar("Mon-Sun 00:00-06:00", "Europe/Berlin")
    two = Working(2, "hour")
    assert add_working(utc("2026-03-29T01:30+01:00"), two, nights) == utc("2026-03-29T04:30+02:00")
    assert add_working(utc("2026-10-25T01:30+02:00"), two, nights) == utc("2026-10-25T02:30+01:00")


@pytest.mark.fault("F30")
def test_a_skipped_opening_is_the_moment_of_the_change():
    odd = calendar("Sun 02:30-05:00", "Europe/Berlin")
    assert next_opening(utc("2026-03-28T12:00+01:00"), odd) == utc("2026-03-29T03:00+02:00")
    swallowed = calendar("Sun 02:10-02:50", "Europe/Berlin")
    assert next_opening(utc("2026-03-28T12:00+01:00"), swallowed) == utc("2026-04-05T02:10+02:00")


def test_holidays_of_a_part_of_a_country_close_there_alone():
    epiphany = datetime(2026, 1, 6, 12, tzinfo=ZoneInfo("Europe/Berlin"))
    assert is_open(epiphany, BERLIN)
    assert not is_open(epiphany, calendar("Mon-Fri 09:00-18:00", "Europe/Berlin", "DE-BY"))


@pytest.mark.parametrize(
    ("hours", "zone", "holidays", "says"),
    [
        ("Mo-Fr 9-18", "UTC", None, "not working hours"),
        ("", "UTC", None, "not working hours"),
        ("Mon-Fri 18:00-09:00", "UTC", None, "does not open before it closes"),
        ("Mon 09:00-09:00", "UTC", None, "does not open before it closes"),
        ("Mon-Fri 09:00-12:75", "UTC", None, "does not open before it closes"),
        ("Mon-Fri 09:00-12:00, Fri 11:00-13:00", "UTC", None, "on Fri that overlap"),
        ("Mon-Fri 09:00-18:00", "Europe/Bonn", None, "not a time zone"),
        ("Mon-Fri 09:00-18:00", "../etc/passwd", None, "not a time zone"),
        ("Mon-Fri 09:00-18:00", "UTC", "XX", "no country"),
        ("Mon-Fri 09:00-18:00", "UTC", "DE-XX", "no country"),
    ],
)
def test_hours_that_mean_nothing_are_refused_with_a_sentence(hours, zone, holidays, says):
    with pytest.raises(ValueError, match=says):
        calendar(hours, zone, holidays)


@given(
    st.from_regex(
        r"(Mon|Fri|Sun)(-(Tue|Sat|Sun))? (0[0-9]|2[0-5]):[0-7]0-[01][0-9]:[0-7]0(,? ?(Mon|Fri) (09|1[0-9]):30-1[0-9]:15)?",
        fullmatch=True,
    )
)
def test_hours_that_pass_the_check_of_the_settings_are_the_hours_that_can_be_read(text):
    try:
        calendar(text, "UTC")
    except ValueError:
        assert hours_problem(text) is not None
    else:
        assert hours_problem(text) is None
