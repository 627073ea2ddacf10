"""Token buckets: they refill evenly, give all or none, and can be off."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.core.builders import ANN, NOW, OFF, facts

from postroom.core.brakes import answer_keys, brake_answer, brake_request, request_key
from postroom.core.effects import SpendBrake
from postroom.core.facts import BrakeFact, Facts
from postroom.core.site import Brakes, Budget

MINUTE = timedelta(minutes=1)
TWO = Brakes(OFF, OFF, OFF, Budget(2, 20 * MINUTE))


def stood(tokens: float, ago: timedelta, version: int = 4, address: str = ANN) -> Facts:
    key = request_key(address)
    return facts(brakes={key: BrakeFact(key, tokens, NOW - ago, version)})


def test_a_new_bucket_is_full() -> None:
    assert brake_request(ANN, TWO, facts(), NOW).spent == (SpendBrake(request_key(ANN), 1.0, 0),)


@pytest.mark.parametrize(
    ("left", "tokens", "ago"),
    [
        (0.0, 1.0, 0 * MINUTE),
        (0.0, 0.0, 10 * MINUTE),
        (0.5, 0.5, 10 * MINUTE),
        (1.0, 0.0, 20 * MINUTE),
        (1.0, 0.0, 99_999 * MINUTE),  # never more than full
        (0.0, 1.0, -5 * MINUTE),  # the clock was turned back: nothing is lost
        (None, 0.0, 9 * MINUTE),
        (None, 0.5, 4 * MINUTE),
        (None, 0.9, -5 * MINUTE),
    ],
)
def test_a_bucket_refills_evenly(left: float | None, tokens: float, ago: timedelta) -> None:
    braked = brake_request(ANN, TWO, stood(tokens, ago), NOW)
    if left is None:
        assert (braked.spent, braked.by) == ((), "request-address")
    else:
        assert [(left, 4)] == [(spent.tokens, spent.version) for spent in braked.spent]


@given(st.integers(1, 1_000), st.integers(1, 86_400))
def test_a_bucket_that_is_emptied_gives_one_token_after_its_share_of_the_period(
    count: int, seconds: int
) -> None:
    period = timedelta(seconds=seconds * count)
    brakes = Brakes(OFF, OFF, OFF, Budget(count, period))
    assert brake_request(ANN, brakes, stood(0.0, timedelta(seconds=seconds)), NOW).by is None
    early = timedelta(seconds=seconds) - timedelta(milliseconds=10)
    assert brake_request(ANN, brakes, stood(0.0, early), NOW).by == "request-address"


@given(st.integers(1, 20), st.lists(st.integers(0, 600), max_size=60))
def test_no_period_lets_more_than_twice_the_budget_through(count: int, waits: list[int]) -> None:
    brakes = Brakes(OFF, OFF, OFF, Budget(count, 10 * MINUTE))
    known, now, passed = facts(), NOW, []
    for wait in waits:
        now += timedelta(seconds=wait)
        braked = brake_request(ANN, brakes, known, now)
        for spent in braked.spent:
            passed.append(now)
            fact = BrakeFact(spent.key, spent.tokens, now, spent.version + 1)
            known = facts(brakes={spent.key: fact})
    for start in passed:
        in_period = [at for at in passed if start <= at < start + 10 * MINUTE]
        assert len(in_period) <= 2 * count


def test_an_answer_takes_a_token_of_each_bucket() -> None:
    brakes = Brakes(Budget(2, MINUTE), Budget(5, MINUTE), Budget(9, MINUTE), OFF)
    spent = brake_answer("Ann@Example.net", brakes, facts(), NOW).spent
    assert [(one.key, one.tokens) for one in spent] == [
        ("answer-address:ann@example.net", 1.0),
        ("answer-domain:example.net", 4.0),
        ("answer-all", 8.0),
    ]


@pytest.mark.parametrize(
    ("by", "empty"),
    [("answer-address", 0), ("answer-domain", 1), ("answer-all", 2)],
)
def test_one_empty_bucket_leaves_the_others_full(by: str, empty: int) -> None:
    budget = Budget(2, MINUTE)
    key = answer_keys(ANN)[empty]
    known = facts(brakes={key: BrakeFact(key, 0.0, NOW, 1)})
    braked = brake_answer(ANN, Brakes(budget, budget, budget, OFF), known, NOW)
    assert (by, ()) == (braked.by, braked.spent)


def test_a_brake_that_is_off_never_brakes_and_writes_nothing() -> None:
    braked = brake_answer(ANN, Brakes(OFF, OFF, OFF, OFF), facts(), NOW)
    assert (braked.by, braked.spent) == (None, ())


def test_addresses_are_one_whatever_their_case() -> None:
    assert request_key("Ann@Example.NET") == request_key(ANN)
    assert answer_keys("Ann@Example.NET") == answer_keys(ANN)
