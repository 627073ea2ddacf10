"""How much waits in the database, and for how long: for monitoring.

Promise: cheap however large the database is: indexes only, and no more than MOST rows of each.
Used by: work.watch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    TextClause,
    bindparam,
    func,
    or_,
    select,
    text,
)

from postroom.core.facts import BrakeFact
from postroom.core.model import Outcome
from postroom.store import schema as t
from postroom.store.due import next_due_at
from postroom.store.pause import pause_of
from postroom.store.schema import UtcDateTime

MOST = 10_000  # more is shown as this

# Written out, not bound: otherwise the planner cannot know that the partial indexes fit.
_IS_QUEUED = text("delivery.state IN ('waiting', 'uncertain')")
# What is put off to a later hour, and was never tried, does not wait yet.
_IS_WAITING = (
    t.delivery.c.due_at.is_not(None),
    or_(t.delivery.c.attempts > 0, t.delivery.c.due_at <= bindparam("now", type_=UtcDateTime)),
)


def _bounded(column: ColumnElement[int], *where: ColumnElement[bool] | TextClause) -> Select[Any]:
    some = select(column.label("id")).where(*where).limit(MOST).subquery()
    return select(func.count()).select_from(some)


_WAITING = select(t.delivery.c.id, t.delivery.c.outbox_id).where(_IS_QUEUED, *_IS_WAITING)
_SOME = _WAITING.order_by(t.delivery.c.due_at).limit(MOST).subquery()
# Numbers are given in the order of time.
_OUTBOX = select(func.count(), func.min(_SOME.c.outbox_id)).select_from(_SOME)
_QUEUED_AT = select(t.outbox.c.at).where(t.outbox.c.id == bindparam("id"))
_UNCERTAIN = _bounded(t.delivery.c.id, _IS_QUEUED, t.delivery.c.due_at.is_(None))
_HOLDS = _bounded(t.hold.c.id, t.hold.c.state == "waiting")
_QUARANTINED = _bounded(t.journal.c.id, t.journal.c.outcome == Outcome.QUARANTINED.value)


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits at a moment; counts up to MOST."""

    outbox: int
    outbox_since: datetime | None
    uncertain: int
    holds: int
    quarantined: int
    timer_due_at: datetime | None
    is_paused: bool


def waiting(connection: Connection, now: datetime) -> Waiting:
    """Return what waits. For a reading connection."""
    count, first = connection.execute(_OUTBOX, {"now": now}).one()
    since = connection.execute(_QUEUED_AT, {"id": first}).scalar() if first is not None else None
    return Waiting(
        outbox=count,
        outbox_since=since,
        uncertain=connection.execute(_UNCERTAIN).scalar_one(),
        holds=connection.execute(_HOLDS).scalar_one(),
        quarantined=connection.execute(_QUARANTINED).scalar_one(),
        timer_due_at=next_due_at(connection),
        is_paused=pause_of(connection) is not None,
    )


def brakes(connection: Connection, keys: Sequence[str]) -> dict[str, BrakeFact]:
    """Return these brakes, as far as there are rows of them."""
    columns = t.brake.c.key, t.brake.c.tokens, t.brake.c.at, t.brake.c.version
    rows = connection.execute(select(*columns).where(t.brake.c.key.in_(keys)))
    return {row.key: BrakeFact(*row) for row in rows}
