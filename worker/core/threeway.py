"""
May we write this field? Decided from three values: wanted, last acknowledged by the CRM, and in the CRM now.

Decided here: when two values are the same, and the outcome per mode. A value that a person changed is kept, unless the field
is declared ours. Not decided here: which values are wanted (`planning`), and reading the CRM's value (push).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from enum import Enum
from math import isfinite

from connectors.contract import Value
from settings.destinations import Mode
from worker.core.templates import clean


class Gap(Enum):
    """The absence of knowledge, which is not an empty value."""

    NOT_KNOWN = "not known"


NOT_KNOWN = Gap.NOT_KNOWN
Known = Value | Gap
Exact = str | Decimal | bool | datetime | None


@dataclass(frozen=True, slots=True)
class Three:
    """`acknowledged` is what the CRM last echoed to us, `current` what it holds now; either may not be known."""

    wanted: Value
    acknowledged: Known = NOT_KNOWN
    current: Known = NOT_KNOWN
    sent: Known = NOT_KNOWN
    """What was sent when `acknowledged` came back: a CRM may round, trim or reformat."""

    @property
    def expected(self) -> Value:
        """The wanted value in the form in which the CRM is known to keep it."""
        if self.acknowledged is NOT_KNOWN or not same(self.wanted, self.sent):
            return self.wanted
        return self.acknowledged


@dataclass(frozen=True, slots=True)
class Write:
    """Write `value`. `replaced` is what stands there; `edited` says that somebody else put it there."""

    value: Value
    replaced: Known = NOT_KNOWN
    edited: bool = False


@dataclass(frozen=True, slots=True)
class Keep:
    """Leave what stands there. `reason`: human_edit_kept, conflict, not_empty, created_only, not_a_number."""

    reason: str


@dataclass(frozen=True, slots=True)
class Nothing:
    """There is nothing to do. `learn`: the CRM already holds the wanted value, which counts as acknowledged from now on."""

    learn: bool = False


Resolution = Write | Keep | Nothing


def needs_current(mode: Mode) -> bool:
    """Whether the CRM's present value must be read just before writing in this mode."""
    return mode != "own"


def resolve(mode: Mode, three: Three, *, creating: bool = False, clear: bool = False) -> Resolution:
    """
    What to do with one field. `clear` lets an empty wanted value empty the field.

    With the CRM's value not known, the last acknowledged one stands in for it; push asks again with the value it reads.
    """
    wanted = three.wanted
    if isinstance(wanted, float) and not isfinite(wanted):
        return Keep("not_a_number")
    if is_empty(wanted) and (creating or not clear):
        return Nothing()
    current = three.acknowledged if three.current is NOT_KNOWN else three.current
    if mode == "append" and not creating:
        return _appended(three, current)
    return Write(wanted) if creating else _compared(mode, three, current)


def _compared(mode: Mode, three: Three, current: Known) -> Resolution:
    if current is NOT_KNOWN:
        if is_empty(three.wanted):
            return Nothing()  # nobody is known to have filled it
        return Keep("created_only") if mode == "create_only" else Write(three.wanted)
    if same(three.expected, current):
        return Nothing(learn=mode in ("own", "respect_human") and not same(current, three.acknowledged))
    return _judged(mode, three, current)


def _judged(mode: Mode, three: Three, current: Value) -> Resolution:
    """The CRM holds something other than what is wanted."""
    ours = three.acknowledged is not NOT_KNOWN and same(three.acknowledged, current)
    untouched = ours or (three.acknowledged is NOT_KNOWN and is_empty(current))
    if mode == "own" or (mode == "respect_human" and untouched):
        return Write(three.wanted, current, edited=not untouched)
    if mode == "fill_empty" and untouched and is_empty(current):
        return Write(three.wanted, current)
    if mode == "respect_human":
        return Keep("conflict" if three.acknowledged is NOT_KNOWN else "human_edit_kept")
    if mode == "create_only":
        return Keep("created_only")
    return Keep("human_edit_kept" if is_empty(current) else "not_empty")


def _appended(three: Three, current: Known) -> Resolution:
    """Add what is missing to a field of several values; one that stood there at our last write was taken out by somebody."""
    have, before = parts(current), parts(three.acknowledged)
    missing = [part for part in parts(three.wanted) if part not in have]
    new = [part for part in missing if part not in before]
    if new:
        return Write(";".join([*have, *new]), current)
    return Keep("human_edit_kept") if missing else Nothing(learn=bool(have) and set(have) != set(before))


def parts(value: Known) -> list[str]:
    """
    The values in a field of several values, each once; both CRMs write `;` between them.

    >>> parts("hot; warm;;hot"), parts(None)
    (['hot', 'warm'], [])
    """
    if value is NOT_KNOWN or is_empty(value):
        return []
    return list(dict.fromkeys(part for one in str(value).split(";") if (part := clean(one))))


_EXACT = frozenset({int, bool})
"""Types that are written in one way only."""


def is_empty(value: Known) -> bool:
    """Null and blank text. 0 and false are values."""
    if isinstance(value, str):
        return not value[:1].isalnum() and not clean(value)
    return value is None


def same(one: Known, other: Known) -> bool:
    """
    Whether two values are equal in canonical form; a number, flag or moment also equals its text.

    >>> same(71, "71.0"), same("no", ""), same(None, " ")
    (True, False, True)
    """
    if one is NOT_KNOWN or other is NOT_KNOWN:
        return one is other
    if type(one) is type(other) and (one == other or type(one) in _EXACT or _is_plain(one, other)):
        return one == other
    left, right = canonical(one), canonical(other)
    if isinstance(left, str) and not isinstance(right, str | None):
        left = _read_as(right, left)
    elif isinstance(right, str) and not isinstance(left, str | None):
        right = _read_as(left, right)
    return type(left) is type(right) and left == right


def _is_plain(one: Known, other: Known) -> bool:
    """Whether both are text in which nothing could be written in another way."""
    if not isinstance(one, str) or not isinstance(other, str):
        return False
    return one.isascii() and other.isascii() and one.isalnum() and other.isalnum()


def canonical(value: Value) -> Exact:
    """Numbers as decimals, moments as UTC milliseconds, text as one clean line, blank as nothing."""
    if isinstance(value, str):
        return clean(value) or None
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, datetime):
        utc = value.astimezone(UTC)
        return utc - timedelta(microseconds=utc.microsecond % 1000)
    return Decimal(str(value)).normalize()


def _read_as(like: Decimal | bool | datetime, text: str) -> Exact:
    try:
        if isinstance(like, bool):
            return {"true": True, "false": False}.get(text.lower(), text)
        if isinstance(like, datetime):
            moment = datetime.fromisoformat(text)
            return canonical(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
        return Decimal(text).normalize()
    except (ValueError, InvalidOperation):
        return text
