"""The work, which comes as soon as there is a database.

Promise: a file of SQLite is there or the daemon does not start; a server that is away at the start
is waited for, while the doors accept mail. What no waiting mends (another schema) ends the daemon.
Used by: app.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import structlog

from postroom import clock
from postroom.config import Config
from postroom.core.alarms import Figures
from postroom.core.place import SQLITE
from postroom.errors import Unavailable
from postroom.pages import status_of
from postroom.spool import Spool
from postroom.supervision import Vitals
from postroom.worker import Worker

log = structlog.get_logger()

PATIENCE = 2.0  # seconds between two looks


class Work:
    """The worker, if there is one yet; `open` looks once, `come` until it is there."""

    def __init__(self, config: Config, vitals: Vitals, on_reload: Callable[[], None]) -> None:
        self._config = config
        self._vitals = vitals
        self._on_reload = on_reload
        self._worker: Worker | None = None
        self._why = ""
        self._since = time.monotonic()

    def open(self) -> None:
        """Make the worker, if its database is there."""
        try:
            worker = Worker(self._config, self._vitals)
        except Unavailable as away:
            if self._config.database.url == SQLITE:
                raise
            if str(away) != self._why:
                log.warning("daemon.waiting", why=str(away))
            self._why = str(away)
            return
        worker.on_reload = self._on_reload
        self._worker = worker

    def start(self) -> None:
        """Let it begin, if it is there."""
        if self._worker is not None:
            self._worker.start()

    async def come(self, stop: asyncio.Event) -> None:
        """Look for the database until it is there or nobody needs it any more."""
        while self._worker is None and not stop.is_set():
            try:
                async with asyncio.timeout(PATIENCE):
                    await stop.wait()
            except TimeoutError:
                await asyncio.to_thread(self.open)
                self.start()

    def reload(self) -> None:
        """Adopt the rules as they are now; a worker that is to come reads them then."""
        if self._worker is not None:
            self._worker.reload()
        else:
            self._on_reload()

    def status(self) -> str:
        """Say in a line how things stand."""
        if self._worker is None:
            return f"waits for the database: {self._why}"
        return status_of(self._worker.watch.last)

    def look(self) -> Figures:
        """Find out how things stand."""
        if self._worker is not None:
            return self._worker.watch.look()
        with Spool(self._config.data, self._config.node) as spool:
            count, _ = spool.waiting()
            room = spool.free_bytes()
        away = time.monotonic() - self._since
        return Figures(clock.now(), spool_waiting=count, free_bytes=room, database_away=away)

    def stop(self) -> None:
        """Let it begin nothing more."""
        if self._worker is not None:
            self._worker.stop()

    def close(self) -> None:
        """Let it finish what is in hand."""
        if self._worker is not None:
            self._worker.close()
