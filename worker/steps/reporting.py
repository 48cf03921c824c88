"""
From a plan to the documents that people and programs read.

Decided here: how plan and run are counted. Writes nothing.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from typing import Any

import orjson

from worker.core.planning import Batches, minimum_calls
from worker.core.wording import lead_name
from worker.steps.asking import Wish
from worker.steps.commit import PENDING
from worker.steps.plan import Plan
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
from worker.steps.wishes import Destined, news
from worker.store import leads

RECORDS_A_SECOND = 1_900.0
"""HubSpot's allowance of 190 calls in ten seconds with 100 records each; a guess for the minutes a plan takes."""

_BY_PEOPLE = frozenset({"human_edit_kept", "conflict"})
"""Fields that somebody changed after us, or had filled before us."""


def plan_report(tools: Tools, plan: Plan) -> PlanReport:
    """The document of `pql plan`."""
    changes = [change for name, one in plan.destined.items() for change in _changes(name, one)]
    tasks = list(_tasks(tools, plan))
    calls = {name: Calls(minimum=_minimum(tools, plan, name)) for name in plan.destined}
    writes = sum(len(news(one.people)) + len(news(one.companies)) for one in plan.destined.values())
    return PlanReport(
        schema="pqlsync/plan/1",
        as_of=plan.as_of,
        settings_sha=plan.settings_sha,
        digest=digest(plan),
        changes=changes,
        tasks=tasks,
        owners=list(_owners(plan)),
        skips=list(_skips(plan)),
        calls=calls,
        minutes=round(writes / RECORDS_A_SECOND / 60, 1),
        guards=guards(plan),
        leads=lead_counts(tools, plan),
        states=state_counts(tools, plan, before=True),
        accounts=account_counts(tools, plan),
        account_states=state_counts(tools, plan, "account", before=True),
        counts={f"{name}.{what}": n for name, one in plan.destined.items() for what, n in _numbers(one).items()},
    )


def digest(plan: Plan) -> str:
    """What binds a saved plan: every change, task and owner it holds, whatever the order they were found in."""
    told = [
        (
            name,
            wish.difference.record.key,
            wish.difference.record.crm_id,
            wish.status,
            [(c.field, str(c.old), str(c.new)) for c in wish.difference.causes],
        )
        for name, one in sorted(plan.destined.items())
        for wish in (*one.people, *one.companies)
        if wish.difference.causes or wish.status != "due"
    ]
    handed = [(one.decision.lead.lead_key, one.decision.assignee, one.decision.rule) for one in plan.routed.handoffs]
    return hashlib.sha256(orjson.dumps([plan.settings_sha, plan.as_of, told, handed])).hexdigest()


def _changes(name: str, one: Destined) -> Iterator[PlannedChange]:
    for wish in (*one.people, *one.companies):
        record = wish.difference.record
        for change in wish.difference.causes if wish.status == "due" else ():
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


def _skips(plan: Plan) -> Iterator[Skip]:
    for row, reason, detail in plan.routed.skipped:
        yield Skip(lead=str(row.get("user.email") or row["user_id"]), reason=reason, detail=detail)
    for held in plan.routed.held:
        yield Skip(lead=_lead(held.lead.values), reason=held.reason, detail=str(held.detail.get("says", "")))
    for name, one in plan.destined.items():
        for wish in one.people:
            if wish.status != "due":
                yield Skip(lead=_name(wish), destination=name, reason=wish.status)
            if wish.owner_kept:
                yield Skip(lead=_name(wish), destination=name, reason=wish.owner_kept)
            for field, why in wish.difference.kept.items():
                yield Skip(lead=_name(wish), destination=name, reason=why, detail=field)


def _lead(values: Any) -> str:
    return str(values.get("user.email") or lead_name(values) or values["user_id"])


def _minimum(tools: Tools, plan: Plan, name: str) -> int:
    crm = tools.crms[name]
    groups: Counter[tuple[str, bool]] = Counter()
    reads: Counter[str] = Counter()
    one = plan.destined[name]
    for wish in (*one.people, *one.companies):
        if wish.difference.causes and wish.status == "due":
            groups[wish.difference.record.object, wish.difference.record.crm_id is None] += 1
            reads[wish.difference.record.object] += bool(wish.difference.asks)
    tasks = [len(plan.routed.handoffs)] if name == tools.settings.handoff.work_in else []
    batches = Batches(crm.records.batch, crm.records.batch, crm.tasks.batch)
    first = [n for (object, creating), n in groups.items() if object in crm.records.looks_first and not creating]
    return minimum_calls(batches, groups.values(), [*reads.values(), *first], tasks)


def guards(plan: Plan) -> list[Guard]:
    """The guards that hold, and sources that demote nobody."""
    held = [Guard(name=one.guard, counted=one.seen, limit=one.allowed, holds=True, says=one.says) for one in plan.guards]
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
    return held + old


def lead_counts(tools: Tools, plan: Plan) -> LeadCounts:
    """Leads by what became of them."""
    frame = plan.scored.frame
    row = tools.engine.run(frame.aggregate(seen=frame.count(), excluded=frame.excluded.notnull().sum())).to_pylist()[0]
    home = plan.destined[tools.settings.handoff.work_in]
    changed = sum(
        1 for one in home.people if any(c.field in ("pql_flag", "pql_tier", "owner") for c in one.difference.causes)
    )
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
        kept.update(wish.owner_kept for wish in one.people if wish.owner_kept)
        kept.update(reason for wish in one.people for reason in wish.difference.kept.values())
        counts = report.destinations[name].records
        counts.unmatched, counts.needs_review = one.unmatched, one.needs_review
        counts.unchanged += max(one.quiet, 0)
        counts.kept_human_edit += sum(1 for wish in one.people if _BY_PEOPLE & set(wish.difference.kept.values()))
    report.kept = dict(kept)
    report.destinations[tools.settings.handoff.work_in].tasks.held = sum(1 for one in report.held if one.reason != PENDING)
