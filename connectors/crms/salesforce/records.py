"""
Writes field values on leads, contacts and accounts, a batch at a time.

Decided here: the body of a row, which rows never leave, what a new record is made with. A converted lead is never
written: some orgs refuse it, some accept it silently on a record nobody looks at any more, so each batch of lead
updates asks first which of them are converted (between that answer and the write somebody may still convert one; the
next poll tells).

A new Lead needs LastName and Company: without them the e-mail's local part and the domain stand in, so that a person
sees where they came from. A Contact needs LastName, an Account Name (its domain), in the same way.

Not decided here: what is written (the plan), when it is sent again (the store), what goes as a file (`bulk`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from connectors.contract import Change, Outcome, Receipt, Value
from connectors.crms.salesforce.answers import CONVERTED, FIELD_CODES
from connectors.crms.salesforce.batches import Row, sent
from connectors.crms.salesforce.client import BATCH, Client
from connectors.crms.salesforce.mapping import KEY_FIELD
from connectors.crms.salesforce.names import KEY, theirs
from connectors.crms.salesforce.reading import Reader
from connectors.crms.salesforce.schema import Schema
from connectors.crms.salesforce.values import Form, Json, as_kept, encoded, full_id
from connectors.rows import Unsendable, creating, doubles

UNKNOWN_NAME = "Unknown"


class Records:
    """Updates by id and creates, at most `batch` in one call."""

    batch = BATCH
    looks_first = frozenset({"lead"})
    """A lead may have been converted since it was mirrored, and some orgs take updates of a converted one in silence."""

    def __init__(self, client: Client, schema: Schema) -> None:
        self._client = client
        self._schema = schema
        self._reader = Reader(client, schema)

    def write(self, object: str, changes: Sequence[Change], trace: str) -> Sequence[Receipt]:
        """Send updates or creates in one call. A row that cannot be sent as it is gets its receipt without being sent."""
        if not changes:
            return []
        making = creating(changes, self.batch)
        moved = {} if making or object != "lead" else self._converted([change.crm_id for change in changes])
        rows, receipts = self.rows(object, changes, moved)
        if rows:
            method = "POST" if making else "PATCH"
            told = sent(rows, lambda bodies: self._client.collection(method, bodies, trace))
            receipts |= {receipt.key: receipt for receipt in told}
            if any(receipt.code in FIELD_CODES for receipt in told):
                self._schema.forget()
        return [receipts[change.key] for change in changes]

    def rows(
        self, object: str, changes: Sequence[Change], moved: Mapping[str, str] | None = None
    ) -> tuple[list[Row], dict[str, Receipt]]:
        """What is sent, and the receipts of what is not; `moved` are the contacts of converted leads, by the lead's id."""
        receipts = {receipt.key: receipt for receipt in doubles(changes, _marks).values()}
        rows: list[Row] = []
        known: dict[str, tuple[str | None, Form]] = {}
        for change in changes:
            if change.key in receipts:
                continue
            if (to := (moved or {}).get(full_id(change.crm_id) or "")) is not None:
                receipts[change.key] = _moved(change, to)
                continue
            try:
                rows.append(self._row(object, change, known))
            except Unsendable as problem:
                receipts[change.key] = problem.receipt(change)
        return rows, receipts

    def converted(self, object: str, changes: Sequence[Change]) -> dict[str, str]:
        """The same as every batch of lead updates asks first, for many: 2,000 in one call instead of 200."""
        if object not in self.looks_first or "IsConverted" not in self._schema.columns(object):
            return {}
        names = ("IsConverted", "ConvertedContactId")
        rows = self._reader.present(object, (change.crm_id for change in changes if change.crm_id), names)
        return {id: str(row.get("ConvertedContactId") or "") for id, row in rows.items() if row.get("IsConverted")}

    def _target(self, object: str, name: str) -> tuple[str | None, Form]:
        field = theirs(object, name)
        return (field, self._schema.form(object, field)) if field else (None, Form())

    def _row(self, object: str, change: Change, known: dict[str, tuple[str | None, Form]]) -> Row:
        values: dict[str, Json] = {}
        echoed: dict[str, Value] = {}
        names: dict[str, str] = {}
        wanted = {name: value for name, value in change.fields.items() if value is not None}
        for name, value in (wanted | dict.fromkeys(change.clear)).items():
            field, form = known.get(name) or known.setdefault(name, self._target(object, name))
            if field is None:
                continue
            names[field] = name
            try:
                values[field] = encoded(value, form)
            except ValueError as problem:
                raise Unsendable(f"{problem} Correct the value of {name}.", "UNSENDABLE", name) from None
            if value is not None and (kept := as_kept(value, values[field], form)) != value:
                echoed[name] = kept
        if change.crm_id is None:
            values |= _needed(object, change, values)
        return Row(change.key, object, values, change.crm_id, echoed, KEY_FIELD, names)

    def _converted(self, ids: Sequence[str | None]) -> dict[str, str]:
        """The contacts that converted leads became, by the lead's id; empty text where the org does not say which."""
        if "IsConverted" not in self._schema.columns("lead"):
            return {}
        asked = [full for id in ids if (full := full_id(id))]
        rows = self._reader.found("lead", ("Id", asked), ("IsConverted", "ConvertedContactId"))
        return {str(row["Id"]): str(row.get("ConvertedContactId") or "") for row in rows if row.get("IsConverted")}


def _marks(change: Change) -> set[tuple[str, str]]:
    marks = {("key", change.key)}
    if change.crm_id is not None:
        marks.add(("id", full_id(change.crm_id) or change.crm_id))
    for name, value in ((KEY, change.fields.get(KEY)), ("email", change.fields.get("email"))):
        if isinstance(value, str) and value and (name == KEY or change.crm_id is None):
            # Keys tell capitals apart, addresses do not.
            marks.add((name, value if name == KEY else value.casefold()))
    return marks


def _moved(change: Change, to: str) -> Receipt:
    said = "The lead was converted; its contact is written instead. Match it again."
    return Receipt(change.key, Outcome.MOVED, change.crm_id, code=CONVERTED, message=said, moved_to=to or None)


def _needed(object: str, change: Change, values: Mapping[str, Json]) -> dict[str, Json]:
    """What a new record must have and the change does not bring."""
    email = str(change.fields.get("email") or "")
    local, _, host = email.partition("@")
    domain = str(change.fields.get("domain") or host)
    stand_in = {
        "lead": {"LastName": local, "Company": domain},
        "contact": {"LastName": local},
        "company": {"Name": domain},
    }[object]
    return {name: value[:80] or UNKNOWN_NAME for name, value in stand_in.items() if not values.get(name)}
