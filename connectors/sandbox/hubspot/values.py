"""
Which value a property takes, and how it is kept: always as a string.

Decided here: formats of numbers, dates, options and addresses, and the code of each refusal.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.sandbox.hubspot.errors import Wrong
from connectors.sandbox.state import iso

EMAIL = re.compile(r"[^@\s,;<>\"]+@[^@\s,;<>\"]+\.[^@\s,;<>\".]{2,}")
LONGEST = 65_536
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Refused(ValueError):
    """A value that its property does not take."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def kept(value: Any, definition: Mapping[str, Any]) -> str | Wrong:
    """Return the value as HubSpot keeps it, or what is wrong with it. An empty string clears a property."""
    name = str(definition["name"])
    if isinstance(value, bool):
        value = "true" if value else "false"
    if value is None or value == "":
        return ""
    if isinstance(value, dict | list):
        return Wrong(name, "INVALID_VALUE", f"{name} must be a string.")
    text = str(value)
    if len(text) > LONGEST:
        return Wrong(name, "PROPERTY_VALUE_TOO_LONG", f"{name} has more than {LONGEST} characters.")
    try:
        if name == "email":
            return _email(text)
        return FORMS[str(definition["type"])](text, definition)
    except Refused as refused:
        return Wrong(name, refused.code, str(refused))


def _email(text: str) -> str:
    if not EMAIL.fullmatch(text.strip()):
        raise Refused("INVALID_EMAIL", f"Email address {text} is invalid")
    return text.strip().lower()


def _text(text: str, definition: Mapping[str, Any]) -> str:  # noqa: ARG001  all forms are called alike
    return text


def _number(text: str, definition: Mapping[str, Any]) -> str:  # noqa: ARG001  all forms are called alike
    if not re.fullmatch(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", text.strip()):
        raise Refused("INVALID_LONG", f"{text} was not a valid number.")
    return text.strip()


def _option(text: str, definition: Mapping[str, Any]) -> str:
    if definition.get("externalOptions"):
        return text  # owners are checked against the owners
    allowed = [str(option["value"]) for option in definition["options"]] or (
        ["true", "false"] if definition["type"] == "bool" else []
    )
    parts = [part for part in text.split(";") if part] if definition["fieldType"] == "checkbox" else [text]
    for part in parts:
        if part not in allowed:
            raise Refused("INVALID_OPTION", f"{part} was not one of the allowed options: {allowed}")
    return text


def moment(text: str) -> datetime:
    """Read a time as HubSpot does: milliseconds since 1970 or ISO 8601; ValueError where it is neither."""
    if re.fullmatch(r"-?\d{5,15}", text):
        return EPOCH + timedelta(milliseconds=int(text))
    read = datetime.fromisoformat(text)
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def _datetime(text: str, definition: Mapping[str, Any]) -> str:  # noqa: ARG001  all forms are called alike
    try:
        return iso(round((moment(text) - EPOCH) / timedelta(milliseconds=1)))
    except (ValueError, OverflowError) as problem:
        raise Refused("INVALID_LONG", f"{text} was not a valid long.") from problem


def _date(text: str, definition: Mapping[str, Any]) -> str:  # noqa: ARG001  all forms are called alike
    try:
        read = moment(text).astimezone(UTC)
    except (ValueError, OverflowError) as problem:
        raise Refused("INVALID_DATE", f"{text} was not a valid date.") from problem
    if read.time() != datetime.min.time():
        raise Refused("INVALID_DATE", f"{text} is at {read.time()} UTC, not midnight!")
    return read.date().isoformat()


FORMS: Mapping[str, Callable[[str, Mapping[str, Any]], str]] = {
    "string": _text,
    "phone_number": _text,
    "number": _number,
    "bool": _option,
    "enumeration": _option,
    "date": _date,
    "datetime": _datetime,
}
