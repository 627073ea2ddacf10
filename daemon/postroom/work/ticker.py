"""Timers: what is due is fired, in order, each in the transaction of its effects.

Promise: a timer fires once, however often it is tried. Used by: app, every second.
Fails:   never; a timer that cannot fire now stays armed and is tried again.
"""

from __future__ import annotations

from collections.abc import Callable

import structlog

from postroom.core.facts import Wish
from postroom.errors import NotAllowed, PostroomError
from postroom.store import journal
from postroom.work.desk import Desk
from postroom.work.readers import Readers
from postroom.work.review import end_hold

log = structlog.get_logger()


def fire_due(desk: Desk, readers: Readers, on_mail: Callable[[], None] = lambda: None) -> int:
    """Fire every timer that is due; return how many fired."""
    with desk.database.read() as connection:
        due = journal.due_holds(connection, desk.clock())
    fired = 0
    for timer_id, journal_id in due:
        try:
            settled = end_hold(desk, readers, journal_id, Wish.OPEN, "timer")
        except NotAllowed:
            continue  # somebody was faster
        except PostroomError as error:
            log.warning("timer.failed", timer=timer_id, journal=journal_id, why=str(error))
            continue
        except Exception:
            # The top of a loop: one timer that fails must not keep the others from firing.
            log.exception("timer.failed", timer=timer_id, journal=journal_id)
            continue
        fired += 1
        log.info("timer.fired", timer=timer_id, journal=journal_id, request=settled.request_id)
        if settled.has_mail:
            on_mail()
    return fired
