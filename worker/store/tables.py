"""
The tables of the store, the same on SQLite and Postgres. The SQL store is the truth; Celery and Redis only ring.

Decided here: columns, keys and uniqueness. Each table has one owner module in this folder; no other module writes it.
Uniqueness is a constraint and the workspace is part of every unique key. Large, columnar things (events, attribute versions,
identity links, day roll-ups) are Parquet in the lake, listed in `lake_file`; see docs/architecture.md for the reason.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Float,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

metadata = MetaData(
    naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s", "uq": "uq_%(table_name)s_%(column_0_N_name)s"}
)


class Moment(TypeDecorator[datetime]):
    """An aware UTC moment. SQLite keeps it as text without zone, Postgres as timestamptz."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone. Pass an aware moment.")
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002 (the signature is SQLAlchemy's)
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)  # type: ignore[no-any-return]  # a datetime


Json = JSON().with_variant(JSONB(), "postgresql")
Id = BigInteger().with_variant(Integer(), "sqlite")


def _name(column: str, **more: Any) -> Column[Any]:
    return Column(column, String(255), nullable=False, **more)


def _claim() -> list[Column[Any]]:
    """The columns by which one worker holds a row for the length of one call; all times are the database's."""
    return [
        Column("claimed_by", String(128)),
        Column("fence", BigInteger, nullable=False, server_default=text("0")),
        Column("claim_until", Moment),
        Column("next_attempt_at", Moment),
        Column("attempt_id", BigInteger),
        Column("attempts", Integer, nullable=False, server_default=text("0")),
        # attempts that never came to an outcome because the process died; five of them make a row `dead`
        Column("blind_attempts", Integer, nullable=False, server_default=text("0")),
        Column("last_error_class", String(32)),
        Column("last_error", Text),
    ]


