"""
Has a person touched a task that we made? Pure.

Decided here: what counts as touching. In doubt a task counts as touched, and nobody's edit is overwritten.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.contract import SeenTask

REF = "ref: "
NEARLY = timedelta(minutes=1)  # CRMs cut seconds


def touched(seen: SeenTask, made: Mapping[str, Any], owner: str | None, status: str | None = None) -> str | None:
    """
    What a person did to the task, None where it is as we left it: deleted, done, reassigned, started, edited.

    `made` is the payload it was created with, `owner` the one we last gave it, `status` the one it was first seen with.
    """
    if seen.deleted:
        return "deleted"
    if not seen.open:
        return "done"
    if owner is not None and seen.owner != owner:
        return "reassigned"
    if status is not None and seen.status != status:
        return "started"
    return "edited" if _edited(seen, made) else None


def _edited(seen: SeenTask, made: Mapping[str, Any]) -> bool:
    due = made.get("due")
    if due is not None and seen.due is not None and not _same_due(seen.due, due):
        return True
    words = ((seen.subject, "subject"), (seen.body, "body"))
    return any(text is not None and _words(text) != _words(str(made.get(name, ""))) for text, name in words)


def _same_due(seen: datetime, due: datetime) -> bool:
    """Whether it is due as we said; a CRM that keeps the day alone gives back its midnight."""
    day = due.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return abs(seen - due) <= NEARLY or seen == day


def _words(text: str) -> list[str]:
    kept = (line for line in text.splitlines() if not line.strip().startswith(REF))
    return " ".join(kept).split()
