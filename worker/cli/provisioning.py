"""`pql provision`: make the standard fields; shows first what it will do."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from worker.cli import output
from worker.cli.asked import DONE, REFUSED, WITH_HELD, Asked

if TYPE_CHECKING:
    from connectors.contract import Crm


def provision(asked: Asked, destination: str | None, *, yes: bool, print_to: str | None) -> int:
    """Each destination in turn."""
    from connectors import registry
    from worker.wiring.opening import read_settings

    settings = read_settings(asked.places())
    names = [destination] if destination else list(settings.destinations)
    unknown = [name for name in names if name not in settings.destinations]
    if unknown:
        known = ", ".join(settings.destinations)
        sys.stderr.write(f"There is no destination {unknown[0]}. The settings have: {known}.\n")
        return REFUSED
    results = []
    for name in names:
        crm = registry.crm(settings.destinations[name])
        try:
            results.append(_one(asked, name, crm, yes=yes, print_to=print_to))
        finally:
            getattr(crm, "close", lambda: None)()
    return max(results, default=DONE)


def _one(asked: Asked, name: str, crm: Crm, *, yes: bool, print_to: str | None) -> int:
    if print_to:
        return _files(name, crm, Path(print_to))
    changes = crm.provisioning.differences()
    shown = [
        {"object": one.object, "name": one.name, "kind": one.kind, "says": one.says, "by_api": one.by_api} for one in changes
    ]
    if asked.json and not yes:
        output.print_json({"schema": "pqlsync/provision/1", "destination": name, "changes": shown})
        return DONE
    if not asked.json:
        rows = [(one.object, one.kind, one.name, one.says if one.by_api else f"by hand: {one.says}") for one in changes]
        output.table(f"{name}: {len(changes)} changes", ["object", "kind", "name", "what"], rows)
    todo = [one for one in changes if one.by_api]
    if not todo:
        return DONE
    if not yes and not typer.confirm(f"Make {len(todo)} changes in {name}?", default=False, err=True):
        return REFUSED
    outcome = [(change, what) for change, what in crm.provisioning.apply() if change.by_api]
    failed = [(change, what) for change, what in outcome if what not in ("done", "exists")]
    if asked.json:
        told = [{"object": change.object, "name": change.name, "outcome": what} for change, what in outcome]
        output.print_json({"schema": "pqlsync/provision/1", "destination": name, "changes": shown, "outcome": told})
    else:
        output.say(f"{name}: {len(outcome) - len(failed)} done, {len(failed)} failed.")
        for change, what in failed:
            output.say(f"  {change.object} {change.name}: {what}")
    return WITH_HELD if failed else DONE


def _files(name: str, crm: Crm, folder: Path) -> int:
    for path, content in crm.provisioning.files().items():
        file = folder / name / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
        output.say(str(file))
    return DONE
