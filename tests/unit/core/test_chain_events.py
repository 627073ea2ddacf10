"""What each event does to a chain, by each reaction; rows 42, 43, 47-55, of two levels."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from tests.unit.core.builders import NOW, facts, policy, request

from postroom.core.chains import Chain, ChainState, Event, after_level, reached, react, start, stop
from postroom.core.effects import (
    AppendMessage,
    Assign,
    Author,
    Decision,
    Effect,
    OpenRequest,
    SetChain,
    SetProperty,
    SetStatus,
)
from postroom.core.model import (
    Calendar,
    Direction,
    Level,
    Phase,
    Policy,
    Priority,
    Span,
    Visibility,
)
from postroom.core.timing import follow

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
LEVELS = (Level(1, Span(3600)), Level(2, Span(1800)))
RUNNING = Chain(ChainState.RUNNING, 1, NOW + 10 * MINUTE, since=NOW - 20 * MINUTE)
STOPPED = Chain(ChainState.STOPPED, 1, None, 600)
NEW, OVER = NOW + HOUR, NOW - HOUR


def rules(event: Event, reaction: str) -> Policy:
    """A policy that reacts to this event only, as does the priority that may come."""
    on = {one.value: "none" for one in Event} | {event.value: reaction}
    medium = Priority("medium", 2, "always", default=True, on=on, levels=LEVELS)
    high = replace(medium, name="high", rank=1, default=False)
    return policy(priorities={one.name: one for one in (medium, high)})


def message(direction: Direction, visibility: Visibility, handler: str | None) -> AppendMessage:
    author = Author("", "ann@example.net", handler)
    return AppendMessage(
        *(7, direction, visibility, author, (), "", "", "", None, (), NOW, "person", "pass", "")
    )


OPENED = OpenRequest(
    *("general", "", "support", "support", "medium", "open", Phase.ACTIVE, "en", None, "")
)
AWAKE = SetStatus(7, "x", "open", Phase.ACTIVE, "")
# Event → what a decision does, and in which phase the request was.
DEEDS: dict[Event, tuple[tuple[Effect, ...], Phase]] = {
    Event.READ: ((), Phase.ACTIVE),
    Event.REOPENED: ((AWAKE,), Phase.CLOSED),
    Event.PRIORITY_CHANGED: ((SetProperty(7, "priority", "medium", "high", ""),), Phase.ACTIVE),
    Event.OWNER_CHANGED: ((Assign(7, "omar", "kim", "", is_by_hand=True),), Phase.ACTIVE),
    Event.CUSTOMER_WROTE: (
        (message(Direction.IN, Visibility.PUBLIC, None),),
        Phase.ACTIVE,
    ),
    Event.HANDLER_WROTE: ((message(Direction.NOTE, Visibility.INTERNAL, "kim"),), Phase.ACTIVE),
    Event.REPLIED: ((message(Direction.OUT, Visibility.PUBLIC, "kim"),), Phase.ACTIVE),
    Event.POSTPONED: ((SetStatus(7, "open", "postponed", Phase.POSTPONED, ""),), Phase.ACTIVE),
    Event.ACTIVATED: ((AWAKE,), Phase.POSTPONED),
    Event.CLOSED: ((SetStatus(7, "open", "closed", Phase.CLOSED, ""),), Phase.ACTIVE),
}


def chain_after(event: Event, reaction: str, chain: Chain, actor: str = "timer") -> Chain:
    effects, phase = DEEDS[event]
    known = request(7, chain=chain, phase=phase, status="open")
    actor = "omar" if event is Event.READ else actor
    decision = Decision(
        actor=actor,
        reason="",
        policy_version="1",
        request=7,
        effects=effects,
        versions={7: 3},
    )
    return chain_of(follow(decision, facts(known), rules(event, reaction), NOW), chain)


def chain_of(decision: Decision, before: Chain) -> Chain:
    found = [one.chain for one in decision.effects if isinstance(one, SetChain)]
    assert len(found) <= 1
    return found[0] if found else before


@pytest.mark.parametrize("event", DEEDS)
def test_stop_keeps_the_rest_of_the_time(event: Event) -> None:
    assert STOPPED == chain_after(event, "stop", RUNNING)
    assert STOPPED == chain_after(event, "stop", STOPPED)


@pytest.mark.parametrize("event", [one for one in DEEDS if one is not Event.REPLIED])
def test_none_does_nothing(event: Event) -> None:
    for chain in (RUNNING, STOPPED):
        after = chain_after(event, "none", chain)
        assert replace(chain, since=None) == replace(after, since=None)


@pytest.mark.parametrize("phase", [Phase.DELETED, Phase.MERGED])
def test_nobody_hurries_for_what_is_gone_whatever_the_reaction(phase: Phase) -> None:
    gone = SetStatus(7, "open", phase.value, phase, "")
    known = request(7, chain=RUNNING, phase=Phase.ACTIVE, status="open")
    decision = Decision("kim", "", "1", request=7, effects=(gone,), versions={7: 3})
    told = follow(decision, facts(known), rules(Event.CLOSED, "none"), NOW)
    assert STOPPED == chain_of(told, RUNNING)


def test_an_answer_takes_an_escalated_request_on_whatever_the_reaction() -> None:
    assert STOPPED == chain_after(Event.REPLIED, "none", RUNNING)
    fresh = replace(RUNNING, level=0)
    assert fresh == chain_after(Event.REPLIED, "none", fresh)


@pytest.mark.parametrize(
    "event", [one for one in DEEDS if one not in (Event.PRIORITY_CHANGED, Event.REPLIED)]
)
def test_continue_goes_on_with_the_rest_of_the_time(event: Event) -> None:
    after = chain_after(event, "continue", STOPPED)
    assert (ChainState.RUNNING, 1, NOW + 10 * MINUTE) == (after.state, after.level, after.due_at)
    assert RUNNING == chain_after(event, "continue", RUNNING)


@pytest.mark.parametrize("event", [one for one in DEEDS if one is not Event.REPLIED])
def test_restart_begins_at_the_first_level(event: Event) -> None:
    for chain in (RUNNING, STOPPED, Chain(ChainState.NONE, 2)):
        after = chain_after(event, "restart", chain)
        assert (ChainState.RUNNING, 0, NEW) == (after.state, after.level, after.due_at)


def test_another_priority_keeps_the_level_with_the_full_time_of_the_next() -> None:
    after = chain_after(Event.PRIORITY_CHANGED, "continue", RUNNING)
    assert (ChainState.RUNNING, 1, NOW + 30 * MINUTE) == (after.state, after.level, after.due_at)
    after = chain_after(Event.PRIORITY_CHANGED, "continue", STOPPED)
    assert (ChainState.STOPPED, 1, 1800) == (after.state, after.level, after.remaining)


def test_without_a_reaction_to_new_no_chain_runs() -> None:
    for reaction, state in (("restart", ChainState.RUNNING), ("none", ChainState.NONE)):
        opened = Decision("system", "", "1", effects=(OPENED,))
        after = follow(opened, facts(), rules(Event.NEW, reaction), NOW)
        assert state is chain_of(after, Chain()).state


def test_somebody_else_who_reads_it_and_an_automatic_owner_are_no_events() -> None:
    read = Decision("kim", "", "1", request=7, versions={7: 3})
    known = facts(request(7, chain=RUNNING))
    assert RUNNING == chain_of(follow(read, known, rules(Event.READ, "stop"), NOW), RUNNING)
    automatic = (Assign(7, "omar", "kim", ""),)
    given = Decision("timer", "", "1", request=7, effects=automatic, versions={7: 3})
    told = rules(Event.OWNER_CHANGED, "restart")
    assert RUNNING == chain_of(follow(given, known, told, NOW), RUNNING)


def test_several_events_act_in_their_order() -> None:
    """A customer's message restarts, and the answer of the same decision stops what has begun."""
    on = {one.value: "none" for one in Event} | {"customer-wrote": "restart", "replied": "stop"}
    medium = Priority("medium", 2, "always", default=True, on=on, levels=LEVELS)
    both = (*DEEDS[Event.REPLIED][0], *DEEDS[Event.CUSTOMER_WROTE][0])
    decision = Decision("timer", "", "1", request=7, effects=both, versions={7: 3})
    known = facts(request(7, chain=RUNNING))
    after = chain_of(follow(decision, known, policy(priorities={"medium": medium}), NOW), RUNNING)
    assert Chain(ChainState.STOPPED, 0, None, 3600) == after


