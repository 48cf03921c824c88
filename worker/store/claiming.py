"""What claims of records and of intents have in common: who holds, how long, and how poison is found."""

from __future__ import annotations

from dataclasses import dataclass

BLIND_AT_MOST = 5
"""Attempts in which the process died; a row that was in all of them is dead."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Who claims how many rows for how many seconds."""

    limit: int
    owner: str
    seconds: float


def share(limit: int, blind: int) -> int:
    """
    How many rows to take along with one whose process died `blind` times: ever fewer, then none.

    >>> [share(100, blind) for blind in range(5)]
    [100, 25, 6, 1, 1]
    """
    return max(1, limit >> (2 * blind))
