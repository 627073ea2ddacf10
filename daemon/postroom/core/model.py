"""What core knows by name: the policy as frozen values, and the words for states.

Made by: policy.loader, from rules/*.toml (what config.toml adds is in core.site). All names are
checked before they get here: whatever a value names exists. Frozen, compared by value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Protocol


class Phase(StrEnum):
    """The five fixed phases that every workflow status belongs to."""

    ACTIVE = "active"
    POSTPONED = "postponed"
    CLOSED = "closed"
    DELETED = "deleted"
    MERGED = "merged"


OPEN = frozenset({Phase.ACTIVE, Phase.POSTPONED})  # time passes for these


class Outcome(StrEnum):
    """What became of a mail; exactly one is current."""

    OPENED = "opened"
    APPENDED = "appended"
    DUPLICATE = "duplicate"
    IGNORED = "ignored"
    HELD = "held"
    QUARANTINED = "quarantined"
    BOUNCE = "bounce"
    COMMAND = "command"


class ReadStatus(StrEnum):
    """Whether a request's owner has read it (rows 56, 57)."""

    RED = "red"  # not yet
    YELLOW = "yellow"  # he has, and a customer wrote since
    GREEN = "green"


class Direction(StrEnum):
    """Which way a message went."""

    IN = "in"
    OUT = "out"
    NOTE = "note"


class Visibility(StrEnum):
    """Who may see a message."""

    PUBLIC = "public"
    INTERNAL = "internal"


class Verdict(StrEnum):
    """Whether a mail is from whom it says (DESIGN section 6)."""

    PASS = "pass"  # noqa: S105 - a verdict
    NONE = "none"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class SenderVerdict:
    """The verdict, and the evidence for it in words."""

    verdict: Verdict
    evidence: str


class Counts(StrEnum):
    """Whose time a status counts as."""

    QUEUE = "queue"
    INTERNAL = "internal"
    EXTERNAL = "external"
    NONE = "none"


class AssignMethod(StrEnum):
    """How a category finds an owner."""

    ROUND_ROBIN = "round-robin"
    WEIGHTED = "weighted"
    FEWEST_OPEN = "fewest-open"
    NONE = "none"


class Pattern(Protocol):
    """A compiled RE2 expression (linear time); `search` answers a match or None."""

    def search(self, text: str, /) -> PatternMatch | None:
        """Find the first place that matches."""
        ...


class PatternMatch(Protocol):
    """What a Pattern found."""

    def group(self, group: int | str = 0, /) -> str | None:
        """Return the text of a group."""
        ...

    def groupdict(self) -> Mapping[str, str | None]:
        """Return the named groups."""
        ...


@dataclass(frozen=True, slots=True)
class Handler:
    """Somebody inside, of team.toml."""

    name: str
    full_name: str
    email: str
    aliases: tuple[str, ...] = ()
    language: str = "en"
    time_zone: str = "UTC"
    administrator: bool = False
    notify: frozenset[str] = frozenset()
    hold_notifications: bool = False
    calendar: str | None = None


@dataclass(frozen=True, slots=True)
class Member:
    """A handler in a category, groups already resolved; weight 0: never automatically."""

    handler: str
    weight: int = 1


@dataclass(frozen=True, slots=True)
class Category:
    """A node of the tree; `path` is its name, such as `support/billing`."""

    path: str
    title: Mapping[str, str] = field(default_factory=dict)  # empty: internal
    administrator: str | None = None
    members: tuple[Member, ...] = ()
    assign: AssignMethod = AssignMethod.NONE
    active_within: timedelta | None = None
    fallback_to_administrator: bool = False
    reassign_when_absent: bool = False
    same_customer_within: timedelta | None = None
    service_contact_first: bool = False
    owner_on_reply: bool = False
    members_only: bool = False
    notify_members: bool = False
    notify: tuple[str, ...] = ()
    status: str | None = None
    priority: str | None = None
    reopen_within: timedelta | None = None
    close_after: timedelta | None = None
    thanks: str = "reopen"  # or "note"
    layout: str | None = None  # already inherited


@dataclass(frozen=True, slots=True)
class Span:
    """A length of working time: `seconds`, or whole working `days` ("2wd")."""

    seconds: int = 0
    days: int = 0


class Days(Protocol):
    """A set of dates, such as the holidays of a country; asked by `in`."""

    def __contains__(self, day: date, /) -> bool: ...


@dataclass(frozen=True, slots=True)
class Calendar:
    """Opening hours. `week[0]` is Monday; an interval is (start, end), end 00:00 means midnight."""

    name: str
    time_zone: str
    week: tuple[tuple[tuple[time, time], ...], ...]
    holidays: Days = frozenset()
    closed_yearly: frozenset[tuple[int, int]] = frozenset()  # (month, day)
    closed_once: frozenset[date] = frozenset()
    open: tuple[tuple[datetime, datetime], ...] = ()  # naive local moments; override all else

    @property
    def is_round_the_clock(self) -> bool:
        """Whether it never closes."""
        whole = ((time(0), time(0)),)
        return (
            all(day == whole for day in self.week)
            and not self.closed_yearly
            and not self.closed_once
            and self.holidays == frozenset()
            and not self.open
        )


