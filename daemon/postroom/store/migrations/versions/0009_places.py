"""Where the files of a mail lie in it, so that they are cut out without reading it again.

What is there already has no place, and is read."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("attachment", sa.Column("encoding", sa.Text()))
    op.add_column("attachment", sa.Column("body_offset", sa.Integer()))
    op.add_column("attachment", sa.Column("body_length", sa.Integer()))
    if op.get_bind().dialect.name == "postgresql":
        # Mail is mostly base64, which packs badly; unpacked, a range of it is read by itself.
        op.execute("ALTER TABLE raw_mail ALTER COLUMN raw SET STORAGE EXTERNAL")
