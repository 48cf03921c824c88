"""
May what a run wrote into a field be taken back? Pure.

Decided here: which value stood there before the run, and that it comes back only where the CRM still holds what this run was
the last to write. Not decided here: reading the CRM, and the write itself, which asks the three-way rule once more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from connectors.contract import Value
from worker.core.threeway import NOT_KNOWN, Known, same


class Left(StrEnum):
    """Why something stays as it is."""

    PEOPLE = "changed_by_people"
    LATER_RUN = "changed_by_later_run"
    NOT_KNOWN_BEFORE = "not_known_before"
    GONE = "record_gone"
    CREATED = "created_by_run"
    NO_FIELD = "field_gone"


@dataclass(frozen=True, slots=True)
class Written:
    """One value that was sent for a field. `sure`: the CRM acknowledged it; else nobody could prove that it arrived."""

    sent: Value
    replaced: Known = NOT_KNOWN
    sure: bool = True


@dataclass(frozen=True, slots=True)
class Past:
    """
    What happened to one field: the writes of the run, those that came after them, and whether this undo restored it before.

    `acknowledged` is what the CRM last echoed, `reformatted` what had been sent where its echo has another form.
    """

    writes: tuple[Written, ...]
    later: tuple[Written, ...] = ()
    undone: bool = False
    acknowledged: Known = NOT_KNOWN
    reformatted: Known = NOT_KNOWN


@dataclass(frozen=True, slots=True)
class Restore:
    """Write `before`, which this run replaced."""

    before: Value


@dataclass(frozen=True, slots=True)
class Stands:
    """The field holds already what it held before the run."""


Judgement = Restore | Stands | Left


def judge(past: Past, current: Value) -> Judgement:
    """What undoing the run means for a field that holds `current`."""
    writes = _arrived(past, current)
    before = _before(writes or past.writes)
    if before is not NOT_KNOWN and same(current, before):
        return Stands()
    if any(one.sure or same(current, one.sent) for one in past.later):
        return Left.LATER_RUN
    if past.undone or not writes or not _holds(past, current, writes[-1].sent):
        return Left.PEOPLE
    return Left.NOT_KNOWN_BEFORE if before is NOT_KNOWN else Restore(before)


def _arrived(past: Past, current: Value) -> Sequence[Written]:
    """The writes without those at the end that did not arrive, as far as the present value tells."""
    writes = list(past.writes)
    while writes and not writes[-1].sure and not _holds(past, current, writes[-1].sent):
        writes.pop()
    return writes


def _holds(past: Past, current: Value, sent: Value) -> bool:
    """Whether the field holds what was sent, be it in the form that the CRM gave it."""
    return same(current, sent) or (same(current, past.acknowledged) and same(sent, past.reformatted))


def _before(writes: Sequence[Written]) -> Known:
    """What the last write replaced; where that was an earlier write of the same run, what that one replaced, and so on."""
    before = writes[-1].replaced
    for one in reversed(writes[:-1]):
        if same(before, one.sent):
            before = one.replaced
        elif one.sure:
            return before
        # else it did not arrive, as far as the later one tells
    return before
