"""Working time, by example; test_worktime_counted.py has the rules, over all zones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import accumulate, islice
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from tests.unit.core.builders import ALWAYS

from postroom.core.model import Calendar, Span
from postroom.core.worktime import (
    HORIZON,
    Segment,
    due_at,
    due_with_pauses,
    elapsed,
    elapsed_with_pauses,
    intervals,
    segments,
)
from postroom.policy.calendars import Holidays

Hours = tuple[tuple[time, time], ...]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def hours(*texts: str) -> Hours:
    """Read "08:00-12:00" …, as the loader does."""
    return tuple(
        (time.fromisoformat(opens), time.fromisoformat(closes))
        for opens, closes in (text.replace("24:00", "00:00").split("-") for text in texts)
    )


LUNCH = hours("08:00-12:00", "12:30-16:00")
WHOLE = hours("00:00-24:00")


def calendar(
    *, week: Hours = LUNCH, weekend: Hours = (), zone: str = "Europe/Oslo", **more: Any
) -> Calendar:
    return Calendar("office", zone, (week,) * 5 + (weekend,) * 2, **more)


def on(*days: str, zone: str = "Europe/Oslo", **more: Any) -> Calendar:
    """A calendar with the hours of 09-17 on some weekdays only."""
    names = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    week = tuple(hours("09:00-17:00") if name in days else () for name in names)
    return Calendar("office", zone, week, **more)


def sundays(*texts: str, zone: str) -> Calendar:
    """A calendar with hours on Sundays only, when most clocks are changed."""
    return Calendar("sundays", zone, ((),) * 6 + (hours(*texts),))


NINE_TO_FIVE = on("mon", "tue", "wed", "thu", "fri")
CHRISTMAS = calendar(closed_yearly=frozenset([(12, 24)]), holidays=frozenset([date(2026, 12, 25)]))
NORWAY = calendar(closed_yearly=frozenset([(12, 24)]), holidays=Holidays("NO"))
SATURDAY = calendar(open=((at("2026-12-05T10:00"), at("2026-12-05T14:00")),))
OPEN_AT_CHRISTMAS = calendar(
    holidays=Holidays("NO"),
    closed_once=frozenset([date(2026, 12, 25)]),
    open=((at("2026-12-25T10:00"), at("2026-12-25T11:00")),),
)
SAMOA = Calendar("always", "Pacific/Apia", (WHOLE,) * 7)
NEWFOUNDLAND = Calendar("night", "America/St_Johns", (hours("00:00-00:30", "23:30-24:00"),) * 7)
NIGHTS = calendar(week=WHOLE, weekend=WHOLE, closed_once=frozenset([date(2026, 1, 1)]))


# ---- due


@pytest.mark.parametrize(
    ("due", "start", "minutes", "where"),
    [
        ("2026-11-20T14:15+01:00", "2026-11-20T13:15+01:00", 60, calendar()),
        # Friday 16:00 and two hours: one is left for Monday.
        ("2026-11-23T10:00+01:00", "2026-11-20T16:00+01:00", 120, NINE_TO_FIVE),
        # Over lunch, the evening, the week-end.
        ("2026-11-20T12:45+01:00", "2026-11-20T11:30+01:00", 45, calendar()),
        ("2026-11-23T08:30+01:00", "2026-11-20T15:30+01:00", 60, calendar()),
        ("2026-11-23T09:00+01:00", "2026-11-21T03:00+01:00", 60, calendar()),
        # From the middle of lunch.
        ("2026-11-20T12:40+01:00", "2026-11-20T12:10+01:00", 10, calendar()),
        # The last minute of a day is that day's, the last before lunch is not of the afternoon.
        ("2026-11-20T16:00+01:00", "2026-11-20T15:00+01:00", 60, calendar()),
        ("2026-11-20T12:00+01:00", "2026-11-20T11:00+01:00", 60, calendar()),
        # Weekdays that are missing (osTicket#6739: Monday and Thursday had to exist).
        ("2026-11-24T10:00+01:00", "2026-11-20T12:00+01:00", 60, on("tue")),
        ("2026-11-27T10:00+01:00", "2026-11-20T16:30+01:00", 90, on("fri")),
        ("2026-11-25T10:00+01:00", "2026-11-24T16:00+01:00", 120, on("tue", "wed", "sun")),
        # Closed every year, and a holiday, and the week-end behind them.
        ("2026-12-28T09:00+01:00", "2026-12-23T16:00+01:00", 60, CHRISTMAS),
        ("2026-12-28T09:00+01:00", "2026-12-23T16:00+01:00", 60, NORWAY),
        ("2027-05-18T09:00+02:00", "2027-05-14T16:00+02:00", 60, NORWAY),  # Monday is the 17th
        # Open once, though it is a Saturday; though it is a holiday and closed.
        ("2026-12-05T11:00+01:00", "2026-12-04T16:00+01:00", 60, SATURDAY),
        ("2026-12-25T10:30+01:00", "2026-12-24T16:00+01:00", 30, OPEN_AT_CHRISTMAS),
        ("2026-12-28T08:30+01:00", "2026-12-24T16:00+01:00", 90, OPEN_AT_CHRISTMAS),
        # Round the clock, through the hour that is skipped and the one that comes twice.
        ("2026-03-29T04:00+02:00", "2026-03-29T01:00+01:00", 120, NIGHTS),
        ("2026-10-25T02:00+01:00", "2026-10-25T01:00+02:00", 120, NIGHTS),
        # Nothing to count: nothing to wait for, open or not.
        ("2026-11-21T03:00+01:00", "2026-11-21T03:00+01:00", 0, calendar()),
    ],
)
def test_due_at(due: str, start: str, minutes: int, where: Calendar) -> None:
    answer = due_at(at(start), Span(seconds=60 * minutes), where)
    assert (at(due), UTC) == (answer, answer.tzinfo if answer else None)


@pytest.mark.parametrize(
    ("due", "start", "days", "where"),
    [
        ("2026-11-24T10:15+01:00", "2026-11-20T10:15+01:00", 2, calendar()),  # Friday: Tuesday
        ("2026-11-24T10:15+01:00", "2026-11-21T10:15+01:00", 2, calendar()),  # so from Saturday
        ("2026-11-23T22:00+01:00", "2026-11-20T22:00+01:00", 1, calendar()),  # the same clock time
        ("2026-12-28T10:00+01:00", "2026-12-23T10:00+01:00", 1, CHRISTMAS),
        ("2026-12-05T10:00+01:00", "2026-12-04T10:00+01:00", 1, SATURDAY),
        ("2026-12-08T10:00+01:00", "2026-11-20T10:00+01:00", 3, on("tue")),
        ("2026-03-30T10:00+02:00", "2026-03-27T10:00+01:00", 1, calendar()),  # over the change
        # A time that is skipped: when the clock has gone past it. One that comes twice: the first.
        ("2026-03-29T03:00+02:00", "2026-03-28T02:30+01:00", 1, calendar(weekend=LUNCH)),
        ("2026-10-25T02:30+02:00", "2026-10-24T02:30+02:00", 1, calendar(weekend=LUNCH)),
        ("2026-10-26T02:30+01:00", "2026-10-25T02:30+01:00", 1, calendar(weekend=LUNCH)),
        # No work can be done between 2 and 3 on the day on which that hour is skipped.
        (
            "2026-04-05T10:00+02:00",
            "2026-03-28T10:00+01:00",
            1,
            sundays("02:00-03:00", zone="Europe/Oslo"),
        ),
        # At 00:01 it was Saturday again in Newfoundland: that is not the next day.
        ("2010-11-08T00:00-03:30", "2010-11-07T00:00-02:30", 1, NEWFOUNDLAND),
        # Samoa had no 30th of December 2011.
        ("2011-12-31T10:00+14:00", "2011-12-29T10:00-10:00", 1, SAMOA),
        ("2012-01-01T22:00+14:00", "2011-12-29T22:00-10:00", 2, SAMOA),
    ],
)
def test_working_days(due: str, start: str, days: int, where: Calendar) -> None:
    assert at(due) == due_at(at(start), Span(days=days), where)


def test_the_hours_of_a_span_follow_its_days() -> None:
    due = due_at(at("2026-11-19T15:00+01:00"), Span(days=1, seconds=7_200), NINE_TO_FIVE)
    assert at("2026-11-20T17:00+01:00") == due


def test_round_the_clock_is_time_as_it_passes() -> None:
    start = at("2026-03-28T23:00+01:00")
    length = timedelta(seconds=90_061)
    assert start + length == due_at(start, Span(seconds=90_061), ALWAYS)
    assert length == elapsed(start, start + length, ALWAYS)
    assert [Segment(start, start + length, True, "")] == list(
        segments(start, start + length, ALWAYS)
    )
    assert [(start, start + HORIZON)] == list(intervals(start, ALWAYS))


@pytest.mark.parametrize("within", [Span(seconds=1), Span(days=1)])
def test_a_calendar_that_never_opens_has_no_answer(within: Span) -> None:
    start = at("2026-11-20T12:00+01:00")
    assert due_at(start, within, calendar(week=())) is None
    assert [] == list(intervals(start, calendar(week=())))


def test_no_work_passes_backwards() -> None:
    start, end = at("2026-11-20T12:00+01:00"), at("2026-11-19T12:00+01:00")
    for where in (calendar(), ALWAYS):
        assert timedelta(0) == elapsed(start, end, where) == elapsed(start, start, where)
        assert [] == list(segments(start, end, where)) == list(segments(start, start, where))


def test_fractions_of_a_second_count() -> None:
    start = at("2026-11-20T15:59:59.750000+01:00")
    assert at("2026-11-23T08:00:00.750000+01:00") == due_at(start, Span(seconds=1), calendar())
    change = at("2026-03-29T00:59:59.750000+00:00")
    early = calendar(weekend=hours("00:00-03:00"))
    assert timedelta(seconds=0.25) == elapsed(change, change + timedelta(hours=1), early)


# ---- the clock is changed


@pytest.mark.parametrize(
    ("expected", "where", "day"),
    [
        # Oslo, spring: 2 to 3 is skipped. Autumn: 2 to 3 comes twice.
        (["00:00 01:00"], sundays("01:00-03:00", zone="Europe/Oslo"), "2026-03-29"),
        (["01:00 03:00"], sundays("02:30-05:00", zone="Europe/Oslo"), "2026-03-29"),
        ([], sundays("02:15-02:45", zone="Europe/Oslo"), "2026-03-29"),
        (["06:00 14:00"], sundays("08:00-16:00", zone="Europe/Oslo"), "2026-03-29"),
        (["00:15 00:45", "01:15 01:45"], sundays("02:15-02:45", zone="Europe/Oslo"), "2026-10-25"),
        (["00:30 01:00", "01:30 04:00"], sundays("02:30-05:00", zone="Europe/Oslo"), "2026-10-25"),
        (["00:00 02:00"], sundays("02:00-03:00", zone="Europe/Oslo"), "2026-10-25"),
        # Lord Howe: half an hour, +10:30 and +11.
        (["15:00 15:30"], sundays("01:30-02:15", zone="Australia/Lord_Howe"), "2026-10-04"),
        (["14:45 15:00", "15:15 15:45"],
         sundays("01:45-02:00", "02:00-02:15", zone="Australia/Lord_Howe"), "2026-04-05"),
        # Chatham: at 02:45, +12:45 and +13:45.
        (["13:45 14:30"], sundays("02:30-04:15", zone="Pacific/Chatham"), "2026-09-27"),
        # Kathmandu: never, +5:45.
        (["21:15 00:15"], sundays("03:00-06:00", zone="Asia/Kathmandu"), "2026-03-29"),
        # Beirut and Santiago skip midnight; Santiago shows 23 to 24 of Saturday twice.
        (["22:00 23:00"], sundays("00:00-02:00", zone="Asia/Beirut"), "2026-03-29"),
        (["04:00 05:00"], sundays("00:00-02:00", zone="America/Santiago"), "2026-09-06"),
        (["02:30 03:00", "03:30 05:00"],
         calendar(weekend=hours("00:00-01:00", "23:30-24:00"), week=(), zone="America/Santiago"),
         "2026-04-05"),
    ],
)  # fmt: skip
def test_hours_of_a_day_on_which_the_clock_is_changed(
    expected: list[str], where: Calendar, day: str
) -> None:
    """What passes, in UTC, from noon there on the day before, for a day."""
    noon = datetime.combine(date.fromisoformat(day), time(12), ZoneInfo(where.time_zone))
    start, end = noon - timedelta(days=1), noon + timedelta(hours=5)
    found = [piece for piece in segments(start, end, where) if piece.is_open]
    assert expected == [f"{piece.start:%H:%M} {piece.end:%H:%M}" for piece in found]


def test_cairo_skips_the_first_hour_of_a_friday() -> None:
    where = Calendar("night", "Africa/Cairo", (hours("00:00-01:30", "23:00-24:00"),) * 7)
    start = at("2023-04-27T22:00+02:00")
    assert at("2023-04-28T01:30+03:00") == due_at(start, Span(seconds=5_400), where)
    assert timedelta(hours=1, minutes=30) == elapsed(start, start + timedelta(days=1), where)


def test_newfoundland_put_its_clock_back_over_midnight() -> None:
    """At 00:01 on Sunday it was 23:01 on Saturday again (until 2011); 2:30 from UTC, then 3:30."""
    found = list(islice(intervals(at("2010-11-07T00:00Z"), NEWFOUNDLAND), 3))
    assert [
        (at("2010-11-07T02:00Z"), at("2010-11-07T02:31Z")),  # 23:30 to 00:01
        (at("2010-11-07T03:00Z"), at("2010-11-07T04:00Z")),  # 23:30 again, to 00:30
        (at("2010-11-08T03:00Z"), at("2010-11-08T04:00Z")),
    ] == found


def test_samoa_had_no_30th_of_december_2011() -> None:
    where = Calendar("office", "Pacific/Apia", (hours("08:00-16:00"),) * 7)
    start, end = at("2011-12-29T00:00-10:00"), at("2012-01-01T00:00+14:00")
    assert timedelta(hours=16) == elapsed(start, end, where)
    assert at("2011-12-31T09:00+14:00") == due_at(
        at("2011-12-29T15:00-10:00"), Span(seconds=7_200), where
    )


def test_liberia_was_ahead_by_seconds_until_1972() -> None:
    """On 7 January, 00:00 became 00:44:30; counted second by second."""
    where = Calendar("night", "Africa/Monrovia", (hours("00:30-01:00", "23:00-24:00"),) * 7)
    there = ZoneInfo("Africa/Monrovia")
    start = at("1972-01-06T23:30:00+00:00")
    every = [start + timedelta(seconds=number) for number in range(7_200)]
    clocks = [moment.astimezone(there).time() for moment in every]
    is_open = [clock >= time(23) or time(0, 30) <= clock < time(1) for clock in clocks]
    assert timedelta(hours=1, minutes=15, seconds=30) == timedelta(seconds=sum(is_open))
    for number, passed in enumerate(accumulate(is_open), 1):
        moment = start + timedelta(seconds=number)
        if number % 97 == 0:
            assert timedelta(seconds=passed) == elapsed(start, moment, where)


@pytest.mark.parametrize(
    ("start", "zone"),
    [
        ("2026-12-24T10:00+00:00", "Pacific/Kiritimati"),  # +14
        ("2026-12-24T10:00+00:00", "Etc/GMT-14"),
        ("2026-12-24T11:00+00:00", "Pacific/Apia"),
        ("2026-12-25T00:00+00:00", "UTC"),
        ("2026-12-25T11:00+00:00", "Pacific/Pago_Pago"),
        ("2026-12-25T12:00+00:00", "Etc/GMT+12"),  # as far as it goes on this side
    ],
)
def test_a_holiday_is_a_date_of_the_calendars_zone(start: str, zone: str) -> None:
    """zammad#3706: holidays were off by one day."""
    where = Calendar("always", zone, (WHOLE,) * 7, holidays=Holidays("US"))
    closed = [
        piece
        for piece in segments(at("2026-12-20T00:00Z"), at("2026-12-30T00:00Z"), where)
        if not piece.is_open
    ]
    assert [
        Segment(at(start), at(start) + timedelta(days=1), False, "holiday: Christmas Day")
    ] == closed


