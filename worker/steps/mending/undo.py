"""
Undo: restore in the CRMs what a run replaced, where nobody changed it since.

Decided here: which run is meant and when it cannot be undone; that restoring is one more wanted state, sent by the same push
as any other and read back by the same rules; that a destination is paused in the same transaction, because the next plan
would want the run's values again. Not decided here: which fields may come back (`worker.core.undoing`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice

from connectors.errors import TryLater
from worker.steps.holding import died_here, held
from worker.steps.mending.undo_reading import PATIENCE, Found, FoundTask, Looking, Work, look, look_at_tasks, written
from worker.steps.mending.undo_report import Undone
from worker.steps.mending.undo_told import told
from worker.steps.pacing.limiter import Limiter
from worker.steps.planning.effects import Wishes, commit
from worker.steps.sending.desk import PushReport, Writing
from worker.steps.sending.push import SLICE, Pushing, push
from worker.steps.sending.sweep import sweep
from worker.steps.tools import Tools
from worker.store import attempts, audit, intent_claims, leases, pauses, record_claims, records, runs
from worker.store.claiming import undo_id
from worker.store.database import Store, Tx
from worker.store.intents import Planned
from worker.store.records import Want
from worker.store.runs import Run

LEASE, EVALUATE = "undo", "evaluate"
SECONDS = 900.0
LAST = "last"
RECENT = 50


class CannotUndo(Exception):
    """A run that cannot be undone, or not now; says why and what to do."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be undone: a run by the beginning of its id or `last`, where, how much of it, and who says so."""

    run: str
    who: str = ""
    destination: str | None = None
    limit: int | None = None
    dry_run: bool = False


def undo(tools: Tools, asked: Asked, limiter: Callable[[str], Limiter]) -> Undone:
    """Undo a run; again and again leads to the same end, and writes nothing twice."""
    run = find(tools.store, asked.run)
    names = _names(tools, asked.destination)
    calls = sum(tools.crms[name].calls for name in names)
    if asked.dry_run:
        _nobody_else(tools.store)
        report = told(tools.store, run, _look(tools, run, names, limiter, _nothing), None)
    else:
        report = _undone(tools, asked, run, names, limiter)
    report.calls = sum(tools.crms[name].calls for name in names) - calls
    return report


def _undone(tools: Tools, asked: Asked, run: Run, names: Sequence[str], limiter: Callable[[str], Limiter]) -> Undone:
    with _alone(tools.store) as keep:
        sweep(tools.store)
        _nobody_else(tools.store)
        work = _look(tools, run, names, limiter, keep)
        chosen = {name: one.first(asked.limit) for name, one in work.items()}
        paused = _commit(tools.store, run, asked, chosen)
        pushed = {name: _push(tools, run, name, limiter(name), keep) for name in names}
    report = told(tools.store, run, work, {name: {one.key for one in some} for name, (some, _) in chosen.items()})
    report.paused = paused
    report.interrupted = any(one.interrupted for one in pushed.values())
    report.warnings += [says for one in pushed.values() for says in (*one.warnings, one.refused) if says]
    return report


def find(store: Store, asked: str) -> Run:
    """The run that is meant; CannotUndo where there is none, more than one, or its attempts were forgotten."""
    with store.read() as tx:
        if asked == LAST:
            writing = (one for one in runs.recent(tx, RECENT) if attempts.wrote(tx, one.id))
            found = list(islice(writing, 1))
        else:
            found = runs.beginning(tx, asked) if asked else []
        if not found:
            which = "No run has written anything" if asked == LAST else f"There is no run {asked}"
            raise CannotUndo(f"{which}. `pql status` lists the last runs.")
        if len(found) > 1:
            raise CannotUndo(f"Several runs begin with {asked}. Give more of its id; `pql status` lists the last runs.")
        (run,) = found
        if tx.now() - run.started_at > attempts.KEPT and not attempts.wrote(tx, run.id):
            kept = f"What runs replaced is kept for {attempts.KEPT.days} days"
            raise CannotUndo(
                f"Run {run.id[:12]} of {run.started_at:%Y-%m-%d} is too old. {kept}; mend the rules and run again."
            )
    return run


def _names(tools: Tools, asked: str | None) -> list[str]:
    if asked is not None and asked not in tools.crms:
        raise CannotUndo(f"There is no destination {asked}. The settings have: {', '.join(tools.crms)}.")
    return sorted(tools.crms) if asked is None else [asked]


# ------------------------------------------------------------------------------------ nobody else at work


def _nothing() -> None:
    """Nothing is held that would have to be kept."""


@contextmanager
def _alone(store: Store) -> Iterator[Callable[[], None]]:
    """No other undo and no evaluation goes on meanwhile; what is handed out is called now and then to keep it so."""
    with held(store, LEASE, SECONDS) as mine, held(store, EVALUATE, SECONDS) as also:
        kept_at = [time.monotonic()]

        def keep() -> None:
            if time.monotonic() - kept_at[0] < SLICE:
                return
            kept_at[0] = time.monotonic()
            with store.write() as tx:
                if not (leases.extend(tx, LEASE, mine, SECONDS) and leases.extend(tx, EVALUATE, also, SECONDS)):
                    raise TryLater("Another process took over. Run `pql undo` again to go on.", code="BUSY")

        yield keep


