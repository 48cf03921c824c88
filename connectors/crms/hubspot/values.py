"""
Values between our canonical form and HubSpot's, where everything is a string.

Decided here: the strings, and how an echoed string becomes a value again. Moments keep milliseconds, which is all that
HubSpot keeps. Not decided here: which property has which type (`schema`, `connectors.fields`).
"""

from __future__ import annotations

import html
import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

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
    **dict.fromkeys(("email", "firstname", "lastname", "jobtitle", "phone", "company", "domain", "name"), "string"),
    "hubspot_owner_id": "enumeration",
    **dict.fromkeys(("hs_email_optout", "hs_is_closed", "hs_is_closed_won"), "bool"),
}


THEIR_NAMES: Mapping[str, str] = {
    "owner": "hubspot_owner_id",
    "first_name": "firstname",
    "last_name": "lastname",
    "title": "jobtitle",
    "company_name": "company",
}
"""Our name -> HubSpot's, where they differ."""
OUR_NAMES: Mapping[str, str] = {theirs: ours for ours, theirs in THEIR_NAMES.items()}


def encoded(value: Value, form: str = "") -> str:
    """The string that HubSpot wants; ValueError for what it cannot hold. `form` matters only for a date without time."""
    make = _MAKERS.get(type(value))
    if make is not None:
        text = make(value)
        return text[:10] if form == "date" else text
    raise ValueError(f"A value of type {type(value).__name__} cannot be written.")


def _number(value: float) -> str:
    if not math.isfinite(value):
        raise ValueError("A number that is not finite cannot be written.")
    return str(int(value)) if value.is_integer() else format(Decimal(repr(value)), "f")


def _moment(value: datetime) -> str:
    if value.tzinfo is None:
        raise ValueError("A moment without a time zone cannot be written.")
    utc = value if value.tzinfo is UTC else value.astimezone(UTC)
    return f"{utc.isoformat(timespec='milliseconds')[:23]}Z"


PLAIN: Mapping[type, Callable[[Any], str]] = {
    str: str,
    bool: {True: "true", False: "false"}.__getitem__,
    int: str,
    float: _number,
}
"""Values that need no more than themselves to be written."""
_MAKERS: Mapping[type, Callable[[Any], str]] = {**PLAIN, datetime: _moment}


def kept(value: datetime) -> datetime:
    """A moment as HubSpot holds it: what is finer than milliseconds is lost."""
    finer = value.microsecond % 1000
    utc = value if value.tzinfo is UTC else value.astimezone(UTC)
    return utc - timedelta(microseconds=finer) if finer else utc


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
        if text.lstrip("-").isdecimal():
            return datetime.fromtimestamp(int(text) / 1000, UTC)
        read = datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        return None
    if read.tzinfo is UTC:
        return read
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
