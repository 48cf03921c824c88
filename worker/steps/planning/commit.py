"""
Commit: a plan becomes wanted state, tasks, assignments and history; nothing is sent here.

Decided here: what stands together: PQLs, everybody's state, and the handoffs are one transaction; leads whose fields only
follow come after it in slices. Pools are locked before turns are written, and a turn that somebody else took meanwhile
refuses the whole commit, which is then planned again. A handoff whose CRM record is yet to be made waits as
`record_pending` and becomes a task when the record is there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from worker.core.keys import effect_key
from worker.core.routing import Decision
from worker.steps.deciding.leaving import Left
from worker.steps.deciding.qualify import state_row, transition_row
from worker.steps.deciding.route import Handoff
from worker.steps.planning import closing
from worker.steps.planning.effects import Committed, Wishes, commit
from worker.steps.planning.plan import FIRST_RUN, Plan, handed_doc
from worker.steps.planning.wishes import SLICE, news, to_store
from worker.steps.tools import Tools
from worker.store import audit, intents, leads, links, mirror, records, routes, runs
from worker.store.database import Tx
from worker.store.intents import Planned
from worker.store.values import packed, unpacked

PENDING = "record_pending"
BATCH = 20_000


class Overtaken(Exception):
    """Another process routed leads of the same pools between planning and committing."""


def introduce(tools: Tools, plan: Plan, late: Callable[[], bool] = lambda: False) -> bool:
    """
    Store the keys of new leads, some thousands in one transaction; whether all of them are stored.

    Keys are made of the users' ids, so it does no harm to have stored only some of them.
    """
    keys = plan.scored.keys
    fresh = keys.filter(keys.is_new).select("lead_key", "user_id", "account_id")
    for batch in tools.engine.batches(fresh, BATCH):
        with tools.store.write() as tx:
            leads.put(tx, [{**row, "first_seen": plan.as_of} for row in batch.to_pylist()])
        if late():
            return False
    return True


def write(tools: Tools, plan: Plan, run_id: str) -> Committed:
    """Store the plan but for the leads whose fields only follow (`follow`), or nothing of it; after `introduce`."""
    home = tools.settings.handoff.work_in
    wanted = {
        name: [to_store(wish) for wish in (*news(one.people), *news(one.companies))] for name, one in plan.destined.items()
    }
    tasks = [task for one in plan.routed.handoffs for task in _tasks(tools, one)]
    over = closing.over(tools, plan)
    tasks += over.closings

    def also(tx: Tx) -> None:
        for name, one in plan.destined.items():
            records.forget(tx, name, one.overtaken)
        intents.cancel(tx, over.unsent)
        _people(tx, plan, run_id)
        _routes(tx, plan, run_id)
        runs.at_step(tx, run_id, runs.COMMITTED)
        for name in sorted(plan.qualified.first_run):
            audit.add(tx, "run", FIRST_RUN, {"definition": name, "run": run_id})

    return commit(tools.store, Wishes(wanted, {home: tasks}), run_id, also)


def follow(tools: Tools, plan: Plan, run_id: str, late: Callable[[], bool] = lambda: False) -> int:
    """
    Store what is wanted of all other leads, some thousands in one transaction; how many are left.

    Stops when asked to, or when it is late, yet never without having got on. Whoever is left still differs at the next
    evaluation: nothing needs to be remembered.
    """
    left = {name: one.others.count() - one.others.count("stands") for name, one in plan.destined.items()}
    whole = sum(left.values())
    for name, one in plan.destined.items():
        for part in one.others.slices(news=True):
            if tools.stopping():
                return sum(left.values())
            one.seen.look_at(part)
            commit(tools.store, Wishes({name: [to_store(wish) for wish in news(part)]}), run_id)
            left[name] = max(left[name] - SLICE, 0)
            tools.progress("commit", whole - sum(left.values()), whole)
            if late():
                return sum(left.values())
    return sum(left.values())


def _people(tx: Tx, plan: Plan, run_id: str) -> None:
    leads.put_states(tx, [state_row(row, name, state, run_id) for row, name, state in plan.qualified.touched])
    leads.add_transitions(tx, [transition_row(one, run_id) for one in plan.qualified.moved])


def _routes(tx: Tx, plan: Plan, run_id: str) -> None:
    routed = plan.routed
    names = [name for name, ledger in routed.state.ledgers.items() if ledger.seq]
    now = routes.lock(tx, names)
    used = [one.decision for one in routed.handoffs if one.decision.pool]
    for name in names:
        taken = sum(1 for one in used if one.pool == name)
        if now[name].seq != routed.state.ledgers[name].seq - taken:
            raise Overtaken(f"Leads of the pool {name} were routed by another process meanwhile. Run again.")
        if taken:
            routes.save(tx, name, routed.state.ledgers[name])
    routes.end(tx, routed.again, "reassigned")
    routes.end(tx, routed.doubled, "merged")
    left = [one for one in plan.qualified.moved if one.transition.left]
    routes.end(tx, [(one.row["subject"], one.definition) for one in left], "left")
    routes.let_go(tx, [*routed.released, *((one.row["subject"], one.definition) for one in left)])
    hops = {
        (one.decision.lead.lead_key, one.decision.lead.play): one.before.next_hop for one in routed.handoffs if one.before
    }
    decisions = [*(one.decision for one in routed.handoffs), *routed.joined]
    routes.assign(tx, [_assignment(plan, one, run_id, hops) for one in decisions])
    held = [_held(one.lead.lead_key, one.lead.play, one.lead.episode, one.reason, one.detail, run_id) for one in routed.held]
    routes.hold(tx, [*held, *_pending(plan, run_id)])


def _assignment(plan: Plan, one: Decision, run_id: str, hops: Mapping[tuple[str, str], int]) -> routes.Decision:
    return routes.Decision(
        lead_key=one.lead.lead_key,
        subject=one.lead.subject,
        play=one.lead.play,
        episode=one.lead.episode,
        hop=hops.get((one.lead.lead_key, one.lead.play), 0),
        target=one.kind,
        assignee=one.assignee,
        rule=one.rule or "joins",
        settings_hash=plan.settings_sha,
        reason={**one.reason, "handed": handed_doc(plan.handed[one.lead.lead_key])},
        pool=one.pool,
        pool_seq=one.pool_seq,
        partner=one.partner,
        respond_by=one.respond_by,
        run_id=run_id,
        decided_at=plan.as_of,
    )


def _held(lead_key: str, play: str, episode: int, reason: str, detail: Any, run_id: str) -> routes.Held:
    return routes.Held(lead_key, play, episode, reason, dict(detail), run_id)


# ------------------------------------------------------------------------------------------- tasks


@dataclass(frozen=True, slots=True)
class _Place:
    """The CRM record of a person."""

    id: str
    object: str


def _tasks(tools: Tools, one: Handoff) -> list[Planned]:
    """What makes the task of a handoff somebody's; nothing while its record is yet to be made."""
    row, there = one.row, one.before
    if there is not None and there.task == "open":
        with tools.store.read() as tx:
            owner = _owners(tx, tools.settings.handoff.work_in)[one.decision.assignee]
        return [_change("task_move", one, there, {"task": there.crm_id, "owner": owner})]
    if row["crm_id"] is None:
        return []
    hop = there.next_hop if there else 0
    made = _planned(tools, _payload(one), _Place(row["crm_id"], row["crm_object"]), _about(one) | {"hop": hop})
    if there is None or there.task != "touched":
        return [made]
    return [_change("task_close", one, there, {"task": there.crm_id, "if_owner": there.owner}), made]


