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
from postroom.store import journal
from postroom.store.apply import postpone_timer
from postroom.work.desk import Desk, Settled
from postroom.work.readers import Readers
from postroom.work.review import end_hold

log = structlog.get_logger()

RETRY_IN = timedelta(minutes=10)


def fire_due(desk: Desk, readers: Readers, on_mail: Callable[[], None] = lambda: None) -> int:
    """Fire every timer that is due; return how many fired."""
    with desk.database.read() as connection:
        due = journal.due_holds(connection, desk.clock())
    fired = 0
    for timer_id, journal_id in due:
        with bound_contextvars(timer=timer_id, journal=journal_id):
            settled = _fire(desk, readers, timer_id, journal_id)
            if settled is None:
                continue
            fired += 1
            log.info("timer.fired", request=settled.request_id)
        if settled.has_mail:
            on_mail()
    return fired


def _fire(desk: Desk, readers: Readers, timer_id: int, journal_id: int) -> Settled | None:
    """Open a held mail whose time is over; None when it was not this time."""
    try:
        return end_hold(desk, readers, journal_id, Wish.OPEN, "timer")
    except NotAllowed:
        return None  # somebody was faster
    except Unavailable as away:
        log.warning("timer.failed", why=str(away))
        return None
    except Exception:
        # The top of a loop: one timer that fails must not keep the others from firing.
        log.exception("timer.failed")
        again = desk.clock() + RETRY_IN
        desk.database.write(lambda c: postpone_timer(c, timer_id, again))
        return None
