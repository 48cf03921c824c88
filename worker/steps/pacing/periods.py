"""
How long things are held and waited for around a call: variables of the environment, each with a floor.

Decided here: the defaults, which are the floors too, and that they may be shortened only where PQL_TESTING=1. After a kill,
work goes on within lease + sweep + 2 s. The visibility timeout of the broker stands here too, since it has a floor of the
same kind. They are no keys of the settings: all processes of an installation need the same ones, whatever workspace they
serve.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Self


class BadPeriod(ValueError):
    """A period that is no number, or below its floor."""


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
        floors: dict[str, float] = {one.name: one.default for one in fields(self)}  # type: ignore[misc]  # each has one
        for name, floor in floors.items():
            _above(variable(name), getattr(self, name), floor)
        if self.lease <= self.call + self.margin:
            raise BadPeriod(
                f"A lease of {self.lease:g} s cannot outlast a call of {self.call:g} s and {self.margin:g} s to spare. "
                "Raise PQL_LEASE, or lower PQL_CALL."
            )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """The defaults, or what PQL_LEASE, PQL_SWEEP, PQL_UNKNOWN_WAIT, PQL_CALL and PQL_MARGIN say; BadPeriod below one."""
        said = {one.name: environment.get(variable(one.name)) for one in fields(cls)}
        return cls(**{name: _seconds(variable(name), value) for name, value in said.items() if value})


VISIBILITY = 1800
"""Seconds until Redis delivers a message again that nobody acknowledged: far above the longest one, which takes 840."""


def visibility(environment: Mapping[str, str] = os.environ) -> int:
    """PQL_VISIBILITY, else the floor; BadPeriod below it."""
    said = environment.get("PQL_VISIBILITY")
    seconds = _seconds("PQL_VISIBILITY", said) if said else float(VISIBILITY)
    _above("PQL_VISIBILITY", seconds, VISIBILITY)
    return int(seconds)


def visibility_or_floor() -> int:
    """The same for whoever only imports: a bad value is refused when something starts."""
    try:
        return visibility()
    except BadPeriod:
        return VISIBILITY


def variable(name: str) -> str:
    """The environment variable of a period."""
    return f"PQL_{name.upper()}"


def _seconds(name: str, text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not math.isfinite(seconds):
        raise BadPeriod(f"{name} is {text!r}, and no number of seconds. Write one, or unset it.")
    return seconds


def _above(name: str, seconds: float, floor: float) -> None:
    if seconds < floor and os.environ.get("PQL_TESTING") != "1":
        raise BadPeriod(f"{name} is {seconds:g} s, below its floor of {floor:g} s. Raise it, or unset it.")
