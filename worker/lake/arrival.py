"""
What a landing is told and what it says afterwards.

Decided here: the two records. When a fact arrived is decided where it lands (`events`, `versions`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from connectors.contract import BadRow
from worker.lake.files import LakeFile


@dataclass(frozen=True, slots=True)
class Arrival:
    """
    When and how a piece lands.

    `now` is the landing time, or the instant a run pretends to be at. `first` says that this is the source's first pull or a
    backfill: events without an arrival column then count as arrived when they happened. `clock` is the real time where a run
    pretends to be at an earlier one: what is stamped between the two is no future but arrives when it says.
    """

    source: str
    now: datetime
    first: bool = False
    oldest: timedelta = timedelta(days=5 * 365)
    clock: datetime | None = None

    @property
    def latest(self) -> datetime:
        """Nothing arrives later than this."""
        return self.now if self.clock is None else max(self.now, self.clock)


@dataclass(frozen=True, slots=True)
class Brought:
    """What landed of one piece. `too_old` counts all rows older than the source allows, `bad` shows some of them."""

    files: tuple[LakeFile, ...] = ()
    new: int = 0
    duplicate: int = 0
    too_old: int = 0
    clamped: int = 0
    bad: tuple[BadRow, ...] = ()
    newest_event: datetime | None = None
    newest_arrival: datetime | None = None