# ---- segments


@dataclass(frozen=True, slots=True)
class Feasts:
    """Holidays that know their names, or some of them."""

    names: dict[date, str | None]

    def __contains__(self, day: date, /) -> bool:
        return day in self.names

    def name_of(self, day: date, /) -> str | None:
        return self.names[day]


def told(start: str, end: str, where: Calendar) -> list[str]:
    """Write segments down: when each begins on the wall there, and what it is."""
    zone = ZoneInfo(where.time_zone)
    return [
        f"{piece.start.astimezone(zone):%d. %H:%M} {piece.why or 'open'}"
        for piece in segments(at(start), at(end), where)
    ]


def test_segments_tell_a_handler_why_time_does_not_count() -> None:
    feasts = Feasts({date(2026, 12, 25): "First Day of Christmas", date(2026, 12, 28): None})
    where = calendar(
        closed_yearly=frozenset([(12, 24)]),
        closed_once=frozenset([date(2026, 12, 29)]),
        holidays=feasts,
        open=((at("2026-12-27T10:00"), at("2026-12-27T11:00")),),
    )
    assert [
        "22. 15:00 open",
        "22. 16:00 closed hours",
        "23. 08:00 open",
        "23. 12:00 closed hours",
        "23. 12:30 open",
        "23. 16:00 closed hours",
        "24. 00:00 closed 12-24",
        "25. 00:00 holiday: First Day of Christmas",
        "26. 00:00 Saturday",
        "27. 00:00 closed hours",
        "27. 10:00 open",
        "27. 11:00 closed hours",
        "28. 00:00 holiday",
        "29. 00:00 closed 2026-12-29",
        "30. 00:00 closed hours",
        "30. 08:00 open",
    ] == told("2026-12-22T15:00+01:00", "2026-12-30T09:00+01:00", where)


