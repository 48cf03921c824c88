"""Many changes may go to a CRM as one job, which outlives the process that made it."""

import sqlalchemy as sa
from alembic import op

from worker.store.tables.columns import Id, Json, Moment

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "bulk_job",
        sa.Column("id", Id, primary_key=True),
        sa.Column("workspace", sa.String(255), nullable=False),
        sa.Column("destination", sa.String(255), nullable=False),
        sa.Column("object", sa.String(32), nullable=False),
        sa.Column("fields", Json, nullable=False),
        sa.Column("row_count", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("stage", sa.String(16), nullable=False),
        sa.Column("job", sa.String(64)),
        sa.Column("run_id", sa.String(32)),
        sa.Column("looks", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("error", sa.Text),
        sa.Column("begun_at", Moment, nullable=False),
        sa.Column("ended_at", Moment),
        sa.Column("look_at", Moment),
        sa.Column("claimed_by", sa.String(128)),
        sa.Column("fence", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        sa.Column("claim_until", Moment),
    )
    op.create_index("ix_bulk_job_workspace_destination_ended_at", "bulk_job", ["workspace", "destination", "ended_at"])
    op.add_column("attempt", sa.Column("bulk_job_id", sa.BigInteger, nullable=True))
    op.create_index(
        "ix_attempt_bulk_job",
        "attempt",
        ["workspace", "bulk_job_id"],
        sqlite_where=sa.text("bulk_job_id IS NOT NULL"),
        postgresql_where=sa.text("bulk_job_id IS NOT NULL"),
    )
