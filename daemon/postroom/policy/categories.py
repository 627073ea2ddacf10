"""categories.toml: the tree of categories, who works in them, and what they inherit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from postroom.core.model import AssignMethod, Category, Member, Workflow
from postroom.core.silence import is_customers_turn, way_to_close
from postroom.core.tables import Table
from postroom.core.units import nearest, show
from postroom.policy.problems import Report
from postroom.policy.schema import (
    CategoryPath,
    Duration,
    GroupName,
    HandlerName,
    MailAddress,
    OneOrMore,
    PriorityName,
    StatusName,
    TemplateName,
    Title,
    unique,
)


def _short_member(value: object) -> object:
    return {"handler": value} if isinstance(value, str) else value


class MemberTable(Table):
    """A member: "eva", { handler = "omar", weight = 2 } or { group = "second-line" }."""

    handler: HandlerName | None = None
    group: GroupName | None = None
    weight: Annotated[int, Field(ge=0, le=1_000)] = 1

    @model_validator(mode="after")
    def _one_of_both(self) -> MemberTable:
        if (self.handler is None) == (self.group is None):
            raise ValueError('must name either a handler or a group: { handler = "NAME" }')
        if self.group is not None and "weight" in self.model_fields_set:
            raise ValueError("a weight is a handler's own: name the handler beside the group")
        return self


class CategoryTable(Table):
    """[[category]]"""

    name: CategoryPath
    title: Title = Field(default={})
    administrator: HandlerName | None = None
    members: list[Annotated[MemberTable, BeforeValidator(_short_member)]] = Field(default=[])
    assign: Literal["round-robin", "weighted", "fewest-open", "none"] = "none"
    active_within: Duration | None = None
    fallback_to_administrator: bool = False
    reassign_when_absent: bool = False
    same_customer_within: Duration | None = None
    service_contact_first: bool = False
    owner_on_reply: bool = False
    members_only: bool = False
    notify_members: bool = False
    notify: Annotated[list[MailAddress], OneOrMore, unique("the address")] = Field(default=[])
    status: StatusName | None = None
    priority: PriorityName | None = None
    reopen_within: Duration | None = None
    close_after: Duration | None = None
    thanks: Literal["reopen", "note"] = "reopen"
    layout: TemplateName | None = None


class CategoriesFile(Table):
    """categories.toml"""

    category: list[CategoryTable] = Field(default=[])


def build_categories(
    tables: list[CategoryTable],
    names: frozenset[str],
    groups: dict[str, tuple[str, ...]],
    report: Report,
) -> dict[str, Category]:
    """Make the tree; `names` are all categories of the file, the faulty ones too."""
    layouts = {table.name: table.layout for table in tables}
    categories = {}
    for table in tables:
        at = f'category "{table.name}"'
        parent = table.name.rpartition("/")[0]
        if parent and parent not in names:
            report(f"{at}.name", f"its parent {show(parent)} is missing" + nearest(parent, names))
        if table.fallback_to_administrator and table.administrator is None:
            report(f"{at}.fallback_to_administrator", "needs an administrator")
        members = _members(table, groups, at, report)
        categories[table.name] = _category(table, members, _inherited(table.name, layouts))
    return categories


def check_closing(
    categories: Iterable[Category], workflows: Iterable[Workflow]
) -> Iterator[tuple[str, str]]:
    """Yield each `close_after` that acts at once, or in none of these workflows: key, text."""
    never = _why_never(tuple(workflows))
    for category in categories:
        if category.close_after is None:
            continue
        key = f'category "{category.path}".close_after'
        if not category.close_after:
            yield key, 'must be longer than nothing, such as "14d": no customer answers at once'
        if never:
            yield key, f"would never act: {never}"


def _why_never(workflows: Iterable[Workflow]) -> str:
    """Say why no request can close by itself; "" if one can."""
    waiting = [
        (workflow, name)
        for workflow in workflows
        for name in workflow.statuses
        if is_customers_turn(workflow, name)
    ]
    if not waiting:
        return 'no type has a status with phase = "active" and counts = "external"'
    if any(way_to_close(workflow, name) is not None for workflow, name in waiting):
        return ""
    named = ", ".join(f"{show(name)} of {workflow.name}" for workflow, name in waiting[:5])
    return f'from {named} no transition by "system" leads to a closed status by itself'


def _members(
    table: CategoryTable, groups: dict[str, tuple[str, ...]], at: str, report: Report
) -> tuple[Member, ...]:
    """Resolve groups (weight 1 each); who is named himself keeps his own weight."""
    weights: dict[str, int] = {}
    named = {member.handler for member in table.members if member.handler}
    for index, member in enumerate(table.members):
        if member.handler is None:
            for handler in groups.get(member.group or "", ()):
                if handler not in named:
                    weights.setdefault(handler, 1)
        elif member.handler in weights:
            report(f"{at}.members[{index + 1}]", f"{show(member.handler)} is named twice")
        else:
            weights[member.handler] = member.weight
    return tuple(Member(handler, weight) for handler, weight in weights.items())


def _inherited(path: str, layouts: dict[str, str | None]) -> str | None:
    """Return the layout of the category, else of its nearest ancestor that has one."""
    while path:
        if layouts.get(path) is not None:
            return layouts[path]
        path = path.rpartition("/")[0]
    return None


def _category(table: CategoryTable, members: tuple[Member, ...], layout: str | None) -> Category:
    as_written: dict[str, Any] = {
        key: getattr(table, key)
        for key in CategoryTable.model_fields
        if key not in ("name", "members", "assign", "notify", "layout")
    }
    return Category(
        path=table.name,
        members=members,
        assign=AssignMethod(table.assign),
        notify=tuple(table.notify),
        layout=layout,
        **as_written,
    )
