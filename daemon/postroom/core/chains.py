"""The escalation chain of a request: where it stands, and what events do to it. Pure values.

POLICY, priorities.toml and the list below it; rows 42-55. Times are nominal: a level counts from
the moment at which the one before it was due, so lateness does not add up.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, time
from enum import StrEnum

from postroom.core.model import Calendar, Level, Policy, Priority, Span
from postroom.core.worktime import due_at, elapsed

_ALWAYS = Calendar("always", "UTC", (((time(0), time(0)),),) * 7)


class Event(StrEnum):
    """What can happen to a request, in the order in which several in one trigger act."""

    READ = "read"  # before all that he does about it
    NEW = "new"
    REOPENED = "reopened"
    PRIORITY_CHANGED = "priority-changed"
    OWNER_CHANGED = "owner-changed"
    CUSTOMER_WROTE = "customer-wrote"
    HANDLER_WROTE = "handler-wrote"
    REPLIED = "replied"
    POSTPONED = "postponed"
    ACTIVATED = "activated"
    CLOSED = "closed"


class ChainState(StrEnum):
    """Whether a chain waits for its next level."""

    NONE = "none"  # no chain, or all its levels are done
    RUNNING = "running"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Chain:
    """Where a chain stands.

    `level` is the last one done, 0 for none. `due_at` is the nominal moment of the next one while
    it runs; `since` the moment from which the wait for it counts (None: nobody knows any more).
    `remaining` are the seconds that were left when it was stopped; while it runs, those that it had
    left at `since` (None: the whole time of the level).
    """

    state: ChainState = ChainState.NONE
    level: int = 0
    due_at: datetime | None = None
    remaining: int | None = None
    since: datetime | None = None

    def __str__(self) -> str:
        """Say it for the history."""
        match self.state:
            case ChainState.RUNNING if self.due_at is not None:
                return f"after level {self.level}, next at {self.due_at:%Y-%m-%dT%H:%M:%SZ}"
            case ChainState.STOPPED:
                return f"after level {self.level}, stopped with {self.remaining} s left"
        return f"after level {self.level}, at its end" if self.level else "none"


def react(chain: Chain, event: Event, priority: Priority, policy: Policy, now: datetime) -> Chain:
    """Return the chain after an event, as the priority (the new one, if it changed) says."""
    match priority.on.get(event.value, "none"):
        case "stop":
            return stop(chain, priority, policy, now)
        case "restart":
            return start(Chain(), now, priority, policy)
        case "continue" if event is Event.PRIORITY_CHANGED:
            return _carried_over(chain, priority, policy, now)
        case "continue":
            return _resume(chain, priority, policy, now)
    if event is Event.PRIORITY_CHANGED:  # the wait is one of the priority before
        return replace(chain, since=None)
    return chain


def stop(chain: Chain, priority: Priority, policy: Policy, now: datetime) -> Chain:
    """Freeze a running chain; what was left of the time to the next level is kept (row 47)."""
    if chain.state is not ChainState.RUNNING or chain.due_at is None:
        return chain
    left = elapsed(now, chain.due_at, clock_of(priority, policy))
    return Chain(ChainState.STOPPED, chain.level, None, int(left.total_seconds()))


def start(chain: Chain, since: datetime, priority: Priority, policy: Policy) -> Chain:
    """Let a chain wait for the level after the one that it has reached, from a nominal moment."""
    following = next_level(priority, chain.level)
    if following is None:
        return Chain(ChainState.NONE, chain.level)
    due = due_at(since, following.after, clock_of(priority, policy))
    # A calendar that does not open for ten years: nothing to wait for.
    if due is None:
        return Chain(ChainState.NONE, chain.level)
    return Chain(ChainState.RUNNING, chain.level, due, since=since)


def rewaited(chain: Chain, priority: Priority, policy: Policy, now: datetime) -> Chain:
    """Return a chain under rules that may have changed; under the same ones it is the same.

    The level reached stays. The wait for the next one counts as if the rules had always been so,
    but what would have been due before now is due now: one change of the rules, one level. A chain
    that does not run stays as it is, and a wait whose beginning is not known keeps its moment.
    """
    if chain.state is not ChainState.RUNNING or chain.due_at is None or chain.since is None:
        return chain
    following = next_level(priority, chain.level)
    if following is None:
        return Chain(ChainState.NONE, chain.level)
    wait = following.after if chain.remaining is None else Span(seconds=chain.remaining)
    due = due_at(chain.since, wait, clock_of(priority, policy))
    if due is None:
        return Chain(ChainState.NONE, chain.level)
    if due <= now and chain.due_at <= now:
        return chain  # about to act, or put to that moment by an earlier change
    return replace(chain, due_at=max(due, now))


def next_level(priority: Priority, reached: int) -> Level | None:
    """Return the first level above the one that was reached."""
    return next((level for level in priority.levels if level.level > reached), None)


def clock_of(priority: Priority, policy: Policy) -> Calendar:
    """Return the calendar by which a chain's time passes."""
    return _ALWAYS if priority.clock == "always" else policy.calendars[priority.calendar]


def _resume(chain: Chain, priority: Priority, policy: Policy, now: datetime) -> Chain:
    """Go on from where a chain was stopped (row 48)."""
    if chain.state is not ChainState.STOPPED or next_level(priority, chain.level) is None:
        return chain
    left = Span(seconds=chain.remaining or 0)
    due = due_at(now, left, clock_of(priority, policy))
    return replace(chain, state=ChainState.RUNNING, due_at=due, since=now)


def _carried_over(chain: Chain, priority: Priority, policy: Policy, now: datetime) -> Chain:
    """Keep the level under another priority, with the full time of the next one (row 54).

    A chain that stands still stays so: who changes the priority does not take an answer back.
    """
    fresh = start(replace(chain, state=ChainState.NONE, remaining=None), now, priority, policy)
    if chain.state is ChainState.STOPPED and fresh.due_at is not None:
        return stop(fresh, priority, policy, now)
    return fresh


def after_level(since: datetime, level: Level, priority: Priority, policy: Policy) -> Chain:
    """Return the chain when a level was done; the next one counts from its nominal moment."""
    done = Chain(ChainState.NONE, level.level)
    return start(done, since, priority, policy)


def reached(
    level: Level, nominal: datetime, priority: Priority, policy: Policy
) -> tuple[Chain, Priority]:
    """Return the chain when a level was done, and the priority that it counts by from then on."""
    chain = after_level(nominal, level, priority, policy)
    raised = policy.priorities.get(level.priority or "", priority)
    if raised.name == priority.name:
        return chain, priority
    return react(chain, Event.PRIORITY_CHANGED, raised, policy, nominal), raised
