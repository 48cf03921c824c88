"""
What HubSpot's answers say about the allowance.

Decided here: which headers and which fields of a 429 count, and how long a wait they ask for. Not decided here: who waits
(the limiter of the store). Search answers carry no ten-second headers and OAuth answers no daily ones, so what was heard
last stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from connectors.contract import Budget, OwnLimit
from connectors.http import retry_after

HEADER = "x-hubspot-ratelimit-"
NAMES = {
    "max": "window_calls",
    "remaining": "window_remaining",
    "daily": "day_calls",
    "daily-remaining": "day_remaining",
}
ASK_AGAIN_DAILY = 3600.0
SEARCH = "search"
OWN_LIMITS = {SEARCH: OwnLimit(4, 1.0)}
"""HubSpot says five searches a second, its older pages four; at five, one late call makes six within a second."""
RESERVE = 0.03


class Allowance:
    """What was heard last; one per client, safe to be told by several threads because it swaps one frozen value."""

    def __init__(self) -> None:
        self.budget = Budget()
        self.zone: str | None = None
        """Time zone of the portal, at whose midnight the daily allowance is renewed; None until account details are read."""

    def hear(self, headers: Mapping[str, str]) -> None:
        heard: dict[str, float] = {}
        for name, text in headers.items():
            word = name.lower()
            if not word.startswith(HEADER) or not text.isdigit():
                continue
            if (field := NAMES.get(word.removeprefix(HEADER))) is not None:
                heard[field] = int(text)
            elif word.endswith("interval-milliseconds"):
                heard["window_seconds"] = int(text) / 1000
        if "day_remaining" in heard:
            heard["day_wait"] = self._until_midnight(datetime.now(UTC))
        if "window_remaining" in heard:
            heard["window_heard"] = self.budget.window_heard + 1
        if heard:
            self.budget = replace(self.budget, **heard)  # type: ignore[arg-type]  # names and numbers as above

    def wait(self, policy: str, headers: Mapping[str, str], now: datetime | None = None) -> float:
        """Seconds until a call may pass again after a 429 under this policy."""
        if (asked := retry_after(headers)) is not None:
            return asked
        if "DAILY" in policy.upper():
            return self._until_midnight(now or datetime.now(UTC))
        return 1.0 if policy.upper() == "SECONDLY" else self.budget.window_seconds

    def _until_midnight(self, now: datetime) -> float:
        # Without the portal's time zone midnight may come at any hour, so we ask once an hour.
        try:
            zone = ZoneInfo(self.zone) if self.zone else None
        except (ZoneInfoNotFoundError, ValueError):
            zone = None
        if zone is None:
            return ASK_AGAIN_DAILY
        local = now.astimezone(zone)
        midnight = datetime.combine(local.date() + timedelta(days=1), time(), zone)
        return (midnight.astimezone(UTC) - now.astimezone(UTC)).total_seconds()
