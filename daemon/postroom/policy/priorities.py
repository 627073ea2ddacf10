"""priorities.toml: deadlines, what events do to the chain, and its levels."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from postroom.core.model import Calendar, Level, Notice, Priority, Span
from postroom.core.tables import Table
from postroom.core.units import nearest, parse_span, show
from postroom.policy.problems import Report
from postroom.policy.schema import (
    Assignee,
    CalendarName,
    HookName,
    Name,
    OneOrMore,
    PriorityName,
    Recipient,
    TemplateName,
    WorkingTime,
    unique,
)

Reaction = Literal["none", "stop", "continue", "restart"]
Recipients = Annotated[list[Recipient], OneOrMore, unique("the recipient")]
# The calendar of a priority that names none, if there is one of that name.
ROUND_THE_CLOCK = "always"
DELAYED = "delayed"  # the template of what a customer is told


class OnTable(Table):
    """[priority.on]: what an event does to the chain."""

    new: Reaction = "restart"
    read: Reaction = "none"
    owner_changed: Reaction = Field("none", alias="owner-changed")
    customer_wrote: Reaction = Field("restart", alias="customer-wrote")
    handler_wrote: Reaction = Field("none", alias="handler-wrote")
    replied: Reaction = "stop"
    postponed: Reaction = "stop"
    activated: Reaction = "continue"
    closed: Reaction = "stop"
    reopened: Reaction = "restart"
    priority_changed: Reaction = Field("continue", alias="priority-changed")


class LevelTable(Table):
    """[[priority.level]]"""

    level: Annotated[int, Field(ge=1, le=1_000)]
    after: WorkingTime
    notify: Recipients = Field(default=[])
    template: TemplateName = "escalation"
    contact_template: TemplateName = DELAYED
    assign: Assignee | None = None
    priority: PriorityName | None = None
    run: HookName | None = None


class WarningTable(Table):
    """[[priority.warning]]"""

    of: Literal["first_reply", "next_reply", "deadline"]
    before: WorkingTime | None = None
    after: WorkingTime | None = None
    notify: Recipients
    contact_template: TemplateName = DELAYED


def _positive(text: str | None) -> str | None:
    if text is not None and parse_span(text, may_name_days=True) == Span():
        raise ValueError("must be longer than nothing")
    return text


Clock = Annotated[WorkingTime | None, AfterValidator(_positive)]


class PriorityTable(Table):
    """[[priority]]"""

    name: Name
    rank: Annotated[int, Field(ge=1, le=1_000)] | None = None
    default: bool = False
    offered: bool = True
    calendar: CalendarName | None = None
    first_reply: Clock = None
    next_reply: Clock = None
    deadline: Clock = None
    clock: Literal["calendar", "always"] = "calendar"
    on: OnTable = Field(default_factory=lambda: OnTable.model_validate({}))
    level: list[LevelTable] = Field(default=[])
    warning: list[WarningTable] = Field(default=[])


class PrioritiesFile(Table):
    """priorities.toml"""

    priority: list[PriorityTable] = Field(default=[])


def build_priorities(
    tables: list[PriorityTable],
    calendars: dict[str, Calendar],
    names: Collection[str],
    report: Report,
) -> dict[str, Priority]:
    """Make the priorities, in order of rank; a priority without rank has its place in the file.

    `names` are all calendars of the file, the faulty ones too.
    """
    priorities = []
    for index, table in enumerate(tables):
        at = f'priority "{table.name}"'
        calendar = table.calendar or ROUND_THE_CLOCK
        if table.calendar is None and names and ROUND_THE_CLOCK not in names:
            report(f"{at}.calendar", "is required" + nearest("", names))
        _check_levels(table, at, report)
        _check_warnings(table, at, report)
        times = _Times(calendars.get(calendar), at, report)
        priorities.append(_priority(table, calendar, table.rank or index + 1, times))
    _check_circles(tables, report)
    return {item.name: item for item in sorted(priorities, key=lambda item: item.rank)}


@dataclass(frozen=True, slots=True)
class _Times:
    """Reads the working times of one priority; "d" only where the calendar never closes."""

    calendar: Calendar | None
    at: str
    report: Report

    def span(self, key: str, text: str | None, *, is_always: bool = False) -> Span | None:
        if text is None:
            return None
        may_name_days = is_always or self.calendar is None or self.calendar.is_round_the_clock
        try:
            return parse_span(text, may_name_days=may_name_days)
        except ValueError as error:
            self.report(f"{self.at}.{key}", str(error))
            return None


def _priority(table: PriorityTable, calendar: str, rank: int, times: _Times) -> Priority:
    return Priority(
        name=table.name,
        rank=rank,
        calendar=calendar,
        default=table.default,
        offered=table.offered,
        first_reply=times.span("first_reply", table.first_reply),
        next_reply=times.span("next_reply", table.next_reply),
        deadline=times.span("deadline", table.deadline),
        clock=table.clock,
        on=table.on.model_dump(by_alias=True),
        levels=tuple(
            _level(level, times, f"level[{index + 1}].after", table.clock == "always")
            for index, level in enumerate(table.level)
        ),
        warnings=tuple(
            Notice(
                of=warning.of,
                before=times.span(f"warning[{index + 1}].before", warning.before),
                after=times.span(f"warning[{index + 1}].after", warning.after),
                notify=tuple(warning.notify),
                contact_template=warning.contact_template,
            )
            for index, warning in enumerate(table.warning)
        ),
    )


def _level(table: LevelTable, times: _Times, key: str, is_always: bool) -> Level:
    return Level(
        level=table.level,
        after=times.span(key, table.after, is_always=is_always) or Span(),
        notify=tuple(table.notify),
        template=table.template,
        contact_template=table.contact_template,
        assign=table.assign,
        priority=table.priority,
        run=table.run,
    )


def _check_levels(table: PriorityTable, at: str, report: Report) -> None:
    before = 0
    for index, level in enumerate(table.level):
        if level.level <= before:
            report(
                f"{at}.level[{index + 1}].level",
                f"is {level.level} after {before}: levels must be strictly ascending",
            )
        if table.clock == "always" and level.after.endswith("wd"):
            report(
                f"{at}.level[{index + 1}].after",
                f'{show(level.after)} is working days, but clock is "always": write hours or "2d"',
            )
        before = level.level


def _check_warnings(table: PriorityTable, at: str, report: Report) -> None:
    for index, warning in enumerate(table.warning):
        key = f"{at}.warning[{index + 1}]"
        if (warning.before is None) == (warning.after is None):
            report(key, 'needs either before = "30m" or after = "0m"')
        if getattr(table, warning.of) is None:
            report(f"{key}.of", f"the priority sets no {warning.of}: nothing to warn of")
        if not warning.notify:
            report(f"{key}.notify", "names nobody")


def _check_circles(tables: list[PriorityTable], report: Report) -> None:
    """A level may not lead back to a priority that leads to it."""
    leads_to = {
        table.name: {level.priority for level in table.level if level.priority} for table in tables
    }
    for table in tables:
        for index, level in enumerate(table.level):
            if level.priority and table.name in _reachable(level.priority, leads_to):
                report(
                    f'priority "{table.name}".level[{index + 1}].priority',
                    f"{show(level.priority)} leads back to {show(table.name)}: "
                    "the escalation would go round in a circle",
                )


def _reachable(start: str, leads_to: dict[str, set[str]]) -> set[str]:
    found: set[str] = set()
    waiting = [start]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(leads_to.get(name, ()))
    return found
