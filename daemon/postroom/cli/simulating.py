"""policy simulate: what would fire when, and who would hear of it, before it happens."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from postroom.cli.options import ConfigOption, JsonOption
from postroom.cli.tables import print_json, print_table
from postroom.core.units import nearest, parse_duration, show

if TYPE_CHECKING:
    from postroom.cli.charting import Day
    from postroom.core.model import Calendar, Policy
    from postroom.work.simulation import Event, Happening, Heard, Scenario, Simulated

_LONGEST = timedelta(days=5 * 366)
_AFTER = re.compile(r"\+\s*(\S+)\s+(\S.*)", re.DOTALL)
_ON = re.compile(
    r"(\d{4}-\d\d-\d\d[ T]\d\d:\d\d(?::\d\d)?(?:Z|[+-]\d\d:\d\d)?)\s+(\S.*)", re.DOTALL
)
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_NEEDS_VALUE = {
    "postponed": 'how long, such as "+2h postponed 1d"',
    "owner": 'whom, such as "+2h owner eva" or "+2h owner none"',
    "priority": 'which, such as "+2h priority urgent"',
    "category": 'which, such as "+2h category support/billing"',
    "status": 'which, such as "+2h status waiting"',
}
_MAY_HAVE_VALUE = ("taken", "replied", "handler-wrote", "closed")


def simulate(
    *,
    priority: Annotated[str, typer.Option(metavar="NAME", help="Of the request.")],
    at: Annotated[
        str | None,
        typer.Option(
            metavar="MOMENT",
            show_default=False,
            help='When it comes, such as "2026-12-23 15:40", by the clock of the priority\'s '
            "calendar; else now.",
        ),
    ] = None,
    event: Annotated[
        list[str] | None,
        typer.Option(
            metavar="WHAT",
            show_default=False,
            help='What is done to it, such as "+2h replied" or "2026-12-28 09:00 taken eva"; '
            "repeatable.",
        ),
    ] = None,
    for_: Annotated[
        str, typer.Option("--for", metavar="LENGTH", help="How far to look, such as 30d.")
    ] = "30d",
    rules: Annotated[
        Path | None,
        typer.Option(metavar="DIR", show_default=False, help="Else the rules of the config."),
    ] = None,
    category: Annotated[
        str | None,
        typer.Option(metavar="PATH", show_default=False, help="Else the first mailbox's."),
    ] = None,
    owner: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            show_default=False,
            help="A handler, or none; else whom the category's method names.",
        ),
    ] = None,
    chart: Annotated[
        Path | None,
        typer.Option(metavar="FILE.svg", show_default=False, help="Draw it there, too."),
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Play a request in advance: what fires when, and who hears of it.

    \b
      postroom policy simulate --priority high --at "2026-12-23 15:40" --event "+2h replied"

    The same code as in the daemon decides, on a database in memory and with a clock that jumps.
    No daemon is needed, no file is written (but --chart) and no mail is sent. Events: replied,
    customer-wrote, handler-wrote, closed, reopened, postponed LENGTH, activated, taken [NAME],
    owner NAME, priority NAME, category PATH, status NAME; times after "+" pass from --at on.
    """
    from postroom.cli import charting
    from postroom.cli.access import quiet_logs, read_config, with_rules
    from postroom.house import load_checked_policy
    from postroom.work import simulation

    quiet_logs()
    settings = read_config(config)
    if rules is not None:
        settings = with_rules(settings, rules)
    policy = load_checked_policy(settings)
    site = settings.site()
    _check_names(policy, priority, category, owner)
    calendar = policy.calendars[policy.priorities[priority].calendar]
    start = _moment("--at", at, calendar) if at is not None else _now()
    length = _length(for_)
    events = tuple(_event(one, start, start + length, policy, calendar) for one in event or ())
    scenario = simulation.Scenario(start, start + length, priority, category, owner, events)
    found = simulation.simulate(site, policy, scenario)
    marks = [(one.at, f"{one.what}{_told(one, calendar)}") for one in found.happenings]
    days = charting.days_of(marks, found.pauses, calendar)
    if chart is not None:
        title = f"{priority}, {_local(start, calendar)} ({calendar.name}, {calendar.time_zone})"
        chart.write_text(charting.svg_of(days, title), encoding="utf-8")
    if as_json:
        print_json(_record(scenario, found, calendar))
    else:
        _print(found, calendar, days, for_)


