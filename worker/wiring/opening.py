"""
Settings -> engine, lake, store, connectors. The single place where objects are built.

Decided here: what belongs to a worker and in which order it is opened and closed. Not decided here: what it does (steps).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from worker.steps.tools import Progress, Tools
from worker.wiring.places import Places, existing, find

if TYPE_CHECKING:
    from settings.options import OptionTable
    from settings.root import Settings
    from worker.store.database import Store
    from worker.wiring.worker import Worker


class SeveralWorkspaces(Exception):
    """Nobody said which workspace of the store is meant."""


@functools.cache
def option_tables() -> Mapping[str, OptionTable]:
    """The options of every connector, for checking settings."""
    from connectors.registry import tables

    return {table.kind: table for table in tables()}


def read_settings(places: Places, *, secrets: bool = True) -> Settings:
    """The settings at a place, checked as a whole."""
    from settings.load import load

    return load(existing(places).settings, options=option_tables(), secrets=secrets)


def open_store(places: Places, workspace: str, *, make: bool = True) -> Store:
    """The store, with its tables: an SQLite file gets them by itself, a server is asked to be migrated."""
    from worker.store import schema
    from worker.store.database import open_store as opened

    store = opened(places.store, workspace)
    if make and not store.on_postgres and (schema.version(store) or "") < schema.HEAD:
        schema.migrate(places.store)
    schema.check(store)
    return store


def active_settings(places: Places | None = None, workspace: str | None = None, *, secrets: bool = True) -> Settings | None:
    """What was activated last in the store; None where nothing was, or the store is not there yet."""
    from settings.load import from_stored
    from worker.store import schema, versions
    from worker.store.database import open_store as opened

    where = places or find()
    store = opened(where.store, workspace or workspace_of(where))
    try:
        if schema.version(store) is None:
            return None
        with store.read() as tx:
            version = versions.active(tx)
        return from_stored(version.text, options=option_tables(), secrets=secrets) if version else None
    finally:
        store.close()


def workspace_of(places: Places) -> str:
    """PQL_WORKSPACE, else the only one in the store, else the one of the settings at hand."""
    import os

    named = os.environ.get("PQL_WORKSPACE")
    if named:
        return named
    known = _workspaces(places)
    if len(known) == 1:
        return known[0]
    if places.settings.exists():
        return read_settings(places, secrets=False).workspace
    if known:
        raise SeveralWorkspaces(f"The store holds several workspaces ({', '.join(known)}). Name one in PQL_WORKSPACE.")
    return "default"


def _workspaces(places: Places) -> list[str]:
    from worker.store import schema, versions
    from worker.store.database import open_store as opened

    store = opened(places.store)
    try:
        if schema.version(store) is None:
            return []
        with store.read() as tx:
            return versions.workspaces(tx)
    finally:
        store.close()


def open(
    settings: Settings,
    places: Places | None = None,
    *,
    progress: Progress | None = None,
    stopping: Callable[[], bool] | None = None,
    now: Callable[[], datetime] | None = None,
) -> Worker:
    """A worker on these settings. Close it, or use it as a context manager."""
    from connectors import registry
    from worker.engine import Engine
    from worker.lake import Lake
    from worker.wiring.limiters import Limiters
    from worker.wiring.worker import Worker

    where = places or find()
    given = {"progress": progress, "stopping": stopping, "now": now}
    root = where.settings if where.settings.is_dir() else where.settings.parent
    tools = Tools(
        settings=settings,
        store=open_store(where, settings.workspace),
        lake=Lake(where.lake, settings.workspace),
        engine=Engine(where.threads, where.memory),
        sources={name: registry.source(spec, **_more(spec.kind, root)) for name, spec in settings.sources.items()},
        crms={name: registry.crm(spec) for name, spec in settings.destinations.items()},
        **{name: value for name, value in given.items() if value is not None},  # type: ignore[arg-type]  # each under its own name
    )
    return Worker(tools, Limiters(tools, where.broker))


def _more(kind: str, root: Path) -> dict[str, object]:
    """Relative paths in settings start where the settings stand."""
    return {"root": root} if kind == "files" else {}
