"""Indexes that no statement uses: each mail was paying for them."""

from __future__ import annotations

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table, column in (
        ("message_ref", "request_id"),
        ("outbox", "journal_id"),
        ("participant", "contact_id"),
    ):
        op.drop_index(f"ix_{table}_{column}", table)
