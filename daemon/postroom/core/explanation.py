"""Why a request is as it is, and what will happen to it when: properties, clocks, chain. Pure.

Nothing is decided or worked out anew here: clocks are those of core.clocks, levels those of
core.chains. Bounded: of a long time the first and last pieces are told, of changes the last ones.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from postroom.core.chains import Chain, ChainState, clock_of, next_level, reached
from postroom.core.clocks import Clock, ClockName, Pause, Story, clocks_of, pauses_of, story_of
from postroom.core.facts import ChangeFact, RequestFact
from postroom.core.model import OPEN, Calendar, Level, Policy, Priority, Span
from postroom.core.silence import (
    Silence,
    Way,
    is_customers_turn,
    silence_of,
    stay_of,
    way_to_close,
)
from postroom.core.timing import Due, open_dues
from postroom.core.told import (
    Ahead,
    Explanation,
    Kind,
    Piece,
    Reason,
    State,
    ToldChain,
    ToldClock,
)
from postroom.core.units import write_duration
from postroom.core.vanished import then_of
from postroom.core.worktime import elapsed_with_pauses, segments

FIRST, LAST = 30, 10  # pieces of one time that are told; a calendar year has 500
_MOST_LEVELS = 50
_MOST_PASSED_OVER = 10


def explain_request(
    request: RequestFact,
    history: Sequence[ChangeFact],
    opening: Mapping[str, Any],
    policy: Policy,
    now: datetime,
) -> Explanation:
    """Explain a request as it stands now; `opening` is what the journal says of its first mail."""
    priority = policy.priority_of(request.priority)
    calendar = policy.calendars[priority.calendar]
    story = None
    if request.phase in OPEN:
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
        clocks=(*_clocks(request, story, priority, now), _closing(request, policy, now)),
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
    if request.phase not in OPEN:
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


# ---- the automatic close


def _closing(request: RequestFact, policy: Policy, now: datetime) -> ToldClock:
    """Tell of the silence that a request will be closed for, or why there is none."""
    category = policy.categories.get(request.category)
    if category is None or category.close_after is None:
        why = f"category {request.category} has no close_after"
        return ToldClock("close_after", State.OFF, why)
    within = write_duration(int(category.close_after.total_seconds()), in_days=True)
    silence = _silence(request, policy)
    if silence is None:
        why = _why_not_closing(request, policy)
        return ToldClock("close_after", State.OFF, why, within=within)
    return ToldClock(
        "close_after",
        State.RUNNING,
        _closes(silence.way) if silence.closes_at > now else f"it is due: {_closes(silence.way)}",
        silence.since,
        within,
        int((min(now, silence.closes_at) - silence.since).total_seconds()),
        silence.closes_at,
        (Piece(silence.since, silence.closes_at, Kind.COUNTED, "the customer is silent"),),
    )


def _silence(request: RequestFact, policy: Policy) -> Silence | None:
    return silence_of(request.moments, request.category, request.type, policy)


def _closes(way: Way) -> str:
    transition = way.transition
    if transition is None:
        return f"becomes {way.to.name}, and nobody is told"
    when = f", when {transition.run} has succeeded" if transition.run is not None else ""
    told = "the customer is told" if transition.mail is not None else "nobody is told"
    return f"becomes {way.to.name} by {transition.name}{when}, and {told}"


def _why_not_closing(request: RequestFact, policy: Policy) -> str:
    workflow = policy.workflow_of(request.type)
    if request.phase not in OPEN:
        return f"{request.status}: it is over"
    stay = stay_of(request.moments)
    if stay is None:
        return "its history does not say since when it is as it is"
    if not is_customers_turn(workflow, request.status):
        return f"{request.status}: it is not the customer's turn"
    if way_to_close(workflow, request.status) is not None:
        return "the customer waits for an answer"
    return f'from {request.status} no transition by "system" leads to a closed status by itself'


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
            start = chain.since or since or request.created_at
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
    if request.phase not in OPEN:
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
    if (silence := _silence(request, policy)) is not None:
        found.append(Ahead(silence.closes_at, "closed", request.status, _closes(silence.way)))
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
    for kind in ("priority", "type", "category", "status", "owner"):
        name = getattr(request, kind)
        then = then_of(kind, name, request.type, policy) if name is not None else None
        if then is not None:
            called = "handler" if kind == "owner" else kind
            yield f"the policy has no {called} {name} any more: {then}"
