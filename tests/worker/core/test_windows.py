"""Windows count whole UTC days, over leap days and the turn of a year."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.core.instants import day_number
from worker.core.rollup import first_instant

moments = st.integers(915_148_800, 4_133_980_800).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))  # 1999 to 2100


@pytest.mark.fault("F31")
@pytest.mark.parametrize(
    ("as_of", "days", "first"),
    [
        ("2028-03-01T12:00", 14, "2028-02-17"),  # 29 February lies in it
        ("2027-03-01T12:00", 14, "2027-02-16"),
        ("2026-01-03T00:00", 7, "2025-12-28"),
        ("2100-03-01T23:59", 2, "2100-02-28"),  # no leap year
    ],
)
def test_the_first_day_of_a_window_is_so_many_days_back_on_the_calendar(as_of: str, days: int, first: str):
    moment = datetime.fromisoformat(as_of).replace(tzinfo=UTC)

    assert first_instant(day_number(moment) - days + 1).date().isoformat() == first


@pytest.mark.fault("F31")
@given(moments)
def test_every_moment_lies_in_its_day_and_days_follow_each_other(moment: datetime):
    day = day_number(moment)

    assert first_instant(day) <= moment < first_instant(day + 1)
    assert first_instant(day + 1) - first_instant(day) == timedelta(days=1)
