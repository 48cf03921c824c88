"""
Write down what is wanted before anything is sent: record state and tasks in one transaction.

Decided here: nothing leaves for a CRM that is not committed first. Losing the bell that rings afterwards costs time only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from worker.store import intents, records
from worker.store.crash import point
from worker.store.database import Store, Tx
from worker.store.intents import Planned
from worker.store.records import Want


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a plan wants: records by destination, and tasks in the CRM where people work."""

    records: Mapping[str, Sequence[Want]] = field(default_factory=dict)
    tasks: Mapping[str, Sequence[Planned]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Committed:
    """What of it was news, and the task keys that were refused because they stand for another payload."""

    records: Mapping[str, records.Wanted]
    tasks: Mapping[str, intents.Outcome]


def commit(store: Store, wishes: Wishes, run_id: str | None = None, also: Callable[[Tx], None] | None = None) -> Committed:
    """Store all wishes, and what `also` writes with them (assignments, states), or nothing of it."""
    with store.write() as tx:
        if also is not None:
            also(tx)
        wanted = {name: records.want(tx, name, rows, run_id) for name, rows in wishes.records.items()}
        planned = {name: intents.plan(tx, name, rows, run_id) for name, rows in wishes.tasks.items()}
        point("K1")
    point("K2")
    return Committed(wanted, planned)
