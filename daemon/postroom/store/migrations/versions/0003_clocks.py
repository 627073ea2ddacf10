"""Clocks and escalation chains of requests, and who has read them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from postroom.store.schema import UtcDateTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    none = sa.text("'none'")
    op.add_column(
        "request", sa.Column("chain_state", sa.Text(), nullable=False, server_default=none)
    )
    op.add_column("request", sa.Column("chain_due_at", UtcDateTime()))
    op.add_column("request", sa.Column("chain_remaining", sa.Integer()))
    op.add_column("request", sa.Column("clock_due_at", UtcDateTime()))
    empty = sa.text("''")
    op.add_column(
        "message", sa.Column("attached_text", sa.Text(), nullable=False, server_default=empty)
    )
    for name in ("owner_read_at", "handler_read_at", "customer_read_at"):
        op.add_column("request", sa.Column(name, UtcDateTime()))
