"""Alerts: what is open, what was told to whom, and work that a person has to look at."""

import sqlalchemy as sa
from alembic import op

from worker.store.tables.columns import Id, Json, Moment

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

STUCK = sa.text("status in ('rejected', 'dead')")


def upgrade() -> None:
    op.add_column("alert", sa.Column("seen_at", Moment(), nullable=True))
    op.add_column("alert", sa.Column("change", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.create_table(
        "alert_message",
        sa.Column("id", Id, nullable=False),
        sa.Column("workspace", sa.String(length=255), nullable=False),
        sa.Column("channel", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("change", sa.Integer(), nullable=False),
        sa.Column("facts", Json, nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("bundle", sa.BigInteger(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("next_at", Moment(), nullable=False),
        sa.Column("sent_at", Moment(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("workspace", "channel", "name", "change", name="uq_alert_message_workspace_channel_name_change"),
    )
    op.create_index("ix_alert_message_workspace_status_channel", "alert_message", ["workspace", "status", "channel"])
    op.create_table(
        "trouble",
        sa.Column("workspace", sa.String(length=255), nullable=False),
        sa.Column("what", sa.String(length=255), nullable=False),
        sa.Column("error", sa.String(length=64), nullable=False),
        sa.Column("says", sa.Text(), nullable=False),
        sa.Column("since", Moment(), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("workspace", "what"),
    )
    op.create_index(
        "ix_record_sync_stuck",
        "record_sync",
        ["workspace", "destination"],
        sqlite_where=STUCK,
        postgresql_where=STUCK,
    )
