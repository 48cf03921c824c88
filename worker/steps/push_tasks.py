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

from connectors.contract import Outcome, Receipt, SeenTask, Task
from connectors.errors import ConnectorError, Refused
from worker.steps.calling import ATTEMPTS_AT_MOST, Answer, Batch, Begun, Held, Late, backoff, begin
from worker.steps.desk import Desk
from worker.steps.report import Rejection
from worker.steps.touch import touched
from worker.store import attempts, intent_claims, intents
from worker.store.attempts import Attempt, End
from worker.store.claiming import Claim
from worker.store.crash import point
from worker.store.database import Tx
from worker.store.intent_claims import Claimed, Verdict
from worker.store.values import packed, unpacked

CLOSED = "closed"
OPEN = "open"


def push_tasks(desk: Desk) -> bool:
    """One batch of creates, or one move or close; False where none is ready."""
    if desk.guarded is None and not _asked(desk):
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


def _asked(desk: Desk) -> bool:
    """Ask once, holding nothing, how the CRM knows our tasks; False where there are none or it does not answer now."""
    with desk.store.read() as tx:
        if not intent_claims.waiting(tx, desk.destination, desk.only):
            return False
    try:
        desk.guarded = desk.crm.tasks.guarded
    except Refused as problem:
        desk.tasks_too = False
        desk.refuse(str(problem))
    except ConnectorError as problem:
        wait = getattr(problem, "after", None) or desk.crm.budget().window_seconds
        if getattr(problem, "limited", False):
            desk.limiter.pause(wait)
        desk.tasks_too = False
        desk.tally.report.limited = wait
        desk.tally.warn(f"Tasks wait, because {desk.destination} did not say what it knows of them: {problem}")
    return desk.guarded is not None


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


