"""What one of several nodes does at a time."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from postroom.store.schema import UtcDateTime

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "lease",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("until", UtcDateTime, nullable=False),
        sa.Column("notes", sa.JSON(none_as_null=True)),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_lease")),
    )
