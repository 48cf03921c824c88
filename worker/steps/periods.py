"""
How long things are held and waited for around a call; settings with a floor.

Decided here: the defaults, and that they may be shortened only where PQL_TESTING=1. After a kill, work goes on within
lease + sweep + 2 s.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from typing import Self


@dataclass(frozen=True, slots=True)
class Periods:
    """
    Seconds.

    `lease`: how long a batch is held. `sweep`: between two sweeps. `unknown_wait`: between an unproved send and a second
    one. `call`: the longest a call may take; a call is begun only while the lease outlasts it by `margin`.
    """

    lease: float = 120.0
    sweep: float = 30.0
    unknown_wait: float = 60.0
    call: float = 36.0
    margin: float = 5.0

    def __post_init__(self) -> None:
        if self.lease <= self.call + self.margin:
            raise ValueError(
                f"A lease of {self.lease} s cannot outlast a call of {self.call} s and {self.margin} s to spare."
            )
        floors = {one.name: one.default for one in fields(self)}
        short = [name for name, floor in floors.items() if getattr(self, name) < floor]
        if short and os.environ.get("PQL_TESTING") != "1":
            raise ValueError(f"{', '.join(short)}: shorter than the floor. Only tests may shorten it (PQL_TESTING=1).")

    @classmethod
    def from_environment(cls) -> Self:
        """The defaults, or what PQL_LEASE, PQL_SWEEP, PQL_UNKNOWN_WAIT, PQL_CALL and PQL_MARGIN say."""
        said = {one.name: os.environ.get(f"PQL_{one.name.upper()}") for one in fields(cls)}
        return cls(**{name: float(value) for name, value in said.items() if value})
