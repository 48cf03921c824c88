"""
The stage of the demo: a folder, both sandboxes, the starter settings on made-up data, and runs as a user would start them.

Decided here: the two instants. The first run of a definition is a baseline without tasks, so the demo lives through two
mornings: a Friday on which everything is set up, and the Monday after it, with the tasks of the weekend.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from connectors.sandbox.serve import Sandbox
from worker.cli.demo import company, crms

FRIDAY = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
MONDAY = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
HOME = Path(".pql") / "demo"
KILLED = -9


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything in place."""

    folder: Path
    company: company.Company
    sandbox: Sandbox
    environment: dict[str, str]
    owners: dict[str, str]
    """HubSpot's id of an owner -> e-mail."""

    def run(self, as_of: datetime, crash: str | None = None) -> tuple[int, dict[str, Any]]:
        """`pql run` in a process of its own; its exit code and its report."""
        more = {"PQL_TESTING": "1", "PQL_CRASHPOINT": crash} if crash else {}
        asked = ["run", "--as-of", as_of.isoformat(), "--output", "json"]
        answer = self.pql(*asked, more=more)
        return answer.returncode, json.loads(answer.stdout) if answer.stdout.strip() else {"error": answer.stderr}

    def pql(self, *words: str, more: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """A `pql` command on this stage."""
        program = [sys.executable, "-c", "from worker.cli.main import entry; entry()", *words]
        environment = os.environ | self.environment | (more or {})
        return subprocess.run(  # noqa: S603 (our own program)
            program, env=environment, capture_output=True, text=True, check=False
        )


@contextmanager
def stage(users: int, home: Path = HOME) -> Iterator[Stage]:
    """A fresh stage; what an earlier demo left is removed."""
    shutil.rmtree(home, ignore_errors=True)
    settings = home / "settings.d"
    made = company.make(users, MONDAY)
    _write_settings(settings)
    company.write(made, settings / "data")
    with Sandbox.start() as sandbox:
        portal = sandbox.hubspot.seed(**crms.hubspot(made))
        sandbox.salesforce.seed(**crms.salesforce(made))
        owners = {id: email for email, id in portal["owners"].items()}
        yield Stage(home, made, sandbox, _environment(home, sandbox), owners)


def _write_settings(folder: Path) -> None:
    from settings import starter

    starter.write(folder)


def _environment(home: Path, sandbox: Sandbox) -> dict[str, str]:
    return {
        "HUBSPOT_TOKEN": sandbox.hubspot.token,
        "HUBSPOT_BASE_URL": sandbox.hubspot.url,
        "SALESFORCE_TOKEN": sandbox.salesforce.token,
        "SALESFORCE_BASE_URL": sandbox.salesforce.url,
        "PQL_SETTINGS": str((home / "settings.d").resolve()),
        "PQL_STORE": f"sqlite:///{(home / 'pql.db').resolve()}",
        "PQL_LAKE": str((home / "lake").resolve()),
    }