def test_what_is_closed_already_starts_no_chain() -> None:
    for event in (Event.CUSTOMER_WROTE, Event.PRIORITY_CHANGED, Event.READ):
        effects, _ = DEEDS[event]
        known = facts(request(7, chain=STOPPED, phase=Phase.CLOSED, status="closed"))
        decision = Decision("omar", "", "1", request=7, effects=effects, versions={7: 3})
        assert STOPPED == chain_of(follow(decision, known, rules(event, "restart"), NOW), STOPPED)


# ---- levels and clocks of a chain

OFFICE = Calendar("office", "UTC", (((time(9), time(17)),),) * 5 + ((),) * 2)
FRIDAY = datetime(2026, 11, 20, 16, 0, tzinfo=UTC)


def office(**changes: Any) -> tuple[Priority, Policy]:
    plain = Priority("medium", 2, "office", default=True, levels=(Level(1, Span(7200)),))
    priority = replace(plain, **changes)
    return priority, policy(priorities={"medium": priority}, calendars={"office": OFFICE})


@pytest.mark.parametrize(
    ("clock", "due_at"),
    [
        ("calendar", datetime(2026, 11, 23, 10, 0, tzinfo=UTC)),
        ("always", datetime(2026, 11, 20, 18, 0, tzinfo=UTC)),
    ],
)
def test_the_chains_clock_stands_still_outside_hours_or_not(clock: str, due_at: datetime) -> None:
    assert due_at == start(Chain(), FRIDAY, *office(clock=clock)).due_at


