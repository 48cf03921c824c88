"""
From signals to scores: points per line, three scores from 0 to 100, and the parts that add up to them.

Decided here: a line earns points x share, the share by its curve between `from` and `full_at`; a dimension is
100 x earned / attainable, where attainable is the sum of its positive points; negative points are taken off afterwards and
the score never leaves 0..100. `why_<dimension>_<i>` is what line i gives on that scale, `cap_<dimension>` what the ends of
the scale took or gave: together they are the score. A missing value earns nothing. The curves, with k = full_at - from:
linear x/k, exponential 1 - exp(-x/k), hill x^2 / (x^2 + k^2), log ln(1+x) / ln(1+k).
"""

from __future__ import annotations

import functools
import math
import operator
from typing import Any

from settings.score import DIMENSIONS, Dimension, Line, Score, Tier
from worker.core import conditions
from worker.core.conditions import Lists, Values, real


def attainable(lines: tuple[Line, ...]) -> float:
    """The most that the lines of a dimension can earn."""
    return math.fsum(line.points for line in lines if line.points > 0)


def weight(line: Line, lines: tuple[Line, ...]) -> float:
    """What the line gives at its full share, on the scale of 0 to 100."""
    most = attainable(lines)
    return 100.0 * line.points / most if most else 0.0


def add_scores(table: Any, score: Score, lists: Lists) -> Any:
    """The table with `why_*`, `cap_*` and the three scores."""
    return add_sums(add_parts(table, score, lists), score)


def add_parts(table: Any, score: Score, lists: Lists) -> Any:
    """The table with `why_<dimension>_<i>`: what each line gives."""
    lines = {
        f"why_{dimension}_{place}": _share(table, line, lists) * real(weight(line, score.of(dimension)))
        for dimension in DIMENSIONS
        for place, line in enumerate(score.of(dimension))
    }
    return table.mutate(**lines)


def parts(score: Score) -> tuple[str, ...]:
    """The names of all `why_*` columns."""
    return tuple(f"why_{dimension}_{place}" for dimension in DIMENSIONS for place in range(len(score.of(dimension))))


def add_sums(explained: Any, score: Score) -> Any:
    """The table of `why_*` with the three scores they add up to, and `cap_*`: what the ends of the scale took or gave."""
    sums = {f"sum_{dimension}": _sum(explained, dimension, len(score.of(dimension))) for dimension in DIMENSIONS}
    summed = explained.mutate(**sums)
    clipped = {dimension: _within(summed[f"sum_{dimension}"]) for dimension in DIMENSIONS}
    scored = summed.mutate(**clipped)
    caps = {f"cap_{dimension}": scored[dimension] - scored[f"sum_{dimension}"] for dimension in DIMENSIONS}
    return scored.mutate(**caps).drop(*sums)


def _sum(table: Any, dimension: Dimension, lines: int) -> Any:
    return functools.reduce(operator.add, (table[f"why_{dimension}_{place}"] for place in range(lines)), real(0.0))


def _within(score: Any) -> Any:
    import ibis

    return ibis.least(ibis.greatest(score, real(0.0)), real(100.0))


def _share(table: Any, line: Line, lists: Lists) -> Any:
    """The line's share of its points, 0 to 1, never null."""
    import ibis

    none, all_ = real(0.0), real(1.0)
    if line.when is not None:
        return conditions.holds(line.when, table, lists).ifelse(all_, none)
    measured = table[line.signal] if line.signal in table.columns else ibis.null("float64")
    value = ibis.greatest(ibis.coalesce(measured.cast("float64"), real(line.from_)) - real(line.from_), none)
    span = real(_span(line))
    match line.curve:
        case "linear":
            return ibis.least(value / span, all_)
        case "exponential":
            return all_ - (-value / span).exp()
        case "hill":
            return (value * value) / (value * value + span * span)
        case "log":
            return ibis.least((value + all_).ln() / real(math.log1p(_span(line))), all_)


def _span(line: Line) -> float:
    return (1.0 if line.full_at is None else line.full_at) - line.from_


def add_tier(table: Any, tiers: tuple[Tier, ...], lists: Lists) -> Any:
    """The table with `tier`: the first match of the ordered list."""
    import ibis

    branches = [(conditions.holds(tier.when, table, lists), tier.name) for tier in tiers if tier.when is not None]
    last = next((tier.name for tier in tiers if tier.when is None), None)
    otherwise = ibis.literal(last, type="string")
    return table.mutate(tier=ibis.cases(*branches, else_=otherwise) if branches else otherwise)


# ------------------------------------------------------------------------------------ for one lead


def share_of(line: Line, values: Values, lists: Lists) -> float:
    """The same share for one lead, for explanations: what would one more give?"""
    if line.when is not None:
        return 1.0 if conditions.interpret(line.when, values, lists) is True else 0.0
    measured = values.get(line.signal or "")
    if not isinstance(measured, int | float) or math.isnan(measured):
        return 0.0
    value, span = max(float(measured) - line.from_, 0.0), _span(line)
    match line.curve:
        case "linear":
            return min(value / span, 1.0)
        case "exponential":
            return 1.0 - math.exp(-value / span)
        case "hill":
            return value * value / (value * value + span * span)
        case "log":
            return min(math.log1p(value) / math.log1p(span), 1.0)


def score_of(dimension: Dimension, score: Score, values: Values, lists: Lists) -> float:
    """One dimension of one lead."""
    lines = score.of(dimension)
    return min(max(math.fsum(share_of(line, values, lists) * weight(line, lines) for line in lines), 0.0), 100.0)
