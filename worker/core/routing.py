"""
Who gets a lead, and why.

Decided here: the first rule that matches and whose target leads to somebody; one task per account, which colleagues who
qualify later join; what waits for capacity; the moment by which somebody should respond. A decision is a function of the
lead, the settings, who is there, and the ledgers: the same again gives the same again, in one batch or one by one. Not
decided here: writing any of it (push), or what a target means (`targets`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal

from connectors.contract import Value
from settings.root import Settings
from settings.routing import Rule
from worker.core.calendars import add_working
from worker.core.conditions import interpret, trace
from worker.core.office import Lead, Office, Past, State, hours_of
from worker.core.partners import ASSIGNED
from worker.core.targets import Answer, Ask, Choice, Refusal, Step, Wait, aim
from worker.core.wanted import Handed


@dataclass(frozen=True, slots=True)
class Decision:
    """
    Who a lead goes to. `reason` is the whole way there as plain data: tried, steps, eligible, removed, credits.

    kind: rep, queue, partner (the assignee manages `partner`), or joins (its account's open task, which costs no turn).
    """

    lead: Lead
    kind: Literal["rep", "queue", "partner", "joins"]
    assignee: str
    rule: str
    why: str
    decided_at: datetime
    respond_by: datetime
    zone: str
    reason: Mapping[str, Any]
    pool: str | None = None
    pool_seq: int | None = None
    partner: str | None = None

    @property
    def past(self) -> Past | None:
        """What a later batch must know of this decision to keep the caps."""
        return None if self.kind == "joins" else Past(self.assignee, self.decided_at, self.pool, self.partner)

    def handed(self, next_step: str | None = None) -> Handed:
        """The handoff as the record's fields tell it. Of a partner they tell the name and that it is assigned."""
        routed_by = self.why.removeprefix("rule ").replace('"', "")
        return Handed(routed_by, self.respond_by, next_step, self.partner, ASSIGNED if self.partner else None)


@dataclass(frozen=True, slots=True)
class Held:
    """A qualified lead that waits. `reason`: capacity, no_rule, or what the last target said, such as owner_inactive."""

    lead: Lead
    reason: str
    detail: Mapping[str, Any] = field(default_factory=dict)


Outcome = Decision | Held


def in_rank_order(leads: Iterable[Lead], settings: Settings) -> list[Lead]:
    """The best first: tier, score, recency, lead key; the order in which turns and caps are given out."""
    tiers = {tier.name: place for place, tier in enumerate(settings.tiers)}
    return sorted(leads, key=lambda lead: _rank(lead, settings, tiers))


def _rank(lead: Lead, settings: Settings, tiers: Mapping[str, int]) -> tuple[int, float, float, str]:
    definition = settings.qualify.get(lead.play)
    score = lead.values.get(definition.score if definition else "usage")
    last = lead.values.get("last_active")
    recency = last.timestamp() if isinstance(last, datetime) else 0.0
    points = float(score) if isinstance(score, int | float) else 0.0
    return tiers.get(str(lead.values.get("tier")), len(tiers)), -points, -recency, lead.lead_key


def route_batch(leads: Sequence[Lead], office: Office, state: State) -> tuple[list[Outcome], State]:
    """Decide for each lead in the order given; the same as deciding in any number of batches in that order."""
    outcomes: list[Outcome] = []
    for lead in leads:
        outcome, state = decide(lead, office, state)
        outcomes.append(outcome)
    return outcomes, state


def decide(lead: Lead, office: Office, state: State) -> tuple[Outcome, State]:
    """One lead: whose it is, and the state after it. A lead that waits costs nobody a turn."""
    holder = state.open.get((lead.subject, lead.play))
    if holder is not None:
        return _joined(lead, holder, office), state
    tried: list[Mapping[str, Any]] = []
    steps: tuple[Step, ...] = ()
    last = "no_rule"
    for rule in office.settings.routing:
        told, matches = _try(rule, lead, office)
        tried.append(told)
        if not matches:
            continue
        answer = _aimed(rule, Ask(lead, rule, office, state))
        steps += answer.steps
        if isinstance(answer, Refusal):
            last = answer.code
            continue
        return _settled(answer, Ask(lead, rule, office, state), {"rule": rule.name, "tried": tried, "steps": list(steps)})
    return Held(lead, last, {"tried": tried, "steps": list(steps)}), state


def _aimed(rule: Rule, ask: Ask) -> Answer:
    """The rule's target, else its `otherwise`."""
    answer = aim(rule.to, ask)
    if not isinstance(answer, Refusal) or rule.otherwise is None:
        return answer
    other = aim(rule.otherwise, ask)
    return replace(other, steps=(*answer.steps, *other.steps))


def _settled(answer: Choice | Wait, ask: Ask, reason: Mapping[str, Any]) -> tuple[Outcome, State]:
    if isinstance(answer, Wait):
        return Held(ask.lead, answer.reason, reason), ask.state
    open_now = {**answer.state.open, (ask.lead.subject, ask.lead.play): answer.assignee}
    return _decision(answer, ask, reason), replace(answer.state, open=open_now)


def _decision(choice: Choice, ask: Ask, reason: Mapping[str, Any]) -> Decision:
    office = ask.office
    hours = hours_of(office.settings, choice.assignee, choice.pool)
    due = choice.due or office.settings.handoff.due
    final = choice.steps[-1]
    told = {key: final[key] for key in ("eligible", "removed", "credits") if key in final}
    return Decision(
        lead=ask.lead,
        kind=choice.kind,
        assignee=choice.assignee,
        rule=ask.rule.name,
        why=choice.why,
        decided_at=office.at,
        respond_by=add_working(office.at, due, hours),
        zone=hours.zone,
        reason={**reason, **told},
        pool=choice.pool,
        pool_seq=choice.pool_seq,
        partner=choice.partner,
    )


def _joined(lead: Lead, holder: str, office: Office) -> Decision:
    hours = hours_of(office.settings, holder)
    due = add_working(office.at, office.settings.handoff.due, hours)
    why = "joins the open task of its account"
    return Decision(lead, "joins", holder, "", why, office.at, due, hours.zone, {"joins": holder})


def _try(rule: Rule, lead: Lead, office: Office) -> tuple[Mapping[str, Any], bool]:
    """What a rule saw of the lead, and whether it matches: a missing value is no match, and is named."""
    if rule.when is None:
        return {"rule": rule.name, "when": None, "matched": True, "comparisons": [], "missing": []}, True
    matched = interpret(rule.when, lead.values, office.lists)
    seen = trace(rule.when, lead.values, office.lists)
    comparisons = [
        {"text": one.text, "seen": {name: plain(value) for name, value in one.seen.items()}, "outcome": one.outcome}
        for one in seen
    ]
    missing = sorted({name for one in seen if one.outcome is None for name in one.missing})
    told = {"rule": rule.name, "when": rule.when.text, "matched": matched, "comparisons": comparisons, "missing": missing}
    return told, matched is True


def plain(value: object) -> Value:
    """A value as plain data can hold it: moments as ISO text."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)
