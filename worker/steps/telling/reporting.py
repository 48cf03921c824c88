"""
From a plan to the documents that people and programs read.

Decided here: how plan and run are counted. Writes nothing.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

from connectors.bulk import Bulk
from worker.core.planning import Batches, Held, minimum_calls
from worker.core.wording import lead_name
from worker.steps.planning.asking import Wish
from worker.steps.planning.commit import PENDING
from worker.steps.planning.plan import Plan
from worker.steps.planning.wishes import Destined, news
from worker.steps.report import (
    AccountCounts,
    Calls,
    Guard,
    LeadCounts,
    PlannedChange,
    PlannedOwner,
    PlannedTask,
    PlanReport,
    Report,
    Skip,
    StateCounts,
    Waiting,
)
from worker.steps.tools import Tools
from worker.store import leads

RECORDS_A_SECOND = 1_900.0
"""HubSpot's allowance of 190 calls in ten seconds with 100 records each; a guess for the minutes a plan takes."""

MOST_LISTED = 100_000
"""Changes and skips of a plan that are listed; all of them are counted, and all of them bind a saved plan."""


def plan_report(tools: Tools, plan: Plan) -> PlanReport:
    """The document of `pql plan`."""
    read = _Reading(bulk=frozenset(name for name, crm in tools.crms.items() if crm.bulk is not None))
    for name, one in sorted(plan.destined.items()):
        for wish in one.all():
            read.look_at(name, wish)
    skips = [*_unhanded(plan), *read.skips]
    return PlanReport(
        schema="pqlsync/plan/1",
        as_of=plan.as_of,
        settings_sha=plan.settings_sha,
        digest=_digest(plan, read.hash),
        changes=read.changes,
        changes_not_listed=read.changed - len(read.changes),
        tasks=list(_tasks(tools, plan)),
        owners=list(_owners(plan)),
        skips=skips,
        skips_not_listed=read.skipped - len(read.skips),
        calls={name: Calls(minimum=_minimum(tools, plan, name, read)) for name in plan.destined},
        minutes=round(read.writes / RECORDS_A_SECOND / 60, 1),
        guards=guards(plan),
        leads=lead_counts(tools, plan),
        states=state_counts(tools, plan, before=True),
        accounts=account_counts(tools, plan),
        account_states=state_counts(tools, plan, "account", before=True),
        counts={f"{name}.{what}": n for name, one in plan.destined.items() for what, n in _numbers(one).items()},
    )


def digest(plan: Plan) -> str:
    """What binds a saved plan: every change, task and owner it holds."""
    hash = hashlib.sha256()
    for name, one in sorted(plan.destined.items()):
        for wish in one.all():
            hash.update(_binding(name, wish))
    return _digest(plan, hash)


def _digest(plan: Plan, wishes: Any) -> str:
    handed = [(one.decision.lead.lead_key, one.decision.assignee, one.decision.rule) for one in plan.routed.handoffs]
    return hashlib.sha256(orjson.dumps([plan.settings_sha, plan.as_of, wishes.hexdigest(), handed])).hexdigest()


def _binding(name: str, wish: Wish) -> bytes:
    if not wish.difference.causes and wish.status == "due":
        return b""
    record, causes = wish.difference.record, wish.difference.causes
    told = [(one.field, str(one.old), str(one.new)) for one in causes]
    return orjson.dumps([name, record.key, record.crm_id, wish.status, told])


@dataclass(slots=True)
class _Reading:
    """What a plan document tells of the wishes, each looked at once and let go."""

    hash: Any = field(default_factory=hashlib.sha256)
    changes: list[PlannedChange] = field(default_factory=list)
    changed: int = 0
    skips: list[Skip] = field(default_factory=list)
    skipped: int = 0
    writes: int = 0
    groups: Counter[tuple[str, str, bool]] = field(default_factory=Counter)
    reads: Counter[tuple[str, str]] = field(default_factory=Counter)
    bulk: frozenset[str] = frozenset()
    """Destinations that take files."""
    files: Counter[tuple[str, str, bool, frozenset[str]]] = field(default_factory=Counter)
    """Updates that need no look before, by destination, object, whether they are urgent, and fields."""

    def look_at(self, name: str, wish: Wish) -> None:
        self.hash.update(_binding(name, wish))
        self.writes += len(news([wish]))
        record, causes = wish.difference.record, wish.difference.causes
        if causes and wish.status == "due":
            self.groups[name, record.object, record.crm_id is None] += 1
            self.reads[name, record.object] += bool(wish.difference.asks)
            if name in self.bulk and record.crm_id is not None and not wish.difference.asks:
                self.files[name, record.object, *_signature(wish)] += 1
            self.changed += len(causes)
            room = MOST_LISTED - len(self.changes)
            self.changes += [] if room <= 0 else list(_changes(name, wish))[:room]
        skips = list(_skips(name, wish))
        self.skipped += len(skips)
        self.skips += skips[: max(MOST_LISTED - len(self.skips), 0)]


