"""
Values between our canonical form and Salesforce's JSON, and ids in their one full form.

Decided here: what is sent for which type of field, and how an answer becomes a value again. Salesforce trims text,
rounds to the scale of a number and keeps whole seconds; we do so before sending, so that what was sent is what will be
read.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal

from connectors.contract import Value

NUMBERS = frozenset({"double", "currency", "percent", "int", "long"})
MOMENTS = frozenset({"date", "datetime"})
NATIVE = NUMBERS | MOMENTS | {"boolean"}
_ID = re.compile(r"[0-9A-Za-z]{15}(?:[0-9A-Za-z]{3})?")
_CHECK = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
Json = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Form:
    """The type of a field, the scale of a number, and the order in which an org gives back several values."""

    type: str = "string"
    scale: int = 18
    order: tuple[str, ...] = ()


def encoded(value: Value, form: Form) -> Json:
    """What to send; ValueError for what such a field cannot hold, because one wrong type fails a whole call."""
    if value is None:
        return False if form.type == "boolean" else None
    if form.type == "multipicklist":
        return _several(_text(value), form.order)
    if form.type not in NATIVE:
        return _text(value)
    if form.type in MOMENTS:
        return _moment(value, form.type)
    if form.type == "boolean":
        if isinstance(value, bool):
            return value
        raise ValueError("Only true and false fit into a checkbox.")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("Only numbers fit into a number field.")  # noqa: TRY004  the caller's one error for any value
    return _number(value, 0 if form.type == "int" else form.scale)


def _text(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return str(_moment(value, "datetime"))
    return str(_number(value, 18)) if isinstance(value, int | float) else str(value).strip()


def _several(text: str, order: tuple[str, ...]) -> str:
    told = dict.fromkeys(part for one in text.split(";") if (part := one.strip()))
    places = {value: place for place, value in enumerate(order)}
    return ";".join(sorted(told, key=lambda part: places.get(part, len(places))))


def _number(value: float, scale: int) -> int | float:
    if isinstance(value, int):
        return value
    if not math.isfinite(value):
        raise ValueError("A number that is not finite cannot be written.")
    rounded = Decimal(repr(value)).quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP) if scale < 15 else value
    return int(rounded) if rounded == int(rounded) else float(rounded)


def _moment(value: Value, type: str) -> str:
    if not isinstance(value, datetime):
        raise ValueError("Only a moment fits into a date field.")  # noqa: TRY004  the caller's one error for any value
    if value.tzinfo is None:
        raise ValueError("A moment without a time zone cannot be written.")
    utc = value.astimezone(UTC)
    return utc.date().isoformat() if type == "date" else utc.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def decoded(value: object, form: Form) -> Value:
    """
    The canonical value of what an answer holds; text that does not fit its form stays text.

    >>> decoded(71.0, Form("double")), decoded(None, Form("double"))
    (71, None)
    """
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return int(value) if isinstance(value, float) and value.is_integer() else value
    said = value if isinstance(value, str) else str(value)
    return moment(said) or said if form.type in MOMENTS else said


def as_kept(value: Value, sent: Json, form: Form) -> Value:
    """The value that Salesforce now holds, where this was sent for it."""
    if sent == value or (isinstance(value, datetime) and form.type == "datetime" and not value.microsecond):
        return value
    return decoded(sent, form)


def moment(text: object) -> datetime | None:
    """A date (its midnight) or a moment as aware UTC; None for anything else."""
    if not isinstance(text, str) or not text:
        return None
    try:
        read = datetime.fromisoformat(text)
        return read.astimezone(UTC) if read.tzinfo else read.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def full_id(text: object) -> str | None:
    """
    The 18 characters of an id; messages of Salesforce name only the first 15. None where it is no id.

    >>> full_id("00Q5g000000001A")
    '00Q5g000000001AEAQ'
    """
    if not isinstance(text, str) or not _ID.fullmatch(text):
        return None
    if len(text) == 18:
        return text
    thirds = (text[start : start + 5] for start in (0, 5, 10))
    return text + "".join(_CHECK[sum(1 << place for place, one in enumerate(third) if one.isupper())] for third in thirds)


def one_line(text: str, most: int = 255) -> str:
    """A subject: one line, and no longer than the field."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1].rstrip()}…"
