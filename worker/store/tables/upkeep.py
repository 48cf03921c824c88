"""Running the thing: slots, signs of life, pauses, alerts, who did what."""

from sqlalchemy import BigInteger, Column, Index, Integer, PrimaryKeyConstraint, String, Table, Text, UniqueConstraint, text

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
    # name: condition and subject; state: open, over; `change` grows with each of them, `seen_at` is when it last was so
    Column("state", String(16), nullable=False),
    Column("since", Moment, nullable=False),
    Column("facts", Json),
    Column("seen_at", Moment),
    Column("change", Integer, nullable=False, server_default=text("0")),
    PrimaryKeyConstraint("workspace", "name"),
)
alert_message = Table(
    "alert_message",
    metadata,
    # one change of one alert for one channel; status: waiting, sending, sent, given_up
    Column("id", Id, primary_key=True),
    name("workspace"),
    name("channel"),
    name("name"),
    Column("change", Integer, nullable=False),
    Column("facts", Json, nullable=False),
    Column("at", Moment, nullable=False),
    Column("status", String(16), nullable=False),
    # the id of the first message that is sent together with this one, and never apart from then on
    Column("bundle", BigInteger),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("next_at", Moment, nullable=False),
    Column("sent_at", Moment),
    Column("last_error", Text),
    UniqueConstraint("workspace", "channel", "name", "change"),
    Index(None, "workspace", "status", "channel"),
)
trouble = Table(
    "trouble",
    metadata,
    # work that a person has to look at: what (a kind of work and what it is about), since when, in what words
    name("workspace"),
    name("what"),
    Column("error", String(64), nullable=False),
    Column("says", Text, nullable=False),
    Column("since", Moment, nullable=False),
    Column("at", Moment, nullable=False),
    PrimaryKeyConstraint("workspace", "what"),
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