def _signature(wish: Wish) -> tuple[bool, frozenset[str]]:
    """What decides which file an update could go into, as the push will see it."""
    flagged = any(want.field == "pql_flag" and want.value for want in wish.wants)
    going = (*wish.difference.causes, *wish.difference.riders)
    return flagged, frozenset(one.field for one in going)


def _changes(name: str, wish: Wish) -> Iterator[PlannedChange]:
    record = wish.difference.record
    for change in wish.difference.causes:
        yield PlannedChange(
            destination=name,
            object=record.object,
            lead=_name(wish),
            record=record.crm_id,
            field=change.field,
            old=change.old,
            new=change.new,
            because=change.because,
        )


def _name(wish: Wish) -> str:
    if wish.difference.record.object == "company":
        return str(wish.row.get("account.name") or wish.row.get("account.domain") or wish.difference.record.key)
    return str(wish.row.get("user.email") or wish.row["user_id"])


def _tasks(tools: Tools, plan: Plan) -> Iterator[PlannedTask]:
    moving = plan.routed.moving
    for one in plan.routed.handoffs:
        yield PlannedTask(
            destination=tools.settings.handoff.work_in,
            lead=str(one.row.get("user.email") or one.row["user_id"]),
            key=one.decision.lead.lead_key,
            subject=one.text.subject,
            body=one.text.body,
            owner=one.decision.assignee,
            due=one.decision.respond_by,
            rule=one.decision.rule,
            moves=one in moving,
        )


def _owners(plan: Plan) -> Iterator[PlannedOwner]:
    emails = {owner.id: owner.email for owner in plan.routed.owners.values()}
    for name, one in plan.destined.items():
        for wish in one.people:
            for change in wish.difference.causes:
                if change.field == "owner":
                    old = None if change.old is None else emails.get(str(change.old), str(change.old))
                    new = emails.get(str(change.new), str(change.new))
                    yield PlannedOwner(destination=name, lead=_name(wish), old=old, new=new, because=change.because)


def _unhanded(plan: Plan) -> Iterator[Skip]:
    for row, reason, detail in plan.routed.skipped:
        yield Skip(lead=str(row.get("user.email") or row["user_id"]), reason=reason, detail=detail)
    for held in plan.routed.held:
        yield Skip(lead=_lead(held.lead.values), reason=held.reason, detail=str(held.detail.get("says", "")))


def _skips(name: str, wish: Wish) -> Iterator[Skip]:
    if wish.status != "due":
        yield Skip(lead=_name(wish), destination=name, reason=wish.status)
    if wish.owner_kept:
        yield Skip(lead=_name(wish), destination=name, reason=wish.owner_kept)
    for field_, why in wish.difference.kept.items():
        yield Skip(lead=_name(wish), destination=name, reason=why, detail=field_)


def _lead(values: Any) -> str:
    return str(values.get("user.email") or lead_name(values) or values["user_id"])


def _minimum(tools: Tools, plan: Plan, name: str, read: _Reading) -> int:
    crm = tools.crms[name]
    groups = {(object, creating): n for (of, object, creating), n in read.groups.items() if of == name}
    reads = [n for (of, _), n in read.reads.items() if of == name]
    home, moving = name == tools.settings.handoff.work_in, len(plan.routed.moving)
    tasks = [len(plan.routed.handoffs) - moving] if home else []
    filed = _filed(crm.bulk, name, read)
    for object, rows, _ in filed:
        groups[object, False] -= rows
    batches = Batches(crm.records.batch, crm.records.batch, crm.tasks.batch)
    first = [n for (object, creating), n in groups.items() if object in crm.records.looks_first and not creating]
    least = minimum_calls(batches, groups.values(), [*reads, *first], tasks)
    return least + sum(calls for _, _, calls in filed) + (2 * moving if home else 0)


def _filed(bulk: Bulk | None, name: str, read: _Reading) -> list[tuple[str, int, int]]:
    """Which updates will go as files: object, rows, calls."""
    if bulk is None or not bulk.above:
        return []
    large = [(key[1], rows) for key, rows in read.files.items() if key[0] == name and rows > bulk.above]
    return [(object, rows, bulk.calls(object, rows)) for object, rows in large]


def guards(plan: Plan) -> list[Guard]:
    """The guards that hold, those that a person lets the plan pass, and sources that demote nobody."""
    old = [
        Guard(
            name="source_older_than",
            counted=0,
            limit=0,
            holds=False,
            says=f"{name} is stale: nobody loses a status while it is.",
        )
        for name in plan.stale
    ]
    passed = [one.model_copy(update={"holds": False, "says": f"Let pass. {one.says}"}) for one in holding(plan.passed)]
    return holding(plan.guards) + passed + old


def holding(held: Iterable[Held]) -> list[Guard]:
    """Guards that hold, as documents tell of them."""
    return [Guard(name=one.guard, counted=one.seen, limit=one.allowed, holds=True, says=one.says) for one in held]


