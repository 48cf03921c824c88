"""
Route: new PQLs, and those that waited, to people.

Decided here: who is up for a handoff, and why somebody is not (first run, unmatched, a record two leads share, nothing to
tell); that a turn is spent only on a lead whose handoff can be written. Not decided here: rules, turns and words (core).
Writes nothing: the ledgers after the decisions are part of the answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from connectors.contract import Owner
from worker.core.conditions import interpret, list_keys
from worker.core.office import Lead, Office, Past, State, opened
from worker.core.qualify import State as LeadState
from worker.core.routing import Decision, Held, in_rank_order, route_batch
from worker.core.wording import Brief, Colleague, Text, Unfounded, declared, handoff, lead_name, reasons
from worker.steps.deciding.leaving import JOINS, Left, doubled, left
from worker.steps.deciding.qualify import Qualified, Row
from worker.steps.scoring.score import Scored
from worker.steps.tools import Tools
from worker.store import mirror, routes
from worker.store.database import Tx

LOOK_BACK = timedelta(days=40)
"""Caps count by local day and by month, so decisions of the present month must be known."""
AMBIGUOUS = "two_owners_with_this_address"


@dataclass(frozen=True, slots=True)
class Handoff:
    """A decision with its words, ready to become a task."""

    decision: Decision
    text: Text
    row: Row
    state: LeadState
    before: Left | None = None
    """Of a handoff that was open with somebody who has left: what stands of it."""


@dataclass(slots=True)
class Routed:
    """What routing decided at an instant. `skipped`: row, reason and detail of leads that get no handoff in this episode."""

    handoffs: list[Handoff] = field(default_factory=list)
    joined: list[Decision] = field(default_factory=list)
    held: list[Held] = field(default_factory=list)
    skipped: list[tuple[Row, str, str]] = field(default_factory=list)
    state: State = field(default_factory=State)
    owners: Mapping[str, Owner] = field(default_factory=dict)
    released: list[tuple[str, str]] = field(default_factory=list)
    """(lead_key, play) that waited and wait no longer."""
    again: list[tuple[str, str]] = field(default_factory=list)
    """(lead_key, play) whose open handoff goes to somebody else now."""
    doubled: Mapping[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    """Open handoffs that go, because an older one stands on the same CRM record, which is named."""

    @property
    def moving(self) -> list[Handoff]:
        """The handoffs whose task is there already and only changes hands."""
        return [one for one in self.handoffs if one.before is not None and one.before.task == "open"]


@dataclass(frozen=True, slots=True)
class Known:
    """What the store knows that routing needs, read once."""

    owners: Sequence[Owner]
    ledgers: Mapping[str, Any]
    active: Sequence[Mapping[str, Any]]
    past: Sequence[Past]
    waiting: Mapping[tuple[str, str], Mapping[str, Any]]
    left: Mapping[tuple[str, str], Left] = field(default_factory=dict)


def known(tx: Tx, destination: str, as_of: datetime) -> Known:
    """Owners, ledgers, open assignments, recent decisions and what waits."""
    columns = routes.active(tx)
    active = [{name: columns[name][place] for name in columns} for place in range(len(columns.get("lead_key", [])))]
    waiting = {(row["lead_key"], row["play"]): row for row in routes.waiting(tx)}
    past, gone = routes.past(tx, as_of - LOOK_BACK), left(tx, destination, active)
    return Known(mirror.owners(tx, destination), routes.ledgers(tx), active, past, waiting, gone)


def route(tools: Tools, scored: Scored, qualified: Qualified, before: Known, young: frozenset[str]) -> Routed:
    """Decide for every lead that is up for a handoff."""
    office = _office(tools, before.owners, scored.as_of)
    result = Routed(owners=office.owners)
    # Whoever holds the task; a colleague who joined it tells so too, once the one it was made for has left.
    joined_last = sorted(before.active, key=lambda row: row["target"] != "joins")
    going = {(row["subject"], row["play"]) for row in before.active if (row["lead_key"], row["play"]) in before.left}
    held_by = {(row["subject"], row["play"]): row["assignee"] for row in joined_last}
    open_tasks = {key: who for key, who in held_by.items() if key not in going}
    result.doubled = _doubled(qualified, before)
    result.state = opened(office, before.ledgers, before.past, open_tasks)
    ready = [
        lead for lead in _candidates(tools, qualified, before, young, result) if _can_be_told(tools, lead, qualified, result)
    ]
    ordered = sorted(in_rank_order(ready, tools.settings), key=lambda lead: _late(lead, before))
    outcomes, result.state = route_batch(ordered, office, result.state)
    for outcome in outcomes:
        lead = outcome.lead
        if isinstance(outcome, Held):
            result.held.append(outcome)
            continue
        key = (lead.lead_key, lead.play)
        result.released.append(key)
        result.again += [key] if key in before.left else []
        if outcome.kind == "joins":
            result.joined.append(outcome)
        else:
            text = _words(tools, lead, qualified, outcome)
            row, state = qualified.rows[lead.lead_key], qualified.open[key]
            result.handoffs.append(Handoff(outcome, text, row, state, before.left.get(key)))
    return result


def _late(lead: Lead, before: Known) -> int:
    """Whoever holds a task that goes to somebody else comes first, so that colleagues join the new one."""
    there = before.left.get((lead.lead_key, lead.play))
    return 1 if there is None or there.task == "none" else 0


def _doubled(qualified: Qualified, before: Known) -> Mapping[tuple[str, str], tuple[str, str]]:
    """See `leaving.doubled`, for those in an episode."""
    records = {subject: row["crm_id"] for subject, row in qualified.rows.items() if qualified.is_lead(subject)}
    begun = {key: state.entered_at or state.since for key, state in qualified.open.items()}
    return doubled(before.active, {key: id for key, id in records.items() if id}, begun)


def _office(tools: Tools, owners: Iterable[Owner], as_of: datetime) -> Office:
    by_email: dict[str, Owner] = {}
    away: dict[str, str] = {}
    for owner in sorted(owners, key=lambda one: (one.active, one.id)):
        email = owner.email.lower()
        if email in by_email and by_email[email].active and owner.active:
            away[email] = AMBIGUOUS
        by_email[email] = owner
    return Office(tools.settings, by_email, as_of, away)


def _candidates(tools: Tools, qualified: Qualified, before: Known, young: frozenset[str], result: Routed) -> Iterable[Lead]:
    """Open episodes without a handoff, less those that cannot have one now; each of these is named with its reason."""
    settings = tools.settings
    assigned = {
        (row["lead_key"], row["play"], row["episode"])
        for row in before.active
        if (row["lead_key"], row["play"]) not in before.left.keys() - result.doubled.keys()
    }
    creates = settings.destinations[settings.handoff.work_in].create != "never"
    best, begun = _best_per_record(qualified) | _holding(qualified, before, result), _begun(qualified)
    for (key, play), state in sorted(qualified.open.items()):
        row = qualified.rows[key]
        if (key, play, state.episode) in assigned:
            continue
        waited = before.waiting.get((key, play))
        again = (key, play) in before.left
        if not again and play in qualified.first_run and settings.handoff.on_first_run == "flag_only" and key not in young:
            result.skipped.append((row, "first_run", "qualified before the first run of this definition: flag, no task"))
            continue
        if (key, play) not in begun and waited is None and not again:
            continue  # an episode that was skipped when it began
        lead = Lead(key, _subject(tools, row), play, state.episode, row)
        speaker = best.get(row["crm_id"] or "", key) if qualified.is_lead(key) else key
        problem = _unreachable(row, creates, speaker)
        if problem:
            result.held.append(Held(lead, problem[0], {"says": problem[1]}))
        else:
            yield lead


def _begun(qualified: Qualified) -> set[tuple[str, str]]:
    """Subjects and definitions whose episode began in this evaluation."""
    return {(one.row["subject"], one.definition) for one in qualified.moved if one.transition.became_pql}


def _best_per_record(qualified: Qualified) -> dict[str, str]:
    """CRM id -> the PQL that speaks for it, where several are linked to one record: the highest usage, then the key."""
    best: dict[str, Row] = {}
    for subject, _ in qualified.open:
        row = qualified.rows[subject]
        id = row["crm_id"] if qualified.is_lead(subject) else None
        if id and (id not in best or (-row["usage"], row["lead_key"]) < (-best[id]["usage"], best[id]["lead_key"])):
            best[id] = row
    return {id: row["lead_key"] for id, row in best.items()}


def _holding(qualified: Qualified, before: Known, result: Routed) -> dict[str, str]:
    """CRM id -> the lead on it whose handoff is open: no second one is opened, however strong the other lead is."""
    open_ = [row for row in before.active if row["target"] != JOINS]
    kept = [row["lead_key"] for row in open_ if (row["lead_key"], row["play"]) not in result.doubled]
    rows = [qualified.rows[key] for key in kept if key in qualified.rows and qualified.is_lead(key)]
    return {row["crm_id"]: row["lead_key"] for row in rows if row["crm_id"]}


def _unreachable(row: Row, creates: bool, speaker: str) -> tuple[str, str] | None:
    if row["match_status"] == "needs_review":
        return "needs_review", "several CRM records match: decide which one is meant"
    if row["crm_id"] is None and not creates:
        return "unmatched", "no CRM record matches; it is looked for again when the mirror changes"
    if speaker != row["subject"]:
        return "same_record", "another lead of the same CRM record is stronger"
    return None


def _subject(tools: Tools, row: Row) -> str:
    account = row["account_key"]
    return account if tools.settings.handoff.one_task_per == "account" and account else row["subject"]


def _can_be_told(tools: Tools, lead: Lead, qualified: Qualified, result: Routed) -> bool:
    """Whether a handoff could be written, asked before anybody's turn is spent."""
    try:
        handoff(_brief(tools, lead, qualified, None), tools.settings.handoff, _holds(tools, lead))
    except Unfounded as reason:
        result.held.append(Held(lead, "no_evidence", {"says": str(reason)}))
        return False
    return True


