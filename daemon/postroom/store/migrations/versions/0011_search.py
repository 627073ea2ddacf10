"""Search: an index of words, and facets, by which lists are filtered."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context, op

from postroom.store import indexing, word_index

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_NAMES = ("phase", "status", "owner", "category", "priority", "type", "mailbox")


def upgrade() -> None:
    big_id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "facet",
        sa.Column("id", big_id, autoincrement=True, nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in _NAMES),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint(*_NAMES),
        sqlite_autoincrement=True,
    )
    kind = "INTEGER" if op.get_context().dialect.name == "sqlite" else "BIGINT"
    op.execute(f"ALTER TABLE request ADD COLUMN facet_id {kind} REFERENCES facet (id)")
    values = {name: f"request.{name}" for name in _NAMES} | {"owner": "coalesce(request.owner, '')"}
    listed = ", ".join(values.values())
    op.execute(f"INSERT INTO facet ({', '.join(_NAMES)}) SELECT DISTINCT {listed} FROM request")
    is_same = " AND ".join(f"facet.{name} = {value}" for name, value in values.items())
    op.execute(f"UPDATE request SET facet_id = (SELECT facet.id FROM facet WHERE {is_same})")
    op.drop_index("request_by_owner", "request")
    op.drop_index("request_by_phase", "request")
    op.create_index(op.f("ix_request_facet_id"), "request", ["facet_id"])
    op.create_index("request_by_creation", "request", ["created_at", "id", "facet_id"])
    op.create_index("request_by_change", "request", ["updated_at", "id", "facet_id"])
    connection = op.get_bind()
    word_index.create(connection)
    progress = context.config.attributes.get("progress")
    total = indexing.count(connection)
    for done in indexing.fill(connection):
        if progress is not None:
            progress(done, total)
