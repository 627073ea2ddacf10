"""The day's own mail: who gets it, when, once, and what stands in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest
from tests.flow.telling import ALWAYS
from tests.houses import (
    LOUD,
    another_desk,
    change_rules,
    clock_of,
    fire,
    mail,
    put_in,
    reply_to,
    row,
    rows,
    send,
    sound_house,
    work,
)

from postroom import failpoints
from postroom.core.changes import Postpone
from postroom.house import House
from postroom.store import schema as t
from postroom.work import digests

EVA = "eva@example.com"
DAILY = LOUD.replace('email = "eva', 'notify = ["digest"]\ntime_zone = "Europe/Oslo"\nemail = "eva')
IN_OFFICE = DAILY.replace('time_zone = "Europe/Oslo"', 'calendar = "office"')
SEVEN = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)  # Saturday, 07:00 in Oslo
MONDAY = datetime(2026, 11, 23, 7, 30, tzinfo=UTC)  # 08:30 in Oslo
PRIORITIES = """
[[priority]]
name = "medium"
default = true
calendar = "always"
first_reply = "1d"
  [[priority.level]]
  level = 1
  after = "2h"
  notify = ["boss@example.com"]
"""
CALENDARS = (
    ALWAYS
    + """
[[calendar]]
name = "office"
time_zone = "Europe/Oslo"
monday = ["12:30-16:00", "08:30-12:00"]
tuesday = ["08:00-16:00"]
"""
)


@contextmanager
def house_with(folder: Path, team: str) -> Iterator[House]:
    rules = {"team": team, "priorities": PRIORITIES, "calendars": CALENDARS}
    with sound_house(folder, rules=rules) as made:
        digests.plan(made.desk)
        yield made


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with house_with(tmp_path, DAILY) as made:
        yield made


def at(house: House, moment: datetime) -> list[EmailMessage]:
    """Return the daily mails that are sent when the clock shows that moment."""
    clock_of(house).now = moment
    while fire(house):
        pass
    return [one for one in send(house) if str(one["Subject"]).startswith("Your requests")]


def opened(house: House, subject: str = "How do I pay?") -> None:
    assert put_in(house, mail(subject)).outcome == "opened"


def lines_of(sent: EmailMessage) -> list[str]:
    part = sent.get_body(("plain",))
    assert part is not None
    return [line for line in str(part.get_content()).splitlines() if line.strip()]


def test_in_the_morning_a_handler_hears_of_what_is_his(house: House) -> None:
    opened(house)
    assert [] == [one for one in send(house) if one["Delivered-To"] == EVA]  # he wants no other
    assert [] == at(house, SEVEN - timedelta(seconds=1))
    [told] = at(house, SEVEN)
    assert (EVA, "auto-generated") == (told["Delivered-To"], told["Auto-Submitted"])
    assert "Your requests: 1" == told["Subject"]
    assert [
        "Waiting for you",
        "* 1  How do I pay?",
        "  first reply is due 2026-11-21 13:00 CET; level 1 is reached; not read yet",
    ] == lines_of(told)[1:4]
    assert "digest" == rows(house, t.outbox)[-1].kind


def test_it_comes_once_a_day(house: House) -> None:
    opened(house)
    assert 1 == len(at(house, SEVEN))
    assert [] == at(house, SEVEN + timedelta(hours=23, minutes=59))
    assert 1 == len(at(house, SEVEN + timedelta(days=1)))
    timers = rows(house, t.timer, kind="digest")
    assert ["fired", "fired", "armed"] == [one.state for one in timers]


def test_the_most_pressing_stands_first(house: House) -> None:
    for subject in ("old", "for omar", "for kim", "asleep", "for omar", "for kim", "later"):
        opened(house, subject)  # round robin: eva has the first, the fourth and the last
    clock_of(house).now = SEVEN - timedelta(hours=2)
    house.desk.command(Postpone(SEVEN + timedelta(hours=3)), 4, "eva")
    house.desk.command(Postpone(SEVEN + timedelta(days=3)), 7, "eva")
    put_in(house, mail("It was a lawsuit", sender="law@example.net"))
    assert "held" == rows(house, t.journal)[-1].outcome
    [told] = at(house, SEVEN)
    assert "Your requests: 3" == told["Subject"]
    said = "\n".join(lines_of(told))
    order = ["Waiting for you", "1  old", "Back today", "4  asleep", "Held mail", "lawsuit"]
    assert sorted(order, key=said.index) == order
    assert "later" not in said
    [overdue] = at(house, SEVEN + timedelta(days=1))
    assert str(overdue["Subject"]).endswith("overdue")
    assert "Overdue" == lines_of(overdue)[1]


def test_a_day_without_anything_has_no_mail_and_the_next_one_is_planned(house: House) -> None:
    assert [] == at(house, SEVEN)
    assert SEVEN + timedelta(days=1) == row(house, t.timer, state="armed").due_at


def test_after_days_of_downtime_there_is_one(house: House) -> None:
    opened(house)
    late = SEVEN + timedelta(days=5, hours=4)
    clock_of(house).now = late
    digests.plan(house.desk)  # as at a start
    assert 1 == len(at(house, late))
    assert SEVEN + timedelta(days=6) == row(house, t.timer, kind="digest", state="armed").due_at


def test_it_follows_the_handlers_calendar(tmp_path: Path) -> None:
    with house_with(tmp_path, IN_OFFICE) as house:
        opened(house)
        assert [] == at(house, MONDAY - timedelta(seconds=1))
        assert 1 == len(at(house, MONDAY))
        assert [] == at(house, MONDAY + timedelta(hours=6))  # the afternoon opens, too
        assert 1 == len(at(house, MONDAY + timedelta(hours=24)))


def test_who_hears_nothing_outside_his_hours_gets_no_late_one(tmp_path: Path) -> None:
    held = IN_OFFICE.replace("notify =", "hold_notifications = true\nnotify =")
    with house_with(tmp_path, held) as house:
        opened(house)
        night = MONDAY + timedelta(hours=14)
        assert [] == at(house, night)
        [told] = at(house, MONDAY + timedelta(hours=23, minutes=30))
        assert "1  How do I pay?" in "\n".join(lines_of(told))


def test_planning_again_and_again_arms_one_timer(house: House) -> None:
    other = another_desk(house)
    try:
        for desk in (house.desk, other, house.desk):
            digests.plan(desk)
    finally:
        other.database.close()
    assert 1 == len(rows(house, t.timer, kind="digest"))


def test_new_rules_move_begin_and_end_it(house: House) -> None:
    def follow(team: str) -> list[tuple[str, datetime]]:
        house.desk.adopt(change_rules(house, team=team))
        digests.plan(house.desk)
        armed = rows(house, t.timer, kind="digest", state="armed")
        return sorted((one.actor, one.due_at) for one in armed)

    assert [("eva", MONDAY)] == follow(IN_OFFICE)
    both = DAILY.replace('email = "kim', 'notify = ["new", "digest"]\nemail = "kim')
    assert [("eva", SEVEN), ("kim", SEVEN + timedelta(hours=1))] == follow(both)  # kim: in UTC
    assert [] == follow(LOUD)


def test_a_timer_whose_handler_wants_none_any_more_does_nothing(house: House) -> None:
    opened(house)
    house.desk.adopt(change_rules(house, team=LOUD))
    assert [] == at(house, SEVEN)
    assert "cancelled" == row(house, t.timer, kind="digest").state


@pytest.mark.parametrize("place", ["desk.decided", "apply.begun", "apply.written"])
def test_a_crash_on_the_way_sends_it_later_and_once(house: House, place: str) -> None:
    opened(house)
    clock_of(house).now = SEVEN

    def fail() -> None:
        failpoints.disarm()
        raise failpoints.FailpointError

    failpoints.arm(place, fail)
    try:
        fire(house)
    finally:
        failpoints.disarm()
    assert 1 == len(at(house, SEVEN + timedelta(minutes=11)))
    assert [] == at(house, SEVEN + timedelta(minutes=22))


def test_a_subject_that_looks_like_our_words_stays_one_line(house: House) -> None:
    opened(house, "x" * 300)
    opened(house, "for omar")
    [told] = at(house, SEVEN)
    assert all(len(line) < 120 for line in lines_of(told))


def test_a_thousand_requests_give_a_mail_of_a_hundred(house: House) -> None:
    opened(house)
    work(house)
    request = dict(row(house, t.request, id=1)._mapping)
    copies = [request | {"id": number} for number in range(100, 1100)]
    house.database.write(lambda c: c.execute(t.request.insert(), copies))
    [told] = at(house, SEVEN)
    assert "and 901 more" in lines_of(told)
    house.database.write(lambda c: c.execute(t.request.delete().where(t.request.c.id >= 100)))


def test_an_answer_to_it_goes_to_no_customer(house: House) -> None:
    opened(house)
    [told] = at(house, SEVEN)
    put_in(house, reply_to(told, "#close\nWe are on it.\n", sender=f"Eva Berg <{EVA}>"))
    assert "open" == row(house, t.request, id=1).status
    assert [] == [one for one in send(house) if one["Delivered-To"] == "ann@example.net"]
