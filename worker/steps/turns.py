"""
A turn for each request to one CRM account: the limiter of its calls, and the gate that its connector asks.

Decided here: what a step reserved before it took work up counts for the first request of that thread; each further request
gets a slot of its own; a limit that the CRM has beside that of all calls (search) has slots of its own. A request whose turn
is far away is not made, and nothing is written. Not decided here: where slots are kept (the limiter).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from connectors.contract import CALLS, Budget
from connectors.errors import TryLater
from worker.steps.limiter import Limiter

SHORT = 2.0
"""Seconds that whoever holds work waits for a turn."""
PATIENT = 30.0
"""Seconds that whoever holds nothing waits for one."""


class _Mine(threading.local):
    """What this thread has reserved, and how long it waits for more."""

    paid_from: float | None = None
    patience = SHORT


_mine = _Mine()


@contextmanager
def patient() -> Iterator[None]:
    """This thread holds nothing, so its requests may wait for their turn."""
    _mine.patience = PATIENT
    try:
        yield
    finally:
        _mine.patience = SHORT


class Turns:
    """The limiter of all calls; called, it is the gate of the connector."""

    def __init__(self, calls: Limiter, own: Mapping[str, Limiter]) -> None:
        self._calls = calls
        self._own = own

    def reserve(self, calls: int = 1, within: float | None = None) -> float:
        wait = self._calls.reserve(calls, within)
        if within is None or wait <= within:
            _mine.paid_from = time.monotonic() + wait
        return wait

    def pause(self, seconds: float) -> None:
        self._calls.pause(seconds)

    def learn(self, budget: Budget) -> None:
        self._calls.learn(budget)

    def lean(self) -> float:
        return self._calls.lean()

    def __call__(self, limit: str) -> None:
        """Return when it is this request's turn."""
        if limit == CALLS and self._is_paid():
            return
        wait = self._own.get(limit, self._calls).reserve(within=_mine.patience)
        if wait > _mine.patience:
            said = f"The next call may be made in {wait:.0f} s. Nothing was sent; ask again then."
            raise TryLater(said, code="NOT_YET", after=wait, limited=True)
        time.sleep(wait)

    def _is_paid(self) -> bool:
        since, _mine.paid_from = _mine.paid_from, None
        return since is not None and time.monotonic() >= since
