"""Periods have floors."""

import pytest

from worker.steps.periods import Periods


def test_the_defaults_keep_the_promise_of_152_seconds():
    periods = Periods.from_environment()

    assert periods.lease + periods.sweep + 2 == 152


@pytest.mark.parametrize("name", ["sweep", "unknown_wait", "call", "margin"])
def test_only_tests_may_shorten_a_period(monkeypatch: pytest.MonkeyPatch, name: str):
    monkeypatch.delenv("PQL_TESTING", raising=False)
    with pytest.raises(ValueError, match=name):
        Periods(**{name: 1.0})

    monkeypatch.setenv("PQL_TESTING", "1")
    assert getattr(Periods(**{name: 1.0}), name) == 1.0


def test_a_lease_must_outlast_a_call(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PQL_TESTING", "1")

    with pytest.raises(ValueError, match="cannot outlast"):
        Periods(lease=40)


def test_longer_periods_are_anybodys_choice(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("PQL_TESTING", raising=False)
    monkeypatch.setenv("PQL_LEASE", "240")

    assert Periods.from_environment().lease == 240
