"""Who has read a request, and the colour that follows (rows 50, 56, 57)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.core.builders import ANN, BOB, EVA, NOW, closed, facts, policy, request

from postroom.core.chains import ChainState
from postroom.core.effects import (
    AppendMessage,
    Assign,
    Author,
    Decision,
    Effect,
    Record,
    SetChain,
    SetRead,
    SetTags,
)
from postroom.core.facts import RequestFact
from postroom.core.model import (
    Direction,
    Level,
    Outcome,
    Phase,
    Priority,
    ReadStatus,
    Span,
    Visibility,
)
from postroom.core.reading import follow_reading
from postroom.core.timing import follow

RED, YELLOW, GREEN = ReadStatus.RED, ReadStatus.YELLOW, ReadStatus.GREEN
OMAR = "omar@example.com"
TAGGED = SetTags(7, ("hot",), (), "by hand")


def message(
    handler: str | None = None,
    address: str = ANN,
    direction: Direction = Direction.IN,
    visibility: Visibility = Visibility.PUBLIC,
    origin: str = "person",
    verdict: str = "none",
) -> AppendMessage:
    return AppendMessage(
        *(7, direction, visibility, Author("", address, handler), (), "", "", "", None, ()),
        *(NOW, origin, verdict, ""),
    )


def note(handler: str, origin: str = "person") -> AppendMessage:
    return message(handler, EVA, Direction.NOTE, Visibility.INTERNAL, origin)


def answer(handler: str) -> AppendMessage:
    return message(handler, EVA, Direction.OUT)


def decided(
    *effects: Effect, actor: str = "ann", outcome: Outcome | None = Outcome.APPENDED
) -> Decision:
    return Decision(actor, "", "1", outcome, 7, effects, {7: 3})


def commanded(actor: str, *effects: Effect, outcome: Outcome | None = None) -> Decision:
    return decided(*effects, actor=actor, outcome=outcome)


def read(decision: Decision, about: RequestFact) -> SetRead | None:
    return follow_reading(decision, about, policy(), NOW)


def of_colour(colour: ReadStatus) -> RequestFact:
    """A request of Omar's."""
    return request(read_status=colour)


@pytest.mark.parametrize(
    ("colour", "who", "decision"),
    [
        # The owner answers, notes, commands.
        (GREEN, "owner", decided(answer("omar"))),
        (GREEN, "owner", decided(note("omar"))),
        (GREEN, "owner", commanded("omar", TAGGED)),
        (GREEN, "owner", commanded("omar", outcome=Outcome.COMMAND)),
        # Another handler does.
        (None, "handler", decided(answer("kim"))),
        (None, "handler", decided(note("kim"))),
        (None, "handler", commanded("kim", TAGGED)),
        # A customer has read what we sent.
        (None, "customer", decided(message())),
        # A new owner has read nothing, unless he did it himself.
        (RED, "", commanded("timer", Assign(7, "omar", "kim", "level 1"))),
        (RED, "", commanded("cli", Assign(7, "omar", None, "by hand"))),
        (RED, "handler", commanded("omar", Assign(7, "omar", "kim", "by hand"))),
        (GREEN, "owner", commanded("kim", Assign(7, "omar", "kim", "by hand"))),
        (GREEN, "owner", decided(answer("kim"), Assign(7, "omar", "kim", "who answers"))),
        (RED, "customer", decided(message(), Assign(7, "omar", "kim", "omar is away"))),
    ],
)
@pytest.mark.parametrize("before", [RED, YELLOW, GREEN])
def test_who_has_read(
    before: ReadStatus, colour: ReadStatus | None, who: str, decision: Decision
) -> None:
    found = read(decision, of_colour(before))
    assert found is not None
    told = {"owner": found.owner_at, "handler": found.handler_at, "customer": found.customer_at}
    assert {name: NOW if name == who else None for name in told} == told
    is_from_customer = any(effect == message() for effect in decision.effects)
    kept = YELLOW if before is GREEN and is_from_customer else before
    assert (before, colour or kept) == (found.was, found.status)


@pytest.mark.parametrize(
    "decision",
    [
        commanded("timer", Record(7, "missed", "", "")),
        commanded("cli", TAGGED),
        # Machines read nothing, and write nothing that must be read.
        decided(note("omar", origin="auto-reply"), actor="omar"),
        decided(message(origin="auto-reply")),
        # What is held touches nothing.
        replace(decided(answer("omar"), outcome=Outcome.HELD), versions={}),
    ],
)
@pytest.mark.parametrize("before", [RED, YELLOW, GREEN])
def test_what_nobody_has_read(before: ReadStatus, decision: Decision) -> None:
    assert read(decision, of_colour(before)) is None


@pytest.mark.parametrize(
    ("customer_at", "said"),
    [
        (NOW, message()),
        (None, message(address=BOB)),  # no participant
        (None, message(verdict="fail")),  # perhaps not he
    ],
)
def test_a_new_message_is_yellow_whoever_wrote_it(customer_at: object, said: AppendMessage) -> None:
    found = read(decided(said), of_colour(GREEN))
    assert found is not None
    assert (YELLOW, customer_at) == (found.status, found.customer_at)


def test_who_lets_a_mail_in_has_not_read_the_request() -> None:
    found = read(decided(message(), actor="omar"), of_colour(GREEN))
    assert found is not None
    assert (YELLOW, None) == (found.status, found.owner_at)


def test_a_new_request_is_red_without_any_effect() -> None:
    decision = replace(decided(message()), versions={}, request=None)
    effects = follow(decision, facts(), policy(), NOW).effects
    assert not [one for one in effects if isinstance(one, SetRead)]


# ---- the chain


@pytest.mark.parametrize(
    ("state", "decision"),
    [
        (ChainState.RUNNING, commanded("omar", TAGGED)),
        (None, commanded("kim", TAGGED)),
        (None, commanded("cli", TAGGED)),
    ],
)
def test_only_the_owners_reading_moves_the_chain(
    state: ChainState | None, decision: Decision
) -> None:
    levels = (Level(1, Span(3600)),)
    priority = Priority("medium", 2, "always", default=True, on={"read": "restart"}, levels=levels)
    rules = policy(priorities={"medium": priority})
    found = follow(decision, facts(request()), rules, NOW).effects
    [*changed] = [one for one in found if isinstance(one, SetChain)]
    assert ([state] if state is not None else []) == [one.chain.state for one in changed]
    assert all(one.because == "read" for one in changed)


def test_an_answer_has_the_last_word_over_its_reading() -> None:
    on = {"read": "restart", "replied": "stop"}
    levels = (Level(1, Span(3600)),)
    priority = Priority("medium", 2, "always", default=True, on=on, levels=levels)
    rules = policy(priorities={"medium": priority})
    about = request(phase=Phase.ACTIVE)
    [change] = [
        one
        for one in follow(decided(answer("omar")), facts(about), rules, NOW).effects
        if isinstance(one, SetChain)
    ]
    assert ChainState.STOPPED is change.chain.state
    assert "read, replied" == change.because


@pytest.mark.parametrize("decision", [decided(message()), commanded("omar", TAGGED)])
def test_nothing_starts_the_chain_of_a_closed_request(decision: Decision) -> None:
    on = {"read": "restart", "customer-wrote": "restart"}
    priority = Priority("medium", 2, "always", default=True, on=on, levels=(Level(1, Span(9)),))
    known = facts(closed(owner="omar"))
    found = follow(decision, known, policy(priorities={"medium": priority}), NOW).effects
    assert not [one for one in found if isinstance(one, SetChain)]
