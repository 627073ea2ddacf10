"""The ticker with a crowd of timers, and with a clock that somebody sets."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from bench.herd import Herd, move_timers
from bench.timers import COPIED
from sqlalchemy import Connection
from structlog.testing import capture_logs
from tests.houses import (
    LOUD,
    NOON,
    Clock,
    another_desk,
    change_rules,
    clock_of,
    fire,
    mail,
    make_house,
    put_in,
    row,
    rows,
    shared_readers,
)

from postroom import failpoints
from postroom.core import escalation
from postroom.core.changes import ChangeProperty
from postroom.core.tasks import Task
from postroom.house import House
from postroom.store import due
from postroom.store import schema as t
from postroom.work import ticker
from postroom.work.audit import audit
from postroom.work.clockwork import ClockWatch
from postroom.work.precedence import Precedence
from postroom.worker import Worker

HOUR = timedelta(hours=1)
PRIORITIES = """
[[priority]]
name = "medium"
default = true
rank = 1
calendar = "always"
first_reply = "1h"

  [[priority.level]]
  level = 1
  after = "1h"
  notify = ["owner"]

  [[priority.level]]
  level = 2
  after = "1h"
  notify = ["owner"]

[[priority]]
name = "quiet"
rank = 2
calendar = "always"
"""


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with make_house(tmp_path, rules={"team": LOUD, "priorities": PRIORITIES}) as made:
        put_in(made, mail())
        yield made


def crowd(house: House, size: int) -> None:
    """Make copies of request 1; the levels of all are due in one second."""
    engine = house.database.engine
    Herd(engine, tables=COPIED).grow(size)
    assert size == move_timers(engine, NOON + HOUR)
    clock_of(house).forward(hours=1)


def reached(house: House) -> list[tuple[int, str]]:
    found = rows(house, t.history, kind="escalated")
    return [(one.request_id, one.to_value) for one in found]


def test_a_crowd_is_done_in_order_each_once_in_few_transactions(house: House) -> None:
    size = due.MOST + 50
    crowd(house, size)
    commits = house.database.commits
    fired = 0
    while count := fire(house):
        fired += count
    assert size == fired  # the first reply is missed along with the level of each
    assert [(number, "level 1") for number in range(1, size + 1)] == reached(house)
    assert size == len(rows(house, t.history, kind="missed"))
    assert house.database.commits - commits < fired
    assert 0 == fire(house)


def test_a_call_ends_when_its_budget_is_spent_and_says_that_there_is_more(house: House) -> None:
    crowd(house, 3)
    counts = [ticker.fire_due(house.desk, shared_readers(), budget=0) for _ in range(7)]
    assert [1, 1, 1, 0, 0, 0, 0] == counts


def test_one_that_fails_keeps_no_other_of_a_crowd_from_firing(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    crowd(house, 5)
    real = escalation._walk

    def poisoned(timer: int, task: Task) -> Any:
        if task.request.id == 3:
            raise ZeroDivisionError
        return real(timer, task)

    monkeypatch.setattr(escalation, "_walk", poisoned)
    with capture_logs() as logged:
        assert 4 == fire(house)
    assert [1, 2, 4, 5] == sorted(number for number, _ in reached(house))
    assert 1 == sum(one["event"] == "timer.failed" for one in logged)
    monkeypatch.undo()
    clock_of(house).forward(minutes=11)
    assert 1 == fire(house)
    assert (3, "level 1") in reached(house)


def test_a_crowd_whose_policy_was_reloaded_is_decided_by_the_new_one(house: House) -> None:
    crowd(house, 4)
    other = another_desk(house)
    try:
        other.adopt(change_rules(house, priorities=PRIORITIES.replace("level = 2", "level = 7", 1)))
    finally:
        other.database.close()
    assert 4 == fire(house)
    assert other.policy.version == house.desk.policy.version
    assert 4 == len(reached(house))


def test_what_is_missed_when_a_level_takes_the_clock_away_is_written_down(house: House) -> None:
    """The level changes the priority to one without clocks, at the moment that ends the clock."""
    calming = PRIORITIES.replace("level = 1", 'level = 1\n  priority = "quiet"', 1)
    house.desk.adopt(change_rules(house, priorities=calming))
    crowd(house, 2)
    with capture_logs() as logged:
        assert 2 == fire(house)
        assert 0 == fire(house)
    assert 2 == len(logged)
    assert [(1, "level 1"), (2, "level 1")] == reached(house)
    assert [1, 2] == [one.request_id for one in rows(house, t.history, kind="missed")]


# ---- the plan of the due query


@pytest.mark.parametrize("statement", [due._DUE, due._NEXT])
def test_looking_for_what_is_due_uses_the_partial_index(house: House, statement: Any) -> None:
    def plan(connection: Connection) -> list[str]:
        compiled = statement.compile(dialect=connection.dialect)
        values = tuple(
            NOON.replace(tzinfo=None).isoformat(" ") if name == "now" else compiled.params[name]
            for name in compiled.positiontup or ()
        )
        sql = "EXPLAIN QUERY PLAN " + str(compiled)
        sql = sql.replace("__[POSTCOMPILE_param_1]", "?")
        return [str(one[3]) for one in connection.exec_driver_sql(sql, values)]

    with house.database.read() as connection:
        steps = plan(connection)
    assert any("timer USING" in step and "timer_due" in step for step in steps), steps
    assert not any("SCAN timer" in step and "timer_due" not in step for step in steps), steps
    assert not any("TEMP B-TREE" in step for step in steps), steps


# ---- the clock


@dataclass
class Steady:
    """A clock that nobody can set."""

    seconds: float = 100.0

    def __call__(self) -> float:
        return self.seconds


def test_a_clock_that_was_set_is_said_once() -> None:
    wall, steady = Clock(), Steady()
    watch = ClockWatch(wall, steady)

    def pass_second() -> None:
        wall.forward(seconds=1.001)
        steady.seconds += 1

    with capture_logs() as logged:
        pass_second()
        assert watch.look() is None
        wall.forward(hours=3)
        pass_second()
        jump = watch.look()
        assert jump is not None
        assert 3 * HOUR == timedelta(seconds=round(jump.total_seconds()))
        pass_second()
        assert watch.look() is None
        wall.forward(hours=-5)
        assert watch.look() == -5 * HOUR
        assert watch.look() is None
    assert [("clock.jumped", 10800), ("clock.jumped", -18000)] == [
        (one["event"], one["seconds"]) for one in logged
    ]


def test_no_level_is_done_twice_or_lost_when_the_clock_is_set(house: House) -> None:
    clock = clock_of(house)
    clock.forward(hours=1)
    assert 1 == fire(house)  # level 1, and the first reply is missed
    clock.forward(hours=-6)
    assert 0 == fire(house)
    clock.forward(hours=6)
    assert 0 == fire(house)
    clock.forward(hours=9)  # by mistake: what is due by this clock is done
    assert 1 == fire(house)
    clock.forward(hours=-9)
    assert 0 == fire(house)
    clock.forward(hours=9)
    assert 0 == fire(house)
    assert [(1, "level 1"), (1, "level 2")] == reached(house)
    assert 1 == len(rows(house, t.history, kind="missed"))
    escalated = rows(house, t.history, kind="escalated")
    assert "due 2026-11-20T14:00:00Z" in escalated[1].because  # nominal, whatever the clock did


@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.parametrize(
    ("cut", "kind"), [("first_reply", "escalated"), ("[priority.level]", "missed")]
)
def test_a_clock_set_back_between_look_and_decision_loses_nothing(
    cut: str, kind: str, size: int, tmp_path: Path
) -> None:
    lines = PRIORITIES.partition('[[priority]]\nname = "quiet"')[0]
    only = (
        lines.replace('first_reply = "1h"\n', "")
        if cut == "first_reply"
        else (lines.partition("  [[priority.level]]")[0])
    )
    with make_house(tmp_path, rules={"team": LOUD, "priorities": only}) as house:
        for number in range(size):
            put_in(house, mail(sender=f"ann-{number}@example.net"))
        clock_of(house).forward(hours=1)
        failpoints.arm("timer.found", lambda: set_back(house))
        fire(house)
        assert [] == rows(house, t.history, kind=kind)
        clock_of(house).forward(hours=2)
        while fire(house):
            pass
        found = [one.request_id for one in rows(house, t.history, kind=kind)]
        assert list(range(1, size + 1)) == found
        assert () == audit(house.database, house.spool).findings


def set_back(house: House) -> None:
    failpoints.disarm()
    clock_of(house).forward(hours=-2)


def test_a_request_lives_on_under_a_clock_that_was_set_back(house: House) -> None:
    clock_of(house).forward(hours=-6)
    house.desk.command(ChangeProperty("priority", "quiet"), 1, "eva")
    house.desk.command(ChangeProperty("priority", "medium"), 1, "eva")
    clock_of(house).forward(hours=8)
    while fire(house):
        pass
    assert ["level 1", "level 2"] == [level for _, level in reached(house)]
    assert "running" != row(house, t.request, id=1).chain_state


# ---- the daemon's tick


class Tick:
    """What `Worker._tick` needs of a worker."""

    def __init__(self, counts: list[int]) -> None:
        self.counts = counts
        self._ticking = threading.Lock()
        self._stop = threading.Event()
        self._precedence = Precedence()
        self._ticks = SimpleNamespace(beat=lambda *_: None)
        self.went_first: list[bool] = []

    def _fire_due(self) -> int:
        self.went_first.append(not self._precedence._is_free.is_set())
        return self.counts.pop(0)


def test_a_tick_goes_on_at_once_while_there_is_more() -> None:
    worker: Any = Tick([500, 500, 3, 0, 7])
    Worker._tick(worker)
    assert [7] == worker.counts
    assert [False, True, True, True] == worker.went_first  # mail waits for a crowd …
    assert worker._precedence._is_free.is_set()
    worker._precedence.give_way()  # … and no longer
    assert not worker._ticking.locked()
    with worker._ticking:  # one is at work still: the next second's gives way
        Worker._tick(worker)
    assert [7] == worker.counts
