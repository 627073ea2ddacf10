"""When a handler may be told, and when his day begins."""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import Any

import pytest
from tests.unit.core import builders

from postroom.core.hours import digest_at, notified_at
from postroom.core.model import Calendar, Handler, Policy

OSLO = "Europe/Oslo"
EIGHT = (time(8), time(16))
OFFICE = Calendar("office", OSLO, (*((EIGHT,),) * 5, (), ()), closed_yearly=frozenset({(12, 25)}))
NEVER = Calendar("never", OSLO, ((),) * 7)
ALWAYS = Calendar("always", "UTC", (((time(0), time(0)),),) * 7)


def policy() -> Policy:
    calendars = {one.name: one for one in (OFFICE, NEVER, ALWAYS)}
    return builders.policy(calendars=calendars)


def handler(**more: Any) -> Handler:
    return Handler("eva", "Eva Berg", "eva@example.com", **({"time_zone": OSLO} | more))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-11-20 06:59", "2026-11-20 07:00"),  # a Friday
        ("2026-11-20 07:00", None),
        ("2026-11-20 14:59", None),
        ("2026-11-20 15:00", "2026-11-23 07:00"),
        ("2026-12-24 20:00", "2026-12-28 07:00"),  # the 25th is closed, then a week-end
        ("2027-03-26 20:00", "2027-03-29 06:00"),  # the clock is set forward on the 28th
    ],
)
def test_a_notice_waits_until_the_handlers_hours_begin(now: str, expected: str | None) -> None:
    held = handler(hold_notifications=True, calendar="office")
    found = notified_at(held, policy(), utc(now))
    assert (utc(expected) if expected is not None else None) == found


@pytest.mark.parametrize("calendar", [None, "gone", "never", "always"])
def test_without_hours_that_come_nothing_waits(calendar: str | None) -> None:
    held = handler(hold_notifications=True, calendar=calendar)
    assert None is notified_at(held, policy(), utc("2026-11-21 03:00"))


@pytest.mark.parametrize(
    ("calendar", "after", "expected"),
    [
        (None, "2026-11-20 05:59", "2026-11-20 06:00"),  # 07:00 in Oslo
        (None, "2026-11-20 06:00", "2026-11-21 06:00"),
        (None, "2027-03-27 12:00", "2027-03-28 05:00"),  # summer time has begun
        ("always", "2026-11-20 06:00", "2026-11-20 07:00"),  # in the calendar's zone, UTC
        ("office", "2026-11-20 06:59", "2026-11-20 07:00"),
        ("office", "2026-11-20 07:00", "2026-11-23 07:00"),
        ("office", "2026-12-24 20:00", "2026-12-28 07:00"),
    ],
)
def test_the_days_mail_comes_when_the_day_begins(
    calendar: str | None, after: str, expected: str
) -> None:
    assert utc(expected) == digest_at(handler(calendar=calendar), policy(), utc(after))


def test_who_never_works_has_no_mail_of_the_day() -> None:
    assert None is digest_at(handler(calendar="never"), policy(), utc("2026-11-20 06:59"))


def test_a_morning_that_the_clock_skips_begins_when_it_goes_on() -> None:
    early = Calendar("early", OSLO, (((time(2, 30), time(6)),),) * 7)
    known = builders.policy(calendars={"early": early})
    found = digest_at(handler(calendar="early"), known, utc("2027-03-27 12:00"))
    assert utc("2027-03-28 01:00") == found  # 03:00, the first that the clock shows