# ---- what was asked for


def _check_names(policy: Policy, priority: str, category: str | None, owner: str | None) -> None:
    _one_of("--priority", priority, policy.priorities)
    if category is not None:
        _one_of("--category", category, policy.categories)
    if owner is not None and owner != "none":
        _one_of("--owner", owner, policy.handlers)


def _one_of(option: str, name: str, known: Any) -> None:
    if name not in known:
        raise typer.BadParameter(f"{option}: there is no {name!r}{nearest(name, known)}")


def _now() -> datetime:
    from postroom import clock

    return clock.now().replace(microsecond=0)


def _moment(option: str, text: str, calendar: Calendar) -> datetime:
    """Read a moment; without a zone of its own it is the calendar's."""
    example = 'write such as "2026-12-23 15:40"'
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise typer.BadParameter(f"{option}: {show(text)} is no moment; {example}") from None
    if found.tzinfo is None:
        found = found.replace(tzinfo=ZoneInfo(calendar.time_zone))
    if not 1970 <= found.year <= 2200:
        raise typer.BadParameter(f"{option}: {found.year} is not a year of ours; {example}")
    return found.astimezone(UTC).replace(microsecond=0)


def _length(text: str) -> timedelta:
    try:
        length = parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(f"--for: {error}") from error
    if not timedelta(0) < length <= _LONGEST:
        raise typer.BadParameter(
            f"--for: {show(text)} must be more than nothing and at most 5 years"
        )
    return length


def _event(
    text: str, start: datetime, until: datetime, policy: Policy, calendar: Calendar
) -> Event:
    from postroom.work.simulation import Deed, Event

    wanted = " ".join(text.split())
    named = f"--event {show(wanted)}"
    if found := _AFTER.fullmatch(wanted):
        try:
            at = start + parse_duration(found[1])
        except ValueError as error:
            raise typer.BadParameter(f"{named}: {error}") from error
    elif found := _ON.fullmatch(wanted):
        at = _moment(named, found[1], calendar)
    else:
        raise typer.BadParameter(
            f'{named}: begin with a time, such as "+2h replied" or "2026-12-28 09:00 closed"'
        )
    if at < start:
        raise typer.BadParameter(f"{named}: that is before the request comes (--at)")
    if at > until:
        raise typer.BadParameter(f"{named}: that is after the end; look further with --for")
    name, _, value = found[2].partition(" ")
    deeds = [one.value for one in Deed]
    if name not in deeds:
        raise typer.BadParameter(f"{named}: nobody can {name!r}{nearest(name, deeds)}")
    _check_value(named, name, value, policy)
    return Event(at, Deed(name), value)


def _check_value(named: str, deed: str, value: str, policy: Policy) -> None:
    if not value and deed in _NEEDS_VALUE:
        raise typer.BadParameter(f"{named}: say {_NEEDS_VALUE[deed]}")
    if value and deed not in _NEEDS_VALUE and deed not in _MAY_HAVE_VALUE:
        raise typer.BadParameter(f"{named}: after {deed} comes nothing more")
    if deed == "priority":
        _one_of(named, value, policy.priorities)
    elif deed == "category":
        _one_of(named, value, policy.categories)
    elif deed == "owner":
        _one_of(named, value, [*policy.handlers, "none", "auto"])
    elif deed in ("taken", "replied", "handler-wrote") and value:
        _one_of(named, value, policy.handlers)


# ---- what came of it


