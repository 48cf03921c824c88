"""`pql status`, `dead`, `retry`, `pause`, `resume`: what the engineer on call asks for."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from worker.cli import output
from worker.cli.asked import DONE, WITH_HELD, Asked

if TYPE_CHECKING:
    from settings.root import Settings
    from worker.store.database import Store


@contextmanager
def _store(asked: Asked) -> Iterator[tuple[Settings, Store]]:
    from worker.wiring.opening import open_store, read_settings

    places = asked.places()
    settings = read_settings(places, secrets=False)
    store = open_store(places, settings.workspace)
    try:
        yield settings, store
    finally:
        store.close()


def status(asked: Asked) -> int:
    """Runs, work in hand, what waits."""
    from worker.steps.telling.standing import standing

    with _store(asked) as (settings, store):
        document = standing(store, settings)
    if asked.json:
        output.print_json(document)
        return DONE
    output.say(f"Workspace {document.workspace}, settings {(document.active or 'none active')[:12]}.")
    for what, why in document.paused.items():
        output.say(f"PAUSED {what}: {why}")
    for name in document.guarded:
        output.say(f"GUARDED {name}: no unique task key, so one task each is guarded, not guaranteed. See pql doctor.")
    rows = [(run.id[:12], run.as_of, run.status, run.entered, run.seconds) for run in document.runs]
    output.table("Runs", ["run", "as of", "status", "# became PQL", "# seconds"], rows)
    if document.accounts is not None:
        now = ", ".join(f"{n} {state.lower()}" for state, n in document.accounts.items()) or "none yet"
        last = document.runs[0].accounts_entered if document.runs else 0
        output.say(f"Accounts (PQAs): {now}; {last} became PQAs in the last run.")
    for says in document.held_by:
        output.say(f"HELD {says}")
    for one in document.alerts:
        output.say(f"ALERT {one.name} {one.subject}, since {one.since:%Y-%m-%d %H:%M} UTC: {one.says}")
    for wait in document.untold:
        output.say(
            f"UNTOLD {wait.messages} to {wait.channel}, {wait.attempts} attempts: {wait.last_error or 'not tried yet'}"
        )
    output.table("Sources", ["source", "stream", "pulled", "newest event"], [tuple(one) for one in document.sources])
    output.table("Records", ["destination", "status", "# records"], document.records)
    output.table("Tasks", ["kind", "status", "# tasks"], document.tasks)
    output.table("Waiting", ["reason", "# leads"], document.waiting)
    for name, at, looked, drifted in document.audits:
        output.say(f"Audit of {name} at {at:%Y-%m-%d %H:%M} UTC: {looked} records read back, {drifted} not as acknowledged.")
    output.table("Left out, because the CRM does not have it", ["destination", "field", "it said"], document.left_out)
    output.table("Overwritten by others", ["destination", "what we did", "field", "# records"], document.drift)
    if document.workers:
        output.table("Workers", ["worker", "last sign", "doing"], document.workers)
    return DONE


def dead(asked: Asked) -> int:
    """What was rejected, died or was set aside, with reasons."""
    from worker.steps.telling.standing import stuck

    with _store(asked) as (settings, store):
        rows = stuck(store, settings)
    if asked.json:
        output.print_json({"schema": "pqlsync/dead/1", "rows": rows})
    else:
        shown = [(row["where"], row["what"], row["status"], row["reason"]) for row in rows]
        output.table(f"{len(rows)} rows", ["where", "what", "status", "reason"], shown)
    return WITH_HELD if rows else DONE


def retry(asked: Asked) -> int:
    """Make them due again; the next push takes them up."""
    from worker.steps.telling.standing import try_again

    with _store(asked) as (settings, store):
        counts = try_again(store, settings, getpass.getuser())
    if asked.json:
        output.print_json({"schema": "pqlsync/retry/1", "counts": counts})
    else:
        output.say(f"{sum(counts.values())} rows are due again. `pql run` or the next push takes them up.")
    return DONE


def pause(asked: Asked, what: str, why: str | None) -> int:
    """Stop writing; work waits."""
    from worker.store import audit, pauses

    with _store(asked) as (settings, store), store.write() as tx:
        known(what, settings)
        who = getpass.getuser()
        pauses.pause(tx, what, who, why or "")
        audit.add(tx, who, "pause", {"what": what, "why": why})
    output.say(f"Paused {what}. `pql resume {what}` goes on.")
    return DONE


def resume(asked: Asked, what: str) -> int:
    """Go on writing."""
    from worker.store import audit, pauses

    with _store(asked) as (settings, store), store.write() as tx:
        known(what, settings)
        was = pauses.resume(tx, what)
        audit.add(tx, getpass.getuser(), "resume", {"what": what})
    output.say(f"Resumed {what}." if was else f"{what} was not paused.")
    return DONE


def known(what: str, settings: Settings) -> None:
    """UnknownDestination for a name that is neither `all` nor one of the destinations."""
    if what != "all" and what not in settings.destinations:
        raise UnknownDestination(f"There is no destination {what}. The settings have: {', '.join(settings.destinations)}.")


class UnknownDestination(Exception):
    """A name that the settings do not have."""
