"""
Slots for calls: one limit of one CRM account, shared by everyone who calls it.

Decided here: calls are spaced evenly by reservation; what the answers' headers say beats our own counting; an answer that
says "too many" makes everybody wait. Not decided here: what headers look like (the connector's budget). One process keeps
its slots in memory; several share a row of the store.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

from connectors.contract import Budget
from worker.store import limits
from worker.store.database import Store

SHARE = 0.968  # of the published limit: clocks at the window's edge make the rest unsafe
NOISE = 0.05  # of the window; fewer calls than this that are not ours may be a difference of clocks


class Limiter(Protocol):
    """Where calls get their turn."""

    def reserve(self, calls: int = 1) -> float:
        """Take the next slots; seconds until the first of them."""
        ...

    def pause(self, seconds: float) -> None:
        """Nobody calls for so long."""
        ...

    def learn(self, budget: Budget) -> None:
        """What the last answer said about the allowance."""
        ...


class _Paced:
    """The gap between two calls, from what the CRM says and what others seem to use."""

    def __init__(self) -> None:
        self.gap = 0.0
        self._ours: deque[float] = deque(maxlen=4096)
        self._lock = threading.Lock()

    def count(self, calls: int) -> None:
        with self._lock:
            self._ours.extend([time.monotonic()] * calls)

    def learn(self, budget: Budget) -> None:
        if not budget.window_calls:
            return
        allowed = SHARE * budget.window_calls
        with self._lock:
            since = time.monotonic() - budget.window_seconds
            ours = sum(1 for at in self._ours if at >= since)
        used = 0 if budget.window_remaining is None else budget.window_calls - budget.window_remaining
        others = max(0, used - ours)
        if others > NOISE * budget.window_calls:
            allowed -= others
        self.gap = budget.window_seconds / max(allowed, 1.0)


class LocalLimiter:
    """Slots of one process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._paced = _Paced()
        self._free = 0.0
        self._lock = threading.Lock()

    def reserve(self, calls: int = 1) -> float:
        self._paced.count(calls)
        with self._lock:
            now = self._clock()
            start = max(self._free, now)
            self._free = start + calls * self._paced.gap
            return start - now

    def pause(self, seconds: float) -> None:
        with self._lock:
            self._free = max(self._free, self._clock() + seconds)

    def learn(self, budget: Budget) -> None:
        self._paced.learn(budget)


class StoreLimiter:
    """Slots shared by all processes on one store; `name` is CRM, account and limit, never a token."""

    def __init__(self, store: Store, name: str) -> None:
        self._store = store
        self._name = name
        self._paced = _Paced()

    def reserve(self, calls: int = 1) -> float:
        self._paced.count(calls)
        return self._take(calls * self._paced.gap, 0.0)

    def pause(self, seconds: float) -> None:
        self._take(0.0, seconds)

    def learn(self, budget: Budget) -> None:
        self._paced.learn(budget)

    def _take(self, length: float, pause: float) -> float:
        with self._store.write() as tx:
            return limits.reserve(tx, self._name, length, pause)
