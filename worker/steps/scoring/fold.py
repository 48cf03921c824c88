"""
Fold: whole days of events become roll-up rows, once; and what a score reads at an instant.

Decided here: days before that of the instant are folded and kept, in runs that fit into memory, by one process at a time;
the day of the instant, and days some of whose events arrived later, are folded fresh for each reader. Not decided here: what
a row of the roll-up is (the core), which folded days are still good (the lake).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from connectors.errors import TryLater
from worker.core import identity, rollup
from worker.core.frame import Inputs
from worker.core.instants import AsOf, Instant, day_number
from worker.core.rollup import Days, RollupColumn
from worker.engine import Recipe
from worker.lake import LakeFile, rollups
from worker.steps.holding import SECONDS, held
from worker.steps.listing import as_lake_files, as_listed
from worker.store import landing, leases

if TYPE_CHECKING:
    from settings.root import Settings
    from worker.steps.tools import Tools

LEASE = "fold"
EVERYONE = "all"
"""The name that stands for the sources in the place of a roll-up: it is made of all of them."""
_EVER = datetime(9999, 1, 1, tzinfo=UTC)
_KINDS = {"text": "string", "number": "float64", "flag": "boolean", "moment": "timestamp('UTC', 6)"}
_USERS = {"source": "string", "user_id": "string", "email": "string", "account_id": "string"}
_USERS |= {"signed_up": _KINDS["moment"], "arrived": _KINDS["moment"]}
_ACCOUNTS = {"source": "string", "account_id": "string", "name": "string", "domain": "string", "plan": "string"}
_ACCOUNTS |= {"trial_ends": _KINDS["moment"], "arrived": _KINDS["moment"]}
_ROLLUP = {"user": "string", "account": "string", "day": "int32", "last_at": _KINDS["moment"]}
_SIDE = {"user": "string", "account": "string", "column": "string", "day": "int32", "value": "string"}
_SIDE |= {"last_plus": _KINDS["moment"], "last_minus": _KINDS["moment"]}
Folded = Literal["rollup", "side"]


def fold(tools: Tools, as_of: datetime, run_id: str | None = None) -> int:
    """Fold what is missing of the days before that of `as_of`; how many days. A reader works without, only slower."""
    done = 0
    today = day_number(as_of)
    with held(tools.store, LEASE) as fence:
        for kind in _kinds(tools.settings):
            work = _Work(tools, kind, fence, run_id)
            pieces = list(rollups.to_fold((day for day in work.days.values() if day.number < today), work.folded, work.keys))
            all_days = sum(len(piece.days) for piece in pieces)
            for piece in pieces:
                if tools.stopping():
                    return done
                work.fold(piece)
                done += len(piece.days)
                tools.progress("fold", done, all_days)
            work.forget_outdated()
    return done


def _kinds(settings: Settings) -> tuple[Folded, ...]:
    return ("rollup", "side") if rollup.side_columns(settings) else ("rollup",)


class _Work:
    """One kind of roll-up: what is listed, and how a piece of it is made."""

    def __init__(self, tools: Tools, kind: Folded, fence: int, run_id: str | None) -> None:
        self._tools, self._kind, self._fence, self._run_id = tools, kind, fence, run_id
        self._columns = {column.key: column for column in _wanted(tools.settings, kind)}
        self.keys = tuple(self._columns)
        with tools.store.read() as tx:
            self.days = rollups.days_of(as_lake_files(landing.files(tx, "events")))
            self.folded = as_lake_files(landing.files(tx, kind))

    def fold(self, piece: rollups.Piece) -> None:
        wanted = [self._columns[key] for key in self.keys if key in piece.columns]
        span = Days(piece.days[0].number, piece.days[-1].number)
        rows = _folded(_events(self._tools, piece.files, wanted), self._kind, wanted, _EVER, span)
        write: Callable[[Path], None] = lambda path: self._tools.engine.to_parquet(rows, path)  # noqa: E731 (one use)
        path, size = self._tools.lake.write_with(self._kind, EVERYONE, write)
        facts = {"days": {str(day.number): day.inputs for day in piece.days}, "columns": sorted(piece.columns)}
        self._list([LakeFile(EVERYONE, self._kind, path, self._tools.lake.rows(path), size, facts=facts)], [])

    def forget_outdated(self) -> None:
        """Take files off the list that no reader can use any more."""
        gone = rollups.outdated(self.folded, self.days)
        if gone:
            self._list([], [file.path for file in gone])

    def _list(self, new: Sequence[LakeFile], old: Sequence[str]) -> None:
        with self._tools.store.write() as tx:
            if not leases.extend(tx, LEASE, self._fence, SECONDS):
                raise TryLater("Another process took over folding. It will fold what is left.")
            landing.replace_files(tx, old, as_listed(new, self._run_id))


# ---------------------------------------------------------------------------------------------------- reading


@dataclass(frozen=True, slots=True)
class Source:
    """One table that a roll-up is put together from: kept days, or events to be folded as they are read."""

    table: str
    columns: tuple[str, ...] = ()
    days: tuple[int, ...] | None = None
    """The kept days that count; None for all of them."""
    span: Days | None = None
    """The days to fold; None where they are folded already."""


@dataclass(frozen=True, slots=True)
class Form:
    """What decides, beside the settings and the columns of its tables, how the lake is read: no file, no time of day."""

    day: int
    rollup: tuple[Source, ...]
    side: tuple[Source, ...]


@dataclass(frozen=True)
class Given:
    """What a score reads: tables of the lake and their form, and a hash that changes whenever something else has landed."""

    settings: Settings
    as_of: datetime
    form: Form
    tables: Mapping[str, Any]
    landed: str
    folded_days: int
    fresh_days: int

    @cached_property
    def inputs(self) -> Inputs:
        """The same for a frame."""
        return inputs(self.settings, self.form, self.tables, self.as_of)


def scoring_input(tools: Tools, as_of: datetime) -> Given:
    """The tables a score reads at `as_of`; everything but the mirror."""
    with tools.store.read() as tx:
        listed = as_lake_files(landing.files(tx))
    files: dict[str, list[LakeFile]] = {kind: [] for kind in ("events", "users", "accounts", "links", "rollup", "side")}
    for file in listed:
        files[file.kind].append(file)
    engine, paths = tools.engine, tools.lake.paths
    reading = _Reading(tools, files, as_of)
    rows = reading.sources("rollup")
    side = reading.sources("side") if rollup.side_columns(tools.settings) else ()
    tables = reading.tables | {
        "users": engine.rows(paths(files["users"]), _users(tools.settings)),
        "accounts": engine.rows(paths(files["accounts"]), _accounts(tools.settings)),
    }
    form = Form(day_number(as_of), rows, side)
    if files["links"]:
        # Both roll-ups are resolved by the links, several times over.
        link = Recipe(_links, tools.settings, form.day)
        tables["links"] = engine.made(link, {"links": engine.files(paths(files["links"]))}, as_of)
    return Given(tools.settings, as_of, form, tables, _landed(listed), *reading.counts)


def _landed(listed: Iterable[LakeFile]) -> str:
    names = sorted(file.path for file in listed if file.kind not in ("rollup", "side"))
    return hashlib.sha256("\n".join(names).encode()).hexdigest()


class _Reading:
    """Which tables give the days of an instant: the cached days that are good at it, and events to fold for the others."""

    def __init__(self, tools: Tools, files: Mapping[str, Sequence[LakeFile]], as_of: datetime) -> None:
        self._tools, self._files = tools, files
        self._days = rollups.days_of(files["events"])
        self._whole, self._rest = rollups.arrived_by(self._days.values(), as_of)
        self.tables: dict[str, Any] = {}
        self.counts = (0, 0)
        """How many days of the roll-up are folded, how many are fresh."""

    def sources(self, kind: Folded) -> tuple[Source, ...]:
        """What this roll-up is put together from, under the names of `tables`."""
        engine, paths = self._tools.engine, self._tools.lake.paths
        wanted = _wanted(self._tools.settings, kind)
        parts, missing = rollups.to_read(self._whole, self._files[kind], [column.key for column in wanted])
        found: list[tuple[Source, Any]] = [
            (Source("", group.columns, group.days), engine.files(paths(group.files))) for group in _alike(parts)
        ]
        fresh = [*missing, *self._rest]
        properties = _properties(self._tools.settings, wanted)
        # The range of a fresh fold may hold no day that is read from the cache as well.
        for run in rollups.runs(fresh, self._days):
            events = engine.events(paths(rollups.Piece(tuple(run), frozenset()).files), properties)
            found.append((Source("", span=Days(run[0].number, run[-1].number)), events))
        if not found:
            found = [(Source(""), engine.rows([], _ROLLUP if kind == "rollup" else _SIDE))]
        if kind == "rollup":
            self.counts = (len(self._whole) - len(missing), len(fresh))
        named = {f"{kind}_{place}": table for place, (_, table) in enumerate(found)}
        self.tables |= named
        return tuple(replace(source, table=name) for name, (source, _) in zip(named, found, strict=True))


@dataclass(frozen=True, slots=True)
class _Group:
    """Parts that can be read as one: whole files with the same columns, or one file of which some days count."""

    files: tuple[LakeFile, ...]
    columns: tuple[str, ...]
    days: tuple[int, ...] | None


def _alike(parts: Iterable[rollups.Part]) -> list[_Group]:
    whole: dict[tuple[str, ...], list[LakeFile]] = {}
    groups = []
    for part in parts:
        if part.days is None:
            whole.setdefault(part.columns, []).append(part.file)
        else:
            groups.append(_Group((part.file,), part.columns, part.days))
    return [_Group(tuple(files), columns, None) for columns, files in whole.items()] + groups


# ------------------------------------------------------------------------------ from tables to inputs


def inputs(settings: Settings, form: Form, tables: Mapping[str, Any], as_of: AsOf) -> Inputs:
    """The inputs of a frame as expressions over the lake's tables. Nothing is read here."""
    rows = [_piece(settings, "rollup", source, tables[source.table], as_of) for source in form.rollup]
    side = [_piece(settings, "side", source, tables[source.table], as_of) for source in form.side]
    return Inputs(
        rollup=rollup.together(rows, rollup.columns(settings)),
        side=_union(side) if side else None,
        users=_cast(tables["users"], _users(settings)),
        accounts=_cast(tables["accounts"], _accounts(settings)),
        identity=tables.get("links"),
    )


