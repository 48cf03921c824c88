"""
What the store forgets, and when: a little at each sweep, so that no transaction is long and nothing grows for ever.

Decided here: how long each kind of row is kept. Who did what (`audit`), states, intents and links are kept for good: they
are the memory of what was said to whom. Not decided here: when usage is compacted (the lake).
"""

from __future__ import annotations

from datetime import timedelta

from worker.store import alerts, attempts, beats, bulk_jobs, landing, runs, slots
from worker.store.database import Store

DAY = timedelta(days=1)
SIGNS_KEPT, SLOTS_KEPT, ALERTS_KEPT, JOBS_KEPT = DAY, 30 * DAY, 30 * DAY, 30 * DAY
QUARANTINE_KEPT, REPORTS_KEPT = 90 * DAY, 90 * DAY
AT_ONCE = 500
"""Attempts deleted at once: each names up to two hundred records with their values."""


def forget(store: Store) -> int:
    """Delete what is older than it has to be; how many rows went."""
    with store.write() as tx:
        now = tx.now()
        gone = beats.forget(tx, now - SIGNS_KEPT) + slots.forget(tx, now - SLOTS_KEPT) + alerts.forget(tx, now - ALERTS_KEPT)
        gone += landing.forget_quarantined(tx, now - QUARANTINE_KEPT) + bulk_jobs.forget(tx, now - JOBS_KEPT)
        runs.forget(tx, now - REPORTS_KEPT)
        return gone + attempts.forget(tx, now - attempts.KEPT, AT_ONCE)
