"""
Signals from the roll-up: one row per user and one per account, exactly.

Decided here: what each kind of signal is, in integers until the last division. A window counts the UTC day of the instant
and the N-1 days before. Decay is an integer weight per day of age, in billionths, ended below a thousandth. Days
are counted as bits of a word, which several rows of one day cannot count twice. No events is 0, a ratio may be null.
An account's signals add up its own events, and those without an account of users whose users row names it. Who joins
these tables to leads: the frame.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from settings.signals import Signal
from worker.core import rollup
from worker.core.identity import is_user

if TYPE_CHECKING:
    from settings.root import Settings

UNIT = 1_000_000_000
"""A decayed count is summed in billionths."""
FAINTEST = 0.001
"""A weight below this counts nothing."""
_WORD = 62
"""Days per word of the mask: a signed 64-bit integer without its last bits."""


def weights(half_life: float) -> tuple[int, ...]:
    """
    The weight of an event by its age in days, in billionths.

    >>> weights(14)[:3]
    (1000000000, 951695153, 905723664)
    """
    ages = range(math.floor(-math.log2(FAINTEST) * half_life) + 1)
    table = tuple(round(UNIT * 2.0 ** (-age / half_life)) for age in ages)
    return tuple(weight for weight in table if weight >= UNIT * FAINTEST)


@dataclass(frozen=True, slots=True)
class _Reading:
    """A signal with the roll-up column it reads, as of one day."""

    signal: Signal
    column: rollup.RollupColumn
    today: int

    @property
    def first_day(self) -> int | None:
        return self.today - self.signal.within.days + 1 if self.signal.within else None

    @property
    def masked(self) -> bool:
        """Whether the days of its window fit into one word."""
        return self.signal.within is not None and self.signal.within.days <= _WORD

    @property
    def wide(self) -> bool:
        return self.signal.kind == "days_with" and not self.masked


def readings(settings: Settings, per: str, today: int) -> tuple[_Reading, ...]:
    """The signals of one grain that read events."""
    found = ((signal, rollup.column_of(signal, settings)) for signal in settings.signals.values() if signal.per == per)
    return tuple(_Reading(signal, column, today) for signal, column in found if column is not None)


# ------------------------------------------------------------------------------------------ leads


def of_leads(rows: Any, side: Any | None, settings: Settings, today: int) -> Any:
    """One row per user with events: `user`, `last_active`, `event_account` and every signal of its own that reads events."""
    wanted = readings(settings, "lead", today)
    plain = [reading for reading in wanted if reading.signal.kind != "distinct" and not reading.wide]
    people = rows.filter(is_user(rows.user), rows.day <= today)
    main = people.group_by("user").aggregate(
        last_active=people.last_at.max(), **{reading.signal.name: _sum(people, reading) for reading in plain}
    )
    main = main.mutate(**{reading.signal.name: _finished(main, reading) for reading in plain})
    wide = [_days(people.mutate(who=people.user), reading) for reading in wanted if reading.wide]
    values = (
        [] if side is None else [_values(side.mutate(who=side.user), reading) for reading in wanted if _is_distinct(reading)]
    )
    return _with_counts(main, "user", [*wide, *values], [r.signal.name for r in wanted if r not in plain])


def last_accounts(rows: Any, today: int) -> Any:
    """The account of each user's newest event that has one; of two at the same instant the lesser id."""
    import ibis

    placed = rows.filter(rows.account.notnull(), rows.day <= today, is_user(rows.user))
    pairs = placed.group_by("user", "account").aggregate(last_at=placed.last_at.max())
    ranked = pairs.mutate(nth=ibis.row_number().over(group_by="user", order_by=[pairs.last_at.desc(), pairs.account]))
    return ranked.filter(ranked.nth == 0).select("user", event_account=ranked.account)


# --------------------------------------------------------------------------------------- accounts


def of_accounts(rows: Any, side: Any | None, members: Any, settings: Settings, today: int) -> Any | None:
    """
    One row per account with events: `account` and every signal counted per account; None where there is none.

    `members` (user_id, account_id, from the users rows) says where events without an account belong.
    """
    wanted = readings(settings, "account", today)
    if not wanted:
        return None
    past = rows.filter(rows.day <= today)
    plain = [reading for reading in wanted if reading.signal.kind != "distinct" and not reading.wide]
    people = past.group_by("user", "account").aggregate(
        **{r.signal.name: _sum(past, r) for r in plain} | {"rows_": past.count()}
    )
    placed = _placed(people, members)
    main = placed.group_by("account").aggregate(
        **{r.signal.name: _added(placed, r) for r in plain} | {"rows_": placed.count()}
    )
    main = main.mutate(**{reading.signal.name: _finished(main, reading) for reading in plain}).drop("rows_")
    wide = [_days(_at_account(past, members), reading) for reading in wanted if reading.wide]
    values = [] if side is None else [_values(_at_account(side, members), r) for r in wanted if _is_distinct(r)]
    return _with_counts(main, "account", [*wide, *values], [r.signal.name for r in wanted if r not in plain])


