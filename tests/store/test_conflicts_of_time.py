"""A timer, or a hook's result, and a mail or a command at the same moment, in both orders.

One desk is stopped between its decision and its transaction, another goes through. What is left
must be what one of the two orders leaves: nobody is told that a request waits which was answered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest
from tests.flow.hooking import hook
from tests.houses import (
    LOUD,
    NOON,
    clock_of,
    mail,
    put_in,
    reply_to,
    row,
    rows,
    send,
    shared_readers,
    sound_house,
)
from tests.store.racing import NO_BRAKES, WatchedDesk, desk_of, meanwhile

from postroom.core.changes import AssignTo, ChangeStatus, Close, Postpone
from postroom.core.hooks import Ending, HookResult, HookRun
from postroom.errors import NotAllowed
from postroom.house import House
from postroom.store import hooks
from postroom.store import schema as t
from postroom.work import ticker

HOUR = timedelta(hours=1)
EVA, KIM = "eva@example.com", "kim@example.com"
PRIORITIES = """
[[priority]]
name = "medium"
default = true
calendar = "always"

  [[priority.level]]
  level = 1
  after = "1h"
  notify = ["owner"]

  [[priority.level]]
  level = 2
  after = "1h"
  notify = ["owner"]
"""
CLOCKED = """
[[priority]]
name = "medium"
default = true
calendar = "always"
first_reply = "1h"

  [[priority.warning]]
  of = "first_reply"
  after = "0m"
  notify = ["owner"]
"""
WORKFLOWS = """
[[workflow]]
name = "claim"
initial = "pending"

  [[workflow.status]]
  name = "pending"
  phase = "active"

  [[workflow.status]]
  name = "refunded"
  phase = "closed"

  [[workflow.status]]
  name = "closed"
  phase = "closed"

  [[workflow.transition]]
  name = "refund"
  from = ["pending"]
  to = "refunded"
  mail = "approved"
  run = "page"

  [[workflow.transition]]
  name = "withdraw"
  from = ["pending"]
  to = "closed"
