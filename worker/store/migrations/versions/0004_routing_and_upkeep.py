"""Pools, assignments, what waits; slots, signs of life, pauses, audit."""

import sqlalchemy as sa
from alembic import op

from worker.store.tables.columns import Id, Json, Moment

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "alert",
        sa.Column("workspace", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("since", Moment(), nullable=False),
        sa.Column("facts", Json, nullable=True),
        sa.PrimaryKeyConstraint("workspace", "name"),
    )
    op.create_table(
        "assignment",
        sa.Column("id", Id, nullable=False),
        sa.Column("workspace", sa.String(length=255), nullable=False),
        sa.Column("lead_key", sa.String(length=255), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("play", sa.String(length=255), nullable=False),
        sa.Column("episode", sa.Integer(), nullable=False),
        sa.Column("hop", sa.Integer(), nullable=False),
        sa.Column("target", sa.String(length=16), nullable=False),
        sa.Column("assignee", sa.String(length=255), nullable=False),
        sa.Column("pool", sa.String(length=255), nullable=True),
        sa.Column("pool_seq", sa.BigInteger(), nullable=True),
        sa.Column("partner", sa.String(length=255), nullable=True),
        sa.Column("rule", sa.String(length=255), nullable=False),
        sa.Column("settings_hash", sa.String(length=64), nullable=False),
        sa.Column("inputs_hash", sa.String(length=64), nullable=True),
        sa.Column("reason", Json, nullable=False),
        sa.Column("respond_by", Moment(), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("decided_at", Moment(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("run_id", sa.String(length=32), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        op.f("ix_assignment_workspace_assignee_decided_at"),
        "assignment",
        ["workspace", "assignee", "decided_at"],
        unique=False,
    )
    op.create_index(op.f("ix_assignment_workspace_subject"), "assignment", ["workspace", "subject"], unique=False)
    op.create_index(
        "uq_assignment_active",
        "assignment",
        ["workspace", "lead_key", "play"],
        unique=True,
        sqlite_where=sa.text("active = 1"),
        postgresql_where=sa.text("active"),
    )
    op.create_table(
        "audit",
        sa.Column("id", Id, nullable=False),
        sa.Column("workspace", sa.String(length=255), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("who", sa.String(length=255), nullable=False),
        sa.Column("what", sa.String(length=255), nullable=False),
        sa.Column("detail", Json, nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_audit_workspace_at"), "audit", ["workspace", "at"], unique=False)
    op.create_table(
        "heartbeat",
        sa.Column("workspace", sa.String(length=255), nullable=False),
        sa.Column("worker", sa.String(length=255), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("doing", sa.String(length=255), nullable=True),
        sa.PrimaryKeyConstraint("workspace", "worker"),
    )
    op.create_table(
        "held",
        sa.Column("workspace", sa.String(length=255), nullable=False),
        sa.Column("lead_key", sa.String(length=255), nullable=False),
        sa.Column("play", sa.String(length=255), nullable=False),
        sa.Column("episode", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=255), nullable=False),
        sa.Column("detail", Json, nullable=True),
        sa.Column("since", Moment(), nullable=False),
        sa.Column("run_id", sa.String(length=32), nullable=True),
        sa.PrimaryKeyConstraint("workspace", "lead_key", "play"),
    )
    op.create_table(
        "job_slot",
        sa.Column("workspace", sa.String(length=255), nullable=False),
        sa.Column("job", sa.String(length=255), nullable=False),
        sa.Column("slot_start", Moment(), nullable=False),
        sa.Column("claimed_at", Moment(), nullable=False),
        sa.Column("owner", sa.String(length=128), nullable=True),
        sa.Column("ended_at", Moment(), nullable=True),
        sa.Column("outcome", sa.String(length=32), nullable=True),
        sa.PrimaryKeyConstraint("workspace", "job", "slot_start"),
    )
    op.create_table(
        "offer",
        sa.Column("id", Id, nullable=False),
        sa.Column("workspace", sa.String(length=255), nullable=False),
        sa.Column("assignment_id", sa.BigInteger(), nullable=False),
        sa.Column("partner", sa.String(length=255), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("disclosed_level", sa.Integer(), nullable=False),
        sa.Column("offered_at", Moment(), nullable=False),
        sa.Column("expires_at", Moment(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_offer_workspace_partner"), "offer", ["workspace", "partner"], unique=False)
    op.create_table(
        "paused",
        sa.Column("workspace", sa.String(length=255), nullable=False),
        sa.Column("what", sa.String(length=255), nullable=False),
        sa.Column("since", Moment(), nullable=False),
        sa.Column("who", sa.String(length=255), nullable=False),
        sa.Column("why", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("workspace", "what"),
    )
    op.create_table(
        "pool",
        sa.Column("workspace", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("workspace", "name"),
    )
    op.create_table(
        "pool_member",
        sa.Column("workspace", sa.String(length=255), nullable=False),
        sa.Column("pool", sa.String(length=255), nullable=False),
        sa.Column("member", sa.String(length=255), nullable=False),
        sa.Column("weight", sa.Integer(), nullable=False),
        sa.Column("credit", sa.BigInteger(), nullable=False),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("last_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("workspace", "pool", "member"),
    )
