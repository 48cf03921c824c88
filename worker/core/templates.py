"""
Text from outside made safe to show, and templates that know only declared names.

Decided here: what a text may contain (NFC, one line, no control or direction characters, a bounded length), how a value
reads, and that `{name}` is replaced once and nothing is evaluated. Escaping for HTML or a CRM is the connector's.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import date, datetime
from math import isfinite
from zoneinfo import ZoneInfo

from connectors.contract import Value

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
UNKNOWN = "unknown"
"""What stands where a declared name has no value for this lead."""
VALUE_LENGTH, LINE_LENGTH = 120, 500
_PLACE = re.compile(r"\{([^{}:]*)(?::([^{}]*))?\}")
_BREAKS = frozenset("\t\n\v\f\r\x1c\x1d\x1e\x85\u2028\u2029")
# Marks, embeddings, overrides and isolates that turn the direction of what follows; invisible blanks that hide a difference.
_HIDDEN = frozenset("\u061c\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff")


class UnknownName(ValueError):
    """A template names something that is not declared."""


def clean(text: str) -> str:
    """The text on one line, composed (NFC), without control characters, direction changes and lone surrogates."""
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    kept = (" " if char in _BREAKS else char for char in text if char not in _HIDDEN)
    visible = "".join(char for char in kept if unicodedata.category(char) not in ("Cc", "Cs"))
    return " ".join(unicodedata.normalize("NFC", visible).split())


def cut(text: str, most: int) -> str:
    """
    The text in at most `most` UTF-16 units, as CRMs count; what is too long ends after a whole word with `…`.

    >>> cut("viewed pricing 3 times", 18)
    'viewed pricing 3…'
    """
    if _units(text) <= most:
        return text
    short = text
    while _units(short) > most - 1:
        short = short[: -max(1, (_units(short) - most + 1) // 2)]
    words = short.rsplit(" ", 1)[0] if not text[len(short) :].startswith(" ") else short
    return (words or short).rstrip(" ,;:/-") + "…"


def names_in(template: str) -> tuple[str, ...]:
    """The names a template asks for, in order."""
    return tuple(match[1].strip() for match in _PLACE.finditer(template))


def is_complete(template: str, values: Mapping[str, Value]) -> bool:
    """Whether each name of the template has a value."""
    return all(shown(values.get(name)) is not None for name in names_in(template))


def fill(template: str, values: Mapping[str, Value], zone: str = "UTC") -> str:
    """
    Replace each `{name}` by its value, once; `{name:%}` shows a share in percent. An undeclared name is refused.

    >>> fill("{n:%} of storage used by {account.name}", {"n": 0.92, "account.name": "Nordwerk {n}"})
    '92% of storage used by Nordwerk {n}'
    """

    def replaced(match: re.Match[str]) -> str:
        name, form = match[1].strip(), match[2] or ""
        if name not in values or form not in ("", "%"):
            raise UnknownName(f"`{match[0]}` in a text is not declared. Use a column, a signal, a score or `tier`.")
        return shown(values[name], form, zone) or UNKNOWN

    return cut(clean(_PLACE.sub(replaced, template)), LINE_LENGTH)


def shown(value: Value, form: str = "", zone: str = "UTC") -> str | None:
    """How a value reads; None where there is nothing to read."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return day(value.astimezone(ZoneInfo(zone)).date())
    if isinstance(value, int | float):
        return _number(value, form)
    return cut(clean(value), VALUE_LENGTH) or None if value is not None else None


def day(on: date, today: date | None = None) -> str:
    """`28 Nov`, with the year where it is not today's."""
    year = f" {on.year}" if today is not None and on.year != today.year else ""
    return f"{on.day} {MONTHS[on.month - 1]}{year}"


def moment(at: datetime, zone: str, today: date | None = None) -> str:
    """`Mon 23 Nov, 11:00 (Berlin)`: wall time where its reader lives."""
    local = at.astimezone(ZoneInfo(zone))
    place = zone.rpartition("/")[2].replace("_", " ")
    return f"{WEEKDAYS[local.weekday()]} {day(local.date(), today)}, {local:%H:%M} ({place})"


def _number(value: float, form: str) -> str | None:
    if not isfinite(value):
        return None
    text = f"{100 * value:.0f}%" if form == "%" else f"{value:.1f}".removesuffix(".0")
    return text.removeprefix("-") if float(text.rstrip("%")) == 0 else text


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