"""
TYPES = """
[[type]]
name = "claim"
workflow = "claim"
default = true
"""


@pytest.fixture
def house(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[House]:
    rules = {"team": LOUD, "priorities": PRIORITIES, **getattr(request, "param", {})}
    hook(tmp_path, "#!/bin/sh\n")
    with sound_house(tmp_path, rules=rules, config_extra=NO_BRAKES) as opened:
        put_in(opened, mail())
        yield opened


with_clocks = pytest.mark.parametrize("house", [{"priorities": CLOCKED}], indirect=True)
with_claims = pytest.mark.parametrize(
    "house", [{"workflows": WORKFLOWS, "types": TYPES}], indirect=True
)


@pytest.fixture
def slow(house: House) -> Iterator[WatchedDesk]:
    """The desk that is stopped when it has decided."""
    with desk_of(house) as desk:
        yield desk


@pytest.fixture
def fast(house: House) -> Iterator[WatchedDesk]:
    """The desk that goes through meanwhile."""
    with desk_of(house) as desk:
        yield desk


@pytest.fixture
def greeted(house: House) -> dict[str, EmailMessage]:
    """The mails that request 1 began with, by whom they went to."""
    return {str(one["Delivered-To"]): one for one in send(house)}


def tick(desk: WatchedDesk) -> int:
    return ticker.fire_due(desk, shared_readers())


def told(house: House) -> list[str]:
    """Return who gets mail about an escalation."""
    kinds = {one.id: one.kind for one in rows(house, t.outbox)}
    found = rows(house, t.delivery)
    return [one.recipient for one in found if kinds[one.outbox_id] == "escalation"]


def levels(house: House) -> list[str]:
    return [one.to_value for one in rows(house, t.history, kind="escalated")]


def chain(house: House) -> tuple[str, int]:
    found = row(house, t.request, id=1)
    return found.chain_state, found.escalation_level


# What people do to a request whose first level is due.
ACTS: dict[str, Callable[[WatchedDesk, House, dict[str, EmailMessage]], object]] = {
    "customer": lambda desk, house, got: desk.settle(reply_to(got["ann@example.net"]), house),
    "answer": lambda desk, house, got: desk.settle(
        reply_to(got[EVA], "I see to it.\n", sender=EVA), house
    ),
    "take": lambda desk, house, got: desk.command(AssignTo("kim"), 1, "kim"),
    "close": lambda desk, house, got: desk.command(Close(), 1, "eva"),
    "postpone": lambda desk, house, got: desk.command(Postpone(NOON + 9 * HOUR), 1, "eva"),
}
# What is there when the act came first, and when the level did: levels, told, chain.
ACT_FIRST = {
    "customer": ([], [], ("running", 0)),
    "answer": ([], [], ("stopped", 0)),
    "take": (["level 1"], [KIM], ("running", 1)),
    "close": ([], [], ("stopped", 0)),
    "postpone": ([], [], ("stopped", 0)),
}
LEVEL_FIRST = {
    "customer": (["level 1"], [EVA], ("running", 0)),
    "answer": (["level 1"], [EVA], ("stopped", 1)),
    "take": (["level 1"], [EVA], ("stopped", 1)),
    "close": (["level 1"], [EVA], ("stopped", 1)),
    "postpone": (["level 1"], [EVA], ("stopped", 1)),
}


@pytest.mark.parametrize("act", ACTS)
def test_a_level_that_was_overtaken_is_decided_again(
    act: str, house: House, slow: WatchedDesk, fast: WatchedDesk, greeted: dict[str, EmailMessage]
) -> None:
    clock_of(house).forward(hours=1)
    meanwhile(lambda: ACTS[act](fast, house, greeted))
    fired = tick(slow)
    assert "request 1 has changed" == slow.conflicts[0]
    assert ACT_FIRST[act] == (levels(house), told(house), chain(house))
    assert fired == len(levels(house))


@pytest.mark.parametrize("act", ACTS)
def test_who_was_overtaken_by_a_level_decides_again(
    act: str, house: House, slow: WatchedDesk, fast: WatchedDesk, greeted: dict[str, EmailMessage]
) -> None:
    clock_of(house).forward(hours=1)
    meanwhile(lambda: tick(fast))
    ACTS[act](slow, house, greeted)
    assert "request 1 has changed" == slow.conflicts[0]
    assert LEVEL_FIRST[act] == (levels(house), told(house), chain(house))


def test_taking_it_just_before_the_second_level_stops_that(
    house: House, slow: WatchedDesk, fast: WatchedDesk
) -> None:
    clock_of(house).forward(hours=1)
    assert 1 == tick(fast)
    clock_of(house).forward(hours=1)
    meanwhile(lambda: fast.command(AssignTo("kim"), 1, "kim"))
    assert 0 == tick(slow)
    assert ["request 1 has changed"] == slow.conflicts
    assert (["level 1"], [EVA], ("stopped", 1)) == (levels(house), told(house), chain(house))


def test_two_tickers_do_a_level_once(house: House, slow: WatchedDesk, fast: WatchedDesk) -> None:
    clock_of(house).forward(hours=1)
    meanwhile(lambda: tick(fast))
    assert 0 == tick(slow)
    assert (["level 1"], [EVA], ("running", 1)) == (levels(house), told(house), chain(house))


# ---- clocks


@with_clocks
def test_a_clock_against_the_answer_that_came_first_is_not_missed(
    house: House, slow: WatchedDesk, fast: WatchedDesk, greeted: dict[str, EmailMessage]
) -> None:
    clock_of(house).forward(hours=1)
    meanwhile(lambda: ACTS["answer"](fast, house, greeted))
    assert 0 == tick(slow)
    assert ["request 1 has changed"] == slow.conflicts
    assert [] == rows(house, t.history, kind="missed")
    assert [] == told(house)


@with_clocks
def test_an_answer_against_the_clock_that_was_over_first_is_late(
    house: House, slow: WatchedDesk, fast: WatchedDesk, greeted: dict[str, EmailMessage]
) -> None:
    clock_of(house).forward(hours=1)
    meanwhile(lambda: tick(fast))
    ACTS["answer"](slow, house, greeted)
    assert ["request 1 has changed"] == slow.conflicts
    assert 1 == len(rows(house, t.history, kind="missed"))
    assert [EVA] == told(house)
    assert row(house, t.request, id=1).replied_at is not None
    assert [] == rows(house, t.timer, state="armed")


# ---- waking up


def wakes(house: House) -> list[tuple[str, str]]:
    found = rows(house, t.history, kind="status")
    return [(one.actor, one.to_value) for one in found]


def test_waking_up_against_the_customers_mail(
    house: House, slow: WatchedDesk, fast: WatchedDesk, greeted: dict[str, EmailMessage]
) -> None:
    house.desk.command(Postpone(NOON + HOUR), 1, "eva")
    clock_of(house).forward(hours=1)
    meanwhile(lambda: ACTS["customer"](fast, house, greeted))
    tick(slow)
    assert ["request 1 has changed"] == slow.conflicts
    check_awake(house)


def test_the_customers_mail_against_waking_up(
    house: House, slow: WatchedDesk, fast: WatchedDesk, greeted: dict[str, EmailMessage]
) -> None:
    house.desk.command(Postpone(NOON + HOUR), 1, "eva")
    clock_of(house).forward(hours=1)
    meanwhile(lambda: tick(fast))
    ACTS["customer"](slow, house, greeted)
    assert ["request 1 has changed"] == slow.conflicts
    check_awake(house)


def check_awake(house: House) -> None:
    """It woke once, whoever woke it, and its chain runs from now on."""
    request = row(house, t.request, id=1)
    assert ("active", None) == (request.phase, request.postponed_until)
    assert ["postponed", "open"] == [to for _, to in wakes(house)]
    assert ("running", NOON + 2 * HOUR) == (request.chain_state, request.chain_due_at)
    assert 2 == len(rows(house, t.message))
    notices = [one for one in rows(house, t.outbox) if one.template == "activated"]
    assert len(notices) == sum(actor == "timer" for actor, to in wakes(house) if to == "open")


# ---- hooks


def claimed(house: House) -> HookRun:
    """Begin the transition whose hook has been claimed, as the runner does."""
    house.desk.command(ChangeStatus("refund"), 1, "eva")
    now = house.desk.clock()
    run = house.database.write(lambda c: hooks.claim(c, now, now + HOUR))
    assert run is not None
    return run


WELL = HookResult(Ending.DONE, "exit 0")


@with_claims
def test_closing_against_a_transition_that_was_begun_is_refused(
    house: House, slow: WatchedDesk, fast: WatchedDesk
) -> None:
    meanwhile(lambda: fast.command(ChangeStatus("refund"), 1, "eva"))
    with pytest.raises(NotAllowed, match="refund is on its way"):
        slow.command(ChangeStatus("withdraw"), 1, "omar")
    assert ["request 1 has changed"] == slow.conflicts
    assert ["refund"] == [one.transition["name"] for one in rows(house, t.hook_run)]


@with_claims
def test_a_transition_against_closing_begins_nothing(
    house: House, slow: WatchedDesk, fast: WatchedDesk
) -> None:
    meanwhile(lambda: fast.command(ChangeStatus("withdraw"), 1, "omar"))
    with pytest.raises(NotAllowed):
        slow.command(ChangeStatus("refund"), 1, "eva")
    assert ["request 1 has changed"] == slow.conflicts
    assert [] == rows(house, t.hook_run)


@with_claims
def test_the_result_of_a_hook_against_the_customers_mail(
    house: House, slow: WatchedDesk, fast: WatchedDesk, greeted: dict[str, EmailMessage]
) -> None:
    run = claimed(house)
    meanwhile(lambda: ACTS["customer"](fast, house, greeted))
    slow.end_hook(run, WELL, 0.5)
    assert ["request 1 has changed"] == slow.conflicts
    assert ("refunded", "done") == (
        row(house, t.request, id=1).status,
        row(house, t.hook_run).state,
    )
    assert 1 == sum(one.template == "approved" for one in rows(house, t.outbox))


@with_claims
def test_the_customers_mail_against_the_result_of_a_hook_reopens(
    house: House, slow: WatchedDesk, fast: WatchedDesk, greeted: dict[str, EmailMessage]
) -> None:
    run = claimed(house)
    meanwhile(lambda: fast.end_hook(run, WELL, 0.5))
    ACTS["customer"](slow, house, greeted)
    assert ["request 1 has changed"] == slow.conflicts
    assert ["refunded", "pending"] == [
        one.to_value for one in rows(house, t.history, kind="status")
    ]


@with_claims
def test_two_runners_that_report_one_attempt_are_heard_once(
    house: House, slow: WatchedDesk, fast: WatchedDesk
) -> None:
    run = claimed(house)
    meanwhile(lambda: fast.end_hook(run, WELL, 0.5))
    with pytest.raises(NotAllowed, match="is over"):
        slow.end_hook(run, HookResult(Ending.FAILED, "exit 1"), 0.5)
    assert "refunded" == row(house, t.request, id=1).status
    assert ["page: on its way", "page: exit 0"] == [
        one.to_value for one in rows(house, t.history, kind="hook")
    ]
