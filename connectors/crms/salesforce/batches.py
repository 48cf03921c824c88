"""
One call of sObject Collections: up to 200 rows, answered in the order sent, each with its own outcome.

Decided here: HTTP 200 says nothing about rows; every row gets exactly one receipt; in an answer of another length places
mean nothing, and what cannot be told from it is Unknown. Salesforce echoes no values, so a receipt carries only those that
we ourselves rounded or trimmed before sending. Not decided here: what a row holds (`records`, `tasks`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from connectors.contract import Fields, Outcome, Receipt
from connectors.crms.salesforce.answers import FIELD_CODES, TAKEN, Answer, Fault, fault_in
from connectors.crms.salesforce.names import OBJECTS, ours
from connectors.crms.salesforce.values import Json, full_id
from connectors.errors import Unknown

OWNER_FIELD = "OwnerId"
CROSS_REFERENCE = "INVALID_CROSS_REFERENCE_KEY"
HELD_BACK = "BATCH_REFUSED"


class Row(NamedTuple):
    """One row to send: our key, the record id of an update, what is sent, what of it differs from what was asked for."""

    key: str
    object: str
    values: Mapping[str, Json]
    crm_id: str | None = None
    echoed: Fields = {}  # noqa: RUF012  a NamedTuple's default, never changed
    unique: str = ""
    """The field that holds our unique key."""
    names: Mapping[str, str] = {}
    """Salesforce's name of a field -> the name it was asked for by."""

    def body(self) -> dict[str, Any]:
        id = {"id": self.crm_id} if self.crm_id is not None else {}
        return {"attributes": {"type": OBJECTS[self.object]}, **id, **self.values}


def sent(rows: Sequence[Row], call: Callable[[list[dict[str, Any]]], Answer]) -> list[Receipt]:
    """Send the rows in one call; one receipt each. Raises what a whole call was."""
    answer = call([row.body() for row in rows])
    if answer.fault is not None:
        return _whole(rows, answer, answer.fault)
    items = answer.good()
    if isinstance(items, list) and len(items) == len(rows):
        return [_receipt(row, item) for row, item in zip(rows, items, strict=True)]
    return _short(rows, items if isinstance(items, list) else [])


def _short(rows: Sequence[Row], items: Sequence[Any]) -> list[Receipt]:
    """An answer of another length: places mean nothing in it, and only the id of a good update tells which row it is."""
    good = [item for item in items if isinstance(item, dict) and item.get("success") is True]
    named = {id: item for item in good if (id := full_id(item.get("id")))}
    known = {row.key: named.get(full_id(row.crm_id) or "") for row in rows}
    if not any(known.values()):
        said = "Salesforce says success and does not answer for every row. Read back before sending again."
        raise Unknown(said, code="NOT_IN_ANSWER")
    return [_receipt(row, known[row.key]) for row in rows]


def refusal(row: Row, fault: Fault) -> Receipt:
    """The receipt for a row that was not taken."""
    outcome, field = fault.outcome, next((name for name in fault.fields if name in row.values), None)
    id = row.crm_id
    if fault.code == TAKEN and row.unique in row.values and fault.fields[:1] in ((), (row.unique,), ("<unknown>",)):
        # Our own unique key is there already: an earlier send of this create arrived, or it stands for this record.
        outcome, id = Outcome.EXISTS, fault.existing[0] if fault.existing else None
    elif fault.code == TAKEN:
        field = fault.fields[0] if fault.fields else None
    elif fault.code == "INACTIVE_OWNER_OR_USER":
        field = OWNER_FIELD
    elif fault.code == CROSS_REFERENCE and (field is not None or OWNER_FIELD in row.values):
        # What a field names is not there, and not the record; Salesforce often leaves the field out. A record that is
        # gone all the same is found by the next poll.
        outcome, field = Outcome.REJECTED, field or OWNER_FIELD
    field = field or (fault.fields[0] if fault.fields and outcome is not Outcome.REFUSED else None)
    message = fault.message
    if outcome is Outcome.NEEDS_REVIEW and fault.existing:
        message = f"{message} It matches {', '.join(fault.existing)}."
    name = row.names.get(field) or (ours(row.object, field) if field in row.values else field) if field else None
    return Receipt(row.key, outcome, id, code=fault.code, message=message, field=name)


def _receipt(row: Row, item: Any) -> Receipt:
    if isinstance(item, dict) and item.get("success") is False:
        errors = item.get("errors")
        first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
        return refusal(row, fault_in(first))
    id = full_id(item.get("id")) if isinstance(item, dict) and item.get("success") is True else None
    if id is None or (row.crm_id is not None and id != full_id(row.crm_id)):
        said = "The answer for this row cannot be read. It may have been written; read back first."
        return Receipt(row.key, Outcome.UNKNOWN, row.crm_id, code="NOT_IN_ANSWER", message=said)
    return Receipt(row.key, Outcome.APPLIED, id, echoed=row.echoed, created=row.crm_id is None)


def _whole(rows: Sequence[Row], answer: Answer, fault: Fault) -> list[Receipt]:
    """A refusal that names a field is about the rows that carry it; the others were not written and are held back."""
    named = [row for row in rows if any(name in row.values for name in fault.fields)]
    if fault.code not in FIELD_CODES or not named:
        answer.good()
    said = "Not written, because another row of the batch was refused."
    held = {row.key: Receipt(row.key, Outcome.TRY_LATER, row.crm_id, code=HELD_BACK, message=said) for row in rows}
    held |= {row.key: refusal(row, fault) for row in named}
    return [held[row.key] for row in rows]
