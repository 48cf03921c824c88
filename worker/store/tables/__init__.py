"""
The tables of the store, the same on SQLite and Postgres. The SQL store is the truth; Celery and Redis only ring.

Decided here: columns, keys and uniqueness. Each table has one owner module in `worker.store`; no other module writes it.
Uniqueness is a constraint and the workspace is part of every unique key. Large, columnar things (events, attribute versions,
identity links, day roll-ups) are Parquet in the lake, listed in `lake_file`; see docs/architecture.md for the reason.
"""

from worker.store.tables.columns import Id, Json, Moment, metadata
from worker.store.tables.crm import crm_email, crm_mirror, crm_owner, drift, link, mirror_cursor
from worker.store.tables.effects import attempt, bulk_job, inbox, intent, lease, limiter, parked_field, record_sync
from worker.store.tables.people import lead, lead_state, outcome, transition
from worker.store.tables.routing import assignment, held, offer, pool, pool_member
from worker.store.tables.upkeep import alert, alert_message, audit, heartbeat, job_slot, paused, trouble
from worker.store.tables.usage import lake_file, quarantine, run, settings_version, source_cursor

__all__ = [
    "Id",
    "Json",
    "Moment",
    "alert",
    "alert_message",
    "assignment",
    "attempt",
    "audit",
    "bulk_job",
    "crm_email",
    "crm_mirror",
    "crm_owner",
    "drift",
    "heartbeat",
    "held",
    "inbox",
    "intent",
    "job_slot",
    "lake_file",
    "lead",
    "lead_state",
    "lease",
    "limiter",
    "link",
    "metadata",
    "mirror_cursor",
    "offer",
    "outcome",
    "parked_field",
    "paused",
    "pool",
    "pool_member",
    "quarantine",
    "record_sync",
    "run",
    "settings_version",
    "source_cursor",
    "transition",
    "trouble",
]
