"""
Writes field values on contacts and companies, a batch at a time.

Decided here: the body of a batch, which rows never leave, and the receipt of each row. Not decided here: what is written
(the plan), and when it is sent again (the store).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from connectors.contract import Change, Outcome, Receipt, Value
from connectors.crms.hubspot.batches import Sent, Settled, refusal, settled, silence
from connectors.crms.hubspot.client import BATCH, Client
from connectors.crms.hubspot.schema import Schema
from connectors.crms.hubspot.values import OURS, PLAIN, THEIR_NAMES, decoded, encoded, form_of, kept
from connectors.rows import Unsendable, creating, doubles

NEVER = frozenset({"lifecyclestage"})
"""HubSpot moves the lifecycle by itself and only forward; a tool that writes it takes a decision from people."""
KEY = "pql_key"
_LOST_OR_CUT = frozenset({type(None), datetime})
"""Values that an echo never gives back as they were sent."""


class Records:
    """Updates by id and creates, at most `batch` in one call."""

    batch = BATCH
    looks_first: frozenset[str] = frozenset()

    def __init__(self, client: Client, schema: Schema) -> None:
        self._client = client
        self._schema = schema

    def write(self, object: str, changes: Sequence[Change], trace: str) -> Sequence[Receipt]:
        """Send updates or creates in one call. A row that cannot be sent as it is gets its receipt without being sent."""
        if not changes:
            return []
        making = creating(changes, self.batch)
        receipts: dict[int, Receipt] = {} if _differ(changes) else doubles(changes, _marks)
        sent: dict[int, Sent] = {}
        for place, change in enumerate(changes):
            if place in receipts:
                continue
            try:
                properties = self._properties(object, change)
                sent[place] = Sent(change.key, f"{trace}.{place}", properties, change.crm_id, _key(change), _names(change))
            except Unsendable as problem:
                receipts[place] = problem.receipt(change)
        if sent:
            inputs = [_input(one) for one in sent.values()]
            answer = self._client.batch(object, "create" if making else "update", inputs)
            told = settled(list(sent.values()), answer, KEY)
            for (place, one), says in zip(sent.items(), told, strict=True):
                receipts[place] = _receipt(one, says, changes[place])
        return [receipts[place] for place in range(len(changes))]

    def _properties(self, object: str, change: Change) -> dict[str, str]:
        out: dict[str, str] = {}
        name = ""
        try:
            for name, value in change.fields.items():
                theirs = THEIR_NAMES.get(name, name)
                make = PLAIN.get(type(value))
                if make is not None:
                    out[theirs] = make(value)
                elif isinstance(value, datetime) and name not in OURS:
                    out[theirs] = encoded(value, self._schema.form(object, theirs))
                elif value is not None:
                    out[theirs] = encoded(value)
        except ValueError as problem:
            raise Unsendable(f"{problem} Correct the value of {name}.", "UNSENDABLE", name) from None
        for name in change.clear:
            out[THEIR_NAMES.get(name, name)] = ""
        if not NEVER.isdisjoint(out):
            name = next(iter(NEVER & out.keys()))
            said = f"{name} is never written. Take it out of the fields of this destination."
            raise Unsendable(said, "NEVER_WRITTEN", name)
        return out


def _differ(changes: Sequence[Change]) -> bool:
    """Whether these are updates of different records under different keys, as nearly every batch is: told quickly."""
    if any(KEY in change.fields or change.crm_id is None for change in changes):
        return False
    return len({change.crm_id for change in changes}) == len({change.key for change in changes}) == len(changes)


def _marks(change: Change) -> set[tuple[str, str]]:
    marks = {("key", change.key)}
    if change.crm_id is not None:
        marks.add(("id", change.crm_id))
    for name in (KEY, "email") if change.crm_id is None else (KEY,):
        if isinstance(value := change.fields.get(name), str) and value:
            marks.add((name, value.casefold()))
    return marks


def _names(change: Change) -> dict[str, str]:
    return {THEIR_NAMES.get(name, name): name for name in (*change.fields, *change.clear)}


def _key(change: Change) -> str | None:
    value = change.fields.get(KEY)
    return value if isinstance(value, str) else None


def _input(one: Sent) -> Mapping[str, object]:
    if one.crm_id is None:
        return {"properties": one.properties, "associations": [], "objectWriteTraceId": one.trace}
    return {"id": one.crm_id, "properties": one.properties, "objectWriteTraceId": one.trace}


def _receipt(one: Sent, says: Settled, change: Change) -> Receipt:
    if says.fault is not None:
        receipt = refusal(one, says.fault)
        return _earlier(receipt) if says.fault.field == KEY and receipt.outcome is Outcome.MOVED else receipt
    if says.result is None:
        return silence(one)
    id = str(says.result["id"])
    return Receipt(
        one.key,
        Outcome.APPLIED,
        id,
        echoed=_echoed(says.result.get("properties") or {}, one, change),
        created=one.crm_id is None,
        moved_to=id if one.crm_id is not None and id != one.crm_id else None,
    )


def _earlier(receipt: Receipt) -> Receipt:
    # Our own unique key is there already: an earlier send of this create arrived.
    return Receipt(
        receipt.key, Outcome.EXISTS, receipt.crm_id, code=receipt.code, message=receipt.message, field=receipt.field
    )


def _echoed(said: Mapping[str, object], one: Sent, change: Change) -> Mapping[str, Value]:
    if (
        one.properties.items() <= said.items()
        and not change.clear
        and _LOST_OR_CUT.isdisjoint(map(type, change.fields.values()))
    ):
        return change.fields
    echoed: dict[str, Value] = {}
    for name, value in change.fields.items():
        theirs = THEIR_NAMES.get(name, name)
        if value is None or theirs not in said:
            continue
        if said[theirs] != one.properties[theirs]:
            echoed[name] = decoded(said[theirs], OURS.get(name) or form_of(value))
        else:
            echoed[name] = kept(value) if isinstance(value, datetime) else value
    for name in change.clear:
        if (theirs := THEIR_NAMES.get(name, name)) in said:
            echoed[name] = decoded(said[theirs], "string")
    return echoed
