"""Routing: ordered rules, pools with fair turns, queues, calendars and lists."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from settings.condition.tree import Condition
from settings.model import Model
from settings.terms import Working


class Target(Model):
    """Where a lead goes: exactly one of pool, queue, owner_of, owner_in, offer. `if_inactive` belongs to the owners."""

    pool: str | None = None
    """People who share leads by turns."""
    queue: str | None = None
    """A queue with an owner."""
    owner_of: Literal["account"] | None = None
    """The CRM owner of the lead's account."""
    owner_in: str | None = None
    """A list whose `owner` column names the owner by e-mail; looked up by the list's key."""
    offer: str | None = None
    """A partner pool."""
    if_inactive: Target | None = None
    """Where it goes when that owner is away or gone."""

    @property
    def kind(self) -> str:
        return next(name for name in ("pool", "queue", "owner_of", "owner_in", "offer") if getattr(self, name) is not None)


class Rule(Model):
    """First match wins; the last has no condition. `otherwise` serves when an offer or a target cannot be made."""

    name: str
    """Shown to the person who gets the lead."""
    when: Condition | None = None
    """Left out in the last rule."""
    to: Target
    """Where the lead goes."""
    otherwise: Target | None = None
    """Where it goes when nobody there can take it."""
    where: str = Field(default="", exclude=True)

    filled = frozenset({"where"})


class Member(Model):
    """One person of a pool; a bare address stands for one with weight 1."""

    who: str
    """E-mail address in the CRM."""
    weight: int = Field(default=1, ge=0)
    """Share of the turns; 0 pauses."""
    per_day: int | None = Field(default=None, ge=1)
    """Most leads a day."""


class Pool(Model):
    """People who share leads by turns. `away: freeze` is the one behaviour: who is absent accrues nothing."""

    name: str
    distribute: Literal["round_robin"] = "round_robin"
    """How turns are taken."""
    away: Literal["freeze"] = "freeze"
    """What absence does to a member's turns: they stand still, nothing is caught up."""
    calendar: str | None = None
    """Working hours of the pool; left out: all hours."""
    members: tuple[Member, ...]
    """Who takes turns."""
    when_nobody: Target
    """Where leads go when nobody of the pool can take one."""

    filled = frozenset({"name"})


class Queue(Model):
    """Leads that wait for one person to sort them."""

    name: str
    owner: str
    """E-mail address of the person who looks after it."""
    due: Working | None = None
    """When a lead in it is due; left out: as the handoff says."""

    filled = frozenset({"name"})


class Calendar(Model):
    """Working hours such as `Mon-Fri 09:00-18:00`, in a time zone, without the holidays of a country (ISO code)."""

    name: str
    timezone: str
    """A name such as `Europe/Berlin`."""
    hours: str
    """`Mon-Fri 09:00-18:00`; several with commas between."""
    holidays: str | None = None
    """Country whose public holidays are free, as ISO code: `DE`, or a part of it: `DE-BY`."""

    filled = frozenset({"name"})


class ListSpec(Model):
    """
    A named list: `[a, b]`, or a CSV file inside the settings: `{file: x.csv, key: domain, columns: [owner]}`.

    `rows` is key -> other columns; keys compare as lower-case text.
    """

    name: str
    key: str | None = None
    """The column that is looked up."""
    columns: tuple[str, ...] = ()
    """The other columns that are read; left out: all."""
    rows: dict[str, dict[str, str]] = Field(default_factory=dict)

    filled = frozenset({"name", "rows"})
