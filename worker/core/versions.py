"""
Attribute versions: what was known about a user or an account at an instant.

Decided here: the version of an instant is the newest that had arrived by then; where several sources describe the same one,
each column comes from the first source, in the order of the settings, that has a value. Before the first version the answer
is "as-of unknown": null and a flag, never today's value.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

UNKNOWN = "as_of_unknown"


def newest(table: Any, key: str, as_of: datetime, sources: Sequence[str]) -> Any:
    """One row per `key` with the columns as of the instant and `as_of_unknown` where only later versions exist."""
    import ibis

    rows = _numbers_without_nan(table)
    arrived = rows.arrived <= ibis.literal(as_of.astimezone(UTC), type="timestamp('UTC', 6)")
    rest = [name for name in rows.columns if name not in (key, "source", "arrived")]
    ranked = rows.filter(rows[key].notnull()).mutate(known=arrived)
    # The tie of two versions that arrived together is broken by their content: any order of rows gives the same answer.
    order = [ranked.known.desc(), ranked.arrived.desc(), *(ranked[name].desc() for name in rest)]
    latest = ranked.mutate(nth=ibis.row_number().over(group_by=[key, "source"], order_by=order))
    chosen = latest.filter(latest.nth == 0)
    chosen = chosen.mutate(**{name: chosen.known.ifelse(chosen[name], ibis.null(chosen[name].type())) for name in rest})
    if len(sources) <= 1:
        return chosen.select(key, *rest, **{UNKNOWN: ~chosen.known})
    return _merged(chosen, key, rest, sources)


def _merged(chosen: Any, key: str, rest: Sequence[str], sources: Sequence[str]) -> Any:
    import ibis

    rank = ibis.cases(*((chosen.source == name, place) for place, name in enumerate(sources)), else_=len(sources))
    placed = chosen.mutate(place=rank)
    first = {name: placed[name].argmin(placed.place, where=placed[name].notnull()) for name in rest}
    return placed.group_by(key).aggregate(**first, **{UNKNOWN: (~placed.known).all()})


def _numbers_without_nan(table: Any) -> Any:
    import ibis

    floating = [name for name in table.columns if table[name].type().is_floating()]
    return table.mutate(**{name: table[name].isnan().ifelse(ibis.null("float64"), table[name]) for name in floating})
