"""The schedule as jobs and slots."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from settings.schedule import Every, Schedule
from settings.terms import Duration
from worker.wiring.timetable import jobs, seconds_of, slot_start


def settings(**times: Every) -> Any:
    return SimpleNamespace(schedule=Schedule(**times), destinations={"hubspot": None, "salesforce": None})


def test_the_usual_schedule_pulls_watches_sweeps_audits_looks_for_alerts_and_pushes_for_safety() -> None:
    found = {job.name: job.seconds for job in jobs(settings(), 30.0)}

    assert found == {
        "sweep": 30.0,
        "alerts": 60.0,
        "pull": 900,
        "watch:hubspot": 300,
        "push:hubspot": 60.0,
        "audit:hubspot": 3600.0,
        "watch:salesforce": 300,
        "push:salesforce": 60.0,
        "audit:salesforce": 3600.0,
    }


def test_score_is_a_job_only_with_a_time_of_its_own() -> None:
    found = {job.name: job for job in jobs(settings(score=Every(every=Duration(3600))), 30.0)}

    assert found["score"].seconds == 3600
    assert seconds_of(settings(), "score", 30.0) is None


def test_a_schedule_cannot_be_hurried_outside_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PQL_TESTING", raising=False)
    monkeypatch.setenv("PQL_HURRY", "12")

    assert seconds_of(settings(), "pull", 30.0) == 900


instants = st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  zoned by the strategy


@pytest.mark.fault("F30")
@given(now=instants, seconds=st.sampled_from([2.0, 60.0, 300.0, 900.0, 3600.0, 86_400.0]))
def test_every_instant_is_in_exactly_one_slot(now: datetime, seconds: float) -> None:
    start = slot_start(now, seconds)

    assert start <= now < start + timedelta(seconds=seconds)
    assert slot_start(start, seconds) == start
