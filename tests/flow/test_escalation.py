"""Clocks and chains with the real desk and ticker, and a clock that the tests turn."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from tests.houses import (
    LOUD,
    change_rules,
    clock_of,
    fire,
    mail,
    make_house,
    put_in,
    reply_to,
    row,
    rows,
    send,
    sent,
)

from postroom.core.changes import AssignTo, ChangeProperty, ChangeStatus, Close, Reopen
from postroom.house import House
from postroom.store import schema as t
from postroom.work.audit import audit

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)  # a Friday
EVA, OMAR, KIM = "eva@example.com", "omar@example.com", "kim@example.com"
PRIORITIES = """
[[priority]]
name = "medium"
default = true
rank = 2
calendar = "always"
first_reply = "2h"
next_reply = "4h"
deadline = "1d"

  [[priority.level]]
  level = 1
  after = "1h"
  notify = ["owner"]

  [[priority.level]]
  level = 2
  after = "30m"
  assign = "omar"
  priority = "urgent"
  notify = ["owner", "boss@example.com"]

  [[priority.warning]]
  of = "first_reply"
  before = "30m"
  notify = ["owner"]

[[priority]]
name = "urgent"
rank = 1
calendar = "always"
first_reply = "30m"

  [[priority.level]]
  level = 3
  after = "10m"
  notify = ["administrator"]

[[priority]]
name = "patient"
rank = 4
calendar = "always"
first_reply = "2h"

  [[priority.warning]]
  of = "first_reply"
  before = "30m"
  notify = ["owner"]

  [[priority.warning]]
  of = "first_reply"
  after = "1m"
  notify = ["owner"]

[[priority]]
name = "quiet"
rank = 3
calendar = "always"
"""


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with make_house(tmp_path, rules={"team": LOUD, "priorities": PRIORITIES}) as made:
        yield made
        found = audit(made.database, made.spool).findings
        assert () == found


def opened(house: House) -> EmailMessage:
    """Open request 1 and return its owner's notice."""
    assert put_in(house, mail()).outcome == "opened"
    return next(one for one in send(house) if one["Delivered-To"] == EVA)


def pass_time(house: House, **by: float) -> list[str]:
    """Turn the clock, fire what is due, and return who was told."""
    clock_of(house).forward(**by)
    while fire(house):
        pass
    return sorted(str(one["Delivered-To"]) for one in send(house))


def at(house: House, column: str) -> timedelta | None:
    """Return how long after noon a moment of request 1 is."""
    moment = getattr(row(house, t.request, id=1), column)
    return moment - NOON if moment is not None else None


def chain(house: House) -> tuple[str, int, Any]:
    found = row(house, t.request, id=1)
    return found.chain_state, found.escalation_level, at(house, "chain_due_at")


def history(house: House, *kinds: str) -> list[tuple[str, str]]:
    return [(one.kind, one.to_value) for one in rows(house, t.history) if one.kind in kinds]


HOUR = timedelta(hours=1)


def test_a_new_request_has_its_clocks_and_its_chain(house: House) -> None:
    opened(house)
    assert (2 * HOUR, None, 24 * HOUR) == (
        at(house, "first_reply_due_at"),
        at(house, "next_reply_due_at"),
        at(house, "deadline_at"),
    )
    assert ("running", 0, HOUR) == chain(house)


def test_levels_fire_once_in_order_and_count_from_nominal_moments(house: House) -> None:
    opened(house)
    assert [EVA] == pass_time(house, hours=1, minutes=10)
    assert ("running", 1, 1.5 * HOUR) == chain(house)
    assert [] == pass_time(house, minutes=10)
    told = pass_time(house, minutes=20)  # 1:40; the warning is due at 1:30, too
    request = row(house, t.request, id=1)
    assert ("omar", "urgent") == (request.owner, request.priority)
    assert {"boss@example.com", OMAR} <= set(told)
    # The new priority's third level, 10 minutes after the nominal moment of the second.
    assert [
        ("escalated", "level 1"),
        ("escalated", "level 2"),
        ("escalated", "level 3"),
    ] == history(house, "escalated")
    assert EVA in told  # the administrator, by level 3 at 1:40
    assert ("none", 3, None) == chain(house)


