"""`pql check`, `pql activate`, `pql migrate`."""

from __future__ import annotations

import getpass

from worker.cli import output
from worker.cli.asked import DONE, REFUSED, Asked


def check(asked: Asked) -> int:
    """Every problem of the settings, with place and suggestion."""
    from settings.check import check as checked
    from settings.problem import render
    from worker.wiring.opening import option_tables
    from worker.wiring.places import existing

    places = existing(asked.places())
    found = checked(places.settings, option_tables())
    problems = [problem.json() for problem in (*found.problems, *found.warnings)]
    if asked.json:
        output.print_json({"schema": "pqlsync/check/1", "problems": problems})
    elif found.problems or found.warnings:
        output.say(render((*found.problems, *found.warnings), found.files))
    if not asked.json:
        output.say(f"{len(found.problems)} problems, {len(found.warnings)} warnings in {places.settings}.")
    return REFUSED if found.problems else DONE


def activate(asked: Asked, who: str | None) -> int:
    """Store the settings as the version that workers use."""
    from worker.steps.upkeep import activating
    from worker.wiring.opening import open_store, read_settings

    places = asked.places()
    settings = read_settings(places, secrets=False)
    store = open_store(places, settings.workspace)
    name = who or getpass.getuser()
    try:
        sha, is_new = activating.activate(store, settings, name)
    finally:
        store.close()
    document = {"schema": "pqlsync/activate/1", "hash": sha, "changed": is_new, "who": name}
    if asked.json:
        output.print_json(document)
    else:
        output.say(f"{'Activated' if is_new else 'Already active:'} {sha[:12]} for workspace {settings.workspace}.")
    return DONE


def migrate(asked: Asked) -> int:
    """Bring the tables up to date."""
    from worker.store import schema

    before, after = schema.migrate(asked.places().store)
    output.say(f"The store is at version {after} (was {before or 'empty'}).")
    return DONE
