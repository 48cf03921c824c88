"""Running the thing: slots, signs of life, pauses, alerts, who did what."""

from sqlalchemy import Column, Index, PrimaryKeyConstraint, String, Table, Text

from worker.store.tables.columns import Id, Json, Moment, metadata, name

job_slot = Table(
    "job_slot",
    metadata,
    name("workspace"),
    name("job"),
    Column("slot_start", Moment, nullable=False),
    Column("claimed_at", Moment, nullable=False),
    Column("owner", String(128)),
    Column("ended_at", Moment),
    Column("outcome", String(32)),
    PrimaryKeyConstraint("workspace", "job", "slot_start"),
)
heartbeat = Table(
    "heartbeat",
    metadata,
    name("workspace"),
    name("worker"),
    Column("at", Moment, nullable=False),
    Column("doing", String(255)),
    PrimaryKeyConstraint("workspace", "worker"),
)
paused = Table(
    "paused",
    metadata,
    name("workspace"),
    name("what"),
    Column("since", Moment, nullable=False),
    name("who"),
    Column("why", Text),
    PrimaryKeyConstraint("workspace", "what"),
)
alert = Table(
    "alert",
    metadata,
    name("workspace"),
    name("name"),
    Column("state", String(16), nullable=False),
    Column("since", Moment, nullable=False),
    Column("facts", Json),
    PrimaryKeyConstraint("workspace", "name"),
)
audit = Table(
    "audit",
    metadata,
    Column("id", Id, primary_key=True),
    name("workspace"),
    Column("at", Moment, nullable=False),
    name("who"),
    name("what"),
    Column("detail", Json),
    Index(None, "workspace", "at"),
)
