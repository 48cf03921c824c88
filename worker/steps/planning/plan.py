"""
Plan: what a run would write, and why; what a run writes is this and nothing else.

Decided here: the order score, qualify, route, wish; which guards look; what binds a saved plan to the state it was made on.
A plan reads the store, the lake and the mirror and writes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from connectors.contract import Owner
from worker.core.planning import Held, guards, moves_a_lead
from worker.core.wanted import Handed
from worker.steps.deciding.qualify import Before, Qualified, qualify
from worker.steps.deciding.route import Known, Routed, known, route
from worker.steps.planning import guarding
from worker.steps.planning.asking import Handing
from worker.steps.planning.wishes import Destined, wishes
from worker.steps.scoring.score import Scored, score
from worker.steps.tools import Tools
from worker.store import audit, routes, runs

FIRST_RUN = "first run of a definition"
"""The deed under which the audit keeps that a definition was judged for the first time."""


@dataclass(slots=True)
class Plan:
    """An evaluation, ready to be shown or committed."""

    as_of: datetime
    settings_sha: str
    scored: Scored
    qualified: Qualified
    routed: Routed
    destined: dict[str, Destined] = field(default_factory=dict)
    guards: tuple[Held, ...] = ()
    passed: tuple[Held, ...] = ()
    """Guards that would hold it and that a person lets it pass."""
    handed: dict[str, Handed] = field(default_factory=dict)
    stale: tuple[str, ...] = ()

    @property
    def held(self) -> bool:
        return bool(self.guards)


def make(tools: Tools, as_of: datetime, *, override: Collection[str] = ()) -> Plan:
    """The plan for an instant. `override` names guards to pass."""
    before, routing = _before(tools, as_of)
    tools.progress("score", 0, None)
    scored = score(tools, as_of)
    tools.progress("score", 1, 1)
    stale = guarding.stale_sources(tools, as_of)
    qualified = qualify(
        tools, scored, before if not stale else Before(before.previous, before.settings_sha, before.judged, stale=True)
    )
    routed = route(tools, scored, qualified, routing, _young(tools, qualified, as_of))
    plan = Plan(as_of, tools.settings.sha, scored, qualified, routed, stale=stale)
    plan.handed = _handed(tools, plan)
    for place, name in enumerate(tools.crms, start=1):
        plan.destined[name] = wishes(tools, scored, qualified, name, _handing(tools, plan, name, routing))
        tools.progress("plan", place, len(tools.crms))
    found = _guards(tools, plan)
    plan.guards = tuple(one for one in found if one.guard not in override)
    plan.passed = tuple(one for one in found if one.guard in override)
    return plan


def _before(tools: Tools, as_of: datetime) -> tuple[Before, Known]:
    with tools.store.read() as tx:
        last = runs.last(tx, finished=True)
        judged = {row["detail"]["definition"] for row in audit.recent(tx, most=10_000, what=FIRST_RUN)}
        routing = known(tx, tools.settings.handoff.work_in, as_of)
    return Before(last.as_of if last else None, last.settings_sha if last else None, frozenset(judged)), routing


def _young(tools: Tools, qualified: Qualified, as_of: datetime) -> frozenset[str]:
    """
    On a first run: those who would not have qualified `handoff_within` ago.

    A source without history does not tell which plan somebody was on then: the usage of then decides.
    """
    within = tools.settings.handoff.handoff_within
    entered = {subject for subject, name in qualified.open if name in qualified.first_run}
    if within is None or not entered:
        return frozenset()
    then = score(tools, as_of - within.delta)
    met = set()
    for name in sorted(qualified.first_run):
        definition = tools.settings.qualify[name]
        frame = then.accounts if definition.grain == "account" else then.frame
        enough = frame[f"must_{name}"] & (frame[f"value_{name}"] >= definition.enter_at)
        applied = frame[f"applies_{name}"] | frame.as_of_unknown
        rows = frame.filter(applied & (frame[f"immediate_{name}"] | enough)).select("subject")
        met |= {row["subject"] for row in tools.engine.run(rows).to_pylist()}
    return frozenset(entered - met)


def _handed(tools: Tools, plan: Plan) -> dict[str, Handed]:
    """What the records of handed leads tell: the new decisions, and those before."""
    with tools.store.read() as tx:
        told = routes.handed(tx)
    handed = {key: handed_of(doc) for key, doc in told.items()}
    for one in plan.routed.handoffs:
        handed[one.decision.lead.lead_key] = one.decision.handed(one.text.next_step)
    for decision in plan.routed.joined:
        handed[decision.lead.lead_key] = decision.handed()
    return handed


def handed_doc(handed: Handed) -> dict[str, Any]:
    """As an assignment keeps it."""
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in asdict(handed).items()}


def handed_of(doc: Mapping[str, Any]) -> Handed:
    """From what an assignment kept."""
    moments = {name: datetime.fromisoformat(doc[name]) for name in ("respond_by", "partner_respond_by") if doc.get(name)}
    return Handed(**{**doc, **moments})


def _handing(tools: Tools, plan: Plan, name: str, before: Known) -> Handing:
    """
    Owners only where people work: of the new decisions, and of those before.

    An owner that was decided and not yet written when a process died would be lost if only new decisions counted.
    """
    handoff = tools.settings.handoff
    if handoff.work_in != name:
        return Handing(plan.handed, {})
    owners = plan.routed.owners
    decided = [(row["lead_key"], row["assignee"]) for row in before.active]
    decided += [(one.decision.lead.lead_key, one.decision.assignee) for one in plan.routed.handoffs]
    decided += [(one.lead.lead_key, one.assignee) for one in plan.routed.joined]
    ids = {key: owners[email].id for key, email in decided if email in owners and owners[email].active}
    return Handing(plan.handed, ids, unowned_ids(owners, handoff.unowned))


def unowned_ids(owners: Mapping[str, Owner], emails: Collection[str]) -> frozenset[str]:
    """The CRM's ids of owners that count as nobody."""
    return frozenset(owners[email.lower()].id for email in emails if email.lower() in owners)


def _guards(tools: Tools, plan: Plan) -> tuple[Held, ...]:
    home = plan.destined[tools.settings.handoff.work_in]
    begun = {one.row["subject"] for one in plan.qualified.moved if one.definition in plan.qualified.first_run}
    moving = [one for one in home.people if moves_a_lead(one.difference)]
    changed = sum(one.row.get("subject") not in begun for one in moving) + home.others.count("moves")
    again = guarding.flips(tools, plan.qualified.moved, plan.as_of)
    counted = guards(
        tools.settings.guards,
        changed=changed,
        acknowledged=home.acknowledged,
        tasks=len(plan.routed.handoffs) - len(plan.routed.moving),
        flips=again,
    )
    return (*counted, *guarding.before_harm(tools, plan.as_of))
