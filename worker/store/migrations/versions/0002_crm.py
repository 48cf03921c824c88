"""What is in a CRM, and links to it."""

import sqlalchemy as sa
from alembic import op

from worker.store.tables.columns import Id, Json, Moment

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "crm_email",
        sa.Column("workspace", sa.String(length=255), nullable=False),
        sa.Column("destination", sa.String(length=255), nullable=False),
        sa.Column("object", sa.String(length=32), nullable=False),
        sa.Column("id", sa.String(length=255), nullable=False),
        sa.Column("email", sa.String(length=320), nullable=False),
        sa.Column("primary", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("workspace", "destination", "object", "id", "email"),
    )
    op.create_table(
        "crm_mirror",
        sa.Column("workspace", sa.String(length=255), nullable=False),
        sa.Column("destination", sa.String(length=255), nullable=False),
        sa.Column("object", sa.String(length=32), nullable=False),
        sa.Column("id", sa.String(length=255), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("account", sa.String(length=255), nullable=True),
        sa.Column("domain", sa.String(length=255), nullable=True),
        sa.Column("owner", sa.String(length=255), nullable=True),
        sa.Column("stage", sa.String(length=255), nullable=True),
        sa.Column("key", sa.String(length=255), nullable=True),
        sa.Column("is_customer", sa.Boolean(), nullable=False),
        sa.Column("do_not_contact", sa.Boolean(), nullable=False),
        sa.Column("open", sa.Boolean(), nullable=False),
        sa.Column("won", sa.Boolean(), nullable=False),
        sa.Column("phone", sa.String(length=255), nullable=True),
        sa.Column("last_activity", Moment(), nullable=True),
        sa.Column("modified", Moment(), nullable=True),
        sa.Column("created", Moment(), nullable=True),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.Column("moved_to", sa.String(length=255), nullable=True),
        sa.Column("fields", Json, nullable=False),
        sa.PrimaryKeyConstraint("workspace", "destination", "object", "id"),
    )
    op.create_index(
        op.f("ix_crm_mirror_workspace_destination_account"),
        "crm_mirror",
        ["workspace", "destination", "account"],
        unique=False,
    )
    op.create_table(
        "crm_owner",
        sa.Column("workspace", sa.String(length=255), nullable=False),
        sa.Column("destination", sa.String(length=255), nullable=False),
        sa.Column("id", sa.String(length=255), nullable=False),
        sa.Column("email", sa.String(length=320), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.PrimaryKeyConstraint("workspace", "destination", "id"),
    )
    op.create_table(
        "link",
        sa.Column("id", Id, nullable=False),
        sa.Column("workspace", sa.String(length=255), nullable=False),
        sa.Column("destination", sa.String(length=255), nullable=False),
        sa.Column("record_key", sa.String(length=255), nullable=False),
        sa.Column("object", sa.String(length=32), nullable=False),
        sa.Column("crm_id", sa.String(length=255), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("how", sa.String(length=16), nullable=True),
        sa.Column("verified_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        op.f("ix_link_workspace_destination_crm_id"), "link", ["workspace", "destination", "crm_id"], unique=False
    )
    op.create_index(
        "uq_link_active",
        "link",
        ["workspace", "destination", "record_key"],
        unique=True,
        sqlite_where=sa.text("status = 'active'"),
        postgresql_where=sa.text("status = 'active'"),
    )
    op.create_table(
        "mirror_cursor",
        sa.Column("workspace", sa.String(length=255), nullable=False),
        sa.Column("destination", sa.String(length=255), nullable=False),
        sa.Column("object", sa.String(length=32), nullable=False),
        sa.Column("cursor", sa.Text(), nullable=True),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.Column("fields_hash", sa.String(length=64), nullable=True),
        sa.Column("read_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("workspace", "destination", "object"),
    )
