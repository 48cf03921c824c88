"""What is wanted in a CRM, what it acknowledged, and every call that was made for it."""

from sqlalchemy import BigInteger, Column, Index, Integer, PrimaryKeyConstraint, String, Table, Text, UniqueConstraint, text

from worker.store.tables.columns import Id, Json, Moment, claim, metadata, name

record_sync = Table(
    "record_sync",
    metadata,
    # record_key is the lead's or the account's own key;
    # status: in_sync, due, sending, unknown, rejected, unmatched, needs_review, dead
    name("workspace"),
    name("destination"),
    name("record_key"),
    Column("object", String(32), nullable=False),
    Column("crm_id", String(255)),
    Column("seq", BigInteger, nullable=False),
    Column("wanted", Json, nullable=False),
    Column("wanted_hash", String(64), nullable=False),
    Column("acknowledged", Json, nullable=False),
    Column("ack_seq", BigInteger, nullable=False),
    # what we sent where the CRM gave it back in another form, so that its form is not taken for a difference
    Column("reformatted", Json),
    Column("because", Json),
    # the CRM's id of the account, by which rows are sorted so that two workers do not meet at one row lock
    Column("account", String(255)),
    Column("status", String(16), nullable=False),
    Column("priority", Integer, nullable=False, server_default=text("5")),
    Column("run_id", String(32)),
    # fields left out of the last write because the CRM does not have them
    Column("parked", Json),
    *claim(),
    PrimaryKeyConstraint("workspace", "destination", "record_key"),
    # partial, so that no other question is answered from them: before its first ANALYZE Postgres would take an index that
    # begins like the primary key for that
    *(
        Index(
            f"ix_record_sync_{status}",
            *("workspace", "destination", "priority", "object", "account"),
            sqlite_where=text(f"status = '{status}'"),
            postgresql_where=text(f"status = '{status}'"),
        )
        for status in ("due", "unknown")
    ),
    Index(
        "ix_record_sync_stuck",
        "workspace",
        "destination",
        sqlite_where=text("status in ('rejected', 'dead')"),
        postgresql_where=text("status in ('rejected', 'dead')"),
    ),
    Index(
        "ix_record_sync_sending",
        "workspace",
        "claim_until",
        sqlite_where=text("status = 'sending'"),
        postgresql_where=text("status = 'sending'"),
    ),
)
intent = Table(
    "intent",
    metadata,
    # kind: task_create, task_move, task_close
    # status: planned, sending, unknown, confirmed, rejected, needs_review, dead, superseded, cancelled
    Column("id", Id, primary_key=True),
    name("workspace"),
    name("crm"),
    Column("kind", String(16), nullable=False),
    Column("effect_key", String(64), nullable=False),
    name("lead_key"),
    name("play"),
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
    *claim(),
    UniqueConstraint("workspace", "effect_key", "kind"),
    Index(None, "workspace", "crm", "status", "next_attempt_at"),
    Index(None, "workspace", "lead_key"),
)
attempt = Table(
    "attempt",
    metadata,
    # kind: record_write, record_read, task_create, task_find, ...; keys: per key what was sent, its seq and what it replaced
    Column("id", Id, primary_key=True),
    name("workspace"),
    Column("run_id", String(32)),
    name("destination"),
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
    # the job that carries these rows; such an attempt ends with the job, however long that takes
    Column("bulk_job_id", BigInteger),
    Index(None, "workspace", "run_id"),
    Index(None, "workspace", "outcome", "started_at"),
    Index(
        "ix_attempt_bulk_job",
        *("workspace", "bulk_job_id"),
        sqlite_where=text("bulk_job_id IS NOT NULL"),
        postgresql_where=text("bulk_job_id IS NOT NULL"),
    ),
)
bulk_job = Table(
    "bulk_job",
    metadata,
    # stage: filling, filled, opened, uploaded, closed; then done, dropped, lost.
    # `job` is the CRM's id; it is stored before anything is uploaded
    Column("id", Id, primary_key=True),
    name("workspace"),
    name("destination"),
    Column("object", String(32), nullable=False),
    Column("fields", Json, nullable=False),
    Column("row_count", Integer, nullable=False, server_default=text("0")),
    Column("stage", String(16), nullable=False),
    Column("job", String(64)),
    Column("run_id", String(32)),
    Column("looks", Integer, nullable=False, server_default=text("0")),
    # why it came to nothing; empty where its process died
    Column("error", Text),
    Column("begun_at", Moment, nullable=False),
    Column("ended_at", Moment),
    # the next look at what the CRM says of it
    Column("look_at", Moment),
    Column("claimed_by", String(128)),
    Column("fence", BigInteger, nullable=False, server_default=text("0")),
    Column("claim_until", Moment),
    Index(None, "workspace", "destination", "ended_at"),
)
lease = Table(
    "lease",
    metadata,
    name("workspace"),
    name("name"),
    Column("owner", String(128)),
    Column("fence", BigInteger, nullable=False),
    Column("expires_at", Moment, nullable=False),
    PrimaryKeyConstraint("workspace", "name"),
)
inbox = Table(
    "inbox",
    metadata,
    name("workspace"),
    name("source"),
    name("event_id"),
    Column("at", Moment, nullable=False),
    PrimaryKeyConstraint("workspace", "source", "event_id"),
)
parked_field = Table(
    "parked_field",
    metadata,
    # a field the CRM turned out not to have; it is left out until somebody provisions it and unparks it
    name("workspace"),
    name("destination"),
    Column("object", String(32), nullable=False),
    name("field"),
    Column("since", Moment, nullable=False),
    Column("why", Text),
    PrimaryKeyConstraint("workspace", "destination", "object", "field"),
)
limiter = Table(
    "limiter",
    metadata,
    # the next free slot in microseconds since 1970, database time; the name is CRM, portal and limit, never a token
    name("name", primary_key=True),
    Column("free_at", BigInteger, nullable=False),
    # what all who call share: gap, window, our own calls in it, until when the day is lean
    Column("learned", Json),
)
