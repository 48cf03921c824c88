"""
What every batch of intents has in common: looked at first where that is needed, sent, and each settled by its own receipt.

Decided here: how outcomes of a batch become states of intents, in one transaction with its attempt. Not decided here: what
is sent, and what a look says about it (`push_tasks`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from connectors.contract import Outcome, Receipt, SeenTask
from worker.steps.report import Rejection
from worker.steps.sending.calling import ATTEMPTS_AT_MOST, Answer, Batch, Begun, Held, Late, backoff
from worker.steps.sending.desk import Desk
from worker.steps.sending.set_aside import worded
from worker.store import attempts, intent_claims
from worker.store.attempts import End
from worker.store.crash import point
from worker.store.database import Tx
from worker.store.intent_claims import Claimed, Verdict
from worker.store.values import packed


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
        told = [(one, worded(self._desk, answer.receipts[one.effect_key], one.payload)) for one in items]
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


def tried(one: Verdict) -> Verdict:
    """Another try counted; too many of them, and the intent is dead."""
    tries = one.intent.attempts + 1
    if tries >= ATTEMPTS_AT_MOST:
        said = f"Given up after {tries} attempts: {(one.error or ('', 'no outcome'))[1]}"
        return Verdict(one.intent, "dead", error=("exhausted", said))
    return replace(one, attempts=tries)
