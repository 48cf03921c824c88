"""Leads, the state of each in each definition, every transition with its cause, and what people answered."""

from sqlalchemy import Column, Index, Integer, PrimaryKeyConstraint, String, Table, Text, UniqueConstraint

from worker.store.tables.columns import Id, Json, Moment, metadata, name

lead = Table(
    "lead",
    metadata,
    name("workspace"),
    name("lead_key"),
    name("user_id"),
    Column("account_id", String(255)),
    Column("first_seen", Moment, nullable=False),
    PrimaryKeyConstraint("workspace", "lead_key"),
    UniqueConstraint("workspace", "user_id"),
)
lead_state = Table(
    "lead_state",
    metadata,
    name("workspace"),
    name("lead_key"),
    name("definition"),
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
    name("workspace"),
    name("lead_key"),
    name("definition"),
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
outcome = Table(
    "outcome",
    metadata,
    Column("id", Id, primary_key=True),
    name("workspace"),
    name("destination"),
    name("record_key"),
    name("name"),
    Column("value", Text),
    Column("seen_at", Moment, nullable=False),
    Column("at", Moment),
    Index(None, "workspace", "record_key"),
)
