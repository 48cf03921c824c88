"""Crash points kill this process, in tests alone."""

import os
import signal
import subprocess
import sys

import pytest

PASS_TWICE = "from worker.store.crash import point; point('K4'); point('K5'); print('once'); point('K4'); print('twice')"


@pytest.mark.parametrize(
    ("asked", "code", "printed"),
    [
        ({"PQL_CRASHPOINT": "K4", "PQL_TESTING": "1"}, -signal.SIGKILL, ""),
        ({"PQL_CRASHPOINT": "K4:2", "PQL_TESTING": "1"}, -signal.SIGKILL, "once\n"),
        ({"PQL_CRASHPOINT": "K9", "PQL_TESTING": "1"}, 0, "once\ntwice\n"),
        ({"PQL_CRASHPOINT": "K4"}, 0, "once\ntwice\n"),
        ({"PQL_TESTING": "1"}, 0, "once\ntwice\n"),
    ],
)
def test_a_crash_point_kills_where_and_when_a_test_asked_for_it(asked: dict[str, str], code: int, printed: str):
    plain = {name: value for name, value in os.environ.items() if not name.startswith("PQL_")}
    command = [sys.executable, "-u", "-c", PASS_TWICE]

    done = subprocess.run(command, env={**plain, **asked}, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (code, printed)
