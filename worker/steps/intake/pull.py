"""
Pull: what is new at the sources lands in the lake.

Decided here: one pull per source at a time (a lease, checked again in the very transaction that lists the files); each piece
is its own transaction of files, rows set aside and cursor, so a crash costs at most one piece, which lands again; a stream
counts as pulled only when it was read to its end. Not decided here: how a source is read (connectors), what is new (lake).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime

from connectors.contract import BadRow, Pulled, Source, Stream
from connectors.errors import ConnectorError, TryLater
from settings.sources import SourceSpec
from worker.lake import Arrival, Brought, Lake, land
from worker.steps.holding import SECONDS, held
from worker.steps.listing import as_lake_files, as_listed
from worker.steps.report import SourceCounts
from worker.store import landing, leases
from worker.store.database import Store

_RECENT = 0.2  # weight of the newest pull in the usual number of rows


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a stream is: rows read in this pull, rows a second, rows in all where the source knows."""

    source: str
    stream: Stream
    rows: int
    rate: float
    expected: int | None


def _nobody(_: Progress) -> None:
    """Nobody watches."""


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Pulling:
    """
    What all pulls of a run share.

    `now` is the landing time, or the instant the run pretends to be at. `stop` is asked between pieces. `backfill` lands
    events without an arrival column as if they had arrived when they happened.
    """

    store: Store
    lake: Lake
    now: datetime
    run_id: str | None = None
    backfill: bool = False
    progress: Callable[[Progress], None] = _nobody
    stop: Callable[[], bool] = _never
    clock: datetime | None = None
    """The real time, where `now` is an instant before it."""


@dataclass(slots=True)
class Result:
    """What each source brought, what went wrong with which, and whether somebody said stop."""

    counts: dict[str, SourceCounts] = field(default_factory=dict)
    clamped: dict[str, int] = field(default_factory=dict)
    """Events stamped in the future, which count as having happened when they arrived."""
    problems: dict[str, ConnectorError] = field(default_factory=dict)
    interrupted: bool = False


def pull(sources: Mapping[str, tuple[SourceSpec, Source]], pulling: Pulling) -> Result:
    """Pull every source; the trouble of one does not keep the others from landing."""
    result = Result()
    for name, (spec, source) in sources.items():
        try:
            finished = pull_source(name, spec, source, pulling, result)
        except ConnectorError as problem:
            result.problems[name] = problem
            continue
        if not finished:
            result.interrupted = True
            break
    return result


def pull_source(name: str, spec: SourceSpec, source: Source, pulling: Pulling, result: Result) -> bool:
    """Pull the streams of one source and add to `result`; False where somebody said stop."""
    counts = result.counts.setdefault(name, SourceCounts())
    started = time.monotonic()
    try:
        with held(pulling.store, f"pull:{name}") as fence:
            for stream in source.streams:
                landing_of = _Landing(name, spec, stream, pulling, fence)
                finished = landing_of.run(source, counts)
                result.clamped[name] = result.clamped.get(name, 0) + landing_of.clamped
                if not finished:
                    return False
    finally:
        counts.seconds = round(counts.seconds + time.monotonic() - started, 3)
    return True


class _Landing:
    """One stream of one source on its way into the lake."""

    def __init__(self, name: str, spec: SourceSpec, stream: Stream, pulling: Pulling, fence: int) -> None:
        self._name, self._stream, self._pulling, self._fence = name, stream, pulling, fence
        with pulling.store.read() as tx:
            self._known = as_lake_files(landing.files(tx, source=name))
            self._cursor = landing.cursor(tx, name, stream) or landing.Cursor(None)
        first = self._cursor.cursor is None or self._cursor.pulled_at is None
        self._first = first
        self._arrival = Arrival(name, pulling.now, first or pulling.backfill, spec.oldest.delta, pulling.clock)
        self._rows = self._new = self.clamped = 0

    def run(self, source: Source, counts: SourceCounts) -> bool:
        """Land piece after piece; False where somebody said stop."""
        started = time.monotonic()
        pieces = source.pull(self._stream, self._cursor.cursor, self._pulling.now)
        with closing(pieces):  # type: ignore[type-var]  # a pull is a generator: closing it lets go of files and connections
            for pulled in pieces:
                self._land(pulled, counts)
                seconds = max(time.monotonic() - started, 1e-6)
                self._pulling.progress(Progress(self._name, self._stream, self._rows, self._rows / seconds, pulled.expected))
                if self._pulling.stop():
                    return False
        self._finish()
        return True

    def _land(self, pulled: Pulled, counts: SourceCounts) -> None:
        brought = land(self._pulling.lake, pulled, self._arrival, self._known)
        self._rows += len(pulled.rows) + len(pulled.bad)
        self._new += brought.new
        self.clamped += brought.clamped
        cursor = replace(
            self._cursor,
            cursor=pulled.cursor,
            newest_event=_later(self._cursor.newest_event, brought.newest_event),
            newest_arrival=_later(self._cursor.newest_arrival, brought.newest_arrival),
        )
        self._commit(cursor, brought, (*pulled.bad, *brought.bad))
        self._known += brought.files
        counts.read += len(pulled.rows) + len(pulled.bad)
        counts.new += brought.new
        counts.duplicate += brought.duplicate
        counts.quarantined += len(pulled.bad) + brought.too_old

    def _finish(self) -> None:
        """The stream was read to its end: it is as fresh as now."""
        before = self._cursor.usual_rows
        usual = self._new if before is None else (1 - _RECENT) * before + _RECENT * self._new
        cursor = replace(
            self._cursor,
            pulled_at=self._pulling.now,
            last_rows=self._new,
            usual_rows=None if self._first else usual,  # a first pull brings years and says nothing about the usual
        )
        self._commit(cursor, Brought(), ())

    def _commit(self, cursor: landing.Cursor, brought: Brought, bad: Sequence[BadRow]) -> None:
        run_id = self._pulling.run_id
        files = as_listed(brought.files, run_id)
        rows = [landing.Bad(row.where, row.reason, row.raw) for row in bad]
        with self._pulling.store.write() as tx:
            if not leases.extend(tx, f"pull:{self._name}", self._fence, SECONDS):
                raise TryLater(f"Another process took over the pull of {self._name}. It will land what is left.")
            landing.landed(tx, landing.Landed(self._name, self._stream, cursor, files, rows, run_id))
        self._cursor = cursor


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max((moment for moment in (one, other) if moment), default=None)