def test_pieces_of_a_kind_are_one() -> None:
    where = calendar(week=hours("08:00-12:00", "12:00-16:00"))
    assert ["20. 09:00 open", "20. 16:00 closed hours", "21. 00:00 Saturday", "22. 00:00 Sunday",
            "23. 00:00 closed hours", "23. 08:00 open"] == told(
        "2026-11-20T09:00+01:00", "2026-11-23T16:00+01:00", where
    )  # fmt: skip
    assert ["01. 00:00 open"] == told("2026-03-01T00:00+01:00", "2026-12-01T00:00+01:00", NIGHTS)
    assert ["01. 00:00 Sunday", "02. 00:00 Monday", "03. 00:00 closed hours"] == told(
        "2026-11-01T00:00+01:00", "2026-11-03T09:00+01:00", on("tue")
    )


def test_openings_that_a_calendar_made_by_hand_lets_overlap_count_once() -> None:
    """The loader refuses them, and those that go on after midnight."""
    where = calendar(
        weekend=LUNCH,
        open=(
            (at("2026-11-21T20:00"), at("2026-11-22T09:00")),
            (at("2026-11-21T10:00"), at("2026-11-21T21:00")),
        ),
    )
    found = intervals(at("2026-11-21T00:00+01:00"), where)
    assert (at("2026-11-21T10:00+01:00"), at("2026-11-22T12:00+01:00")) == next(found)
    found = intervals(at("2026-11-22T02:00+01:00"), where)
    assert (at("2026-11-22T02:00+01:00"), at("2026-11-22T12:00+01:00")) == next(found)


