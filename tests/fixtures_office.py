"""
A company whose schedule runs in real processes: settings, usage in files, a sandbox portal, a store, and starters.

Decided here: everything happens now, because processes of their own have no clock but the machine's. The company's users are
too quiet to be leads until one of them raises a hand.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fixtures_push import open_hubspot

from connectors.sandbox.serve import Endpoint, Sandbox
from settings import starter
from worker.store import intents, records, runs, versions
from worker.store.database import Store, open_store
from worker.wiring import opening
from worker.wiring.places import Places, find

REPOSITORY = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
OWNERS = ("ana", "tom", "revops", "lead-desk", "integration")
HUBSPOT = """destinations:
  hubspot: {kind: hubspot, token: "${HUBSPOT_TOKEN}", base_url: "${HUBSPOT_BASE_URL}", create: never}
"""
USUAL = "schedule: {pull: every 1 minute, score: after pull, push: when something changed, watch: every 60 minutes}"
HURRY = {"PQL_TESTING": "1", "PQL_HURRY": "12"}  # a minute lasts 5 s
OPEN_GUARDS = "guards: {changed_leads: off, tasks_per_run: 200, source_older_than: 6 hours, source_rows_below: off}"
# the shortest that a kill may be noticed after; see tests/fixtures_push.py
SHORT = {"PQL_LEASE": "6", "PQL_SWEEP": "2", "PQL_UNKNOWN_WAIT": "1", "PQL_CALL": "3", "PQL_MARGIN": "0.2"}


@dataclass
class Office:
    """The company and its processes."""

    folder: Path
    hubspot: Endpoint
    store_url: str
    environment: dict[str, str]
    users: int
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)
    raised: int = 0

    # ------------------------------------------------------------------------------------ places

    @property
    def places(self) -> Places:
        return find(environment=self.environment)

    def open_store(self) -> Store:
        return open_store(self.store_url, "acme")

    def write_settings(self, schedule: str = USUAL, guards: str = OPEN_GUARDS) -> None:
        path = self.folder / "settings.d/pql.yaml"
        kept = [line for line in path.read_text().splitlines() if not line.startswith(("schedule:", "guards:"))]
        path.write_text("\n".join([*kept, schedule, guards, ""]))

    def pql(self, *words: str, check: bool = True) -> str:
        command = [str(BIN / "pql"), *words]
        done = subprocess.run(command, env=self.environment, cwd=self.folder, capture_output=True, text=True, check=False)
        assert not check or done.returncode == 0, done.stderr + done.stdout
        return done.stdout

    # ------------------------------------------------------------------------------------- usage

    def write_usage(self) -> None:
        data = self.folder / "settings.d/data"
        shutil.rmtree(data, ignore_errors=True)
        data.mkdir()
        signed_up = (datetime.now(UTC) - timedelta(days=60)).isoformat()
        heading = "user_id,email,account_id,created_at,first_name,last_name,title,language,partner_consent"
        people = (f"u{n},u{n}@w{n // 5}.example,w{n // 5},{signed_up},Maria,Huber,Engineer,de," for n in range(self.users))
        (data / "users.csv").write_text("\n".join([heading, *people, ""]))
        heading = "account_id,name,domain,trial_end,plan_name,employees,industry,country,state,storage_used,storage_limit"
        places = (f"w{n},Nordwerk {n},w{n}.example,,starter,500,software,FR,,5,100" for n in range(-(-self.users // 5)))
        (data / "accounts.csv").write_text("\n".join([heading, *places, ""]))
        self.happen([(n, "report_viewed") for n in range(self.users)], "events-0", timedelta(days=2))

    def happen(self, what: list[tuple[int, str]], file: str, ago: timedelta = timedelta(0)) -> None:
        """Events land in a new file, which appears whole."""
        at = (datetime.now(UTC) - ago).isoformat()
        lines = [
            json.dumps(
                {
                    "event_id": f"{file}-{user}",
                    "user_id": f"u{user}",
                    "account_id": f"w{user // 5}",
                    "event": event,
                    "occurred_at": at,
                    "loaded_at": at,
                }
            )
            for user, event in what
        ]
        data = self.folder / "settings.d/data"
        (data / "unfinished").write_text("\n".join([*lines, ""]))
        (data / "unfinished").rename(data / f"{file}.jsonl")

    def raise_hand(self, user: int) -> float:
        """Somebody asks to talk to sales; when."""
        self.raised += 1
        self.happen([(user, "contact_sales_clicked")], f"events-raised-{self.raised}")
        return time.monotonic()

    # ----------------------------------------------------------------------------------- what is

    def runs(self) -> list[runs.Run]:
        with closing(self.open_store()) as store, store.read() as tx:
            return runs.recent(tx, 100)

    def evaluated(self) -> bool:
        return any(run.status == "done" for run in self.runs())

    def due(self) -> int:
        """Records that are yet to be written."""
        with closing(self.open_store()) as store, store.read() as tx:
            counts = records.counts(tx, "hubspot").get("hubspot", {})
        return sum(number for status, number in counts.items() if status not in ("in_sync", "unmatched"))

    def tasks(self) -> list[str]:
        """The subjects of the tasks in the portal."""
        made = [row for row in self.hubspot.ledger() if row["object"] == "task" and row["op"] == "create"]
        return [row["after"]["hs_task_subject"] for row in made]

    def intents(self) -> dict[str, int]:
        with closing(self.open_store()) as store, store.read() as tx:
            counts = intents.counts(tx, "hubspot")
        return counts.get("task_create", {})

    def written(self) -> dict[str, int]:
        """How often each contact's flag or score was written."""
        times: dict[str, int] = {}
        for row in self.hubspot.ledger():
            if row["object"] == "contact" and row["actor"] == "integration" and row["op"] == "update":
                times[row["id"]] = times.get(row["id"], 0) + 1
        return times

    # --------------------------------------------------------------------------------- processes

    def start(self, *command: str, **more: str) -> subprocess.Popen[bytes]:
        """A process whose output goes to a log."""
        program = [str(BIN / command[0]), *command[1:]]
        environment = {**self.environment, **more}
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(
                program, env=environment, cwd=REPOSITORY, stdout=log, stderr=log, start_new_session=True
            )
        self.running.append(process)
        return process

    def worker(self, name: str, concurrency: int = 2) -> subprocess.Popen[bytes]:
        options = ("--concurrency", str(concurrency), "-n", f"{name}@%h", "--without-gossip", "--without-mingle")
        return self.start("celery", "-A", "worker", "worker", "--loglevel", "INFO", *options)

    def beat(self) -> subprocess.Popen[bytes]:
        return self.start("celery", "-A", "worker", "beat", "--loglevel", "INFO")

    def log(self) -> str:
        return (self.folder / "log").read_text()

    def until(self, true: Callable[[], Any], seconds: float = 60) -> Any:
        """Wait for something; what it was."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if value := true():
                return value
            time.sleep(0.1)
        raise AssertionError(f"not within {seconds} s\n{self.log()[-8000:]}")

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """Kill -9, children too."""
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)
        self.running.remove(process)

    def end(self, process: subprocess.Popen[bytes], seconds: float = 30) -> int:
        """Ask it to stop; its exit code."""
        process.send_signal(signal.SIGTERM)
        code = process.wait(seconds)
        self.running.remove(process)
        return code


def seed(hubspot: Endpoint, users: int) -> None:
    """A portal with a contact for each user and the people who sell."""
    with closing(open_hubspot(hubspot)) as crm:
        crm.provisioning.apply()
    owners = [{"email": f"{name}@acme.com"} for name in OWNERS]
    for start in range(0, users, 5000):
        people = [
            {"object": "contact", "properties": {"email": f"u{n}@w{n // 5}.example", "firstname": "Maria"}}
            for n in range(start, min(start + 5000, users))
        ]
        hubspot.seed(owners=[] if start else owners, records=people)


@contextmanager
def opened_office(folder: Path, users: int, store_url: str, broker: str = "", **more: str) -> Iterator[Office]:
    """A company of so many users, with nothing running yet."""
    with Sandbox.start(only=("hubspot",)) as sandbox:
        hubspot = sandbox.hubspot
        seed(hubspot, users)
        shutil.copytree(Path(starter.__file__).parent, folder / "settings.d", ignore=shutil.ignore_patterns("*.py", "__*"))
        (folder / "settings.d/destinations.yaml").write_text(HUBSPOT)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PQL_", "REDIS_", "DATABASE_"))}
        environment = {
            **kept,
            "PQL_SETTINGS": str(folder / "settings.d"),
            "PQL_STORE": store_url,
            "PQL_LAKE": str(folder / "lake"),
            "PQL_LOG": "json",
            "HUBSPOT_TOKEN": hubspot.token,
            "HUBSPOT_BASE_URL": hubspot.url,
            "REMAP_SIGTERM": "SIGQUIT",
            **HURRY,
            **({"PQL_BROKER": broker} if broker else {}),
            **more,
        }
        office = Office(folder, hubspot, store_url, environment, users)
        office.write_settings()
        office.write_usage()
        try:
            yield office
        finally:
            for process in list(office.running):
                office.kill(process)


Offices = Callable[..., Office]


@pytest.fixture
def offices(tmp_path: Path) -> Iterator[Offices]:
    """Returns a function that opens an office: users, store, broker."""
    with ExitStack() as stack:
        yield lambda *args, **more: stack.enter_context(opened_office(tmp_path, *args, **more))


def activate(office: Office) -> str:
    """As `pql activate` does, in this process; the hash."""
    settings = opening.read_settings(office.places, secrets=False)
    with closing(office.open_store()) as store, store.write() as tx:
        return versions.activate(tx, settings.text, "test")[0]