def test_after_days_of_downtime_everything_is_done_once_and_told_in_one_mail(house: House) -> None:
    opened(house)
    told = pass_time(house, days=3)
    assert sorted(set(told)) == told
    assert {"boss@example.com", OMAR, EVA} == set(told)
    assert ["level 1", "level 2", "level 3"] == [to for _, to in history(house, "escalated")]
    # The deadline went with the priority that level 2 took away.
    assert ["first_reply since 2026-11-20T12:00:00Z"] == [to for _, to in history(house, "missed")]
    assert [] == pass_time(house, days=3)


def test_an_answer_stops_the_chain_and_ends_the_first_clock(house: House) -> None:
    notice = opened(house)
    clock_of(house).forward(minutes=20)
    put_in(house, reply_to(notice, "I see to it.\n", sender=EVA))
    assert ("stopped", 0) == chain(house)[:2]
    assert 40 * 60 == row(house, t.request, id=1).chain_remaining
    assert None is at(house, "first_reply_due_at")
    send(house)
    assert [] == pass_time(house, hours=3)


def test_a_customers_message_starts_the_next_clock_and_the_chain_again(house: House) -> None:
    notice = opened(house)
    put_in(house, reply_to(notice, "I see to it.\n", sender=EVA))
    answer = next(one for one in send(house) if one["Delivered-To"] == "ann@example.net")
    clock_of(house).forward(hours=1)
    put_in(house, reply_to(answer))
    assert 5 * HOUR == at(house, "next_reply_due_at")
    assert ("running", 0, 2 * HOUR) == chain(house)


def test_a_closed_request_has_no_clocks_and_a_reopened_one_is_not_overdue(house: House) -> None:
    opened(house)
    house.desk.command(Close(), 1, "eva")
    assert (None, "stopped") == (at(house, "deadline_at"), chain(house)[0])
    assert [] == pass_time(house, days=5)
    house.desk.command(Reopen(), 1, "eva")
    assert 6 * 24 * HOUR == at(house, "deadline_at")
    assert ("running", 0, 121 * HOUR) == chain(house)


def test_clocks_stand_still_while_it_is_the_customers_turn(house: House) -> None:
    opened(house)
    house.desk.command(ChangeStatus("waiting"), 1, "eva")
    assert None is at(house, "deadline_at")
    clock_of(house).forward(hours=5)
    house.desk.command(ChangeStatus("open"), 1, "eva")
    assert 29 * HOUR == at(house, "deadline_at")
    assert 7 * HOUR == at(house, "first_reply_due_at")


def test_another_priority_counts_from_the_creation(house: House) -> None:
    opened(house)
    clock_of(house).forward(minutes=50)
    house.desk.command(ChangeProperty("priority", "urgent"), 1, "eva")
    assert (0.5 * HOUR, None) == (at(house, "first_reply_due_at"), at(house, "deadline_at"))
    assert ("running", 0, HOUR) == chain(house)  # level 3 of the new one, ten minutes from now
    assert 1 == fire(house)  # it is missed already, and that is written down
    assert [("missed", "first_reply since 2026-11-20T12:00:00Z")] == history(house, "missed")


def test_a_priority_without_levels_ends_the_chain(house: House) -> None:
    opened(house)
    house.desk.command(ChangeProperty("priority", "quiet"), 1, "eva")
    assert ("none", 0, None) == chain(house)
    assert [] == pass_time(house, days=9)


def test_taking_an_escalated_request_stops_its_chain(house: House) -> None:
    opened(house)
    pass_time(house, hours=1)
    house.desk.command(AssignTo("kim"), 1, "kim")
    assert ("stopped", 1) == chain(house)[:2]


