"""What ran and what was pulled: settings by hash, runs, cursors, the files of the lake, rows that could not be read."""

from sqlalchemy import BigInteger, Column, Float, Index, PrimaryKeyConstraint, String, Table, Text, UniqueConstraint

from worker.store.tables.columns import Id, Json, Moment, metadata, name

settings_version = Table(
    "settings_version",
    metadata,
    Column("id", Id, primary_key=True),
    name("workspace"),
    Column("hash", String(64), nullable=False),
    Column("text", Text, nullable=False),
    name("who"),
    Column("at", Moment, nullable=False),
    Index(None, "workspace", "id"),
)
run = Table(
    "run",
    metadata,
    Column("id", String(32), primary_key=True),
    name("workspace"),
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
    name("workspace"),
    name("source"),
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
    name("workspace"),
    name("source"),
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
    name("workspace"),
    name("source"),
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