def _piece(settings: Settings, kind: Folded, source: Source, table: Any, as_of: AsOf) -> Any:
    if source.span is not None:
        wanted = _wanted(settings, kind)
        folded = _folded(_cast(table, _properties(settings, wanted)), kind, wanted, as_of, source.span)
        return folded if kind == "rollup" else folded.select(*_SIDE)
    rows = table if source.days is None else table.filter(table.day.isin(source.days))
    if kind == "rollup":
        return rows.select(*_ROLLUP, *source.columns)
    return rows.filter(rows.column.isin(source.columns)).select(*_SIDE) if source.columns else rows.select(*_SIDE).limit(0)


def _links(_settings: Settings, day: int, tables: Mapping[str, Any], moment: Any) -> Any:
    return identity.links(tables["links"], Instant(day, moment))


def _wanted(settings: Settings, kind: Folded) -> tuple[RollupColumn, ...]:
    return rollup.columns(settings) if kind == "rollup" else rollup.side_columns(settings)


def _folded(events: Any, kind: Folded, wanted: Sequence[RollupColumn], as_of: AsOf, span: Days) -> Any:
    if kind == "rollup":
        return rollup.fold(events, wanted, as_of, span)
    found = rollup.side_fold(events, wanted, as_of, span)
    return found if found is not None else _nothing_of(events)


