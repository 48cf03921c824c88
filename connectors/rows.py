"""Rows of a batch that need not be sent to be answered: what both CRMs refuse for the same reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from connectors.contract import Change, Outcome, Receipt

DUPLICATE = "DUPLICATE_INPUT"


class Unsendable(Exception):
    """A value that the CRM could not keep: what is wrong, a stable code, and the field."""

    def __init__(self, message: str, code: str, field: str) -> None:
        super().__init__(message)
        self.code, self.field = code, field

    def receipt(self, change: Change) -> Receipt:
        """The answer to the row that holds the value."""
        return Receipt(change.key, Outcome.REJECTED, change.crm_id, code=self.code, message=str(self), field=self.field)


def creating(changes: Sequence[Change], most: int) -> bool:
    """Whether a batch makes records. Raises ValueError where it holds too many rows, or updates beside creates."""
    kinds = {change.crm_id is None for change in changes}
    if len(changes) > most or len(kinds) > 1:
        raise ValueError(f"A batch holds up to {most} updates or up to {most} creates, not more and not both.")
    return kinds.pop()


def doubles(changes: Sequence[Change], marks: Callable[[Change], set[tuple[str, str]]]) -> dict[int, Receipt]:
    """
    Place in the batch -> receipt, for rows that share a mark (an id, a key, an address) and so are one record.

    HubSpot refuses the whole batch, Salesforce would let one row overwrite the other or make two records; no repeat
    helps, so people decide which one is meant.
    """
    marked = [marks(change) for change in changes]
    # nearly always there are none, which the number of different marks says at once
    if len(set().union(*marked)) == sum(map(len, marked)):
        return {}
    counted = Counter(mark for some in marked for mark in some)
    said = "Two rows of this batch are the same record. Decide which of them is meant."
    return {
        place: Receipt(change.key, Outcome.NEEDS_REVIEW, change.crm_id, code=DUPLICATE, message=said)
        for place, change in enumerate(changes)
        if any(counted[mark] > 1 for mark in marked[place])
    }
