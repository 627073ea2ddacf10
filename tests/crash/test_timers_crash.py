"""A daemon that dies, or meets an error, while it does what days of downtime have left it.

Levels, clocks, warnings, a hold and a request that wakes are all due; there are hooks to be run and
mails to be sent. Whatever place it dies at, a second daemon makes of it what one that was never
disturbed would have: each level once, each notice once, each hook at least once with the same key.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.crash.nursery import Nursery
from tests.houses import LOUD, NOON, RULES, mail, make_house, put_in, rows, send, sent, write_house

from postroom import failpoints
from postroom.core.changes import Postpone
from postroom.house import House
from postroom.store import schema as t
from postroom.work.audit import audit

THEN = NOON + timedelta(days=5)
LATER = THEN + timedelta(minutes=15)  # what was leased or put off is due again
PLACES = sorted(name for name in failpoints.NAMES if name.startswith(("timer.", "hook.")))
SHARED = ["desk.decided", "apply.begun", "apply.outbox", "apply.written"]
KILLS = [
    *((name, visit) for name in PLACES for visit in (1, 2)),
    *((name, visit) for name in SHARED for visit in (1, 4)),
    ("timer.begun", 5),
    ("apply.written", 9),
]
ONCE = [("timer.found", 2)]  # one look finds all of it: nobody comes by a second time
PRIORITIES = """
[[priority]]
name = "medium"
default = true
calendar = "always"
first_reply = "2h"
deadline = "1d"

  [[priority.level]]
  level = 1
  after = "1h"
  notify = ["owner"]

  [[priority.level]]
  level = 2
  after = "30m"
  notify = ["owner", "boss@example.com"]
  run = "page"

  [[priority.level]]
  level = 3
  after = "30m"
  assign = "omar"
  notify = ["owner"]
  run = "page"

  [[priority.level]]
  level = 4
  after = "1h"
  notify = ["administrator"]

  [[priority.warning]]
  of = "first_reply"
  before = "30m"
  notify = ["owner"]

  [[priority.warning]]
  of = "deadline"
  after = "1h"
  notify = ["boss@example.com"]
"""
NO_BRAKES = """
[brakes]
notices_in_all = "off"
"""
HOOK = "#!/bin/sh\n{ cat; echo; } >>seen\n"


@pytest.fixture(scope="module")
def pattern(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A house that is about to be left alone."""
    folder = tmp_path_factory.mktemp("pattern")
    (folder / "rules/hooks").mkdir(parents=True)
    (folder / "rules/hooks/page").write_text(HOOK)
    (folder / "rules/hooks/page").chmod(0o755)
    rules = {"team": LOUD, "priorities": PRIORITIES}
    write_house(folder, rules={**RULES, **rules}, config_extra=NO_BRAKES)
    (folder / "told").mkdir()
    with make_house(folder, rules=rules, config_extra=NO_BRAKES) as house:
        for number in range(4):
            put_in(house, mail(f"Matter {number}", sender=f"ann-{number}@example.net"))
        put_in(house, mail("A lawsuit", sender="law@example.org"))
        house.desk.command(Postpone(NOON + timedelta(hours=2)), 4, "eva")
        send(house)
    return folder


@pytest.fixture
def folder(pattern: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "house"
    shutil.copytree(pattern, copy)
    return copy


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    opened = Nursery()
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def wanted(pattern: Path, nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What a daemon makes of it that nothing happens to."""
    copy = tmp_path_factory.mktemp("undisturbed") / "house"
    shutil.copytree(pattern, copy)
    assert nursery.live(copy, now=THEN).code == 0
    return look(copy)


def look(folder: Path) -> dict[str, Any]:
    """Return what was done in a house; at what minute does not count."""
    text = (folder / "config.toml").read_text(encoding="utf-8")
    rules = {"team": LOUD, "priorities": PRIORITIES}
    with make_house(folder, rules=rules, config=text) as house:
        assert () == audit(house.database, house.spool).findings
        assert {"sent"} == {one.state for one in rows(house, t.delivery)}
        assert len(sent(house)) == len(rows(house, t.delivery))
        check_hooks(house, folder)
        of = {one.id: one for one in rows(house, t.outbox)}
        return {
            "history": Counter(
                (one.request_id, one.kind, one.to_value)
                for one in rows(house, t.history)
                if one.kind not in {"chain", "timer"}  # those name moments
            ),
            "levels": [
                (
                    number,
                    [
                        one.to_value
                        for one in rows(house, t.history, request_id=number)
                        if one.kind in {"escalated", "missed", "warned"}
                    ],
                )
                for number in range(1, 6)
            ],
            "outbox": Counter(
                (of[one.outbox_id].request_id, of[one.outbox_id].kind, one.recipient)
                for one in rows(house, t.delivery)
            ),
            "timers": Counter(
                (one.request_id, one.kind) for one in rows(house, t.timer, state="armed")
            ),
        }


def check_hooks(house: House, folder: Path) -> None:
    """Each was run, whenever it was run with the same words, and its end was written down once."""
    runs = rows(house, t.hook_run)
    assert {"done"} == {one.state for one in runs}
    seen: dict[str, set[str]] = {}
    for line in (folder / "rules/hooks/seen").read_text(encoding="utf-8").splitlines():
        seen.setdefault(json.loads(line)["event"]["key"], set()).add(line)
    assert {one.key for one in runs} == seen.keys()
    assert all(len(said) == 1 for said in seen.values())
    ended = [one for one in rows(house, t.history, kind="hook") if one.to_value == "page: exit 0"]
    assert len(ended) == len(runs)


def test_what_days_of_downtime_leave_is_done_in_order_each_once(wanted: Any) -> None:
    levels = dict(wanted["levels"])
    first = "first_reply since 2026-11-20T12:00:00Z"
    deadline = "deadline since 2026-11-20T12:00:00Z"
    everything = [
        *("level 1", "level 2", f"{first} medium 1", first, "level 3", "level 4"),
        *(deadline, f"{deadline} medium 2"),
    ]
    for number in (1, 2, 3):
        assert sorted(everything) == sorted(levels[number])
        ordered = [one for one in levels[number] if one.startswith("level")]
        assert ["level 1", "level 2", "level 3", "level 4"] == ordered


@pytest.mark.parametrize(("place", "visit"), [one for one in KILLS if one not in ONCE])
def test_killed_there_and_started_again(
    place: str, visit: int, folder: Path, nursery: Nursery, wanted: Any
) -> None:
    died = nursery.live(folder, f"{place}@{visit}:kill", now=THEN)
    assert died.code == -9, "nobody came by"
    assert nursery.live(folder, now=LATER).code == 0
    assert wanted == look(folder)


@pytest.mark.parametrize("place", PLACES)
def test_an_error_there_is_survived(
    place: str, folder: Path, nursery: Nursery, wanted: Any
) -> None:
    assert nursery.live(folder, f"{place}:raise", now=THEN).code == 0
    assert nursery.live(folder, now=LATER).code == 0
    assert wanted == look(folder)
