"""Answers by mail: reply addresses of handlers, shown recipients, drafts, more kinds of timers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    empty = sa.text("'{}'")
    op.add_column(
        "request", sa.Column("generations", sa.JSON(), nullable=False, server_default=empty)
    )
    op.add_column(
        "message",
        sa.Column("is_draft", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.add_column("message", sa.Column("thread_index", sa.Text()))
    op.add_column(
        "timer", sa.Column("delivery_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"))
    )
    op.add_column(
        "timer", sa.Column("actor", sa.Text(), nullable=False, server_default=sa.text("'timer'"))
    )
    op.add_column("outbox", sa.Column("reply_object", sa.BigInteger()))
    op.add_column("outbox", sa.Column("to_addresses", sa.JSON()))
    op.add_column("outbox", sa.Column("cc_addresses", sa.JSON()))
    op.add_column("outbox", sa.Column("thread_index", sa.Text()))
