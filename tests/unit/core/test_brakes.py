"""Token buckets: they refill evenly, give all or none, and can be off."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.core.builders import ANN, NOW, brakes, facts

from postroom.core.brakes import (
    ALERT_KEYS,
    NEWS_KEY,
    answer_keys,
    brake_alert,
    brake_answer,
    brake_error,
    brake_lost,
    brake_notice,
    brake_notices,
    brake_request,
    is_floodgate,
    keys_for,
    request_key,
)
from postroom.core.effects import SpendBrake
from postroom.core.facts import BrakeFact, Facts
from postroom.core.site import Budget

MINUTE = timedelta(minutes=1)
TWO = brakes(requests_per_address=Budget(2, 20 * MINUTE))


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
    braking = brakes(requests_per_address=Budget(count, period))
    assert brake_request(ANN, braking, stood(0.0, timedelta(seconds=seconds)), NOW).by is None
    early = timedelta(seconds=seconds) - timedelta(milliseconds=10)
    assert brake_request(ANN, braking, stood(0.0, early), NOW).by == "request-address"


@given(st.integers(1, 20), st.lists(st.integers(0, 600), max_size=60))
def test_no_period_lets_more_than_twice_the_budget_through(count: int, waits: list[int]) -> None:
    braking = brakes(requests_per_address=Budget(count, 10 * MINUTE))
    known, now, passed = facts(), NOW, []
    for wait in waits:
        now += timedelta(seconds=wait)
        braked = brake_request(ANN, braking, known, now)
        for spent in braked.spent:
            passed.append(now)
            fact = BrakeFact(spent.key, spent.tokens, now, spent.version + 1)
            known = facts(brakes={spent.key: fact})
    for start in passed:
        in_period = [at for at in passed if start <= at < start + 10 * MINUTE]
        assert len(in_period) <= 2 * count


ANSWERS = brakes(
    answers_per_address=Budget(2, MINUTE),
    answers_per_day=Budget(3, MINUTE),
    answers_alike=Budget(25, MINUTE),
    answers_per_domain=Budget(5, MINUTE),
    answers_in_all=Budget(9, MINUTE),
)


def test_an_answer_takes_a_token_of_each_bucket() -> None:
    spent = brake_answer("Ann@Example.net", ANSWERS, facts(), NOW).spent
    assert [(one.key, one.tokens) for one in spent] == [
        ("answer-address:ann@example.net", 1.0),
        ("answer-day:ann@example.net", 2.0),
        ("answer-domain:example.net", 4.0),
        ("answer-all", 8.0),
    ]


@pytest.mark.parametrize(
    ("by", "empty"),
    [("answer-address", 0), ("answer-day", 1), ("answer-domain", 2), ("answer-all", 3)],
)
def test_one_empty_bucket_leaves_the_others_full(by: str, empty: int) -> None:
    key = answer_keys(ANN)[empty]
    known = facts(brakes={key: BrakeFact(key, 0.0, NOW, 1)})
    braked = brake_answer(ANN, ANSWERS, known, NOW)
    assert (by, ()) == (braked.by, braked.spent)


def test_only_what_stands_for_many_is_a_floodgate() -> None:
    names = [key.partition(":")[0] for key in answer_keys(ANN)]
    assert [False, False, True, True] == [is_floodgate(name) for name in names]
    assert not is_floodgate(None)


def test_a_brake_that_is_off_never_brakes_and_writes_nothing() -> None:
    for braked in (
        brake_answer(ANN, brakes(), facts(), NOW),
        brake_request(ANN, brakes(), facts(), NOW),
        brake_notices(brakes(), facts(), NOW, 1_000),
    ):
        assert (braked.by, braked.spent) == (None, ())


# ---- notices: many at once


@pytest.mark.parametrize(
    ("left", "count", "tokens"),
    [
        (4.0, 1, 5.0),
        (0.0, 5, 5.0),
        (None, 2, 1.0),
        (None, 3, 2.9),
        # More than a bucket ever holds takes all of a full one, and nothing of any other.
        (0.0, 99, 5.0),
        (None, 99, 4.9),
    ],
)
def test_notices_take_a_token_each_all_or_none(
    left: float | None, count: int, tokens: float
) -> None:
    known = facts(brakes={NEWS_KEY: BrakeFact(NEWS_KEY, tokens, NOW, 4)})
    braking = brakes(notices_in_all=Budget(5, MINUTE))
    expected = (SpendBrake(NEWS_KEY, left, 4),) if left is not None else ()
    braked = brake_notices(braking, known, NOW, count)
    assert (expected, None if expected else "notice-all") == (braked.spent, braked.by)


def test_the_administrators_are_alarmed_once_an_hour() -> None:
    key = "alert:held"
    assert (SpendBrake(key, 0.0, 0),) == brake_alert("held", facts(), NOW).spent
    known = facts(brakes={key: BrakeFact(key, 0.0, NOW, 1)})
    assert brake_alert("held", known, NOW + 59 * MINUTE).by == "alert"
    assert brake_alert("held", known, NOW + 60 * MINUTE).by is None
    assert brake_alert("lost", known, NOW).by is None  # each cause has its own


def test_every_bucket_that_a_decision_asks_for_is_among_those_that_are_loaded() -> None:
    asked = [
        *brake_answer(ANN, ANSWERS, facts(), NOW).spent,
        *brake_request(ANN, TWO, facts(), NOW).spent,
        *brake_notices(brakes(notices_in_all=Budget(5, MINUTE)), facts(), NOW, 1).spent,
        *(one for key in ALERT_KEYS for one in brake_alert(key[6:], facts(), NOW).spent),
        *brake_notice(facts(), NOW).spent,
        *brake_error(ANN, facts(), NOW).spent,
        *brake_lost(ANN, facts(), NOW).spent,
    ]
    assert {one.key for one in asked} == set(keys_for(ANN))


@pytest.mark.parametrize(
    ("is_one", "one", "other"),
    [
        (True, "ticket-17@example.net", "ticket-18@example.net"),
        (True, "ticket-17@example.net", "ticket-8@example.net"),
        (False, "ticket-17@example.net", "ticket-17@example.org"),
        (False, "12345@example.net", "12346@example.net"),  # people, where everybody is a number
    ],
)
def test_addresses_that_differ_by_a_number_share_a_bucket(
    is_one: bool, one: str, other: str
) -> None:
    spent = brake_answer(one, ANSWERS, facts(), NOW).spent
    shared = [key.key for key in spent if key.key in keys_for(other)]
    assert is_one == any(key.startswith("answer-alike:") for key in shared)


def test_sub_addresses_are_one_person() -> None:
    assert keys_for("ann+shop@example.net") == keys_for(ANN)
    assert keys_for("+x@example.net") != keys_for("+y@example.net")


def test_addresses_are_one_whatever_their_case() -> None:
    assert request_key("Ann@Example.NET") == request_key(ANN)
    assert answer_keys("Ann@Example.NET") == answer_keys(ANN)
