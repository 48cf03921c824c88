"""Runs, settings, what was pulled; leads and their states."""

import sqlalchemy as sa
from alembic import op

from worker.store.tables.columns import Id, Json, Moment

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "lake_file",
        sa.Column("id", Id, nullable=False),
        sa.Column("workspace", sa.String(length=255), nullable=False),
        sa.Column("source", sa.String(length=255), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("key", sa.String(length=128), nullable=True),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("min_at", Moment(), nullable=True),
        sa.Column("max_at", Moment(), nullable=True),
        sa.Column("min_arrived", Moment(), nullable=True),
        sa.Column("max_arrived", Moment(), nullable=True),
        sa.Column("facts", Json, nullable=True),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("run_id", sa.String(length=32), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("workspace", "path", name=op.f("uq_lake_file_workspace_path")),
    )
    op.create_index(op.f("ix_lake_file_workspace_kind_source"), "lake_file", ["workspace", "kind", "source"], unique=False)
    op.create_table(
        "lead",
        sa.Column("workspace", sa.String(length=255), nullable=False),
        sa.Column("lead_key", sa.String(length=255), nullable=False),
        sa.Column("user_id", sa.String(length=255), nullable=False),
        sa.Column("account_id", sa.String(length=255), nullable=True),
        sa.Column("first_seen", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("workspace", "lead_key"),
        sa.UniqueConstraint("workspace", "user_id", name=op.f("uq_lead_workspace_user_id")),
    )
    op.create_table(
        "lead_state",
        sa.Column("workspace", sa.String(length=255), nullable=False),
        sa.Column("lead_key", sa.String(length=255), nullable=False),
        sa.Column("definition", sa.String(length=255), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("episode", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=255), nullable=True),
        sa.Column("since", Moment(), nullable=False),
        sa.Column("entered_at", Moment(), nullable=True),
        sa.Column("first_at", Moment(), nullable=True),
        sa.Column("facts", Json, nullable=True),
        sa.Column("run_id", sa.String(length=32), nullable=True),
        sa.PrimaryKeyConstraint("workspace", "lead_key", "definition"),
    )
    op.create_table(
        "outcome",
        sa.Column("id", Id, nullable=False),
        sa.Column("workspace", sa.String(length=255), nullable=False),
        sa.Column("destination", sa.String(length=255), nullable=False),
        sa.Column("record_key", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("value", sa.Text(), nullable=True),
        sa.Column("seen_at", Moment(), nullable=False),
        sa.Column("at", Moment(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_outcome_workspace_record_key"), "outcome", ["workspace", "record_key"], unique=False)
    op.create_table(
        "quarantine",
        sa.Column("id", Id, nullable=False),
        sa.Column("workspace", sa.String(length=255), nullable=False),
        sa.Column("source", sa.String(length=255), nullable=False),
        sa.Column("stream", sa.String(length=16), nullable=False),
        sa.Column("where", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("raw", sa.Text(), nullable=True),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("run_id", sa.String(length=32), nullable=True),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint(
            "workspace", "source", "stream", "digest", name=op.f("uq_quarantine_workspace_source_stream_digest")
        ),
    )
    op.create_table(
        "run",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("workspace", sa.String(length=255), nullable=False),
        sa.Column("as_of", Moment(), nullable=False),
        sa.Column("settings_sha", sa.String(length=64), nullable=False),
        sa.Column("started_at", Moment(), nullable=False),
        sa.Column("ended_at", Moment(), nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("step", sa.String(length=16), nullable=True),
        sa.Column("report", Json, nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_run_workspace_as_of"), "run", ["workspace", "as_of"], unique=False)
    op.create_table(
        "settings_version",
        sa.Column("id", Id, nullable=False),
        sa.Column("workspace", sa.String(length=255), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("who", sa.String(length=255), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_settings_version_workspace_id"), "settings_version", ["workspace", "id"], unique=False)
    op.create_table(
        "source_cursor",
        sa.Column("workspace", sa.String(length=255), nullable=False),
        sa.Column("source", sa.String(length=255), nullable=False),
        sa.Column("stream", sa.String(length=16), nullable=False),
        sa.Column("cursor", sa.Text(), nullable=True),
        sa.Column("pulled_at", Moment(), nullable=True),
        sa.Column("newest_arrival", Moment(), nullable=True),
        sa.Column("newest_event", Moment(), nullable=True),
        sa.Column("last_rows", sa.BigInteger(), nullable=True),
        sa.Column("usual_rows", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("workspace", "source", "stream"),
    )
    op.create_table(
        "transition",
        sa.Column("id", Id, nullable=False),
        sa.Column("workspace", sa.String(length=255), nullable=False),
        sa.Column("lead_key", sa.String(length=255), nullable=False),
        sa.Column("definition", sa.String(length=255), nullable=False),
        sa.Column("episode", sa.Integer(), nullable=False),
        sa.Column("from_state", sa.String(length=16), nullable=False),
        sa.Column("to_state", sa.String(length=16), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("cause", sa.String(length=16), nullable=False),
        sa.Column("detail", Json, nullable=True),
        sa.Column("run_id", sa.String(length=32), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_transition_workspace_lead_key"), "transition", ["workspace", "lead_key"], unique=False)
    op.create_index(op.f("ix_transition_workspace_run_id"), "transition", ["workspace", "run_id"], unique=False)
