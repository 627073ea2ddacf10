"""The outbox can be paused; mails that a restore gave another number."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from postroom.store.schema import UtcDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "pause",
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("what"),
    )
    op.create_table(
        "spool_move",
        sa.Column("spool_name", sa.Text(), nullable=False),
        sa.Column("spool_number", sa.BigInteger(), nullable=False),
        sa.Column("to_name", sa.Text(), nullable=False),
        sa.Column("to_number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("spool_name", "spool_number"),
    )
