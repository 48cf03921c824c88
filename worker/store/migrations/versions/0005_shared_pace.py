"""What the answers' headers said is shared by all who call."""

import sqlalchemy as sa
from alembic import op

from worker.store.tables.columns import Json

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("limiter", sa.Column("learned", Json, nullable=True))
