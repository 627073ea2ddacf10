"""Days without a daemon: what was missed is done once, in order, and told in one mail."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from pathlib import Path

from bench.herd import Herd
from bench.timers import COPIED
from tests.houses import LOUD, NOON, clock_of, fire, mail, make_house, put_in, row, rows, send

from postroom.core.changes import Postpone
from postroom.house import House
from postroom.store import schema as t
from postroom.work.audit import audit

HOUR = timedelta(hours=1)
EVA, OMAR, BOSS = "eva@example.com", "omar@example.com", "boss@example.com"
PRIORITIES = """
[[priority]]
name = "medium"
default = true
rank = 2
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

  [[priority.level]]
  level = 3
  after = "12h"
  assign = "omar"
  priority = "urgent"
  notify = ["owner"]

  [[priority.warning]]
  of = "first_reply"
  before = "30m"
  notify = ["owner"]

  [[priority.warning]]
  of = "deadline"
  after = "1h"
  notify = ["boss@example.com"]

[[priority]]
name = "urgent"
rank = 1
calendar = "always"
first_reply = "30m"
deadline = "3d"

  [[priority.level]]
  level = 4
  after = "10m"
  notify = ["administrator"]

  [[priority.level]]
  level = 5
  after = "7d"
  notify = ["owner"]

  [[priority.warning]]
  of = "deadline"
  before = "1h"
  notify = ["owner"]
"""
RULES = {"team": LOUD, "priorities": PRIORITIES}
NO_BRAKES = '[brakes]\nnotices_in_all = "off"\nanswers_in_all = "off"\n'


def told_of(house: House, number: int = 1) -> list[tuple[str, str]]:
    """Return what time has done to a request, in order."""
    kinds = {"escalated", "missed", "warned", "owner", "priority"}
    found = rows(house, t.history, request_id=number)
    return [(one.kind, one.to_value) for one in found if one.kind in kinds]


def fire_all(house: House) -> None:
    while fire(house):
        pass


def test_the_history_reads_as_if_there_had_been_a_daemon(tmp_path: Path) -> None:
    with make_house(tmp_path / "kept", rules=RULES) as kept:
        put_in(kept, mail())
        for _ in range(5 * 24 * 2):
            clock_of(kept).forward(minutes=30)
            fire_all(kept)
        wanted = told_of(kept)
        chain = row(kept, t.request, id=1)
    with make_house(tmp_path / "off", rules=RULES) as off:
        put_in(off, mail())
        clock_of(off).forward(days=5)
        fire_all(off)
        assert wanted == told_of(off)
        found = row(off, t.request, id=1)
        assert () == audit(off.database, off.spool).findings
    assert (chain.chain_due_at, chain.deadline_at) == (found.chain_due_at, found.deadline_at)
    # The next level counts from the nominal moment of the last one, not from the return.
    assert NOON + 13.5 * HOUR + timedelta(minutes=10, days=7) == found.chain_due_at
    since = "since 2026-11-20T12:00:00Z"
    assert wanted == [
        ("owner", "eva"),
        ("escalated", "level 1"),
        *(("warned", f"first_reply {since} medium 1"), ("escalated", "level 2")),
        ("missed", f"first_reply {since}"),
        *(("escalated", "level 3"), ("owner", "omar"), ("priority", "urgent")),
        ("escalated", "level 4"),
        *(("warned", f"deadline {since} urgent 1"), ("missed", f"deadline {since}")),
    ]


def test_everybody_gets_one_mail_that_says_all_of_it(tmp_path: Path) -> None:
    with make_house(tmp_path, rules=RULES) as house:
        put_in(house, mail())
        send(house)
        clock_of(house).forward(days=5)
        fire_all(house)
        mails = {str(one["Delivered-To"]): one for one in send(house)}
        escalations = rows(house, t.outbox, kind="escalation")
        assert {EVA, OMAR, BOSS} == mails.keys()
        assert len(mails) == len(rows(house, t.delivery)) - 2
    said = {one.variables["reason"] for one in escalations}
    [eva] = [one for one in said if one.startswith("level 1")]
    assert ["level 1", "the first reply", "level 2", "level 4"] == [
        words for part in eva.split("; ") if (words := part.partition(" is")[0])
    ]


def test_several_requests_are_done_in_the_order_of_their_first_moments(tmp_path: Path) -> None:
    with make_house(tmp_path, rules=RULES) as house:
        for number in range(3):
            put_in(house, mail(f"Matter {number}", sender=f"ann-{number}@example.net"))
            clock_of(house).forward(minutes=7)
        house.desk.command(Postpone(NOON + 2 * HOUR), 2, "eva")
        put_in(house, mail("A lawsuit", sender="law@example.org"))
        clock_of(house).forward(days=5)
        now = clock_of(house).now
        fire_all(house)
        done = [one.request_id for one in rows(house, t.history, kind="escalated")]
        assert [1] * 4 + [3] * 4 == done
        # It woke with the daemon: its chain goes on from there, with the time that it had left.
        woken = row(house, t.request, id=2)
        assert ("active", "running") == (woken.phase, woken.chain_state)
        assert now + timedelta(minutes=46) == woken.chain_due_at
        opened = row(house, t.request, id=4)  # the held mail, by itself
        assert (now, now + HOUR) == (opened.created_at, opened.chain_due_at)
        assert "opened" == row(house, t.hold).state
        assert () == audit(house.database, house.spool).findings


def test_a_crowd_is_caught_up_with_each_once(tmp_path: Path) -> None:
    size = 500
    with make_house(tmp_path, rules=RULES, config_extra=NO_BRAKES) as house:
        put_in(house, mail())
        Herd(house.database.engine, tables=COPIED).grow(size)
        clock_of(house).forward(days=5)
        before = house.database.commits
        fire_all(house)
        levels = Counter(
            (one.request_id, one.to_value) for one in rows(house, t.history, kind="escalated")
        )
        assert levels == {
            (number, f"level {level}"): 1 for number in range(1, size + 1) for level in range(1, 5)
        }
        first = [one.request_id for one in rows(house, t.history, to_value="level 1")]
        assert list(range(1, size + 1)) == first
        kinds = {one.id: (one.request_id, one.kind) for one in rows(house, t.outbox)}
        mails = Counter(
            (kinds[one.outbox_id], one.recipient)
            for one in rows(house, t.delivery)
            if kinds[one.outbox_id][1] == "escalation"
        )
        assert {1} == set(mails.values())
        assert 2 * size <= len(mails)
        assert house.database.commits - before < size
