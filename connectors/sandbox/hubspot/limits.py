"""
Rate limits: the headers on every answer, and the 429 where a switch enforces them.

Decided here: the windows are of the machine's clock, because callers wait in it; a call counts from its arrival, however
long it is then worked on. Search answers carry no window headers,
and an OAuth app sees no daily ones.
"""

import threading
import time
from bisect import insort
from collections import deque

from connectors.sandbox.hubspot.errors import ordered
from connectors.sandbox.state import State
from connectors.sandbox.wire import Reply

WINDOW = 10.0
PER_DAY = 625_000


class Limits:
    """Counts the calls of one app."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._lock = threading.Lock()
        self._calls: deque[float] = deque()
        self._searches: deque[float] = deque()
        self.today = 0

    def admit(self, at: float, *, search: bool) -> Reply | None:
        """Count one call that arrived then; return the refusal if a limit is enforced and reached."""
        with self._lock:
            _forget(self._calls, at - WINDOW)
            _forget(self._searches, at - 1)
            refusal = self._reached(search=search) if self._state.switch("enforce_limits") else None
            if refusal is None:
                insort(self._searches if search else self._calls, at)
                self.today += 1
        return refusal

    def _reached(self, *, search: bool) -> Reply | None:
        state = self._state
        wait = {"retry_after": state.switch("retry_after_s")}
        if self.today >= state.switch("daily_limit", PER_DAY):
            return ordered(429, {"policy": "DAILY", **wait})
        if search and len(self._searches) >= state.switch("search_limit", 5):
            return ordered(429, {"policy": "SECONDLY"})
        if not search and len(self._calls) >= state.switch("ten_second_limit", 190):
            return ordered(429, {"policy": "TEN_SECONDLY_ROLLING", **wait})
        return None

    def headers(self, *, search: bool) -> dict[str, str]:
        """Return the headers of an answer as they were recorded."""
        headers: dict[str, str] = {}
        if not self._state.switch("oauth"):
            daily = int(self._state.switch("daily_limit", PER_DAY))
            headers["X-HubSpot-RateLimit-Daily"] = str(daily)
            headers["X-HubSpot-RateLimit-Daily-Remaining"] = str(max(0, daily - self.today))
        if search:
            return headers
        most = int(self._state.switch("ten_second_limit", 190))
        now = time.monotonic()
        with self._lock:
            used = len(self._calls)
            lately = sum(1 for at in self._calls if at > now - 1)
        return headers | {
            "X-HubSpot-RateLimit-Interval-Milliseconds": str(int(WINDOW * 1000)),
            "X-HubSpot-RateLimit-Max": str(most),
            "X-HubSpot-RateLimit-Remaining": str(max(0, most - used)),
            "X-HubSpot-RateLimit-Secondly": str(max(1, most // 10)),
            "X-HubSpot-RateLimit-Secondly-Remaining": str(max(0, most // 10 - lately)),
        }


def _forget(calls: deque[float], before: float) -> None:
    while calls and calls[0] < before:
        calls.popleft()
