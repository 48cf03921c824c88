"""Routing: ordered rules, pools with fair turns, queues, calendars and lists."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from settings.condition.tree import Condition
from settings.model import Model
from settings.terms import Working


class Target(Model):
    """Where a rule sends a lead: exactly one of pool, queue, owner_of, owner_in, offer. `if_inactive` belongs to the owners."""

    pool: str | None = None
    queue: str | None = None
    owner_of: Literal["account"] | None = None
    owner_in: str | None = None
    """A list whose `owner` column names the owner by e-mail; looked up by the list's key."""
    offer: str | None = None
    """A partner pool."""
    if_inactive: Target | None = None

    @property
    def kind(self) -> str:
        return next(name for name in ("pool", "queue", "owner_of", "owner_in", "offer") if getattr(self, name) is not None)


class Rule(Model):
    """First match wins; the last has no condition. `otherwise` serves when an offer or a target cannot be made."""

    name: str
    when: Condition | None = None
    to: Target
    otherwise: Target | None = None
    where: str = Field(default="", exclude=True)


class Member(Model):
    who: str
    weight: int = Field(default=1, ge=0)
    per_day: int | None = Field(default=None, ge=1)


class Pool(Model):
    """People who share leads by turns. `away: freeze` is the one behaviour: who is absent accrues nothing."""

    name: str
    distribute: Literal["round_robin"] = "round_robin"
    calendar: str | None = None
    members: tuple[Member, ...]
    when_nobody: Target


class Queue(Model):
    name: str
    owner: str
    due: Working | None = None


class Calendar(Model):
    """Working hours such as `Mon-Fri 09:00-18:00`, in a time zone, without the holidays of a country (ISO code)."""

    name: str
    timezone: str
    hours: str
    holidays: str | None = None


class ListSpec(Model):
    """A named list: written out, or a CSV file with a key column. `rows` is key -> other columns; keys compare as lower-case text."""

    name: str
    key: str | None = None
    rows: dict[str, dict[str, str]] = Field(default_factory=dict)
