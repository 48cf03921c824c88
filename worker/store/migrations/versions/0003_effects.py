"""Wanted records, intents, attempts, leases."""

import sqlalchemy as sa
from alembic import op

from worker.store.tables.columns import Id, Json, Moment

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "attempt",
        sa.Column("id", Id, nullable=False),
        sa.Column("workspace", sa.String(length=255), nullable=False),
        sa.Column("run_id", sa.String(length=32), nullable=True),
        sa.Column("destination", sa.String(length=255), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("keys", Json, nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=True),
        sa.Column("started_at", Moment(), nullable=False),
        sa.Column("ended_at", Moment(), nullable=True),
        sa.Column("request_digest", sa.String(length=64), nullable=True),
        sa.Column("http_status", sa.Integer(), nullable=True),
        sa.Column("outcome", sa.String(length=32), nullable=True),
        sa.Column("answers", Json, nullable=True),
        sa.Column("trace_id", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        op.f("ix_attempt_workspace_outcome_started_at"), "attempt", ["workspace", "outcome", "started_at"], unique=False
    )
    op.create_index(op.f("ix_attempt_workspace_run_id"), "attempt", ["workspace", "run_id"], unique=False)
    op.create_table(
        "inbox",
        sa.Column("workspace", sa.String(length=255), nullable=False),
        sa.Column("source", sa.String(length=255), nullable=False),
        sa.Column("event_id", sa.String(length=255), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("workspace", "source", "event_id"),
    )
    op.create_table(
        "intent",
        sa.Column("id", Id, nullable=False),
        sa.Column("workspace", sa.String(length=255), nullable=False),
        sa.Column("crm", sa.String(length=255), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("effect_key", sa.String(length=64), nullable=False),
        sa.Column("lead_key", sa.String(length=255), nullable=False),
        sa.Column("play", sa.String(length=255), nullable=False),
        sa.Column("episode", sa.Integer(), nullable=False),
        sa.Column("hop", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("payload", Json, nullable=False),
        sa.Column("payload_hash", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("crm_id", sa.String(length=255), nullable=True),
        sa.Column("created_run_id", sa.String(length=32), nullable=True),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("confirmed_at", Moment(), nullable=True),
        sa.Column("superseded_by", sa.BigInteger(), nullable=True),
        sa.Column("context", Json, nullable=True),
        sa.Column("handoff_state", sa.String(length=24), nullable=True),
        sa.Column("claimed_by", sa.String(length=128), nullable=True),
        sa.Column("fence", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("claim_until", Moment(), nullable=True),
        sa.Column("next_attempt_at", Moment(), nullable=True),
        sa.Column("uncertain_until", Moment(), nullable=True),
        sa.Column("attempt_id", sa.BigInteger(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("blind_attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("last_error_class", sa.String(length=32), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("workspace", "effect_key", "kind", name=op.f("uq_intent_workspace_effect_key_kind")),
    )
    op.create_index(
        op.f("ix_intent_workspace_crm_status_next_attempt_at"),
        "intent",
        ["workspace", "crm", "status", "next_attempt_at"],
        unique=False,
    )
    op.create_index(op.f("ix_intent_workspace_lead_key"), "intent", ["workspace", "lead_key"], unique=False)
    op.create_table(
        "lease",
        sa.Column("workspace", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("owner", sa.String(length=128), nullable=True),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("workspace", "name"),
    )
    op.create_table(
        "limiter",
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("free_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "parked_field",
        sa.Column("workspace", sa.String(length=255), nullable=False),
        sa.Column("destination", sa.String(length=255), nullable=False),
        sa.Column("object", sa.String(length=32), nullable=False),
        sa.Column("field", sa.String(length=255), nullable=False),
        sa.Column("since", Moment(), nullable=False),
        sa.Column("why", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("workspace", "destination", "object", "field"),
    )
    op.create_table(
        "record_sync",
        sa.Column("workspace", sa.String(length=255), nullable=False),
        sa.Column("destination", sa.String(length=255), nullable=False),
        sa.Column("record_key", sa.String(length=255), nullable=False),
        sa.Column("object", sa.String(length=32), nullable=False),
        sa.Column("crm_id", sa.String(length=255), nullable=True),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("wanted", Json, nullable=False),
        sa.Column("wanted_hash", sa.String(length=64), nullable=False),
        sa.Column("acknowledged", Json, nullable=False),
        sa.Column("ack_seq", sa.BigInteger(), nullable=False),
        sa.Column("reformatted", Json, nullable=True),
        sa.Column("because", Json, nullable=True),
        sa.Column("account", sa.String(length=255), nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("priority", sa.Integer(), server_default=sa.text("5"), nullable=False),
        sa.Column("run_id", sa.String(length=32), nullable=True),
        sa.Column("parked", Json, nullable=True),
        sa.Column("claimed_by", sa.String(length=128), nullable=True),
        sa.Column("fence", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("claim_until", Moment(), nullable=True),
        sa.Column("next_attempt_at", Moment(), nullable=True),
        sa.Column("uncertain_until", Moment(), nullable=True),
        sa.Column("attempt_id", sa.BigInteger(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("blind_attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("last_error_class", sa.String(length=32), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("workspace", "destination", "record_key"),
    )
    op.create_index(
        "ix_record_sync_due",
        "record_sync",
        ["workspace", "destination", "priority", "object", "account"],
        unique=False,
        sqlite_where=sa.text("status = 'due'"),
        postgresql_where=sa.text("status = 'due'"),
    )
    op.create_index(
        "ix_record_sync_sending",
        "record_sync",
        ["workspace", "claim_until"],
        unique=False,
        sqlite_where=sa.text("status = 'sending'"),
        postgresql_where=sa.text("status = 'sending'"),
    )
    op.create_index(
        "ix_record_sync_unknown",
        "record_sync",
        ["workspace", "destination", "priority", "object", "account"],
        unique=False,
        sqlite_where=sa.text("status = 'unknown'"),
        postgresql_where=sa.text("status = 'unknown'"),
    )
