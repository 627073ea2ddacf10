"""Opening hours and holidays."""

import json
from datetime import date, datetime, time, timedelta

import pytest
from tests.unit.policy.files import load, problems

from postroom.core.model import Calendar
from postroom.policy.calendars import Holidays


def calendar(body: str) -> Calendar:
    text = f'[[calendar]]\nname = "always"\ntime_zone = "Europe/Oslo"\n{body}\n'
    return load(calendars=text).calendars["always"]


def test_week_and_hours() -> None:
    found = calendar('monday = ["12:30-16:00", "08:00-12:00"]\nsunday = ["22:00-24:00"]')
    assert found.week[0] == ((time(8), time(12)), (time(12, 30), time(16)))
    assert found.week[6] == ((time(22), time(0)),)
    assert found.week[1] == ()


def test_the_shipped_round_the_clock_calendar_is_one() -> None:
    calendars = load().calendars
    assert calendars["always"].is_round_the_clock
    assert not calendars["office"].is_round_the_clock


def test_days_that_differ() -> None:
    found = calendar(
        'monday = "24h"\nclosed = ["12-24", "2027-05-14", "02-29"]\n'
        'open = ["2026-12-05 10:00-14:00", "2026-12-06 24h"]'
    )
    assert found.closed_yearly == {(12, 24), (2, 29)}
    assert found.closed_once == {date(2027, 5, 14)}
    assert found.open == (
        (datetime.fromisoformat("2026-12-05 10:00"), datetime.fromisoformat("2026-12-05 14:00")),
        (datetime.fromisoformat("2026-12-06 00:00"), datetime.fromisoformat("2026-12-07 00:00")),
    )


@pytest.mark.parametrize(
    ("code", "day", "expected"),
    [
        ("NO", date(2027, 5, 17), True),
        ("NO", date(2027, 5, 18), False),
        ("DE-BY", date(2026, 1, 6), True),
        ("DE", date(2026, 1, 6), False),
        ("NO", date(2099, 12, 25), True),
    ],
)
def test_holidays(code: str, day: date, expected: bool) -> None:
    assert expected is (day in Holidays(code))


def test_holidays_are_values() -> None:
    text = 'monday = "24h"\nholidays = "NO"'
    assert calendar(text) == calendar(text)


def test_a_calendar_that_never_opens_is_refused() -> None:
    found = problems(calendars='[[calendar]]\nname = "always"\ntime_zone = "UTC"\n')
    assert found == ['rules/calendars.toml: calendar "always": never opens: give hours to monday …']


def test_a_calendar_that_is_closed_every_day_of_the_year_is_refused() -> None:
    days = [date(2023, 1, 1) + timedelta(days=number) for number in range(365)]
    text = '[[calendar]]\nname = "always"\ntime_zone = "UTC"\nmonday = "24h"\nclosed = '
    closed = [f"{day:%m-%d}" for day in days]
    found = problems(calendars=text + json.dumps(closed))
    words = (
        'rules/calendars.toml: calendar "always".closed: never opens: names every day of the year'
    )
    assert [words] == found
    assert [] == problems(calendars=text + json.dumps(closed[1:]))


def test_openings_that_overlap_are_refused() -> None:
    openings = 'open = ["2026-12-05 10:00-14:00", "2026-12-05 13:00-15:00"]'
    text = f'[[calendar]]\nname = "always"\ntime_zone = "UTC"\nmonday = "24h"\n{openings}\n'
    assert "overlap" in problems(calendars=text)[0]
