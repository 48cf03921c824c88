"""How records, pages and batches look in an answer."""

import random
from collections.abc import Mapping, Sequence
from typing import Any

from connectors.sandbox.hubspot.desk import Desk
from connectors.sandbox.hubspot.kinds import Kind
from connectors.sandbox.state import Row, iso


def record(row: Row, properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return one record as every verb shows it."""
    shown = {
        "id": row.id,
        "properties": dict(properties),
        "createdAt": iso(row.created),
        "updatedAt": iso(row.modified),
        "archived": row.archived,
    }
    return {**shown, "archivedAt": iso(row.modified)} if row.archived else shown


def read(desk: Desk, kind: Kind, row: Row, asked: Sequence[str]) -> dict[str, Any]:
    """Return a record with the properties asked for, or those the object shows by itself; unknown names are left out."""
    stamps = {**desk.stamps(kind, row, whole=True)}
    known = desk.definitions(kind.name)
    lenient = desk.state.switch("lenient")
    names = [name for name in (asked or kind.shown) if name in known or lenient]
    values = {name: stamps.get(name, row.properties.get(name)) for name in names}
    shown = {**values, **stamps}
    # Generated clients declare every value a string; a real portal answers null, and so do we unless lenient.
    return record(row, {name: value for name, value in shown.items() if value is not None} if lenient else shown)


def shuffled(desk: Desk, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return results in the order HubSpot happens to have, which is seldom that of the inputs."""
    seed = desk.state.switch("shuffle_seed", 1)
    if seed is False or len(items) < 2:
        return items
    dice = random.Random(f"{seed}:{desk.state.next('shuffle')}")  # noqa: S311  repeatable disorder, not secrets
    mixed = list(items)
    dice.shuffle(mixed)
    return mixed


def batch(results: list[dict[str, Any]], started: int, ended: int) -> dict[str, Any]:
    return {"status": "COMPLETE", "results": results, "startedAt": iso(started), "completedAt": iso(ended)}


def page(results: list[dict[str, Any]], after: str | None, link: str) -> dict[str, Any]:
    """Return a page; `after` names where the next one starts."""
    if after is None:
        return {"results": results}
    return {"results": results, "paging": {"next": {"after": after, "link": f"{link}?after={after}"}}}
