"""
One call for a held batch: its slot, its lease, its attempt row, and what its outcome means.

Decided here: no call without a committed attempt row; no call that could outlive the lease; an outcome nobody can prove is
unknown for every row it concerns, a bug of ours included; a refusal of the whole batch is halved. Not decided here: what
becomes of a row (`push_records`, `push_tasks`).
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar
from uuid import uuid4

from connectors.contract import Outcome, Receipt
from connectors.errors import ConnectorError, Moved, Refused, Rejected, TryLater, Unknown
from worker.steps.pacing.turns import PATIENT, SHORT, patient
from worker.steps.sending.desk import Desk
from worker.store import attempts
from worker.store.attempts import Attempt, End
from worker.store.crash import point
from worker.store.database import Tx

ATTEMPTS_AT_MOST = 8
BACKOFF_AT_MOST = 900.0
Item = TypeVar("Item")
Read = TypeVar("Read")


class Late(Exception):
    """No call can be made now for what is held: the lease or the next slot leaves no time, or the CRM asks us to wait."""

    def __init__(self, wait: float | None = None, *, costs: bool = False) -> None:
        super().__init__()
        self.wait = wait
        self.costs = costs
        """Whether it counts as an attempt."""


@dataclass(frozen=True, slots=True)
class Answer:
    """How a call ended; exactly one receipt for each key."""

    outcome: str
    receipts: Mapping[str, Receipt] = field(default_factory=dict)
    wait: float | None = None
    limited: bool = False
    refused: str = ""
    halve: bool = False


@dataclass(frozen=True, slots=True)
class Begun:
    """An attempt that is written down: its row and the trace id that goes with the call."""

    id: int
    trace: str


class Batch(Protocol[Item]):
    """What a kind of effect does with its items."""

    kind: str

    def key(self, item: Item) -> str: ...

    def doc(self, item: Item) -> Mapping[str, Any]:
        """What the attempt row says about this item."""
        ...

    def noted(self, tx: Tx, items: Sequence[Item], attempt: int) -> None:
        """In the transaction that begins the attempt."""
        ...

    def send(self, items: Sequence[Item], trace: str) -> Sequence[Receipt]: ...

    def settle(self, items: Sequence[Item], answer: Answer, attempt: int) -> list[Item]:
        """Store the outcome in one transaction; what of it is to be sent once more, now, and was not written."""
        ...

    def release(self, items: Sequence[Item], late: Late) -> None: ...


class Held:
    """A claimed batch and the time that is left for it."""

    def __init__(self, desk: Desk, claimed_at: float) -> None:
        self.desk = desk
        self._until = claimed_at + desk.periods.lease - desk.periods.call - desk.periods.margin
        self._has_read = False

    def guard(self) -> None:
        """Raise Late where a call begun now could end after the lease."""
        if time.monotonic() >= self._until:
            raise Late

    def turn(self) -> None:
        """
        Wait for a slot; Late where it is too far away to wait for it with a batch in hand.

        What was read is worth a longer wait. Where others leave us a call every few seconds, reads would come to nothing.
        """
        most = min(PATIENT, self._until - time.monotonic()) if self._has_read else SHORT
        wait = self.desk.limiter.reserve(within=max(most, 0.0))
        if wait > most or not self.desk.rest(wait, self.desk.stopped):
            raise Late(wait)
        self.guard()

    def read(self, ask: Callable[[], Read]) -> Read:
        """Ask the CRM something; whatever goes wrong leaves nothing written."""
        self._has_read = True
        try:
            with patient():
                return ask()
        except TryLater as problem:
            if problem.limited:
                self.desk.limiter.pause(problem.after or self.desk.crm.budget().window_seconds)
            raise Late(problem.after or 1.0, costs=not problem.limited) from None
        except Refused as problem:
            self.desk.refuse(str(problem))
            raise Late from None
        except ConnectorError as problem:
            self.desk.tally.warn(f"Reading back failed: {problem}")
            raise Late(backoff(1), costs=True) from None
        finally:
            self.desk.limiter.learn(self.desk.crm.budget())

    def carry_out(self, batch: Batch[Item], items: Sequence[Item], attempt: Begun | None) -> None:
        """Send all items, halving what is refused as a whole; `attempt` was begun with the claim."""
        queue: deque[tuple[list[Item], Begun | None]] = deque([(list(items), attempt)])
        while queue:
            group, begun = queue.popleft()
            try:
                begun = self._begin(batch, group) if begun is None else self._begun(begun)
            except Late as late:
                batch.release([item for some in (group, *(one for one, _ in queue)) for item in some], late)
                return
            answer = self._call(batch, group, begun)
            if answer.halve:
                self._end(begun.id, End("rejected", {"halved": len(group)}))
                middle = len(group) // 2
                queue.extendleft([(group[middle:], None), (group[:middle], None)])
                continue
            point("K7", batch.kind)
            again = batch.settle(group, answer, begun.id)
            point("K8", batch.kind)
            if again:
                queue.append((again, None))

    def _begin(self, batch: Batch[Item], group: Sequence[Item]) -> Begun:
        self.turn()
        if self.desk.halted.is_set():
            raise Late
        with self.desk.store.write() as tx:
            attempt = begin(tx, self.desk, batch, group)
        point("K4")
        return attempt

    def _begun(self, attempt: Begun) -> Begun:
        try:
            self.guard()
        except Late:
            self._end(attempt.id, End("not_sent"))
            raise
        return attempt

    def _call(self, batch: Batch[Item], group: Sequence[Item], attempt: Begun) -> Answer:
        self.desk.tally.wrote()
        answer = outcome_of(lambda: batch.send(group, attempt.trace), [batch.key(item) for item in group])
        self.desk.limiter.learn(self.desk.crm.budget())
        if answer.limited:
            self.desk.limiter.pause(answer.wait or self.desk.crm.budget().window_seconds)
        if answer.refused:
            self.desk.refuse(answer.refused)
        if answer.outcome.startswith("crashed"):
            self.desk.tally.warn(f"A defect while sending to {self.desk.destination}: {answer.outcome}. Rows are read back.")
        return answer

    def _end(self, attempt: int, how: End) -> None:
        with self.desk.store.write() as tx:
            attempts.end(tx, attempt, how)


def begin(tx: Tx, desk: Desk, batch: Batch[Item], items: Sequence[Item]) -> Begun:
    """Write the attempt down, and at each item that it carries it; the call may follow once this is committed."""
    begun = written_down(tx, desk, batch, items)
    batch.noted(tx, items, begun.id)
    return begun


def written_down(tx: Tx, desk: Desk, batch: Batch[Item], items: Sequence[Item]) -> Begun:
    """The attempt alone, for items that are told which attempt carries them when they are held."""
    keys = {batch.key(item): batch.doc(item) for item in items}
    trace = uuid4().hex
    return Begun(attempts.begin(tx, Attempt(desk.destination, batch.kind, keys, trace, desk.run_id)), trace)


def outcome_of(send: Callable[[], Sequence[Receipt]], keys: Sequence[str]) -> Answer:
    """Make a writing call and say what became of each key. A key without an answer is unknown."""
    try:
        told = {receipt.key: receipt for receipt in send()}
    except ConnectorError as problem:
        return _of_error(problem, keys)
    except Exception as defect:  # noqa: BLE001  a defect after sending must not leave rows without an outcome
        said = f"crashed: {type(defect).__name__}"
        return _all(
            keys, Outcome.UNKNOWN, Unknown(f"{said}. Read back before sending again.", code=type(defect).__name__), said
        )
    silent = Receipt("", Outcome.UNKNOWN, code="NOT_IN_ANSWER", message="The answer does not mention this row.")
    receipts = {key: told.get(key) or _for(silent, key) for key in keys}
    outcomes = {receipt.outcome.value for receipt in receipts.values()}
    return Answer(outcomes.pop() if len(outcomes) == 1 else "mixed", receipts)


def _of_error(problem: ConnectorError, keys: Sequence[str]) -> Answer:
    if isinstance(problem, TryLater):
        return _all(keys, Outcome.TRY_LATER, problem, wait=problem.after, limited=problem.limited)
    if isinstance(problem, Refused):
        return _all(keys, Outcome.REFUSED, problem, refused=str(problem))
    if isinstance(problem, Rejected | Moved):
        return Answer("rejected", halve=True) if len(keys) > 1 else _one(keys[0], problem)
    point("K5")
    point("K6")
    return _all(keys, Outcome.UNKNOWN, problem)


def backoff(attempts: int) -> float:
    """Seconds until the next try after so many."""
    return min(5.0 * 2 ** max(0, attempts - 1), BACKOFF_AT_MOST)


def _all(keys: Sequence[str], outcome: Outcome, problem: ConnectorError, said: str = "", **more: Any) -> Answer:
    receipts = {key: Receipt(key, outcome, code=problem.code, message=str(problem)) for key in keys}
    return Answer(said or outcome.value, receipts, **more)


def _one(key: str, problem: Rejected | Moved) -> Answer:
    if isinstance(problem, Moved):
        receipt = Receipt(key, Outcome.MOVED, code=problem.code, message=str(problem), moved_to=problem.to)
    else:
        receipt = Receipt(key, Outcome.REJECTED, code=problem.code, message=str(problem), field=problem.field)
    return Answer(receipt.outcome.value, {key: receipt})


def _for(receipt: Receipt, key: str) -> Receipt:
    return Receipt(key, receipt.outcome, code=receipt.code, message=receipt.message)
