"""Who outside hears of a request: whom mails name, and who may name them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.core.builders import (
    ANN,
    BOB,
    EVA,
    NOW,
    SUPPORT,
    arrival,
    facts,
    participant,
    policy,
    request,
    sender,
    sent,
    site,
    token,
)

from postroom.core.effects import AddParticipant, LearnContact
from postroom.core.facts import Arrival, RequestFact
from postroom.core.judging import judge
from postroom.core.model import SenderVerdict, Verdict
from postroom.core.participants import MOST_PARTICIPANTS, from_mail, is_outside, named_by
from postroom.mail.message import Address, Origin

CARL = "carl@example.org"
PROVEN = SenderVerdict(Verdict.PASS, "")


def named(came: Arrival) -> list[str]:
    case = judge(came, facts(), policy(), site(), NOW)
    return [one.address for one in named_by(case)]


def added(came: Arrival, about: RequestFact | None) -> list[str]:
    """Return whom a mail makes participants; each is learned first."""
    known = facts(about, known=(sent(),)) if about is not None else facts()
    effects = list(from_mail(judge(came, known, policy(), site(), NOW), about))
    learned = [effect for effect in effects if isinstance(effect, LearnContact)]
    people = [effect for effect in effects if isinstance(effect, AddParticipant)]
    assert [one.address for one in learned] == [one.address for one in people]
    assert all(one.may_exist for one in learned)
    number = about.id if about is not None else None
    assert {(number, "cc", f"named by {came.sender}")} >= {
        (one.request, one.role, one.because) for one in people
    }
    return [one.address for one in people]


@pytest.mark.parametrize(
    ("outside", "address"),
    [
        (True, BOB),
        (False, EVA),
        (False, "Berg@example.com"),  # her other address
        (False, SUPPORT.address),
        (False, "help+x@example.com"),
        (False, "undisclosed-recipients:;"),
        (False, "nobody"),
        (False, ""),
    ],
)
def test_who_is_outside(outside: bool, address: str) -> None:
    assert outside is is_outside(address, policy(), site())


def test_a_mail_names_whoever_is_outside_in_to_and_cc_each_once() -> None:
    to = (sender(SUPPORT.address), sender(BOB), sender(ANN.upper()), sender(EVA))
    came = arrival(to=to, cc=(sender(BOB.upper()), sender(CARL), sender("broken")))
    assert [BOB, CARL] == named(came)


def test_so_many_are_named_and_no_more() -> None:
    people = tuple(sender(f"p{number}@example.net") for number in range(100))
    assert len(named(arrival(cc=people))) == MOST_PARTICIPANTS
    # One of the places is the sender's own.
    assert len(added(arrival(cc=people), None)) == MOST_PARTICIPANTS - 1
    about = request(participants=(participant(), participant(BOB, "cc", 2)))
    came = arrival(cc=people, tokens=(token(7),))
    assert len(added(came, about)) == MOST_PARTICIPANTS - 2


TO_BOB: dict[str, Any] = {"cc": (Address("Bob Dahl", BOB), sender(CARL))}


@pytest.mark.parametrize(
    ("people", "about", "came"),
    [
        # A new request: whoever is named.
        ([BOB, CARL], None, arrival(**TO_BOB)),
        ([BOB, CARL], None, arrival(**TO_BOB, evaluated=PROVEN)),
        ([], None, arrival(**TO_BOB, evaluated=SenderVerdict(Verdict.FAIL, ""))),
        *(([], None, arrival(**TO_BOB, origin=origin)) for origin in Origin if origin != "person"),
        # Later: only who is in it, by its token or proven.
        ([BOB, CARL], request(), arrival(**TO_BOB, tokens=(token(7),))),
        ([BOB, CARL], request(), arrival(**TO_BOB, subject="[acme #7]", evaluated=PROVEN)),
        ([], request(), arrival(**TO_BOB, subject="[acme #7]")),
        ([], request(), arrival(**TO_BOB, references=("ours@example.com",))),
        (
            [],
            request(),
            arrival(**TO_BOB, tokens=(token(7),), evaluated=SenderVerdict(Verdict.FAIL, "")),
        ),
        ([], request(), arrival(**TO_BOB, tokens=(token(7),), origin=Origin.AUTO_REPLY)),
        # Forwarded: who is in no request brings nobody else in.
        ([], request(), arrival(**TO_BOB, tokens=(token(7),), from_=sender("x@example.net"))),
        (
            [CARL],
            request(participants=(participant(), participant(BOB, "cc", 2))),
            arrival(**TO_BOB, tokens=(token(7),)),
        ),
    ],
)
def test_whom_a_mail_brings_in(people: list[str], about: RequestFact | None, came: Arrival) -> None:
    assert people == added(came, about)


def test_a_person_is_there_by_any_of_his_addresses() -> None:
    bob = replace(participant(BOB, "cc", 2), addresses=("bob@home.example", BOB))
    about = request(participants=(participant(), bob))
    assert [CARL] == added(arrival(**TO_BOB, tokens=(token(7),)), about)


def test_what_a_mail_calls_others_is_not_learned() -> None:
    case = judge(arrival(cc=(Address("B" * 300, BOB),)), facts(), policy(), site(), NOW)
    [learned, _] = from_mail(case, None)
    assert LearnContact(BOB, "", may_exist=True) == learned
