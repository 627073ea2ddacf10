"""team.toml: handlers and groups."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from postroom.core.model import Handler
from postroom.core.tables import Table
from postroom.core.units import show
from postroom.policy.problems import Report
from postroom.policy.schema import (
    CalendarName,
    HandlerName,
    Language,
    MailAddress,
    Name,
    Text,
    TimeZone,
    check_handler_name,
    unique,
)

Notice = Literal["new", "message", "escalated", "activated", "taken-over", "digest"]
ALL_NOTICES: tuple[Notice, ...] = ("new", "message", "escalated", "activated", "taken-over")


class HandlerTable(Table):
    """[[handler]]"""

    name: Annotated[str, AfterValidator(check_handler_name)]
    full_name: Text
    email: MailAddress
    aliases: list[MailAddress] = Field(default=[])
    language: Language = "en"
    time_zone: TimeZone = "UTC"
    administrator: bool = False
    notify: Annotated[list[Notice], unique("the notice")] = Field(default=list(ALL_NOTICES))
    hold_notifications: bool = False
    calendar: CalendarName | None = None


def _not_empty(members: list[str]) -> list[str]:
    if not members:
        raise ValueError("a group needs at least one member")
    return members


class GroupTable(Table):
    """[[group]]"""

    name: Name
    members: Annotated[list[HandlerName], unique("the handler"), AfterValidator(_not_empty)]


class TeamFile(Table):
    """team.toml"""

    handler: list[HandlerTable] = Field(default=[])
    group: list[GroupTable] = Field(default=[])


def build_handlers(tables: list[HandlerTable], report: Report) -> dict[str, Handler]:
    """Make the handlers; an address is one handler's only."""
    owner_of: dict[str, str] = {}
    for table in tables:
        for address in (table.email, *table.aliases):
            other = owner_of.setdefault(address.lower(), table.name)
            if other != table.name:
                report(f'handler "{table.name}"', f"{show(address)} is also the address of {other}")
        if table.hold_notifications and table.calendar is None:
            report(
                f'handler "{table.name}".hold_notifications',
                'needs the handler\'s working hours: add calendar = "NAME"',
            )
    return {table.name: _handler(table) for table in tables}


def _handler(table: HandlerTable) -> Handler:
    return Handler(
        name=table.name,
        full_name=table.full_name,
        email=table.email,
        aliases=tuple(table.aliases),
        language=table.language,
        time_zone=table.time_zone,
        administrator=table.administrator,
        notify=frozenset(table.notify),
        hold_notifications=table.hold_notifications,
        calendar=table.calendar,
    )


def build_groups(tables: list[GroupTable]) -> dict[str, tuple[str, ...]]:
    """Make the groups: name → handlers."""
    return {table.name: tuple(table.members) for table in tables}
