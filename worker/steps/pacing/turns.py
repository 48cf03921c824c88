"""
A turn for each request to one CRM account: the limiter of its calls, and the gate that its connector asks.

Decided here: what a step reserved before it took work up counts for the first request of that thread; each further request
gets a slot of its own; a limit that the CRM has beside that of all calls (search) has slots of its own. A request is made in
its slot: none before it begins, and none so late that calls which were held up together would arrive together. A request
whose turn is far away is not made, and nothing is written. Not decided here: where slots are kept (the limiter).
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from connectors.contract import CALLS, Budget
from connectors.errors import TryLater
from worker.steps.pacing.limiter import Limiter

SHORT = 2.0
"""Seconds that whoever holds work waits for a turn."""
PATIENT = 30.0
"""Seconds that whoever holds nothing waits for one, or holds what was read already."""
LEAD, LONGEST = 0.03, 0.6
"""
Seconds before its slot at which a step takes work up, so that it is ready to be sent when the slot begins: half as much
again as that took the longest of late, between these. A slot nearer than that would be missed, and be lost for everybody.
"""
LATE = 0.15
"""
Seconds after which a slot is lost. The pace leaves 3.2 % of the window free, a third of a second of ten: this much for
requests that start late, the rest for the way to the CRM.
"""
TRIES = 3
"""Slots in a row that a process which is held up may lose before it sends nothing for now."""


class _Mine(threading.local):
    """What this thread has reserved, and how long it waits for more."""

    paid_from: float | None = None
    taken_up = 0.0
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
        self._took: deque[float] = deque(maxlen=16)

    def reserve(self, calls: int = 1, within: float | None = None, ahead: float = 0.0) -> float:
        """Seconds until work for the next call may be taken up, a moment before its slot."""
        lead = max(ahead, min(LONGEST, max(LEAD, 1.5 * max(self._took, default=0.0))))
        wait = self._calls.reserve(calls, within, lead)
        if within is not None and wait > within:
            return wait
        now, before = time.monotonic(), max(0.0, wait - lead)
        _mine.paid_from, _mine.taken_up = now + wait, now + before
        return before

    def count(self, calls: int) -> None:
        """So many calls were made without asking: the others wait for them."""
        if calls:
            self._calls.reserve(calls)

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
        limiter, patience = self._own.get(limit, self._calls), _mine.patience
        for _ in range(TRIES):
            wait = limiter.reserve(within=patience)
            if wait > patience:
                break
            slot = time.monotonic() + wait
            time.sleep(wait)
            if time.monotonic() <= slot + LATE:
                return
        said = f"The next call may be made in {wait:.0f} s. Nothing was sent; ask again then."
        raise TryLater(said, code="NOT_YET", after=max(wait, LATE), limited=True)

    def _is_paid(self) -> bool:
        slot, _mine.paid_from = _mine.paid_from, None
        now = time.monotonic()
        if slot is None or now < _mine.taken_up:
            return False  # nobody waited for it
        self._took.append(now - _mine.taken_up)
        time.sleep(max(0.0, slot - now))
        return time.monotonic() <= slot + LATE
