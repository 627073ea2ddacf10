"""A simulation as a chart: a line for each day, in the terminal or as an SVG file.

Working hours are shaded, pauses hatched, what happened is marked by its number in the table.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from xml.sax.saxutils import escape, quoteattr
from zoneinfo import ZoneInfo

from postroom.core.clocks import Pause
from postroom.core.model import Calendar
from postroom.core.worktime import segments

DAY = timedelta(days=1)
MOST_DAYS = 400  # looked at; a chart of more is no picture
_CELLS = 48  # of a day in the terminal: half an hour each
_MARKS = "123456789abcdefghijklmnopqrstuvwxyz"
_CLOSED, _OPEN, _PAUSED, _MANY = "·", "░", "/", "+"

Span = tuple[float, float]  # parts of a day: 0 is midnight, 1 the next


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened: its number in the table, when (part of the day), in words."""

    number: int
    at: float
    words: str


@dataclass(frozen=True, slots=True)
class Day:
    """A day of the chart; `skipped` days on which nothing happened come before it."""

    day: date
    skipped: int
    open: tuple[Span, ...]
    paused: tuple[Span, ...]
    marks: tuple[Mark, ...]


def days_of(
    happened: Sequence[tuple[datetime, str]], pauses: Sequence[Pause], calendar: Calendar
) -> list[Day]:
    """Return the days on which something happened, in the calendar's own time zone."""
    zone = ZoneInfo(calendar.time_zone)
    marks: dict[date, list[Mark]] = {}
    for number, (at, words) in enumerate(happened, 1):
        local = at.astimezone(zone)
        marks.setdefault(local.date(), []).append(Mark(number, _part(local, local.date()), words))
    found: list[Day] = []
    for day in sorted(marks):
        start = datetime.combine(day, datetime.min.time(), zone)
        end = datetime.combine(day + DAY, datetime.min.time(), zone)
        opens = [(one.start, one.end) for one in segments(start, end, calendar) if one.is_open]
        paused = [(max(one.since, start), min(one.until or end, end)) for one in pauses]
        skipped = (day - found[-1].day).days - 1 if found else 0
        found.append(
            Day(
                day,
                skipped,
                tuple(_spans(opens, day, zone)),
                tuple(_spans(paused, day, zone)),
                tuple(marks[day]),
            )
        )
    return found[:MOST_DAYS]


def _spans(
    pieces: Sequence[tuple[datetime, datetime]], day: date, zone: ZoneInfo
) -> Iterator[Span]:
    for begins, ends in pieces:
        if begins < ends:
            yield _part(begins.astimezone(zone), day), _part(ends.astimezone(zone), day)


def _part(local: datetime, day: date) -> float:
    """Return how much of a day the clock on the wall shows to be over."""
    naive = local.replace(tzinfo=None)
    return (naive - datetime.combine(day, datetime.min.time())) / DAY


# ---- the terminal


