"""
How long things are held and waited for around a call: variables of the environment, each with a floor.

Decided here: the defaults, which are the floors too, and that they may be shortened only where PQL_TESTING=1. After a kill,
work goes on within lease + sweep + 2 s. They are no keys of the settings: all processes of an installation need the same
ones, whatever workspace they serve.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from typing import Self


class BadPeriod(ValueError):
    """A period that is no number, or shorter than its floor: which, and what to write."""


@dataclass(frozen=True, slots=True)
class Periods:
    """
    Seconds.

    `lease`: how long a batch is held. `sweep`: between two sweeps. `unknown_wait`: between an unproved send and a second
    one. `call`: the longest a call may take; a call is begun only while the lease outlasts it by `margin`. `visibility`:
    until Redis delivers a message again that nobody acknowledged.
    """

    lease: float = 120.0
    sweep: float = 30.0
    unknown_wait: float = 60.0
    call: float = 36.0
    margin: float = 5.0
    visibility: float = 1800.0

    def __post_init__(self) -> None:
        if self.lease <= self.call + self.margin:
            raise BadPeriod(
                f"A lease of {self.lease:g} s cannot outlast a call of {self.call:g} s and {self.margin:g} s to spare. "
                "Make PQL_LEASE longer."
            )
        short = [(one.name, one.default) for one in fields(self) if getattr(self, one.name) < one.default]
        if short and os.environ.get("PQL_TESTING") != "1":
            said = ", ".join(f"{_variable(name)} is at least {floor:g} s" for name, floor in short)
            raise BadPeriod(f"{said}. Write more, or leave it out; only tests may shorten it (PQL_TESTING=1).")

    @classmethod
    def from_environment(cls) -> Self:
        """The defaults, or what PQL_LEASE, PQL_SWEEP, PQL_UNKNOWN_WAIT, PQL_CALL, PQL_MARGIN and PQL_VISIBILITY say."""
        said = {one.name: os.environ.get(_variable(one.name)) for one in fields(cls)}
        return cls(**{name: _seconds(name, value) for name, value in said.items() if value})


def _variable(name: str) -> str:
    return f"PQL_{name.upper()}"


def _seconds(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise BadPeriod(f"{_variable(name)} is {text!r}, which is no number of seconds. Write one such as 180.") from None
