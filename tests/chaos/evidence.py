"""
What the checker looks at: the sandbox's ledger and calls, and the store. Nothing else, and nothing of what the product says
about itself while it works.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from connectors.fields import OWNER, salesforce_name
from connectors.sandbox.serve import Endpoint
from worker.store.database import Store
from worker.store.tables import attempt, intent, record_sync
from worker.store.values import unpacked

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Names:
    """How a CRM calls what we write, and which calls write it (method, part of the path)."""

    crm: str
    objects: Mapping[str, str]
    """Its objects under our names."""
    owner: str
    closed: Mapping[str, str]
    """Fields of a task that is done."""
    subject: str
    writing: Sequence[tuple[str, str]]
    unowned: frozenset[str] = frozenset()
    """Owners that count as nobody."""

    def field(self, name: str) -> str:
        if name == OWNER:
            return self.owner
        return salesforce_name(name) if self.crm == "salesforce" and name.startswith("pql_") else name


HUBSPOT = Names(
    "hubspot",
    {"contact": "contact", "company": "company", "task": "task"},
    "hubspot_owner_id",
    {"hs_task_status": "COMPLETED"},
    "hs_task_subject",
    [
        ("POST", "contacts/batch/update"),
        ("POST", "contacts/batch/create"),
        ("POST", "companies/batch/update"),
        ("POST", "tasks/batch/create"),
        ("PATCH", "/tasks/"),
    ],
)
SALESFORCE = Names(
    "salesforce",
    {"Lead": "lead", "Contact": "contact", "Account": "company", "Task": "task"},
    "OwnerId",
    {"Status": "Completed"},
    "Subject",
    [("PATCH", "composite/sobjects"), ("POST", "composite/sobjects"), ("PATCH", "sobjects/Task/")],
)
READING = ("composite/sobjects/",)


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything there is to be judged by, once all is quiet."""

    names: Names
    ledger: Sequence[Row]
    requests: Sequence[Row]
    records: Sequence[Row]
    """Rows of record_sync, their fields unpacked."""
    intents: Sequence[Row]
    attempts: Sequence[Row]
    respected: frozenset[str] = frozenset()
    """Fields in which a person's word counts (`respect_human`)."""
    appended: frozenset[str] = frozenset()
    """Fields of several values, `;` between them, to which we only add (`append`)."""
    reported: Mapping[str, int] | None = None
    """What all reports together said, where there is a report of every push."""
    dropped: frozenset[str] = field(default=frozenset())
    """Fields that the CRM lost meanwhile."""


def gather(names: Names, endpoint: Endpoint, store: Store, since: tuple[int, int] = (0, 0), **more: Any) -> Evidence:
    """Everything after those sequence numbers of the ledger and of the calls."""
    with store.read() as tx:
        records = [row | {"wanted": unpacked(row["wanted"])} for row in tx.dicts(select(record_sync))]
        intents = [row | {"payload": unpacked(row["payload"])} for row in tx.dicts(select(intent).order_by(intent.c.id))]
        attempts = tx.dicts(select(attempt).order_by(attempt.c.id))
    return Evidence(names, endpoint.ledger(since[0]), endpoint.requests(since[1]), records, intents, attempts, **more)