def lines_of(days: Sequence[Day]) -> Iterator[str]:
    """Yield the chart as text."""
    ruler = "".join(f"{hour:02}".ljust(_CELLS // 8) for hour in range(0, 24, 3))
    yield f"{'':15} {ruler}"
    for one in days:
        if one.skipped:
            yield f"{'':15} … {one.skipped} day{'s' if one.skipped > 1 else ''}"
        yield f"{one.day:%a %Y-%m-%d} {''.join(_cells(one))}"
    yield f"{'':15} {_OPEN} working hours  {_CLOSED} closed  {_PAUSED} paused  1 2 3 as above"


def _cells(day: Day) -> list[str]:
    cells = [_CLOSED] * _CELLS
    for spans, sign in ((day.open, _OPEN), (day.paused, _PAUSED)):
        for begins, ends in spans:
            for number in range(round(begins * _CELLS), min(round(ends * _CELLS), _CELLS)):
                cells[number] = sign
    for mark in day.marks:
        place = min(int(mark.at * _CELLS), _CELLS - 1)
        is_free = cells[place] in (_CLOSED, _OPEN, _PAUSED)
        sign = _MARKS[mark.number - 1] if mark.number <= len(_MARKS) else _MANY
        cells[place] = sign if is_free else _MANY
    return cells


# ---- SVG

_LEFT, _WIDTH, _RIGHT, _TOP, _ROW, _LINE = 120, 720, 360, 70, 30, 15
_STYLE = (
    "text{font:12px sans-serif;fill:#222}.t{font-size:16px;font-weight:bold}.s{fill:#777}"
    ".c{fill:#f3f3f3}.o{fill:#cfe3f5}.m{fill:#b3261e}.g{stroke:#ddd}"
)
_HATCH = (
    '<pattern id="paused" width="6" height="6" patternUnits="userSpaceOnUse" '
    'patternTransform="rotate(45)"><rect width="2.5" height="6" fill="#8a6d3b"/></pattern>'
)


def svg_of(days: Sequence[Day], title: str) -> str:
    """Return the chart as an SVG document."""
    body: list[str] = []
    top = _TOP
    for one in days:
        height = max(_ROW, _LINE * len(one.marks) + 10) + (_LINE if one.skipped else 0)
        body += _svg_day(one, top, height)
        top += height + 4
    width, bottom = _LEFT + _WIDTH + _RIGHT, top + 30
    hours = "".join(
        f'<line class="g" x1="{_x(hour / 24)}" y1="{_TOP - 6}" x2="{_x(hour / 24)}" y2="{top}"/>'
        f'<text class="s" x="{_x(hour / 24)}" y="{_TOP - 10}" text-anchor="middle">{hour:02}</text>'
        for hour in range(0, 25, 3)
    )
    legend = (
        f'<rect class="o" x="{_LEFT}" y="{top + 8}" width="24" height="12"/>'
        f'<text x="{_LEFT + 30}" y="{top + 18}">working hours</text>'
        f'<rect fill="url(#paused)" x="{_LEFT + 140}" y="{top + 8}" width="24" height="12"/>'
        f'<text x="{_LEFT + 170}" y="{top + 18}">paused</text>'
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{bottom}" '
        f'viewBox="0 0 {width} {bottom}" role="img" aria-label={quoteattr(title)}>\n'
        f"<defs><style>{_STYLE}</style>{_HATCH}</defs>\n"
        f'<rect width="{width}" height="{bottom}" fill="white"/>\n'
        f'<text class="t" x="20" y="28">{_safe(title)}</text>\n' + "\n".join(body) + "\n"
        f"{hours}\n{legend}\n</svg>\n"
    )


def _svg_day(day: Day, top: int, height: int) -> Iterator[str]:
    if day.skipped:
        words = f"… {day.skipped} day{'s' if day.skipped > 1 else ''} …"
        yield f'<text class="s" x="20" y="{top + 11}">{words}</text>'
        top, height = top + _LINE, height - _LINE
    yield f'<text x="20" y="{top + 19}">{day.day:%a %Y-%m-%d}</text>'
    yield f'<rect class="c" x="{_LEFT}" y="{top}" width="{_WIDTH}" height="{height}"/>'
    for spans, look in ((day.open, 'class="o"'), (day.paused, 'fill="url(#paused)"')):
        for begins, ends in spans:
            yield (
                f'<rect {look} x="{_x(begins)}" y="{top}" '
                f'width="{(ends - begins) * _WIDTH:.1f}" height="{height}"/>'
            )
    for index, mark in enumerate(day.marks):
        middle = top + 15 + _LINE * index
        yield f'<circle class="m" cx="{_x(mark.at)}" cy="{middle - 4}" r="4"/>'
        words = f"{mark.number}  {mark.words}"
        yield f'<text x="{_LEFT + _WIDTH + 12}" y="{middle}">{_safe(words[:70])}</text>'


def _x(part: float) -> str:
    return f"{_LEFT + part * _WIDTH:.1f}"


def _safe(text: str) -> str:
    """Escape a text; XML 1.0 has no control characters, however they are written."""
    return escape(
        "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text)
    )
