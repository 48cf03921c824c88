"""
What an undo says: the document of `pql undo`, also the rows of its table.

Decided here: the shapes, which are a stable surface. Not decided here: what is restored (`undo`).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from worker.core.undoing import Left
from worker.steps.report import Document

Done = Literal["restored", "to_restore", "waiting", "rejected"]


class Restored(Document):
    """One field that held `old`, which the run wrote, and gets `new` back; `says`: why that has to wait or was rejected."""

    destination: str
    object: str
    lead: str
    name: str
    crm_id: str
    field: str
    old: Any
    new: Any
    outcome: Done
    says: str = ""


class LeftAlone(Document):
    """A field, or without one a whole record, that stays as it is, and why."""

    destination: str
    object: str
    lead: str
    name: str
    crm_id: str | None
    field: str | None
    reason: Left


class UndoneTask(Document):
    """A task that the run made. `reason` says why one was left."""

    destination: str
    lead: str
    crm_id: str
    subject: str
    outcome: Literal["closed", "to_close", "waiting", "rejected", "left"]
    reason: Left | None = None


class Undone(Document):
    """`pql undo`. `already` counts fields that hold what they held before the run; `paused` names what is paused by it."""

    schema_: Literal["pqlsync/undo/1"] = Field(default="pqlsync/undo/1", alias="schema")
    run: str
    as_of: datetime
    dry_run: bool
    interrupted: bool = False
    restored: list[Restored] = Field(default_factory=list)
    left: list[LeftAlone] = Field(default_factory=list)
    tasks: list[UndoneTask] = Field(default_factory=list)
    already: int = 0
    calls: int = 0
    paused: list[str] = Field(default_factory=list)
    warnings: list[str] = Field(default_factory=list)

    def count(self, outcome: str) -> int:
        """Fields and tasks that ended so."""
        fields = sum(one.outcome == outcome for one in self.restored)
        return fields + sum(one.outcome == outcome for one in self.tasks)

    def exit_code(self) -> int:
        """0 done, 1 something was rejected or has to wait, 3 interrupted."""
        if self.interrupted:
            return 3
        return 1 if self.count("rejected") or self.count("waiting") else 0
