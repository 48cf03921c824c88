"""What the drift audit found to hold something else than the CRM had acknowledged."""

import sqlalchemy as sa
from alembic import op

from worker.store.tables.columns import Moment

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "drift",
        sa.Column("workspace", sa.String(length=255), nullable=False),
        sa.Column("destination", sa.String(length=255), nullable=False),
        sa.Column("record_key", sa.String(length=255), nullable=False),
        sa.Column("field", sa.String(length=255), nullable=False),
        sa.Column("object", sa.String(length=32), nullable=False),
        sa.Column("crm_id", sa.String(length=255), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("first_seen", Moment(), nullable=False),
        sa.Column("seen_at", Moment(), nullable=False),
        sa.Column("repaired_at", Moment(), nullable=True),
        sa.PrimaryKeyConstraint("workspace", "destination", "record_key", "field"),
    )
    op.create_index("ix_drift_workspace_seen_at", "drift", ["workspace", "seen_at"], unique=False)
