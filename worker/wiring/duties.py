"""
What a bell means: which step a kind of work is, and which bells to ring after it. The same for Celery and `pql up`.

Decided here: score comes after pull and push after score, as the schedule says; scheduled work is claimed by its slot in the
database; evaluating is for one process at a time, pushing to one CRM for two; what is said when a step cannot go on. It is
tried again at the next bell. Not decided here: who rings (`worker.celery`, `up`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

import structlog

from connectors.errors import ConnectorError, TryLater
from settings.problem import Problems, render
from worker.core.alerting import AWAITED
from worker.lake.files import LakeDamaged, LakeRefused
from worker.steps.holding import held
from worker.steps.pacing.periods import BadPeriod, Periods
from worker.steps.planning.commit import Overtaken
from worker.steps.upkeep import retention
from worker.store import beats, landing, runs, schema, slots
from worker.store.database import Store
from worker.store.errors import StoreError
from worker.wiring import hosts
from worker.wiring.alerting import look_and_tell
from worker.wiring.timetable import jobs, seconds_of, slot_start
from worker.wiring.worker import Worker

log = structlog.get_logger("pql")

Bell = tuple[str, str]
"""A kind of work and the destination it is about."""

# A worker that is told to stop has 20 s: a push ends by itself within them, and is cut short nowhere.
SECONDS = {"pull": 60.0, "watch": 30.0, "push": 15.0, "score": 60.0}
EVALUATION = 300.0  # nobody else evaluates for so long after a host died; a message lives no longer
PUSHING = 90.0
LOOKING = 180.0
PUSHES_AT_ONCE = 2  # more bells of one CRM would keep every process busy with it, and its limit is shared anyway
QUIET = ("sweep", "alerts")
"""Work that is logged only where it found something."""


class NothingActive(Exception):
    """No settings were activated, so there is nothing to do."""


class UnknownBell(Exception):
    """A kind of work that this version does not know."""


FORESEEN = (
    ConnectorError,
    StoreError,
    LakeDamaged,
    LakeRefused,
    Problems,
    BadPeriod,
    NothingActive,
    UnknownBell,
    hosts.WrongPlace,
)


def perform(worker: Callable[[], Worker], kind: str, about: str = "", job: str = "") -> list[Bell]:
    """One slice of work, and the bells to ring after it; with `job` only if its slot is free. Raises nothing."""
    try:
        return _carried_out(worker(), kind, about, job)
    except Exception as problem:  # noqa: BLE001  said below; the store holds what is left to do
        say(problem, kind, about)
        return []


def say(problem: Exception, kind: str, about: str = "") -> None:
    """Log why work did not go on: a sentence where it was foreseen, else with its trace."""
    what = {"work": kind, "about": about} if about else {"work": kind}
    if isinstance(problem, Overtaken) or (isinstance(problem, TryLater) and problem.code == "BUSY"):
        log.info("busy", **what, reason=str(problem))
    elif isinstance(problem, TryLater | NothingActive):
        log.warning("later", **what, reason=str(problem))
    elif isinstance(problem, Problems):
        log.error("settings", **what, reason=render(problem.problems, problem.files))
    elif isinstance(problem, FORESEEN):
        log.error("stopped", **what, error=type(problem).__name__, reason=str(problem))
    else:
        log.error("failed", **what, exc_info=problem)


def _carried_out(worker: Worker, kind: str, about: str, job: str) -> list[Bell]:
    duty, store = DUTIES.get(kind), worker.tools.store
    if duty is None:
        raise UnknownBell(f"{kind!r} is no kind of work here. Another version rang; bring all processes to the same one.")
    _allowed(worker)
    if not job:
        return _watched_over(worker, duty, kind, about)
    slot = claim_slot(worker, job)
    if slot is None:
        return []
    outcome = "failed"
    try:
        bells = _watched_over(worker, duty, kind, about)
        outcome = "done"
    finally:
        with store.write() as tx:
            slots.end(tx, job, slot, outcome)
    return bells


def _watched_over(worker: Worker, duty: Callable[[Worker, str], list[Bell]], kind: str, about: str) -> list[Bell]:
    what, started = f"{kind} {about}".strip(), time.monotonic()
    sign(worker.tools.store, what)
    bells = duty(worker, about)
    sign(worker.tools.store, f"waits, last: {what}")
    if kind not in QUIET or bells:
        log.info(
            "did", work=what, seconds=round(time.monotonic() - started, 2), rings=[" ".join(one).strip() for one in bells]
        )
    return bells


def _allowed(worker: Worker) -> None:
    schema.check(worker.tools.store)  # somebody may have migrated it since this process began
    try:
        hosts.check(worker.tools)
    except hosts.WrongPlace as wrong:
        sign(worker.tools.store, str(wrong), f"{hosts.REFUSED} {hosts.me()}")
        raise


def sign(store: Store, doing: str, who: str = "") -> None:
    """A sign of life: what this process does now."""
    with store.write() as tx:
        beats.beat(tx, who or hosts.me(), doing)


def sweep_seconds() -> float:
    """How often a sweep is due."""
    return Periods.from_environment().sweep


def claim_slot(worker: Worker, job: str) -> datetime | None:
    """Take the present slot of a job; None where it is taken, or the settings have no such job any more."""
    seconds = seconds_of(worker.tools.settings, job, sweep_seconds())
    if seconds is None:
        return None
    with worker.tools.store.write() as tx:
        slot = slot_start(tx.now(), seconds)
        return slot if slots.claim(tx, job, slot, hosts.me()) else None


# ------------------------------------------------------------------------------------------ duties


def _pull(worker: Worker, _: str) -> list[Bell]:
    after: list[Bell] = [("score", "")] if worker.tools.settings.schedule.score.after == "pull" else []
    with held(worker.tools.store, "pull"):
        try:
            more = worker.pull(seconds=SECONDS["pull"])
        except ConnectorError as problem:
            # what the other sources brought is scored all the same
            say(problem, "pull")
            return after
    _say_unheard(worker, "pull", *worker.tools.sources)
    return [("pull", "")] if more else after


def _say_unheard(worker: Worker, kind: str, *names: str) -> None:
    for name in names:
        if name in worker.unheard:
            log.warning("later", work=kind, about=name, reason=worker.unheard[name])


def _score(worker: Worker, _: str) -> list[Bell]:
    store = worker.tools.store
    before = _landed(store)
    with held(store, "evaluate", EVALUATION):
        due, more = worker.evaluate(SECONDS["score"])
    bells: list[Bell] = [("push", name) for name in due] if worker.tools.settings.schedule.push.on_change else []
    bells += [("alerts", "")] if worker.tools.settings.alerts.heartbeat else []
    # whoever landed something meanwhile found this evaluation under way and went away
    return [*bells, ("score", "")] if more or _landed(store) != before else bells


def _landed(store: Store) -> int:
    with store.read() as tx:
        newest = landing.newest(tx)
    return newest.number if newest else 0


def _push(worker: Worker, name: str) -> list[Bell]:
    if name not in worker.tools.crms:
        return []
    for seat in range(1, PUSHES_AT_ONCE + 1):
        try:
            with held(worker.tools.store, f"push:{name}:{seat}", PUSHING):
                more = worker.push(name, seconds=SECONDS["push"])
        except TryLater as problem:
            if problem.code != "BUSY" or seat == PUSHES_AT_ONCE:
                raise
        else:
            return [("push", name)] if more else []
    return []


def _watch(worker: Worker, name: str) -> list[Bell]:
    if name not in worker.tools.crms:
        return []
    with held(worker.tools.store, f"watch:{name}", PUSHING):
        more = worker.watch(name, seconds=SECONDS["watch"])
    _say_unheard(worker, "watch", name)
    if more:
        return [("watch", name)]
    return [("score", "")] if _waits_for_mirror(worker.tools.store) else []


def _audit(worker: Worker, name: str) -> list[Bell]:
    if name not in worker.tools.crms:
        return []
    with held(worker.tools.store, f"audit:{name}", PUSHING):
        looked, _ = worker.audit(name)
    if looked.skipped:
        log.info("later", work="audit", about=name, reason=looked.skipped)
    if looked.fighting or looked.other_writer:
        said = "Fields of ours are overwritten by somebody else again and again. `pql status` says which."
        log.warning("drift", about=name, records=looked.fighting + looked.other_writer, reason=said)
    return [("push", name)] if looked.repaired or looked.back else []


def _waits_for_mirror(store: Store) -> bool:
    """Whether the last evaluation was held only because a CRM had not been read."""
    with store.read() as tx:
        last = runs.last(tx)
    guards = (last.report or {}).get("guards", []) if last and last.status == "held" else []
    return {one["name"] for one in guards if one["holds"]} == {AWAITED}


def _sweep(worker: Worker, _: str) -> list[Bell]:
    retention.forget(worker.tools.store)
    return [("push", name) for name in worker.sweep()]


def _alerts(worker: Worker, _: str) -> list[Bell]:
    every = {one.name: one.seconds for one in jobs(worker.tools.settings, sweep_seconds())}
    with held(worker.tools.store, "alerts", LOOKING):
        look_and_tell(worker.tools, every)
    return []


DUTIES: dict[str, Callable[[Worker, str], list[Bell]]] = {
    "pull": _pull,
    "score": _score,
    "push": _push,
    "watch": _watch,
    "audit": _audit,
    "sweep": _sweep,
    "alerts": _alerts,
}