class Tasks(Batch[Claimed]):
    """What creating and changing tasks have in common."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def key(self, item: Claimed) -> str:
        return item.effect_key

    def doc(self, item: Claimed) -> Mapping[str, Any]:
        return {"intent": item.id, "sent": packed(item.payload)}

    def noted(self, tx: Tx, items: Sequence[Claimed], attempt: int) -> None:
        intent_claims.note_attempt(tx, [one.id for one in items], attempt)

    def reads(self, claimed: Sequence[Claimed]) -> bool:
        """Whether something must be read before these are sent."""
        raise NotImplementedError

    def look(self, held: Held, claimed: Sequence[Claimed], begun: Begun | None) -> list[Claimed]:
        """Read what must be read; what is left to send."""
        if begun is None or not self.reads(claimed):
            return list(claimed)
        try:
            held.guard()
            found = held.read(lambda: self.find(claimed))
        except Late as late:
            self._end(begun.id, "try_later")
            self.release(claimed, late)
            return []
        self._end(begun.id, "read")
        return self.judge(claimed, found)

    def find(self, claimed: Sequence[Claimed]) -> Mapping[str, SeenTask]:
        raise NotImplementedError

    def judge(self, claimed: Sequence[Claimed], found: Mapping[str, SeenTask]) -> list[Claimed]:
        raise NotImplementedError

    def verdict(self, one: Claimed, says: Receipt, answer: Answer) -> Verdict:
        """What an outcome means, whatever was done."""
        error = (says.outcome.value, says.message or says.code)
        tries = one.attempts + 1
        if says.outcome in (Outcome.TRY_LATER, Outcome.REFUSED):
            if answer.limited or says.outcome is Outcome.REFUSED:
                return Verdict(one, "planned", attempts=one.attempts, wait=answer.wait)
            return tried(Verdict(one, "planned", wait=answer.wait or backoff(tries), error=error))
        if says.outcome in (Outcome.UNKNOWN, Outcome.EXISTS):
            wait = self._desk.periods.unknown_wait if says.outcome is Outcome.UNKNOWN else None
            return tried(Verdict(one, "unknown", uncertain=wait, error=error))
        if says.outcome is Outcome.NEEDS_REVIEW:
            return Verdict(one, "needs_review", error=error)
        # a person or company that is gone: planned again with the one it became
        return Verdict(one, "rejected", attempts=tries, error=error)

    def settle(self, items: Sequence[Claimed], answer: Answer, attempt: int) -> list[Claimed]:
        told = [(one, answer.receipts[one.effect_key]) for one in items]
        bad = any(says.outcome in (Outcome.REJECTED, Outcome.NEEDS_REVIEW, Outcome.MOVED) for _, says in told)
        again = [one for one, says in told if bad and not answer.limited and says.outcome is Outcome.TRY_LATER]
        final = [(one, says) for one, says in told if one not in again]
        verdicts = [self.verdict(one, says, answer) for one, says in final]
        how = End(answer.outcome, {one.effect_key: says.outcome.value for one, says in told})
        lost = self._store(verdicts, (attempt, how))
        self._desk.tally.reject(
            *(
                self._rejection(v, says)
                for v, (_, says) in zip(verdicts, final, strict=True)
                if v.intent.id not in lost and v.status == "rejected"
            )
        )
        self._desk.tally.finished(sum(1 for one in verdicts if one.status not in ("planned", "unknown")))
        if answer.outcome == Outcome.REFUSED.value:
            self._desk.refuse(next(iter(answer.receipts.values())).message)
        return again

    def release(self, items: Sequence[Claimed], late: Late) -> None:
        with self._desk.store.write() as tx:
            if late.costs:
                intent_claims.settle(tx, [tried(Verdict(one, one.was, wait=late.wait)) for one in items])
            else:
                intent_claims.release(tx, items, late.wait)
        self._desk.give_back(len(items))

    def counted(self, verdicts: Sequence[Verdict]) -> None:
        raise NotImplementedError

    def _store(self, verdicts: Sequence[Verdict], attempt: tuple[int, End] | None = None) -> set[int]:
        with self._desk.store.write() as tx:
            lost = intent_claims.settle(tx, verdicts) if verdicts else set()
            if lost:
                point("K10")
            good = [one for one in verdicts if one.intent.id not in lost]
            self.also(tx, good)
            if attempt is not None:
                stale = {one.intent.effect_key: "stale_result" for one in verdicts if one.intent.id in lost}
                id, how = attempt
                attempts.end(tx, id, End(how.outcome, {**(how.answers or {}), **stale}))
        self.counted(good)
        return lost

    def also(self, tx: Tx, verdicts: Sequence[Verdict]) -> None:
        """What else changes in the transaction that closes a batch."""

    def _end(self, attempt: int, outcome: str) -> None:
        with self._desk.store.write() as tx:
            attempts.end(tx, attempt, End(outcome))

    def _rejection(self, one: Verdict, says: Receipt) -> Rejection:
        return Rejection(
            destination=self._desk.destination,
            lead=one.intent.lead_key,
            name=str(one.intent.payload.get("subject", "")),
            field=says.field,
            code=says.code,
            message=says.message,
        )


class Creates(Tasks):
    """New tasks."""

    kind = "task_create"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._existing: set[int] = set()

    def reads(self, claimed: Sequence[Claimed]) -> bool:
        return self._desk.guarded is not False or claimed[0].was == "unknown"

    def find(self, claimed: Sequence[Claimed]) -> Mapping[str, SeenTask]:
        if self._desk.guarded:
            self._desk.tally.task("task_find", len(claimed))
        return self._desk.crm.tasks.find([_task(one) for one in claimed])

    def judge(self, claimed: Sequence[Claimed], found: Mapping[str, SeenTask]) -> list[Claimed]:
        """What is there is confirmed and stays untouched; what is not is sent once an unproved send is long enough ago."""
        there = [
            Verdict(one, "confirmed", found[one.effect_key].id, _state(found[one.effect_key]))
            for one in claimed
            if one.effect_key in found
        ]
        missing = [one for one in claimed if one.effect_key not in found]
        waits = {one.id: self._wait_left(one) for one in missing}
        held = [Verdict(one, "unknown", attempts=one.attempts, wait=waits[one.id]) for one in missing if waits[one.id] > 0]
        self._existing |= {one.intent.id for one in there}
        if there or held:
            self._store([*there, *held])
        self._desk.tally.finished(len(there))
        return [one for one in missing if waits[one.id] <= 0]

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
        if why is not None:
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


def tried(one: Verdict) -> Verdict:
    """Another try counted; too many of them, and the intent is dead."""
    tries = one.intent.attempts + 1
    if tries >= ATTEMPTS_AT_MOST:
        said = f"Given up after {tries} attempts: {(one.error or ('', 'no outcome'))[1]}"
        return Verdict(one.intent, "dead", error=("exhausted", said))
    return replace(one, attempts=tries)


def _task(one: Claimed) -> Task:
    known = {name: value for name, value in one.payload.items() if name in Task.__dataclass_fields__ and name != "key"}
    return Task(key=one.effect_key, **known)


def _state(seen: SeenTask) -> str:
    if seen.deleted:
        return "deleted"
    return OPEN if seen.open else "done"
