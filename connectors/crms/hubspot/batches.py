"""
Which item of a batch's answer belongs to which input.

Decided here: matching by trace id, record id or our unique property, never by position; every input ends with exactly one of
result, fault or nothing (which means nobody knows). Not decided here: what an outcome is called (`records`, `tasks`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from connectors.contract import Outcome, Receipt
from connectors.crms.hubspot.answers import Answer, Fault, fault_in
from connectors.crms.hubspot.values import OUR_NAMES
from connectors.errors import Rejected, Unknown

HELD_BACK = "BATCH_REFUSED"


class Sent(NamedTuple):
    """One input: our key, its trace id, the record id of an update, our unique value, what was sent and under which name."""

    key: str
    trace: str
    properties: Mapping[str, str]
    crm_id: str | None = None
    unique: str | None = None
    names: Mapping[str, str] = {}
    """HubSpot's name of a property -> the name it was asked for by."""


class Settled(NamedTuple):
    """What the answer says about one input; both None where it says nothing."""

    result: Mapping[str, Any] | None = None
    fault: Fault | None = None


Mark = Callable[[Mapping[str, Any]], object]
"""What in the properties of a result is our unique value."""


def settled(sent: Sequence[Sent], answer: Answer, unique: str | Mark) -> list[Settled]:
    """
    One `Settled` per input, in the order sent. Raises what a whole call was; `Rejected` where no input was named. `unique`
    is the name of our unique property, or finds its value elsewhere.

    A refusal of the whole batch that names rows or fields settles those; the others were not written and are held back.
    """
    if answer.fault is not None:
        return _whole(sent, answer, answer.fault)
    results = [one for one in _list(answer.body, "results") if isinstance(one, dict) and one.get("id")]
    faults = [fault_in(one) for one in _list(answer.body, "errors") if isinstance(one, dict)]
    if not results and not faults:
        said = "HubSpot says success and names no record. Read back before sending again."
        raise Unknown(said, code="EMPTY_ANSWER")
    return _told(sent, results, faults, (lambda said: said.get(unique)) if isinstance(unique, str) else unique)


def _told(sent: Sequence[Sent], results: Sequence[Mapping[str, Any]], faults: Sequence[Fault], mark: Mark) -> list[Settled]:
    places = _Places(sent)
    out: list[Settled | None] = [None] * len(sent)
    strays: list[Mapping[str, Any]] = []
    for result in results:
        place = places.of_result(result, mark)
        if place is None:
            strays.append(result)
        else:
            out[place] = Settled(result=result)
    lost: list[Fault] = []
    for fault in faults:
        named = [place for place in places.of_fault(fault) if out[place] is None]
        for place in named:
            out[place] = Settled(fault=fault)
        if not named:
            lost.append(fault)
    _last(sent, out, strays, lost)
    return [one or Settled() for one in out]


def _last(
    sent: Sequence[Sent], out: list[Settled | None], strays: Sequence[Mapping[str, Any]], lost: Sequence[Fault]
) -> None:
    # One input without an answer and one answer without an input belong together, if nothing in it says otherwise.
    open_places = [place for place, one in enumerate(out) if one is None]
    if len(open_places) != 1 or len(strays) + len(lost) != 1:
        return
    place = open_places[0]
    if lost:
        out[place] = Settled(fault=lost[0])
        return
    echo = strays[0].get("properties") or {}
    if all(echo.get(name, value) == value for name, value in sent[place].properties.items()):
        out[place] = Settled(result=strays[0])


def _whole(sent: Sequence[Sent], answer: Answer, fault: Fault) -> list[Settled]:
    if fault.status not in (400, 404, 409):
        answer.good()
    if len(sent) == 1:
        return [Settled(fault=fault)]
    wrong = fault.wrong_fields
    named = set(_Places(sent).of_fault(fault)) | {
        place for place, one in enumerate(sent) if any(name in one.properties for name in wrong)
    }
    if not named:
        said = "HubSpot refused the whole batch without naming a row. Send it in halves."
        raise Rejected(f"{said} It said: {fault.says}", code=fault.code, field=fault.field)
    held = Fault(0, HELD_BACK, "Not written, because another row of the batch was refused.")
    return [Settled(fault=fault if place in named else held) for place in range(len(sent))]


class _Places:
    """Where each input stands, by everything an answer may name it with."""

    def __init__(self, sent: Sequence[Sent]) -> None:
        self._traces: dict[Any, int] = {one.trace: place for place, one in enumerate(sent)}
        self._ids = {one.crm_id: place for place, one in enumerate(sent) if one.crm_id}
        self._uniques = {one.unique: place for place, one in enumerate(sent) if one.unique}

    def of_result(self, result: Mapping[str, Any], mark: Mark) -> int | None:
        place = self._traces.get(result.get("objectWriteTraceId"))
        if place is None:
            place = self._ids.get(str(result["id"]))
        if place is not None:
            return place
        return self._uniques.get(str(mark(result.get("properties") or {})))

    def of_fault(self, fault: Fault) -> Iterable[int]:
        named = [self._traces[trace] for trace in fault.traces if trace in self._traces]
        return named or [self._ids[id] for id in fault.ids if id in self._ids]


def refusal(sent: Sent, fault: Fault) -> Receipt:
    """The receipt for an input that was not taken."""
    if fault.category == HELD_BACK:
        return Receipt(sent.key, Outcome.TRY_LATER, sent.crm_id, code=HELD_BACK, message=fault.says)
    outcome, field = fault.outcome, fault.field
    code = fault.code
    if wrong := {name: code for name, code in fault.wrong_fields.items() if name in sent.properties}:
        field, code = next(iter(wrong.items()))
    field = sent.names.get(field) or (OUR_NAMES.get(field, field) if field in sent.properties else field) if field else None
    return Receipt(
        sent.key,
        outcome,
        fault.existing or sent.crm_id,
        code=code,
        message=fault.message,
        field=field,
        moved_to=fault.existing if outcome is Outcome.MOVED else None,
    )


def silence(sent: Sent) -> Receipt:
    """The receipt for an input that the answer does not mention."""
    said = "The answer does not mention this row. It may have been written; read back first."
    return Receipt(sent.key, Outcome.UNKNOWN, sent.crm_id, code="NOT_IN_ANSWER", message=said)


def _list(body: Mapping[str, Any], name: str) -> list[Any]:
    found = body.get(name)
    return found if isinstance(found, list) else []
