"""Handlers' reply addresses that others have seen grant nothing any more."""

from __future__ import annotations

import pytest
from tests.unit.core.builders import (
    ANN,
    BOB,
    EVA,
    NOW,
    arrival,
    facts,
    handlers_token,
    numbered,
    policy,
    request,
    sender,
    site,
    token,
)

from postroom.core.addresses import LAST_GENERATION, handler_number, handler_of
from postroom.core.effects import ReplaceAddresses
from postroom.core.exposure import exposed
from postroom.core.facts import Arrival, Facts, HandlerFact
from postroom.core.judging import judge
from postroom.mail.message import Address
from postroom.mail.tokens import Token

KNOWN = facts(request(), handlers=numbered())
TO_BOB = {"cc": (sender(BOB),)}


def replaced(came: Arrival, known: Facts = KNOWN) -> list[ReplaceAddresses]:
    return list(exposed(judge(came, known, policy(), site(), NOW)))


@pytest.mark.parametrize(
    ("replacements", "came"),
    [
        # A handler who shows it to nobody outside.
        ([], arrival(from_=sender(EVA), tokens=(handlers_token("eva"),))),
        (
            [],
            arrival(
                from_=sender(EVA),
                tokens=(handlers_token("eva"),),
                cc=(sender("omar@example.com"), sender("help@example.com")),
            ),
        ),
        # The customer in Cc: Eva's address, and whosever it is.
        (
            [ReplaceAddresses(7, "eva", 1, f"shown to {BOB}")],
            arrival(from_=sender(EVA), tokens=(handlers_token("eva"),), **TO_BOB),
        ),
        (
            [ReplaceAddresses(7, "omar", 1, f"shown to {BOB}")],
            arrival(from_=sender(EVA), tokens=(handlers_token("omar", "n"),), **TO_BOB),
        ),
        (
            [
                ReplaceAddresses(7, "eva", 1, f"shown to {BOB}"),
                ReplaceAddresses(7, "omar", 1, f"shown to {BOB}"),
            ],
            arrival(
                from_=sender(EVA),
                # One new generation for both of her addresses.
                tokens=(
                    handlers_token("eva"),
                    handlers_token("eva", "n"),
                    handlers_token("omar"),
                ),
                **TO_BOB,
            ),
        ),
        # Somebody outside has it, whomever else he shows it to.
        (
            [ReplaceAddresses(7, "eva", 1, f"{ANN} wrote to it")],
            arrival(tokens=(handlers_token("eva"),)),
        ),
        (
            [ReplaceAddresses(7, "eva", 1, "somebody outside wrote to it")],
            arrival(tokens=(handlers_token("eva", "n"),), from_=None, envelope_sender=""),
        ),
        # What is nobody's of the handlers stays.
        ([], arrival(tokens=(token(7),))),
        ([], arrival(tokens=(token(7, "s"),))),
        ([], arrival(from_=sender(EVA), tokens=(Token("n", 0, 5),), **TO_BOB)),  # of a hold
        ([], arrival(tokens=(handlers_token("eva", request_id=8),))),  # no such request
        ([], arrival(tokens=(Token("h", 7, handler_number(99, 0)),))),
        ([], arrival()),
    ],
)
def test_exposed(replacements: list[ReplaceAddresses], came: Arrival) -> None:
    assert replacements == replaced(came)


def test_at_most_three_are_named() -> None:
    people = tuple(Address("", f"p{number}@example.net") for number in range(5))
    [one] = replaced(arrival(from_=sender(EVA), tokens=(handlers_token("eva"),), cc=people))
    assert one.because == "shown to p0@example.net, p1@example.net, p2@example.net"


@pytest.mark.parametrize(
    ("new", "generation", "now"),
    [
        ([4], 3, 3),
        ([], 2, 3),  # it was replaced before: it grants nothing already
        ([LAST_GENERATION], LAST_GENERATION - 1, LAST_GENERATION - 1),
        ([], LAST_GENERATION, LAST_GENERATION),  # no further
    ],
)
def test_the_next_generation(new: list[int], generation: int, now: int) -> None:
    known = facts(request(generations={"eva": now}), handlers=numbered())
    came = arrival(tokens=(handlers_token("eva", "h", generation),))
    assert new == [one.generation for one in replaced(came, known)]


def test_the_address_of_who_left_is_nobodys() -> None:
    known = facts(request(), handlers={"gone": HandlerFact("gone", id=1)})
    assert [] == replaced(arrival(tokens=(handlers_token("eva"),)), known)


@pytest.mark.parametrize("handler", [1, 2, 99_999])
@pytest.mark.parametrize("generation", [0, 1, LAST_GENERATION])
def test_a_number_names_a_handler_and_a_generation(handler: int, generation: int) -> None:
    assert (handler, generation) == handler_of(handler_number(handler, generation))


def test_past_the_last_generation_no_other_handlers_number_comes() -> None:
    number = handler_number(1, LAST_GENERATION + 1)
    assert (1, LAST_GENERATION) == handler_of(number)
