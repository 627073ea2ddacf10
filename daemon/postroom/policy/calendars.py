"""calendars.toml: opening hours, holidays and exceptions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Annotated

import holidays as holidays_library
from pydantic import AfterValidator, Field

from postroom.core.model import Calendar, Days
from postroom.core.tables import Table
from postroom.core.units import nearest, show
from postroom.policy.problems import Report
from postroom.policy.schema import DayText, Name, OneOrMore, TimeZone

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MIDNIGHT = time(0)

_HOURS = re.compile(r"(\d\d):(\d\d)-(\d\d):(\d\d)", re.ASCII)

Interval = tuple[time, time]


@dataclass(frozen=True, slots=True)
class Holidays:
    """The public holidays of a country or subdivision, asked by `day in …`; any year.

    The library's own object fills itself while it is asked, which two threads must not see.
    """

    code: str

    def __contains__(self, day: date, /) -> bool:
        return day in _holidays_of(self.code, day.year)

    def name_of(self, day: date, /) -> str | None:
        """Return what a holiday is called, in English where the library knows it."""
        return _holidays_of(self.code, day.year).get(day)


@lru_cache(maxsize=512)
def _holidays_of(code: str, year: int) -> Mapping[date, str]:
    country, _, subdivision = code.partition("-")
    found = holidays_library.country_holidays(
        country, subdiv=subdivision or None, years=year, language="en_US"
    )
    return {day: name for day, name in found.items() if day.year == year}


@lru_cache(maxsize=1)
def _countries() -> dict[str, list[str]]:
    return holidays_library.list_supported_countries(include_aliases=True)


def _holiday_code(code: str) -> str:
    country, _, subdivision = code.partition("-")
    countries = _countries()
    if country not in countries:
        raise ValueError(f"no holidays are known for {show(code)}" + nearest(country, countries))
    if "-" in code and subdivision not in countries[country]:
        there = [f"{country}-{item}" for item in countries[country]]
        raise ValueError(f"no holidays are known for {show(code)}" + nearest(code, there))
    return code


def _read_hours(text: str) -> Interval:
    """Read "08:00-12:00" or "24h"; an end of "24:00" or "00:00" is midnight."""
    if text == "24h":
        return MIDNIGHT, MIDNIGHT
    found = _HOURS.fullmatch(text)
    if found is None:
        raise ValueError(f'must be hours such as "08:00-16:00", or "24h", not {show(text)}')
    from_hour, from_minute, to_hour, to_minute = map(int, found.groups())
    if (to_hour, to_minute) == (24, 0):
        to_hour = 0
    try:
        start, end = time(from_hour, from_minute), time(to_hour, to_minute)
    except ValueError:
        raise ValueError(f"{show(text)} is not a time of the day") from None
    if end != MIDNIGHT and end <= start:
        raise ValueError(f"{show(text)} ends before it begins")
    return start, end


def _check_hours(text: str) -> str:
    _read_hours(text)
    return text


def _check_overlap(texts: list[str]) -> list[str]:
    intervals = sorted((_read_hours(text), text) for text in texts)
    for ((_, end), text), ((start, _), later) in pairwise(intervals):
        if end == MIDNIGHT or start < end:
            raise ValueError(f"{show(text)} and {show(later)} overlap")
    return texts


def _read_day(text: str) -> date | tuple[int, int]:
    """Read "12-24" (every year) or "2027-05-14"."""
    try:
        if re.fullmatch(r"\d\d-\d\d", text, re.ASCII):
            # 2000 was a leap year: 02-29 is a day of some years.
            day = date.fromisoformat(f"2000-{text}")
            return day.month, day.day
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
            return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{show(text)} is not a day of any calendar") from None
    raise ValueError(f'must be a day such as "12-24" or "2027-05-14", not {show(text)}')


def _check_day(text: str) -> str:
    _read_day(text)
    return text


def _read_opening(text: str) -> tuple[datetime, datetime]:
    """Read "2026-12-05 10:00-14:00" as local moments."""
    day_text, _, hours = text.partition(" ")
    try:
        day = date.fromisoformat(day_text) if len(day_text) == 10 else None
    except ValueError:
        day = None
    if day is None or not hours or day == date.max:
        raise ValueError(f'must be such as "2026-12-05 10:00-14:00", not {show(text)}')
    start, end = _read_hours(hours.strip())
    last = day + timedelta(days=1) if end == MIDNIGHT else day
    return datetime.combine(day, start), datetime.combine(last, end)


def _check_opening(text: str) -> str:
    _read_opening(text)
    return text


def _check_openings_overlap(texts: list[str]) -> list[str]:
    openings = sorted((_read_opening(text), text) for text in texts)
    for ((_, end), text), ((start, _), later) in pairwise(openings):
        if start < end:
            raise ValueError(f"{show(text)} and {show(later)} overlap")
    return texts


Hours = Annotated[
    list[Annotated[str, AfterValidator(_check_hours)]], OneOrMore, AfterValidator(_check_overlap)
]


class CalendarTable(Table):
    """[[calendar]]"""

    name: Name
    time_zone: TimeZone
    monday: Hours = Field(default=[])
    tuesday: Hours = Field(default=[])
    wednesday: Hours = Field(default=[])
    thursday: Hours = Field(default=[])
    friday: Hours = Field(default=[])
    saturday: Hours = Field(default=[])
    sunday: Hours = Field(default=[])
    holidays: Annotated[str, AfterValidator(_holiday_code)] | None = None
    closed: list[Annotated[DayText, AfterValidator(_check_day)]] = Field(default=[])
    open: Annotated[
        list[Annotated[str, AfterValidator(_check_opening)]],
        OneOrMore,
        AfterValidator(_check_openings_overlap),
    ] = Field(default=[])


class CalendarsFile(Table):
    """calendars.toml"""

    calendar: list[CalendarTable] = Field(default=[])


# But for 29 February: what opens then only, opens every four years.
_EVERY_DAY = frozenset(
    (day.month, day.day) for day in (date(2023, 1, 1) + timedelta(days=n) for n in range(365))
)


def build_calendars(tables: list[CalendarTable], report: Report) -> dict[str, Calendar]:
    """Make the calendars; one that never opens would never let a deadline come."""
    calendars = {}
    for table in tables:
        week = tuple(_intervals(getattr(table, day)) for day in WEEKDAYS)
        if not any(week):
            report(f'calendar "{table.name}"', f"never opens: give hours to {WEEKDAYS[0]} …")
        days = [_read_day(text) for text in table.closed]
        if {day for day in days if isinstance(day, tuple)} >= _EVERY_DAY:
            report(f'calendar "{table.name}".closed', "never opens: names every day of the year")
        calendars[table.name] = Calendar(
            name=table.name,
            time_zone=table.time_zone,
            week=week,
            holidays=_holidays(table.holidays),
            closed_yearly=frozenset(day for day in days if isinstance(day, tuple)),
            closed_once=frozenset(day for day in days if isinstance(day, date)),
            open=tuple(sorted(_read_opening(text) for text in table.open)),
        )
    return calendars


def _intervals(texts: list[str]) -> tuple[Interval, ...]:
    return tuple(sorted(_read_hours(text) for text in texts))


def _holidays(code: str | None) -> Days:
    return frozenset() if code is None else Holidays(code)
