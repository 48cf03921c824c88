"""
Working time: when an office is open, and the moment at which some working time has passed.

Decided here: a deadline. Hours are wall time in the calendar's zone; results are UTC. A wall time that a clock change skips
is the moment of the change, one that occurs twice is its first occurrence, so opening hours never overlap and never run
backwards. Minutes and hours count time that really passes while the office is open. A business day is the same wall time on
the n-th following working day, moved into that day's hours: back to the closing before it, or on to the opening. A start
outside hours counts as a start at the next opening. Not decided here: whose calendar applies (`routing`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from settings.terms import Working

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
FURTHEST = 3660
"""Days searched for an opening before a calendar counts as never open."""
_BLOCK = re.compile(r"(?:(\w{3})(?:\s*-\s*(\w{3}))?)\s+(\d\d):(\d\d)\s*-\s*(\d\d):(\d\d)")
_DAY = 24 * 60
_Block = tuple[int, int]
_Span = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Hours:
    """Opening hours of a zone. `week` holds, from Monday, the blocks of each day in minutes after midnight."""

    zone: str
    week: tuple[tuple[_Block, ...], ...]
    holidays: str | None = None


def calendar(hours: str, zone: str, holidays: str | None = None) -> Hours:
    """
    Read hours such as `Mon-Thu 09:00-12:00, Mon-Thu 13:00-18:00, Fri 09:00-15:00`.

    `holidays` is a country, or a country and a part of it: `DE`, `DE-BY`.
    """
    week: list[list[_Block]] = [[] for _ in DAYS]
    for text in hours.split(","):
        days, block = _parsed(text.strip())
        for day in days:
            week[day].append(block)
    for name, blocks in zip(DAYS, week, strict=True):
        blocks.sort()
        if any(later[0] < earlier[1] for earlier, later in pairwise(blocks)):
            raise ValueError(f"`{hours}` has hours on {name} that overlap. Write each hour once.")
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"`{zone}` is not a time zone. Write a name such as `Europe/Berlin`.") from None
    if holidays is not None:
        _holidays(holidays, 2026)
    return Hours(zone, tuple(tuple(blocks) for blocks in week), holidays)


def is_open(at: datetime, hours: Hours) -> bool:
    """Whether the office is open at this moment. The closing moment itself is closed."""
    return any(opens <= at < closes for opens, closes in _spans_of(_local_date(at, hours), hours))


def next_opening(at: datetime, hours: Hours) -> datetime:
    """`at` where it is open, else the moment it opens next."""
    opens, _ = next(_spans_after(at, hours))
    return max(opens, at.astimezone(UTC))


def add_working(start: datetime, working: Working, hours: Hours) -> datetime:
    """
    The moment at which so much working time has passed since `start`.

    Time that ends with the working day is that day's closing, not the next opening. An amount of 0 is the next opening.
    """
    begin = next_opening(start, hours)
    if working.unit == "day":
        return _same_time_later(begin, working.amount, hours)
    left = timedelta(minutes=working.amount * (60 if working.unit == "hour" else 1))
    for opens, closes in _spans_after(begin, hours):
        since = max(opens, begin)
        if left <= closes - since:
            return since + left
        left -= closes - since
    raise AssertionError  # _spans_after never ends


def _same_time_later(begin: datetime, days: int, hours: Hours) -> datetime:
    wall = begin.astimezone(ZoneInfo(hours.zone)).replace(tzinfo=None)
    day, left = wall.date(), days
    while left:
        day += timedelta(days=1)
        left -= bool(_spans_of(day, hours))
    moment = _instant(datetime.combine(day, wall.time()), hours.zone) if days else begin
    spans = _spans_of(day, hours)
    if any(opens <= moment <= closes for opens, closes in spans):
        return moment
    return max((closes for _, closes in spans if closes <= moment), default=spans[0][0])


def _spans_after(at: datetime, hours: Hours) -> Iterator[_Span]:
    """The open spans that end after `at`, in order, without end."""
    day, idle = _local_date(at, hours), 0
    while idle < FURTHEST:
        spans = [span for span in _spans_of(day, hours) if span[1] > at]
        yield from spans
        idle = 0 if spans else idle + 1
        day += timedelta(days=1)
    raise ValueError(f"This calendar never opens within {FURTHEST} days. Look at its hours and holidays.")


def _spans_of(day: date, hours: Hours) -> tuple[_Span, ...]:
    """The open spans of a local date in UTC; a span that a clock change swallows whole is none."""
    blocks = hours.week[day.weekday()]
    if not blocks or (hours.holidays and day in _holidays(hours.holidays, day.year)):
        return ()
    midnight = datetime.combine(day, datetime.min.time())
    ends = [tuple(_instant(midnight + timedelta(minutes=m), hours.zone) for m in block) for block in blocks]
    return tuple((opens, closes) for opens, closes in ends if opens < closes)


def _instant(wall: datetime, zone: str) -> datetime:
    """The moment at which clocks of the zone show this wall time."""
    tz = ZoneInfo(zone)
    first, second = (wall.replace(tzinfo=tz, fold=fold).astimezone(UTC) for fold in (0, 1))
    if first <= second:
        return first
    # Skipped: the two readings enclose the change. Halve until the second in which the zone's offset jumps.
    before, after = second, first
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) // 2
        changed = middle.astimezone(tz).utcoffset() == after.astimezone(tz).utcoffset()
        before, after = (before, middle) if changed else (middle, after)
    return after.replace(microsecond=0)


def _local_date(at: datetime, hours: Hours) -> date:
    return at.astimezone(ZoneInfo(hours.zone)).date()


def _parsed(text: str) -> tuple[list[int], _Block]:
    match = _BLOCK.fullmatch(text)
    if not match or match[1] not in DAYS or (match[2] or "Mon") not in DAYS:
        raise ValueError(f"`{text}` is not working hours. Write them like `Mon-Fri 09:00-18:00`.")
    first, last = DAYS.index(match[1]), DAYS.index(match[2] or match[1])
    opens, closes = (int(match[n]) * 60 + int(match[n + 1]) for n in (3, 5))
    if not 0 <= opens < closes <= _DAY or int(match[4]) > 59 or int(match[6]) > 59:
        raise ValueError(f"`{text}` does not open before it closes. Write hours of one day, at most `00:00-24:00`.")
    # Sun-Thu is a working week too.
    return [(first + n) % 7 for n in range((last - first) % 7 + 1)], (opens, closes)


@lru_cache(maxsize=512)
def _holidays(place: str, year: int) -> frozenset[date]:
    # Imported here because it is large and a calendar may name no country.
    from holidays import country_holidays

    country, _, part = place.partition("-")
    try:
        return frozenset(country_holidays(country, subdiv=part or None, years=year))
    except (NotImplementedError, KeyError):
        raise ValueError(f"`{place}` is no country whose holidays are known. Write an ISO code such as `DE`.") from None
