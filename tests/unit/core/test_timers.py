"""What timers do when they are due: wake what was put aside, tell of answers that failed."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.core.builders import (
    ANN,
    NOW,
    category,
    closed,
    delivery,
    facts,
    loud,
    message,
    policy,
    request,
    site,
)

from postroom.core import timers
from postroom.core.effects import Decision, Effect, EndTimer, QueueMail, Reply, SetStatus
from postroom.core.facts import Background, DeliveryFact, RequestFact
from postroom.core.model import Phase, Policy

ASLEEP = request(status="postponed", phase=Phase.POSTPONED, postponed_until=NOW)
KNOWN = facts(background=Background(messages=(message(),)))
WOKEN = SetStatus(7, "postponed", "open", Phase.ACTIVE, "postponed until now: activated")


def activate(about: RequestFact, rules: Policy) -> Decision:
    return timers.activate(3, about, KNOWN, rules, site(), NOW)


def tell(failed: DeliveryFact, rules: Policy, about: RequestFact | None = None) -> Decision:
    return timers.tell_undelivered(3, failed, about or request(), KNOWN, rules, site(), NOW)


def letters(decision: Decision) -> list[QueueMail]:
    return [effect for effect in decision.effects if isinstance(effect, QueueMail)]


@pytest.mark.parametrize(
    ("effects", "about"),
    [
        ([WOKEN], ASLEEP),
        # Meanwhile it was woken, closed or deleted: only the timer ends.
        ([], request()),
        ([], closed()),
        ([], request(status="deleted", phase=Phase.DELETED)),
    ],
)
def test_activate(effects: list[Effect], about: RequestFact) -> None:
    decision = activate(about, policy())
    assert [EndTimer(3, "due"), *effects] == list(decision.effects)
    assert (decision.actor, decision.outcome, decision.request) == ("timer", None, 7)
    assert dict(decision.versions) == {7: 3}


@pytest.mark.parametrize(
    ("told", "owner", "rules"),
    [
        (["omar"], "omar", loud()),
        ([], "omar", policy()),
        ([], None, loud()),
        (["eva", "omar", "kim"], None, loud(categories=(category(notify_members=True),))),
        ([], "gone", loud()),
    ],
)
def test_who_hears_that_a_request_is_awake(
    told: list[str], owner: str | None, rules: Policy
) -> None:
    about = request(**_asleep(owner=owner))
    found = letters(activate(about, rules))
    assert told == [letter.reply_to for letter in found]
    for letter in found:
        assert (letter.template, letter.reply) == ("activated", Reply.NOTE)
        assert (letter.variables["request"]["status"], letter.is_inside) == ("open", True)
        assert letter.variables["message"]["text"] == "Hello"


@pytest.mark.parametrize(
    ("told", "failed", "rules", "owner"),
    [
        (["omar"], delivery(), loud(), "omar"),
        # Nobody is asked whether he wants to: the owner, and who wrote it.
        (["omar"], delivery(), policy(), "omar"),
        (["kim", "omar"], delivery(), policy(), "kim"),
        (["omar"], delivery(), loud(), None),
        (["eva"], delivery(handler="gone"), loud(), None),
        ([], delivery(kind="notice"), loud(), "omar"),
        ([], delivery(kind="auto-reply"), loud(), "omar"),
    ],
)
def test_who_hears_that_an_answer_failed(
    told: list[str], failed: DeliveryFact, rules: Policy, owner: str | None
) -> None:
    decision = tell(failed, rules, request(owner=owner))
    assert decision.effects[0] == EndTimer(3, "due")
    assert told == [letter.reply_to for letter in letters(decision)]
    assert len(decision.effects) == 1 + len(told)
    assert (decision.reason, decision.request) == ("delivery 4 failed", 7)
    assert dict(decision.versions) == {7: 3}


def test_who_is_told_of_a_failure_sees_what_was_written_to_whom_and_why() -> None:
    [letter] = letters(tell(delivery(), policy()))
    assert ("undelivered", ("omar@example.com",), Reply.NOTE) == (
        letter.template,
        letter.recipients,
        letter.reply,
    )
    assert letter.variables["message"]["text"] == "It is done."
    assert [(ANN, "550 no such user")] == [
        (one["what"], one["because"]) for one in letter.variables["changes"]
    ]


def _asleep(**changes: Any) -> dict[str, Any]:
    gone = {"status": "postponed", "phase": Phase.POSTPONED, "postponed_until": NOW}
    return {**gone, **changes}
