"""When all clocks followed a policy, and from when the wait for a level counts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from postroom.store.schema import UtcDateTime

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("policy_activation", sa.Column("followed_at", UtcDateTime()))
    op.add_column("request", sa.Column("chain_since", UtcDateTime()))
