"""Working time: interval arithmetic over a calendar.

Promise: an instant is working time if and only if the clock on the wall of the calendar's zone
shows, at that instant, a date and a time within the opening hours. So an hour that the clock skips
does not pass, one that it shows twice passes twice, and a holiday is a date over there.
Time is cut where the clock is changed; in each piece hours become instants by one subtraction.
Nothing walks over minutes, nothing is kept between calls.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from operator import itemgetter
from typing import Protocol, runtime_checkable
from zoneinfo import ZoneInfo

from postroom.core.model import Calendar, Span

# A calendar that never opens must not be walked for ever.
HORIZON = timedelta(days=3660)

# Time is probed for a change of the clock in steps that must not hide one that is taken back at
# once. Seen: Freetown 1939 for less than 4 days; since 1970 never for less than 6 (Recife 2000).
STEP = timedelta(days=3)

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
NOTHING = timedelta(0)
MIDNIGHT = time(0)
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
CLOSED_HOURS = "closed hours"
HOLIDAY = "holiday"

Interval = tuple[datetime, datetime]
Pause = tuple[datetime, datetime | None]  # None: it lasts still


@runtime_checkable
class NamedDays(Protocol):
    """Days that may know what they are called."""

    def name_of(self, day: date, /) -> str | None:
        """Return the name of a day that is one of them."""
        ...


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of time, in UTC, open or closed throughout; `why` it is closed, "" if it is open."""

    start: datetime
    end: datetime
    is_open: bool
    why: str


def due_at(start: datetime, within: Span, calendar: Calendar) -> datetime | None:
    """Return the first instant at which `within` of working time has passed since `start`, in UTC.

    None when the calendar does not open for so long within ten years. A span of whole working days
    ends when the clock shows the same time that many working days later (or, if the clock skips
    that time, as soon as it shows a later one); its seconds, if any, follow. A working day is a
    date on which working time passes; the date of `start` is none of those counted.
    """
    return due_with_pauses(start, within, calendar, ())


def due_with_pauses(
    start: datetime, within: Span, calendar: Calendar, pauses: Sequence[Pause]
) -> datetime | None:
    """Return due_at, when time in `pauses` does not count; None also if an endless one prevents it.

    For whole working days: the working time of the pauses before the moment due follows it. Due
    Wednesday 10:00 in hours of 08:00-16:00, after a pause from Monday 15:00 to Tuesday 09:00: two
    hours of work were lost, due Wednesday 12:00; a pause overnight loses none and changes nothing;
    one from Monday 12:00 to Tuesday 12:00 loses 8 h: due Thursday 10:00. What would become due
    while a pause lasts (after hours) waits for its end.
    """
    start = _utc(start)
    paused = _joined(pauses)
    due: datetime | None = start
    if within.days:
        due = _days_later(start, within.days, calendar)
    if due is None:
        return None
    lost = sum(
        (elapsed(max(since, start), min(until or due, due), calendar) for since, until in paused),
        NOTHING,
    )
    due = _passed(due, timedelta(seconds=within.seconds) + lost, calendar, paused)
    for since, until in paused:
        if due is not None and since < due and (until is None or due < until):
            due = until
    return due


def elapsed(start: datetime, end: datetime, calendar: Calendar) -> timedelta:
    """Return the working time between two instants; none if `end` is not after `start`."""
    return elapsed_with_pauses(start, end, calendar, ())


def elapsed_with_pauses(
    start: datetime, end: datetime, calendar: Calendar, pauses: Sequence[Pause]
) -> timedelta:
    """Return the working time between two instants that is in none of the pauses."""
    open_time = _open(_utc(start), _utc(end), calendar)
    return sum((ends - begins for begins, ends in _free(open_time, _joined(pauses))), NOTHING)


def intervals(start: datetime, calendar: Calendar) -> Iterator[Interval]:
    """Yield when the calendar is open from `start` on, in order and with gaps between, in UTC."""
    start = _utc(start)
    held: Interval | None = None
    for begins, ends in _open(start, start + HORIZON, calendar):
        if held and held[1] == begins:
            held = held[0], ends
            continue
        if held:
            yield held
        held = begins, ends
    if held:
        yield held


