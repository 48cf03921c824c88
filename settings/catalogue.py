"""
Which names a condition may read, where, and of what type.

Decided here: the columns that exist (declared by the sources, built in, from the CRM), and which of them are known at
which step. Usage is scored before the CRM is looked at, so scores and tiers cannot read `crm.*`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from settings.problem import Place
from settings.reader import Path, Reader
from settings.sources import Feed, Kept, SourceSpec

CRM: dict[str, str] = {
    "crm.is_customer": "flag",
    "crm.open_deals": "number",
    "crm.account_owner": "text",
    "crm.account_owner_active": "flag",
    "crm.do_not_contact": "flag",
    "crm.days_since_sales_activity": "number",
}
"""Never blank: without a CRM record they are false, 0 or 'none'."""
SCORES = {"usage": "number", "fit": "number", "intent": "number"}
USER = {"email": "text", "signed_up": "moment", "account": "text"}
ACCOUNT = {"name": "text", "domain": "text", "trial_ends": "moment"}
FOLLOWS = {
    "user.email_domain": ("email", "text"),
    "account.days_left_in_trial": ("trial_ends", "number"),
    "account.plan": ("plan", "text"),
    "account.plan_name": ("plan", "text"),
}
"""Columns that are there when another one is."""
BUILT_IN = {
    "user": ("id", "email", "email_domain", "signed_up", "account"),
    "account": ("id", "name", "domain", "trial_ends", "days_left_in_trial", "plan", "plan_name"),
}


class At(StrEnum):
    """A step at which a condition is evaluated."""

    EVENT = "the conditions of a signal"
    COLUMNS = "a ratio"
    SCORE = "a score"
    TIER = "a tier"
    EXCLUDE = "an exclusion"
    ALL = "this place"


SEES: dict[At, tuple[str, ...]] = {
    At.EVENT: ("event",),
    At.COLUMNS: ("user", "account"),
    At.SCORE: ("user", "account", "signal"),
    At.TIER: ("user", "account", "signal", "score"),
    At.EXCLUDE: ("user", "account", "crm", "signal"),
    At.ALL: ("user", "account", "crm", "signal", "score", "tier"),
}


@dataclass(frozen=True, slots=True)
class Known:
    """A name, its kind, its type (None: taken from use), and where it is defined."""

    name: str
    kind: str
    type: str | None
    place: Place | None = None
    blank: bool = True
    """Whether it can be missing for a lead."""


@dataclass(slots=True)
class Catalogue:
    """All names. An event property stands under `event.x` and is read bare."""

    known: dict[str, Known] = field(default_factory=dict)

    def add(self, known: Known) -> None:
        earlier = self.known.get(known.name)
        if earlier is None or (earlier.type is None and known.type):
            self.known[known.name] = known

    def look_up(self, name: str, at: At) -> Known | None:
        """What a condition at this step means by a name; None where it is not known there."""
        found = self.known.get(f"event.{name}" if at is At.EVENT else name)
        return found if found and found.kind in SEES[at] else None

    def anywhere(self, name: str) -> Known | None:
        return self.known.get(name) or self.known.get(f"event.{name}")

    def names(self, at: At) -> dict[str, Place | None]:
        """What may be written at a step, for suggestions."""
        seen = (known for known in self.known.values() if known.kind in SEES[at])
        return {known.name.removeprefix("event."): known.place for known in seen}


def columns_of(sources: dict[str, SourceSpec], reader: Reader) -> Iterator[Known]:
    """The columns that the sources give, with the place of each."""
    for source, spec in sources.items():
        if spec.events:
            yield from _kept("event", spec.events.keep, reader, ("sources", source, "events", "keep"))
        if spec.users:
            here = ("sources", source, "users")
            yield from _given("user", spec.users, USER, reader, here)
            yield from _kept("user", spec.users.columns, reader, (*here, "columns"))
        if spec.accounts:
            here = ("sources", source, "accounts")
            yield from _given("account", spec.accounts, ACCOUNT, reader, here)
            yield from _kept("account", spec.accounts.columns, reader, (*here, "columns"))


def _kept(kind: str, columns: tuple[Kept, ...], reader: Reader, path: Path) -> Iterator[Known]:
    for n, kept in reader.numbered(columns, *path):
        yield Known(f"{kind}.{kept.name}", kind, kept.type, reader.place(*path, n))


def _given(kind: str, feed: Feed, types: dict[str, str], reader: Reader, path: Path) -> Iterator[Known]:
    """Built-in columns that this source says the place of, and those that follow from them."""
    for name, type_ in types.items():
        if getattr(feed, name):
            yield Known(f"{kind}.{name}", kind, type_, reader.key(*path, name))
    for name, (of, type_) in FOLLOWS.items():
        if name.startswith(f"{kind}.") and getattr(feed, of):
            yield Known(name, kind, type_, reader.key(*path, of))


def built_in() -> Iterator[Known]:
    """The columns of the CRM, the scores and the tier."""
    yield from (Known(name, "crm", type, blank=False) for name, type in CRM.items())
    yield from (Known(name, "score", type, blank=False) for name, type in SCORES.items())
    yield Known("tier", "tier", "text", blank=False)
