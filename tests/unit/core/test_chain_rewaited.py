"""A chain under other rules: the level stays, the wait counts anew; under the same ones nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.core.builders import NOW
from tests.unit.core.builders import policy as office

from postroom.core.chains import (
    Chain,
    ChainState,
    Event,
    next_level,
    reached,
    react,
    rewaited,
    start,
)
from postroom.core.model import Level, Policy, Priority, Span

HOUR = timedelta(hours=1)
RUNNING = ChainState.RUNNING
LEVELS = (Level(1, Span(3600)), Level(2, Span(1800), priority="high"), Level(3, Span(days=1)))
REACTIONS = st.sampled_from(["none", "stop", "continue", "restart"])


def priorities(on: dict[str, str], afters: tuple[int, ...] = (3600, 1800)) -> Policy:
    levels = tuple(replace(one, after=Span(n)) for one, n in zip(LEVELS, afters, strict=False))
    medium = Priority("medium", 1, "always", default=True, on=on, levels=(*levels, LEVELS[2]))
    high = replace(medium, name="high", default=False, levels=LEVELS[:1])
    return office(priorities={one.name: one for one in (medium, high)})


@given(
    on=st.fixed_dictionaries({event.value: REACTIONS for event in Event}),
    steps=st.lists(st.tuples(st.sampled_from(list(Event)), st.integers(0, 5000)), max_size=12),
)
def test_under_the_same_rules_a_chain_is_the_same(
    on: dict[str, str], steps: list[tuple[Event, int]]
) -> None:
    policy, now = priorities(on), NOW
    priority = policy.priorities["medium"]
    chain = start(Chain(), now, priority, policy)
    for event, seconds in steps:
        now += timedelta(seconds=seconds)
        while chain.state is RUNNING and chain.due_at is not None and chain.due_at <= now:
            level = next_level(priority, chain.level)
            if level is None:
                chain = Chain(ChainState.NONE, chain.level)
            else:
                chain, priority = reached(level, chain.due_at, priority, policy)
        if event is Event.PRIORITY_CHANGED:
            priority = policy.priorities["high" if priority.name == "medium" else "medium"]
        chain = react(chain, event, priority, policy, now)
        assert chain == rewaited(chain, priority, policy, now)


@pytest.mark.parametrize(
    ("afters", "minutes", "due"),
    [
        ((7200, 1800), 10, timedelta(hours=2)),  # from its beginning
        ((1200, 1800), 10, timedelta(minutes=20)),
        ((1200, 1800), 50, timedelta(minutes=50)),  # would have been due: now
        ((3600, 9000), 10, HOUR),  # only the level after it is another one
    ],
)
def test_a_wait_counts_as_if_the_rules_had_always_been_so(
    afters: tuple[int, int], minutes: int, due: timedelta
) -> None:
    old, new = priorities({}), priorities({}, afters)
    chain = start(Chain(), NOW, old.priorities["medium"], old)
    after = rewaited(chain, new.priorities["medium"], new, NOW + timedelta(minutes=minutes))
    assert Chain(RUNNING, 0, NOW + due, since=NOW) == after
    # Done twice, or later, it is the same.
    assert after == rewaited(after, new.priorities["medium"], new, NOW + timedelta(minutes=55))


def test_a_wait_whose_beginning_nobody_knows_keeps_its_moment() -> None:
    policy = priorities({}, (60, 60))
    chain = Chain(RUNNING, 1, NOW + HOUR)
    assert chain == rewaited(chain, policy.priorities["medium"], policy, NOW)
    ending = replace(chain, level=3, since=NOW)
    assert Chain(ChainState.NONE, 3) == rewaited(ending, policy.priorities["medium"], policy, NOW)


@pytest.mark.parametrize("chain", [Chain(), Chain(ChainState.STOPPED, 1, None, 90)])
def test_a_chain_that_does_not_run_stays_as_it_is(chain: Chain) -> None:
    policy = priorities({}, (60, 60))
    assert chain == rewaited(chain, policy.priorities["medium"], policy, NOW)
