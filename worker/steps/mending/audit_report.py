"""
What an audit says: the document of `pql audit`.

Decided here: the shapes, which are a stable surface. Not decided here: what is compared and repaired (`audit`).
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from worker.steps.report import Document

SAYS = {
    "repaired": "somebody else overwrote a field of ours; it is written again by the next push",
    "fighting": "another automation is fighting us: the field was overwritten again within a day of its repair",
    "other_writer": "another installation writes our fields: the record carries a later sequence than ours",
    "reported": "somebody else overwrote a field of ours; nothing is written while the destination is paused",
    "edited": "somebody changed it, as its mode allows; it is left alone",
    "gone": "the record is not in the CRM any more; it is not made again in this episode",
    "moved": "the record was merged or converted; the link follows it",
}
Outcome = Literal["repaired", "fighting", "other_writer", "reported", "edited", "gone", "moved"]


class Finding(Document):
    """A field, or without one a whole record, that is not as the CRM had acknowledged it; `lead` is its key."""

    destination: str
    object: str
    lead: str
    crm_id: str
    field: str | None = None
    mode: str | None = None
    outcome: Outcome
    says: str


class Looked(Document):
    """One destination. Records: looked at, as they should be, and by outcome; `begins` and `slot` say which they were."""

    slot: str
    begins: list[str] = Field(default_factory=list)
    looked: int = 0
    same: int = 0
    repaired: int = 0
    fighting: int = 0
    other_writer: int = 0
    reported: int = 0
    edited: int = 0
    gone: int = 0
    moved: int = 0
    calls: int = 0
    back: list[str] = Field(default_factory=list)
    """Fields that the CRM did not have and has again: they are written from now on."""
    skipped: str = ""
    """Why this destination was not looked at, or not to the end."""


class Audited(Document):
    """`pql audit`."""

    schema_: Literal["pqlsync/audit/1"] = Field(default="pqlsync/audit/1", alias="schema")
    dry_run: bool = False
    interrupted: bool = False
    destinations: dict[str, Looked] = Field(default_factory=dict)
    findings: list[Finding] = Field(default_factory=list)

    def add(self, name: str, looked: Looked, findings: list[Finding]) -> None:
        """One destination more."""
        self.destinations[name] = looked
        self.findings += findings

    def exit_code(self) -> int:
        """0 all is well or will be after the next push, 1 something needs a person or waits, 3 interrupted."""
        if self.interrupted:
            return 3
        needs = {"fighting", "other_writer", "reported"}
        waits = any(one.skipped for one in self.destinations.values())
        return 1 if waits or any(one.outcome in needs for one in self.findings) else 0


def finding(
    destination: str, row: dict[str, Any], outcome: Outcome, field: str | None = None, mode: str | None = None
) -> Finding:
    """What is said of a record or one of its fields."""
    return Finding(
        destination=destination,
        object=row["object"],
        lead=row["record_key"],
        crm_id=row["crm_id"],
        field=field,
        mode=mode,
        outcome=outcome,
        says=SAYS[outcome],
    )
