"""`pql pull`, `pql plan`, `pql run`: carry out and show."""

from __future__ import annotations

import json
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from worker.cli import output, telling
from worker.cli.asked import DONE, INTERRUPTED, Asked

if TYPE_CHECKING:
    from worker.wiring.worker import Worker


@dataclass(frozen=True, slots=True)
class Wanted:
    """What `pql run` was asked for."""

    as_of: datetime | None = None
    plan_file: str | None = None
    limit: int | None = None
    override: str | None = None


@contextmanager
def opened(asked: Asked, lake: Path | None = None) -> Iterator[Worker]:
    """A worker on the settings at hand that shows its progress and stops at Ctrl-C after what is in flight."""
    from dataclasses import replace

    from worker.wiring import opening

    places = asked.places()
    if lake is not None:
        places = replace(places, lake=lake)
    settings = opening.read_settings(places)
    with (
        output.progress(asked.json) as tell,
        asked_to_stop() as stop,
        opening.open(settings, places, progress=tell, stopping=stop.is_set) as worker,
    ):
        yield worker


@contextmanager
def asked_to_stop() -> Iterator[threading.Event]:
    """The first Ctrl-C asks to finish what is in flight, a second one stops at once."""
    event = threading.Event()

    def heard(number: int, frame: Any) -> None:
        if event.is_set():
            signal.default_int_handler(number, frame)
        event.set()
        sys.stderr.write("\nFinishing what is in flight. Press Ctrl-C again to stop at once.\n")

    if threading.current_thread() is not threading.main_thread():
        yield event
        return
    before = signal.signal(signal.SIGINT, heard)
    try:
        yield event
    finally:
        signal.signal(signal.SIGINT, before)


def pull(asked: Asked) -> int:
    """Fetch what is new at the sources and in the CRMs, so that a plan has all it needs."""
    with opened(asked) as worker:
        counts = worker.pull_counted()
        for name in worker.tools.crms:
            if not worker.tools.stopping():
                worker.watch(name)
        stopped = worker.tools.stopping()
    document = {"schema": "pqlsync/pull/1", "sources": {name: one.model_dump() for name, one in counts.items()}}
    if asked.json:
        output.print_json(document)
    else:
        telling.sources(counts)
    return INTERRUPTED if stopped else DONE


def plan(asked: Asked, as_of: datetime | None, *, out: str | None, fresh: bool, limit: int | None) -> int:
    """Show what a run would do."""
    if fresh:
        return _plan_fresh(asked, as_of, out, limit)
    with opened(asked) as worker:
        report = worker.plan(as_of, limit)
    _shown(asked, report, out)
    return 2 if any(guard.holds for guard in report.guards) else DONE


def _plan_fresh(asked: Asked, as_of: datetime | None, out: str | None, limit: int | None) -> int:
    """Pull into a lake and a store that are thrown away; the mirror is read into the same."""
    from dataclasses import replace

    with TemporaryDirectory(prefix="pql-fresh-") as folder:
        own = replace(asked, store=f"sqlite:///{folder}/pql.db")
        with opened(own, Path(folder) / "lake") as worker:
            worker.pull_counted()
            for name in worker.tools.crms:
                worker.watch(name)
            report = worker.plan(as_of, limit)
    _shown(asked, report, out)
    return DONE


def _shown(asked: Asked, report: Any, out: str | None) -> None:
    if out:
        Path(out).write_text(json.dumps(report.model_dump(mode="json", by_alias=True), indent=2, ensure_ascii=False))
    if asked.json:
        output.print_json(report)
    else:
        telling.plan(report)
        if out:
            output.say(f"Saved to {out}. Carry it out with `pql run --plan {out}`.")


def run(asked: Asked, wanted: Wanted) -> int:
    """Pull, score, qualify, route and write."""
    from worker.wiring.worker import Wanted as Run

    saved = json.loads(Path(wanted.plan_file).read_text()) if wanted.plan_file else None
    as_of = datetime.fromisoformat(saved["as_of"]) if saved else wanted.as_of
    how = Run(
        as_of=as_of,
        limit=wanted.limit,
        override=(wanted.override,) if wanted.override else (),
        digest=saved["digest"] if saved else None,
        pull=saved is None,
        watch=True,
    )
    with opened(asked) as worker:
        report = worker.run(as_of, how)
    if asked.json:
        output.print_json(report)
    else:
        telling.run(report)
    return report.exit_code()
