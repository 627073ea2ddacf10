"""Reloads, for the tests of what follows from them: rules, a house far ahead, what the log says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import structlog
from structlog.testing import capture_logs
from tests.houses import (
    LOUD,
    Clock,
    change_rules,
    rows,
    sound_house,
)

from postroom.house import House
from postroom.store import schema as t
from postroom.work.retiming import Retimer

NOON = datetime(2099, 11, 20, 12, 0, tzinfo=UTC)  # a Friday
HOUR = timedelta(hours=1)
PRIORITIES = """
[[priority]]
name = "medium"
default = true
calendar = "always"
first_reply = "4h"
deadline = "48h"

  [[priority.level]]
  level = 1
  after = "2h"
  notify = ["owner"]

  [[priority.level]]
  level = 2
  after = "2h"
  notify = ["administrator"]

  [[priority.level]]
  level = 3
  after = "2h"
  notify = ["administrator"]
"""
URGENT = """
[[priority]]
name = "urgent"
calendar = "always"
deadline = "1h"
"""
URGENT_LEVEL = """
  [[priority.level]]
  level = 1
  after = "30m"
  assign = "kim"
"""
OFFICE = """
[[calendar]]
name = "office"
time_zone = "Europe/Oslo"
monday = ["08:00-15:00"]
tuesday = ["08:00-15:00"]
friday = ["08:00-15:00"]
"""


@contextmanager
def house_of_levels(folder: Path) -> Iterator[House]:
    """Open a house whose default priority has clocks and three levels."""
    rules = {"team": LOUD, "priorities": PRIORITIES}
    with sound_house(folder, rules=rules, clock=Clock(NOON)) as made:
        Retimer(made.desk).run_once()
        yield made


def reload(house: House, **texts: str) -> dict[str, Any] | None:
    """Adopt these rules and let everything follow; return what the log says of it."""
    house.desk.adopt(change_rules(house, **texts))
    return follow(house)


def follow(house: House, retimer: Retimer | None = None) -> dict[str, Any] | None:
    """Let every open request follow the active policy; return what the log says of it."""
    structlog.reset_defaults()  # commands have made it quiet
    with capture_logs() as said:
        assert (retimer or Retimer(house.desk)).run_once()
    return next((dict(one) for one in said if one["event"] == "clocks.recomputed"), None)


def reasons(house: House, kind: str, request: int = 1) -> list[tuple[str | None, str]]:
    """Return what the history of a request says of changes of a kind, and why."""
    found = rows(house, t.history, request_id=request, kind=kind)
    return [(one.to_value, one.because) for one in found]


def armed(house: House, kind: str) -> list[datetime]:
    """Return when the armed timers of a kind are due."""
    return [one.due_at for one in rows(house, t.timer, kind=kind, state="armed")]
