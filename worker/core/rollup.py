"""
The roll-up: integer sums per user, account and UTC day, one column per thing that signals count.

Decided here: which columns the settings need, what each is called (the hash of its own definition, so that a changed one
back-fills alone), and how events become rows. A row is one user, one account and one UTC day; events of a user without an
account stand in a row of their own, and a visitor known by anonymous id alone is `~source:anonymous_id`. Several rows may
describe the same user and day (other account, other columns, a visitor identified later): readers aggregate, an absent
column is null. Open value sets stand in the side roll-up. Not decided here: which days are kept (the lake).

    roll-up   user, account, day (int32, days since 1970-01-01), last_at, c_<hash> (bigint) ...
    side      user, account, column, day, value, last_plus, last_minus (moments)
"""

from __future__ import annotations

import functools
import hashlib
import operator
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from settings.signals import ANY_EVENT, Signal
from worker.core import conditions
from worker.core.identity import visitor
from worker.core.instants import AsOf, moment
from worker.core.trees import columns_of, lists_of, render

if TYPE_CHECKING:
    from settings.condition.tree import Node
    from settings.root import Settings

FIXED = 1_000_000
"""A numeric property is summed in millionths."""
MOST = 9_000_000_000_000_000_000
"""A day's sum of one property stops here, in millionths; a 64-bit integer ends soon after."""


@dataclass(frozen=True, slots=True)
class RollupColumn:
    """One thing counted. Signals that count the same share the column, whatever their windows."""

    kind: Literal["count", "sum", "distinct"]
    events: tuple[str, ...]
    """Sorted names; empty for any event."""
    property_name: str | None = None
    minus: tuple[str, ...] = ()
    minus_property: str | None = None
    where: Node | None = None
    """Applies to the counted events, not to those that take a value away."""
    lists: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """The keys of the lists that `where` reads: another list is another column."""

    @property
    def key(self) -> str:
        """`c_` and the hash of the definition."""
        return f"c_{hashlib.sha256(self.definition.encode()).hexdigest()[:16]}"

    @property
    def definition(self) -> str:
        """The canonical text that the key stands for."""
        where = render(self.where) if self.where else ""
        parts = (self.kind, self.events, self.property_name, self.minus, self.minus_property, where, self.lists)
        return repr(parts)


def columns(settings: Settings) -> tuple[RollupColumn, ...]:
    """The integer day columns that all signals need, each once, sorted by key."""
    return _needed(settings, ("count", "sum"))


def side_columns(settings: Settings) -> tuple[RollupColumn, ...]:
    """What the side roll-up must hold for the distinct signals."""
    return _needed(settings, ("distinct",))


def _needed(settings: Settings, kinds: tuple[str, ...]) -> tuple[RollupColumn, ...]:
    found = (column_of(signal, settings) for signal in settings.signals.values())
    unique = {column.key: column for column in found if column is not None and column.kind in kinds}
    return tuple(unique[key] for key in sorted(unique))


def column_of(signal: Signal, settings: Settings) -> RollupColumn | None:
    """The column a signal reads; None for a ratio, which reads no events."""
    if signal.kind == "ratio":
        return None
    where = signal.where.tree if signal.where else None
    keys = conditions.list_keys(settings)
    lists = tuple((name, tuple(sorted(keys.get(name, ())))) for name in sorted(lists_of(where))) if where else ()
    events = () if ANY_EVENT in signal.events else tuple(sorted(set(signal.events)))
    if signal.kind == "distinct":
        minus = tuple(sorted(set(signal.minus)))
        taken = (signal.minus_property or signal.property) if minus else None
        return RollupColumn("distinct", events, signal.property, minus, taken, where, lists)
    if signal.kind == "sum":
        return RollupColumn("sum", events, signal.property, where=where, lists=lists)
    return RollupColumn("count", events, where=where, lists=lists)


def first_instant(day: int) -> datetime:
    """Midnight UTC at which a day begins."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=day)


@dataclass(frozen=True, slots=True)
class Days:
    """Which UTC days to fold, both ends included; None leaves an end open."""

    first: int | None = None
    last: int | None = None


ALL_DAYS = Days()


def known(events: Any, as_of: AsOf, days: Days = ALL_DAYS) -> Any:
    """The events of those days that had happened and had arrived by `as_of`, each with its `user` and `day`."""
    rules = [
        events.at <= moment(as_of),
        events.arrived <= moment(as_of),
        events.user_id.notnull() | events.anonymous_id.notnull(),
    ]
    if days.first is not None:
        rules.append(events.at >= moment(first_instant(days.first)))
    if days.last is not None:
        rules.append(events.at < moment(first_instant(days.last + 1)))
    return events.filter(*rules).mutate(user=who(events), day=_day(events))


def who(events: Any) -> Any:
    """Who an event belongs to: the user, or the visitor known by the source's anonymous id alone."""
    import ibis

    return ibis.coalesce(events.user_id, visitor(events))


