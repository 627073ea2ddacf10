"""Raw mail that lies in an object store."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from postroom.store.schema import BigId, KeyText

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "raw_object",
        sa.Column("journal_id", BigId, nullable=False, autoincrement=False),
        sa.Column("key", KeyText, nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["journal_id"], ["journal.id"]),
        sa.PrimaryKeyConstraint("journal_id"),
        sa.UniqueConstraint("key"),
    )
