"""Scores and tiers: points per signal or condition in three dimensions that are never added together."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from settings.condition.tree import Condition
from settings.model import Model

Dimension = Literal["usage", "fit", "intent"]
DIMENSIONS: tuple[Dimension, ...] = ("usage", "fit", "intent")


class Line(Model):
    """One line of a score: a signal (linear from `from` to `full_at`, or a named curve), or a condition worth its points."""

    signal: str | None = None
    """The signal that earns the points."""
    when: Condition | None = None
    """Instead of a signal: the condition that earns them."""
    points: float
    """What it is worth. Negative points apply after the caps; the score never falls below 0."""
    from_: float = Field(default=0.0, alias="from")
    """The value at which points begin."""
    full_at: float | None = None
    """The value from which all points are given; for `exponential` and `hill` the value that sets the pace."""
    curve: Literal["linear", "exponential", "hill", "log"] = "linear"
    """How points grow with the value."""
    says: str | None = None
    """For a condition: the words a rep reads. A signal has its own."""
    where: str = Field(default="", exclude=True)
    """file:line of this line, for `pql explain`."""

    filled = frozenset({"where"})


class Score(Model):
    """Three scores from 0 to 100: 100 x points earned / points attainable."""

    usage: tuple[Line, ...] = ()
    """What they did in the product."""
    fit: tuple[Line, ...] = ()
    """Who they are."""
    intent: tuple[Line, ...] = ()
    """What speaks for buying soon."""

    def of(self, dimension: Dimension) -> tuple[Line, ...]:
        lines: tuple[Line, ...] = getattr(self, dimension)
        return lines


class Tier(Model):
    """First match wins; the last has no condition."""

    name: str
    when: Condition | None = None
    """Left out in the last tier."""
