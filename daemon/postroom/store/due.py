"""Timers, read: those that are due, for the ticker, and all of them, for people."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, select

from postroom.store import schema as t

MOST = 200  # in one look; the rest comes in the next


@dataclass(frozen=True, slots=True)
class DueTimer:
    """A timer whose moment has come. `journal_id` is that of the mail that its hold keeps."""

    id: int
    kind: str
    actor: str
    request_id: int | None
    delivery_id: int | None
    journal_id: int | None


@dataclass(frozen=True, slots=True)
class TimerView:
    """Something that becomes due. `remaining` counts seconds, while stopped."""

    id: int
    kind: str
    request: int | None
    hold: int | None
    due_at: datetime | None
    state: str
    remaining: int | None


_DUE = (
    select(
        t.timer.c.id,
        t.timer.c.kind,
        t.timer.c.actor,
        t.timer.c.request_id,
        t.timer.c.delivery_id,
        t.hold.c.journal_id,
    )
    .select_from(t.timer.outerjoin(t.hold, t.timer.c.hold_id == t.hold.c.id))
    .where(t.IS_ARMED, t.timer.c.due_at <= bindparam("now"))
    .order_by(t.timer.c.due_at, t.timer.c.id)
    .limit(MOST)
)


def due_timers(connection: Connection, now: datetime) -> list[DueTimer]:
    """Return what is due, in order."""
    return [DueTimer(*row) for row in connection.execute(_DUE, {"now": now})]


_NEXT = (
    select(t.timer.c.due_at)
    .where(t.IS_ARMED, t.timer.c.due_at.is_not(None))
    .order_by(t.timer.c.due_at)
    .limit(1)
)


def next_due_at(connection: Connection) -> datetime | None:
    """Return when the next timer is due; None when none is armed."""
    found: datetime | None = connection.execute(_NEXT).scalar()
    return found


def timers(connection: Connection, state: str | None = None) -> list[TimerView]:
    """Return the timers, soonest first; of one state if named."""
    query = select(t.timer).order_by(t.timer.c.due_at, t.timer.c.id)
    if state is not None:
        query = query.where(t.timer.c.state == state)
    return [
        TimerView(r.id, r.kind, r.request_id, r.hold_id, r.due_at, r.state, r.remaining)
        for r in connection.execute(query)
    ]
