"""What `policy explain` says: pieces of time up to what is due, and why all is what it is."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import Any

import pytest
from tests.unit.core.builders import ALWAYS, NOW, closed, policy, request

from postroom.core.chains import Chain, ChainState
from postroom.core.clocks import Moment
from postroom.core.explanation import FIRST, LAST, explain_request
from postroom.core.facts import ChangeFact, RequestFact
from postroom.core.model import (
    Calendar,
    Counts,
    Level,
    Notice,
    Phase,
    Policy,
    Priority,
    Span,
    Status,
    Workflow,
)
from postroom.core.told import Explanation, Kind, State, ToldClock

HOUR = timedelta(hours=1)
# NOW is a Friday, 12:00.
OFFICE = Calendar("office", "UTC", (*(((time(8), time(14)),),) * 5, (), ()))
NEVER = Calendar("never", "UTC", ((),) * 7)
FLOW = Workflow(
    "request",
    "open",
    {
        "open": Status("open", Phase.ACTIVE, counts=Counts.QUEUE),
        "waiting": Status("waiting", Phase.ACTIVE, counts=Counts.EXTERNAL),
        "closed": Status("closed", Phase.CLOSED),
    },
    free=True,
)
LEVELS = (
    Level(1, Span(3600), notify=("owner",)),
    Level(2, Span(1800), assign="eva", priority="urgent", run="page"),
)
MEDIUM = Priority(
    "medium",
    2,
    "office",
    default=True,
    first_reply=Span(4 * 3600),
    next_reply=Span(3600),
    levels=LEVELS,
    warnings=(Notice("first_reply", before=Span(1800), notify=("owner",)),),
)
URGENT = Priority(
    "urgent", 1, "always", on={"priority-changed": "continue"}, levels=(Level(3, Span(600)),)
)
OPENED = Moment(NOW, "opened", "open")


def rules(priority: Priority = MEDIUM) -> Policy:
    return policy(
        calendars={"always": ALWAYS, "office": OFFICE, "never": NEVER},
        priorities={"medium": priority, "urgent": URGENT},
        workflows={"request": FLOW},
        types={"general": policy().types["general"]},
    )


def explain(
    about: RequestFact,
    history: tuple[ChangeFact, ...] = (),
    opening: dict[str, Any] | None = None,
    priority: Priority = MEDIUM,
    now: datetime = NOW,
) -> Explanation:
    return explain_request(about, history, opening or {}, rules(priority), now)


def asked(*moments: Moment, **changes: Any) -> RequestFact:
    return request(moments=(OPENED, *moments), **changes)


def status(hours: float, to: str) -> Moment:
    return Moment(NOW + hours * HOUR, "status", to)


def clock(said: Explanation, name: str = "first_reply") -> ToldClock:
    return next(one for one in said.clocks if one.name == name)


def pieces(told: ToldClock) -> list[tuple[float, float | None, str, str]]:
    return [
        (
            (one.since - NOW) / HOUR,
            (one.until - NOW) / HOUR if one.until is not None else None,
            one.kind.value,
            one.why,
        )
        for one in told.segments
    ]


# ---- clocks


def test_a_clock_is_told_in_pieces_without_gaps_up_to_what_is_due() -> None:
    told = clock(explain(asked(status(1, "waiting"), status(1.5, "open")), now=NOW + 0.5 * HOUR))
    assert [
        (0, 1, "counted", ""),
        (1, 1.5, "paused", "waiting: it is the customer's turn"),
        (1.5, 2, "counted", ""),
        (2, 12, "closed", "closed hours"),
        (12, 36, "closed", "Saturday"),
        (36, 60, "closed", "Sunday"),
        (60, 68, "closed", "closed hours"),
        (68, 70.5, "counted", ""),
    ] == pieces(told)
    assert (State.RUNNING, "4h", 1800) == (told.state, told.within, told.passed)
    assert NOW + 70.5 * HOUR == told.due_at
    counted = ((one.until or NOW) - one.since for one in told.segments if one.kind is Kind.COUNTED)
    assert 4 * HOUR == sum(counted, timedelta(0))


@pytest.mark.parametrize(
    ("state", "why", "name", "about", "priority", "later"),
    [
        (State.OFF, "priority medium has no deadline", "deadline", asked(), MEDIUM, 0),
        (State.OFF, "no further message", "next_reply", asked(), MEDIUM, 0),
        (
            State.OFF,
            "answered at 2026-11-20T12:00:00Z",
            "first_reply",
            asked(Moment(NOW, "message", "out, public"), replied_at=NOW),
            MEDIUM,
            0,
        ),
        (State.MISSED, "its time is over", "first_reply", asked(), MEDIUM, 90),
        (
            State.PAUSED,
            "waiting: it is the customer's turn",
            "first_reply",
            asked(status(1, "waiting"), status="waiting"),
            MEDIUM,
            2,
        ),
        (
            State.STOPPED,
            "does not open for so long",
            "first_reply",
            asked(),
            replace(MEDIUM, calendar="never"),
            2,
        ),
        (
            State.STOPPED,
            "closed: it is over",
            "first_reply",
            closed(moments=(OPENED, status(1, "closed"))),
            MEDIUM,
            2,
        ),
    ],
)
def test_a_clock_says_why_it_does_not_run(
    state: State, why: str, name: str, about: RequestFact, priority: Priority, later: int
) -> None:
    told = clock(explain(about, priority=priority, now=NOW + later * HOUR), name)
    assert state is told.state
    assert why in told.why


def test_a_pause_that_lasts_is_the_last_piece_and_has_no_end() -> None:
    about = asked(status(1, "waiting"), status="waiting")
    told = clock(explain(about, now=NOW + 5 * HOUR))
    why = "waiting: it is the customer's turn"
    assert [(0, 1, "counted", ""), (1, None, "paused", why)] == pieces(told)
    assert (None, 3600) == (told.due_at, told.passed)


def test_of_a_long_time_the_first_and_the_last_pieces_are_told() -> None:
    long = replace(MEDIUM, first_reply=Span(6 * 3600 * 200))
    told = clock(explain(asked(), priority=long))
    assert FIRST + 1 + LAST == len(told.segments)
    gap = told.segments[FIRST]
    assert Kind.LEFT_OUT is gap.kind
    assert gap.why.endswith(" more pieces")
    for before, after in zip(told.segments, told.segments[1:], strict=False):
        assert before.until == after.since
    assert told.due_at == told.segments[-1].until


# ---- the chain and what is to come


def test_levels_to_come_are_nominal_and_follow_a_raised_priority() -> None:
    chain = Chain(ChainState.RUNNING, 0, NOW + HOUR)
    said = explain(asked(chain=chain))
    assert [
        (1, "level", "1", "tells owner"),
        (
            1.5,
            "level",
            "2",
            "hands it to eva; runs page; makes it urgent, by which clocks then count",
        ),
        (1.5 + 1 / 6, "level", "3", "is written to the history"),
        (69.5, "warning", "first_reply", "30m before: tells owner"),
        (70, "missed", "first_reply", "is written to the history"),
    ] == [((one.at - NOW) / HOUR, one.what, one.of, one.does) for one in said.ahead]
    assert (State.RUNNING, 0, 1, "office") == (
        *(said.chain.state, said.chain.level, said.chain.next_level),
        said.chain.clock,
    )
    assert [NOW + HOUR] == [one.until for one in said.chain.segments]


@pytest.mark.parametrize(
    ("state", "why", "chain", "priority"),
    [
        (State.STOPPED, "stopped by: replied", Chain(ChainState.STOPPED, 1, None, 90), MEDIUM),
        (State.OFF, "level 2 was the last", Chain(ChainState.NONE, 2), MEDIUM),
        (State.OFF, "nothing has started it", Chain(), MEDIUM),
        (State.OFF, "has no levels", Chain(), replace(MEDIUM, levels=())),
    ],
)
def test_a_chain_says_why_it_does_not_run(
    state: State, why: str, chain: Chain, priority: Priority
) -> None:
    history = (ChangeFact(NOW, "eva", "chain", "", "", "replied"),)
    told = explain(asked(chain=chain), history, priority=priority).chain
    assert state is told.state
    assert why in told.why
    assert chain.remaining == told.remaining
    assert not told.segments


def test_a_postponed_request_says_when_it_wakes() -> None:
    about = asked(postponed_until=NOW + HOUR, status="postponed", phase=Phase.POSTPONED)
    assert "activated" == explain(about).ahead[0].what


# ---- properties


OPENING = {
    "properties": {"priority": "the default", "status": "initial of support", "type": "mailbox"},
    "owner_reason": "round robin",
    "passed_over": {"kim": "away"},
}


def test_properties_say_who_made_them_so_and_why() -> None:
    later = NOW + HOUR
    history = (
        ChangeFact(NOW, "ann@example.net", "opened", None, "open", "a new matter"),
        ChangeFact(NOW, "ann@example.net", "owner", None, "omar", "rule vip"),
        ChangeFact(later, "eva", "category", "sales", "support", "by hand, eva"),
        ChangeFact(later + HOUR, "timer", "category", "x", "support", "level 1"),
    )
    said = explain(asked(), history, OPENING).properties
    assert [
        ("owner", "omar", NOW, "ann@example.net", "rule vip (passed over: kim: away)"),
        ("category", "support", later + HOUR, "timer", "level 1"),
        ("priority", "medium", NOW, "ann@example.net", "the default"),
        ("status", "open", NOW, "ann@example.net", "initial of support"),
        ("type", "general", NOW, "ann@example.net", "mailbox"),
    ] == [(one.name, one.value, one.at, one.by, one.because) for one in said]


def test_an_owner_who_never_was_has_the_reason_of_the_opening() -> None:
    owner = explain(asked(owner=None), (), {"owner_reason": "nobody is there"}).properties[0]
    assert (None, "nobody is there") == (owner.value, owner.because)
    assert "so it was opened" == explain(asked()).properties[0].because


def test_what_the_policy_has_no_more_is_said() -> None:
    about = asked(priority="gone", type="old", category="lost")
    said = explain(about)
    assert ["priority gone", "type old", "category lost"] == [
        one.removeprefix("the policy has no ").partition(" any more")[0] for one in said.notes
    ]
    assert "4h" == clock(said).within


def test_a_request_without_history_is_explained_all_the_same() -> None:
    said = explain(request())
    assert [State.OFF] * 4 == [one.state for one in said.clocks]
    assert () == said.ahead
