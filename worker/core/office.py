"""
The world in which a lead is routed: who is there, what they got already, whose hours count.

Decided here: counts per person and local day and per partner and month, taken from earlier decisions and never kept apart;
and whose calendar a deadline follows: the pool's, else that of a pool in which the person sits, else the only calendar of
the settings, else Monday to Friday, 9 to 17 in the workspace's zone. Not decided here: where a lead goes (`routing`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, lru_cache
from zoneinfo import ZoneInfo

from connectors.contract import Owner, Value
from settings.root import Settings
from worker.core.calendars import Hours, calendar
from worker.core.conditions import Lists, list_keys
from worker.core.fairness import Ledger

DEFAULT_HOURS = "Mon-Fri 09:00-17:00"


@dataclass(frozen=True, slots=True)
class Lead:
    """
    A newly qualified lead, or account: `lead_key` is then the account's key and `values` are of its account row.

    `subject` is what gets the one task: its account's key, or its own.
    """

    lead_key: str
    subject: str
    play: str
    episode: int
    values: Mapping[str, Value]
    """Its row of the frame: columns by full name, signals, scores, tier."""


@dataclass(frozen=True, slots=True)
class Past:
    """An earlier decision, as far as caps need it. One that only joined a task is none."""

    assignee: str
    decided_at: datetime
    pool: str | None = None
    partner: str | None = None


@dataclass(frozen=True)  # without slots: it keeps the keys of the lists once they were looked up
class Office:
    """What stays the same during a batch. `owners` is by lower-case e-mail; `away` says why somebody is not to be asked."""

    settings: Settings
    owners: Mapping[str, Owner]
    at: datetime
    away: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def lists(self) -> Lists:
        return list_keys(self.settings)

    def missing(self, email: str) -> str | None:
        """Why this person cannot be asked now, None when they can."""
        owner = self.owners.get(email)
        if owner is None:
            return "not_in_crm"
        return self.away.get(email) or (None if owner.active else "inactive")


@dataclass(frozen=True, slots=True)
class State:
    """What changes from lead to lead: turns, counts of today and this month, and open tasks by (subject, play)."""

    ledgers: Mapping[str, Ledger] = field(default_factory=dict)
    today: Mapping[str, int] = field(default_factory=dict)
    today_in_pool: Mapping[tuple[str, str], int] = field(default_factory=dict)
    this_month: Mapping[str, int] = field(default_factory=dict)
    open: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """(subject, play) -> who has the task."""


def opened(
    office: Office, ledgers: Mapping[str, Ledger], past: Iterable[Past], open_tasks: Mapping[tuple[str, str], str]
) -> State:
    """The state at the office's instant. `past` must reach back to the start of the month and of anybody's local day."""
    today: Counter[str] = Counter()
    in_pool: Counter[tuple[str, str]] = Counter()
    month: Counter[str] = Counter()
    for one in past:
        if _same_day(one, office):
            today[one.assignee.lower()] += 1
            if one.pool:
                in_pool[one.pool, one.assignee.lower()] += 1
        if one.partner and _same_month(one, office):
            month[one.partner] += 1
    return State(ledgers, today, in_pool, month, open_tasks)


def _same_day(one: Past, office: Office) -> bool:
    zone = ZoneInfo(hours_of(office.settings, one.assignee.lower(), one.pool).zone)
    return one.decided_at.astimezone(zone).date() == office.at.astimezone(zone).date()


def _same_month(one: Past, office: Office) -> bool:
    zone = ZoneInfo(office.settings.timezone)
    then, now = one.decided_at.astimezone(zone), office.at.astimezone(zone)
    return (then.year, then.month) == (now.year, now.month)


def hours_of(settings: Settings, email: str, pool: str | None = None) -> Hours:
    """The working hours by which this person's deadlines and days are counted."""
    pools = [settings.pools[pool]] if pool in settings.pools else []
    pools += [one for one in settings.pools.values() if any(member.who.lower() == email for member in one.members)]
    named = next((one.calendar for one in pools if one.calendar), None)
    if named is None and len(settings.calendars) == 1:
        named = next(iter(settings.calendars))
    if named is None:
        return _hours(DEFAULT_HOURS, settings.timezone, None)
    spec = settings.calendars[named]
    return _hours(spec.hours, spec.timezone, spec.holidays)


@lru_cache(maxsize=256)
def _hours(hours: str, zone: str, holidays: str | None) -> Hours:
    return calendar(hours, zone, holidays)
