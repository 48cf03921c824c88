"""`pql provision`: make the standard fields; shows first what it will do."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
    codes, told = [], []
    for name in names:
        crm = registry.crm(settings.destinations[name])
        try:
            code, document = _files(asked, name, crm, Path(print_to)) if print_to else _one(asked, name, crm, yes=yes)
        finally:
            getattr(crm, "close", lambda: None)()
        codes.append(code)
        told.append(document)
    if asked.json:
        output.print_json({"schema": "pqlsync/provision/1", "destinations": told})
    return max(codes, default=DONE)


def _one(asked: Asked, name: str, crm: Crm, *, yes: bool) -> tuple[int, dict[str, Any]]:
    """One destination: shown, asked for, done; the exit code and what the document says of it."""
    changes = crm.provisioning.differences()
    shown = [
        {"object": one.object, "name": one.name, "kind": one.kind, "says": one.says, "by_api": one.by_api} for one in changes
    ]
    document: dict[str, Any] = {"destination": name, "changes": shown, "outcome": None}
    if not asked.json:
        rows = [(one.object, one.kind, one.name, one.says if one.by_api else f"by hand: {one.says}") for one in changes]
        output.table(f"{name}: {len(changes)} changes", ["object", "kind", "name", "what"], rows)
    todo = [one for one in changes if one.by_api]
    if not todo or (asked.json and not yes):
        return DONE, document
    if not yes and not typer.confirm(f"Make {len(todo)} changes in {name}?", default=False, err=True):
        return REFUSED, document
    outcome = [(change, what) for change, what in crm.provisioning.apply() if change.by_api]
    failed = [(change, what) for change, what in outcome if what not in ("done", "exists")]
    document["outcome"] = [{"object": one.object, "name": one.name, "outcome": what} for one, what in outcome]
    if not asked.json:
        output.say(f"{name}: {len(outcome) - len(failed)} done, {len(failed)} failed.")
        for change, what in failed:
            output.say(f"  {change.object} {change.name}: {what}")
    return WITH_HELD if failed else DONE, document


def _files(asked: Asked, name: str, crm: Crm, folder: Path) -> tuple[int, dict[str, Any]]:
    for path, content in crm.provisioning.files().items():
        file = folder / name / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
        if not asked.json:
            output.say(str(file))
    return DONE, {"destination": name, "changes": [], "outcome": None}
