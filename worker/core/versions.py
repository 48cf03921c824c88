"""
Attribute versions: what was known about a user or an account at an instant.

Decided here: the version of an instant is the newest that had arrived by then; where several sources describe the same one,
each column comes from the first source, in the order of the settings, that has a value. Before the first version the answer
is "as-of unknown": null and a flag, never today's value.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from worker.core.instants import AsOf, moment

UNKNOWN = "as_of_unknown"


def newest(table: Any, key: str, as_of: AsOf, sources: Sequence[str]) -> Any:
    """One row per `key` with the columns as of the instant and `as_of_unknown` where only later versions exist."""
    rows = _numbers_without_nan(table)
    rest = [name for name in rows.columns if name not in (key, "source", "arrived")]
    arrived = rows.arrived <= moment(as_of)
    last = (
        rows.filter(rows[key].notnull())
        .group_by(id_=key, source_="source")
        .aggregate(latest=rows.arrived.max(where=arrived))
    )
    same = [last.id_ == rows[key], last.source_ == rows.source, last.latest == rows.arrived]
    found = last.left_join(rows.select(key, "source", "arrived", *rest), same)
    # Of versions that arrived together each column takes the greatest value: any order of rows gives the same answer.
    grouped = found.group_by("id_", "source_").aggregate(
        **{name: found[name].max() for name in rest}, **{UNKNOWN: found.latest.isnull().all()}
    )
    if len(sources) <= 1:
        return grouped.select(*rest, UNKNOWN, **{key: grouped.id_})
    return _merged(grouped, key, rest, sources)


def _merged(grouped: Any, key: str, rest: Sequence[str], sources: Sequence[str]) -> Any:
    import ibis

    rank = ibis.cases(*((grouped.source_ == name, place) for place, name in enumerate(sources)), else_=len(sources))
    placed = grouped.mutate(place=rank)
    first = {name: placed[name].argmin(placed.place, where=placed[name].notnull()) for name in rest}
    return placed.group_by(**{key: placed.id_}).aggregate(**first, **{UNKNOWN: placed[UNKNOWN].all()})


def _numbers_without_nan(table: Any) -> Any:
    import ibis

    floating = [name for name in table.columns if table[name].type().is_floating()]
    return table.mutate(**{name: table[name].isnan().ifelse(ibis.null("float64"), table[name]) for name in floating})
