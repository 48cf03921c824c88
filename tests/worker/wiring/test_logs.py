"""Logs of a process of its own: one form for all lines, and no secret in any."""

import json
import subprocess
import sys

import pytest

PROGRAM = """
import logging, structlog
from worker.wiring.logs import configure
configure()
log, std = structlog.get_logger("pql"), logging.getLogger("a.package")
log.info("did", work="push", url="rediss://:CANARY1@redis.example/0")
log.warning("later", headers={"Authorization": "Bearer CANARY2"})
std.warning("Authorization: Bearer %s", "CANARY3")
std.error('{"refresh_token": "CANARY4", "client_secret": "CANARY5"}')
std.warning("got pat-na1-CANARY6-1234-5678 and 00D000000000001!CANARY7.x and https://x.example/cb?code=CANARY8&state=1")
try:
    raise ValueError("postgresql://pql:CANARY9@db/pql failed")
except ValueError:
    log.exception("failed", work="pull")
    std.exception("it broke")
logging.getLogger("urllib3").debug("CANARY10")
"""


@pytest.mark.parametrize("form", ["json", "plain"])
def test_no_secret_reaches_a_line(form: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env={"PQL_LOG": form}, capture_output=True, text=True, check=True, timeout=60
    )

    assert "CANARY" not in done.stderr + done.stdout
    assert done.stderr.count("ValueError") >= 2
    assert done.stdout == ""


def test_every_line_is_a_document_with_time_level_and_origin() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env={"PQL_LOG": "json"}, capture_output=True, text=True, check=True, timeout=60
    )
    lines = [json.loads(line) for line in done.stderr.splitlines()]

    assert len(lines) == 7
    assert all({"event", "level", "logger", "timestamp"} <= set(line) for line in lines)
