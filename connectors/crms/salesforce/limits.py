"""
What Salesforce's answers say about the allowance.

Decided here: which header counts, and how long to wait after a refusal for want of calls. Salesforce has a rolling day
and no limit per second, so the window of the budget stays empty. Not decided here: who waits (the limiter of the
store).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from connectors.contract import Budget

HEADER = "sforce-limit-info"
DAILY_WAIT = 900.0
"""The day rolls: calls come back little by little, so asking again after a quarter of an hour is soon enough."""
CONCURRENT_WAIT = 10.0
RESERVE = 0.2
"""An org's day is small and shared with everything that is connected to it."""
_USAGE = re.compile(r"(?:^|[;,\s])api-usage=(\d+)/(\d+)")


class Allowance:
    """What was heard last; safe to be told by several threads because it swaps one frozen value."""

    def __init__(self) -> None:
        self.budget = Budget()

    def hear(self, headers: Mapping[str, str]) -> None:
        text = next((value for name, value in headers.items() if name.lower() == HEADER), "")
        if (found := _USAGE.search(text)) is not None:
            used, most = int(found[1]), int(found[2])
            self.budget = Budget(day_calls=most, day_remaining=max(0, most - used), day_wait=DAILY_WAIT)
