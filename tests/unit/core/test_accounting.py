"""How long a request took, and whose time it was."""

from __future__ import annotations

from dataclasses import replace
from datetime import time, timedelta

import pytest
from tests.unit.core.builders import ALWAYS, NOW, policy

from postroom.core.accounting import Spent, Times, times_of
from postroom.core.clocks import Moment
from postroom.core.model import Calendar, Counts, Phase, Policy, Priority, Status, Workflow

HOUR = timedelta(hours=1)
# NOW is a Friday, 12:00; the office is open until 14:00, and from 8 to 14 on other days.
OFFICE = Calendar("office", "UTC", (*(((time(8), time(14)),),) * 5, (), ()))
FLOW = Workflow(
    "request",
    "open",
    {
        one.name: one
        for one in (
            Status("open", Phase.ACTIVE, counts=Counts.QUEUE),
            Status("at-work", Phase.ACTIVE, counts=Counts.INTERNAL),
            Status("waiting", Phase.ACTIVE, counts=Counts.EXTERNAL),
            Status("resting", Phase.POSTPONED, counts=Counts.NONE),
            Status("closed", Phase.CLOSED),
            Status("deleted", Phase.DELETED),
        )
    },
    free=True,
)
INQUIRY = Workflow(
    "inquiry", "in-review", {"in-review": Status("in-review", Phase.ACTIVE, counts=Counts.INTERNAL)}
)
NOTHING = Spent(0, 0)


def rules() -> Policy:
    return policy(
        calendars={"always": ALWAYS, "office": OFFICE},
        priorities={"medium": Priority("medium", 1, "office", default=True)},
        workflows={"request": FLOW, "inquiry": INQUIRY},
    )


def opened(status: str = "open") -> Moment:
    return Moment(NOW, "opened", status)


def after(hours: float, to: str, kind: str = "status") -> Moment:
    return Moment(NOW + hours * HOUR, kind, to)


def said(hours: float, what: str) -> Moment:
    return after(hours, what, "message")


def times(*moments: Moment) -> Times:
    found = times_of(moments, "medium", "general", rules())
    assert found is not None
    return found


def hours(calendar: float, clock: float) -> Spent:
    return Spent(int(calendar * 3600), int(clock * 3600))


@pytest.mark.parametrize(
    ("queue", "internal", "external", "moments"),
    [
        # The stay that lasts is excluded until it ends (row 17).
        (NOTHING, NOTHING, NOTHING, [opened()]),
        (hours(1, 1), NOTHING, NOTHING, [opened(), after(1, "at-work")]),
        # Friday 14:00 to Monday 8:00 is no time of the office.
        (hours(2, 68), NOTHING, NOTHING, [opened(), after(68, "at-work")]),
        (
            hours(1.5, 1.5),
            hours(0.5, 0.5),
            hours(0, 65),
            [
                *(opened(), after(0.5, "at-work"), after(1, "open"), after(2, "waiting")),
                after(67, "closed"),
            ],
        ),
        # A counter "none" adds nothing, nor does a status that nobody knows any more.
        (hours(1, 1), NOTHING, NOTHING, [opened(), after(1, "resting"), after(2, "open")]),
        (NOTHING, NOTHING, NOTHING, [opened("of-old"), after(1, "open")]),
        # One of the workflow that the type named before.
        (NOTHING, hours(1, 1), NOTHING, [opened("in-review"), after(1, "open")]),
        # A clock that was set back adds nothing.
        (NOTHING, NOTHING, NOTHING, [opened(), after(-1, "at-work")]),
    ],
)
def test_each_stay_counts_as_its_status_says(
    queue: Spent, internal: Spent, external: Spent, moments: list[Moment]
) -> None:
    found = times(*moments)
    assert (queue, internal, external) == (found.queue, found.internal, found.external)


@pytest.mark.parametrize(
    ("expected", "messages"),
    [
        (None, [said(0, "in, public")]),
        (None, [said(1, "note, internal"), said(2, "in, public")]),
        (None, [said(1, "out, public, auto-reply")]),
        (hours(1, 1), [said(1, "out, public"), said(2, "out, public")]),
        (hours(2, 3), [said(3, "out, public")]),
    ],
)
def test_time_to_reply_is_that_of_the_first_public_answer(
    expected: Spent | None, messages: list[Moment]
) -> None:
    assert expected == times(opened(), *messages).reply


@pytest.mark.parametrize(
    ("expected", "moments"),
    [
        (None, [opened()]),
        (hours(0, 0), [opened("closed")]),
        (hours(2, 24), [opened(), after(24, "closed")]),
        (None, [opened(), after(1, "closed"), after(2, "open")]),
        (
            hours(1.5, 1.5),
            [opened(), after(1, "closed"), after(1.25, "open"), after(1.5, "closed")],
        ),
        (None, [opened(), after(1, "deleted")]),
    ],
)
def test_time_to_close_is_there_while_it_is_closed(
    expected: Spent | None, moments: list[Moment]
) -> None:
    assert expected == times(*moments).close


def test_seconds_are_whole_and_a_request_without_history_has_no_times() -> None:
    odd = Moment(NOW + timedelta(seconds=90, microseconds=999_999), "status", "at-work")
    assert Spent(90, 90) == times(opened(), odd).queue
    assert times_of((), "medium", "general", rules()) is None


def test_another_priority_measures_the_past_anew() -> None:
    rule = rules()
    both = {**rule.priorities, "urgent": Priority("urgent", 1, "always")}
    moments = (opened(), after(24, "at-work"))
    found = times_of(moments, "urgent", "general", replace(rule, priorities=both))
    assert found is not None
    assert hours(24, 24) == found.queue