def segments(start: datetime, end: datetime, calendar: Calendar) -> Iterator[Segment]:
    """Cut the time between two instants into open and closed pieces, without gaps, in order.

    Neighbours differ in `is_open` or in `why`: "closed hours", "Saturday" (a weekday without
    hours), "closed 12-24", "closed 2027-05-14", "holiday", or "holiday: Christmas Day" if the
    holidays are NamedDays. A date gives at most two pieces for each of its intervals and one more.
    """
    held: Segment | None = None
    for segment in _segments(_utc(start), _utc(end), calendar):
        if held and (held.is_open, held.why) == (segment.is_open, segment.why):
            held = replace(held, end=segment.end)
            continue
        if held:
            yield held
        held = segment
    if held:
        yield held


def of_day(day: date, calendar: Calendar) -> list[Interval]:
    """Return the opening intervals of a local date, as naive local moments."""
    extra = [pair for pair in calendar.open if pair[0].date() == day]
    if extra:
        return sorted(extra)
    if _closure(day, calendar):
        return []
    return [
        (
            datetime.combine(day, opens),
            datetime.combine(day + DAY if closes == MIDNIGHT else day, closes),
        )
        for opens, closes in sorted(calendar.week[day.weekday()])
    ]


# ---- open and closed


def _open(start: datetime, end: datetime, calendar: Calendar) -> Iterator[Interval]:
    """Yield the open pieces between two instants, in order; they may touch, never overlap."""
    if calendar.is_round_the_clock:
        if start < end:
            yield start, end
        return
    for begins, ends, _ in _of_dates(start, end, calendar):
        yield begins, ends


def _of_dates(
    start: datetime, end: datetime, calendar: Calendar
) -> Iterator[tuple[datetime, datetime, date]]:
    """Yield the open pieces between two instants, each with the local date whose hours they are."""
    for begins, ends, ahead in _steady(start, end, ZoneInfo(calendar.time_zone)):
        first, last = _shown(begins, ahead), _shown(ends, ahead)
        reached = first
        # What is open on purpose may go on after midnight.
        day = first.date() - DAY if calendar.open else first.date()
        while day <= last.date():
            for hours in of_day(day, calendar):
                opens, closes = max(hours[0], reached), min(hours[1], last)
                if opens < closes:
                    yield begins + (opens - first), begins + (closes - first), day
                    reached = closes
            day += DAY


def _segments(start: datetime, end: datetime, calendar: Calendar) -> Iterator[Segment]:
    """Yield pieces as `segments` does, but neighbours may be alike."""
    for begins, ends in _open(start, end, calendar):
        yield from _closed(start, begins, calendar)
        yield Segment(begins, ends, is_open=True, why="")
        start = ends
    yield from _closed(start, end, calendar)


def _closed(start: datetime, end: datetime, calendar: Calendar) -> Iterator[Segment]:
    """Cut a time that is closed throughout at each midnight of the clock on the wall."""
    for begins, ends, ahead in _steady(start, end, ZoneInfo(calendar.time_zone)):
        since = begins
        while since < ends:
            day = _shown(since, ahead).date()
            midnight = datetime.combine(day + DAY, MIDNIGHT)
            until = min(begins + (midnight - _shown(begins, ahead)), ends)
            yield Segment(since, until, is_open=False, why=_why(day, calendar))
            since = until


def _why(day: date, calendar: Calendar) -> str:
    """Say why a local date is closed, all day or at some hours."""
    if any(opens.date() == day for opens, _ in calendar.open):
        return CLOSED_HOURS
    usual = CLOSED_HOURS if calendar.week[day.weekday()] else WEEKDAYS[day.weekday()]
    closure = _closure(day, calendar)
    if closure == HOLIDAY and isinstance(calendar.holidays, NamedDays):
        name = calendar.holidays.name_of(day)
        return f"{HOLIDAY}: {name}" if name else HOLIDAY
    return closure or usual


def _closure(day: date, calendar: Calendar) -> str | None:
    """Say what closes a date on which the week may have hours."""
    if day in calendar.holidays:
        return HOLIDAY
    if (day.month, day.day) in calendar.closed_yearly:
        return f"closed {day:%m-%d}"
    return f"closed {day}" if day in calendar.closed_once else None


# ---- what has passed