@dataclass(frozen=True, slots=True)
class Level:
    """One level of an escalation chain."""

    level: int
    after: Span
    notify: tuple[str, ...] = ()
    template: str = "escalation"
    contact_template: str = "delayed"
    assign: str | None = None
    priority: str | None = None
    run: str | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice before or after one of the three clocks is missed."""

    of: str
    before: Span | None = None
    after: Span | None = None
    notify: tuple[str, ...] = ()
    contact_template: str = "delayed"


@dataclass(frozen=True, slots=True)
class Priority:
    """How pressing a request is; rank 1 is the most pressing."""

    name: str
    rank: int
    calendar: str
    default: bool = False
    offered: bool = True
    first_reply: Span | None = None
    next_reply: Span | None = None
    deadline: Span | None = None
    clock: str = "calendar"
    on: Mapping[str, str] = field(default_factory=dict)
    levels: tuple[Level, ...] = ()
    warnings: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True)
class Status:
    """One status of a workflow."""

    name: str
    phase: Phase
    title: Mapping[str, str] = field(default_factory=dict)
    counts: Counts = Counts.NONE
    queue: bool = False
    reopen: bool = True


@dataclass(frozen=True, slots=True)
class Transition:
    """One legal change of status in a workflow that is not free."""

    name: str
    sources: tuple[str, ...]
    to: str
    by: tuple[str, ...] = ("handler",)
    requires: tuple[str, ...] = ()
    mail: str | None = None
    run: str | None = None


@dataclass(frozen=True, slots=True)
class Workflow:
    """Statuses and the changes between them; `free` allows every change."""

    name: str
    initial: str
    statuses: Mapping[str, Status]
    free: bool = False
    transitions: tuple[Transition, ...] = ()
    on_answer: str | None = None
    on_customer: str | None = None

    def first_in(self, phase: Phase) -> str | None:
        """Return the first status of a phase: what `#close` means."""
        return next(
            (status.name for status in self.statuses.values() if status.phase is phase), None
        )


@dataclass(frozen=True, slots=True)
class RequestType:
    """The kind of a request; names its workflow."""

    name: str
    workflow: str
    title: Mapping[str, str] = field(default_factory=dict)
    default: bool = False
    requires: tuple[str, ...] = ()
    priorities: tuple[str, ...] = ()  # empty: all


@dataclass(frozen=True, slots=True)
class TextTest:
    """One way to compare a text: a glob without case, or an RE2 expression. `source` as written."""

    source: str
    pattern: Pattern  # a glob is translated to an anchored expression by the loader


@dataclass(frozen=True, slots=True)
class SizeTest:
    """`>5MB`, `<=1MB` …: `operator` one of < <= > >= =; octets."""

    source: str
    operator: str
    octets: int


@dataclass(frozen=True, slots=True)
class Condition:
    """One key of `when` or `unless`; true if any test is. `header` names it for key "header"."""

    # from to cc subject text header attachment size language origin verdict mailbox company
    key: str
    tests: tuple[TextTest | SizeTest, ...]
    header: str = ""


@dataclass(frozen=True, slots=True)
class Actions:
    """What a rule does; None means: does not say."""

    category: str | None = None
    type: str | None = None
    priority: str | None = None
    owner: str | None = None  # a handler, "none" or "auto"
    status: str | None = None
    tags: tuple[str, ...] = ()
    language: str | None = None
    subject: str | None = None  # may hold {variable} of extract
    auto_reply: str | bool | None = None  # False, or a template's name
    hold: bool | str | None = None  # True, or the reason in words
    ignore: bool | None = None
    forward_to: tuple[str, ...] = ()
    notify: tuple[str, ...] = ()
    run: str | None = None
    close: bool | None = None


@dataclass(frozen=True, slots=True)
class Extract:
    """A named value cut out of subject, then text: the group of the same name, else the first."""

    name: str
    pattern: Pattern
    source: str


@dataclass(frozen=True, slots=True)
class Example:
    """A mail in the words of conditions (`header.NAME`), and whether its rule matches."""

    mail: Mapping[str, str | tuple[str, ...]]
    matches: bool


@dataclass(frozen=True, slots=True)
class Rule:
    """One entry of routing.toml."""

    name: str
    then: Actions
    mailboxes: tuple[str, ...] = ()  # empty: all
    when: tuple[Condition, ...] = ()
    unless: tuple[Condition, ...] = ()
    extract: tuple[Extract, ...] = ()
    continue_: bool = False
    examples: tuple[Example, ...] = ()


@dataclass(frozen=True, slots=True)
class Policy:
    """All of rules/ and templates/, loaded, checked, frozen. `version` is the hash of `files`."""

    version: str
    files: Mapping[str, str]  # path below the project → text, rules/… and templates/…
    handlers: Mapping[str, Handler]
    groups: Mapping[str, tuple[str, ...]]
    categories: Mapping[str, Category]
    priorities: Mapping[str, Priority]
    calendars: Mapping[str, Calendar]
    workflows: Mapping[str, Workflow]
    types: Mapping[str, RequestType]
    rules: tuple[Rule, ...] = ()

    def default_priority(self) -> Priority:
        """Return the priority of last resort."""
        return next(item for item in self.priorities.values() if item.default)

    def priority_of(self, name: str) -> Priority:
        """Return a request's priority; one that is gone counts as the default one."""
        return self.priorities.get(name) or self.default_priority()

    def default_type(self) -> RequestType:
        """Return the type of last resort."""
        return next(item for item in self.types.values() if item.default)

    def workflow_of(self, type_name: str) -> Workflow:
        """Return the workflow of a type; a type that is gone follows the default one's."""
        kind = self.types.get(type_name) or self.default_type()
        return self.workflows[kind.workflow]

    def handler_by_address(self, address: str) -> Handler | None:
        """Return whose address that is, aliases included (compared without case)."""
        wanted = address.lower()
        for handler in self.handlers.values():
            if wanted == handler.email.lower() or wanted in (
                item.lower() for item in handler.aliases
            ):
                return handler
        return None
