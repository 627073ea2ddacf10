"""Why a request is as it is, and what will happen to it when: properties, clocks, chain. Pure.

Nothing is decided or worked out anew here: clocks are those of core.clocks, levels those of
core.chains. Bounded: of a long time the first and last pieces are told, of changes the last ones.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import islice
from typing import Any

from postroom.core.chains import Chain, ChainState, clock_of, next_level, reached
from postroom.core.clocks import Clock, ClockName, Pause, Story, clocks_of, pauses_of, story_of
from postroom.core.facts import ChangeFact, RequestFact
from postroom.core.model import Calendar, Level, Phase, Policy, Priority, Span
from postroom.core.timing import Due, open_dues
from postroom.core.units import write_duration
from postroom.core.worktime import elapsed_with_pauses, segments

FIRST, LAST = 30, 10  # pieces of one time that are told; a calendar year has 500
_MOST_LEVELS = 50
_MOST_PASSED_OVER = 10
_OVER = frozenset({Phase.CLOSED, Phase.DELETED, Phase.MERGED})


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
    """A clock: `within` as the priority says it, `passed` in seconds of working time until now."""

    name: ClockName
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


def explain_request(
    request: RequestFact,
    history: Sequence[ChangeFact],
    opening: Mapping[str, Any],
    policy: Policy,
    now: datetime,
) -> Explanation:
    """Explain a request as it stands now; `opening` is what the journal says of its first mail."""
    priority = policy.priorities.get(request.priority) or policy.default_priority()
    calendar = policy.calendars[priority.calendar]
    story = story_of(request.moments, request.priority, request.type, policy)
    return Explanation(
        request=request.id,
        at=now,
        policy_version=policy.version,
        status=request.status,
        phase=request.phase,
        calendar=calendar.name,
        time_zone=calendar.time_zone,
        properties=tuple(_reasons(request, history, opening)),
        clocks=tuple(_clocks(request, story, priority, now)),
        chain=_chain(request, history, priority, policy, now),
        ahead=tuple(_ahead(request, story, priority, policy)),
        notes=tuple(_notes(request, policy)),
    )


# ---- properties


def _reasons(
    request: RequestFact, history: Sequence[ChangeFact], opening: Mapping[str, Any]
) -> Iterator[Reason]:
    opened = next((one for one in history if one.kind == "opened"), None)
    at = opened.at if opened is not None else request.created_at
    by = opened.actor if opened is not None else ""
    for name in ("owner", "category", "priority", "status", "type"):
        value = getattr(request, name)
        change = _last(history, name)
        because = change.because if change is not None else _at_opening(name, opening)
        # Nobody was it before: the choice of the opening, and whom that passed over.
        if name == "owner" and (change is None or (change.at, change.from_) == (at, None)):
            because += _passed_over(opening)
        since, whose = (change.at, change.actor) if change is not None else (at, by)
        yield Reason(name, value, since, whose, because or "so it was opened")


def _last(history: Sequence[ChangeFact], kind: str) -> ChangeFact | None:
    return next((one for one in reversed(history) if one.kind == kind), None)


def _at_opening(name: str, opening: Mapping[str, Any]) -> str:
    if name == "owner":
        return str(opening.get("owner_reason") or "")
    properties = opening.get("properties") or {}
    return str(properties.get(name) or "")


def _passed_over(opening: Mapping[str, Any]) -> str:
    passed = opening.get("passed_over") or {}
    named = [f"{name}: {why}" for name, why in islice(passed.items(), _MOST_PASSED_OVER)]
    return f" (passed over: {'; '.join(named)})" if named else ""


# ---- clocks


def _clocks(
    request: RequestFact, story: Story | None, priority: Priority, now: datetime
) -> Iterator[ToldClock]:
    running = {clock.name: clock for clock in clocks_of(story)} if story is not None else {}
    for name in ClockName:
        clock = running.get(name)
        if clock is None or story is None:
            yield _silent(name, request, priority)
        else:
            yield _told(clock, story, now)


def _silent(name: ClockName, request: RequestFact, priority: Priority) -> ToldClock:
    """Say why a clock does not run."""
    within: Span | None = getattr(priority, name.value)
    if within is None:
        return ToldClock(name, State.OFF, f"priority {priority.name} has no {name.value}")
    said = _length(within)
    if request.phase in _OVER:
        return ToldClock(name, State.STOPPED, f"{request.status}: it is over", within=said)
    if name is ClockName.FIRST_REPLY and request.replied_at is not None:
        why = f"answered at {request.replied_at:%Y-%m-%dT%H:%M:%SZ}"
        return ToldClock(name, State.OFF, why, within=said)
    why = "no further message of a customer waits for an answer"
    return ToldClock(name, State.OFF, why, within=said)


def _told(clock: Clock, story: Story, now: datetime) -> ToldClock:
    pauses = pauses_of(story)
    lasting = next((pause for pause in pauses if pause.until is None), None)
    end = clock.due_at or (max(lasting.since, clock.since) if lasting is not None else now)
    pieces = _with_pauses(clock.since, end, story.calendar, pauses)
    if clock.due_at is None and lasting is not None:
        pieces = (*pieces, Piece(end, None, Kind.PAUSED, lasting.why))
    spans = [(pause.since, pause.until) for pause in pauses]
    reached = min(now, clock.due_at or now)
    passed = elapsed_with_pauses(clock.since, reached, story.calendar, spans)
    state, why = _state(clock, lasting, now)
    return ToldClock(
        clock.name,
        state,
        why,
        clock.since,
        _length(clock.within),
        int(passed.total_seconds()),
        clock.due_at,
        tuple(_bounded(pieces)),
    )


def _state(clock: Clock, lasting: Pause | None, now: datetime) -> tuple[State, str]:
    if clock.due_at is not None:
        is_over = clock.due_at <= now
        return (State.MISSED, "its time is over") if is_over else (State.RUNNING, "")
    if lasting is not None:
        return State.PAUSED, lasting.why
    return State.STOPPED, "the calendar does not open for so long within ten years"


def _with_pauses(
    since: datetime, end: datetime, calendar: Calendar, pauses: Iterable[Pause]
) -> Iterable[Piece]:
    """Cut a time by pauses, and what is left of it by the calendar."""
    at = since
    for pause in pauses:
        begins, ends = max(pause.since, at), min(pause.until or end, end)
        if begins < ends:
            yield from _by_calendar(at, begins, calendar)
            yield Piece(begins, ends, Kind.PAUSED, pause.why)
            at = ends
    yield from _by_calendar(at, end, calendar)


def _by_calendar(since: datetime, until: datetime, calendar: Calendar) -> Iterator[Piece]:
    for one in segments(since, until, calendar):
        kind = Kind.COUNTED if one.is_open else Kind.CLOSED
        yield Piece(one.start, one.end, kind, one.why)


def _bounded(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """Pass on the first and the last pieces, with one that stands for those between."""
    rest = iter(pieces)
    yield from islice(rest, FIRST)
    tail: deque[Piece] = deque(maxlen=LAST)
    count, gap = 0, None
    for one in rest:
        gap = one if gap is None else gap
        tail.append(one)
        count += 1
    if gap is not None and count > LAST:
        yield Piece(gap.since, tail[0].since, Kind.LEFT_OUT, f"{count - LAST} more pieces")
    yield from tail


def _length(span: Span) -> str:
    days = f"{span.days}wd" if span.days else ""
    return days + (write_duration(span.seconds) if span.seconds or not days else "")


# ---- the chain


def _chain(
    request: RequestFact,
    history: Sequence[ChangeFact],
    priority: Priority,
    policy: Policy,
    now: datetime,
) -> ToldChain:
    chain, clock = request.chain, clock_of(priority, policy)
    following = next_level(priority, chain.level)
    number = following.level if following is not None else None
    last = _last(history, "chain")
    since = last.at if last is not None else None
    because = last.because if last is not None else "as it was opened"
    match chain.state:
        case ChainState.RUNNING if chain.due_at is not None:
            start = since or request.created_at
            pieces = _bounded(_by_calendar(start, chain.due_at, clock))
            is_due = chain.due_at <= now
            why = "the level is due" if is_due else f"since: {because}"
            return ToldChain(
                State.RUNNING,
                why,
                chain.level,
                number,
                clock.name,
                start,
                chain.due_at,
                segments=tuple(pieces),
            )
        case ChainState.STOPPED:
            return ToldChain(
                State.STOPPED,
                f"stopped by: {because}",
                chain.level,
                number,
                clock.name,
                since,
                remaining=chain.remaining,
            )
    why = _why_no_chain(request, chain, priority)
    return ToldChain(State.OFF, why, chain.level, number, clock.name, since)


def _why_no_chain(request: RequestFact, chain: Chain, priority: Priority) -> str:
    if not priority.levels:
        return f"priority {priority.name} has no levels"
    if request.phase in _OVER:
        return f"{request.status}: it is over"
    if next_level(priority, chain.level) is None:
        return f"level {chain.level} was the last"
    return "nothing has started it, or its calendar does not open within ten years"


# ---- what is to come


def _ahead(
    request: RequestFact, story: Story | None, priority: Priority, policy: Policy
) -> list[Ahead]:
    found = [_of_due(due, priority) for due in (open_dues(story) if story is not None else ())]
    found += _levels_ahead(request.chain, priority, policy)
    if request.postponed_until is not None:
        does = "becomes active again, and its owner is told"
        found.append(Ahead(request.postponed_until, "activated", request.status, does))
    return sorted(found, key=lambda one: one.at)


def _of_due(due: Due, priority: Priority) -> Ahead:
    name = due.clock.name.value
    if due.warning is None:
        return Ahead(due.at, "missed", name, "is written to the history")
    warning = priority.warnings[due.warning]
    side = "after" if warning.after is not None else "before"
    span = warning.after or warning.before or Span()
    told = ", ".join(warning.notify) or "nobody"
    return Ahead(due.at, "warning", name, f"{_length(span)} {side}: tells {told}")


def _levels_ahead(chain: Chain, priority: Priority, policy: Policy) -> Iterator[Ahead]:
    for _ in range(_MOST_LEVELS):
        level = next_level(priority, chain.level)
        nominal = chain.due_at
        if chain.state is not ChainState.RUNNING or level is None or nominal is None:
            return
        yield Ahead(nominal, "level", str(level.level), _does(level))
        chain, priority = reached(level, nominal, priority, policy)


def _does(level: Level) -> str:
    parts = [
        f"tells {', '.join(level.notify)}" if level.notify else "",
        f"hands it to {level.assign}" if level.assign is not None else "",
        f"runs {level.run}" if level.run is not None else "",
        f"makes it {level.priority}, by which clocks then count" if level.priority else "",
    ]
    return "; ".join(part for part in parts if part) or "is written to the history"


def _notes(request: RequestFact, policy: Policy) -> Iterator[str]:
    if request.priority not in policy.priorities:
        name = policy.default_priority().name
        yield f"the policy has no priority {request.priority} any more: it counts as {name}"
    if request.type not in policy.types:
        name = policy.default_type().name
        yield f"the policy has no type {request.type} any more: it counts as {name}"
    if request.category not in policy.categories:
        yield f"the policy has no category {request.category} any more: nobody administers it"
