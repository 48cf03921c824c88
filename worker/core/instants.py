"""
The instant that an expression speaks of.

Decided here: an expression may be built for a moment that is filled in when it runs, so that one query serves every hour of
a day. The day itself is always known: windows and weights count from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Instant:
    """A UTC day, in days since 1970-01-01, and an expression that will be a moment of it."""

    day: int
    moment: Any


AsOf = datetime | Instant


def day_number(as_of: AsOf) -> int:
    """The UTC day of an instant, in days since 1970-01-01."""
    return as_of.day if isinstance(as_of, Instant) else (as_of.astimezone(UTC).date() - EPOCH).days


def utc_date(as_of: AsOf) -> date:
    """The UTC day of an instant, as a date."""
    return EPOCH + timedelta(days=day_number(as_of))


def moment(as_of: AsOf) -> Any:
    """The instant as an expression."""
    import ibis

    return as_of.moment if isinstance(as_of, Instant) else ibis.literal(as_of.astimezone(UTC), type="timestamp('UTC', 6)")
