"""How an address's last mails ended, to learn its signature."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("address", sa.Column("endings", sa.JSON()))