def _passed(
    start: datetime, remaining: timedelta, calendar: Calendar, paused: Sequence[Pause]
) -> datetime | None:
    """Return the first instant from `start` on at which the remaining time has passed."""
    if remaining <= NOTHING:
        return start
    for begins, ends in _free(_open(start, start + HORIZON, calendar), paused):
        if remaining <= ends - begins:
            return begins + remaining
        remaining -= ends - begins
    return None


def _free(open_time: Iterable[Interval], paused: Sequence[Pause]) -> Iterator[Interval]:
    """Take the pauses, in order and apart from each other, out of open time that is in order."""
    over = 0
    for begins, closes in open_time:
        opens = begins
        for since, until in paused[over:]:
            if since >= closes:
                break
            if opens < since:
                yield opens, since
            if until is None:
                return
            opens = max(opens, until)
            if until > closes:
                break
            over += 1
        if opens < closes:
            yield opens, closes


def _joined(pauses: Sequence[Pause]) -> list[Pause]:
    """Put pauses in order, join those that overlap or touch, leave out the empty ones; in UTC."""
    joined: list[Pause] = []
    for since, until in sorted(((_utc(a), b and _utc(b)) for a, b in pauses), key=itemgetter(0)):
        if until is not None and until <= since:
            continue
        before = joined[-1] if joined else None
        if before is None or (before[1] is not None and before[1] < since):
            joined.append((since, until))
        elif until is None or (before[1] is not None and before[1] < until):
            joined[-1] = before[0], until
    return joined


def _days_later(start: datetime, days: int, calendar: Calendar) -> datetime | None:
    """Return when the clock first shows the local time of `start`, `days` working days later."""
    zone = ZoneInfo(calendar.time_zone)
    shown = _shown(start, _ahead(start, zone))
    day, clock = shown.date(), shown.time()
    if calendar.is_round_the_clock and days <= HORIZON // DAY:
        wanted = shown + days * DAY
        due = first_shown(wanted, zone)
        reached = _shown(due, _ahead(due, zone)).date()
        # Else a date that never was is among them, or is the last.
        if reached == wanted.date() and abs(due - start - days * DAY) < DAY / 2:
            return due
    for _, _, date_open in _of_dates(start, start + HORIZON, calendar):
        if date_open > day:
            day = date_open
            days -= 1
            if days == 0:
                return first_shown(datetime.combine(day, clock), zone)
    return None


# ---- the clock on the wall


def _steady(
    start: datetime, end: datetime, zone: ZoneInfo
) -> Iterator[tuple[datetime, datetime, timedelta]]:
    """Cut time into pieces in which the clock is not changed, with its lead over UTC in each."""
    ahead = _ahead(start, zone)
    while start < end:
        stop = min(start + STEP, end)
        following = _ahead(stop, zone)
        if following != ahead:
            stop = _change(start, stop, zone)
            following = _ahead(stop, zone)
        yield start, stop, ahead
        start, ahead = stop, following


def _change(start: datetime, end: datetime, zone: ZoneInfo) -> datetime:
    """Return the first instant at which the clock is ahead of UTC otherwise than at `start`."""
    ahead = _ahead(start, zone)
    start = start.replace(microsecond=0)  # clocks are changed at whole seconds
    before, after = 0, -((start - end) // SECOND)
    while after - before > 1:
        middle = (before + after) // 2
        if _ahead(start + middle * SECOND, zone) == ahead:
            before = middle
        else:
            after = middle
    return start + after * SECOND


def _utc(at: datetime) -> datetime:
    return at.astimezone(UTC)


def _ahead(at: datetime, zone: ZoneInfo) -> timedelta:
    return at.astimezone(zone).utcoffset() or NOTHING


def _shown(at: datetime, ahead: timedelta) -> datetime:
    return at.replace(tzinfo=None) + ahead


def first_shown(shown: datetime, zone: ZoneInfo) -> datetime:
    """Return the first instant at which the clock shows that, or has gone past it by a change."""
    earlier, later = sorted(_utc(shown.replace(tzinfo=zone, fold=fold)) for fold in (0, 1))
    is_skipped = _shown(earlier, _ahead(earlier, zone)) != shown
    return _change(earlier, later, zone) if is_skipped else earlier
