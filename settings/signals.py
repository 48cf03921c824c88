"""Signals: what is measured about a user or an account, and the words a rep reads."""

from __future__ import annotations

from typing import Literal

from settings.condition.tree import Condition
from settings.model import Model
from settings.terms import Duration

Family = Literal["use", "value", "intent", "fit", "content"]
Kind = Literal["count", "days_with", "distinct", "active_users", "decayed", "ratio", "sum"]
KINDS: tuple[Kind, ...] = ("count", "days_with", "distinct", "active_users", "decayed", "ratio", "sum")
ANY_EVENT = "any_event"


class Signal(Model):
    """
    One signal. Exactly one of the kind keys is set; the loader normalises it to `kind`, `events`, `property`.

    count         events in the window                       -> whole number
    days_with     UTC days with such an event                -> whole number
    distinct      distinct values of `property`, less those whose last `minus` event is newer -> whole number
    active_users  users of the account with such an event    -> whole number (per: account)
    decayed       sum of weights by age in days, `half_life` -> number
    sum           sum of a numeric property                  -> number
    ratio         `expression` over account and user columns -> number, null where undefined
    """

    name: str
    kind: Kind
    events: tuple[str, ...] = ()
    """Event names; `any_event` alone means all."""
    property: str | None = None
    minus: tuple[str, ...] = ()
    """Events that take a value away again; the property has the same name."""
    minus_property: str | None = None
    expression: Condition | None = None
    where: Condition | None = None
    """A condition over the kept properties of the event."""
    within: Duration | None = None
    """Whole days, today included. Left out: all that is stored."""
    half_life: Duration | None = None
    """For `decayed`: after this time an event counts half."""
    per: Literal["lead", "account"] = "lead"
    """Whose signal it is."""
    family: Family
    """What it is evidence of; `must_have` speaks of use, value, intent and fit."""
    says: str | None = None
    """The words a rep reads; `{n}` is the value, `{n:%}` the value in percent."""

    filled = frozenset({"name"})
