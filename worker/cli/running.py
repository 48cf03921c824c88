"""`pql pull`, `pql plan`, `pql run`: carry out and show."""

from __future__ import annotations

import getpass
import json
import logging
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from worker.cli import output, telling
from worker.cli.asked import DONE, INTERRUPTED, REFUSED, Asked

if TYPE_CHECKING:
    from worker.steps.report import PlanReport
    from worker.wiring.worker import Worker


class UnnamedPlan(Exception):
    """A guard is to be let pass, and nobody said for which plan."""


class NoPlan(Exception):
    """What was given as a saved plan is none."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What `pql run` was asked for."""

    as_of: datetime | None = None
    plan_file: str | None = None
    limit: int | None = None
    override: tuple[str, ...] = ()


@contextmanager
def opened(asked: Asked, lake: Path | None = None) -> Iterator[Worker]:
    """A worker on the settings at hand that shows its progress and stops at Ctrl-C after what is in flight."""
    from dataclasses import replace

    from worker.wiring import logs, opening

    logs.configure(logging.WARNING)  # on stderr: a document has stdout for itself
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
    from connectors.errors import Refused

    refused = None
    with opened(asked) as worker:
        counts = worker.pull_counted()
        for name in worker.tools.crms:
            try:
                if not worker.tools.stopping():
                    worker.watch(name)
            except Refused as problem:  # the others are read all the same
                refused = refused or problem
        stopped, unheard = worker.tools.stopping(), dict(worker.unheard)
    if refused is not None:
        raise refused
    document = {"schema": "pqlsync/pull/1", "sources": {name: one.model_dump() for name, one in counts.items()}}
    if asked.json:
        output.print_json(document)
    else:
        telling.sources(counts)
    return INTERRUPTED if stopped else _unheard(unheard, DONE)


def _unheard(reasons: Mapping[str, str], code: int) -> int:
    """Say which CRMs did not answer; the exit code with that in mind."""
    for name, why in reasons.items():
        sys.stderr.write(f"{name} did not answer: {why} Nothing is lost; the next run takes it up.\n")
    return REFUSED if reasons and code != INTERRUPTED else code


def plan(asked: Asked, as_of: datetime | None, *, out: str | None, fresh: bool, limit: int | None) -> int:
    """Show what a run would do."""
    if fresh and out:
        raise NoPlan("A fresh plan rests on data that is thrown away, so it cannot be saved. Run `pql pull`, then plan.")
    report, pqas = _planned_fresh(asked, as_of) if fresh else _planned(asked, as_of)
    _save(report, out)
    _show(asked, report if limit is None else _first(report, limit), pqas=pqas)
    if out and not asked.json:
        output.say(f"Saved to {out}. Carry it out with `pql run --plan {out}`.")
    return REFUSED if any(guard.holds for guard in report.guards) else DONE


def _planned(asked: Asked, as_of: datetime | None) -> tuple[PlanReport, bool]:
    """The plan, and whether accounts qualify by a definition of their own."""
    with opened(asked) as worker:
        return worker.plan(as_of), _has_pqas(worker)


def _has_pqas(worker: Worker) -> bool:
    return bool(worker.tools.settings.of_grain("account"))


def _planned_fresh(asked: Asked, as_of: datetime | None) -> tuple[PlanReport, bool]:
    """Pull into a lake and a store that are thrown away; the mirror is read into the same."""
    from dataclasses import replace

    from connectors.errors import TryLater

    with TemporaryDirectory(prefix="pql-fresh-") as folder:
        own = replace(asked, store=f"sqlite:///{folder}/pql.db")
        with opened(own, Path(folder) / "lake") as worker:
            worker.pull_counted()
            for name in worker.tools.crms:
                worker.watch(name)
                if name in worker.unheard:
                    raise TryLater(f"{name}: {worker.unheard[name]}")
            return worker.plan(as_of), _has_pqas(worker)


def _save(report: PlanReport, out: str | None) -> None:
    if out:
        Path(out).write_text(json.dumps(report.model_dump(mode="json", by_alias=True), indent=2, ensure_ascii=False))


def _show(asked: Asked, report: PlanReport, *, pqas: bool) -> None:
    if asked.json:
        output.print_json(report)
    else:
        telling.plan(report, pqas=pqas)


def _first(report: PlanReport, most: int) -> PlanReport:
    """The changes of the first records, and the first tasks."""
    records = list(dict.fromkeys((one.destination, one.object, one.lead) for one in report.changes))[:most]
    changes = [one for one in report.changes if (one.destination, one.object, one.lead) in set(records)]
    return report.model_copy(update={"changes": changes, "tasks": report.tasks[:most]})


def _saved(path: Path) -> PlanReport:
    """A plan that `pql plan --out` wrote."""
    from pydantic import ValidationError

    from worker.steps.report import PlanReport

    try:
        saved = PlanReport.model_validate_json(path.read_bytes())
    except ValidationError:
        saved = None
    if saved is None or not saved.digest:
        raise NoPlan(f"{path} is no plan that was saved whole. Make one with `pql plan --out {path}`.")
    return saved


def _named(override: tuple[str, ...], saved: PlanReport | None) -> None:
    """Whoever lets a guard pass names the plan, so that nothing else passes."""
    for guard in override:
        if saved is None:
            plan = "Save it with `pql plan --out plan.json`, look at it, then"
            said = f"An override names the plan that it lets pass. {plan} `pql run --plan plan.json --override {guard}`."
            raise UnnamedPlan(said)
        holding = [one.name for one in saved.guards if one.holds]
        if guard not in holding:
            held = f"It is held by {', '.join(holding)}." if holding else "No guard holds it; leave --override out."
            raise UnnamedPlan(f"`{guard}` does not hold the saved plan. {held}")


def run(asked: Asked, wanted: Wanted) -> int:
    """Pull, score, qualify, route and write."""
    from worker.wiring.worker import Wanted as Run

    saved = _saved(Path(wanted.plan_file)) if wanted.plan_file else None
    _named(wanted.override, saved)
    as_of = saved.as_of if saved else wanted.as_of
    how = Run(
        as_of=as_of,
        limit=wanted.limit,
        override=wanted.override,
        digest=saved.digest if saved else None,
        who=getpass.getuser() if wanted.override else "",
        pull=saved is None,
        watch=True,
    )
    with opened(asked) as worker:
        report, unheard, pqas = worker.run(as_of, how), dict(worker.unheard), _has_pqas(worker)
    if asked.json:
        output.print_json(report)
    else:
        telling.run(report, pqas=pqas, planned=saved is not None)
    return _unheard(unheard, report.exit_code())