def _change(kind: intents.Kind, one: Handoff, there: Left, payload: Mapping[str, Any]) -> Planned:
    """A change to the task that the one who left had."""
    lead = one.decision.lead
    return Planned(kind, there.effect_key, lead.lead_key, lead.play, lead.episode, payload, there.hop)


def _payload(one: Handoff) -> dict[str, Any]:
    return {
        "subject": one.text.subject,
        "body": one.text.body,
        "assignee": one.decision.assignee,
        "due": one.decision.respond_by,
        "action": one.text.action,
        "company": one.row["crm_company"],
    }


def _about(one: Handoff) -> dict[str, Any]:
    lead, row = one.decision.lead, one.row
    evidence = {name: value for name, value in row.items() if name.startswith("why_") and value}
    context = {"reasons": one.text.reasons, "next_step": one.text.next_step, "tier": row["tier"], "evidence": evidence}
    scores = {name: row[name] for name in ("usage", "fit", "intent")}
    told = {"lead_key": lead.lead_key, "play": lead.play, "episode": lead.episode, "context": {**context, **scores}}
    return {**told, "record": row["lead_key"]}  # whose record carries the task: the lead's own, or the buyer's


def _planned(tools: Tools, payload: Mapping[str, Any], person: _Place, about: Mapping[str, Any]) -> Planned:
    settings, hop = tools.settings, int(about.get("hop", 0))
    top = settings.tiers[0].name
    with tools.store.read() as tx:
        owners = _owners(tx, settings.handoff.work_in)
    rest = {name: value for name, value in payload.items() if name != "assignee"}
    return Planned(
        kind="task_create",
        effect_key=effect_key(
            settings.workspace, settings.handoff.work_in, about["lead_key"], about["play"], about["episode"], hop
        ),
        hop=hop,
        lead_key=about["lead_key"],
        play=about["play"],
        episode=about["episode"],
        payload={
            **rest,
            "owner": owners[payload["assignee"]],
            "high": about["context"]["tier"] == top,
            "person": person.id,
            "person_object": person.object,
        },
        context=about["context"],
    )


