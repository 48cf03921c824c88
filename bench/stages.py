"""
One process of the streaming measurement; places come from the environment, the result is JSON on stdout.

    whole    pull, run, run again: what `pql pull` and `pql run` do
    ratios   on the lake that `whole` left: a raw scan, the first build and score, hourly runs one after the other
    anew     on the lake that `ratios` left: the first hourly run of this process
"""

from __future__ import annotations

import itertools
import json
import resource
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import duckdb

from bench.figures import Took, took
from worker.core import frame
from worker.core.instants import Instant
from worker.engine import Recipe
from worker.lake import LakeFile
from worker.steps.listing import as_lake_files
from worker.steps.report import Report
from worker.steps.scoring.fold import Form, fold, inputs, scoring_input
from worker.store import landing
from worker.wiring import open, opening
from worker.wiring.worker import Worker

if TYPE_CHECKING:
    from settings.root import Settings

AS_OF = datetime(2018, 11, 15, tzinfo=UTC)
END = datetime(2018, 12, 1, tzinfo=UTC)
NOON = datetime(2018, 11, 30, 12, tzinfo=UTC)
NEEDED = ("user_id", "anonymous_id", "account_id", "name", '"at"', "arrived", "visit", "length")
"""The columns of an event that the signals of the example need."""


def opened() -> Worker:
    places = opening.find()
    return open(opening.read_settings(places), places)


def whole() -> dict[str, Any]:
    with opened() as worker:
        for crm in worker.tools.crms.values():
            list(crm.provisioning.apply())
        pull = _once(worker.pull_counted)
        after = _rss()
        first, again = _run(worker), _run(worker)
        return {"pull": asdict(pull), "rss_pull": after, "rss": _rss(), "first": first, "again": again}


def ratios() -> dict[str, Any]:
    """Each thing in turns with the scan, so that a busy moment of the machine meets both."""
    with opened() as worker:
        listed = _listed(worker)
        events = worker.tools.lake.paths(file for file in listed if file.kind == "events")
        build = [(_once(lambda: _scanned(events)), _built_anew()) for _ in range(3)]
        clock = itertools.count()
        _scored(worker, NOON)
        hourly = [
            (_once(lambda: _scanned(events)), _once(lambda: _scored(worker, NOON + timedelta(minutes=next(clock)))))
            for _ in range(9)
        ]
        words = took(lambda: _worded(worker, NOON))
    return {"build": _compared(build), "hourly": _compared(hourly), "words": asdict(words)}


def _compared(pairs: list[tuple[Took, Took]]) -> dict[str, float]:
    """Medians over pairs of scan and work: seconds of both, and how many times the scan the work took."""
    return {
        "scan": statistics.median(scan.wall for scan, _ in pairs),
        "wall": statistics.median(one.wall for _, one in pairs),
        "ratio": statistics.median(one.wall / scan.wall for scan, one in pairs),
        "cpu_ratio": statistics.median(one.cpu / scan.cpu for scan, one in pairs),
    }


def anew() -> dict[str, Any]:
    with opened() as worker:
        return asdict(_once(lambda: _scored(worker, NOON)))


def _run(worker: Worker) -> dict[str, Any]:
    reports: list[Report] = []
    seconds = _once(lambda: reports.append(worker.run(AS_OF)))
    calls = {name: one.calls.model_dump() for name, one in reports[0].destinations.items()}
    return {"took": asdict(seconds), "stages": reports[0].stages, "calls": calls}


def _once(work: Callable[[], object]) -> Took:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return Took(time.perf_counter() - wall, time.process_time() - cpu)


def _listed(worker: Worker) -> list[LakeFile]:
    with worker.tools.store.read() as tx:
        return as_lake_files(landing.files(tx))


def _scanned(paths: list[str]) -> None:
    hashes = ", ".join(f"bit_xor(hash({name}))" for name in NEEDED)
    with duckdb.connect(config={"threads": 2}) as con:
        con.execute(f"SELECT {hashes} FROM read_parquet({paths})").fetchall()


def _built_anew() -> Took:
    """A first build knows no query yet: it has an engine of its own."""
    with opened() as worker:
        return _once(lambda: _built(worker))


def _built(worker: Worker) -> None:
    """Everything folded anew, then scored."""
    with worker.tools.store.write() as tx:
        folded = [file.path for file in _files(tx) if file.kind in ("rollup", "side")]
        landing.replace_files(tx, folded, [])
    _scored(worker, END)


def _files(tx: Any) -> list[landing.File]:
    return landing.files(tx)


def _scored(worker: Worker, as_of: datetime) -> None:
    tools = worker.tools
    with tools.engine.scope():
        fold(tools, as_of)
        given = scoring_input(tools, as_of)
        tools.engine.made(Recipe(_leads, tools.settings, given.form), given.tables, as_of)


def _leads(settings: Settings, form: Form, tables: Mapping[str, Any], moment: Any) -> Any:
    as_of = Instant(form.day, moment)
    return frame.leads(settings, inputs(settings, form, tables, as_of), as_of)


def _worded(worker: Worker, as_of: datetime) -> None:
    """What a process does once a day: it does not grow with the data."""
    given = scoring_input(worker.tools, as_of)
    leads = frame.leads(worker.tools.settings, given.inputs, as_of)
    worker.tools.engine.backend.compile(leads)


def _rss() -> int:
    """The peak so far, in bytes; Linux counts in kilobytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    sys.stdout.write(json.dumps({"whole": whole, "ratios": ratios, "anew": anew}[sys.argv[1]]()))
