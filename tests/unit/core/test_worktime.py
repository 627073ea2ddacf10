"""Working time, against a counter that looks at every minute."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.core.builders import ALWAYS

from postroom.core.model import Calendar, Span
from postroom.core.worktime import due_at, intervals

Hours = tuple[tuple[time, time], ...]
MINUTE = timedelta(minutes=1)
MIDNIGHT = time(0)
WHOLE: Hours = ((MIDNIGHT, MIDNIGHT),)
OFFICE: Hours = ((time(8), time(12)), (time(12, 30), time(16)))


def calendar(
    *, hours: Hours = OFFICE, weekend: Hours = (), zone: str = "Europe/Oslo", **more: Any
) -> Calendar:
    return Calendar("office", zone, (hours,) * 5 + (weekend,) * 2, **more)


# ---- the counter


def is_open(minute: datetime, hours: Calendar) -> bool:
    """Whether the clock on the wall says that a minute is working time."""
    local = minute.astimezone(ZoneInfo(hours.time_zone)).replace(tzinfo=None, fold=0)
    day = local.date()
    extra = [pair for pair in hours.open if pair[0].date() == day]
    if extra:
        return any(opens <= local < closes for opens, closes in extra)
    if (
        day in hours.holidays
        or day in hours.closed_once
        or (day.month, day.day) in hours.closed_yearly
    ):
        return False
    return any(
        opens <= local.time() and (local.time() < closes or closes == MIDNIGHT)
        for opens, closes in hours.week[day.weekday()]
    )


def counted(start: datetime, minutes: int, hours: Calendar) -> datetime:
    """The moment at which so many working minutes are over, minute by minute."""
    now = start
    while minutes:
        minutes -= is_open(now, hours)
        now += MINUTE
    return now


# Around both changes of the clock of each zone, a holiday, a day closed once and one open once.
CHANGES = {
    "Europe/Oslo": (date(2026, 3, 29), date(2026, 10, 25)),
    "America/New_York": (date(2026, 3, 8), date(2026, 11, 1)),
    "Australia/Lord_Howe": (date(2026, 4, 5), date(2026, 10, 4)),  # by half an hour
    "America/St_Johns": (date(2026, 3, 8), date(2026, 11, 1)),
    "Asia/Kathmandu": (date(2026, 3, 29), date(2026, 10, 25)),  # never; 5:45 from UTC
    "Pacific/Apia": (date(2011, 12, 30), date(2026, 10, 25)),  # a day that never was
    "Africa/Casablanca": (date(2026, 2, 15), date(2026, 3, 22)),
}


@st.composite
def hours_of_a_day(draw: st.DrawFn) -> Hours:
    """Up to three intervals, in order, sometimes to midnight."""
    marks = draw(st.lists(st.integers(0, 95), max_size=6, unique=True))
    marks = sorted(marks[: len(marks) // 2 * 2])
    clocks = [time(mark // 4, mark % 4 * 15) for mark in marks]
    pairs = list(zip(clocks[::2], clocks[1::2], strict=True))
    if pairs and draw(st.booleans()):
        pairs[-1] = (pairs[-1][0], MIDNIGHT)
    return tuple(pairs)


@st.composite
def cases(draw: st.DrawFn) -> tuple[datetime, int, Calendar]:
    """A start near a change of the clock, minutes, a calendar that opens on Sundays at least."""
    zone = draw(st.sampled_from(sorted(CHANGES)))
    change = draw(st.sampled_from(CHANGES[zone]))
    near = st.integers(-3, 3).map(lambda days: change + timedelta(days=days))
    week = [draw(st.one_of(st.just(OFFICE), st.just(WHOLE), hours_of_a_day())) for _ in range(6)]
    opened = draw(st.lists(near, max_size=1))
    extra = tuple(
        (datetime.combine(day, time(1, 30)), datetime.combine(day, time(2, 45))) for day in opened
    )
    hours = Calendar(
        "office",
        zone,
        (*week, OFFICE),
        holidays=frozenset(draw(st.lists(near, max_size=1))),
        closed_yearly=frozenset((day.month, day.day) for day in draw(st.lists(near, max_size=1))),
        closed_once=frozenset(draw(st.lists(near, max_size=1))),
        open=extra,
    )
    day = draw(near)
    start = (
        datetime(day.year, day.month, day.day, tzinfo=UTC) + draw(st.integers(0, 1_439)) * MINUTE
    )
    return start, draw(st.integers(1, 1_500)), hours


@settings(max_examples=150, deadline=None)
@given(cases())
def test_due_at_agrees_with_the_counter(case: tuple[datetime, int, Calendar]) -> None:
    start, minutes, hours = case
    assert due_at(start, Span(seconds=60 * minutes), hours) == counted(start, minutes, hours)


@settings(max_examples=50, deadline=None)
@given(cases())
def test_intervals_come_in_order_and_do_not_overlap(case: tuple[datetime, int, Calendar]) -> None:
    start, _, hours = case
    last = start
    for _, (opens, closes) in zip(range(20), intervals(start, hours), strict=False):
        assert last <= opens < closes
        last = closes


# ---- by hand, so that the counter is checked too


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


CHRISTMAS = calendar(closed_yearly=frozenset([(12, 24)]), holidays=frozenset([date(2026, 12, 25)]))
SATURDAY = calendar(open=((at("2026-12-05T10:00"), at("2026-12-05T14:00")),))


@pytest.mark.parametrize(
    ("due", "start", "minutes", "hours"),
    [
        ("2026-11-20T14:15+01:00", "2026-11-20T13:15+01:00", 60, calendar()),
        # Over lunch, the evening, the week-end.
        ("2026-11-20T12:45+01:00", "2026-11-20T11:30+01:00", 45, calendar()),
        ("2026-11-23T08:30+01:00", "2026-11-20T15:30+01:00", 60, calendar()),
        ("2026-11-23T09:00+01:00", "2026-11-21T03:00+01:00", 60, calendar()),
        # The last minute of a day is that day's.
        ("2026-11-20T16:00+01:00", "2026-11-20T15:00+01:00", 60, calendar()),
        # Closed every year, and a holiday, and the week-end behind them.
        ("2026-12-28T09:00+01:00", "2026-12-23T16:00+01:00", 60, CHRISTMAS),
        # Open once, though it is a Saturday.
        ("2026-12-05T11:00+01:00", "2026-12-04T16:00+01:00", 60, SATURDAY),
        # Round the clock, through the hour that is skipped and the one that comes twice.
        (
            "2026-03-29T04:00+02:00",
            "2026-03-29T01:00+01:00",
            120,
            calendar(weekend=WHOLE, hours=WHOLE),
        ),
        (
            "2026-10-25T02:00+01:00",
            "2026-10-25T01:00+02:00",
            120,
            calendar(weekend=WHOLE, hours=WHOLE),
        ),
        # Hours that begin inside the hour that is skipped begin when it is over.
        (
            "2026-03-29T03:10+02:00",
            "2026-03-29T00:00+01:00",
            10,
            calendar(weekend=((time(2, 30), time(5)),)),
        ),
        # Nothing to count: nothing to wait for, open or not.
        ("2026-11-21T03:00+01:00", "2026-11-21T03:00+01:00", 0, calendar()),
    ],
)
def test_due_at(due: str, start: str, minutes: int, hours: Calendar) -> None:
    answer = due_at(at(start), Span(seconds=60 * minutes), hours)
    assert (at(due), UTC) == (answer, answer.tzinfo if answer else None)


@pytest.mark.parametrize(
    ("due", "start", "days", "hours"),
    [
        ("2026-11-24T10:15+01:00", "2026-11-20T10:15+01:00", 2, calendar()),  # Friday: Tuesday
        ("2026-11-24T10:15+01:00", "2026-11-21T10:15+01:00", 2, calendar()),  # so from Saturday
        ("2026-11-23T22:00+01:00", "2026-11-20T22:00+01:00", 1, calendar()),  # the same clock time
        ("2026-12-28T10:00+01:00", "2026-12-23T10:00+01:00", 1, CHRISTMAS),
        ("2026-12-05T10:00+01:00", "2026-12-04T10:00+01:00", 1, SATURDAY),
        ("2026-03-30T10:00+02:00", "2026-03-27T10:00+01:00", 1, calendar()),  # over the change
        ("2026-03-29T03:30+02:00", "2026-03-28T02:30+01:00", 1, calendar(weekend=OFFICE)),
        ("2026-10-26T02:30+01:00", "2026-10-25T02:30+01:00", 1, calendar(weekend=OFFICE)),
    ],
)
def test_working_days(due: str, start: str, days: int, hours: Calendar) -> None:
    assert at(due) == due_at(at(start), Span(days=days), hours)


def test_round_the_clock_is_time_as_it_passes() -> None:
    start = at("2026-03-28T23:00+01:00")
    assert due_at(start, Span(seconds=90_061), ALWAYS) == start + timedelta(seconds=90_061)


@pytest.mark.parametrize("within", [Span(seconds=1), Span(days=1)])
def test_a_calendar_that_never_opens_has_no_answer(within: Span) -> None:
    assert due_at(at("2026-11-20T12:00+01:00"), within, calendar(hours=())) is None


@pytest.mark.parametrize(
    ("expected", "hours"),
    [
        (True, ALWAYS),
        (False, calendar()),
        (False, calendar(hours=WHOLE)),
        (False, Calendar("x", "UTC", (WHOLE,) * 7, closed_yearly=frozenset([(12, 24)]))),
        (False, Calendar("x", "UTC", (WHOLE,) * 7, closed_once=frozenset([date(2026, 12, 24)]))),
        (False, Calendar("x", "UTC", (WHOLE,) * 7, holidays=frozenset([date(2026, 12, 24)]))),
        (False, Calendar("x", "UTC", (WHOLE,) * 7, open=SATURDAY.open)),
    ],
)
def test_round_the_clock(expected: bool, hours: Calendar) -> None:
    assert expected is hours.is_round_the_clock
