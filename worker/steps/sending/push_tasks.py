"""
Push tasks: create them in batches under their unique key, move or close them one by one.

Decided here: an unproved create is read back by its key before it is sent again, and where the CRM has no unique key every
create is; a task that a person touched is neither moved nor closed. Not decided here: who gets a task (the plan).
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from connectors.contract import Mirrored, Outcome, Receipt, SeenTask, Task
from worker.steps.intake.touch import touched
from worker.steps.sending.calling import Answer, Begun, Held, begin
from worker.steps.sending.desk import Desk
from worker.steps.sending.task_batch import Tasks
from worker.steps.sending.task_mode import knows_mode
from worker.store import attempts, intent_claims, intents, links, mirror
from worker.store.attempts import Attempt
from worker.store.claiming import Claim
from worker.store.crash import point
from worker.store.database import Tx
from worker.store.intent_claims import Claimed, Verdict
from worker.store.values import unpacked

CLOSED = "closed"
OPEN = "open"


def push_tasks(desk: Desk) -> bool:
    """One batch of creates, or one move or close; False where none is ready."""
    if desk.guarded is None and not knows_mode(desk):
        return not desk.tasks_too  # after a refusal nothing else is called before it is looked whether anything may be
    claimed_at = time.monotonic()
    limit = desk.take(desk.crm.tasks.batch)
    if limit == 0:
        return False
    with desk.store.write() as tx:
        claimed = intent_claims.claim(tx, desk.destination, Claim(limit, desk.holder, desk.periods.lease, desk.only))
        batch = _batch(desk, tx, claimed) if claimed else None
        begun = _begin_first(tx, desk, batch, claimed) if batch else None
        point("K3")
    desk.give_back(limit - len(claimed))
    if batch is None:
        return False
    point("K4")
    held = Held(desk, claimed_at)
    ready = batch.look(held, claimed, begun)
    if ready:
        desk.tally.task(claimed[0].kind, len(ready))
        held.carry_out(batch, ready, None if batch.reads(claimed) else begun)
    return True


def _batch(desk: Desk, tx: Tx, claimed: Sequence[Claimed]) -> Tasks:
    if claimed[0].kind == "task_create":
        return Creates(desk)
    rows = {row["kind"]: row for row in intents.by_key(tx, claimed[0].effect_key)}
    return Changes(desk, rows)


def _begin_first(tx: Tx, desk: Desk, batch: Tasks, claimed: Sequence[Claimed]) -> Begun:
    if not batch.reads(claimed):
        return begin(tx, desk, batch, claimed)
    keys = {one.effect_key: {"intent": one.id} for one in claimed}
    return Begun(attempts.begin(tx, Attempt(desk.destination, "task_read", keys, "", desk.run_id)), "")


class Creates(Tasks):
    """New tasks."""

    kind = "task_create"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._existing: set[int] = set()
        self._people: dict[tuple[str, str], Mirrored] = {}

    def reads(self, claimed: Sequence[Claimed]) -> bool:
        return self._reads_back(claimed) or self._desk.writing.looks

    def _reads_back(self, claimed: Sequence[Claimed]) -> bool:
        """Whether a task may be there already without our knowing."""
        return self._desk.guarded is not False or claimed[0].was == "unknown"

    def find(self, claimed: Sequence[Claimed]) -> Mapping[str, SeenTask]:
        if self._desk.guarded:
            self._desk.tally.task("task_find", len(claimed))
        found = self._desk.crm.tasks.find([_task(one) for one in claimed]) if self._reads_back(claimed) else {}
        if self._desk.writing.looks:
            self._people = self._looked_at([one for one in claimed if one.effect_key not in found])
        return found

    def _looked_at(self, claimed: Sequence[Claimed]) -> dict[tuple[str, str], Mirrored]:
        """The people whom these tasks are about, by object and the id that was asked for."""
        seen: dict[tuple[str, str], Mirrored] = {}
        for object in sorted({_about(one)[0] for one in claimed if one.payload.get("person")}):
            ids = sorted({_about(one)[1] for one in claimed if one.payload.get("person") and _about(one)[0] == object})
            self._desk.tally.read(object, len(ids))
            found = self._desk.crm.mirror.read(object, ids, ())
            seen |= {(object, id): found.get(id, Mirrored(id, object, deleted=True)) for id in ids}
        return seen

    def judge(self, claimed: Sequence[Claimed], found: Mapping[str, SeenTask]) -> list[Claimed]:
        """What is there is confirmed and stays untouched; what is not is sent once an unproved send is long enough ago."""
        there = [
            Verdict(one, "confirmed", found[one.effect_key].id, _state(found[one.effect_key]))
            for one in claimed
            if one.effect_key in found
        ]
        missing = [one for one in claimed if one.effect_key not in found]
        stopped = [stop for one in missing if (stop := self._stopped(one)) is not None]
        missing = [one for one in missing if one.id not in {stop.intent.id for stop in stopped}]
        waits = {one.id: self._wait_left(one) for one in missing}
        held = [Verdict(one, "unknown", attempts=one.attempts, wait=waits[one.id]) for one in missing if waits[one.id] > 0]
        self._existing |= {one.intent.id for one in there}
        if there or held or stopped:
            self._store([*there, *held, *stopped])
        self._desk.tally.finished(len(there) + len(stopped))
        return [one for one in missing if waits[one.id] <= 0]

    def _stopped(self, one: Claimed) -> Verdict | None:
        """Why no task is made about this person, though it was planned."""
        seen = self._people.get(_about(one))
        if seen is None or one.was == "unknown":  # one that may be on its way is not called back
            return None
        if seen.deleted or seen.moved_to or seen.id != _about(one)[1]:
            return Verdict(one, "rejected", error=("moved", "The record was merged, converted or deleted meanwhile."))
        if seen.do_not_contact and self._desk.writing.opt_out:
            return Verdict(one, "cancelled", error=("opted_out", "The lead does not want to be contacted any more."))
        return None

    def also(self, tx: Tx, verdicts: Sequence[Verdict]) -> None:
        """Links follow the people who turned out to be elsewhere, or nowhere."""
        for one in verdicts:
            object, id = _about(one.intent)
            seen = self._people.get((object, id))
            if seen is None or one.error is None or one.error[0] != "moved":
                continue
            to = seen.moved_to or (seen.id if seen.id != id else None)
            if to:
                links.moved(tx, self._desk.destination, object, {id: (seen.moved_object or successor(seen, object), to)})
            elif seen.deleted:
                mirror.gone(tx, self._desk.destination, object, [id])

    def send(self, items: Sequence[Claimed], trace: str) -> Sequence[Receipt]:
        return self._desk.crm.tasks.create([_task(one) for one in items], trace)

    def verdict(self, one: Claimed, says: Receipt, answer: Answer) -> Verdict:
        if says.outcome is Outcome.APPLIED or (says.outcome is Outcome.EXISTS and says.crm_id):
            if says.outcome is Outcome.EXISTS:
                self._existing.add(one.id)
            return Verdict(one, "confirmed", says.crm_id, OPEN)
        return super().verdict(one, says, answer)

    def counted(self, verdicts: Sequence[Verdict]) -> None:
        confirmed = [one for one in verdicts if one.status == "confirmed"]
        # one that we had sent before and found by reading back is of our making now
        existing = sum(1 for one in confirmed if one.intent.id in self._existing and one.intent.was != "unknown")
        self._desk.tally.tasks(created=len(confirmed) - existing, existing=existing)

    def _wait_left(self, one: Claimed) -> float:
        if one.was != "unknown" or one.uncertain_until is None:
            return 0.0
        return (one.uncertain_until - self._desk.store.now()).total_seconds()


class Changes(Tasks):
    """One task to move to another owner, or to close."""

    kind = "task_change"

    def __init__(self, desk: Desk, rows: Mapping[str, Mapping[str, Any]]) -> None:
        super().__init__(desk)
        self._made = rows.get("task_create")

    def reads(self, claimed: Sequence[Claimed]) -> bool:  # noqa: ARG002  always: a person may have touched it
        return True

    def find(self, claimed: Sequence[Claimed]) -> Mapping[str, SeenTask]:
        ids = {str(one.payload["task"]): one.effect_key for one in claimed}
        return {ids[id]: seen for id, seen in self._desk.crm.tasks.read(list(ids)).items() if id in ids}

    def judge(self, claimed: Sequence[Claimed], found: Mapping[str, SeenTask]) -> list[Claimed]:
        (one,) = claimed
        seen = found.get(one.effect_key)
        if seen is not None and self._is_done(one, seen):
            self._store([Verdict(one, "confirmed")])
            return []
        why = "deleted" if seen is None else touched(seen, self._payload(), self._context("owner"), self._context("status"))
        if why is not None and not _may_close(one, seen, why):
            said = f"A person got there first: the task was {why}. It is left alone."
            self._store([Verdict(one, "cancelled", error=("touched", said))])
            return []
        return [one]

    def send(self, items: Sequence[Claimed], trace: str) -> Sequence[Receipt]:  # noqa: ARG002  one row, told by its key
        (one,) = items
        task, tasks = str(one.payload["task"]), self._desk.crm.tasks
        says = tasks.close(task) if one.kind == "task_close" else tasks.move(task, str(one.payload["owner"]))
        return [replace(says, key=one.effect_key)]

    def verdict(self, one: Claimed, says: Receipt, answer: Answer) -> Verdict:
        return Verdict(one, "confirmed") if says.outcome is Outcome.APPLIED else super().verdict(one, says, answer)

    def also(self, tx: Tx, verdicts: Sequence[Verdict]) -> None:
        """The intent that made the task says what became of it, and whose it is."""
        for one in verdicts:
            if self._made is None or one.status not in ("confirmed", "cancelled"):
                continue
            id, context = int(self._made["id"]), dict(self._made["context"] or {})
            if one.status == "cancelled":
                intents.set_handoff(tx, {id: "deleted" if "deleted" in str(one.error) else "touched"})
            elif one.intent.kind == "task_close":
                intents.set_handoff(tx, {id: CLOSED})
            else:
                intents.set_handoff(tx, {id: OPEN}, {id: {**context, "owner": one.intent.payload["owner"]}})

    def counted(self, verdicts: Sequence[Verdict]) -> None:
        done = [one.intent.kind for one in verdicts if one.status == "confirmed"]
        self._desk.tally.tasks(moved=done.count("task_move"), closed=done.count("task_close"))

    def _payload(self) -> Mapping[str, Any]:
        return unpacked(self._made["payload"]) if self._made else {}

    def _context(self, name: str) -> str | None:
        """What is noted about the task: its owner by our last word, the status it was first seen with."""
        made = {} if self._made is None else self._made["context"] or {}
        said = made.get(name) or (self._payload().get(name) if name == "owner" else None)
        return None if said is None else str(said)

    def _is_done(self, one: Claimed, seen: SeenTask) -> bool:
        if one.kind == "task_close":
            return one.was == "unknown" and not seen.open and not seen.deleted
        return seen.open and seen.owner == str(one.payload["owner"])


def _may_close(one: Claimed, seen: SeenTask | None, why: str) -> bool:
    """Whether a task that was touched is closed all the same: whoever touched it has left, and another one follows it."""
    left = one.payload.get("if_owner") if one.kind == "task_close" else None
    return left is not None and seen is not None and seen.owner == left and why not in ("done", "deleted")


def _task(one: Claimed) -> Task:
    known = {name: value for name, value in one.payload.items() if name in Task.__dataclass_fields__ and name != "key"}
    return Task(key=one.effect_key, **known)


def _about(one: Claimed) -> tuple[str, str]:
    """The person a new task is about: object and id."""
    return str(one.payload.get("person_object") or "contact"), str(one.payload.get("person"))


def successor(seen: Mirrored, object: str) -> str:
    """The object of the record that took the place of this one."""
    return mirror.SUCCESSORS.get(object, object) if seen.moved_to else seen.object


def _state(seen: SeenTask) -> str:
    if seen.deleted:
        return "deleted"
    return OPEN if seen.open else "done"
