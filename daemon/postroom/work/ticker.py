"""Timers: what is due is fired, in order, each in the transaction of its effects.

Promise: a timer fires once, however often it is tried. Used by: app, every second.
Fails:   never; a timer that cannot fire now stays armed and is tried again.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import structlog
from structlog.contextvars import bound_contextvars

from postroom.core.facts import Wish
from postroom.errors import NotAllowed, Unavailable
from postroom.store.apply import cancel_timer, postpone_timer
from postroom.store.due import DueTimer, due_timers
from postroom.work.desk import Desk, Settled
from postroom.work.readers import Readers
from postroom.work.review import end_hold, refuse_hold

log = structlog.get_logger()

RETRY_IN = timedelta(minutes=10)


def fire_due(desk: Desk, readers: Readers, on_mail: Callable[[], None] = lambda: None) -> int:
    """Fire every timer that is due; return how many fired."""
    with desk.database.read() as connection:
        due = due_timers(connection, desk.clock())
    fired = 0
    for timer in due:
        with bound_contextvars(timer=timer.id, kind=timer.kind):
            settled = _fire(desk, readers, timer)
            if settled is None:
                continue
            fired += 1
            log.info("timer.fired", request=settled.request_id)
        if settled.has_mail:
            on_mail()
    return fired


def _fire(desk: Desk, readers: Readers, timer: DueTimer) -> Settled | None:
    """Do what a timer is for; None when it was not this time."""
    try:
        return _do(desk, readers, timer)
    except NotAllowed as late:  # somebody was faster
        log.info("timer.obsolete", why=str(late))
        desk.database.write(lambda c: cancel_timer(c, timer.id))
        return None
    except Unavailable as away:
        log.warning("timer.failed", why=str(away))
        return None
    except Exception:
        # The top of a loop: one timer that fails must not keep the others from firing.
        log.exception("timer.failed")
        again = desk.clock() + RETRY_IN
        desk.database.write(lambda c: postpone_timer(c, timer.id, again))
        return None


def _do(desk: Desk, readers: Readers, timer: DueTimer) -> Settled:
    match timer:
        case DueTimer(kind="hold", journal_id=int() as journal_id):
            return end_hold(desk, readers, journal_id, Wish.OPEN, "timer")
        case DueTimer(kind="accept", journal_id=int() as journal_id):
            return end_hold(desk, readers, journal_id, Wish.ACCEPT, timer.actor, confirms=True)
        case DueTimer(kind="refuse", journal_id=int() as journal_id):
            return refuse_hold(desk, readers, journal_id, timer.actor, confirms=True)
        case DueTimer(kind="activate", request_id=int() as request_id):
            return desk.activate(timer.id, request_id)
        case DueTimer(kind="undelivered", delivery_id=int() as delivery_id):
            return desk.tell_undelivered(timer.id, delivery_id)
    raise NotAllowed(f"nothing is known of a timer of kind {timer.kind!r}")
