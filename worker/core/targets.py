"""
Where one rule's target leads: a person in turn, an owner, a queue, a partner; or why it leads nowhere.

Decided here: who is eligible and why anybody else is not, and which fallback serves. Whoever is absent or at a cap takes no
part in a pick and accrues nothing. A pool in which only caps stand in the way is waited for (`capacity`); its `when_nobody`
serves when nobody is there at all. Not decided here: which rule applies (`routing`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from settings.condition.tree import InList, Node
from settings.routing import Member, Pool, Rule, Target
from settings.terms import Working
from worker.core import partners
from worker.core.conditions import interpret
from worker.core.fairness import Ledger, pick, reseat
from worker.core.office import Lead, Office, State
from worker.core.trees import parts_of

Kind = Literal["rep", "queue", "partner"]
Step = Mapping[str, Any]
NOBODY = "none"
"""What `crm.account_owner` says where there is none."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A lead, the rule that matched, and the world around them."""

    lead: Lead
    rule: Rule
    office: Office
    state: State


@dataclass(frozen=True, slots=True)
class Choice:
    """Who gets it. `state` is the state after the turn was taken, `why` the words for its reader."""

    kind: Kind
    assignee: str
    why: str
    state: State
    steps: tuple[Step, ...]
    pool: str | None = None
    pool_seq: int | None = None
    partner: str | None = None
    due: Working | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """Somebody would get it, but not now."""

    reason: str
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """This target leads nowhere."""

    code: str
    steps: tuple[Step, ...] = ()


Answer = Choice | Wait | Refusal


def aim(target: Target, ask: Ask, visited: tuple[str, ...] = ()) -> Answer:
    """Follow a target to a person, through its fallbacks."""
    here = f"{target.kind} {getattr(target, target.kind)}"
    if here in visited:
        return Refusal("cyclic_fallback", ({"target": here, "outcome": "cyclic_fallback"},))
    if target.pool:
        return _pool(ask.office.settings.pools[target.pool], ask, (*visited, here))
    if target.queue:
        return _queue(target.queue, ask)
    if target.offer:
        return _offer(target.offer, ask)
    return _owner(target, ask, (*visited, here))


def _pool(pool: Pool, ask: Ask, visited: tuple[str, ...]) -> Answer:
    seats = _seated(pool.name, {member.who.lower(): member.weight for member in pool.members}, ask)
    removed = {member.who.lower(): _removal(pool, member, ask) for member in pool.members}
    eligible = sorted(who for who, why in removed.items() if why is None)
    step = {"target": f"pool {pool.name}", "eligible": eligible, "removed": {w: r for w, r in removed.items() if r}}
    if eligible:
        turn = _turn(pool.name, seats, eligible, ask)
        state = _counted(turn.state, turn.chosen, pool.name)
        why = f'rule "{ask.rule.name}", pool {pool.name}'
        return Choice("rep", turn.chosen, why, state, ({**step, **turn.told},), pool.name, turn.seq)
    if any((why or "").startswith("cap_") for why in removed.values()):
        return Wait("capacity", ({**step, "outcome": "capacity"},))
    return _before({**step, "outcome": "nobody"}, aim(pool.when_nobody, ask, visited))


def _removal(pool: Pool, member: Member, ask: Ask) -> str | None:
    who = member.who.lower()
    if missing := ask.office.missing(who):
        return missing
    if member.weight == 0:
        return "weight_0"
    if member.per_day is not None and ask.state.today_in_pool.get((pool.name, who), 0) >= member.per_day:
        return "cap_per_day"
    return "cap_per_rep_per_day" if _is_full(who, ask) else None


def _is_full(who: str, ask: Ask) -> bool:
    most = ask.office.settings.handoff.per_rep_per_day
    return most is not None and ask.state.today.get(who, 0) >= most


def _owner(target: Target, ask: Ask, visited: tuple[str, ...]) -> Answer:
    email, why = _named(target, ask)
    missing = ask.office.missing(email) if email else "nobody"
    step = {"target": f"{target.kind} {getattr(target, target.kind)}", "owner": email}
    if missing is None and email:
        if _is_full(email, ask):
            return Wait("capacity", ({**step, "outcome": "cap_per_rep_per_day"},))
        told = f'rule "{ask.rule.name}", {why}'
        return Choice("rep", email, told, _counted(ask.state, email, None), ({**step, "outcome": "assigned"},))
    outcome = {**step, "outcome": f"owner_{missing}"}
    if target.if_inactive is None:
        return Refusal(f"owner_{missing}", (outcome,))
    return _before(outcome, aim(target.if_inactive, ask, visited))


