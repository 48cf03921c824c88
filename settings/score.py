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
    when: Condition | None = None
    points: float
    """Negative points apply after the caps; the score never falls below 0."""
    from_: float = Field(default=0.0, alias="from")
    full_at: float | None = None
    curve: Literal["linear", "exponential", "hill", "log"] = "linear"
    says: str | None = None
    """For a condition: the words a rep reads. A signal has its own."""
    where: str = Field(default="", exclude=True)
    """file:line of this line, for `pql explain`."""


class Score(Model):
    usage: tuple[Line, ...] = ()
    fit: tuple[Line, ...] = ()
    intent: tuple[Line, ...] = ()

    def of(self, dimension: Dimension) -> tuple[Line, ...]:
        lines: tuple[Line, ...] = getattr(self, dimension)
        return lines


class Tier(Model):
    """First match wins; the last has no condition."""

    name: str
    when: Condition | None = None