def _words(tools: Tools, lead: Lead, qualified: Qualified, decision: Decision) -> Text:
    return handoff(_brief(tools, lead, qualified, decision), tools.settings.handoff, _holds(tools, lead))


def _holds(tools: Tools, lead: Lead) -> Any:
    lists = list_keys(tools.settings)
    return lambda condition: interpret(condition, lead.values, lists) is True


def _brief(tools: Tools, lead: Lead, qualified: Qualified, decision: Decision | None) -> Brief:
    settings, row = tools.settings, lead.values
    zone = decision.zone if decision else settings.timezone
    as_of = decision.respond_by if decision else None
    at = qualified.as_of
    values = {**declared(settings, row, _text(row.get("crm_name"))), **qualified.tops.get(str(row["user_id"]), {})}
    return Brief(
        values=values,
        reasons=reasons(settings, row, zone),
        as_of=at,
        due=as_of or at,
        zone=zone,
        why_you=decision.why if decision else "",
        has_email=bool(row.get("user.email")),
        phone=_text(row.get("crm_phone")),
        trial_ends=_moment(row.get("account.trial_ends")),
        colleagues=_colleagues(lead, qualified),
        partner=decision.partner if decision else None,
    )


def _colleagues(lead: Lead, qualified: Qualified) -> tuple[Colleague, ...]:
    account = lead.values.get("account_id")
    others = [
        row
        for subject, _ in qualified.open
        if (row := qualified.rows[subject])["account_id"] == account
        and qualified.is_lead(subject)
        and subject != lead.values["lead_key"]
    ]
    ranked = sorted({row["lead_key"]: row for row in others}.values(), key=lambda row: (-row["usage"], row["lead_key"]))
    return tuple(Colleague(lead_name(row) or "somebody", row["tier"]) for row in ranked) if account else ()


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _moment(value: object) -> datetime | None:
    return value if isinstance(value, datetime) else None
