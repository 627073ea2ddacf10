"""What follows for clocks, chain and read status from whatever a decision does to a request.

POLICY, priorities.toml. Every decision passes here last, so that mail, commands, timers and the
back office all move time by the same rule. Several events in one trigger act in POLICY's order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from postroom.core.chains import Chain, Event, react, stop
from postroom.core.clocks import (
    Clock,
    ClockName,
    Moment,
    Story,
    Timing,
    clocks_of,
    story_of,
    warned_at,
)
from postroom.core.effects import (
    ACKNOWLEDGED,
    AppendMessage,
    Assign,
    Decision,
    Effect,
    OpenRequest,
    Record,
    SetChain,
    SetClocks,
    SetProperty,
    SetStatus,
)
from postroom.core.facts import Facts, RequestFact
from postroom.core.model import OPEN, Direction, Phase, Policy, Visibility
from postroom.core.reading import WRITTEN, follow_reading
from postroom.core.silence import silence_of

_OVER = frozenset(Phase) - OPEN


def follow(decision: Decision, facts: Facts, policy: Policy, now: datetime) -> Decision:
    """Return a decision with what follows from it for its request: who has read it, and time."""
    known = facts.requests.get(decision.request or 0)
    added = tuple(_followed(decision, known, policy, now))
    return replace(decision, effects=(*decision.effects, *added)) if added else decision


def _followed(
    decision: Decision, known: RequestFact | None, policy: Policy, now: datetime
) -> Iterator[Effect]:
    seen = _seen(decision, known, now)
    if seen is None:
        return
    read = follow_reading(decision, known, policy, now) if known is not None else None
    if read is not None:
        yield read
        if read.owner_at is not None and not seen.is_over:
            seen.events.add(Event.READ)
    priority = policy.priority_of(seen.priority)
    chain = seen.chain
    for event in Event:
        if event in seen.events:
            chain = react(chain, event, priority, policy, now)
    # Whatever the reaction to `closed`: nobody is to hurry for spam, or for what went elsewhere.
    is_gone = seen.phase in (Phase.DELETED, Phase.MERGED)
    if is_gone or (seen.is_acknowledged and chain.level > 0):
        chain = stop(chain, priority, policy, now)
    is_told = any(isinstance(effect, SetChain) for effect in decision.effects)
    if chain != seen.chain and not is_told:  # a level has said itself what follows from it
        yield SetChain(seen.request, seen.chain, chain, _why(seen.events))
    clocks = _timing(seen, policy)
    if clocks != seen.clocks:
        yield SetClocks(seen.request, seen.clocks, clocks)


@dataclass(frozen=True, slots=True)
class Due:
    """A clock that ends, or a warning of it: `mark` is what the history says once it was done."""

    clock: Clock
    at: datetime
    mark: str
    warning: int | None = None  # its index in the priority's warnings


def timing_of(request: RequestFact, policy: Policy) -> Timing:
    """Return the clocks of a request as they stand by its history, whatever is stored of them."""
    return _timing(request, policy)


def _timing(request: RequestFact | _Seen, policy: Policy) -> Timing:
    story = story_of(request.moments, request.priority, request.type, policy)
    # By the phase: the rules may have no such status any more.
    if story is None or request.phase in _OVER:
        return Timing()
    clocks = clocks_of(story)
    ends = {clock.name: clock.due_at for clock in clocks}
    ahead = [one.at for one in _open_dues(story, clocks)]
    silence = silence_of(request.moments, request.category, request.type, policy)
    return Timing(
        ends.get(ClockName.FIRST_REPLY),
        ends.get(ClockName.NEXT_REPLY),
        ends.get(ClockName.DEADLINE),
        min(ahead, default=None),
        silence.closes_at if silence is not None else None,
    )


def open_dues(story: Story) -> list[Due]:
    """Return what is still to be done about the clocks, in order: each miss and warning once."""
    return _open_dues(story, clocks_of(story))


def _open_dues(story: Story, clocks: Iterable[Clock]) -> list[Due]:
    done = {one.to for one in story.moments if one.kind in ("missed", "warned")}
    found = []
    for clock in clocks:
        if clock.due_at is None:
            continue
        found.append(Due(clock, clock.due_at, mark_of(clock)))
        for index, warning in enumerate(story.priority.warnings):
            at = warned_at(story, clock, warning) if warning.of == clock.name else None
            if at is not None:
                # Each priority gives its own warnings.
                mark = f"{mark_of(clock)} {story.priority.name} {index + 1}"
                found.append(Due(clock, at, mark, index))
    return sorted((one for one in found if one.mark not in done), key=lambda one: one.at)


def mark_of(clock: Clock) -> str:
    """Name one run of a clock: the same one is missed once, whatever the priority becomes."""
    return f"{clock.name.value} since {clock.since:%Y-%m-%dT%H:%M:%SZ}"


@dataclass(slots=True)
class _Seen:
    """A request as a decision leaves it, and what happened to it."""

    request: int | None
    priority: str
    category: str
    type: str
    moments: list[Moment]
    chain: Chain
    clocks: Timing
    events: set[Event]
    phase: Phase
    is_acknowledged: bool = False  # somebody took it, or answered
    is_over: bool = False  # it was closed before, and still is


def _seen(decision: Decision, known: RequestFact | None, now: datetime) -> _Seen | None:
    opened = next((one for one in decision.effects if isinstance(one, OpenRequest)), None)
    if opened is not None:
        start = Moment(now, "opened", opened.status)
        named = (opened.priority, opened.category, opened.type)
        seen = _Seen(None, *named, [start], Chain(), Timing(), {Event.NEW}, opened.phase)
        if opened.phase in _OVER:
            seen.events = set()
    elif known is not None:
        seen = _Seen(
            known.id,
            known.priority,
            known.category,
            known.type,
            list(known.moments),
            known.chain,
            known.timing,
            set(),
            known.phase,
        )
    else:
        return None
    for effect in decision.effects:
        _look(effect, seen, decision, now)
    seen.is_over = known is not None and known.phase in _OVER and seen.phase in _OVER
    if seen.is_over:
        seen.events = set()  # a word of thanks must not escalate what is closed
    return seen


def _look(effect: Effect, seen: _Seen, decision: Decision, now: datetime) -> None:
    """Note what an effect means for time."""
    match effect:
        case AppendMessage() if not effect.is_draft and effect.origin in WRITTEN:
            said = f"{effect.direction.value}, {effect.visibility.value}"
            seen.moments.append(Moment(now, "message", said))
            if effect.visibility is Visibility.INTERNAL:
                seen.events.add(Event.HANDLER_WROTE)
            elif effect.direction is Direction.OUT:
                seen.events.add(Event.REPLIED)
                seen.is_acknowledged = True
            elif seen.request is not None:
                seen.events.add(Event.CUSTOMER_WROTE)
        case SetStatus() if effect.request == seen.request:
            seen.moments.append(Moment(now, "status", effect.to))
            seen.events.update(_events_of(seen.phase, effect.phase))
            seen.phase = effect.phase
        case Assign() if effect.request == seen.request and effect.is_by_hand:
            seen.events.add(Event.OWNER_CHANGED)
            seen.is_acknowledged = seen.is_acknowledged or effect.to == decision.actor
        case SetProperty(name="priority"):
            seen.priority = effect.to
            seen.events.add(Event.PRIORITY_CHANGED)
        case SetProperty(name="category"):
            seen.category = effect.to
        case SetProperty(name="type"):
            seen.type = effect.to
        case Record():
            seen.is_acknowledged = seen.is_acknowledged or effect.kind == ACKNOWLEDGED
            seen.moments.append(Moment(now, effect.kind, effect.to))


def _events_of(before: Phase, after: Phase) -> Iterator[Event]:
    if after in _OVER and before not in _OVER:
        yield Event.CLOSED
    elif after is Phase.POSTPONED and before is not Phase.POSTPONED:
        yield Event.POSTPONED
    elif after is Phase.ACTIVE and before in _OVER:
        yield Event.REOPENED
    elif after is Phase.ACTIVE and before is Phase.POSTPONED:
        yield Event.ACTIVATED


def _why(events: set[Event]) -> str:
    return ", ".join(event.value for event in Event if event in events)
