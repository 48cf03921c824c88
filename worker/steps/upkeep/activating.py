"""
Make settings the active ones.

Decided here: other settings are a reason to try again what a CRM refused or did not have under the ones before. Not decided
here: what a version is (the store).
"""

from __future__ import annotations

from settings.root import Settings
from worker.store import audit, intents, records, versions
from worker.store.database import Store

REFUSED = ("rejected",)


def activate(store: Store, settings: Settings, who: str) -> tuple[str, bool]:
    """Store these settings as the version that workers use; its hash, and whether it is another than before."""
    with store.write() as tx:
        first = versions.active(tx) is None
        hash, is_new = versions.activate(tx, settings.text, who)
        if is_new:
            audit.add(tx, who, "activate", {"hash": hash})
            records.unpark_all(tx)
        if is_new and not first:
            for name in settings.destinations:
                records.retry(tx, name, REFUSED)
                intents.retry(tx, name, REFUSED)
    return hash, is_new
