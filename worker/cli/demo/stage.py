"""
The stage of the demo: a folder, both sandboxes, the starter settings on made-up data, and runs as a user would start them.

Decided here: the two instants. The first run of a definition is a baseline without tasks, so the demo lives through two
mornings: a Friday on which everything is set up, and the Monday after it, with the tasks of the weekend.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connectors.sandbox.serve import Sandbox
from worker.cli.demo import company, crms
from worker.wiring.places import Places, find

if TYPE_CHECKING:
    from settings.root import Settings
    from worker.steps.report import Report

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

    def run(self, as_of: datetime) -> Report:
        """A run in this process."""
        from worker.wiring import opening

        with opening.open(self.settings(), self.places()) as worker:
            return worker.run(as_of)

    def kept(self, as_of: datetime) -> Counter[str]:
        """What a plan leaves alone because people set it: reason -> leads."""
        from worker.wiring import opening

        with opening.open(self.settings(), self.places()) as worker:
            return Counter(skip.reason for skip in worker.plan(as_of).skips)

    def killed_run(self, as_of: datetime, crash: str) -> int:
        """`pql run` in a process of its own that dies at a crash point; its exit code."""
        program = [sys.executable, "-c", "from worker.cli.main import entry; entry()", "run", "--as-of", as_of.isoformat()]
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        more = {**self.environment, "PQL_TESTING": "1", "PQL_CRASHPOINT": crash}
        done = subprocess.run(  # noqa: S603 (our own program)
            program, env=environment | more, capture_output=True, text=True, check=False
        )
        return done.returncode

    def provision(self) -> None:
        """The standard fields in both CRMs."""
        from connectors import registry

        for spec in self.settings().destinations.values():
            crm = registry.crm(spec)
            crm.provisioning.apply()
            getattr(crm, "close", lambda: None)()

    def assignments(self) -> list[dict[str, Any]]:
        """Who got what, as the store has it."""
        from worker.store import routes
        from worker.wiring import opening

        store = opening.open_store(self.places(), self.settings().workspace)
        try:
            with store.read() as tx:
                columns = routes.active(tx)
        finally:
            store.close()
        return [{name: values[place] for name, values in columns.items()} for place in range(len(columns["lead_key"]))]

    def places(self) -> Places:
        return find(environment=self.environment)

    def settings(self) -> Settings:
        from worker.wiring.opening import read_settings

        os.environ.update(self.environment)
        return read_settings(self.places())


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