def test_the_order_of_hours_in_a_calendar_made_by_hand_does_not_matter() -> None:
    where = calendar(week=hours("12:30-16:00", "08:00-12:00"))
    assert timedelta(hours=7, minutes=30) == elapsed(
        at("2026-11-20T00:00+01:00"), at("2026-11-21T00:00+01:00"), where
    )


# ---- pauses


def pauses(*texts: str) -> list[tuple[datetime, datetime | None]]:
    """Read "23T09:00 23T10:00" …, in November 2026 in Oslo; without an end: it lasts still."""
    moments = [[at(f"2026-11-{part}+01:00") for part in text.split()] for text in texts]
    return [(found[0], found[1] if len(found) > 1 else None) for found in moments]


@pytest.mark.parametrize(
    ("due", "within", "paused"),
    [
        # From Monday the 23rd, 10:00, in hours of 9 to 17.
        ("23T14:00", Span(seconds=4 * 3600), []),
        ("23T15:00", Span(seconds=4 * 3600), ["23T11:00 23T12:00"]),
        ("23T15:00", Span(seconds=4 * 3600), ["23T09:00 23T11:00"]),  # began before
        ("23T14:00", Span(seconds=4 * 3600), ["23T14:00 23T15:00", "23T17:00 24T09:00"]),
        # Out of order, one within another, one that overlaps, an empty one, one the wrong way.
        (
            "23T16:00",
            Span(seconds=4 * 3600),
            ["23T12:30 23T13:00", "23T11:00 23T12:30", "23T11:30 23T12:00", "23T10:30 23T10:30",
             "23T13:30 23T10:30"],
        ),
        # One that lasts still: only what was due before it began.
        ("23T14:00", Span(seconds=4 * 3600), ["23T14:00"]),
        (None, Span(seconds=4 * 3600), ["23T13:59"]),
        (None, Span(seconds=4 * 3600), ["23T12:00", "23T13:00 23T14:00"]),
        # Two working days: Wednesday 10:00. Pauses push that by the working time that was lost.
        ("25T10:00", Span(days=2), []),
        ("25T12:00", Span(days=2), ["23T16:00 24T10:00"]),
        ("25T10:00", Span(days=2), ["23T17:00 24T09:00"]),  # overnight: nothing was
        ("26T10:00", Span(days=2), ["23T12:00 24T12:00"]),  # a day
        ("25T13:00", Span(days=2), ["25T09:00 25T12:00"]),  # one that it would be due in
        ("25T13:00", Span(days=2), ["25T11:00 25T12:00", "25T09:00 25T11:00"]),
        ("25T11:00", Span(days=2, seconds=3600), ["25T12:00"]),
        (None, Span(days=2), ["25T09:00"]),
        ("25T10:00", Span(days=2), ["25T10:00"]),
    ],
)  # fmt: skip
def test_pauses_do_not_count(due: str | None, within: Span, paused: Sequence[str]) -> None:
    start = at("2026-11-23T10:00+01:00")
    expected = None if due is None else at(f"2026-11-{due}+01:00")
    assert expected == due_with_pauses(start, within, NINE_TO_FIVE, pauses(*paused))