def test_a_warning_comes_before_the_clock_is_over(house: House) -> None:
    opened(house)
    house.desk.command(ChangeProperty("priority", "patient"), 1, "eva")
    house.desk.command(ChangeStatus("waiting"), 1, "eva")
    clock_of(house).forward(hours=1)
    house.desk.command(ChangeStatus("open"), 1, "eva")
    assert [] == pass_time(house, hours=1, minutes=29)
    assert [EVA] == pass_time(house, minutes=1)  # half an hour before the two, and one of waiting
    assert [] == history(house, "missed")
    assert [EVA] == pass_time(house, minutes=31)  # a minute after it was missed
    assert (1, 2) == (len(history(house, "missed")), len(history(house, "warned")))


def test_each_priority_gives_its_own_warning(house: House) -> None:
    opened(house)
    house.desk.command(ChangeProperty("priority", "patient"), 1, "eva")
    assert [EVA] == pass_time(house, hours=1, minutes=30)
    house.desk.command(ChangeProperty("priority", "medium"), 1, "eva")
    assert [EVA] == pass_time(house, seconds=1)  # the same clock, and half an hour before its end
    house.desk.command(ChangeProperty("priority", "patient"), 1, "eva")
    assert [] == pass_time(house, minutes=1)
    given = [to.partition("Z ")[2] for _, to in history(house, "warned")]
    assert ["patient 1", "medium 1"] == given


def test_an_out_of_office_moves_no_clock(house: House) -> None:
    opened(house)
    absent = reply_to(opened_reply(house)).replace(
        b"Subject:", b"Auto-Submitted: auto-replied\r\nSubject:", 1
    )
    put_in(house, absent)
    assert None is at(house, "next_reply_due_at")


def opened_reply(house: House) -> EmailMessage:
    """Return the automatic reply that Ann has got."""
    return next(one for one in sent(house) if one["Delivered-To"] == "ann@example.net")


HANDED = """
[[priority]]
name = "medium"
default = true
calendar = "always"
on = {{ owner-changed = "restart" }}

  [[priority.level]]
  level = 1
  after = "1h"
  assign = "{}"
  template = "note"
  notify = ["owner", "administrator"]

  [[priority.level]]
  level = 2
  after = "1h"
"""
GROUP = '[[group]]\nname = "second-line"\nmembers = ["eva", "omar", "kim"]\n'


@pytest.mark.parametrize(
    ("to", "owner"),
    [
        ("category", "omar"),  # its turn, and never the present owner's
        ("group:second-line", "kim"),  # but for the owner: who has fewest, then by name
        ("kim", "kim"),
    ],
)
def test_a_level_hands_the_request_on_and_that_is_no_event(
    to: str, owner: str, tmp_path: Path
) -> None:
    rules = {"team": LOUD + GROUP, "priorities": HANDED.format(to)}
    with make_house(tmp_path, rules=rules) as house:
        opened(house)
        assert "eva" == row(house, t.request, id=1).owner
        pass_time(house, hours=1)
        assert (owner, 1) == (row(house, t.request, id=1).owner, chain(house)[1])
        [handed] = [one for one in rows(house, t.history, kind="owner") if one.from_value == "eva"]
        assert "level 1 of medium, due 2026-11-20T13:00:00Z" in handed.because
        # The reaction to owner-changed is for changes by hand: the chain went on.
        assert ("running", 1, 2 * HOUR) == chain(house)
        escalations = rows(house, t.outbox, kind="escalation")
        assert {"note"} == {one.template for one in escalations}
        assert () == audit(house.database, house.spool).findings


def test_a_request_whose_priority_was_taken_away_counts_by_the_default_one(house: House) -> None:
    opened(house)
    house.desk.command(ChangeProperty("priority", "patient"), 1, "eva")
    kept = PRIORITIES.partition('[[priority]]\nname = "patient"')
    quiet = kept[2][kept[2].index('[[priority]]\nname = "quiet"') :]
    house.desk.adopt(change_rules(house, priorities=kept[0] + quiet))
    told = pass_time(house, hours=5)
    assert "patient" == row(house, t.request, id=1).priority
    assert ["first_reply since 2026-11-20T12:00:00Z"] == [to for _, to in history(house, "missed")]
    assert EVA in told
