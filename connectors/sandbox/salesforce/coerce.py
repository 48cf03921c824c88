"""
A given value becomes a stored one, or is refused in Salesforce's words.

Decided here: types, lengths, ranges, e-mail shape, restricted picklists. Text is trimmed and an empty one is null, as
in an org. References are shape-checked here; whether the record exists is asked in rules.
"""

import math
import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from connectors.sandbox.salesforce.errors import Fault
from connectors.sandbox.salesforce.ids import whole
from connectors.sandbox.salesforce.schema.field import Field
from connectors.sandbox.salesforce.soql.dates import moment, stamp

EMAIL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
JSON_NAMES = {str: "VALUE_STRING", bool: "VALUE_TRUE", int: "VALUE_NUMBER_INT", float: "VALUE_NUMBER_FLOAT"}


def coerce(field: Field, given: Any) -> Any:
    """Return the value to store, None for an empty one."""
    if given is None or given == "":
        return _empty(field)
    return KINDS.get(field.type, _text)(field, given)


def _empty(field: Field) -> Any:
    if field.type == "boolean":
        raise Fault("INVALID_TYPE_ON_FIELD_IN_RECORD", f"{field.label}: value not of required type: ", [field.name])
    return None


def _unreadable(given: Any, kind: str) -> Fault:
    shape = JSON_NAMES.get(type(given), "START_OBJECT")
    told = f"Cannot deserialize instance of {kind} from {shape} value {given}"
    message = f"{told} or request may be missing a required field at [line:1, column:1]"
    return Fault("JSON_PARSER_ERROR", message)


def _text(field: Field, given: Any) -> Any:
    if not isinstance(given, str):
        raise _unreadable(given, "string")
    trimmed = given.strip()
    if field.length and len(trimmed) > field.length:
        shown = trimmed if len(trimmed) <= 100 else f"{trimmed[:97]}..."
        message = f"{field.label}: data value too large: {shown} (max length={field.length})"
        raise Fault("STRING_TOO_LONG", message, [field.name])
    return trimmed or None


def _email(field: Field, given: Any) -> Any:
    trimmed = _text(field, given)
    if trimmed is not None and not EMAIL.fullmatch(trimmed):
        raise Fault("INVALID_EMAIL_ADDRESS", f"{field.label}: invalid email address: {trimmed}", [field.name])
    return trimmed


def _pick(field: Field, given: Any) -> Any:
    trimmed = _text(field, given)
    if field.restricted and trimmed is not None and trimmed not in field.values:
        message = f"{field.label}: bad value for restricted picklist field: {trimmed}"
        raise Fault("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, [field.name])
    return trimmed


def _picks(field: Field, given: Any) -> Any:
    """Several values with `;` between them: each once, in the order in which the field lists them."""
    trimmed = _text(field, given)
    told = dict.fromkeys(part for each in (trimmed or "").split(";") if (part := each.strip()))
    for part in told:
        _pick(field, part)
    order = {value: place for place, value in enumerate(field.values)}
    return ";".join(sorted(told, key=lambda part: order.get(part, len(order)))) or None


def _flag(_: Field, given: Any) -> bool:
    known = {"true": True, "false": False, "1": True, "0": False}
    text = str(given).strip().lower() if isinstance(given, str | bool) else ""
    if text not in known:
        raise _unreadable(given, "boolean")
    return known[text]


def _number(field: Field, given: Any) -> float | int:
    try:
        found = float(given) if not isinstance(given, bool) else math.nan
    except (TypeError, ValueError):
        found = math.nan
    if not math.isfinite(found):
        raise _unreadable(given, "int" if field.type == "int" else "double")
    room = field.precision - field.scale
    if field.precision and abs(found) >= 10 ** max(room, 1):
        message = f"{field.label}: value outside of valid range on numeric field: {given}"
        raise Fault("NUMBER_OUTSIDE_VALID_RANGE", message, [field.name])
    return int(found) if field.type == "int" else round(found, field.scale)


def _day(_: Field, given: Any) -> str:
    try:
        return date.fromisoformat(str(given)[:10]).isoformat()
    except ValueError:
        raise _unreadable(given, "date") from None


def _moment(_: Field, given: Any) -> str:
    try:
        return stamp(int(moment(str(given)).timestamp() * 1000))
    except ValueError:
        raise _unreadable(given, "datetime") from None


def _reference(field: Field, given: Any) -> str:
    key = whole(given)
    if key is None:
        raise Fault("MALFORMED_ID", f"{field.label}: id value of incorrect type: {given}", [field.name])
    return key


KINDS: Mapping[str, Callable[[Field, Any], Any]] = {
    "email": _email,
    "picklist": _pick,
    "multipicklist": _picks,
    "boolean": _flag,
    "double": _number,
    "currency": _number,
    "percent": _number,
    "int": _number,
    "date": _day,
    "datetime": _moment,
    "reference": _reference,
    "id": _reference,
    "complexvalue": lambda _, given: given,
}
