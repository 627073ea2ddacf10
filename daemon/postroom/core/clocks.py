"""The three clocks of a request: first reply, next reply, deadline. A pure function of its history.

POLICY, priorities.toml; rows 40, 81; pains 75-81. Nothing is added up on the way: after a change of
priority, calendar, category or workflow the clocks are simply asked again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from postroom.core.model import Calendar, Counts, Notice, Phase, Policy, Priority, Span, Workflow
from postroom.core.worktime import due_with_pauses, elapsed_with_pauses

IMPORTED = ", imported"  # after what the history says of a message
ASKED = "in, public"


class ClockName(StrEnum):
    """The clocks, as the keys of a priority call them."""

    FIRST_REPLY = "first_reply"
    NEXT_REPLY = "next_reply"
    DEADLINE = "deadline"


@dataclass(frozen=True, slots=True)
class Moment:
    """One row of a request's history, as far as clocks look at it."""

    at: datetime
    kind: str  # opened, status, message, missed, warned …
    to: str  # a status; "in, public" of a message; what was missed or warned of


@dataclass(frozen=True, slots=True)
class Stay:
    """How long a request was in a status; `until` None: it still is."""

    status: str
    since: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Pause:
    """A stretch of time that does not count, and why."""

    since: datetime
    until: datetime | None
    why: str


@dataclass(frozen=True, slots=True)
class Clock:
    """One clock that runs: since when, for how long, and when it is over (None: not in sight)."""

    name: ClockName
    since: datetime
    within: Span
    due_at: datetime | None


@dataclass(frozen=True, slots=True)
class Timing:
    """When the clocks of a request end (None: they do not run), and what comes first of it all."""

    first_reply: datetime | None = None
    next_reply: datetime | None = None
    deadline: datetime | None = None
    due_at: datetime | None = None  # the next miss or warning that is still to be done
    closes_at: datetime | None = None  # by itself: the customer is silent


@dataclass(frozen=True, slots=True)
class Story:
    """What clocks know of a request: its history, and what of the policy applies to it now."""

    moments: Sequence[Moment]
    priority: Priority
    calendar: Calendar
    workflow: Workflow

    @property
    def created_at(self) -> datetime:
        """When it was opened."""
        return self.moments[0].at


def story_of(
    moments: Sequence[Moment], priority: str, type_name: str, policy: Policy
) -> Story | None:
    """Return what the clocks of a request look at; None when it has no history to look at."""
    known = policy.priority_of(priority)
    calendar = policy.calendars[known.calendar]
    workflow = policy.workflow_of(type_name)
    told = _begun(moments)
    is_known = bool(told) and told[0].kind == "opened"
    return Story(told, known, calendar, workflow) if is_known else None


def _begun(moments: Sequence[Moment]) -> Sequence[Moment]:
    """Leave out what was imported: the time of such a request begins with the next word of its
    customer, as if that had opened it."""
    messages = [(index, one) for index, one in enumerate(moments) if one.kind == "message"]
    if not messages or not messages[0][1].to.endswith(IMPORTED):
        return moments
    first = next((index for index, one in messages if one.to == ASKED), None)
    if first is None:
        return ()
    status = [one.to for one in moments[:first] if one.kind in ("opened", "status")][-1]
    return (Moment(moments[first].at, "opened", status), *moments[first:])


def clocks_of(story: Story) -> list[Clock]:
    """Return the clocks that run now. A closed request has none."""
    *_, last = stays_of(story.moments)
    if _phase(story, last.status) in _OVER:
        return []
    return list(_running(story))


def _running(story: Story) -> Iterator[Clock]:
    priority, created = story.priority, story.created_at
    asked, replied = _conversation(story.moments)
    if priority.first_reply is not None and replied is None:
        yield _clock(story, ClockName.FIRST_REPLY, created, priority.first_reply)
    if priority.next_reply is not None and asked is not None:
        yield _clock(story, ClockName.NEXT_REPLY, asked, priority.next_reply)
    if priority.deadline is not None:
        yield _clock(story, ClockName.DEADLINE, created, priority.deadline)


def _clock(story: Story, name: ClockName, since: datetime, within: Span) -> Clock:
    spans = [(pause.since, pause.until) for pause in pauses_of(story)]
    due_at = due_with_pauses(since, within, story.calendar, spans)
    return Clock(name, since, within, due_at)


def warned_at(story: Story, clock: Clock, warning: Notice) -> datetime | None:
    """Return when a warning before or after a clock's end is due."""
    spans = [(pause.since, pause.until) for pause in pauses_of(story)]
    if clock.due_at is None:
        return None
    if warning.after is not None:
        return due_with_pauses(clock.due_at, warning.after, story.calendar, spans)
    whole = elapsed_with_pauses(clock.since, clock.due_at, story.calendar, spans)
    before = _length(clock.due_at, warning.before or Span(), story.calendar)
    left = max(whole - before, timedelta(0))
    seconds = Span(seconds=int(left.total_seconds()))
    return due_with_pauses(clock.since, seconds, story.calendar, spans)


def _length(end: datetime, span: Span, calendar: Calendar) -> timedelta:
    """Return a span as working time; working days are those just before `end`."""
    if not span.days:
        return timedelta(seconds=span.seconds)
    start = end - timedelta(days=1)
    while (ends := due_with_pauses(start, span, calendar, ())) is not None and ends > end:
        start -= timedelta(days=1)
        if end - start > timedelta(days=400):
            break
    return elapsed_with_pauses(start, end, calendar, ())


# ---- the history, read


def stays_of(moments: Sequence[Moment]) -> list[Stay]:
    """Return the statuses that a request went through, with their times."""
    changes = [one for one in moments if one.kind in ("opened", "status")]
    ends = [*(one.at for one in changes[1:]), None]
    return [Stay(one.to, one.at, end) for one, end in zip(changes, ends, strict=True)]


def pauses_of(story: Story) -> list[Pause]:
    """Return the stretches in which the clocks stood still, and why."""
    found = []
    for stay in stays_of(story.moments):
        why = _why_paused(story, stay.status)
        if why and stay.until != stay.since:
            found.append(Pause(stay.since, stay.until, why))
    return found


_OVER = frozenset({Phase.CLOSED, Phase.DELETED, Phase.MERGED})


def _phase(story: Story, status: str) -> Phase | None:
    known = story.workflow.statuses.get(status)
    return known.phase if known is not None else None


def _why_paused(story: Story, status: str) -> str:
    """Say why the clocks stand still in a status; "" when they run."""
    known = story.workflow.statuses.get(status)
    if known is None:
        return ""
    if known.counts is Counts.EXTERNAL:
        return f"{status}: it is the customer's turn"
    # Whoever reopens a request must not find it overdue for the time that it was closed.
    return f"{status}: it was closed" if known.phase in _OVER else ""


def _conversation(moments: Sequence[Moment]) -> tuple[datetime | None, datetime | None]:
    """Return since when a customer's message waits, and when the first public answer went out.

    The message that opened the request waits for its first reply, by the clock of that name.
    """
    asked = replied = None
    is_first = True
    for one in moments:
        if one.kind != "message":
            continue
        if one.to == ASKED:
            asked = one.at if asked is None and not is_first else asked
            is_first = False
        elif one.to == "out, public":
            asked, replied = None, replied or one.at
    return asked, replied
