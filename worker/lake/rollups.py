"""
The cache of folded days: which are there, which must be folded again, which files a reader takes.

Decided here: a folded day is good for exactly the event files it was folded from (a hash of their names stays with it), so
late events, a restored lake or an erasure need no bookkeeping; a column that a day lacks is folded alone and stands in a
file of its own; a day is used for an instant only if all its events had arrived by then. Not decided here: what a column
is, how a day is folded (the core and the engine).

Facts of an event file: `days` {day: [rows, last arrival in microseconds]}. Facts of a roll-up: `days` {day: inputs},
`columns` [key]. Days are numbers since 1970-01-01.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from worker.lake.files import LakeFile

ROWS_AT_ONCE = 3_000_000
ROW = "last_at"
"""Stands for the row itself, so that a day without any wanted column is folded too."""


@dataclass(frozen=True, slots=True)
class Day:
    """The events of one UTC day: in which files, how many, when the last of them arrived (microseconds)."""

    number: int
    files: tuple[LakeFile, ...]
    rows: int
    last_arrival: int

    @property
    def inputs(self) -> str:
        """The hash that says from which files a fold of this day was made."""
        names = "\n".join(sorted(file.path for file in self.files))
        return hashlib.sha256(names.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of days to fold together: these columns of these days from these event files."""

    days: tuple[Day, ...]
    columns: frozenset[str]

    @property
    def files(self) -> list[LakeFile]:
        return list({file.path: file for day in self.days for file in day.files}.values())


@dataclass(frozen=True, slots=True)
class Part:
    """What a reader takes of one roll-up file: these columns of these days; None for all days in it."""

    file: LakeFile
    columns: tuple[str, ...]
    days: tuple[int, ...] | None


def days_of(events: Iterable[LakeFile]) -> dict[int, Day]:
    """All days that have events, by number, in order."""
    files: dict[int, list[LakeFile]] = defaultdict(list)
    counts: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for file in events:
        for day, (rows, last) in file.facts["days"].items():
            files[int(day)].append(file)
            counts[int(day)].append((rows, last))
    return {
        day: Day(day, tuple(files[day]), sum(rows for rows, _ in counts[day]), max(last for _, last in counts[day]))
        for day in sorted(files)
    }


def to_fold(days: Iterable[Day], folded: Sequence[LakeFile], columns: Collection[str]) -> Iterator[Piece]:
    """What must be folded so that all `days` have all `columns`, in runs small enough for memory."""
    wanted, has = frozenset((ROW, *columns)), _columns_by_day(folded)
    run: list[Day] = []
    lacking: frozenset[str] = frozenset()
    for day in days:
        missing = wanted - has.get((day.number, day.inputs), frozenset())
        if run and (missing != lacking or sum(one.rows for one in run) + day.rows > ROWS_AT_ONCE):
            yield Piece(tuple(run), lacking)
            run = []
        if missing:
            run.append(day)
        lacking = missing
    if run:
        yield Piece(tuple(run), lacking)


def to_read(days: Iterable[Day], folded: Sequence[LakeFile], columns: Collection[str]) -> tuple[list[Part], list[Day]]:
    """The parts of roll-up files that give each day each column exactly once, and the days that are not there in full."""
    wanted, has = frozenset((ROW, *columns)), _columns_by_day(folded)
    listed = list(days)
    there = {day.number: day for day in listed if wanted <= has.get((day.number, day.inputs), frozenset())}
    given: dict[int, set[str]] = defaultdict(set)
    parts = [part for file in reversed(folded) for part in _parts(file, there, wanted, given)]
    return parts, [day for day in listed if day.number not in there]


def outdated(folded: Iterable[LakeFile], days: dict[int, Day]) -> list[LakeFile]:
    """Roll-up files of which no day is good any more."""
    return [file for file in folded if not _good_days(file, days)]


def arrived_by(days: Iterable[Day], as_of: datetime) -> tuple[list[Day], list[Day]]:
    """The days before the day of `as_of` whose events had all arrived by then, and the others up to it."""
    instant = int(as_of.astimezone(UTC).timestamp() * 1_000_000)
    today = instant // 86_400_000_000
    up_to = [day for day in days if day.number <= today]
    whole = [day for day in up_to if day.number < today and day.last_arrival <= instant]
    numbers = {day.number for day in whole}
    return whole, [day for day in up_to if day.number not in numbers]


def runs(days: Sequence[Day], every: Collection[int]) -> Iterator[list[Day]]:
    """`days` cut where another day of `every` lies between, so that a run is a range and nothing else is in it."""
    order = {number: place for place, number in enumerate(sorted(every))}
    run: list[Day] = []
    for day in sorted(days, key=lambda one: one.number):
        if run and order[day.number] != order[run[-1].number] + 1:
            yield run
            run = []
        run.append(day)
    if run:
        yield run


def _columns_by_day(folded: Iterable[LakeFile]) -> dict[tuple[int, str], frozenset[str]]:
    found: dict[tuple[int, str], frozenset[str]] = {}
    for file in folded:
        columns = frozenset(file.facts["columns"])
        for day, inputs in file.facts["days"].items():
            key = (int(day), inputs)
            found[key] = found.get(key, frozenset()) | columns
    return found


def _good_days(file: LakeFile, days: dict[int, Day]) -> list[int]:
    return [int(day) for day, inputs in file.facts["days"].items() if int(day) in days and days[int(day)].inputs == inputs]


def _parts(file: LakeFile, there: dict[int, Day], wanted: frozenset[str], given: dict[int, set[str]]) -> Iterator[Part]:
    """What this file still has to give: days that lack the same columns go together."""
    by_columns: dict[frozenset[str], list[int]] = defaultdict(list)
    for day in _good_days(file, there):
        news = (wanted & frozenset(file.facts["columns"])) - given[day]
        if news:
            by_columns[news].append(day)
            given[day] |= news
    for columns, numbers in by_columns.items():
        every = len(numbers) == len(file.facts["days"])
        yield Part(file, tuple(sorted(columns - {ROW})), None if every else tuple(numbers))
