"""What claims of records and of intents have in common: who holds, how long, and how poison is found."""

from __future__ import annotations

from dataclasses import dataclass

BLIND_AT_MOST = 5
"""Attempts in which the process died; a row that was in all of them is dead."""
UNDO = "undo-"
"""How the id begins under which rows restore what a run replaced."""


def undo_id(run_id: str) -> str:
    """The id of the undo of a run: the same for every try, so that a second one goes on where the first was stopped."""
    return f"{UNDO}{run_id}"[:32]


@dataclass(frozen=True, slots=True)
class Claim:
    """Who claims how many rows for how many seconds; with `run_id` only rows that were wanted under that id."""

    limit: int
    owner: str
    seconds: float
    run_id: str | None = None


def share(limit: int, blind: int) -> int:
    """
    How many rows to take along with one whose process died `blind` times: ever fewer, then none.

    >>> [share(100, blind) for blind in range(5)]
    [100, 25, 6, 1, 1]
    """
    return max(1, limit >> (2 * blind))