def _named(target: Target, ask: Ask) -> tuple[str | None, str]:
    if target.owner_of:
        email = str(ask.lead.values.get("crm.account_owner") or NOBODY).lower()
        return (None if email == NOBODY else email), "you own the account"
    name = str(target.owner_in)
    row = ask.office.settings.lists[name].rows.get(_looked_up(name, ask) or "", {})
    return (row.get("owner") or "").strip().lower() or None, f"you are named in {name}"


def _looked_up(name: str, ask: Ask) -> str | None:
    """The lead's key in a list: what the rule itself compares with the list, else the column named like the list's key."""
    values, key = ask.lead.values, ask.office.settings.lists[name].key
    compared = [node.part for node in _nodes(ask.rule.when.tree) if isinstance(node, InList)] if ask.rule.when else []
    found = [interpret(part, values, ask.office.lists) for part in compared]
    found += [values.get(f"account.{key}"), values.get(f"user.{key}")]
    return next((str(value).lower() for value in found if value is not None), None)


def _nodes(tree: Node) -> Iterator[Node]:
    yield tree
    for part in parts_of(tree):
        yield from _nodes(part)


def _queue(name: str, ask: Ask) -> Answer:
    queue = ask.office.settings.queues[name]
    who = queue.owner.lower()
    step = {"target": f"queue {name}", "owner": who}
    if missing := ask.office.missing(who):
        return Refusal(f"queue_owner_{missing}", ({**step, "outcome": f"queue_owner_{missing}"},))
    # A queue is watched by several people; the cap of one rep does not bind it.
    why = f'rule "{ask.rule.name}", queue {name}'
    return Choice("queue", who, why, ask.state, ({**step, "outcome": "assigned"},), due=queue.due)


def _offer(name: str, ask: Ask) -> Answer:
    spec, target = ask.office.settings.partners, f"offer {name}"
    if not partners.has_consent(spec, ask.lead.values, ask.office):
        return Refusal("no_consent", ({"target": target, "outcome": "no_consent"},))
    members = {partner.name: partner for partner in spec.of(name)}
    removed = {key: partners.passed_over(partner, ask.office, ask.state) for key, partner in members.items()}
    eligible = sorted(key for key, why in removed.items() if why is None)
    step = {"target": target, "eligible": eligible, "removed": {key: why for key, why in removed.items() if why}}
    if not eligible:
        return Refusal("no_partner", ({**step, "outcome": "no_partner"},))
    ledger = partners.ledger_name(name)
    turn = _turn(ledger, _seated(ledger, dict.fromkeys(members, 1), ask), eligible, ask)
    manager = members[turn.chosen].manager.lower()
    if _is_full(manager, ask):
        return Wait("capacity", ({**step, "outcome": "cap_per_rep_per_day", "owner": manager},))
    month = {**turn.state.this_month, turn.chosen: turn.state.this_month.get(turn.chosen, 0) + 1}
    state = _counted(replace(turn.state, this_month=month), manager, None)
    why = f'rule "{ask.rule.name}", you manage partner {turn.chosen}'
    steps = ({**step, **turn.told, "owner": manager},)
    return Choice("partner", manager, why, state, steps, ledger, turn.seq, turn.chosen)


@dataclass(frozen=True, slots=True)
class _Turn:
    chosen: str
    seq: int
    state: State
    told: Step = field(default_factory=dict)


def _seated(name: str, weights: Mapping[str, int], ask: Ask) -> Ledger:
    """The pool's ledger under the members of the settings."""
    ledger = ask.state.ledgers.get(name, Ledger(0, {}))
    return Ledger(ledger.seq, reseat(ledger.seats, weights))


def _turn(name: str, ledger: Ledger, eligible: Sequence[str], ask: Ask) -> _Turn:
    seq = ledger.seq + 1
    chosen, seats = pick(ledger.seats, eligible, seq)
    credits = {who: {"before": ledger.seats[who].credit, "after": seats[who].credit} for who in sorted(seats)}
    state = replace(ask.state, ledgers={**ask.state.ledgers, name: Ledger(seq, seats)})
    return _Turn(chosen, seq, state, {"outcome": "assigned", "chosen": chosen, "seq": seq, "credits": credits})


def _counted(state: State, who: str, pool: str | None) -> State:
    today = {**state.today, who: state.today.get(who, 0) + 1}
    if pool is None:
        return replace(state, today=today)
    in_pool = {**state.today_in_pool, (pool, who): state.today_in_pool.get((pool, who), 0) + 1}
    return replace(state, today=today, today_in_pool=in_pool)


def _before(step: Step, answer: Answer) -> Answer:
    return replace(answer, steps=(step, *answer.steps))
