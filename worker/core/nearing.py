"""
What a lead lacks to enter: for each signal that still earns, the smallest whole number more with which its score would do.

Decided here: one signal moves, everything else stays; the number is in the signal's own unit (events, days, values, users).
Not decided here: the gate, whose comparisons are told by `conditions.trace`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from worker.core import conditions, scoring
from worker.core.conditions import Values

if TYPE_CHECKING:
    from settings.qualify import Definition
    from settings.root import Settings

MOST = 1_000_000
"""A signal that would need more than this is not a way."""


@dataclass(frozen=True, slots=True)
class More:
    """This many more of a signal, and the score that follows."""

    signal: str
    more: int
    score: float


def missing(settings: Settings, definition: Definition, row: Values) -> tuple[More, ...]:
    """The ways from the score to `enter_at`, the shortest first; empty where it is reached already, or by no single one."""
    lists = conditions.list_keys(settings)

    def score(signal: str, more: int) -> float:
        value = row.get(signal)
        moved = dict(row) | {signal: (value if isinstance(value, int | float) else 0) + more}
        return scoring.score_of(definition.score, settings.score, moved, lists)

    if scoring.score_of(definition.score, settings.score, row, lists) >= definition.enter_at:
        return ()
    named = dict.fromkeys(line.signal for line in settings.score.of(definition.score) if line.signal and line.points > 0)
    ways = (_way(name, score, definition.enter_at) for name in named if settings.signals[name].kind != "ratio")
    return tuple(sorted((way for way in ways if way is not None), key=lambda way: (way.more, way.signal)))


def _way(signal: str, score: Callable[[str, int], float], wanted: float) -> More | None:
    """Double until it is enough, then halve the difference: a score never falls with more of a signal that earns points."""
    high = 1
    while score(signal, high) < wanted:
        high *= 2
        if high > MOST:
            return None
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if score(signal, middle) >= wanted else (middle, high)
    return More(signal, high, score(signal, high))