def _nobody_else(store: Store) -> None:
    """CannotUndo while a run or a push is under way: what they write could not be told from what is to be restored."""
    with store.read() as tx:
        holding = {name: who for name, who in leases.holders(tx).items() if not died_here(who)}
        sending = record_claims.holders(tx) | intent_claims.holders(tx)
    running = [name for name in holding if name.startswith("run:")]
    if running:
        raise CannotUndo(f"A run is in progress ({holding[running[0]]}). Wait until it has ended, then undo.")
    pushing = [name for name in holding if name.startswith("push:")]
    alive = [who for who in sorted(sending) if not died_here(who)]
    if any(who.startswith("bulk/") for who in sending):
        raise CannotUndo("A bulk job is under way. `pql status` shows when it is over, then undo.")
    if pushing or alive:
        who = holding[pushing[0]] if pushing else alive[0]
        raise CannotUndo(f"A push is under way ({who}). Run `pql pause`, wait a minute, then undo.")


# ------------------------------------------------------------------------------------------- the work


def _look(
    tools: Tools, run: Run, names: Sequence[str], limiter: Callable[[str], Limiter], keep: Callable[[], None]
) -> dict[str, Work]:
    with tools.store.read() as tx:
        wrote = written(tx, run)
    work = {}
    for name in names:

        def tell(done: int, whole: int, name: str = name) -> None:
            keep()
            tools.progress(f"read {name}", done, whole)

        at = Looking(tools.store, tools.crms[name], name, limiter(name), tell)
        found = look(at, wrote.get(name, {}))
        work[name] = Work(found, *look_at_tasks(at, run))
    return work


def _commit(
    store: Store, run: Run, asked: Asked, chosen: Mapping[str, tuple[Sequence[Found], Sequence[FoundTask]]]
) -> list[str]:
    """Write down what is to be restored and closed, the pause and who wanted it, in one transaction; what is paused."""
    busy = {name: some for name, some in chosen.items() if any(some)}
    if not busy:
        return []

    def also(tx: Tx) -> None:
        for name, (some, _) in busy.items():
            _still(tx, name, some)
            pauses.pause(
                tx, name, asked.who, f"run {run.id[:12]} was undone; `pql resume {name}` goes on, with today's rules"
            )
        fields = sum(len(one.restore) for some, _ in busy.values() for one in some)
        tasks = sum(len(tasks) for _, tasks in busy.values())
        detail = {"run": run.id, "destinations": sorted(busy), "fields": fields, "tasks": tasks, "limit": asked.limit}
        audit.add(tx, asked.who, "undo", detail)

    wants = {name: [_want(one, run) for one in some] for name, (some, _) in busy.items()}
    closings = {name: [_closing(one) for one in tasks] for name, (_, tasks) in busy.items()}
    commit(store, Wishes(wants, closings), undo_id(run.id), also)
    return sorted(busy)


def _still(tx: Tx, name: str, looked_at: Sequence[Found]) -> None:
    """CannotUndo where somebody took up a record since it was looked at: what it holds now may be a later run's."""
    fences = records.fences(tx, name, [one.key for one in looked_at])
    if any(fences.get(one.key) != one.row["fence"] for one in looked_at):
        raise CannotUndo(f"A push to {name} went on meanwhile, and nothing was undone. Run `pql pause {name}`, then undo.")


def _want(one: Found, run: Run) -> Want:
    """Only what is restored is wanted: the next plan wants all the rest anew."""
    return Want(
        one.key,
        one.object,
        one.restore,
        crm_id=one.crm_id,
        because=f"run {run.id[:12]} was undone",
        priority=one.row["priority"],
        account=one.row["account"],
    )


def _closing(one: FoundTask) -> Planned:
    made = one.made
    place = (made["effect_key"], made["lead_key"], made["play"], made["episode"])
    return Planned("task_close", *place, {"task": made["crm_id"]}, made["hop"])


def _push(tools: Tools, run: Run, name: str, limiter: Limiter, keep: Callable[[], None]) -> PushReport:
    """Send what is wanted under this undo, and wait for what may be sent again in a moment."""
    id = undo_id(run.id)

    def tell(done: int, whole: int, _rate: float) -> None:
        tools.progress(f"undo {name}", done, whole)

    how = Pushing(run_id=id, only=id, stop=tools.stopping, progress=tell, limiter=limiter)
    while True:
        keep()
        done = push(tools.store, tools.crms[name], Writing(name), how)
        wait = max(done.next_in or 0.0, done.limited or 0.0)
        stuck = wait == 0.0 and done.counts.calls.made == 0
        if done.next_in is None or done.refused or done.interrupted or stuck or wait > PATIENCE:
            return done
        until = time.monotonic() + wait
        while time.monotonic() < until and not tools.stopping():
            time.sleep(min(0.2, max(0.0, until - time.monotonic())))