def _placed(rows: Any, members: Any) -> Any:
    import ibis

    homes = members.filter(members.account_id.notnull()).select(member=members.user_id, home=members.account_id)
    joined = rows.left_join(homes, rows.user == homes.member)
    joined = joined.mutate(account=ibis.coalesce(joined.account, joined.home)).drop("member", "home")
    return joined.filter(joined.account.notnull())


def _at_account(rows: Any, members: Any) -> Any:
    placed = _placed(rows, members)
    return placed.mutate(who=placed.account)


# ------------------------------------------------------------------------------------- the kinds


def _in_window(rows: Any, reading: _Reading) -> Any | None:
    return None if reading.first_day is None else rows.day >= reading.first_day


def _sum(rows: Any, reading: _Reading) -> Any:
    """The integer that adds up over rows: a sum, a mask of days, or whether there was any."""
    import ibis

    counted = rows[reading.column.key]
    age = (ibis.literal(reading.today, type="int32") - rows.day).cast("int64")
    match reading.signal.kind:
        case "decayed":
            half_life = reading.signal.half_life
            table = ibis.literal(list(weights(half_life.seconds / 86400 if half_life else 1)), type="array<int64>")
            return (counted * table[age]).sum()
        case "days_with":
            bits = ibis.literal([1 << place for place in range(reading.signal.within.days)], type="array<int64>")  # type: ignore[union-attr]  # only windows that fit a word come here
            return bits[age].bit_or(where=_all((counted > 0), _in_window(rows, reading)))
        case "active_users":
            return (counted > 0).ifelse(1, 0).max(where=_in_window(rows, reading))
        case _:
            return counted.sum(where=_in_window(rows, reading))


def _added(partial: Any, reading: _Reading) -> Any:
    """The same integer over the users of an account. A visitor is nobody's colleague."""
    mine = partial[reading.signal.name]
    match reading.signal.kind:
        case "days_with":
            return mine.bit_or()
        case "active_users":
            return partial.user.nunique(where=is_user(partial.user) & (mine > 0))
        case _:
            return mine.sum()


def _finished(main: Any, reading: _Reading) -> Any:
    """The signal from its integer: one division at most."""
    import ibis

    total = main[reading.signal.name]
    match reading.signal.kind:
        case "decayed":
            return ibis.coalesce(total, 0).cast("float64") / UNIT
        case "sum":
            return ibis.coalesce(total, 0).cast("float64") / rollup.FIXED
        case "days_with":
            return _ones(ibis.coalesce(total, 0), reading.signal.within.days if reading.signal.within else 1)
        case _:
            return _number(total)


def _number(total: Any) -> Any:
    # Engines sum integers into wider types; counts are exact in a double, and no other road back is as cheap.
    import ibis

    return ibis.coalesce(total, 0).cast("float64").cast("int64")


def _ones(mask: Any, width: int) -> Any:
    """How many of the lowest bits are set: a number less all its halves, rounded down. Every engine can shift."""
    return functools.reduce(operator.sub, ((mask >> place) for place in range(1, width)), mask)


def _days(rows: Any, reading: _Reading) -> Any:
    """Distinct days of a window too wide for a word: who, signal, n."""
    import ibis

    hits = rows.filter(_all(rows[reading.column.key] > 0, _in_window(rows, reading))).select("who", "day").distinct()
    return hits.group_by("who").aggregate(n=hits.count()).mutate(signal=ibis.literal(reading.signal.name))


def _values(side: Any, reading: _Reading) -> Any:
    """Distinct values that are still there: the last time seen is newer than the last time taken away. who, signal, n."""
    import ibis

    mine = side.filter(_all(_all(side.column == reading.column.key, side.day <= reading.today), _in_window(side, reading)))
    values = mine.group_by("who", "value").aggregate(plus=mine.last_plus.max(), minus=mine.last_minus.max())
    there = values.filter(values.plus.notnull() & (values.minus.isnull() | (values.plus > values.minus)))
    return there.group_by("who").aggregate(n=there.count()).mutate(signal=ibis.literal(reading.signal.name))


def _is_distinct(reading: _Reading) -> bool:
    return reading.signal.kind == "distinct"


def _all(first: Any, second: Any | None) -> Any:
    return first if second is None else first & second


def _with_counts(main: Any, key: str, counts: Iterable[Any], names: Iterable[str]) -> Any:
    """Counts that need a grouping of their own, beside the others; 0 where there is none."""
    import ibis

    pieces = [piece.select("who", "signal", "n") for piece in counts]
    if not pieces:
        return main.mutate(**{name: ibis.literal(0, type="int64") for name in names})
    long = ibis.union(*pieces) if len(pieces) > 1 else pieces[0]
    flat = long.group_by("who").aggregate(**{name: long.n.sum(where=long.signal == name) for name in names})
    joined = main.left_join(flat, main[key] == flat.who)
    return joined.mutate(**{name: _number(joined[name]) for name in names}).drop("who")
