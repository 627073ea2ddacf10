"""What a key of `rules/*.toml` may hold: names that must exist, and amounts.

A model declares what each key names (`HandlerName`, `CategoryName` …); validation looks the name up
in the `Names` of the whole policy, so that one pass over the files finds every problem.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, ValidationInfo

from postroom.core.units import (
    check_language,
    check_time_zone,
    nearest,
    parse_address,
    parse_duration,
    parse_span,
    show,
)

RESERVED = frozenset(
    {"owner", "contact", "members", "administrator", "category", "none", "auto", "me"}
)
# Who acts without being a handler: the history names them as it names handlers.
ACTORS = frozenset({"cli", "timer", "system"})
# Words for whom a notice goes to, beside handlers, groups and addresses.
ROLES = ("owner", "contact", "administrator", "members")

_NAME = re.compile(r"[^\W_]+(-[^\W_]+)*")


@dataclass(frozen=True, slots=True)
class Names:
    """Everything that the policy names, by kind; a kind that is absent is not checked.

    `faults` says of hooks that are there why they cannot be run.
    """

    of: Mapping[str, Collection[str]] = field(default_factory=dict)
    faults: Mapping[str, str] = field(default_factory=dict)

    def problem(self, kind: str, name: str) -> str | None:
        """Say what is wrong with using that name, if anything."""
        known = self.of.get(kind)
        if known is None or name in known:
            return None
        return f"there is no {kind} {show(name)}" + nearest(name, known)


def check_name(name: str) -> str:
    """Accept lower-case words joined by "-"; refuse the words that mean something by themselves."""
    if name in RESERVED:
        raise ValueError(f'"{name}" is a reserved word: choose another name')
    return check_word(name)


def check_handler_name(name: str) -> str:
    """Accept a name that cannot be taken for one of those who act beside the handlers."""
    if name in ACTORS:
        raise ValueError(f'"{name}" is a reserved word: choose another name')
    return check_name(name)


def check_word(name: str) -> str:
    """Accept lower-case words joined by "-"."""
    if _NAME.fullmatch(name) is None or name != name.lower() or len(name) > 64:
        raise ValueError(f'must be lower-case words joined by "-", not {show(name)}')
    return name


def check_path(path: str) -> str:
    """Accept a category: names joined by "/"."""
    if path in RESERVED:
        raise ValueError(f'"{path}" is a reserved word: choose another name')
    for segment in path.split("/"):
        check_word(segment)
    return path


def known(kind: str) -> AfterValidator:
    """Accept only names of that kind."""

    def check(name: str, info: ValidationInfo) -> str:
        names = info.context
        problem = names.problem(kind, name) if isinstance(names, Names) else None
        if problem is not None:
            raise ValueError(problem)
        return name

    return AfterValidator(check)


def _hook(name: str, info: ValidationInfo) -> str:
    """Accept a hook that can be run: an executable in rules/hooks/, or a webhook."""
    check_word(name)  # it becomes the name of a file
    names = info.context if isinstance(info.context, Names) else Names()
    problem = names.problem("hook", name)
    if problem is None:
        return name
    if name in names.faults:
        raise ValueError(f"hook {show(name)} {names.faults[name]}")
    there = [*names.of["hook"], *names.faults]
    raise ValueError(f"there is no hook {show(name)}" + nearest(name, there))


def _recipient(text: str, info: ValidationInfo) -> str:
    """Accept owner, contact, administrator, members, group:NAME, a handler or an address."""
    if "@" in text:
        return parse_address(text)
    return text if text in ROLES else _handler_or_group(text, info, ROLES)


def _assignee(text: str, info: ValidationInfo) -> str:
    return text if text == "category" else _handler_or_group(text, info, ("category",))


def _handler_or_group(text: str, info: ValidationInfo, words: tuple[str, ...]) -> str:
    names = info.context if isinstance(info.context, Names) else Names()
    if text.startswith("group:"):
        problem = names.problem("group", text.removeprefix("group:"))
    else:
        problem = names.problem("handler", text)
        if problem is not None:
            groups = [f"group:{name}" for name in names.of.get("group", ())]
            choices = [*names.of["handler"], *groups, *words]
            problem = f"there is no handler {show(text)}" + nearest(text, choices)
    if problem is not None:
        raise ValueError(problem)
    return text


def _owner(text: str, info: ValidationInfo) -> str:
    if text in ("none", "auto"):
        return text
    names = info.context
    problem = names.problem("handler", text) if isinstance(names, Names) else None
    if problem is not None:
        raise ValueError(problem)
    return text


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be empty")
    return text


def _as_list(value: object) -> object:
    """Let a single text stand for a list of one."""
    return [value] if isinstance(value, str) else value


def _as_text(value: object) -> object:
    """Let an unquoted TOML date stand for its text."""
    return value.isoformat() if isinstance(value, date | datetime) else value


def _working_time(text: str) -> str:
    # Kept as written: whether "d" may stand here depends on the calendar (priorities.py).
    parse_span(text, may_name_days=True)
    return text


def unique(what: str) -> AfterValidator:
    """Accept a list that says nothing twice."""

    def check(items: list[Any]) -> list[Any]:
        seen: list[Any] = []
        for item in items:
            if item in seen:
                raise ValueError(f"names {what} {show(item)} twice")
            seen.append(item)
        return items

    return AfterValidator(check)


Text = Annotated[str, AfterValidator(_not_blank)]
Name = Annotated[str, AfterValidator(check_name)]
Word = Annotated[str, AfterValidator(check_word)]
CategoryPath = Annotated[str, AfterValidator(check_path)]
HandlerName = Annotated[str, known("handler")]
GroupName = Annotated[str, known("group")]
CategoryName = Annotated[str, known("category")]
PriorityName = Annotated[str, known("priority")]
CalendarName = Annotated[str, known("calendar")]
WorkflowName = Annotated[str, known("workflow")]
TypeName = Annotated[str, known("type")]
StatusName = Annotated[str, known("status")]
TemplateName = Annotated[str, known("template")]
HookName = Annotated[str, AfterValidator(_hook)]
Recipient = Annotated[str, AfterValidator(_recipient)]
Assignee = Annotated[str, AfterValidator(_assignee)]
Owner = Annotated[str, AfterValidator(_owner)]
MailAddress = Annotated[str, AfterValidator(parse_address)]
TimeZone = Annotated[str, AfterValidator(check_time_zone)]
Language = Annotated[str, AfterValidator(check_language)]
Title = dict[Language, Text]
Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
WorkingTime = Annotated[str, AfterValidator(_working_time)]
DayText = Annotated[str, BeforeValidator(_as_text)]
OneOrMore = BeforeValidator(_as_list)
