"""Periods have floors."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from worker.steps.pacing.periods import BadPeriod, Periods, visibility


def test_the_defaults_keep_the_promise_of_152_seconds():
    periods = Periods.from_environment()

    assert periods.lease + periods.sweep + 2 == 152


@pytest.mark.parametrize("name", ["lease", "sweep", "unknown_wait", "call", "margin"])
def test_only_tests_may_shorten_a_period(monkeypatch: pytest.MonkeyPatch, name: str):
    monkeypatch.delenv("PQL_TESTING", raising=False)
    with pytest.raises(BadPeriod, match=rf"PQL_{name.upper()} is 1 s, below its floor of \d+ s\."):
        Periods(**{name: 1.0})

    monkeypatch.setenv("PQL_TESTING", "1")
    assert getattr(Periods(**{"call": 0.5, "margin": 0.1, name: 1.0}), name) == 1.0


def test_a_lease_must_outlast_a_call(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PQL_TESTING", "1")

    with pytest.raises(BadPeriod, match="cannot outlast"):
        Periods(lease=40)


def test_longer_periods_are_anybodys_choice(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("PQL_TESTING", raising=False)
    monkeypatch.setenv("PQL_LEASE", "240")

    assert Periods.from_environment().lease == 240


@pytest.mark.parametrize(("name", "text"), [("PQL_LEASE", "two minutes"), ("PQL_SWEEP", "5"), ("PQL_VISIBILITY", "60")])
def test_a_bad_period_ends_a_command_and_a_worker_with_a_sentence(tmp_path: Path, name: str, text: str):
    program = "import worker.celery as c\nc.app.Beat"
    here = {**os.environ, "PQL_STORE": f"sqlite:///{tmp_path}/pql.db", name: text}
    here.pop("PQL_TESTING", None)
    done = subprocess.run([sys.executable, "-c", program], env=here, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert done.stderr.startswith(name)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("text", ["soon", "nan", "inf", "-1", "60"])
def test_the_visibility_timeout_has_a_floor_of_half_an_hour(monkeypatch: pytest.MonkeyPatch, text: str):
    monkeypatch.delenv("PQL_TESTING", raising=False)
    assert (visibility({}), visibility({"PQL_VISIBILITY": "3600"})) == (1800, 3600)
    with pytest.raises(BadPeriod, match="PQL_VISIBILITY is"):
        visibility({"PQL_VISIBILITY": text})