def test_stopped_on_friday_and_continued_on_sunday_it_goes_on_on_monday() -> None:
    priority, rules_of = office(on={"activated": "continue"})
    stopped = stop(start(Chain(), FRIDAY, priority, rules_of), priority, rules_of, FRIDAY)
    assert 7200 == stopped.remaining
    sunday = FRIDAY + timedelta(days=2)
    after = react(stopped, Event.ACTIVATED, priority, rules_of, sunday)
    assert datetime(2026, 11, 23, 11, 0, tzinfo=UTC) == after.due_at


def test_a_level_counts_from_the_nominal_moment_of_the_one_before() -> None:
    told = rules(Event.NEW, "restart")
    after = after_level(NOW, LEVELS[0], told.priorities["medium"], told)
    assert (1, NOW + 30 * MINUTE) == (after.level, after.due_at)
    assert Chain(ChainState.NONE, 2) == after_level(NOW, LEVELS[1], told.priorities["medium"], told)


@pytest.mark.parametrize("reaction", ["none", "stop"])
def test_a_last_level_that_raises_leaves_no_chain_that_seems_to_run(reaction: str) -> None:
    raised = rules(Event.PRIORITY_CHANGED, reaction).priorities["high"]
    last = replace(LEVELS[1], priority="high")
    medium = Priority("medium", 2, "always", default=True, levels=(LEVELS[0], last))
    told = policy(priorities={"medium": medium, "high": raised})
    after, priority = reached(last, NOW, medium, told)
    assert (ChainState.NONE, 2, raised) == (after.state, after.level, priority)
