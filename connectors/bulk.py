"""
The contract of bulk jobs: what a CRM fulfils that takes changes as a file and works it off in its own time.

Decided here: the steps of a job and what each of them may leave behind. A job that was made and not closed has no effect,
whatever was uploaded; a closed one is worked off whether we look or not. So the job is what tells whether a write arrived:
it is asked, and never is a second one made for rows of which nobody knows. Not decided here: when rows go into a job, who
holds them meanwhile (the worker), how a file looks (the vendor's folder).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from connectors.contract import Change, Receipt


class JobState(StrEnum):
    """Where a job stands."""

    OPEN = "open"
    """It was not closed: nothing of it was or will be written."""
    WORKING = "working"
    """It was closed, and is waiting for its turn or being worked off."""
    DONE = "done"
    FAILED = "failed"
    """It ended before all rows were looked at; some may have been written."""
    ABORTED = "aborted"
    """Somebody ended it; some rows may have been written if it had been closed."""
    GONE = "gone"
    """The CRM knows it no more, and with it what became of its rows."""


@dataclass(frozen=True, slots=True)
class Job:
    """A job as the CRM tells of it; `says` is its sentence where it failed."""

    id: str
    state: JobState
    says: str = ""
    processed: int = 0
    refused: int = 0


@dataclass(frozen=True, slots=True)
class Sheet:
    """
    A piece of a file: its columns, and the lines without a head.

    `receipts` answer rows that never go out (a value the CRM cannot keep, a record that moved). `unfit` are keys of rows
    that a file cannot say and a call can.
    """

    columns: tuple[str, ...] = ()
    lines: bytes = b""
    receipts: tuple[Receipt, ...] = ()
    unfit: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Told:
    """
    What a job says of its rows, by record id: taken, refused and why, left unprocessed.

    `complete` is False where the files hold fewer rows than the job counted: they are to be read again.
    """

    taken: frozenset[str] = frozenset()
    refused: Mapping[str, str] = field(default_factory=dict)
    left: frozenset[str] = frozenset()
    complete: bool = True


class Bulk(Protocol):
    """Updates of records by id, many in one file. Each method is one call or a few; none waits, repeats or sleeps."""

    above: int
    """More due updates of one object than this are worth a job; 0 begins none."""
    most_rows: int
    """Rows in one file at most."""
    most_bytes: int
    """Bytes of one file at most, so that its upload fits into the time of a call."""

    def calls(self, object: str, rows: int) -> int:
        """The fewest calls of a job of so many rows."""
        ...

    def sheet(self, object: str, changes: Sequence[Change]) -> Sheet:
        """
        Lines for these updates, all with the same fields; may ask first which records have moved.

        Raises ValueError where the fields differ: a row must never say anything of a field that it does not carry.
        """
        ...

    def open(self, object: str, trace: str) -> str:
        """Make a job and return its id. Unknown where the answer is lost: then there may be a job that has no effect."""
        ...

    def upload(self, job: str, columns: Sequence[str], lines: bytes) -> None:
        """Send the file. A job takes one; after any error the job is to be aborted."""
        ...

    def close(self, job: str) -> bool:
        """
        Have it worked off; False where the CRM says that this job cannot be: closed before, over, or without its file.

        Closing it again does no harm; which of these it is tells `look`.
        """
        ...

    def abort(self, job: str) -> None:
        """End it; what was written stays written. Does nothing to a job that is over."""
        ...

    def look(self, job: str) -> Job: ...

    def told(self, job: Job) -> Told:
        """What became of the rows of a job that is over."""
        ...

    def receipts(self, object: str, changes: Sequence[Change], told: Told) -> Sequence[Receipt]:
        """One receipt per change, matched by record id. A row that nothing is said of is Unknown."""
        ...
