"""Looks how things stand, for monitoring and for the administrators.

Promise: a look is cheap and never older than it says; trouble is in the log at once, and told by
mail as soon as there is a database to keep that mail in.
Used by: app (run), monitor (look).
Fails:   never; what cannot be found out is None in the figures, and said.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from postroom.core import alarms
from postroom.core.alarms import Figures, troubles
from postroom.core.effects import Decision
from postroom.core.facts import Facts
from postroom.core.model import Policy
from postroom.core.settings import AlertsTable
from postroom.errors import Conflict, Unavailable
from postroom.pulse import IDLE, Pulse
from postroom.spool import Spool
from postroom.store import figures
from postroom.store.db import Database
from postroom.work.desk import Desk, Settled

log = structlog.get_logger()

EVERY = 15.0  # seconds from look to look
FRESH = 2.0  # a look that is no older serves everybody who asks


class Watch:
    """How one daemon stands; `wanted` are the alerts, `node` is this machine's name."""

    def __init__(
        self,
        database: Database,
        spool: Spool,
        desk: Desk,
        *,
        wanted: AlertsTable,
        reserve: int,
        node: str,
        progress: Callable[[], Mapping[str, float]] = dict,
        endings: Callable[[], Mapping[str, datetime | None]] = dict,
        on_mail: Callable[[], None] = lambda: None,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._spool = spool
        self._desk = desk
        self._wanted = wanted
        self._reserve = reserve
        self._node = node
        self._progress = progress  # seconds since each mailbox was read
        self._endings = endings  # when logins and certificates end
        self._on_mail = on_mail
        self._steady = steady
        self._lock = threading.Lock()
        self._last: tuple[float, Figures] | None = None
        self._away_since: float | None = None
        self._seen: dict[str, str] = {}  # what was wrong at the last look
        self._untold: dict[str, str] = {}  # was over before anybody could be told

    @property
    def last(self) -> Figures | None:
        """The last look, however old it is; asks nobody."""
        return self._last[1] if self._last is not None else None

    def look(self, fresh: float = FRESH) -> Figures:
        """Return how things stand, or stood at most so many seconds ago."""
        with self._lock:
            now = self._steady()
            if self._last is None or now - self._last[0] > fresh:
                self._last = now, self._figures(now)
            return self._last[1]

    def run(self, stop: threading.Event, pulse: Pulse) -> None:
        """Look again and again until told to stop."""
        while not stop.is_set():
            pulse.beat("looking")
            try:
                self.run_once()
            except Exception:  # the top of a loop
                log.exception("watch.failed")
            pulse.beat(IDLE)
            stop.wait(EVERY)

    def run_once(self) -> None:
        """Look, and say what has changed: in the log, and by mail."""
        found = troubles(self.look(), self._wanted, self._reserve, self._node)
        for cause in found.keys() - self._seen.keys():
            log.error("trouble.begun", cause=cause, what=found[cause])
        for cause in self._seen.keys() - found.keys():
            log.info("trouble.ended", cause=cause)
            if cause.startswith("database "):
                self._untold[cause] = self._seen[cause].replace("has been", "was")
        self._seen = found
        self._tell(found)

    def _tell(self, found: Mapping[str, str]) -> None:
        if self._away_since is not None:
            return
        try:
            # Told as trouble first, and then as over: while it lasted it could not be written.
            if self._untold:
                self._decide({**found, **self._untold})
                self._untold = {}
            told = self._decide(found)
        except (Unavailable, Conflict) as error:
            log.warning("alert.waiting", why=str(error), causes=[*found])
        else:
            if told is not None:
                log.info("alert.queued", what=told.reason)
                self._on_mail()

    def _decide(self, found: Mapping[str, str]) -> Settled | None:
        causes = {*found, *self._causes()}

        def decide(policy: Policy, now: datetime) -> Decision | None:
            with self._database.read() as connection:
                known = figures.brakes(connection, alarms.brake_keys(causes))
            site = self._desk.site
            return alarms.decide_alarms(found, causes, Facts(brakes=known), policy, site, now)

        return self._desk.carry_out(decide)

    def _causes(self) -> Collection[str]:
        """Return what may have been told of, by this daemon or the one before it."""
        node = self._node
        local = (f"{what} {node}" for what in ("spool", "database", "disk"))
        mailboxes = (f"mailbox {name} {node}" for name in self._progress())
        endings = (f"{what} {node}" for what in self._endings())
        return (*local, *mailboxes, *endings, "outbox", "timers", "quarantine", "uncertain")

    def _figures(self, steady: float) -> Figures:
        now = self._desk.clock()
        waiting = self._waiting(now, steady)
        count, since, room = self._spooled()
        away = steady - self._away_since if self._away_since is not None else 0.0
        here = Figures(
            at=now,
            spool_oldest=_age(now, since),
            spool_waiting=count,
            free_bytes=room,
            mailboxes=dict(self._progress()),
            endings=dict(self._endings()),
        )
        if waiting is None:
            return replace(here, database_away=max(away, 0.001))
        return replace(
            here,
            outbox_oldest=_age(now, waiting.outbox_since),
            outbox_waiting=waiting.outbox,
            uncertain=waiting.uncertain,
            timers_late=_age(now, waiting.timer_due_at),
            holds=waiting.holds,
            quarantined=waiting.quarantined,
            is_paused=waiting.is_paused,
        )

    def _waiting(self, now: datetime, steady: float) -> figures.Waiting | None:
        try:
            with self._database.read() as connection:
                waiting = figures.waiting(connection, now)
        except Unavailable as away:
            if self._away_since is None:
                self._away_since = steady
                log.warning("watch.waiting", why=str(away))
            return None
        self._away_since = None
        return waiting

    def _spooled(self) -> tuple[int | None, datetime | None, int | None]:
        try:
            count, since = self._spool.waiting()
            return count, since, self._spool.free_bytes()
        except (Unavailable, OSError) as away:
            log.warning("watch.waiting", why=str(away))
            return None, None, None


def _age(now: datetime, since: datetime | None) -> float:
    """Return for how many seconds something has waited; nothing that waits: 0."""
    return max((now - since) / timedelta(seconds=1), 0.0) if since is not None else 0.0