def _day(events: Any) -> Any:
    # An engine may hand the day over ready-made: its own integer arithmetic is faster than any portable date function.
    import ibis

    if "day" in events.columns:
        return events.day
    return events.at.date().delta(ibis.date(1970, 1, 1), unit="day").cast("int32")


def fold(events: Any, wanted: Iterable[RollupColumn], as_of: AsOf, days: Days = ALL_DAYS) -> Any:
    """One row per user, account and UTC day, from what was known at `as_of`."""
    rows = known(events, as_of, days)
    measures = {column.key: _measure(rows, column) for column in wanted}
    folded = rows.group_by(rows.user, account=rows.account_id, day=rows.day).aggregate(last_at=rows.at.max(), **measures)
    return folded.mutate(**{column.key: whole(folded[column.key]) for column in wanted if column.kind == "sum"})


def _measure(rows: Any, column: RollupColumn) -> Any:
    mine = _counted(rows, column)
    if column.kind == "count":
        return rows.count(where=mine)
    if column.property_name not in rows.columns:
        return rows.count(where=False)
    value = rows[column.property_name].cast("float64")
    usable = ~(value.isnan() | value.isinf())
    # A filter does not keep an engine from computing what it drops: the value itself must always fit.
    millionths = within_64_bits(usable.ifelse(value, conditions.real(0.0)) * FIXED).round().cast("int64")
    return millionths.sum(where=usable if mine is None else mine & usable)


def _counted(rows: Any, column: RollupColumn) -> Any:
    """Which rows a column counts, or None for all."""
    rules = []
    if column.events:
        rules.append(rows.name.isin(column.events))
    if column.where is not None:
        rules.append(conditions.holds(column.where, rows, dict(column.lists)))
    return functools.reduce(operator.and_, rules) if rules else None


def whole(total: Any) -> Any:
    """A sum as a 64-bit integer, stopped at its ends. Engines sum integers into wider types that files do not know."""
    import ibis

    return within_64_bits(ibis.coalesce(total, 0).cast("decimal(38, 0)")).cast("int64")


def within_64_bits(number: Any) -> Any:
    """The number, or the end it went beyond."""
    import ibis

    return ibis.least(ibis.greatest(number, -MOST), MOST)


def side_fold(events: Any, wanted: Iterable[RollupColumn], as_of: AsOf, days: Days = ALL_DAYS) -> Any | None:
    """Per user, account, column, UTC day and value: when last seen, when last taken away. None where nothing is wanted."""
    import ibis

    rows = known(events, as_of, days)
    seen = [part for column in wanted for part in _sightings(rows, column)]
    if not seen:
        return None
    every = ibis.union(*seen) if len(seen) > 1 else seen[0]
    return every.group_by("user", "account", "column", "day", "value").aggregate(
        last_plus=every.at.max(where=every.plus), last_minus=every.at.max(where=~every.plus)
    )


def _sightings(rows: Any, column: RollupColumn) -> Iterator[Any]:
    if column.property_name in rows.columns:
        mine = _counted(rows, column)
        yield _sighting(rows if mine is None else rows.filter(mine), column.key, column.property_name, plus=True)
    if column.minus and column.minus_property in rows.columns:
        yield _sighting(rows.filter(rows.name.isin(column.minus)), column.key, column.minus_property, plus=False)


def _sighting(rows: Any, key: str, value: str | None, *, plus: bool) -> Any:
    import ibis

    text = rows[value].cast("string")
    return rows.filter(text.notnull()).select(
        "user", "day", "at", account=rows.account_id, column=ibis.literal(key), value=text, plus=ibis.literal(plus)
    )


def together(parts: Iterable[Any], wanted: Iterable[RollupColumn]) -> Any:
    """Several pieces of a roll-up as one table with every wanted column; what a piece lacks is null there."""
    import ibis

    keys = tuple(column.key for column in wanted)
    aligned = [
        part.select(
            "user",
            "account",
            "last_at",
            day=part.day.cast("int32"),
            **{key: part[key] if key in part.columns else ibis.null("int64") for key in keys},
        )
        for part in parts
    ]
    return ibis.union(*aligned) if len(aligned) > 1 else aligned[0]


def needed_properties(wanted: Iterable[RollupColumn]) -> frozenset[str]:
    """The event properties that columns read, for whoever decides what to keep."""
    read = {name for column in wanted if column.where is not None for name in columns_of(column.where)}
    return frozenset(read | {name for column in wanted for name in (column.property_name, column.minus_property) if name})
