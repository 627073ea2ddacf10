"""`postroom run` while somebody sets the machine's clock.

The daemon is a process of its own, whose clock is as far from the true one as a file says; so is
the scheduler's, which does not ask ours.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from tests.houses import RULES, mail, make_house, write_house

from postroom.config import Config
from postroom.mail.message import Envelope
from postroom.spool import Spool
from postroom.work.audit import audit

ROOT = Path(__file__).resolve().parents[2]
WAIT = 60  # seconds; only a daemon that stands still gets there
RUN = """
import sys
from datetime import datetime, timedelta
from pathlib import Path

import apscheduler.executors.base
import apscheduler.schedulers.base
from postroom import clock
from postroom.cli.main import main

offset = Path(sys.argv.pop(1))


class Shifted(datetime):
    @classmethod
    def now(cls, tz=None):
        return datetime.now(tz) + timedelta(hours=float(offset.read_text()))


for module in (clock, apscheduler.executors.base, apscheduler.schedulers.base):
    module.datetime = Shifted
sys.exit(main())
"""
YEARS = 5 * 365 * 24
PRIORITIES = """
[[priority]]
name = "medium"
default = true
calendar = "always"

  [[priority.level]]
  level = 1
  after = "1s"

  [[priority.level]]
  level = 2
  after = "1h"
"""


class Machine:
    """A daemon, and the clock of its machine."""

    def __init__(self, folder: Path, config: Config) -> None:
        self._config = config
        self._offset = folder / "offset"
        self._log = folder / "log"
        self.set_clock(0)
        command = [
            sys.executable,
            "-c",
            RUN,
            str(self._offset),
            "run",
            "--config",
            str(config.path),
        ]
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                command,
                env={**os.environ, "PYTHONPATH": str(ROOT / "daemon")},
                stdout=subprocess.DEVNULL,
                stderr=log,
            )

    def set_clock(self, hours: int) -> None:
        """Set it so far from the true time."""
        new = self._offset.with_suffix(".new")
        new.write_text(str(hours))
        new.replace(self._offset)

    def take_in(self, raw: bytes) -> None:
        """Do as the doors do."""
        sender = Envelope("", ("support@example.com",), "cli", "support", datetime.now(UTC))
        with Spool(self._config.data, self._config.node) as spool:
            spool.put(sender, raw).result(WAIT)

    def wait_for(self, is_so: Callable[[], bool]) -> None:
        until = time.monotonic() + WAIT
        while not is_so():
            assert self.process.poll() is None, self.log()
            assert time.monotonic() < until, self.log()
            time.sleep(0.05)

    def log(self) -> str:
        return self._log.read_text(encoding="utf-8")

    def levels(self) -> list[tuple[int, str]]:
        """Return the levels that the history has, in order."""
        with closing(sqlite3.connect(self._config.data / "postroom.db", timeout=WAIT)) as db:
            found = db.execute(
                "SELECT request_id, to_value FROM history WHERE kind = 'escalated' ORDER BY id"
            )
            return list(found)


@contextmanager
def machine(folder: Path) -> Iterator[Machine]:
    config = write_house(folder, rules={**RULES, "priorities": PRIORITIES})
    started = Machine(folder, config)
    try:
        yield started
    finally:
        if started.process.poll() is None:
            started.process.kill()
            started.process.wait(WAIT)


def test_timers_fire_on_whatever_the_clock_is_set_to_and_each_once(tmp_path: Path) -> None:
    with machine(tmp_path) as here:
        here.wait_for(lambda: "daemon.ready" in here.log())
        here.take_in(mail("The first"))
        here.wait_for(lambda: len(here.levels()) == 1)
        here.set_clock(-3)
        here.take_in(mail("The second", sender="bob@example.org"))
        here.wait_for(lambda: len(here.levels()) == 2)  # ticks go on
        here.set_clock(YEARS)
        here.wait_for(lambda: len(here.levels()) == 4)
        here.take_in(mail("The third", sender="eve@example.org"))
        here.wait_for(lambda: len(here.levels()) == 5)
        here.process.send_signal(signal.SIGTERM)
        assert here.process.wait(WAIT) == 0
        assert sorted(here.levels()) == [
            *((1, "level 1"), (1, "level 2")),
            *((2, "level 1"), (2, "level 2")),
            (3, "level 1"),
        ]
        assert here.log().count("clock.jumped") == 2
    with make_house(tmp_path, rules={"priorities": PRIORITIES}) as house:
        assert () == audit(house.database, house.spool).findings
