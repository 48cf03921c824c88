"""
The words of a SOQL text: strings with their escapes, numbers, dates, names, signs.

Decided here: where one word ends and the next begins. Not decided here: what they mean together (parse).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime

from connectors.sandbox.salesforce.errors import Fault

LONGEST = 100_000  # characters of one query
SHAPES = re.compile(
    r"""\s*(?:
    (?P<text>'(?:[^'\\]|\\.)*')
  | (?P<moment>\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:?\d\d))
  | (?P<day>\d{4}-\d\d-\d\d)
  | (?P<number>[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
  | (?P<name>[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*(?::\d+)?)
  | (?P<sign><=|>=|!=|<>|=|<|>|\(|\)|,)
    )""",
    re.VERBOSE | re.DOTALL,
)
ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", '"': '"', "'": "'", "\\": "\\", "_": "\\_", "%": "\\%"}


@dataclass(frozen=True, slots=True)
class Word:
    """One word: its kind, its text as written, its value, and the column it begins at."""

    kind: str
    text: str
    value: str | float | int | date | datetime
    at: int


def malformed(message: str) -> Fault:
    return Fault("MALFORMED_QUERY", message)


def split(text: str) -> list[Word]:
    """Return the words of a query; a Fault names what cannot be read."""
    if len(text) > LONGEST:
        raise Fault("QUERY_TOO_LONG", f"SOQL statements cannot be longer than {LONGEST} characters")
    return list(_words(text))


def _words(text: str) -> Iterator[Word]:
    place, end = 0, len(text.rstrip())
    while place < end:
        found = SHAPES.match(text, place)
        if found is None:
            raise malformed(f"line 1:{place} no viable alternative at character '{text[place:].lstrip()[:1]}'")
        kind = str(found.lastgroup)
        yield Word(kind, found[kind], _value(kind, found[kind]), found.start(kind))
        place = found.end()
        if kind == "number" and text[place : place + 1].isalpha():
            raise malformed(f"unexpected token: '{text[place:].split(maxsplit=1)[0]}'")


def _value(kind: str, text: str) -> str | float | int | date | datetime:
    try:
        if kind == "text":
            return re.sub(r"\\(.)", lambda one: _escaped(one[1]), text[1:-1], flags=re.DOTALL)
        if kind == "moment":
            # Column widths differ: +0000 is common in what Salesforce itself prints.
            iso = re.sub(r"([+-]\d\d):?(\d\d)$", r"\1:\2", text.upper().replace("Z", "+00:00"))
            return datetime.fromisoformat(iso).astimezone(UTC)
        if kind == "day":
            return date.fromisoformat(text)
        if kind == "number":
            return float(text) if re.search(r"[.eE]", text) else int(text)
    except (ValueError, OverflowError):
        raise malformed(f"Invalid datetime: {text}") from None
    return text


def _escaped(letter: str) -> str:
    if letter not in ESCAPES:
        raise malformed(f"Invalid string literal '\\{letter}'. Illegal character sequence in string literal.")
    return ESCAPES[letter]
