"""Moments that a person names: "2d", "1h30m", "2026-12-01 09:00", in his own time zone.

POLICY, `#postpone`. Hours, minutes and seconds are time that passes; days and weeks are days of
the calendar at the same clock time, also when the clock is changed in between.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from postroom.core.units import show

FARTHEST = timedelta(days=5 * 366)
MORNING = 8  # the hour that a date alone means

_LENGTH = re.compile(
    r"(?:(\d{1,6})w)?(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,8})m)?(?:(\d{1,8})s)?", re.ASCII
)
_DATE = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[ t](\d{1,2}):(\d{2}))?", re.ASCII)
_DASHES = re.compile("[‐‑‒–—−]")  # what programs make of a hyphen


def parse_moment(text: str, now: datetime, time_zone: str) -> datetime:
    """Return the moment that a text names, in UTC: after `now`, at most five years ahead.

    A local time that the clock skips moves forward by the gap; of one that comes twice, the first
    is meant. `time_zone` is a valid name. ValueError says what is wrong, with an example.
    """
    wanted = " ".join(_DASHES.sub("-", text).lower().split()).rstrip(".,;")
    zone = ZoneInfo(time_zone)
    example = f'write such as "2d", "4h" or "{now.astimezone(zone) + timedelta(7):%Y-%m-%d} 09:00"'
    try:
        at = _after(wanted, now, zone) or _on(wanted, zone)
    except OverflowError:
        raise ValueError(f"{show(text)} is more than five years away; {example}") from None
    except ValueError:
        raise ValueError(f"there is no such day or time as {show(text)}; {example}") from None
    if at is None:
        raise ValueError(f"{show(text)} is neither a length of time nor a date; {example}")
    if at <= now:
        raise ValueError(f"{show_moment(at, time_zone)} is not in the future; {example}")
    if at > now + FARTHEST:
        raise ValueError(f"{show(text)} is more than five years away; {example}")
    return at


def show_moment(at: datetime, time_zone: str) -> str:
    """Write a moment as the clock on a wall there shows it: "2026-12-01 09:00 CET"."""
    return f"{at.astimezone(ZoneInfo(time_zone)):%Y-%m-%d %H:%M %Z}"


def show_exactly(at: datetime, time_zone: str) -> str:
    """Write a moment as `show_moment` does, with its seconds unless there are none."""
    local = at.astimezone(ZoneInfo(time_zone))
    return f"{local:%Y-%m-%d %H:%M:%S %Z}" if local.second else show_moment(at, time_zone)


def _after(wanted: str, now: datetime, zone: ZoneInfo) -> datetime | None:
    """Read a length of time; None if it is none."""
    joined = wanted.replace(" ", "")
    found = _LENGTH.fullmatch(joined)
    if not joined or found is None:
        return None
    weeks, days, hours, minutes, seconds = (int(count or 0) for count in found.groups())
    days += 7 * weeks
    start = now
    if days:
        # Adding to a local time counts on the clock; without days it would forget which of two
        # hours of the same name it is.
        start = now.astimezone(zone) + timedelta(days=days)
    passing = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    return start.astimezone(UTC) + passing


def _on(wanted: str, zone: ZoneInfo) -> datetime | None:
    """Read a date, with or without a time; None if it is none."""
    found = _DATE.fullmatch(wanted)
    if found is None:
        return None
    year, month, day = (int(part) for part in found.group(1, 2, 3))
    hour, minute = (int(found[4]), int(found[5])) if found[4] else (MORNING, 0)
    # PEP 495: with fold=0 a time in the gap has the offset before it, which moves it forward.
    return datetime(year, month, day, hour, minute, tzinfo=zone).astimezone(UTC)
