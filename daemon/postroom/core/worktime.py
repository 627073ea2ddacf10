"""Working time: interval arithmetic over a calendar.

`due_at` walks day by day over opening intervals, never over minutes. All local wall-clock
intervals are turned into instants, so that daylight saving is counted as it really passes.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from postroom.core.model import Calendar, Span

# A calendar that never opens must not be walked for ever.
HORIZON_DAYS = 3660


def due_at(start: datetime, within: Span, calendar: Calendar) -> datetime | None:
    """Return the instant at which `within` of working time has passed since `start`, in UTC.

    None when the calendar does not open for so long within ten years. A span of whole working days
    ends at the same clock time that many open days later.
    """
    if within.days:
        moved = _days_later(start, within.days, calendar)
        if moved is None:
            return None
        start = moved
    remaining = timedelta(seconds=within.seconds)
    if remaining == timedelta(0):
        return start.astimezone(UTC)
    for opens, closes in intervals(start, calendar):
        if remaining <= closes - opens:
            return opens + remaining
        remaining -= closes - opens
    return None


def intervals(start: datetime, calendar: Calendar) -> Iterator[tuple[datetime, datetime]]:
    """Yield the opening intervals from `start` on, as UTC instants, in order."""
    zone = ZoneInfo(calendar.time_zone)
    first = start.astimezone(zone).date()
    for offset in range(-1, HORIZON_DAYS):
        day = of_day(first + timedelta(days=offset), calendar)
        for begins, ends in sorted(span for hours in day for span in _passing(*hours, zone)):
            if ends > start and ends > begins:
                yield max(begins, start.astimezone(UTC)), ends


def of_day(day: date, calendar: Calendar) -> list[tuple[datetime, datetime]]:
    """Return the opening intervals of a local date, as naive local moments."""
    extra = [pair for pair in calendar.open if pair[0].date() == day]
    if extra:
        return sorted(extra)
    if (
        day in calendar.holidays
        or (day.month, day.day) in calendar.closed_yearly
        or day in calendar.closed_once
    ):
        return []
    midnight = datetime.combine(day + timedelta(days=1), time(0))
    return [
        (
            datetime.combine(day, opens),
            midnight if closes == time(0) else datetime.combine(day, closes),
        )
        for opens, closes in calendar.week[day.weekday()]
    ]


def _passing(opens: datetime, closes: datetime, zone: ZoneInfo) -> list[tuple[datetime, datetime]]:
    """Turn hours on the wall clock into the time that passes while it shows them.

    An hour that the clock skips does not pass; one that it shows twice passes twice.
    """
    before = _instant(opens, zone), _instant(closes, zone)
    after = _instant(opens.replace(fold=1), zone), _instant(closes.replace(fold=1), zone)
    if before == after:  # neither lies in an hour that is skipped or comes twice
        return [before]
    changed = 0 if before[0] != after[0] else 1
    change = _change(before[changed], after[changed], zone)
    return [(before[0], min(before[1], change)), (max(after[0], change), after[1])]


def _change(one: datetime, other: datetime, zone: ZoneInfo) -> datetime:
    """Return the moment between two at which the clock is changed."""
    low, high = sorted((one, other))
    offset = low.astimezone(zone).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
        if middle.astimezone(zone).utcoffset() == offset:
            low = middle
        else:
            high = middle
    return high


def _instant(local: datetime, zone: ZoneInfo) -> datetime:
    return local.replace(tzinfo=zone).astimezone(UTC)


def _days_later(start: datetime, days: int, calendar: Calendar) -> datetime | None:
    """Return the same local clock time `days` open days later."""
    zone = ZoneInfo(calendar.time_zone)
    local = start.astimezone(zone)
    day = local.date()
    for _ in range(HORIZON_DAYS):
        day += timedelta(days=1)
        days -= 1 if of_day(day, calendar) else 0
        if days == 0:
            return (
                datetime.combine(day, local.timetz().replace(tzinfo=None))
                .replace(tzinfo=zone)
                .astimezone(UTC)
            )
    return None
