"""The outbox at a standstill: nothing is claimed until somebody says `outbox resume`.

Promise: a pause outlives every restart; once it is committed no further mail is claimed, on any
node. What was claimed before is still sent.
Used by: work.sender (asks), store.restored (pauses), store.figures, cli (pause, resume, list).
Fails:   NotAllowed for resuming what is not paused.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, func, insert, null, select, text, update

from postroom.errors import NotAllowed
from postroom.store import queue
from postroom.store.prepared import Prepared
from postroom.store.schema import delivery, outbox, pause

OUTBOX = "outbox"
# Prepared: the sender asks before every batch.
_PAUSE = Prepared(
    select(pause.c.since, pause.c.actor, pause.c.why).where(pause.c.what == text(f"'{OUTBOX}'"))
)
# Written out, not bound: only so does the planner know that the partial index has all such rows.
_IS_WAITING = text("delivery.state IN ('waiting', 'uncertain')")
# Of mail that was on its way at a backup: only a human can find out what became of it.
_DOUBT = (
    update(delivery)
    .where(text("delivery.state IN ('sending', 'uncertain')"))
    .values(state="uncertain", due_at=null(), lease_until=None)
)


@dataclass(frozen=True, slots=True)
class Pause:
    """Since when the outbox stands still, who wanted it, and why."""

    since: datetime
    actor: str
    why: str


def pause_of(connection: Connection) -> Pause | None:
    """Return the pause of the outbox, if there is one."""
    row = _PAUSE.first(connection, {})
    return Pause(*row) if row is not None else None


def begin(connection: Connection, now: datetime, actor: str, why: str) -> Pause:
    """Let the outbox stand still; a pause that there is already stays as it is."""
    found = pause_of(connection)
    if found is not None:
        return found
    connection.execute(insert(pause), {"what": OUTBOX, "since": now, "actor": actor, "why": why})
    return Pause(now, actor, why)


def end(connection: Connection, now: datetime, actor: str, *, cancels: bool = False) -> int:
    """Let the outbox go on; `cancels`: without the mail that was in it when it was paused.

    Returns how many deliveries were cancelled.
    """
    found = pause_of(connection)
    if found is None:
        raise NotAllowed("the outbox is not paused")
    old = _older(connection, found.since) if cancels else []
    for delivery_id in old:
        queue.cancel(connection, delivery_id, now, actor)
    connection.execute(delete(pause).where(pause.c.what == OUTBOX))
    return len(old)


def doubt(connection: Connection, response: str) -> int:
    """Make uncertain, for a human, what was being sent; return how many deliveries that are."""
    return connection.execute(_DOUBT.values(last_response=response)).rowcount


def waiting(connection: Connection) -> int:
    """Return how many deliveries wait to be sent by themselves."""
    query = (
        select(func.count())
        .select_from(delivery)
        .where(_IS_WAITING, delivery.c.due_at.is_not(None))
    )
    return int(connection.execute(query).scalar_one())


def _older(connection: Connection, since: datetime) -> list[int]:
    query = (
        select(delivery.c.id).join_from(delivery, outbox).where(_IS_WAITING, outbox.c.at <= since)
    )
    # Asked for their order SQLite would go through all that was ever sent.
    return sorted(connection.execute(query).scalars())
