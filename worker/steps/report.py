"""
What a run, a plan and an explanation say: the documents behind `--output json`, the terminal and the console.

Decided here: the shapes, which are a stable surface; their JSON Schemas are shipped in worker/cli/schemas. Counts are whole.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Status = Literal["done", "partial", "held", "failed", "interrupted"]


class Document(BaseModel):
    """Every document names its schema; unknown keys are mistakes."""

    model_config = ConfigDict(extra="forbid")


class SourceCounts(Document):
    """What one source brought: rows read, of these new, seen before, set aside; and how long it took."""

    read: int = 0
    new: int = 0
    duplicate: int = 0
    quarantined: int = 0
    seconds: float = 0.0


class LeadCounts(Document):
    """Leads known, scored, excluded, and those whose flag, tier or owner changes."""

    seen: int = 0
    scored: int = 0
    excluded: int = 0
    changed: int = 0


class AccountCounts(Document):
    """Accounts with a lead, and those of them that are excluded."""

    seen: int = 0
    excluded: int = 0


class StateCounts(Document):
    """Episodes that began and ended in this run, and leads (or accounts) per state after it."""

    entered: int = 0
    left: int = 0
    now: dict[str, int] = Field(default_factory=dict)


class RecordCounts(Document):
    """What became of records. Each lead counts once per destination."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    unmatched: int = 0
    needs_review: int = 0
    kept_human_edit: int = 0
    rejected: int = 0
    unknown: int = 0


class TaskCounts(Document):
    created: int = 0
    existing: int = 0
    held: int = 0
    moved: int = 0
    closed: int = 0


class Calls(Document):
    """HTTP requests made, the least that could have done it, and those that wrote."""

    made: int = 0
    minimum: int = 0
    writing: int = 0


class DestinationCounts(Document):
    records: RecordCounts = Field(default_factory=RecordCounts)
    tasks: TaskCounts = Field(default_factory=TaskCounts)
    calls: Calls = Field(default_factory=Calls)
    seconds: float = 0.0


class Rejection(Document):
    """One row that a CRM will not take: which, why, what to do."""

    destination: str
    lead: str
    name: str = ""
    field: str | None = None
    code: str = ""
    message: str = ""


class Waiting(Document):
    """A qualified lead whose handoff waits, or a run that a guard holds."""

    lead: str | None
    reason: str
    detail: str = ""


class Guard(Document):
    """A guard that looked: what it counted, its limit, whether it holds the run."""

    name: str
    counted: float
    limit: float
    holds: bool
    says: str = ""


class Report(Document):
    """What one run did."""

    schema_: str = Field(default="pqlsync/run/1", alias="schema")
    run: str
    status: Status = "done"
    as_of: datetime
    settings_sha: str
    sources: dict[str, SourceCounts] = Field(default_factory=dict)
    leads: LeadCounts = Field(default_factory=LeadCounts)
    states: StateCounts = Field(default_factory=StateCounts)
    """Of leads."""
    accounts: AccountCounts = Field(default_factory=AccountCounts)
    account_states: StateCounts = Field(default_factory=StateCounts)
    """Of accounts; what qualifies as an account (PQA) is not counted among leads (PQLs)."""
    excluded: dict[str, int] = Field(default_factory=dict)
    gates: dict[str, int] = Field(default_factory=dict)
    routes: dict[str, int] = Field(default_factory=dict)
    destinations: dict[str, DestinationCounts] = Field(default_factory=dict)
    kept: dict[str, int] = Field(default_factory=dict)
    """What people had set and was left as it is: reason -> records."""
    rejected: list[Rejection] = Field(default_factory=list)
    held: list[Waiting] = Field(default_factory=list)
    guards: list[Guard] = Field(default_factory=list)
    warnings: list[str] = Field(default_factory=list)
    stages: dict[str, float] = Field(default_factory=dict)

    def exit_code(self) -> int:
        """0 done or partial, 1 done with rejected or held rows, 2 refused or held as a whole, 3 interrupted."""
        if self.status == "interrupted":
            return 3
        if self.status in ("held", "failed"):
            return 2
        return 1 if self.rejected or self.held else 0


class PlannedChange(Document):
    """One field of one record: what the CRM is known to hold, what it should, and why."""

    destination: str
    object: str
    lead: str
    record: str | None = None
    field: str
    old: Any = None
    new: Any = None
    because: str = ""


class PlannedTask(Document):
    """A handoff task that would be made."""

    destination: str
    lead: str
    key: str
    subject: str
    body: str
    owner: str
    due: datetime
    rule: str
    moves: bool = False
    """It is there already, nobody touched it, and whoever had it has left: it goes to `owner`."""


class PlannedOwner(Document):
    destination: str
    lead: str
    old: str | None
    new: str
    because: str


class Skip(Document):
    """A lead or a record that is left alone, and why."""

    lead: str
    destination: str | None = None
    reason: str
    detail: str = ""


class PlanReport(Document):
    """What a run would do now. `digest` binds a later `run --plan` to this state."""

    schema_: str = Field(default="pqlsync/plan/1", alias="schema")
    as_of: datetime
    settings_sha: str
    digest: str = ""
    changes: list[PlannedChange] = Field(default_factory=list)
    changes_not_listed: int = 0
    tasks: list[PlannedTask] = Field(default_factory=list)
    owners: list[PlannedOwner] = Field(default_factory=list)
    skips: list[Skip] = Field(default_factory=list)
    skips_not_listed: int = 0
    calls: dict[str, Calls] = Field(default_factory=dict)
    minutes: float = 0.0
    guards: list[Guard] = Field(default_factory=list)
    leads: LeadCounts = Field(default_factory=LeadCounts)
    states: StateCounts = Field(default_factory=StateCounts)
    """Of leads."""
    accounts: AccountCounts = Field(default_factory=AccountCounts)
    account_states: StateCounts = Field(default_factory=StateCounts)
    """Of accounts; what qualifies as an account (PQA) is not counted among leads (PQLs)."""
    counts: dict[str, int] = Field(default_factory=dict)