def _print(found: Simulated, calendar: Calendar, days: Sequence[Day], length: str) -> None:
    from postroom.cli import charting

    rows = list(_rows(found.happenings, calendar))
    print_table("no|when|what|who hears|due|changes", rows, empty="nothing happens")
    request = found.request
    print(
        f"\nafter {length}: {request.status} ({request.phase.value}), priority {request.priority}, "
        f"owner {request.owner or 'none'}; times are those of {calendar.time_zone}\n"
    )
    for line in charting.lines_of(days):
        print(line)
    if not found.is_whole:
        print(_stopped(), file=sys.stderr)


def _stopped() -> str:
    from postroom.work.simulation import MOST_STEPS

    return (
        f"stopped after {MOST_STEPS} moments at which something happened: "
        "does the policy go in circles? Look less far with --for"
    )


def _rows(happenings: Sequence[Happening], calendar: Calendar) -> Iterator[Sequence[Any]]:
    before: datetime | None = None
    for number, one in enumerate(happenings, 1):
        closed = _closed(before, one.at, calendar) if before is not None else None
        if closed:
            yield "", "…", closed[0], "", "", closed[1]
        due = "" if one.due_at is None else "on time"
        if not one.is_nominal and one.due_at is not None:
            due = f"was due {_local(one.due_at, calendar)}"
        changes = "; ".join(_in_local(text, calendar) for text in one.changes)
        hears = ", ".join(_hears(heard, one, calendar) for heard in one.hears)
        yield number, _local(one.at, calendar), one.what, hears or "nobody", due, changes
        before = one.at


def _told(one: Happening, calendar: Calendar) -> str:
    hears = ", ".join(_hears(heard, one, calendar) for heard in one.hears)
    return f": {hears}" if hears else ""


def _hears(heard: Heard, one: Happening, calendar: Calendar) -> str:
    """Name who hears, and when if not at once."""
    is_later = heard.at > one.at + timedelta(minutes=1)
    return f"{heard.who} (at {_local(heard.at, calendar)})" if is_later else heard.who


def _closed(start: datetime, end: datetime, calendar: Calendar) -> tuple[str, str] | None:
    """Say how much of the time between two lines did not count, and why; None: hardly any."""
    from postroom.core.worktime import segments

    closed = [one for one in segments(start, end, calendar) if not one.is_open]
    hours = sum((one.end - one.start for one in closed), timedelta(0)) / timedelta(hours=1)
    whys = list(dict.fromkeys(one.why for one in closed))
    return (f"closed for {hours:.0f} h", ", ".join(whys[:6])) if hours >= 1 else None


def _local(at: datetime, calendar: Calendar) -> str:
    return f"{at.astimezone(ZoneInfo(calendar.time_zone)):%a %Y-%m-%d %H:%M}"


def _in_local(text: str, calendar: Calendar) -> str:
    """Write the instants in a text as the calendar's clock shows them."""
    return _INSTANT.sub(lambda found: _local(datetime.fromisoformat(found[0]), calendar), text)


def _record(scenario: Scenario, found: Simulated, calendar: Calendar) -> dict[str, Any]:
    from postroom.core.worktime import segments

    last = max(one.at for one in found.happenings)
    return {
        "at": scenario.at,
        "until": scenario.until,
        "calendar": calendar.name,
        "time_zone": calendar.time_zone,
        "happenings": [
            {
                "at": one.at,
                "local": _local(one.at, calendar),
                "what": one.what,
                "hears": one.hears,
                "due_at": one.due_at,
                "nominal": one.is_nominal,
                "changes": one.changes,
            }
            for one in found.happenings
        ],
        "closed": [
            {"since": one.start, "until": one.end, "why": one.why}
            for one in segments(scenario.at, last, calendar)
            if not one.is_open
        ],
        "pauses": found.pauses,
        "status": found.request.status,
        "priority": found.request.priority,
        "owner": found.request.owner,
        "whole": found.is_whole,
    }