def _pending(plan: Plan, run_id: str) -> Iterable[routes.Held]:
    for one in plan.routed.handoffs:
        if one.row["crm_id"] is None and (one.before is None or one.before.task != "open"):
            lead = one.decision.lead
            about = _about(one) | {"hop": one.before.next_hop if one.before else 0}
            detail = {"payload": packed(_payload(one)), "about": about}
            yield routes.Held(lead.lead_key, lead.play, lead.episode, PENDING, detail, run_id)


def release(tools: Tools, run_id: str | None = None) -> int:
    """Make tasks of handoffs whose record (of the lead, or of an account's buyer) is there now; how many."""
    home = tools.settings.handoff.work_in
    with tools.store.read() as tx:
        every = [row for row in routes.waiting(tx) if row["reason"] == PENDING]
        outdated = [row for row in every if _has_other_buyer(tx, row)]
        waiting = [row for row in every if row not in outdated]
        found = links.by_key(tx, home, [_record(row) for row in waiting]) if waiting else {}
        there = _owners(tx, home)
    placed = [row for row in waiting if _record(row) in found]
    ready = [row for row in placed if unpacked(row["detail"]["payload"])["assignee"] in there]
    _give_back(tools, [row for row in placed if row not in ready], "owner_inactive", run_id)
    _give_back(tools, outdated, "buyer_changed", run_id)
    tasks = [
        _planned(
            tools,
            unpacked(row["detail"]["payload"]),
            _Place(found[_record(row)].crm_id, found[_record(row)].object),
            row["detail"]["about"],
        )
        for row in ready
    ]
    if tasks:
        done = [(row["lead_key"], row["play"]) for row in ready]
        commit(tools.store, Wishes({}, {home: tasks}), run_id, lambda tx: routes.let_go(tx, done))
    return len(tasks)


def _record(row: Mapping[str, Any]) -> str:
    """The lead on whose record the task of a waiting handoff belongs."""
    return str(row["detail"]["about"].get("record", row["lead_key"]))


def _has_other_buyer(tx: Tx, row: Mapping[str, Any]) -> bool:
    """Whether the work of an account goes to another of its leads by now than the one whose record it waits for."""
    if _record(row) == row["lead_key"]:
        return False
    states = leads.states_of(tx, row["lead_key"])
    buyer = next(((one["facts"] or {}).get("buyer") for one in states if one["definition"] == row["play"]), None)
    return buyer is not None and buyer != _record(row)


def _give_back(tools: Tools, rows: Iterable[Mapping[str, Any]], why: str, run_id: str | None) -> None:
    """The person or the contact it was meant for has left meanwhile: the next run routes it again."""
    gone = [routes.Held(row["lead_key"], row["play"], row["episode"], why, {}, run_id) for row in rows]
    if gone:
        with tools.store.write() as tx:
            routes.end(tx, [(one.lead_key, one.play) for one in gone], why)
            routes.hold(tx, gone)


def _owners(tx: Tx, destination: str) -> dict[str, str]:
    """E-mail -> id of the owners who are there."""
    return {owner.email: owner.id for owner in mirror.owners(tx, destination) if owner.active}
