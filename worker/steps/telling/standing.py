"""How things stand: runs, cursors, work in hand, what waits, what is stuck. Retrying makes rows due again."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from connectors.fields import TASK_KEY
from settings.root import Settings
from worker.core import alerting
from worker.steps.mending.audit import DEED
from worker.steps.report import Document
from worker.store import (
    alerts,
    audit,
    beats,
    drift,
    intents,
    landing,
    leads,
    mirror,
    pauses,
    records,
    routes,
    runs,
    versions,
)
from worker.store.database import Store, Tx

AUDITS = 100
WORKERS = 20  # the most recent ones; a pool brings forth a new process for each that it retires


class RunLine(Document):
    """One run in a line."""

    id: str
    as_of: datetime
    status: str
    entered: int = 0
    accounts_entered: int = 0
    seconds: float = 0.0


class OpenAlert(Document):
    """Something that needs a person: how bad, what about what, since when."""

    level: Literal["failed", "degraded", "silent"]
    name: str
    subject: str
    since: datetime
    says: str


class Untold(Document):
    """Messages that a channel did not take yet."""

    channel: str
    messages: int
    oldest: datetime
    attempts: int
    last_error: str | None


class Standing(Document):
    """The document of `pql status`. Rows of tables are tuples as their headings say."""

    schema_: str = Field(default="pqlsync/status/1", alias="schema")
    workspace: str
    active: str | None = None
    now: datetime
    runs: list[RunLine] = Field(default_factory=list)
    held_by: list[str] = Field(default_factory=list)
    """What the guards say that hold the last run."""
    accounts: dict[str, int] | None = None
    """Accounts by state, where a definition qualifies accounts (PQAs)."""
    sources: list[tuple[str, str, datetime | None, datetime | None]] = Field(default_factory=list)
    mirrors: dict[str, datetime | None] = Field(default_factory=dict)
    records: list[tuple[str, str, int]] = Field(default_factory=list)
    tasks: list[tuple[str, str, int]] = Field(default_factory=list)
    waiting: list[tuple[str, int]] = Field(default_factory=list)
    paused: dict[str, str] = Field(default_factory=dict)
    audits: list[tuple[str, datetime, int, int]] = Field(default_factory=list)
    """The last drift audit: destination, when, records looked at, records that were not as acknowledged."""
    left_out: list[tuple[str, str, str]] = Field(default_factory=list)
    """Fields that a CRM turned out not to have, and that are not written until it has them: destination, field, why."""
    drift: list[tuple[str, str, str, int]] = Field(default_factory=list)
    """Fields of ours that others overwrote lately: destination, what was done, field, records."""
    guarded: list[str] = Field(default_factory=list)
    """Destinations without a unique task key: one task each is guarded by reading, not guaranteed by the CRM."""
    workers: list[tuple[str, datetime, str]] = Field(default_factory=list)
    """Processes at work: name, last sign of life, what it did."""
    alerts: list[OpenAlert] = Field(default_factory=list)
    """What needs a person, the oldest first."""
    untold: list[Untold] = Field(default_factory=list)
    """Messages that wait, by channel."""


def standing(store: Store, settings: Settings | None = None) -> Standing:
    """How things stand in one workspace."""
    with store.read() as tx:
        active = versions.active(tx)
        cursors = [(name, stream, landing.cursor(tx, name, stream)) for name, stream in _streams(settings)]
        recent = runs.recent(tx, 10)
        held = Counter(row["reason"] for row in routes.waiting(tx))
        return Standing(
            schema="pqlsync/status/1",
            workspace=store.workspace,
            active=active.hash if active else None,
            now=tx.now(),
            runs=[_line(one) for one in recent],
            held_by=_held_by(recent),
            accounts=_accounts(tx, settings) if settings and settings.of_grain("account") else None,
            sources=[(name, stream, c.pulled_at, c.newest_event) for name, stream, c in cursors if c],
            mirrors={name: mirror.read_at(tx, name) for name in settings.destinations} if settings else {},
            records=[(d, s, n) for d, counts in sorted(records.counts(tx).items()) for s, n in sorted(counts.items())],
            tasks=[(k, s, n) for k, counts in sorted(intents.counts(tx).items()) for s, n in sorted(counts.items())],
            waiting=held.most_common(),
            workers=[(one["worker"], one["at"], one["doing"] or "") for one in beats.workers(tx)[:WORKERS]],
            audits=_audits(tx, settings),
            left_out=_left_out(tx, settings),
            drift=drift.counts(tx),
            guarded=[name for name in settings.destinations if _guarded(tx, name)] if settings else [],
            alerts=[_alert(one) for one in alerts.open_ones(tx)],
            untold=[Untold(**row) for row in alerts.waiting(tx)],
            paused={what: row["why"] or "no reason given" for what, row in pauses.active(tx).items()},
        )


def _left_out(tx: Tx, settings: Settings | None) -> list[tuple[str, str, str]]:
    names = settings.destinations if settings else ()
    parked = [(name, where, why) for name in names for where, why in sorted(records.parked(tx, name).items())]
    return [(name, f"{object}.{field}", why) for name, (object, field), why in parked]


def _audits(tx: Tx, settings: Settings | None) -> list[tuple[str, datetime, int, int]]:
    found: dict[str, tuple[str, datetime, int, int]] = {}
    for row in audit.recent(tx, AUDITS, what=DEED):
        told = row["detail"]
        drifted = sum(told[name] for name in ("repaired", "fighting", "other_writer", "gone"))
        found.setdefault(told["destination"], (told["destination"], row["at"], told["looked"], drifted))
    return [found[name] for name in sorted(found) if settings is None or name in settings.destinations]


def _alert(one: alerting.Standing) -> OpenAlert:
    about = one.condition
    return OpenAlert(level=about.level, name=about.name, subject=about.subject, since=one.since, says=about.says)


def _streams(settings: Settings | None) -> list[tuple[str, str]]:
    names = ("events", "users", "accounts")
    specs = settings.sources.items() if settings else ()
    return [(name, stream) for name, spec in specs for stream in names if getattr(spec, stream) is not None]


def _line(run: runs.Run) -> RunLine:
    report = run.report or {}
    seconds = (run.ended_at - run.started_at).total_seconds() if run.ended_at else 0.0
    entered, accounts = (report.get(name, {}).get("entered", 0) for name in ("states", "account_states"))
    told = {"entered": entered, "accounts_entered": accounts, "seconds": round(seconds, 1)}
    return RunLine(id=run.id, as_of=run.as_of, status=run.status, **told)


def _accounts(tx: Tx, settings: Settings) -> dict[str, int]:
    counted: Counter[str] = Counter()
    for definition, counts in leads.count_states(tx).items():
        if definition in settings.of_grain("account"):
            counted.update(counts)
    return dict(sorted(counted.items()))


def _guarded(tx: Tx, destination: str) -> bool:
    return ("task", TASK_KEY.name) in records.parked(tx, destination)


def _held_by(recent: list[runs.Run]) -> list[str]:
    last = next((run for run in recent if run.status != runs.OPEN), None)
    if last is None or last.status != "held":
        return []
    return [f"{one['name']}: {one['says']}" for one in (last.report or {}).get("guards", []) if one["holds"]]


def stuck(store: Store, settings: Settings) -> list[dict[str, Any]]:
    """Everything that needs a person: where, what, status, reason."""
    found: list[dict[str, Any]] = []
    with store.read() as tx:
        for name in settings.destinations:
            found += [
                {
                    "where": name,
                    "what": f"{row['object']} {row['record_key']}",
                    "status": row["status"],
                    "reason": row["last_error"],
                }
                for row in records.stuck(tx, name)
            ]
            found += [
                {
                    "where": name,
                    "what": f"{row['kind']} {row['lead_key']}",
                    "status": row["status"],
                    "reason": row["last_error"],
                }
                for row in intents.stuck(tx, name)
            ]
            found += [
                {"where": name, "what": f"field {object}.{field}", "status": "left out", "reason": why}
                for (object, field), why in sorted(records.parked(tx, name).items())
            ]
        for row in landing.quarantined(tx):
            found.append({"where": row["source"], "what": row["where"], "status": "set aside", "reason": row["reason"]})
    return found


def try_again(store: Store, settings: Settings, who: str) -> dict[str, int]:
    """Make rejected, dead and reviewed rows and left-out fields due again; how many of each."""
    counts: Counter[str] = Counter()
    with store.write() as tx:
        for name in settings.destinations:
            counts["records"] += records.retry(tx, name)
            counts["tasks"] += intents.retry(tx, name)
            for object, field in records.parked(tx, name):
                counts["fields"] += 1
                records.unpark(tx, name, object, field)
        audit.add(tx, who, "retry", dict(counts))
    return dict(counts)
