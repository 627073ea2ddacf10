"""When "2d" or "2026-12-01 09:00" is, for a handler in his own time zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.core.moments import FARTHEST, parse_moment, show_exactly, show_moment

OSLO, NEW_YORK, SYDNEY = "Europe/Oslo", "America/New_York", "Australia/Sydney"
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)  # 13:00 in Oslo
SPRING = datetime(2027, 3, 27, 1, 30, tzinfo=UTC)  # 02:30 in Oslo; a day later that does not exist
BEFORE_AUTUMN = datetime(2027, 10, 30, 0, 30, tzinfo=UTC)  # 02:30; a day later there are two
TWICE = datetime(2027, 10, 31, 1, 30, tzinfo=UTC)  # the second 02:30 of the night

moments = st.integers(0, 20 * 366 * 86_400).map(
    lambda seconds: datetime(2020, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)
zones = st.sampled_from([OSLO, NEW_YORK, SYDNEY, "UTC", "Asia/Kathmandu", "Pacific/Apia"])


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        ("2026-11-20 12:30", "30m"),
        ("2026-11-20 16:00", "4h"),
        ("2026-11-20 13:30", "1h30m"),
        ("2026-11-20 12:01:30", "90s"),
        ("2026-11-22 12:00", "2d"),
        ("2026-11-22 16:00", "2d4h"),
        ("2026-11-27 12:00", "1w"),
        ("2026-12-05 12:00", "2w1d"),
        ("2026-11-22 16:00", " 2 D  4 h. "),
        ("2026-12-01 07:00", "2026-12-01"),
        ("2026-12-01 08:00", "2026-12-01 09:00"),
        ("2026-12-01 08:00", "2026-12-01T09:00"),
        ("2026-12-01 08:00", "2026-12-01\u00a0 9:00"),
        ("2026-12-01 08:00", "2026‑12–1 09:00"),
        ("2027-07-01 06:00", "2027-07-01"),
        ("2028-02-29 07:00", "2028-02-29"),
    ],
)
def test_a_moment_is_named_by_its_distance_or_on_the_handlers_clock(
    expected: str, text: str
) -> None:
    assert at(expected) == parse_moment(text, NOW, OSLO)


def test_the_clock_is_that_of_the_handlers_zone() -> None:
    assert at("2026-12-01 14:00") == parse_moment("2026-12-01 09:00", NOW, NEW_YORK)
    assert at("2026-11-30 22:00") == parse_moment("2026-12-01 09:00", NOW, SYDNEY)


@pytest.mark.parametrize(
    ("expected", "text", "now", "zone"),
    [
        # Skipped: on by the gap.
        ("2027-03-28 01:30", "2027-03-28 02:30", NOW, OSLO),
        ("2027-03-28 01:30", "1d", SPRING, OSLO),
        ("2027-03-14 07:30", "2027-03-14 02:30", NOW, NEW_YORK),
        # Twice: the first.
        ("2027-10-31 00:30", "2027-10-31 02:30", NOW, OSLO),
        ("2027-10-31 00:30", "1d", BEFORE_AUTUMN, OSLO),
        # The same time on the clock, 23 or 25 hours away.
        ("2027-03-29 00:30", "2d", SPRING, OSLO),
        ("2027-11-01 01:30", "2d", BEFORE_AUTUMN, OSLO),
        # Hours pass, whatever the clock shows.
        ("2027-03-28 01:30", "24h", SPRING, OSLO),
        ("2027-10-31 02:30", "1h", TWICE, OSLO),
    ],
)
def test_a_change_of_the_clock_keeps_days_on_the_clock_and_hours_in_time(
    expected: str, text: str, now: datetime, zone: str
) -> None:
    assert at(expected) == parse_moment(text, now, zone)


EXAMPLE = 'write such as "2d", "4h" or "2026-11-27 09:00"'


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        ('"tomorrow" is neither a length of time nor a date', "tomorrow"),
        ('"" is neither a length of time nor a date', ""),
        ('"12" is neither a length of time nor a date', "12"),
        ('"-2d" is neither a length of time nor a date', "-2d"),
        ('"1m1h" is neither a length of time nor a date', "1m1h"),
        ('"٢d" is neither a length of time nor a date', "٢d"),
        ('"01.12.2026" is neither a length of time nor a date', "01.12.2026"),
        ('"2026-12-01 09:00Z" is neither a length of time nor a date', "2026-12-01 09:00Z"),
        ('there is no such day or time as "2027-02-29"', "2027-02-29"),
        ('there is no such day or time as "2026-12-01 24:00"', "2026-12-01 24:00"),
        ('there is no such day or time as "0000-12-01"', "0000-12-01"),
        ("2026-11-20 13:00 CET is not in the future", "0d"),
        ("2026-11-20 08:00 CET is not in the future", "2026-11-20"),
        ("2026-11-20 13:00 CET is not in the future", "2026-11-20 13:00"),
        ('"6000d" is more than five years away', "6000d"),
        ('"2032-01-01" is more than five years away', "2032-01-01"),
        ('"9999-12-31 23:59" is more than five years away', "9999-12-31 23:59"),
        ('"0001-01-01 00:00" is more than five years away', "0001-01-01 00:00"),
        ('"999999w999999d" is more than five years away', "999999w999999d"),
    ],
)
def test_what_is_wrong_with_a_moment_is_said_with_an_example(expected: str, text: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the words are compared below
        parse_moment(text, NOW, OSLO)
    assert f"{expected}; {EXAMPLE}" == str(caught.value)


def test_what_follows_many_spaces_is_not_overlooked() -> None:
    with pytest.raises(ValueError, match="neither"):
        parse_moment(f"2d{' ' * 1000}or later", NOW, OSLO)


def test_a_moment_is_shown_as_on_the_wall() -> None:
    assert "2026-12-01 09:00 CET" == show_moment(at("2026-12-01 08:00"), OSLO)
    assert "2027-07-01 08:00 CEST" == show_moment(at("2027-07-01 06:00"), OSLO)
    assert "2027-07-01 08:00 CEST" == show_exactly(at("2027-07-01 06:00"), OSLO)
    seconds = at("2026-12-01 08:00").replace(second=7)
    assert "2026-12-01 09:00:07 CET" == show_exactly(seconds, OSLO)


@given(st.text() | st.from_regex(r"[0-9wdhms: T-]{0,20}"), moments, zones)
def test_any_text_is_a_coming_moment_or_a_value_error(text: str, now: datetime, zone: str) -> None:
    try:
        moment = parse_moment(text, now, zone)
    except ValueError:
        return
    assert now < moment <= now + FARTHEST
    assert moment.tzinfo is UTC


@given(moments, zones, st.integers(1, 1500))
def test_days_keep_the_time_on_the_clock(now: datetime, zone: str, days: int) -> None:
    local, later = now.astimezone(ZoneInfo(zone)), parse_moment(f"{days}d", now, zone)
    wall = local.replace(tzinfo=None) + timedelta(days=days)
    moved = later.astimezone(ZoneInfo(zone)).replace(tzinfo=None) - wall
    assert timedelta(0) <= moved <= timedelta(hours=1)


@given(moments, zones, st.integers(1, 2_000_000))
def test_a_shown_moment_is_read_as_the_same_minute(now: datetime, zone: str, minutes: int) -> None:
    later = parse_moment(f"{minutes}m", now, zone)
    shown = show_moment(later, zone).rpartition(" ")[0]
    again = parse_moment(shown, now - timedelta(hours=2), zone)
    assert shown == show_moment(again, zone).rpartition(" ")[0]