def test_what_is_due_in_the_evening_waits_for_the_end_of_a_pause() -> None:
    start = at("2026-11-20T22:00+01:00")
    for paused in (
        ["23T18:00 24T12:00"],
        ["23T21:59 24T12:00"],
        ["23T18:00 24T07:00", "24T07:00 24T12:00"],
    ):
        due = due_with_pauses(start, Span(days=1), NINE_TO_FIVE, pauses(*paused))
        assert at("2026-11-24T12:00+01:00") == due
    assert due_with_pauses(start, Span(days=1), NINE_TO_FIVE, pauses("23T18:00")) is None


def test_a_pause_in_round_the_clock_is_as_long_as_it_is() -> None:
    start, end = at("2026-11-23T10:00+01:00"), at("2026-11-24T10:00+01:00")
    paused = pauses("23T22:00 24T04:00", "24T09:00")
    assert timedelta(hours=17) == elapsed_with_pauses(start, end, ALWAYS, paused)
    due = due_with_pauses(start, Span(seconds=17 * 3600), ALWAYS, paused)
    assert at("2026-11-24T09:00+01:00") == due
    assert due_with_pauses(start, Span(seconds=17 * 3600 + 1), ALWAYS, paused) is None


@pytest.mark.parametrize(
    ("worked", "paused"),
    [
        (8, []),
        (7, ["23T11:00 23T12:00"]),
        (7, ["23T11:00 23T12:00", "23T17:00 24T09:00", "23T11:15 23T11:45"]),
        (2, ["23T12:00"]),
        (0, ["22T12:00 26T12:00"]),
        (8, ["24T10:00 26T12:00", "20T10:00 23T10:00"]),
    ],
)
def test_elapsed_leaves_pauses_out(worked: int, paused: Sequence[str]) -> None:
    start, end = at("2026-11-23T10:00+01:00"), at("2026-11-24T10:00+01:00")
    assert timedelta(hours=worked) == elapsed_with_pauses(start, end, NINE_TO_FIVE, pauses(*paused))


# ---- round the clock


@pytest.mark.parametrize(
    ("expected", "where"),
    [
        (True, ALWAYS),
        (False, calendar()),
        (False, calendar(week=WHOLE)),
        (False, Calendar("x", "UTC", (WHOLE,) * 7, closed_yearly=frozenset([(12, 24)]))),
        (False, Calendar("x", "UTC", (WHOLE,) * 7, closed_once=frozenset([date(2026, 12, 24)]))),
        (False, Calendar("x", "UTC", (WHOLE,) * 7, holidays=frozenset([date(2026, 12, 24)]))),
        (False, Calendar("x", "UTC", (WHOLE,) * 7, open=SATURDAY.open)),
    ],
)
def test_round_the_clock(expected: bool, where: Calendar) -> None:
    assert expected is where.is_round_the_clock
