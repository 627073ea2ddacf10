"""The daily mails of handlers: their timers, and what they are about.

Promise: each handler who wants one has one armed timer, however often it is planned; one that is
due is left alone, so that a restart after its moment sends it.
Used by: work.digests.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, bindparam, insert, select, update

from postroom.core.chains import ChainState
from postroom.core.digests import DIGEST, Own, OwnHold, OwnRequest
from postroom.core.model import Phase, ReadStatus
from postroom.store import schema as t

MOST = 2_000  # requests of one handler; the mail names the first hundred

_ARMED = (
    select(t.timer.c.id, t.timer.c.actor, t.timer.c.due_at)
    .where(t.timer.c.kind == DIGEST, t.IS_ARMED)
    .order_by(t.timer.c.due_at, t.timer.c.id)
)
_THIS = (t.timer.c.id == bindparam("this"), t.IS_ARMED)
_MOVE = update(t.timer).where(*_THIS).values(due_at=bindparam("at", type_=t.timer.c.due_at.type))
_CANCEL = update(t.timer).where(*_THIS).values(state="cancelled")
_REQUESTS = (
    select(t.request)
    .where(
        t.request.c.facet_id.in_(
            select(t.facet.c.id).where(
                t.facet.c.owner == bindparam("owner"),
                t.facet.c.phase.in_([Phase.ACTIVE.value, Phase.POSTPONED.value]),
            )
        )
    )
    .order_by(t.request.c.id)
    .limit(MOST)
)
_HOLDS = (
    select(t.journal.c.from_address, t.journal.c.subject, t.hold.c.reason, t.hold.c.until)
    .join_from(t.hold, t.journal, t.hold.c.journal_id == t.journal.c.id)
    .where(t.hold.c.state == "waiting", t.hold.c.responsible == bindparam("responsible"))
    .order_by(t.hold.c.id)
    .limit(MOST)
)


def plan(connection: Connection, wanted: Mapping[str, datetime], now: datetime) -> None:
    """Arm a timer for each of these handlers, and for nobody else."""
    missing = dict(wanted)
    for number, handler, due_at in connection.execute(_ARMED).all():
        at = missing.pop(handler, None)
        if at is None:
            connection.execute(_CANCEL, {"this": number})
        elif now < due_at != at:
            connection.execute(_MOVE, {"this": number, "at": at})
    for handler, at in missing.items():
        row = {"kind": DIGEST, "actor": handler, "due_at": at, "state": "armed"}
        connection.execute(insert(t.timer), row)


def load_own(connection: Connection, handler: str) -> Own:
    """Return what is a handler's: open requests, and held mail that he decides about."""
    requests = connection.execute(_REQUESTS, {"owner": handler})
    holds = connection.execute(_HOLDS, {"responsible": handler})
    return Own(
        tuple(
            OwnRequest(
                id=row.id,
                subject=row.subject,
                phase=Phase(row.phase),
                read_status=ReadStatus(row.read_status),
                dues={
                    "first reply": row.first_reply_due_at,
                    "next reply": row.next_reply_due_at,
                    "deadline": row.deadline_at,
                },
                level=row.escalation_level,
                chain=ChainState(row.chain_state),
                postponed_until=row.postponed_until,
            )
            for row in requests
        ),
        tuple(OwnHold(*row) for row in holds),
    )
