"""Working time in every zone of the tz database, against a counter that looks at every minute.

Minutes suffice: since 1973 no zone is ahead of UTC by a part of one (Africa/Monrovia was until
January 1972; its seconds are counted in test_worktime.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import accumulate, pairwise
from random import Random
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from postroom.core.model import Calendar, Span
from postroom.core.worktime import (
    Pause,
    due_at,
    due_with_pauses,
    elapsed,
    elapsed_with_pauses,
    intervals,
    segments,
)

Hours = tuple[tuple[time, time], ...]
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
MIDNIGHT = time(0)
WHOLE: Hours = ((MIDNIGHT, MIDNIGHT),)
OFFICE: Hours = ((time(8), time(12)), (time(12, 30), time(16)))
ZONES = sorted(available_timezones())
FIRST, LAST = datetime(1990, 1, 1, tzinfo=UTC), datetime(2037, 12, 31, tzinfo=UTC)

# Each zone is visited at one of its changes, in so many tests for the workers to share.
PARTS = 6


# ---- the counter


def wall(at: datetime, zone: str) -> datetime:
    return at.astimezone(ZoneInfo(zone)).replace(tzinfo=None, fold=0)


def is_open(at: datetime, hours: Calendar) -> bool:
    """Whether the clock on the wall says that a minute is working time."""
    shown = wall(at, hours.time_zone)
    day, clock = shown.date(), shown.time()
    extra = [pair for pair in hours.open if pair[0].date() == day]
    if extra:
        return any(opens <= shown < closes for opens, closes in extra)
    if (
        day in hours.holidays
        or day in hours.closed_once
        or (day.month, day.day) in hours.closed_yearly
    ):
        return False
    return any(
        opens <= clock and (clock < closes or closes == MIDNIGHT)
        for opens, closes in hours.week[day.weekday()]
    )


def minutes_of(
    start: datetime, end: datetime, hours: Calendar, pauses: Sequence[Pause] = ()
) -> list[bool]:
    """Which of the minutes between two instants are working time."""
    every = (start + number * MINUTE for number in range((end - start) // MINUTE))
    return [
        is_open(at, hours)
        and not any(since <= at and (until is None or at < until) for since, until in pauses)
        for at in every
    ]


def counted(start: datetime, count: int, minutes: list[bool]) -> datetime | None:
    """The moment at which so many working minutes are over; None if there are fewer."""
    for number, passed in enumerate(accumulate(minutes), 1):
        if passed == count:
            return start + number * MINUTE
    return None


# ---- cases


@cache
def changes(zone: str) -> tuple[datetime, ...]:
    """When the clock of a zone is changed, found by looking at its lead over UTC."""
    there, step, found = ZoneInfo(zone), 2 * DAY, []
    at, ahead = FIRST, FIRST.astimezone(there).utcoffset()
    while at < LAST:
        if (at + step).astimezone(there).utcoffset() != ahead:
            low, high = at, at + step
            while high - low > MINUTE:
                middle = low + (high - low) // MINUTE // 2 * MINUTE
                is_before = middle.astimezone(there).utcoffset() == ahead
                low, high = (middle, high) if is_before else (low, middle)
            found.append(high)
            ahead = high.astimezone(there).utcoffset()
        at += step
    return tuple(found)


@st.composite
def hours_of_a_day(draw: st.DrawFn) -> Hours:
    """Up to three intervals, in order, sometimes touching, sometimes to midnight."""
    minute = st.one_of(st.integers(0, 1_439), st.integers(0, 47).map(lambda half: half * 30))
    marks = sorted(draw(st.lists(minute, max_size=6, unique=True)))
    clocks = [time(*divmod(mark, 60)) for mark in marks[: len(marks) // 2 * 2]]
    pairs = list(zip(clocks[::2], clocks[1::2], strict=True))
    if len(pairs) > 1 and draw(st.booleans()):
        pairs[1] = (pairs[0][1], pairs[1][1])
    if pairs and draw(st.booleans()):
        pairs[-1] = (pairs[-1][0], MIDNIGHT)
    return tuple(pairs)


@st.composite
def instants(draw: st.DrawFn, zone: str) -> datetime:
    """A minute at which the clock of a zone is changed or near to it, or any since 1990."""
    if changes(zone) and draw(st.integers(0, 3)):
        near = draw(st.one_of(st.integers(-120, 120), st.integers(-4 * 1_440, 1_440)))
        return draw(st.sampled_from(changes(zone))) + near * MINUTE
    return FIRST + draw(st.integers(0, (LAST - FIRST) // MINUTE)) * MINUTE


@st.composite
def calendars(draw: st.DrawFn, zone: str, around: date) -> Calendar:
    """A week with gaps, and holidays, days closed and days open near a date."""
    day = st.sampled_from([st.just(WHOLE), st.just(()), st.just(OFFICE), hours_of_a_day()])
    near = st.integers(-1, 6).map(lambda days: around + days * DAY)
    few = st.lists(near, max_size=2)
    extra = [
        (
            datetime.combine(date_open, opens),
            datetime.combine(date_open + DAY * (closes == MIDNIGHT), closes),
        )
        for date_open in draw(st.lists(near, max_size=2, unique=True))
        for opens, closes in draw(hours_of_a_day())
    ]
    return Calendar(
        "drawn",
        zone,
        tuple(draw(draw(day)) for _ in range(7)),
        holidays=frozenset(draw(few)),
        closed_yearly=frozenset((item.month, item.day) for item in draw(few)),
        closed_once=frozenset(draw(few)),
        open=tuple(extra),
    )


@st.composite
def cases(draw: st.DrawFn) -> tuple[datetime, Calendar]:
    zone = draw(st.sampled_from(ZONES))
    start = draw(instants(zone))
    return start, draw(calendars(zone, wall(start, zone).date()))


@st.composite
def pauses_after(draw: st.DrawFn, start: datetime) -> list[Pause]:
    """Up to three pauses around or after an instant, in any order, one of them endless at times."""
    found: list[Pause] = []
    for _ in range(draw(st.integers(0, 3))):
        since = start + draw(st.integers(0, 3 * 1_440)) * MINUTE
        lasts = draw(st.one_of(st.integers(0, 3 * 1_440), st.integers(0, 120)))
        found.append((since, since + lasts * MINUTE if draw(st.integers(0, 7)) else None))
    return found


MINUTES = st.one_of(st.integers(0, 600), st.integers(0, 5 * 1_440))


def seconds(minutes: int) -> Span:
    return Span(seconds=60 * minutes)


# ---- what must be


def check_by_counting(start: datetime, end: datetime, hours: Calendar, at: Sequence[float]) -> None:
    """Compare due_at, elapsed and segments with the counter, at shares of what there is."""
    minutes = minutes_of(start, end, hours)
    assert sum(minutes) * MINUTE == elapsed(start, end, hours)
    for share in at:
        count = round(share * sum(minutes))
        if count:
            assert counted(start, count, minutes) == due_at(start, seconds(count), hours)
        cut = round(share * len(minutes))
        assert sum(minutes[:cut]) * MINUTE == elapsed(start, start + cut * MINUTE, hours)
    pieces = list(segments(start, end, hours))
    assert minutes == [
        piece.is_open for piece in pieces for _ in range((piece.end - piece.start) // MINUTE)
    ]
    assert [start, end] == [pieces[0].start, pieces[-1].end]
    for one, other in pairwise(pieces):
        assert one.end == other.start
        assert (one.is_open, one.why) != (other.is_open, other.why)


@settings(max_examples=150, deadline=None)
@given(cases(), st.integers(1, 5 * 1_440), st.lists(st.floats(0, 1), min_size=1, max_size=4))
def test_working_time_agrees_with_the_counter(
    case: tuple[datetime, Calendar], minutes: int, at: list[float]
) -> None:
    start, hours = case
    check_by_counting(start, start + minutes * MINUTE, hours, [*at, 1])


def random_hours(chance: Random) -> Hours:
    """Hours around midnight and the small ones, when most clocks are changed."""
    marks = sorted(chance.sample([*range(0, 240, 15), *range(1_320, 1_440, 15)], 4))
    one, two, three, four = (time(*divmod(mark, 60)) for mark in marks)
    return chance.choice([((one, two), (three, MIDNIGHT)), ((one, two), (three, four)), WHOLE])


@pytest.mark.parametrize("part", range(PARTS))
def test_working_time_agrees_with_the_counter_at_a_change_of_each_zone(part: int) -> None:
    for zone in ZONES[part::PARTS]:
        chance = Random(zone)
        change = chance.choice(changes(zone) or (datetime(2026, 3, 29, tzinfo=UTC),))
        around = wall(change, zone).date()
        hours = Calendar(
            zone,
            zone,
            tuple(random_hours(chance) for _ in range(7)),
            closed_once=frozenset([around + chance.randint(-1, 6) * DAY]),
        )
        start = change - chance.randint(60, 1_200) * MINUTE
        end = change + chance.randint(60, 1_200) * MINUTE
        check_by_counting(start, end, hours, [0.3, 0.6, 1])


@settings(max_examples=60, deadline=None)
@given(st.data(), cases(), st.integers(1, 1_440))
def test_pauses_agree_with_the_counter(
    data: st.DataObject, case: tuple[datetime, Calendar], count: int
) -> None:
    start, hours = case
    # A pause may have begun before.
    pauses = data.draw(pauses_after(start - DAY))
    end = start + 3 * DAY
    minutes = minutes_of(start, end, hours, pauses)
    assert sum(minutes) * MINUTE == elapsed_with_pauses(start, end, hours, pauses)
    due = counted(start, count, minutes)
    if due is not None:
        assert due == due_with_pauses(start, seconds(count), hours, pauses)


@settings(max_examples=50, deadline=None)
@given(cases(), st.integers(1, 3))
def test_working_days_agree_with_the_counter(case: tuple[datetime, Calendar], days: int) -> None:
    start, hours = case
    zone = hours.time_zone
    now = wall(start, zone)
    reached, dates = now.date(), []
    for number in range(5 * 1_440):
        at = start + number * MINUTE
        if wall(at, zone).date() > reached and is_open(at, hours):
            reached = wall(at, zone).date()
            dates.append(reached)
    if len(dates) >= days:
        wanted = datetime.combine(dates[days - 1], now.time())
        due = next(
            at
            for at in (start + number * MINUTE for number in range(8 * 1_440))
            if wall(at, zone) >= wanted
        )
        assert due == due_at(start, Span(days=days), hours)


@settings(max_examples=200, deadline=None)
@given(cases(), st.integers(0, 5 * 86_400), st.integers(0, 86_400))
def test_elapsed_is_the_inverse_of_due_at(
    case: tuple[datetime, Calendar], length: int, after: int
) -> None:
    start, hours = case
    start += timedelta(seconds=after, microseconds=after)
    due = due_at(start, Span(seconds=length), hours)
    if due is None:
        assert not any((*hours.week, *hours.open))
    else:
        assert timedelta(seconds=length) == elapsed(start, due, hours)
        # The first such moment, not a later one.
        if length:
            assert timedelta(seconds=length) > elapsed(start, due - timedelta(seconds=1), hours)


@settings(max_examples=120, deadline=None)
@given(st.data(), cases(), *(st.integers(0, 10 * 86_400),) * 2)
def test_elapsed_adds_up_over_a_cut(
    data: st.DataObject, case: tuple[datetime, Calendar], one: int, other: int
) -> None:
    start, hours = case
    pauses = data.draw(pauses_after(start))
    cut, end = (start + timedelta(seconds=after) for after in sorted([one, other]))
    assert elapsed(start, end, hours) == elapsed(start, cut, hours) + elapsed(cut, end, hours)
    assert elapsed_with_pauses(start, end, hours, pauses) == (
        elapsed_with_pauses(start, cut, hours, pauses)
        + elapsed_with_pauses(cut, end, hours, pauses)
    )


@settings(max_examples=150, deadline=None)
@given(st.data(), cases(), MINUTES, MINUTES, st.integers(0, 3 * 1_440))
def test_who_starts_later_or_needs_longer_is_not_due_earlier(
    data: st.DataObject, case: tuple[datetime, Calendar], less: int, more: int, later: int
) -> None:
    start, hours = case
    pauses = data.draw(pauses_after(start))
    less, more = sorted([less, more])
    due = due_with_pauses(start, seconds(less), hours, pauses)
    assert not_earlier(due_with_pauses(start, seconds(more), hours, pauses), due)
    assert not_earlier(due_with_pauses(start + later * MINUTE, seconds(less), hours, pauses), due)


@settings(max_examples=120, deadline=None)
@given(st.data(), cases(), st.integers(1, 4), st.integers(0, 240), st.integers(0, 3 * 1_440))
def test_who_starts_later_on_a_working_day_is_not_due_earlier(
    data: st.DataObject, case: tuple[datetime, Calendar], days: int, minutes: int, later: int
) -> None:
    start, hours = case
    second = start + later * MINUTE
    shown, then = wall(start, hours.time_zone), wall(second, hours.time_zone)
    # The clock may be put back between them; and from a day off, the same clock time is meant too.
    assume(shown <= then and is_working_day(then.date(), second, hours))
    pauses = data.draw(pauses_after(second))
    span = Span(days=days, seconds=60 * minutes)
    assert not_earlier(
        due_with_pauses(second, span, hours, pauses), due_with_pauses(start, span, hours, pauses)
    )


def is_working_day(day: date, at: datetime, hours: Calendar) -> bool:
    """Whether working time passes on a local date, on which `at` is."""
    every = (at + number * MINUTE for number in range(-1_560, 1_560, 5))
    return any(wall(at, hours.time_zone).date() == day and is_open(at, hours) for at in every)


SPANS = st.one_of(
    MINUTES.map(seconds), st.builds(Span, days=st.integers(1, 4), seconds=st.integers(0, 9_999))
)


@settings(max_examples=200, deadline=None)
@given(st.data(), cases(), SPANS)
def test_a_pause_more_makes_nothing_due_earlier(
    data: st.DataObject, case: tuple[datetime, Calendar], span: Span
) -> None:
    start, hours = case
    pauses = data.draw(pauses_after(start - DAY))
    more = data.draw(st.permutations(pauses + data.draw(pauses_after(start - DAY))))
    due = due_with_pauses(start, span, hours, pauses)
    assert not_earlier(due_with_pauses(start, span, hours, more), due)
    assert due_at(start, span, hours) == due_with_pauses(start, span, hours, ())
    if due is not None:
        # Nothing becomes due while a pause lasts.
        assert not any(
            since < due and (until is None or due < until)
            for since, until in pauses
            if until is None or since < until
        )


def not_earlier(due: datetime | None, other: datetime | None) -> bool:
    return due is None or (other is not None and due >= other)


@settings(max_examples=100, deadline=None)
@given(cases())
def test_intervals_come_in_order_with_gaps_between(case: tuple[datetime, Calendar]) -> None:
    start, hours = case
    found = [span for _, span in zip(range(30), intervals(start, hours), strict=False)]
    assert all(start <= opens < closes for opens, closes in found)
    assert all(one[1] < other[0] for one, other in pairwise(found))


@settings(max_examples=100, deadline=None)
@given(cases(), st.integers(1, 1_500), st.integers(1, 5))
def test_a_calendar_without_end_counts_as_any_other(
    case: tuple[datetime, Calendar], minutes: int, days: int
) -> None:
    start, hours = case
    always = Calendar("always", hours.time_zone, (WHOLE,) * 7)
    once = replace(always, closed_once=frozenset([date(1900, 1, 1)]))
    assert (True, False) == (always.is_round_the_clock, once.is_round_the_clock)
    end = start + minutes * MINUTE
    for span in (seconds(minutes), Span(days=days), Span(days=days, seconds=1)):
        assert due_at(start, span, once) == due_at(start, span, always)
    assert elapsed(start, end, once) == elapsed(start, end, always) == end - start
    assert list(segments(start, end, once)) == list(segments(start, end, always))


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(ZONES), st.dates(date(1990, 1, 2), date(2037, 12, 30)))
def test_a_holiday_is_the_local_date(zone: str, day: date) -> None:
    hours = Calendar("always", zone, (WHOLE,) * 7, holidays=frozenset([day]))
    noon = datetime.combine(day, time(12), tzinfo=UTC)
    for piece in segments(noon - 3 * DAY, noon + 3 * DAY, hours):
        dates = {wall(piece.start, zone).date(), wall(piece.end - MINUTE, zone).date()}
        assert piece.is_open == (day not in dates)
        assert piece.is_open or (dates, piece.why) == ({day}, "holiday")