settings_version = Table(
    "settings_version",
    metadata,
    Column("id", Id, primary_key=True),
    _name("workspace"),
    Column("hash", String(64), nullable=False),
    Column("text", Text, nullable=False),
    _name("who"),
    Column("at", Moment, nullable=False),
    Index(None, "workspace", "id"),
)
run = Table(
    "run",
    metadata,
    Column("id", String(32), primary_key=True),
    _name("workspace"),
    Column("as_of", Moment, nullable=False),
    Column("settings_sha", String(64), nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("ended_at", Moment),
    # running, done, partial, held, failed, interrupted
    Column("status", String(16), nullable=False),
    Column("step", String(16)),
    Column("report", Json),
    Index(None, "workspace", "as_of"),
)
source_cursor = Table(
    "source_cursor",
    metadata,
    _name("workspace"),
    _name("source"),
    Column("stream", String(16), nullable=False),
    Column("cursor", Text),
    Column("pulled_at", Moment),
    Column("newest_arrival", Moment),
    Column("newest_event", Moment),
    Column("last_rows", BigInteger),
    Column("usual_rows", Float),
    PrimaryKeyConstraint("workspace", "source", "stream"),
)
lake_file = Table(
    "lake_file",
    metadata,
    # kind: events, users, accounts, links, rollup, side; `key` names the event day of a roll-up or the hash of its columns
    Column("id", Id, primary_key=True),
    _name("workspace"),
    _name("source"),
    Column("kind", String(16), nullable=False),
    Column("key", String(128)),
    Column("path", Text, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("min_at", Moment),
    Column("max_at", Moment),
    Column("min_arrived", Moment),
    Column("max_arrived", Moment),
    Column("facts", Json),
    Column("created_at", Moment, nullable=False),
    Column("run_id", String(32)),
    UniqueConstraint("workspace", "path"),
    Index(None, "workspace", "kind", "source"),
)
quarantine = Table(
    "quarantine",
    metadata,
    Column("id", Id, primary_key=True),
    _name("workspace"),
    _name("source"),
    Column("stream", String(16), nullable=False),
    Column("where", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("raw", Text),
    Column("at", Moment, nullable=False),
    Column("run_id", String(32)),
    Column("digest", String(64), nullable=False),
    Column("status", String(16), nullable=False),
    UniqueConstraint("workspace", "source", "stream", "digest"),
)
lead = Table(
    "lead",
    metadata,
    _name("workspace"),
    _name("lead_key"),
    _name("user_id"),
    Column("account_id", String(255)),
    Column("first_seen", Moment, nullable=False),
    PrimaryKeyConstraint("workspace", "lead_key"),
    UniqueConstraint("workspace", "user_id"),
)
lead_state = Table(
    "lead_state",
    metadata,
    _name("workspace"),
    _name("lead_key"),
    _name("definition"),
    Column("state", String(16), nullable=False),
    Column("episode", Integer, nullable=False),
    Column("reason", String(255)),
    Column("since", Moment, nullable=False),
    Column("entered_at", Moment),
    Column("first_at", Moment),
    Column("facts", Json),
    Column("run_id", String(32)),
    PrimaryKeyConstraint("workspace", "lead_key", "definition"),
)
transition = Table(
    "transition",
    metadata,
    Column("id", Id, primary_key=True),
    _name("workspace"),
    _name("lead_key"),
    _name("definition"),
    Column("episode", Integer, nullable=False),
    Column("from_state", String(16), nullable=False),
    Column("to_state", String(16), nullable=False),
    Column("at", Moment, nullable=False),
    Column("cause", String(16), nullable=False),
    Column("detail", Json),
    Column("run_id", String(32)),
    Index(None, "workspace", "lead_key"),
    Index(None, "workspace", "run_id"),
)
crm_mirror = Table(
    "crm_mirror",
    metadata,
    _name("workspace"),
    _name("destination"),
    Column("object", String(32), nullable=False),
    _name("id"),
    Column("name", Text),
    Column("account", String(255)),
    Column("domain", String(255)),
    Column("owner", String(255)),
    Column("stage", String(255)),
    Column("key", String(255)),
    Column("is_customer", Boolean, nullable=False),
    Column("do_not_contact", Boolean, nullable=False),
    Column("open", Boolean, nullable=False),
    Column("won", Boolean, nullable=False),
    Column("phone", String(255)),
    Column("last_activity", Moment),
    Column("modified", Moment),
    Column("created", Moment),
    Column("deleted", Boolean, nullable=False),
    Column("moved_to", String(255)),
    Column("fields", Json, nullable=False),
    PrimaryKeyConstraint("workspace", "destination", "object", "id"),
    Index(None, "workspace", "destination", "account"),
)
crm_email = Table(
    "crm_email",
    metadata,
    _name("workspace"),
    _name("destination"),
    Column("object", String(32), nullable=False),
    _name("id"),
    Column("email", String(320), nullable=False),
    Column("primary", Boolean, nullable=False),
    PrimaryKeyConstraint("workspace", "destination", "object", "id", "email"),
)
crm_owner = Table(
    "crm_owner",
    metadata,
    _name("workspace"),
    _name("destination"),
    _name("id"),
    Column("email", String(320), nullable=False),
    Column("name", Text),
    Column("active", Boolean, nullable=False),
    Column("kind", String(8), nullable=False),
    PrimaryKeyConstraint("workspace", "destination", "id"),
)
mirror_cursor = Table(
    "mirror_cursor",
    metadata,
    _name("workspace"),
    _name("destination"),
    Column("object", String(32), nullable=False),
    Column("cursor", Text),
    Column("complete", Boolean, nullable=False),
    Column("read_at", Moment, nullable=False),
    PrimaryKeyConstraint("workspace", "destination", "object"),
)
link = Table(
    "link",
    metadata,
    # status: active, merged_into, converted_to, deleted; at most one active link per record
    Column("id", Id, primary_key=True),
    _name("workspace"),
    _name("destination"),
    _name("record_key"),
    Column("object", String(32), nullable=False),
    _name("crm_id"),
    Column("status", String(16), nullable=False),
    Column("how", String(16)),
    Column("verified_at", Moment, nullable=False),
    Index(
        "uq_link_active",
        "workspace",
        "destination",
        "record_key",
        unique=True,
        sqlite_where=text("status = 'active'"),
        postgresql_where=text("status = 'active'"),
    ),
    Index(None, "workspace", "destination", "crm_id"),
)
record_sync = Table(
    "record_sync",
    metadata,
    # record_key is the lead's or the account's own key; status: in_sync, due, sending, unknown, rejected, unmatched, needs_review, dead
    _name("workspace"),
    _name("destination"),
    _name("record_key"),
    Column("object", String(32), nullable=False),
    Column("crm_id", String(255)),
    Column("seq", BigInteger, nullable=False),
    Column("wanted", Json, nullable=False),
    Column("wanted_hash", String(64), nullable=False),
    Column("acknowledged", Json, nullable=False),
    Column("ack_seq", BigInteger, nullable=False),
    Column("because", Json),
    Column("status", String(16), nullable=False),
    Column("priority", Integer, nullable=False, server_default=text("5")),
    Column("run_id", String(32)),
    Column("parked", Json),
    *_claim(),
    PrimaryKeyConstraint("workspace", "destination", "record_key"),
    Index(None, "workspace", "destination", "status", "next_attempt_at"),
)
intent = Table(
    "intent",
    metadata,
    # kind: task_create, task_move, task_close; status: planned, sending, unknown, confirmed, rejected, needs_review, dead, superseded, cancelled
    Column("id", Id, primary_key=True),
    _name("workspace"),
    _name("crm"),
    Column("kind", String(16), nullable=False),
    Column("effect_key", String(64), nullable=False),
    _name("lead_key"),
    _name("play"),
    Column("episode", Integer, nullable=False),
    Column("hop", Integer, nullable=False, server_default=text("0")),
    Column("payload", Json, nullable=False),
    Column("payload_hash", String(64), nullable=False),
    Column("status", String(16), nullable=False),
    Column("crm_id", String(255)),
    Column("created_run_id", String(32)),
    Column("created_at", Moment, nullable=False),
    Column("confirmed_at", Moment),
    Column("superseded_by", BigInteger),
    Column("context", Json),
    Column("handoff_state", String(24)),
    *_claim(),
    UniqueConstraint("workspace", "effect_key", "kind"),
    Index(None, "workspace", "crm", "status", "next_attempt_at"),
    Index(None, "workspace", "lead_key"),
)
attempt = Table(
    "attempt",
    metadata,
    # kind: record_write, record_read, task_create, task_find, ...; keys: per key what was sent, its seq and what it replaced
    Column("id", Id, primary_key=True),
    _name("workspace"),
    Column("run_id", String(32)),
    _name("destination"),
    Column("kind", String(16), nullable=False),
    Column("keys", Json, nullable=False),
    Column("fence", BigInteger),
    Column("started_at", Moment, nullable=False),
    Column("ended_at", Moment),
    Column("request_digest", String(64)),
    Column("http_status", Integer),
    Column("outcome", String(32)),
    Column("answers", Json),
    Column("trace_id", String(64), nullable=False),
    Index(None, "workspace", "run_id"),
    Index(None, "workspace", "outcome", "started_at"),
)
lease = Table(
    "lease",
    metadata,
    _name("workspace"),
    _name("name"),
    Column("owner", String(128)),
    Column("fence", BigInteger, nullable=False),
    Column("expires_at", Moment, nullable=False),
    PrimaryKeyConstraint("workspace", "name"),
)
pool = Table(
    "pool",
    metadata,
    _name("workspace"),
    _name("name"),
    Column("seq", BigInteger, nullable=False),
    PrimaryKeyConstraint("workspace", "name"),
)
pool_member = Table(
    "pool_member",
    metadata,
    _name("workspace"),
    _name("pool"),
    _name("member"),
    Column("weight", Integer, nullable=False),
    Column("credit", BigInteger, nullable=False),
    Column("received", BigInteger, nullable=False),
    Column("last_seq", BigInteger, nullable=False),
    PrimaryKeyConstraint("workspace", "pool", "member"),
)
assignment = Table(
    "assignment",
    metadata,
    # subject: the lead's or, with one task per account, the account's key; target: rep, queue, partner, joins
    Column("id", Id, primary_key=True),
    _name("workspace"),
    _name("lead_key"),
    _name("subject"),
    _name("play"),
    Column("episode", Integer, nullable=False),
    Column("hop", Integer, nullable=False),
    Column("target", String(16), nullable=False),
    _name("assignee"),
    Column("pool", String(255)),
    Column("pool_seq", BigInteger),
    Column("partner", String(255)),
    _name("rule"),
    Column("settings_hash", String(64), nullable=False),
    Column("inputs_hash", String(64)),
    Column("reason", Json, nullable=False),
    Column("respond_by", Moment),
    Column("state", String(16), nullable=False),
    Column("decided_at", Moment, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("run_id", String(32)),
    Index(
        "uq_assignment_active",
        "workspace",
        "lead_key",
        "play",
        unique=True,
        sqlite_where=text("active = 1"),
        postgresql_where=text("active"),
    ),
    Index(None, "workspace", "assignee", "decided_at"),
    Index(None, "workspace", "subject"),
)
offer = Table(
    "offer",
    metadata,
    Column("id", Id, primary_key=True),
    _name("workspace"),
    Column("assignment_id", BigInteger, nullable=False),
    _name("partner"),
    Column("state", String(16), nullable=False),
    Column("version", Integer, nullable=False),
    Column("disclosed_level", Integer, nullable=False),
    Column("offered_at", Moment, nullable=False),
    Column("expires_at", Moment),
    Index(None, "workspace", "partner"),
)
held = Table(
    "held",
    metadata,
    # a qualified lead whose handoff waits: capacity, unmatched, needs_review, no evidence, first run; visible, tried again each run
    _name("workspace"),
    _name("lead_key"),
    _name("play"),
    Column("episode", Integer, nullable=False),
    _name("reason"),
    Column("detail", Json),
    Column("since", Moment, nullable=False),
    Column("run_id", String(32)),
    PrimaryKeyConstraint("workspace", "lead_key", "play"),
)
inbox = Table(
    "inbox",
    metadata,
    _name("workspace"),
    _name("source"),
    _name("event_id"),
    Column("at", Moment, nullable=False),
    PrimaryKeyConstraint("workspace", "source", "event_id"),
)
job_slot = Table(
    "job_slot",
    metadata,
    _name("workspace"),
    _name("job"),
    Column("slot_start", Moment, nullable=False),
    Column("claimed_at", Moment, nullable=False),
    Column("owner", String(128)),
    Column("ended_at", Moment),
    Column("outcome", String(32)),
    PrimaryKeyConstraint("workspace", "job", "slot_start"),
)
outcome = Table(
    "outcome",
    metadata,
    Column("id", Id, primary_key=True),
    _name("workspace"),
    _name("destination"),
    _name("record_key"),
    _name("name"),
    Column("value", Text),
    Column("seen_at", Moment, nullable=False),
    Column("at", Moment),
    Index(None, "workspace", "record_key"),
)
heartbeat = Table(
    "heartbeat",
    metadata,
    _name("workspace"),
    _name("worker"),
    Column("at", Moment, nullable=False),
    Column("doing", String(255)),
    PrimaryKeyConstraint("workspace", "worker"),
)
paused = Table(
    "paused",
    metadata,
    _name("workspace"),
    _name("what"),
    Column("since", Moment, nullable=False),
    _name("who"),
    Column("why", Text),
    PrimaryKeyConstraint("workspace", "what"),
)
alert = Table(
    "alert",
    metadata,
    _name("workspace"),
    _name("name"),
    Column("state", String(16), nullable=False),
    Column("since", Moment, nullable=False),
    Column("facts", Json),
    PrimaryKeyConstraint("workspace", "name"),
)
audit = Table(
    "audit",
    metadata,
    Column("id", Id, primary_key=True),
    _name("workspace"),
    Column("at", Moment, nullable=False),
    _name("who"),
    _name("what"),
    Column("detail", Json),
    Index(None, "workspace", "at"),
)
