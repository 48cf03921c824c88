"""
What the CRM's word about one record means for its row. Pure.

Decided here: the next status, when the row is taken up again, after how many tries it is given up. A limit uses up no try.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from connectors.contract import Outcome, Receipt
from worker.core.planning import acknowledge
from worker.steps.sending.calling import ATTEMPTS_AT_MOST, Answer, backoff
from worker.steps.sending.record_drafts import Draft
from worker.store.mirror import SUCCESSORS
from worker.store.record_claims import Verdict


@dataclass(frozen=True, slots=True)
class Said:
    """One row's receipt, and the answer it came in."""

    draft: Draft
    receipt: Receipt
    answer: Answer
    unknown_wait: float

    @property
    def error(self) -> tuple[str, str]:
        return self.receipt.outcome.value, self.receipt.message or self.receipt.code


def verdict(said: Said) -> Verdict:
    """The row after this receipt."""
    return _MEANINGS[said.receipt.outcome](said)


def tried(one: Verdict) -> Verdict:
    """Another try counted; too many of them, and the row is dead."""
    tries = one.row.attempts + 1
    if tries >= ATTEMPTS_AT_MOST:
        said = f"Given up after {tries} attempts: {(one.error or ('', 'no outcome'))[1]}"
        return Verdict(one.row, "dead", error=("exhausted", said))
    return replace(one, attempts=tries)


def lacks_field(says: Receipt) -> bool:
    """Whether the CRM does not have a field, or lets nobody write it: the mapping is wrong, not the row."""
    return says.outcome is Outcome.REFUSED and says.field is not None


def successor_object(object: str) -> str:
    """What a record that moved has become where the CRM does not say."""
    return SUCCESSORS.get(object, object)


def _applied(said: Said) -> Verdict:
    one, says = said.draft, said.receipt
    sent = {**one.fields, **dict.fromkeys(one.clear)}
    held, reformatted = acknowledge(one.record, sent, says.echoed)
    return Verdict(one.row, "in_sync", held, reformatted, says.moved_to or says.crm_id, parked=one.parked)


def _unknown(said: Said) -> Verdict:
    return tried(Verdict(said.draft.row, "unknown", uncertain=said.unknown_wait, error=said.error))


def _try_later(said: Said) -> Verdict:
    row, wait = said.draft.row, said.answer.wait
    if said.answer.limited:
        return Verdict(row, "due", attempts=row.attempts, wait=wait)
    return tried(Verdict(row, "due", wait=wait or backoff(row.attempts + 1), error=said.error))


def _moved(said: Said) -> Verdict:
    row, to = said.draft.row, said.receipt.moved_to
    if to is None:
        return Verdict(row, "unmatched", gone=True, error=said.error)
    return tried(Verdict(row, "due", {}, {}, to, successor_object(row.object), error=said.error))


def _exists(said: Said) -> Verdict:
    # our own key is there: an earlier create arrived; without its id it is found by that key
    row, id = said.draft.row, said.receipt.crm_id
    return tried(Verdict(row, "due" if id else "unknown", crm_id=id, error=said.error))


def _refused(said: Said) -> Verdict:
    one = said.draft
    if lacks_field(said.receipt):
        return Verdict(one.row, "in_sync", parked=(*one.parked, str(said.receipt.field)))
    return Verdict(one.row, "due", attempts=one.row.attempts, error=said.error)


def _rejected(said: Said) -> Verdict:
    return Verdict(said.draft.row, "rejected", error=said.error)


def _needs_review(said: Said) -> Verdict:
    return Verdict(said.draft.row, "needs_review", error=said.error)


_MEANINGS: Mapping[Outcome, Callable[[Said], Verdict]] = {
    Outcome.APPLIED: _applied,
    Outcome.EXISTS: _exists,
    Outcome.TRY_LATER: _try_later,
    Outcome.UNKNOWN: _unknown,
    Outcome.MOVED: _moved,
    Outcome.REJECTED: _rejected,
    Outcome.REFUSED: _refused,
    Outcome.NEEDS_REVIEW: _needs_review,
}