def _nothing_of(events: Any) -> Any:
    import ibis

    empty = {name: ibis.null(kind) for name, kind in _SIDE.items()}
    return events.limit(0).select(**empty)


def _events(tools: Tools, files: Sequence[LakeFile], wanted: Sequence[RollupColumn]) -> Any:
    properties = _properties(tools.settings, wanted)
    return _cast(tools.engine.events(tools.lake.paths(files), properties), properties)


def _properties(settings: Settings, wanted: Sequence[RollupColumn]) -> dict[str, str]:
    kinds = {
        kept.name: _KINDS[kept.type or "text"]
        for source in settings.sources.values()
        if source.events
        for kept in source.events.keep
    }
    return {name: kinds.get(name, "string") for name in sorted(rollup.needed_properties(wanted))}


def _cast(table: Any, kinds: Mapping[str, str]) -> Any:
    """A property declared otherwise in older files is read as it is declared now; what does not fit is null."""
    import ibis

    differ = {name: table[name].try_cast(kind) for name, kind in kinds.items() if table[name].type() != ibis.dtype(kind)}
    return table.mutate(**differ) if differ else table


def _users(settings: Settings) -> dict[str, str]:
    return _USERS | _declared(settings, "users")


def _accounts(settings: Settings) -> dict[str, str]:
    return _ACCOUNTS | _declared(settings, "accounts")


def _declared(settings: Settings, stream: Literal["users", "accounts"]) -> dict[str, str]:
    feeds = [getattr(source, stream) for source in settings.sources.values()]
    kept = [one for feed in feeds if feed for one in feed.columns]
    return {one.name: _KINDS[settings.types.get(f"{stream[:-1]}.{one.name}") or one.type or "text"] for one in kept}


def _union(tables: Sequence[Any]) -> Any:
    import ibis

    return ibis.union(*tables) if len(tables) > 1 else tables[0]
