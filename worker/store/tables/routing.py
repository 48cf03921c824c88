"""Whose turn it is, who got what and why, and what waits."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, PrimaryKeyConstraint, String, Table, text

from worker.store.tables.columns import Id, Json, Moment, metadata, name

pool = Table(
    "pool",
    metadata,
    name("workspace"),
    name("name"),
    Column("seq", BigInteger, nullable=False),
    PrimaryKeyConstraint("workspace", "name"),
)
pool_member = Table(
    "pool_member",
    metadata,
    name("workspace"),
    name("pool"),
    name("member"),
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
    name("workspace"),
    name("lead_key"),
    name("subject"),
    name("play"),
    Column("episode", Integer, nullable=False),
    Column("hop", Integer, nullable=False),
    Column("target", String(16), nullable=False),
    name("assignee"),
    Column("pool", String(255)),
    Column("pool_seq", BigInteger),
    Column("partner", String(255)),
    name("rule"),
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
    name("workspace"),
    Column("assignment_id", BigInteger, nullable=False),
    name("partner"),
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
    # a qualified lead whose handoff waits: capacity, unmatched, needs_review, no evidence, first run;
    # visible, tried again each run
    name("workspace"),
    name("lead_key"),
    name("play"),
    Column("episode", Integer, nullable=False),
    name("reason"),
    Column("detail", Json),
    Column("since", Moment, nullable=False),
    Column("run_id", String(32)),
    PrimaryKeyConstraint("workspace", "lead_key", "play"),
)
