"""
Work that stopped for a reason that a person has to mend is noted in the store, and forgotten once it was done again.

Decided here: which errors are such: all but those that pass by themselves (a CRM that does not answer, another process that
was first) or were asked for (a saved plan that no longer fits). What nobody foresaw is noted by its kind alone, because its
text may hold anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from connectors.errors import ConnectorError, TryLater
from worker.lake.files import LakeDamaged, LakeRefused
from worker.steps.planning.commit import Overtaken
from worker.store import troubles
from worker.store.database import Store
from worker.store.errors import StoreError
from worker.wiring.evaluating import Moved
from worker.wiring.masking import masked

log = structlog.get_logger("pql")
RUN = "run"
PASSING = (TryLater, Overtaken, Moved)
SAID = (ConnectorError, StoreError, LakeDamaged, LakeRefused)
UNFORESEEN = "Something unforeseen; the log has its trace."
_NOTED = "pql_noted"


@contextmanager
def noted(store: Store, what: str) -> Iterator[None]:
    """Note what stops this work, and that it goes on; what was noted on its way here is noted once."""
    try:
        yield
    except PASSING:
        raise
    except Exception as problem:
        if not getattr(problem, _NOTED, False):
            note(store, what, problem)
        raise
    settled(store, what)


def note(store: Store, what: str, problem: Exception) -> None:
    """This work stopped."""
    says = masked(str(problem)) if isinstance(problem, SAID) else UNFORESEEN
    setattr(problem, _NOTED, True)
    try:
        with store.write() as tx:
            troubles.note(tx, what, type(problem).__name__, says)
    except Exception as other:  # noqa: BLE001  the store itself may be what stopped it
        log.warning("unnoted", work=what, error=type(other).__name__)


def settled(store: Store, *works: str) -> None:
    """This work was done."""
    with store.read() as tx:
        known = {row["what"] for row in troubles.every(tx)} & set(works)
    if known:
        with store.write() as tx:
            for what in sorted(known):
                troubles.clear(tx, what)
