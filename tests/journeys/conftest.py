"""
The stage of the journeys: settings, usage as rows, a portal, and a real worker that lives through days.

Decided here: what every journey starts from - the starter settings with HubSpot alone, sandboxes of its
own on real HTTP, real SQLite and DuckDB files, and a Friday before the Monday on which things happen.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from commands import Commands
from journeys_calendar import FRIDAY, MONDAY

from connectors import registry
from connectors.sandbox.serve import Endpoint, Sandbox
from settings import starter
from settings.destinations import DestinationSpec
from settings.terms import Secret
from worker.steps.report import PlanReport, Report
from worker.steps.telling.explain import Explanation
from worker.store import schema
from worker.wiring import open as open_worker
from worker.wiring.opening import read_settings
from worker.wiring.places import Places
from worker.wiring.worker import Wanted, Worker

OWNERS = ("ana", "tom", "eva", "pia", "revops", "lead-desk", "integration")
DESTINATIONS = {
    "hubspot": """  hubspot:
    kind: hubspot
    token: {token}
    base_url: {url}
    create: never
    also: {{contact.usage_segment: {{value: tier, mode: respect_human}}}}
""",
    "salesforce": """  salesforce:
    kind: salesforce
    object: both
    token: {token}
    base_url: {url}
""",
}


@dataclass
class Portal:
    """One sandbox CRM as a rep and a test see it."""

    endpoint: Endpoint
    ids: dict[str, str] = field(default_factory=dict)
    """E-mail or domain -> id of the record."""
    seen: tuple[int, int] = (0, 0)

    def owner(self, who: str) -> str:
        """The id of an owner."""
        found = self.endpoint.state.docs("owner").values()
        return str(next(one["id"] for one in found if one["email"] == f"{who}@acme.com"))

    def add(self, object: str, **properties: Any) -> str:
        """A record that stands in the CRM before or beside us."""
        company = properties.pop("company_of", None)
        near = [{"ref": company}] if company else []
        made = self.endpoint.seed(records=[{"object": object, "properties": properties, "associations": near}])
        return self.keep(made["records"][0]["id"], properties)

    def keep(self, id: str, properties: dict[str, Any]) -> str:
        name = properties.get("email") or properties.get("domain") or properties.get("Email")
        self.ids[str(name)] = id
        return id

    def act(self, kind: str, **doc: Any) -> dict[str, Any]:
        return self.endpoint.act(kind, **doc)

    def edit(self, email: str, **properties: Any) -> None:
        self.act("edit", object="contact", id=self.ids[email], properties=properties)

    def record(self, object: str, id: str) -> dict[str, Any]:
        return dict(self.endpoint.state.rows(object, [id])[id].properties)

    def contact(self, email: str) -> dict[str, Any]:
        """The fields of a contact as they stand in the portal."""
        return self.record("contact", self.ids[email])

    def tasks(self, *, open_only: bool = False) -> list[dict[str, Any]]:
        """Every task in the portal, the oldest first."""
        found = [{"id": row.id, **row.properties} for row in self.endpoint.state.scan("task")]
        return [one for one in found if not open_only or one["hs_task_status"] != "COMPLETED"]

    def mark(self) -> None:
        """From here on `written` counts."""
        self.seen = tuple(
            max((r["seq"] for r in rows), default=0) for rows in (self.endpoint.ledger(0), self.endpoint.requests(0))
        )

    def written(self) -> list[dict[str, Any]]:
        """Writing calls since the mark."""
        return [one for one in self.endpoint.requests(self.seen[1]) if one["writes"]]

    def changes(self, object: str = "contact") -> list[dict[str, Any]]:
        """What the integration changed since the mark."""
        rows = self.endpoint.ledger(self.seen[0])
        return [row for row in rows if row["object"] == object and row["actor"] == "integration"]


@dataclass
class Stage:
    """A company with its product's usage, its settings and its CRMs, at an instant that the test moves."""

    folder: Path
    portal: Portal
    org: Portal | None = None
    now: datetime = FRIDAY
    users: list[dict[str, Any]] = field(default_factory=list)
    accounts: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    _told: int = 0
    _files: int = 0
    _things: ExitStack = field(default_factory=ExitStack)
    _worker: Worker | None = None

    # ------------------------------------------------------------------------------ the company

    def account(self, id: str = "a1", **facts: Any) -> str:
        """An account on a trial, 120 employees, software, in the United States."""
        name = facts.pop("name", f"Firm {id}")
        plain = {"account_id": id, "name": name, "domain": f"{id}.example", "plan_name": "trial_14", "employees": 120}
        more = {"industry": "software", "country": "US", "state": None, "storage_used": 10, "storage_limit": 100}
        trial = {"trial_end": (MONDAY + timedelta(days=12)).isoformat()}
        self.accounts.append({**plain, **more, **trial, **facts})
        return id

    def user(self, id: str, account: str | None = "a1", *, contact: bool = True, **facts: Any) -> str:
        """A user of an account, with a contact in the portal unless told otherwise; the e-mail address."""
        email = facts.pop("email", f"{id}@{account or 'nobody'}.example")
        if account and account not in {one["account_id"] for one in self.accounts}:
            self.account(account)
        plain = {
            "user_id": id,
            "email": email,
            "account_id": account,
            "created_at": (FRIDAY - timedelta(days=40)).isoformat(),
        }
        names = {"first_name": id.title(), "last_name": "Berg", "title": None, "language": "de", "partner_consent": None}
        self.users.append({**plain, **names, **facts})
        if contact:
            self.portal.add("contact", email=email, firstname=id.title(), lastname="Berg")
        return str(email)

    def did(self, user: str, event: str, ago: float = 0.1, *, times: int = 1, late: float = 0.0, **properties: Any) -> None:
        """Something a user did, so many days before the present instant; `late` days after which it arrived."""
        account = next((one["account_id"] for one in self.users if one["user_id"] == user), None)
        for _ in range(times):
            at = self.now - timedelta(days=ago)
            who = {"event_id": f"e{len(self.events)}", "user_id": user, "account_id": account, "event": event}
            moments = {"occurred_at": at.isoformat(), "loaded_at": (at + timedelta(days=late)).isoformat()}
            self.events.append({**who, **moments, **properties})

    def keen(self, user: str, **more: Any) -> None:
        """What makes a PQL under the starter settings: use, value and intent, usage about 75."""
        for ago in range(10):
            self.did(user, "report_viewed", ago + 0.1, **more)
        self.did(user, "project_created", 1.2, times=5, pages=3, **more)
        for name in ("slack", "jira"):
            self.did(user, "integration_connected", 2.2, integration=name, **more)
        self.did(user, "pricing_viewed", 0.2, times=2, **more)

    # ------------------------------------------------------------------------------ the settings

    def settings(self, **files: str) -> None:
        """Replace whole settings files by name."""
        for name, text in files.items():
            (self.folder / "settings.d" / f"{name}.yaml").write_text(text)
        self.close()

    def rewrite(self, file: str, old: str, new: str) -> None:
        """Change one place of a settings file."""
        path = self.folder / "settings.d" / f"{file}.yaml"
        text = path.read_text()
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {file}.yaml"
        path.write_text(text.replace(old, new))
        self.close()

    # ------------------------------------------------------------------------------ days

    def write(self) -> None:
        """Bring what happened since the last time as new files of the product's export."""
        data = self.folder / "settings.d" / "data"
        data.mkdir(exist_ok=True)
        for name, rows in (("users", self.users), ("accounts", self.accounts)):
            (data / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        fresh = self.events[self._told :]
        if fresh or not self._files:
            self._files += 1
            (data / f"events-{self._files:03d}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in fresh))
        self._told = len(self.events)

    @property
    def worker(self) -> Worker:
        if self._worker is None:
            self._worker = self._things.enter_context(
                open_worker(read_settings(self.places), self.places, now=lambda: self.now)
            )
        return self._worker

    @property
    def places(self) -> Places:
        store = f"sqlite:///{self.folder / 'pql.db'}"
        return Places(self.folder / "settings.d", store, self.folder / "lake", memory="256MB", threads=1)

    def close(self) -> None:
        self._things.close()
        self._worker = None

    def run(self, as_of: datetime | None = None, **wanted: Any) -> Report:
        """A run at this instant; it becomes the present one."""
        self.now = as_of or self.now
        self.write()
        return self.worker.run(wanted=Wanted(as_of=self.now, **wanted))

    def plan(self, as_of: datetime | None = None) -> PlanReport:
        self.write()
        return self.worker.plan(as_of or self.now)

    def explain(self, lead: str, as_of: datetime | None = None) -> Explanation:
        return self.worker.explain(lead, as_of or self.now)

    def state(self, lead: str, definition: str = "pql") -> dict[str, Any]:
        """What explain says of a lead in a definition."""
        return next(one for one in self.explain(lead).state if one["definition"] == definition)

    def baseline(self) -> Report:
        """Set up on the Friday: a run without anybody who qualifies makes the Monday a usual day."""
        report = self.run(FRIDAY)
        self.now = MONDAY
        return report

    def skip_baseline(self) -> None:
        """Begin on the Monday, with handoffs in the first run already."""
        self.rewrite("handoff", "on_first_run: flag_only", "on_first_run: handoff")
        self.now = MONDAY


Opened = Callable[..., Stage]


@pytest.fixture(scope="session")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What every stage starts as a copy of: a migrated store, and two provisioned CRMs with owners."""
    folder = tmp_path_factory.mktemp("bare")
    schema.migrate(f"sqlite:///{folder / 'pql.db'}")
    with Sandbox.start(folder) as sandbox:
        for name in ("hubspot", "salesforce"):
            endpoint = getattr(sandbox, name)
            endpoint.seed(owners=[{"email": f"{one}@acme.com", "name": one.title()} for one in OWNERS])
            options = {"token": Secret("TOKEN", endpoint.token), "base_url": endpoint.url}
            with closing(registry.crm(DestinationSpec(name=name, kind=name, options=options))) as crm:
                crm.provisioning.apply()
    return folder


@pytest.fixture(scope="module")
def opened(bare: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    """Set a stage of its own, with its own CRMs; `salesforce=True` for both."""
    with ExitStack() as things:
        patch = things.enter_context(pytest.MonkeyPatch.context())

        def opening(*, salesforce: bool = False) -> Stage:
            folder = tmp_path_factory.mktemp("stage")
            for name in ("pql.db", "hubspot.sqlite", *(("salesforce.sqlite",) if salesforce else ())):
                shutil.copy(bare / name, folder)
            only = ("hubspot", "salesforce") if salesforce else ("hubspot",)
            sandbox = things.enter_context(Sandbox.start(folder, only=only))
            for name in only:  # every sandbox has the same token
                patch.setenv(f"{name.upper()}_TOKEN", getattr(sandbox, name).token)
            _write_settings(folder / "settings.d", {name: getattr(sandbox, name) for name in only})
            stage = Stage(folder, Portal(sandbox.hubspot), Portal(sandbox.salesforce) if salesforce else None)
            things.callback(stage.close)
            return stage

        yield opening


@pytest.fixture
def stage(opened: Opened) -> Stage:
    return opened()


def _write_settings(folder: Path, crms: dict[str, Endpoint]) -> None:
    starter.write(folder)
    text = "".join(DESTINATIONS[name].format(token=f"${{{name.upper()}_TOKEN}}", url=one.url) for name, one in crms.items())
    (folder / "destinations.yaml").write_text("destinations:\n" + text)
    sources = folder / "sources.yaml"
    text = sources.read_text().replace("users*.csv", "users*.jsonl").replace("accounts*.csv", "accounts*.jsonl")
    sources.write_text(text)


@pytest.fixture
def pql(stage) -> Commands:
    """`pql` on the places of the stage."""
    places = stage.places
    here = {"PQL_SETTINGS": str(places.settings), "PQL_STORE": places.store, "PQL_LAKE": str(places.lake)}
    return Commands(stage.folder, {**here, "HUBSPOT_TOKEN": stage.portal.endpoint.token, "PQL_THREADS": "1"})
