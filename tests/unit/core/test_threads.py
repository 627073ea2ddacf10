"""Which request a mail continues: every carrier, in its order, and what stands in its way."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from tests.unit.core.builders import (
    ANN,
    BOB,
    EVA,
    NOW,
    arrival,
    category,
    closed,
    delivery,
    facts,
    handlers_token,
    numbered,
    participant,
    policy,
    request,
    sender,
    sent,
    site,
    token,
)

from postroom.core.facts import (
    Arrival,
    Facts,
    HandlerFact,
    HoldFact,
    KnownId,
    RequestFact,
    Wish,
)
from postroom.core.model import Phase
from postroom.core.threads import (
    Joining,
    ThreadReason,
    ThreadVerdict,
    choose_thread,
    referenced_ids,
)
from postroom.mail.tokens import Token

JOIN, HOLD, NEW = Joining.JOIN, Joining.HOLD, Joining.NEW
STRANGER = sender(BOB)
TAG = "Re: [acme #7] How do I pay?"
DELETED = request(status="deleted", phase=Phase.DELETED)
REFERENCED = KnownId("parent@example.net", 0, 7, "referenced")


def choose(came: Arrival, known: Facts) -> ThreadVerdict:
    return choose_thread(came, known, policy(), site(), NOW)


def what(verdict: ThreadVerdict) -> tuple[Joining, int | None, ThreadReason]:
    return verdict.joining, verdict.request_id, verdict.reason


# ---- every carrier


@pytest.mark.parametrize(
    ("joining", "reason", "came", "known"),
    [
        (JOIN, "reply-token", arrival(tokens=(token(7),)), facts(request())),
        # A right to speak is the token's, not the sender's (forwarded, reply-all).
        (JOIN, "reply-token", arrival(tokens=(token(7),), from_=STRANGER), facts(request())),
        (
            JOIN,
            "references",
            arrival(references=("ours@example.com",)),
            facts(request(), known=(sent(),)),
        ),
        (
            JOIN,
            "references",
            arrival(in_reply_to=("ours@example.com",)),
            facts(request(), known=(sent(),)),
        ),
        (
            JOIN,
            "references",
            arrival(references=("ours@example.com",), from_=sender("ANN@example.net")),
            facts(request(), known=(sent(),)),
        ),
        (
            JOIN,
            "references",
            arrival(references=("ours@example.com",), from_=sender(EVA)),
            facts(request(), known=(sent(),)),
        ),
        (
            HOLD,
            "stranger",
            arrival(references=("ours@example.com",), from_=STRANGER),
            facts(request(), known=(sent(),)),
        ),
        (
            HOLD,
            "stranger",
            arrival(references=("ours@example.com",), from_=None, envelope_sender=""),
            facts(request(), known=(sent(),)),
        ),
        # Our MAC, though the row is gone: a restored backup.
        (
            JOIN,
            "references",
            arrival(references=("gone@example.com",), own_ids={"gone@example.com": 7}),
            facts(request()),
        ),
        (
            HOLD,
            "stranger",
            arrival(
                references=("gone@example.com",),
                own_ids={"gone@example.com": 7},
                from_=STRANGER,
            ),
            facts(request()),
        ),
        # An id that was only referenced joins late branches …
        (
            JOIN,
            "late-branch",
            arrival(references=("parent@example.net",)),
            facts(request(), known=(REFERENCED,)),
        ),
        # … the missing parent itself …
        (
            JOIN,
            "late-branch",
            arrival(message_id="parent@example.net"),
            facts(request(), known=(REFERENCED,)),
        ),
        # … and proves nothing about a stranger: no hold.
        (
            NEW,
            "no-evidence",
            arrival(references=("parent@example.net",), from_=STRANGER),
            facts(request(), known=(REFERENCED,)),
        ),
        (JOIN, "subject-tag", arrival(subject=TAG), facts(request())),
        (HOLD, "stranger", arrival(subject=TAG, from_=STRANGER), facts(request())),
        (NEW, "no-evidence", arrival(subject="[other #7] Hello"), facts(request())),
        (NEW, "no-evidence", arrival(subject="Re: #7"), facts(request())),
        (NEW, "no-evidence", arrival(subject="[acme #8] Hello"), facts(request())),
        (NEW, "no-evidence", arrival(tokens=(token(8),)), facts(request())),
        (
            JOIN,
            "delivery-token",
            arrival(bounce_deliveries=(4,)),
            facts(request(), deliveries={4: delivery()}),
        ),
        (
            NEW,
            "no-evidence",
            arrival(bounce_deliveries=(4,)),
            facts(request(), deliveries={4: delivery(request_id=None)}),
        ),
        (NEW, "no-evidence", arrival(bounce_deliveries=(4,)), facts(request())),
        (NEW, "no-evidence", arrival(), facts()),
    ],
)
def test_carrier(joining: Joining, reason: str, came: Arrival, known: Facts) -> None:
    verdict = choose(came, known)
    assert (joining, reason) == (verdict.joining, verdict.reason)
    assert (7 if reason != "no-evidence" else None) == verdict.request_id


@pytest.mark.parametrize("role", ["c", "cc", "expert"])
def test_every_participant_may_reply_without_a_token(role: str) -> None:
    known = facts(request(participants=(participant(BOB, role),)), known=(sent(),))
    verdict = choose(arrival(references=("ours@example.com",), from_=STRANGER), known)
    assert what(verdict) == (JOIN, 7, ThreadReason.REFERENCES)


# ---- their order


def test_the_strongest_carrier_wins() -> None:
    requests = tuple(request(number) for number in (1, 2, 3, 4))
    known = facts(
        *requests,
        known=(sent(3, "ours@example.com"),),
        deliveries={9: delivery(9, 2)},
    )
    came = arrival(
        subject="[acme #4] Hello",
        references=("ours@example.com",),
        bounce_deliveries=(9,),
        tokens=(token(1),),
    )
    assert what(choose(came, known)) == (JOIN, 1, ThreadReason.REPLY_TOKEN)
    came = replace(came, tokens=())
    assert what(choose(came, known)) == (JOIN, 2, ThreadReason.DELIVERY_TOKEN)
    came = replace(came, bounce_deliveries=())
    assert what(choose(came, known)) == (JOIN, 3, ThreadReason.REFERENCES)
    came = replace(came, mail=replace(came.mail, references=()))
    assert what(choose(came, known)) == (JOIN, 4, ThreadReason.SUBJECT_TAG)


def test_of_several_tokens_the_most_internal_wins() -> None:
    requests = facts(*(request(number) for number in (1, 2, 3, 4)))
    by_role = {"n": 1, "s": 2, "h": 3, "c": 4}
    for order in permutations(by_role):
        tokens = tuple(token(by_role[role], role) for role in order)
        assert choose(arrival(tokens=tokens), requests).request_id == 1
    for order in permutations("hc"):
        tokens = tuple(token(by_role[role], role) for role in order)
        assert choose(arrival(tokens=tokens), requests).request_id == 3


def test_the_direct_parent_wins_over_older_ones() -> None:
    known = facts(
        request(1), request(2), known=(sent(1, "old@example.com"), sent(2, "new@example.com"))
    )
    came = arrival(references=("old@example.com", "new@example.com"))
    assert choose(came, known).request_id == 2
    came = arrival(
        in_reply_to=("old@example.com",), references=("old@example.com", "new@example.com")
    )
    assert choose(came, known).request_id == 1


def test_what_was_seen_wins_over_what_was_only_referenced() -> None:
    weak = KnownId("parent@example.net", 0, 1, "referenced")
    known = facts(request(1), request(2), known=(weak, sent(2, "old@example.com")))
    came = arrival(references=("old@example.com", "parent@example.net"))
    assert what(choose(came, known)) == (JOIN, 2, ThreadReason.REFERENCES)


def test_of_several_requests_with_one_id_the_newest_wins() -> None:
    rows = tuple(KnownId("same@example.net", n, n + 1, "received") for n in range(3))
    known = facts(request(1), request(2), request(3), known=rows)
    assert choose(arrival(references=("same@example.net",)), known).request_id == 3


def test_a_request_of_his_own_wins_over_one_where_he_is_a_stranger() -> None:
    strange = request(1, participants=(participant(BOB),))
    known = facts(
        strange, request(2), known=(sent(1, "new@example.com"), sent(2, "old@example.com"))
    )
    came = arrival(references=("old@example.com", "new@example.com"))
    assert what(choose(came, known)) == (JOIN, 2, ThreadReason.REFERENCES)


def test_a_tag_of_his_own_wins_over_references_to_a_strange_request() -> None:
    strange = request(1, participants=(participant(BOB),))
    known = facts(strange, request(7), known=(sent(1),))
    came = arrival(references=("ours@example.com",), subject=TAG)
    assert what(choose(came, known)) == (JOIN, 7, ThreadReason.SUBJECT_TAG)


def test_referenced_ids_come_once_and_the_parent_first() -> None:
    came = arrival(in_reply_to=("c@x",), references=("a@x", "b@x", "c@x"))
    assert referenced_ids(came) == ("c@x", "b@x", "a@x")


# ---- what stands in the way


@pytest.mark.parametrize(
    ("reason", "gone"),
    [
        (ThreadReason.DELETED, request(status="deleted", phase=Phase.DELETED)),
        (ThreadReason.NO_REOPEN, closed(status="archived")),
        (ThreadReason.NO_REOPEN, closed(type="claim", status="approved")),
        (ThreadReason.TOO_LATE, closed(closed_at=NOW - timedelta(days=30, seconds=1))),
    ],
)
def test_a_request_that_is_over_gets_a_successor(reason: ThreadReason, gone: RequestFact) -> None:
    rules = policy(categories=(category(reopen_within=timedelta(days=30)),))
    verdict = choose_thread(arrival(tokens=(token(7),)), facts(gone), rules, site(), NOW)
    assert (NEW, 7, reason) == what(verdict)


@pytest.mark.parametrize(
    "alive",
    [
        closed(closed_at=NOW - timedelta(days=30)),
        closed(closed_at=None),
        closed(status="gone-from-the-workflow"),
        closed(category="gone", closed_at=NOW - timedelta(days=99)),
        request(status="postponed", phase=Phase.POSTPONED),
    ],
)
def test_a_request_that_may_be_reopened_is_joined(alive: RequestFact) -> None:
    rules = policy(categories=(category(reopen_within=timedelta(days=30)),))
    verdict = choose_thread(arrival(tokens=(token(7),)), facts(alive), rules, site(), NOW)
    assert JOIN is verdict.joining


def merged(number: int, into: int) -> RequestFact:
    return request(number, phase=Phase.MERGED, status="merged", merged_into=into)


@pytest.mark.parametrize(
    ("survivor", "known"),
    [
        (8, facts(merged(7, into=8), request(8))),
        (9, facts(merged(7, into=8), merged(8, into=9), request(9))),
        # A circle is a mistake of ours; it must not hang.
        (8, facts(merged(7, into=8), merged(8, into=7))),
        # The target is not among the facts: the mail stays with what is known.
        (7, facts(merged(7, into=8))),
    ],
)
def test_a_merged_request_forwards_to_its_target(survivor: int, known: Facts) -> None:
    assert choose(arrival(tokens=(token(7),)), known).request_id == survivor


def test_a_stranger_to_the_merged_request_may_belong_to_its_target() -> None:
    strange = replace(merged(7, into=8), participants=())
    known = facts(strange, request(8), known=(sent(7),))
    verdict = choose(arrival(references=("ours@example.com",)), known)
    assert what(verdict) == (JOIN, 8, ThreadReason.REFERENCES)


# ---- a human or a timer decides


def held(request_id: int | None, *requests: RequestFact, **changes: Any) -> Facts:
    return replace(facts(*requests, hold_request=request_id, hold_state="waiting"), **changes)


def test_an_accepted_mail_joins_where_it_claims_to_belong() -> None:
    came = arrival(wish=Wish.ACCEPT, from_=STRANGER)
    assert what(choose(came, held(7, request()))) == (JOIN, 7, ThreadReason.ACCEPTED)


def test_an_accepted_mail_joins_the_target_of_a_merged_request() -> None:
    known = held(7, merged(7, into=8), request(8))
    assert choose(arrival(wish=Wish.ACCEPT), known).request_id == 8


@pytest.mark.parametrize(
    ("reason", "gone"),
    [
        (ThreadReason.DELETED, request(status="deleted", phase=Phase.DELETED)),
        (ThreadReason.NO_REOPEN, closed(status="archived")),
    ],
)
def test_an_accepted_mail_does_not_bring_back_what_is_over(
    reason: ThreadReason, gone: RequestFact
) -> None:
    assert (NEW, 7, reason) == what(choose(arrival(wish=Wish.ACCEPT), held(7, gone)))


@pytest.mark.parametrize("wish", [Wish.OPEN, Wish.TAKE_IN])
def test_a_hold_that_is_over_opens_a_linked_request(wish: Wish) -> None:
    verdict = choose(arrival(wish=wish), held(7, request()))
    assert what(verdict) == (NEW, 7, ThreadReason.HOLD_OVER)


@pytest.mark.parametrize("wish", [Wish.ACCEPT, Wish.OPEN])
def test_a_mail_is_never_held_twice(wish: Wish) -> None:
    # Held by a rule, when nobody knew the request that it now turns out to refer to.
    known = held(None, request(), known_ids={"ours@example.com": (sent(),)})
    came = arrival(wish=wish, references=("ours@example.com",), from_=STRANGER)
    assert what(choose(came, known)) == (NEW, 7, ThreadReason.HOLD_OVER)


def test_the_sender_is_looked_for_in_every_address_of_a_participant() -> None:
    both = replace(participant(), addresses=("ann@work.example", ANN))
    known = facts(request(participants=(both,)), known=(sent(),))
    assert choose(arrival(references=("ours@example.com",)), known).joining is JOIN


# ---- addresses of people inside


@pytest.mark.parametrize("role", ["n", "s"])
@pytest.mark.parametrize("who", [ANN, EVA, BOB])
def test_whoever_writes_to_an_internal_address_is_heard_inside(role: str, who: str) -> None:
    verdict = choose(arrival(tokens=(token(7, role),), from_=sender(who)), facts(request(7)))
    assert (JOIN, 7, ThreadReason.REPLY_TOKEN) == what(verdict)
    assert (role, True) == (verdict.role, verdict.is_inside)


def test_a_customers_token_makes_nobody_an_insider() -> None:
    verdict = choose(arrival(tokens=(token(7),)), facts(request(7)))
    assert ("c", False, None) == (verdict.role, verdict.is_inside, verdict.named)


@pytest.mark.parametrize("who", [ANN, BOB])
def test_a_handlers_answer_address_in_other_hands_holds(who: str) -> None:
    came = arrival(tokens=(handlers_token("omar"),), from_=sender(who))
    verdict = choose(came, facts(request(7), handlers=numbered()))
    assert (HOLD, 7, ThreadReason.REPLY_TOKEN) == what(verdict)
    assert (True, "omar") == (verdict.is_inside, verdict.named)


@pytest.mark.parametrize("role", ["h", "n"])
@pytest.mark.parametrize("who", ["eva@example.com", "berg@example.com", "omar@example.com"])
def test_a_handlers_address_names_its_handler_whichever_of_them_writes(role: str, who: str) -> None:
    came = arrival(tokens=(handlers_token("omar", role),), from_=sender(who))
    verdict = choose(came, facts(request(7), handlers=numbered()))
    assert (JOIN, 7, ThreadReason.REPLY_TOKEN) == what(verdict)
    assert (role, "omar") == (verdict.role, verdict.named)


@pytest.mark.parametrize(
    ("named", "generation", "now"),
    [("eva", 0, 0), ("eva", 2, 2), (None, 0, 1), (None, 1, 2), (None, 2, 1)],
)
def test_an_address_that_was_replaced_names_nobody(
    named: str | None, generation: int, now: int
) -> None:
    about = request(7, generations={"eva": now, "omar": 9})
    came = arrival(tokens=(handlers_token("eva", "h", generation),), from_=sender(EVA))
    verdict = choose(came, facts(about, handlers=numbered()))
    assert (JOIN, named) == (verdict.joining, verdict.named)


def test_the_address_of_a_handler_who_left_names_nobody() -> None:
    known = facts(request(7), handlers={"gone": HandlerFact("gone", id=1)})
    came = arrival(tokens=(handlers_token("eva"),), from_=sender(EVA))
    assert choose(came, known).named is None
    assert choose(came, facts(request(7))).named is None


@pytest.mark.parametrize("gone", [closed(), closed(status="archived"), DELETED])
@pytest.mark.parametrize("role", ["h", "n", "s"])
def test_people_inside_may_write_to_what_is_over(role: str, gone: RequestFact) -> None:
    came = arrival(tokens=(handlers_token("eva", role),), from_=sender(EVA))
    assert (JOIN, 7) == what(choose(came, facts(gone, handlers=numbered())))[:2]


@pytest.mark.parametrize(("request_id", "held_about"), [(7, 7), (None, None), (None, 8)])
def test_a_token_of_a_hold_leads_to_the_request_that_the_mail_claims(
    request_id: int | None, held_about: int | None
) -> None:
    waits = HoldFact(5, 50, held_about, "waiting", BOB, "Hello", "why")
    came = arrival(tokens=(Token("n", 0, 5),), from_=sender(EVA))
    verdict = choose(came, facts(request(7), named_hold=waits, handlers=numbered()))
    assert (request_id, None) == (verdict.request_id, verdict.named)


def test_a_handlers_held_answer_that_is_accepted_is_his() -> None:
    came = arrival(wish=Wish.ACCEPT, tokens=(handlers_token("eva"),), from_=sender(EVA))
    verdict = choose(came, held(7, request(), handlers=numbered()))
    assert (JOIN, 7, ThreadReason.ACCEPTED) == what(verdict)
    assert ("h", "eva") == (verdict.role, verdict.named)
    from_outside = replace(came, mail=replace(came.mail, from_=sender(BOB)))
    verdict = choose(from_outside, held(7, request(), handlers=numbered()))
    assert (JOIN, "", None) == (verdict.joining, verdict.role, verdict.named)
