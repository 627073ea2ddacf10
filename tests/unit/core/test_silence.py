"""The automatic close as a function of the history: when it is, and what it becomes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.unit.core.builders import (
    FIXED,
    INQUIRY,
    NOW,
    REQUEST,
    category,
    facts,
    policy,
    request,
    site,
)

from postroom.core import timers
from postroom.core.clocks import Moment, Timing
from postroom.core.effects import (
    Decision,
    EndTimer,
    QueueMail,
    RunHook,
    SetClocks,
    SetProperty,
    SetStatus,
)
from postroom.core.explanation import explain_request
from postroom.core.facts import Background, RequestFact
from postroom.core.model import Counts, Phase, Policy, Status, Transition
from postroom.core.silence import silence_of, way_to_close
from postroom.core.timing import follow, timing_of
from postroom.core.told import State

DAY = timedelta(days=1)
WAITING = Status("waiting", Phase.ACTIVE, counts=Counts.EXTERNAL)
ASLEEP = Status("asleep", Phase.POSTPONED, counts=Counts.EXTERNAL)
FREE = replace(REQUEST, statuses={**REQUEST.statuses, "waiting": WAITING, "asleep": ASLEEP})
GIVE_UP = Transition("give-up", ("waiting",), "canceled", by=("system",))
CANCELED = Status("canceled", Phase.CLOSED)
BOUND = replace(
    INQUIRY,
    statuses={**INQUIRY.statuses, "waiting": WAITING, "canceled": CANCELED},
    transitions=(*INQUIRY.transitions, GIVE_UP),
)
BECAUSE = "the customer was silent for 14d (close_after of support)"


def rules(*transitions: Transition, **changes: Any) -> Policy:
    """Support closes after 14 days; `transitions` are those of the workflow that is not free."""
    bound = replace(BOUND, transitions=transitions) if transitions else BOUND
    known = (category(close_after=14 * DAY), category("patient", close_after=30 * DAY))
    flows = {"request": FREE, "inquiry": bound}
    return policy(categories=(*known, category("endless")), workflows=flows, **changes)


def history(*told: tuple[float, str, str]) -> tuple[Moment, ...]:
    """Moments by their day; the request is opened on day 0."""
    rest = (Moment(NOW + day * DAY, kind, to) for day, kind, to in told)
    return (Moment(NOW, "opened", "open"), Moment(NOW, "message", "in, public"), *rest)


def waiting(*told: tuple[float, str, str], **changes: Any) -> RequestFact:
    """A request that has waited for its customer since day 1."""
    moments = history((1, "status", "waiting"), *told)
    return request(**{"status": "waiting", "moments": moments, **changes})


def closes(about: RequestFact, known: Policy | None = None) -> float | None:
    """Return the day on which a request closes by itself."""
    at = timing_of(about, known or rules()).closes_at
    return (at - NOW) / DAY if at is not None else None


@pytest.mark.parametrize(
    ("day", "told"),
    [
        (15, ()),
        # Who wrote and was not answered is not silent.
        (None, ((3, "message", "in, public"),)),
        (None, ((3, "message", "out, public"), (4, "message", "in, public"))),
        (18, ((4, "message", "out, public"),)),
        (18, ((3, "message", "in, public"), (4, "message", "out, public"))),
        # What a machine wrote, and what is said inside, is no word of the customer's.
        (15, ((3, "message", "in, public, auto-reply"), (4, "message", "note, internal"))),
        (15, ((5, "missed", "deadline since 2026-11-20T12:00:00Z"),)),
        # Leaving the status ends it, coming back starts it anew.
        (None, ((3, "status", "open"),)),
        (19, ((3, "status", "open"), (5, "status", "waiting"))),
        (None, ((3, "status", "closed"),)),
        (None, ((3, "status", "asleep"),)),
        (None, ((3, "status", "gone"),)),
    ],
)
def test_the_silence_begins_with_the_last_of_what_happened(
    day: float | None, told: tuple[tuple[float, str, str], ...]
) -> None:
    assert day == closes(waiting(*told))


@pytest.mark.parametrize(
    ("day", "about"),
    [
        (31, waiting(category="patient")),
        (None, waiting(category="endless")),
        (None, waiting(category="gone")),
        (15, waiting(type="claim")),
        (15, waiting(type="gone")),  # follows the default type's workflow
        (None, request()),
        (None, request(moments=(Moment(NOW, "status", "waiting"),))),
    ],
)
def test_category_and_workflow_say_whether_it_closes(day: float | None, about: RequestFact) -> None:
    assert day == closes(about)


@pytest.mark.parametrize(
    ("to", "transition"),
    [
        ("canceled", GIVE_UP),
        ("approved", replace(GIVE_UP, to="approved")),
        ("canceled", replace(GIVE_UP, requires=("reason",))),
        (None, replace(GIVE_UP, requires=("order",))),
        (None, replace(GIVE_UP, by=("handler", "customer"))),
        (None, replace(GIVE_UP, sources=("pending",))),
        (None, replace(GIVE_UP, to="in-review")),
        (None, replace(GIVE_UP, to="deleted")),
    ],
)
def test_a_workflow_that_is_not_free_needs_a_transition_by_the_system(
    to: str | None, transition: Transition
) -> None:
    way = way_to_close(replace(BOUND, transitions=(transition,)), "waiting")
    assert to == (way.to.name if way is not None else None)


def test_the_first_closed_status_that_can_be_reached_is_taken() -> None:
    ways = (GIVE_UP, replace(GIVE_UP, name="reject", to="rejected"))
    way = way_to_close(replace(BOUND, transitions=ways), "waiting")
    assert way is not None
    assert ("rejected", "reject") == (way.to.name, way.transition and way.transition.name)
    free = way_to_close(FREE, "waiting")
    assert free is not None
    assert ("closed", None) == (free.to.name, free.transition)
    without = replace(FREE, statuses={one.name: one for one in (WAITING, *FIXED)})
    assert way_to_close(without, "waiting") is None


def test_another_category_or_type_moves_the_close_at_once() -> None:
    about = replace(waiting(), timing=Timing(closes_at=NOW + 15 * DAY))
    moved = follow(_change(about, "category", "patient"), facts(about), rules(), NOW)
    assert NOW + 31 * DAY == _timing(moved).closes_at
    ended = follow(_change(about, "category", "endless"), facts(about), rules(), NOW)
    assert _timing(ended).closes_at is None
    bound = rules(replace(GIVE_UP, by=("handler",)))
    ended = follow(_change(about, "type", "claim"), facts(about), bound, NOW)
    assert _timing(ended).closes_at is None


def _change(about: RequestFact, name: str, to: str) -> Decision:
    effect = SetProperty(about.id, name, getattr(about, name), to, "by hand")
    return Decision("eva", "by hand", "1", effects=(effect,), request=about.id)


def _timing(decision: Decision) -> Timing:
    return [one for one in decision.effects if isinstance(one, SetClocks)][-1].timing


# ---- when it is due


def due(
    about: RequestFact, known: Policy | None = None, day: float = 15, pending: str | None = None
) -> Decision:
    known = known or rules()
    about = replace(about, timing=timing_of(about, known))
    world = facts(about, background=Background(pending=pending))
    return timers.close(3, about, world, known, site(), NOW + day * DAY)


def test_who_was_silent_so_long_is_closed_and_nobody_is_told() -> None:
    decision = due(waiting())
    closed = SetStatus(7, "waiting", "closed", Phase.CLOSED, BECAUSE)
    assert (EndTimer(3, "due"), closed) == decision.effects[:2]
    assert [] == [one for one in decision.effects if isinstance(one, QueueMail)]
    assert (None, "timer", {7: 3}) == (
        *(_timing(decision).closes_at, decision.actor),
        dict(decision.versions),
    )


@pytest.mark.parametrize(
    ("about", "closes_at"),
    [
        (waiting((3, "message", "out, public")), NOW + 17 * DAY),
        (waiting((3, "message", "in, public")), None),
        (waiting((3, "status", "open")), None),
        (waiting(category="endless"), None),
        (waiting(category="patient"), NOW + 31 * DAY),
    ],
)
def test_what_is_not_due_after_all_is_waited_for_again(
    about: RequestFact, closes_at: object
) -> None:
    decision = due(about)
    assert [EndTimer, SetClocks] == [type(one) for one in decision.effects]
    [clocks] = [one for one in decision.effects if isinstance(one, SetClocks)]
    # As if none had been armed: it is armed anew, also at the moment that it had.
    assert (None, closes_at) == (clocks.was.closes_at, clocks.timing.closes_at)


def test_a_transition_with_a_letter_tells_the_customer_without_inside_words() -> None:
    decision = due(waiting(type="claim"), rules(replace(GIVE_UP, mail="canceled")))
    [letter] = [one for one in decision.effects if isinstance(one, QueueMail)]
    assert ("canceled", ("ann@example.net",), "") == (
        *(letter.template, letter.recipients),
        letter.variables["reason"],
    )
    assert "support" not in letter.because
    [status] = [one for one in decision.effects if isinstance(one, SetStatus)]
    assert ("canceled", BECAUSE) == (status.to, status.because)


def test_a_transition_with_a_hook_waits_for_it_and_asks_it_once() -> None:
    known = rules(replace(GIVE_UP, run="refund"))
    decision = due(waiting(type="claim"), known)
    [hook] = [one for one in decision.effects if isinstance(one, RunHook)]
    assert ("refund", BECAUSE) == (hook.name, hook.because)
    assert hook.transition is not None
    assert ("give-up", "waiting", "canceled", "", "timer") == (
        *(hook.transition.name, hook.transition.from_, hook.transition.to),
        *(hook.transition.reason, hook.transition.actor),
    )
    assert [EndTimer, RunHook] == [type(one) for one in decision.effects]
    again = due(waiting(type="claim"), known, pending="give-up")
    assert [EndTimer, SetClocks] == [type(one) for one in again.effects]
    assert NOW + 15 * DAY + timedelta(hours=1) == _timing(again).closes_at


# ---- told


@pytest.mark.parametrize(
    ("state", "why", "about"),
    [
        (State.RUNNING, "becomes closed, and nobody is told", waiting()),
        (State.RUNNING, "becomes canceled by give-up, and nobody is told", waiting(type="claim")),
        (State.OFF, "category endless has no close_after", waiting(category="endless")),
        (State.OFF, "open: it is not the customer's turn", request(moments=history())),
        (State.OFF, "the customer waits for an answer", waiting((2, "message", "in, public"))),
        (State.OFF, "closed: it is over", request(status="closed", phase=Phase.CLOSED)),
        (State.OFF, "its history does not say since when it is as it is", request()),
    ],
)
def test_explain_says_when_and_why(state: State, why: str, about: RequestFact) -> None:
    said = explain_request(about, (), {}, rules(), NOW + 3 * DAY)
    told = said.clocks[-1]
    assert ("close_after", state, why) == (told.name, told.state, told.why)
    if state is State.RUNNING:
        assert ("14d", 2 * 86_400) == (told.within, told.passed)
        [piece] = told.segments
        assert (NOW + DAY, NOW + 15 * DAY) == (piece.since, piece.until)
        assert [(NOW + 15 * DAY, "closed", "waiting", why)] == [
            (one.at, one.what, one.of, one.does) for one in said.ahead
        ]


def test_a_status_without_a_way_out_is_explained() -> None:
    bound = rules(replace(GIVE_UP, by=("handler",)))
    assert silence_of(waiting().moments, "support", "claim", bound) is None
    told = explain_request(waiting(type="claim"), (), {}, bound, NOW).clocks[-1]
    assert 'from waiting no transition by "system" leads to a closed status by itself' == told.why
