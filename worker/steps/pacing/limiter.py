"""
Slots for calls: one limit of one CRM account, shared by everyone who calls it.

Decided here: where the pace is kept, in memory for one process or in a row of the store for several; an answer that says
"too many" makes everybody wait. Not decided here: the pace itself (the core), what headers look like (the connector).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from connectors.contract import Budget
from worker.core import pace as core
from worker.core.pace import SECOND, Before, Pace
from worker.store import limits
from worker.store.database import Store


class Limiter(Protocol):
    """Where calls get their turn."""

    def reserve(self, calls: int = 1, within: float | None = None, ahead: float = 0.0) -> float:
        """Take the next slots, none sooner than `ahead`; seconds until the first. Farther than `within` none is taken."""
        ...

    def pause(self, seconds: float) -> None:
        """Nobody calls for so long."""
        ...

    def learn(self, budget: Budget) -> None:
        """What the last answer said about the allowance."""
        ...

    def lean(self) -> float:
        """Seconds during which the rest of the day's calls is for handoffs and other tools, as last heard; asks nobody."""
        ...


def near(within: float | None) -> int | None:
    """The seconds in which a slot is wanted, in microseconds."""
    return None if within is None else round(within * SECOND)


class Hearing:
    """What one process heard last: which answers are news to it, how long the day is lean."""

    def __init__(self) -> None:
        self._heard = 0
        self._lean_until = 0.0
        self._gap = 0
        self._window = 0
        self._busy_until = 0.0

    def news(self, budget: Budget) -> Budget:
        """The budget, without the remaining calls of an answer that was learned from before."""
        if budget.window_heard and budget.window_heard <= self._heard:
            return replace(budget, window_remaining=None)
        self._heard = budget.window_heard
        return budget

    def keep(self, gap: int, window: int, busy: int, lean: int) -> None:
        """The shared pace as it was seen a moment ago: so long until the next free slot, so long is the day lean."""
        now = time.monotonic()
        self._gap, self._window, self._busy_until = gap, window, now + busy / SECOND
        self._lean_until = now + lean / SECOND if lean > 0 else 0.0

    def before(self) -> Before:
        """What is worth taking along to another place."""
        busy = max(0.0, self._busy_until - time.monotonic())
        return Before(self._gap, self._window, round(busy * SECOND))

    def lean(self) -> float:
        return max(0.0, self._lean_until - time.monotonic())


class LocalLimiter:
    """Slots of one process; the share `reserved` of the allowance is left to other tools."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, reserved: float = 0.0) -> None:
        self._clock = clock
        self._reserved = reserved
        self._pace = Pace()
        self._hearing = Hearing()
        self._lock = threading.Lock()

    def reserve(self, calls: int = 1, within: float | None = None, ahead: float = 0.0) -> float:
        with self._lock:
            self._pace, wait = core.reserve(self._pace, self._now(), calls, round(ahead * SECOND), near(within))
            return wait / SECOND

    def pause(self, seconds: float) -> None:
        with self._lock:
            self._pace, _ = core.reserve(self._pace, self._now(), 0, round(seconds * SECOND))

    def learn(self, budget: Budget) -> None:
        with self._lock:
            self._pace = core.learn(self._pace, self._now(), self._hearing.news(budget), self._reserved)

    def lean(self) -> float:
        with self._lock:
            return max(0, self._pace.lean - self._now()) / SECOND

    def _now(self) -> int:
        return round(self._clock() * SECOND)


class StoreLimiter:
    """Slots shared by all processes on one store; `name` is CRM, account and limit, never a token."""

    def __init__(self, store: Store, name: str, reserved: float = 0.0, hearing: Hearing | None = None) -> None:
        self._store = store
        self._name = name
        self._reserved = reserved
        self._hearing = hearing or Hearing()

    def reserve(self, calls: int = 1, within: float | None = None, ahead: float = 0.0) -> float:
        return self._take(calls, ahead, near(within))

    def pause(self, seconds: float) -> None:
        self._take(0, seconds, None)

    def learn(self, budget: Budget) -> None:
        self.learn_news(self._hearing.news(budget))

    def learn_news(self, news: Budget) -> None:
        """The same, of an answer that nobody learned from yet."""
        with self._store.read() as tx:
            known, now = limits.read(tx, self._name), limits.now(tx)
            after = core.learn(known, now, news, self._reserved)
        if core.is_news(known, after):
            self._change(lambda pace, now: core.learn(pace, now, news, self._reserved))
        else:
            self._hearing.keep(known.gap, known.window, known.free - now, known.lean - now)

    def lean(self) -> float:
        return self._hearing.lean()

    def take_over(self, before: Before) -> None:
        """Go on at a pace that was kept elsewhere."""
        self._change(lambda pace, now: core.take_over(pace, now, before))

    def _take(self, calls: int, pause: float, within: int | None) -> float:
        waits: list[int] = []

        def take(pace: Pace, now: int) -> Pace:
            after, wait = core.reserve(pace, now, calls, round(pause * SECOND), within)
            waits.append(wait)
            return after

        self._change(take)
        return waits[-1] / SECOND

    def _change(self, change: Callable[[Pace, int], Pace]) -> None:
        with self._store.write() as tx:
            held = limits.hold(tx, self._name)
            now = limits.now(tx)
            after = change(held, now)
            limits.put(tx, self._name, after)
        self._hearing.keep(after.gap, after.window, after.free - now, after.lean - now)
