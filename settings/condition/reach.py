"""
What a simple condition lets through of one column: an interval, a set of values, or nothing but blank.

Decided here: the algebra. Where it is not sure, a meeting is never too small and a subset is never claimed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from math import inf

from settings.condition.tree import Scalar


@dataclass(frozen=True, slots=True)
class Span:
    """Numbers from low to high; the ends belong to it unless open."""

    low: float = -inf
    high: float = inf
    low_open: bool = False
    high_open: bool = False

    def within(self, other: Span) -> bool:
        above = self.low > other.low or (self.low == other.low and (self.low_open or not other.low_open))
        below = self.high < other.high or (self.high == other.high and (self.high_open or not other.high_open))
        return above and below

    def meet(self, other: Span) -> Span:
        low = max(((self.low, self.low_open), (other.low, other.low_open)), key=lambda end: (end[0], end[1]))
        high = min(((self.high, self.high_open), (other.high, other.high_open)), key=lambda end: (end[0], not end[1]))
        return Span(low[0], high[0], low[1], high[1])

    def holds(self, value: float) -> bool:
        return Span(value, value).within(self)

    @property
    def empty(self) -> bool:
        return self.low > self.high or (self.low == self.high and (self.low_open or self.high_open))


@dataclass(frozen=True, slots=True)
class Values:
    """A finite set of values, or with `out` everything but them."""

    values: frozenset[Scalar]
    out: bool = False


@dataclass(frozen=True, slots=True)
class Blank:
    """The column is null."""


Reach = Span | Values | Blank


def subset(narrow: Reach, wide: Reach) -> bool:
    """Whether all of `narrow` surely lies in `wide`."""
    if isinstance(wide, Blank) or isinstance(narrow, Blank):
        return narrow == wide
    if wide == Span():
        return True
    if isinstance(narrow, Span):
        return narrow.within(wide) if isinstance(wide, Span) else wide.out and _clear_of(narrow, wide)
    if isinstance(wide, Span):
        numbers = [as_number(value) for value in narrow.values]
        return not narrow.out and all(number is not None and wide.holds(number) for number in numbers)
    if narrow.out:
        return wide.out and wide.values <= narrow.values
    return not (narrow.values & wide.values) if wide.out else narrow.values <= wide.values


def _clear_of(span: Span, excluded: Values) -> bool:
    """Whether no excluded value lies in the span; text, which may be a moment, is not known to be outside."""
    numbers = [as_number(value) for value in excluded.values]
    return all(number is not None and not span.holds(number) for number in numbers)


def meet(a: Reach, b: Reach) -> Reach:
    """What both let through, or something larger."""
    if isinstance(a, Blank) or isinstance(b, Blank):
        return a if a == b else Values(frozenset())
    if isinstance(a, Span):
        return a.meet(b) if isinstance(b, Span) else _meet_span(b, a)
    if isinstance(b, Span):
        return _meet_span(a, b)
    if a.out and b.out:
        return Values(a.values | b.values, out=True)
    if a.out:
        a, b = b, a
    return Values(a.values - b.values if b.out else a.values & b.values)


def _meet_span(values: Values, span: Span) -> Reach:
    if values.out:
        return span
    # Text has no number to compare: it stays, so that the result is never too small.
    return Values(frozenset(value for value in values.values if _maybe_in(value, span)))


def _maybe_in(value: Scalar, span: Span) -> bool:
    number = as_number(value)
    return number is None or span.holds(number)


def nothing(reach: Reach) -> bool:
    """Whether it surely lets nothing through."""
    if isinstance(reach, Span):
        return reach.empty
    return isinstance(reach, Values) and not reach.out and not reach.values


def as_moment(text: str) -> float | None:
    """A moment as a number, read in UTC where it has no zone."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def as_number(value: Scalar) -> float | None:
    """The number a value is; None for text and flags."""
    return None if isinstance(value, (str, bool)) else float(value)