def lead_counts(tools: Tools, plan: Plan) -> LeadCounts:
    """Leads by what became of them."""
    frame = plan.scored.frame
    row = tools.engine.run(frame.aggregate(seen=frame.count(), excluded=frame.excluded.notnull().sum())).to_pylist()[0]
    home = plan.destined[tools.settings.handoff.work_in]
    changed = sum(
        1 for one in home.people if any(c.field in ("pql_flag", "pql_tier", "owner") for c in one.difference.causes)
    )
    changed += home.others.count("fresh") + home.others.count("moves")
    excluded = int(row["excluded"] or 0)
    return LeadCounts(seen=row["seen"], scored=row["seen"] - excluded, excluded=excluded, changed=changed)


def account_counts(tools: Tools, plan: Plan) -> AccountCounts:
    """Accounts with a lead, and those of them that are excluded."""
    rows = plan.scored.accounts
    row = tools.engine.run(rows.aggregate(seen=rows.count(), excluded=rows.excluded.count())).to_pylist()[0]
    return AccountCounts(seen=row["seen"], excluded=row["excluded"])


def excluded(tools: Tools, plan: Plan) -> dict[str, int]:
    """Excluded leads by reason."""
    frame = plan.scored.frame
    out = frame.filter(frame.excluded.notnull())
    rows = out.group_by("excluded").aggregate(n=out.count())
    return {row["excluded"]: row["n"] for row in sorted(tools.engine.run(rows).to_pylist(), key=lambda row: -row["n"])}


def gates(tools: Tools, plan: Plan) -> dict[str, int]:
    """How many pass each gate of each definition, one after the other."""
    passed = {**_passed(tools, plan.scored.frame, "lead"), **_passed(tools, plan.scored.accounts, "account")}
    order = list(tools.settings.qualify)
    return dict(sorted(passed.items(), key=lambda one: order.index(one[0].partition(":")[0])))


def _passed(tools: Tools, frame: Any, grain: str) -> dict[str, int]:
    found = {}
    for name, definition in tools.settings.of_grain(grain).items():
        passing = frame.excluded.isnull() & frame[f"applies_{name}"]
        found[f"{name}: applies"] = passing.sum()
        for family, _ in definition.must_have.parts():
            passing &= frame[f"must_{name}_{family}"]
            found[f"{name}: {family}"] = passing.sum()
        found[f"{name}: score"] = (passing & (frame[f"value_{name}"] >= definition.enter_at)).sum()
    row = tools.engine.run(frame.aggregate(**found)).to_pylist()[0] if found else {}
    return {name: int(value or 0) for name, value in row.items()}


def state_counts(tools: Tools, plan: Plan, grain: str = "lead", *, before: bool = False) -> StateCounts:
    """Episodes begun and ended, and leads per state after the run (before: as the store has them, with the plan's moves)."""
    definitions = tools.settings.of_grain(grain)
    moved = [one for one in plan.qualified.moved if one.definition in definitions]
    entered = sum(one.transition.became_pql for one in moved)
    left = sum(one.transition.left for one in moved)
    now: Counter[str] = Counter()
    with tools.store.read() as tx:
        for name, counts in leads.count_states(tx).items():
            # What the settings no longer define was of leads, as far as anybody knows.
            if name in definitions or (grain == "lead" and name not in tools.settings.qualify):
                now.update(counts)
    if before:
        for one in moved:
            now[one.transition.to_state] += 1
            now[one.transition.from_state] -= 1
    return StateCounts(entered=entered, left=left, now={name: n for name, n in sorted(now.items()) if n > 0})


def _numbers(one: Destined) -> dict[str, int]:
    return {"unmatched": one.unmatched, "needs_review": one.needs_review, "unchanged": max(one.quiet, 0)}


def add_plan(tools: Tools, report: Report, plan: Plan) -> None:
    """What the plan says in the report of its run."""
    report.leads = lead_counts(tools, plan)
    report.states = state_counts(tools, plan)
    report.accounts = account_counts(tools, plan)
    report.account_states = state_counts(tools, plan, "account")
    report.excluded = excluded(tools, plan)
    report.gates = gates(tools, plan)
    report.guards = guards(plan)
    report.routes = dict(Counter(one.decision.rule for one in plan.routed.handoffs))
    if plan.routed.joined:
        report.routes["joins the account's task"] = len(plan.routed.joined)
    report.held = [
        Waiting(lead=_lead(one.lead.values), reason=one.reason, detail=str(one.detail.get("says", "")))
        for one in plan.routed.held
    ]
    kept: Counter[str] = Counter()
    for name, one in plan.destined.items():
        kept.update(one.seen.kept)
        counts = report.destinations[name].records
        counts.unmatched, counts.needs_review = one.unmatched, one.needs_review
        counts.unchanged += max(one.quiet, 0)
        counts.kept_human_edit += one.seen.human_edits
    report.kept = dict(kept)
    report.destinations[tools.settings.handoff.work_in].tasks.held = sum(1 for one in report.held if one.reason != PENDING)
