"""
What settings would make of the usage data: how many users pass each gate, how many match in the CRM.

Decided here: everything is pulled into a lake and a store that are thrown away, so that nothing is left behind; a CRM is
read and never written to; one that cannot be reached is named and left out.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from worker.cli import output
from worker.cli.asked import Asked

if TYPE_CHECKING:
    from worker.cli.looking import Usage
    from worker.wiring.worker import Worker

RECENT = timedelta(days=2)
STAND_IN = {"TOKEN": "not-set", "BASE_URL": "http://127.0.0.1:9"}


@dataclass(slots=True)
class Preview:
    """Users, users per gate (each after the ones before it), matches by CRM, and why a CRM was not asked."""

    as_of: datetime
    users: int
    gates: Mapping[str, int]
    matches: dict[str, dict[str, int]] = field(default_factory=dict)
    unreachable: dict[str, str] = field(default_factory=dict)


def preview(asked: Asked, folder: Path, usage: Usage) -> Preview:
    """Pull everything once and count."""
    from worker.steps.telling import reporting

    del usage
    with (
        TemporaryDirectory(prefix="pql-init-") as place,
        _standing_in() as missing,
        _worker(asked, folder, Path(place)) as worker,
    ):
        worker.pull_counted()
        unreachable = _read_crms(worker, missing)
        as_of = _moment(worker)
        plan = worker.planned(as_of)
        leads = reporting.lead_counts(worker.tools, plan)
        found = Preview(as_of, leads.seen, reporting.gates(worker.tools, plan), unreachable=unreachable)
        for name in worker.tools.crms:
            if name not in unreachable:
                found.matches[name] = _statuses(worker, plan.scored.found[name].persons)
    return found


@contextmanager
def _worker(asked: Asked, folder: Path, place: Path) -> Iterator[Worker]:
    from worker.wiring import opening

    places = replace(asked.places(), settings=folder, store=f"sqlite:///{place / 'pql.db'}", lake=place / "lake")
    settings = opening.read_settings(places)
    with output.progress(asked.json) as tell, opening.open(settings, places, progress=tell) as worker:
        yield worker


@contextmanager
def _standing_in() -> Iterator[frozenset[str]]:
    """Values for CRM variables that are not set, so that a CRM can be opened without being asked; names those CRMs."""
    from worker.cli.composing import CRM_OPTIONS

    put: list[str] = []
    for name, options in CRM_OPTIONS.items():
        if any(_is_set(variable) for _, variable in options):
            continue
        for ending, value in STAND_IN.items():
            put.append(f"{name.upper()}_{ending}")
            os.environ[put[-1]] = value
    try:
        yield frozenset(variable.partition("_")[0].lower() for variable in put)
    finally:
        for variable in put:
            del os.environ[variable]


def _is_set(variable: str) -> bool:
    return bool(os.environ.get(variable) or os.environ.get(f"{variable}_FILE"))


def _read_crms(worker: Worker, missing: frozenset[str]) -> dict[str, str]:
    from connectors.errors import ConnectorError

    unreachable = {}
    for name in worker.tools.crms:
        if worker.tools.settings.destinations[name].kind in missing:
            unreachable[name] = "no token is set."
            continue
        try:
            while worker.watch(name):
                pass
        except ConnectorError as error:
            unreachable[name] = str(error)
        if name in worker.unheard:
            unreachable[name] = worker.unheard[name]
    return unreachable


def _moment(worker: Worker) -> datetime:
    """Now; the newest event where the data ends earlier, as in an export."""
    from worker.store import landing

    now = worker.tools.now()
    with worker.tools.store.read() as tx:
        newest = max((file.max_at for file in landing.files(tx, "events") if file.max_at), default=now)
    return now if newest > now - RECENT else newest.astimezone(UTC)


def _statuses(worker: Worker, persons: object) -> dict[str, int]:
    counted = persons.group_by("status").aggregate(n=persons.count())  # type: ignore[attr-defined]  # an Ibis table
    return {
        row["status"]: row["n"] for row in sorted(worker.tools.engine.run(counted).to_pylist(), key=lambda row: -row["n"])
    }
