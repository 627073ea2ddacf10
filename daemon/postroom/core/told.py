"""What is told of a request, as values: why it is as it is, and what will happen to it when.

Made by core.explanation; the fields are the keys of `postroom policy explain --json`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from postroom.core.model import Phase


class Kind(StrEnum):
    """What a piece of time is for a clock."""

    COUNTED = "counted"
    PAUSED = "paused"
    CLOSED = "closed"
    LEFT_OUT = "left-out"


class State(StrEnum):
    """What a clock or a chain does."""

    RUNNING = "running"
    PAUSED = "paused"
    MISSED = "missed"
    STOPPED = "stopped"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of time; `until` None: it lasts still."""

    since: datetime
    until: datetime | None
    kind: Kind
    why: str


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a property is what it is; `by` and `because` of the change that made it so."""

    name: str
    value: str | None
    at: datetime
    by: str
    because: str


@dataclass(frozen=True, slots=True)
class ToldClock:
    """A clock: `within` as the rules say it, `passed` in seconds that counted until now."""

    name: str
    state: State
    why: str
    since: datetime | None = None
    within: str | None = None
    passed: int | None = None
    due_at: datetime | None = None
    segments: tuple[Piece, ...] = ()


@dataclass(frozen=True, slots=True)
class ToldChain:
    """The escalation chain: `since` is when it last changed; `remaining` counts while stopped."""

    state: State
    why: str
    level: int
    next_level: int | None
    clock: str
    since: datetime | None = None
    due_at: datetime | None = None
    remaining: int | None = None
    segments: tuple[Piece, ...] = ()


@dataclass(frozen=True, slots=True)
class Ahead:
    """Something that happens when nobody does anything: missed, warning, level, activated."""

    at: datetime
    what: str
    of: str
    does: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """All that is to be said; the fields are the keys of `policy explain --json`."""

    request: int
    at: datetime
    policy_version: str
    status: str
    phase: Phase
    calendar: str
    time_zone: str
    properties: tuple[Reason, ...]
    clocks: tuple[ToldClock, ...]
    chain: ToldChain
    ahead: tuple[Ahead, ...]
    notes: tuple[str, ...]
