"""
Values between our canonical form and HubSpot's, where everything is a string.

Decided here: the strings, and how an echoed string becomes a value again. Moments keep milliseconds, which is all that
HubSpot keeps. Not decided here: which property has which type (`schema`, `connectors.fields`).
"""

from __future__ import annotations

import html
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal

from connectors.contract import Value
from connectors.fields import FIELDS, TASK_KEY

FORMS: Mapping[str, str] = {
    "text": "string",
    "long_text": "string",
    "number": "number",
    "flag": "bool",
    "moment": "datetime",
    "choice": "enumeration",
}
OURS: Mapping[str, str] = {field.name: FORMS[field.type] for field in (*FIELDS, TASK_KEY)}
BUILT_IN: Mapping[str, str] = {
    **dict.fromkeys(("createdate", "lastmodifieddate", "hs_createdate", "hs_lastmodifieddate", "hs_timestamp"), "datetime"),
    **dict.fromkeys(("notes_last_contacted", "hs_last_sales_activity_timestamp", "closedate"), "datetime"),
    **dict.fromkeys(("amount", "numberofemployees", "annualrevenue"), "number"),
    **dict.fromkeys(("hs_email_optout", "hs_is_closed", "hs_is_closed_won"), "bool"),
}


def encoded(value: Value, form: str = "") -> str:
    """The string that HubSpot wants; ValueError for what it cannot hold. `form` matters only for a date without time."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, datetime):
        return _moment(value, form)
    raise ValueError(f"A value of type {type(value).__name__} cannot be written.")


def _number(value: float) -> str:
    if not math.isfinite(value):
        raise ValueError("A number that is not finite cannot be written.")
    return str(int(value)) if value.is_integer() else format(Decimal(repr(value)), "f")


def _moment(value: datetime, form: str) -> str:
    if value.tzinfo is None:
        raise ValueError("A moment without a time zone cannot be written.")
    utc = value.astimezone(UTC)
    return utc.date().isoformat() if form == "date" else utc.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def decoded(text: object, form: str) -> Value:
    """
    The canonical value of a string; None where HubSpot holds nothing, the string itself where it does not fit its form.

    >>> decoded("71", "number"), decoded("true", "bool"), decoded("", "number")
    (71, True, None)
    """
    if text is None or text == "":
        return None
    said = text if isinstance(text, str) else str(text)
    if form == "number":
        return _read_number(said)
    if form == "bool":
        return {"true": True, "false": False}.get(said.lower(), said)
    if form in ("datetime", "date"):
        return moment(said) or said
    return said


def _read_number(text: str) -> Value:
    try:
        return int(text)
    except ValueError:
        pass
    try:
        number = float(text)
    except ValueError:
        return text
    return number if math.isfinite(number) else text


def moment(text: object) -> datetime | None:
    """ISO 8601 or epoch milliseconds as aware UTC; None for anything else."""
    if not isinstance(text, str) or not text:
        return None
    try:
        if re.fullmatch(r"-?\d{9,15}", text):
            return datetime.fromtimestamp(int(text) / 1000, UTC)
        read = datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        return None
    return read.astimezone(UTC) if read.tzinfo else read.replace(tzinfo=UTC)


def form_of(value: Value) -> str:
    """The form that the echo of such a value has."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    return "datetime" if isinstance(value, datetime) else "string"


def rich(text: str) -> str:
    """Plain text as HubSpot's rich text: nothing in it is markup."""
    return html.escape(text, quote=True).replace("\r\n", "\n").replace("\n", "<br>")


def plain(text: str | None) -> str | None:
    """Rich text as plain text, also after somebody edited it in HubSpot."""
    if text is None:
        return None
    lines = re.sub(r"(?i)<br\s*/?>|</p>|</div>|</li>", "\n", text)
    return html.unescape(re.sub(r"<[^>]*>", "", lines)).strip("\n")


def one_line(text: str) -> str:
    """
    A subject: one line, and no angle brackets, so that no view takes it for markup. Other signs stay as people wrote them.

    >>> one_line("Hot: <b>Müller & Co</b>")
    'Hot: ‹b›Müller & Co‹/b›'
    """
    return " ".join(text.split()).replace("<", "‹").replace(">", "›")
