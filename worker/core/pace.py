"""
The pace of calls to one limit of one CRM account: the next free slot, the gap between two, and whose calls used the window.

Decided here: slots are spaced evenly by reservation; what the answers' headers say beats our own counting; calls that the
header counts and nobody of ours made are another tool's, and widen the gap; a reserve stays with the customer's other tools.
Not decided here: where the pace is kept (memory, a row of the store, Redis). Times are whole microseconds of one clock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from connectors.contract import Budget

SHARE = 0.968  # of the published limit: clocks at the window's edge make the rest unsafe
NOISE = 0.05  # of the window; fewer calls than this that are not ours may be a difference of clocks
PARTS = 40  # of a window: so finely our own calls are remembered
SECOND = 1_000_000
SETTLE = SECOND // 4  # slots that others took elsewhere since we last looked there


@dataclass(frozen=True, slots=True)
class Pace:
    """What all who call one limit share."""

    free: int = 0
    """When the next slot begins."""
    gap: int = 0
    """Between two calls; 0 while nothing was heard."""
    window: int = 10 * SECOND
    ours: Mapping[int, int] = field(default_factory=dict)
    """Part of a window, counted from the clock's beginning -> slots given out in it."""
    heir: int = 0
    """Until then the gap was taken over from elsewhere, and what we called before is not in `ours`."""
    lean: int = 0
    """Until then what is left of the day is for handoffs and for other tools."""

    @property
    def part(self) -> int:
        return max(1, self.window // PARTS)

    def called(self, now: int) -> float:
        """How many slots of the last window were ours."""
        first, last = divmod(now - self.window, self.part), now // self.part
        whole = sum(calls for part, calls in self.ours.items() if first[0] < part <= last)
        return whole + self.ours.get(first[0], 0) * (1 - first[1] / self.part)

    def over(self, window: int) -> Pace:
        """The same with a window of another length."""
        if window == self.window:
            return self
        ours: Counter[int] = Counter()
        for part, calls in self.ours.items():
            ours[part * self.part // max(1, window // PARTS)] += calls
        return replace(self, window=window, ours=ours)


@dataclass(frozen=True, slots=True)
class Before:
    """A pace that was kept elsewhere, as one process remembers it; `busy` until its next free slot."""

    gap: int = 0
    window: int = 0
    busy: int = 0


def reserve(pace: Pace, now: int, calls: int = 1, pause: int = 0, within: int | None = None) -> tuple[Pace, int]:
    """Take the next slots, none before the pause is over; how long until the first. Taken only if it is so near."""
    start = max(pace.free, now + pause)
    if within is not None and start - now > within:
        return pace, start - now
    oldest = (now - pace.window) // pace.part
    ours = {part: some for part, some in pace.ours.items() if part >= oldest}
    if calls:
        at = start // pace.part
        ours[at] = ours.get(at, 0) + calls
    return replace(pace, free=start + calls * pace.gap, ours=ours), start - now


def learn(pace: Pace, now: int, budget: Budget, reserved: float = 0.0) -> Pace:
    """What an answer said of the allowance, of which the share `reserved` is left to other tools."""
    lean = pace.lean
    if budget.day_calls and budget.day_remaining is not None:
        lean = now + round(budget.day_wait * SECOND) if budget.day_remaining < reserved * budget.day_calls else 0
    if not budget.window_calls:
        return replace(pace, lean=lean)
    window = round(budget.window_seconds * SECOND)
    pace = pace.over(window)
    others, called = 0.0, pace.called(now)
    if budget.window_remaining is not None and now >= pace.heir:
        others = max(0.0, budget.window_calls - budget.window_remaining - called)
    gap = round(window / _allowed(budget.window_calls, others, reserved))
    if not pace.gap:  # calls that nobody spaced take their place in the window all the same
        pace = replace(pace, free=max(pace.free, now + round(called * gap)))
    if pace.gap and (budget.window_remaining is None or now < pace.heir):
        gap = max(gap, pace.gap)  # no news of the others: what was known of them stays
    return replace(pace, gap=gap, lean=lean)


def _allowed(most: int, others: float, reserved: float) -> float:
    mine = SHARE * most - (others if others > NOISE * most else 0.0)
    return max(min(mine, (1 - reserved) * most), 1.0)


def take_over(pace: Pace, now: int, before: Before) -> Pace:
    """Go on at a pace that was kept elsewhere, behind the slots that were given out there."""
    if not before.gap:
        return pace
    free = max(pace.free, now + before.busy + SETTLE)
    return replace(pace.over(before.window), free=free, gap=before.gap, heir=now + before.window)


def is_news(before: Pace, after: Pace) -> bool:
    """Whether what was learned is worth writing down."""
    if before.window != after.window or abs(before.gap - after.gap) > before.gap / 100:
        return True
    return (before.lean == 0) != (after.lean == 0) or abs(before.lean - after.lean) > 60 * SECOND
