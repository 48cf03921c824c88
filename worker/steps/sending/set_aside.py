"""
What is told of a row that a CRM did not take: the field and the value that it is about, before the CRM's own words.

Decided here: the order of the words, that an owner is shown by address and a value on one line. What to do about it is the
connector's word.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from connectors.contract import Outcome, Receipt
from connectors.fields import OWNER
from worker.core.templates import clean
from worker.steps.sending.desk import Desk
from worker.store import mirror

SHOWN = 60
SET_ASIDE = frozenset({Outcome.REJECTED, Outcome.NEEDS_REVIEW})


def worded(desk: Desk, says: Receipt, sent: Mapping[str, Any]) -> Receipt:
    """The receipt of a row that is set aside, its message with field and value in front."""
    if says.outcome not in SET_ASIDE or not says.field:
        return says
    value = sent.get(says.field)
    if value is None:
        return replace(says, message=f"{says.field}: {says.message}")
    text = _address(desk, str(value)) if says.field == OWNER else clean(str(value))
    text = text if len(text) <= SHOWN else f"{text[:SHOWN]}... ({len(text):,} characters)"
    return replace(says, message=f'{says.field} = "{text}": {says.message}')


def _address(desk: Desk, id: str) -> str:
    with desk.store.read() as tx:
        return mirror.address(tx, desk.destination, id)
