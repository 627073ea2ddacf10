"""Timers: what is due is fired, in order, each in the transaction of its effects.

Promise: a timer fires once, however often it is tried, and whatever is done to the clock.
Used by: worker, twice a second; work.simulation, whose clock jumps from one timer to the next.
Fails:   never; a timer that cannot fire now stays armed and is tried again.

One timer is decided beside the database's writer, as a command is; a crowd inside the writer's
transactions, several in each, so that ten thousand levels of one second do not take a minute.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import timedelta
from functools import partial

import structlog
from structlog.contextvars import bound_contextvars

from postroom import failpoints
from postroom.core import escalation, timers
from postroom.core.facts import Wish
from postroom.errors import Conflict, NotAllowed, Unavailable
from postroom.store.apply import cancel_timer, postpone_timer
from postroom.store.due import MOST, DueTimer, due_timers
from postroom.work import digests
from postroom.work.desk import Desk, Fire, Settled
from postroom.work.readers import Readers
from postroom.work.review import end_hold, refuse_hold

log = structlog.get_logger()

RETRY_IN = timedelta(minutes=10)
BUDGET = 0.8  # seconds of one call: then whoever calls looks at the world, and calls again
WINDOW = 96  # decisions that wait for the writer at a time; mail waits behind no more of them


def fire_due(
    desk: Desk,
    readers: Readers,
    on_mail: Callable[[], None] = lambda: None,
    budget: float = BUDGET,
) -> int:
    """Fire what is due until the budget is spent; return how many fired, 0: none is left that can.

    To be called again at once after anything else than 0.
    """
    until, fired = time.monotonic() + budget, 0
    while True:
        with desk.database.read() as connection:
            due = due_timers(connection, desk.clock())
        if due:
            failpoints.hit("timer.found")
        count = _fire_all(desk, readers, _first_ones(due), until, on_mail)
        fired += count
        if count == 0 or len(due) < MOST or time.monotonic() >= until:
            return fired


def _first_ones(due: Sequence[DueTimer]) -> list[DueTimer]:
    """Leave out what the clock or level before it does along with itself (core.escalation)."""
    found, caught_up = [], set[int | None]()
    for timer in due:
        if timer.kind in ("clock", "level"):
            if timer.request_id in caught_up:
                continue
            caught_up.add(timer.request_id)
        found.append(timer)
    return found


def _fire_all(
    desk: Desk,
    readers: Readers,
    due: Sequence[DueTimer],
    until: float,
    on_mail: Callable[[], None],
) -> int:
    """Fire these in order while there is time; the writer keeps the order of a crowd."""
    is_crowd, fired = len(due) > 1, 0
    waiting: deque[tuple[DueTimer, Future[Settled]]] = deque()

    def settle_all_but(room: int) -> int:
        settled = 0
        while len(waiting) > room:
            timer, future = waiting.popleft()
            settled += _settle(
                desk, timer, partial(_outcome, desk, readers, timer, future), on_mail
            )
        return settled

    for timer in due:
        decide = _decider(timer) if is_crowd else None
        if decide is not None and timer.request_id is not None:
            fired += settle_all_but(WINDOW - 1)
            waiting.append((timer, desk.submit_fire(decide, timer.id, timer.request_id)))
        else:
            fired += settle_all_but(0)
            fired += _settle(desk, timer, partial(_do, desk, readers, timer), on_mail)
        if time.monotonic() >= until:
            break
    return fired + settle_all_but(0)


def _outcome(desk: Desk, readers: Readers, timer: DueTimer, future: Future[Settled]) -> Settled:
    try:
        return future.result()
    except Conflict:
        return _do(desk, readers, timer)


def _settle(
    desk: Desk, timer: DueTimer, outcome: Callable[[], Settled], on_mail: Callable[[], None]
) -> bool:
    """Wait for what becomes of a timer; False when it did not fire this time."""
    with bound_contextvars(timer=timer.id, kind=timer.kind):
        try:
            settled = outcome()
        except NotAllowed as late:  # somebody was faster
            log.info("timer.obsolete", why=str(late))
            desk.database.write(lambda c: cancel_timer(c, timer.id))
            return False
        except Unavailable as away:
            log.warning("timer.failed", why=str(away))
            return False
        except Exception:
            # The top of a loop: one timer that fails must not keep the others from firing.
            log.exception("timer.failed")
            again = desk.clock() + RETRY_IN
            desk.database.write(lambda c: postpone_timer(c, timer.id, again))
            return False
        failpoints.hit("timer.fired")
        log.info("timer.fired", request=settled.request_id)
    if settled.has_mail:
        on_mail()
    return True


def _do(desk: Desk, readers: Readers, timer: DueTimer) -> Settled:
    match timer:
        case DueTimer(kind="hold", journal_id=int() as journal_id):
            return end_hold(desk, readers, journal_id, Wish.OPEN, "timer")
        case DueTimer(kind="accept", journal_id=int() as journal_id):
            return end_hold(desk, readers, journal_id, Wish.ACCEPT, timer.actor, confirms=True)
        case DueTimer(kind="refuse", journal_id=int() as journal_id):
            return refuse_hold(desk, readers, journal_id, timer.actor, confirms=True)
        case DueTimer(kind="undelivered", delivery_id=int() as delivery_id):
            return desk.tell_undelivered(timer.id, delivery_id)
        case DueTimer(kind="digest"):
            return digests.send(desk, timer.id, timer.actor)
    decide = _decider(timer)
    if decide is None or timer.request_id is None:
        raise NotAllowed(f"nothing is known of a timer of kind {timer.kind!r}")
    return desk.fire(decide, timer.id, timer.request_id)


def _decider(timer: DueTimer) -> Fire | None:
    """Return what decides for a timer that is about a request and nothing else."""
    match timer.kind:
        case "activate":
            return timers.activate
        case "level":
            return escalation.reach_levels
        case "clock":
            return escalation.end_clocks
        case "close":
            return timers.close
    return None
