"""How long a request took, and whose time it was: pure functions of its history.

Rows 7, 15-17. Each length is measured in the calendar of the priority and round the clock. Nothing
is added up on the way, so another priority or calendar changes the past as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from postroom.core.clocks import Moment, stays_of, story_of
from postroom.core.model import Calendar, Counts, Phase, Policy, Status
from postroom.core.worktime import elapsed


@dataclass(frozen=True, slots=True)
class Spent:
    """A length of time, in whole seconds: while the calendar was open, and round the clock."""

    calendar: int
    clock: int


@dataclass(frozen=True, slots=True)
class Times:
    """What a request took.

    `queue`, `internal`, `external`: in statuses that count as such, the one it is in excluded.
    `reply`: from its creation to the first public answer; `close`: to `closed_at`. None: not yet.
    """

    queue: Spent
    internal: Spent
    external: Spent
    reply: Spent | None
    close: Spent | None


def times_of(
    moments: Sequence[Moment], priority: str, type_name: str, policy: Policy
) -> Times | None:
    """Account for a request's time; None when it has no history."""
    story = story_of(moments, priority, type_name, policy)
    if story is None:
        return None
    stays = stays_of(moments)
    pieces: dict[Counts, list[tuple[datetime, datetime]]] = {counts: [] for counts in Counts}
    for stay in stays:
        status = _status(stay.status, type_name, policy)
        if status is not None and stay.until is not None:
            pieces[status.counts].append((stay.since, stay.until))
    *_, last = stays
    now_in = _status(last.status, type_name, policy)
    is_closed = now_in is not None and now_in.phase is Phase.CLOSED
    created, calendar = story.created_at, story.calendar
    return Times(
        queue=_spent(pieces[Counts.QUEUE], calendar),
        internal=_spent(pieces[Counts.INTERNAL], calendar),
        external=_spent(pieces[Counts.EXTERNAL], calendar),
        reply=_between(created, _replied_at(moments), calendar),
        close=_between(created, last.since if is_closed else None, calendar),
    )


def _status(name: str, type_name: str, policy: Policy) -> Status | None:
    """Return a status; one of before the type was changed is known to another workflow only."""
    workflows = (policy.workflow_of(type_name), *policy.workflows.values())
    return next((flow.statuses[name] for flow in workflows if name in flow.statuses), None)


def _replied_at(moments: Iterable[Moment]) -> datetime | None:
    answers = (one.at for one in moments if (one.kind, one.to) == ("message", "out, public"))
    return next(answers, None)


def _between(since: datetime, until: datetime | None, calendar: Calendar) -> Spent | None:
    return _spent([(since, until)], calendar) if until is not None else None


def _spent(pieces: Iterable[tuple[datetime, datetime]], calendar: Calendar) -> Spent:
    within = passed = timedelta(0)
    for since, until in pieces:
        within += elapsed(since, until, calendar)
        passed += max(until - since, timedelta(0))
    return Spent(int(within.total_seconds()), int(passed.total_seconds()))
