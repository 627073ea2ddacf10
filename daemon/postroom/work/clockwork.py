"""What is done again and again, by a clock that somebody may set.

Promise: what is to be done every second is done every second, whatever happens to the wall clock;
that it was set is said once for each time.
Used by: worker.

APScheduler plans by the wall clock. Set back by three hours, it would do nothing for three hours;
set forward by a year, as at the first minute of a machine whose battery is empty, it would count
every second of that year (2 GB, a minute) before the next one. So an interval counts from the
moment of planning, and a thread that waits by the steady clock looks for jobs planned too far away.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

log = structlog.get_logger()

JUMP = timedelta(minutes=1)  # a clock is corrected by less without anybody setting it
NIGHT = 3  # o'clock, UTC
LOOK = 1.0  # seconds from look to look


class Every(IntervalTrigger):  # type: ignore[misc]  # APScheduler has no types
    """An interval from now: what was missed is not counted up."""

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        """Return the moment after this one, whenever the last one was."""
        begun: datetime = now
        if previous_fire_time is not None and abs(now - previous_fire_time) < self.interval:
            begun = previous_fire_time  # keeps the beat
        following: datetime = begun + self.interval
        return following


class Clockwork:
    """The scheduler, and who looks after it."""

    def __init__(self, wall: Callable[[], datetime]) -> None:
        self._wall = wall
        self._watch = ClockWatch(wall)
        self._scheduler = BackgroundScheduler(timezone=UTC)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look_after, name="clock-watch")

    def every(self, seconds: float, act: Callable[[], object], *, at_once: int = 1) -> None:
        """Do something again and again, in so many threads at a time; the others give way."""
        self.add(act, Every(seconds=seconds, timezone=UTC), at_once=at_once)

    def nightly(self, act: Callable[[], object]) -> None:
        """Do something once in each night."""
        self.add(act, CronTrigger(hour=NIGHT, timezone=UTC))

    def add(self, act: Callable[[], object], trigger: Any, *, at_once: int = 1) -> None:
        """Do something whenever a trigger of APScheduler says so."""
        self._scheduler.add_job(
            act, trigger, coalesce=True, max_instances=at_once, misfire_grace_time=None
        )

    def start(self) -> None:
        """Begin."""
        self._scheduler.start()
        self._thread.start()

    def stop(self) -> None:
        """End, when what is being done is done."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()
        if self._scheduler.running:
            self._scheduler.shutdown(wait=True)

    def _look_after(self) -> None:
        while not self._stop.wait(LOOK):
            try:
                self._watch.look()
                self._put_right()
            except Exception:  # the top of a loop
                log.exception("clock.failed")

    def _put_right(self) -> None:
        """Plan anew what the clock, set back, has moved away."""
        now = self._wall()
        for job in self._scheduler.get_jobs():
            soonest = _soonest(job.trigger, now)
            if soonest is not None and job.next_run_time > soonest:
                job.modify(next_run_time=soonest)


def _soonest(trigger: Any, now: datetime) -> datetime | None:
    """Return when a job would be done at the latest, if it were planned now."""
    if isinstance(trigger, IntervalTrigger):  # by itself it would wait for its beginning
        following: datetime = now + trigger.interval
        return following
    soonest: datetime | None = trigger.get_next_fire_time(None, now)
    return soonest


class ClockWatch:
    """Notices that somebody has set the clock, and says so once for each time.

    Nothing else has to be done for timers: what has fired is told by its row, not by the time, and
    what has not is due by its nominal moment, as soon as the clock shows a later one.
    """

    def __init__(
        self, wall: Callable[[], datetime], steady: Callable[[], float] = time.monotonic
    ) -> None:
        self._wall = wall
        self._steady = steady
        self._seen = (wall(), steady())

    def look(self) -> timedelta | None:
        """Return by how much the clock was set since the last look (back: negative)."""
        before, self._seen = self._seen, (self._wall(), self._steady())
        passed = timedelta(seconds=self._seen[1] - before[1])
        jump = self._seen[0] - before[0] - passed
        if abs(jump) < JUMP:
            return None
        log.warning("clock.jumped", seconds=round(jump.total_seconds()), now=self._seen[0])
        return jump
