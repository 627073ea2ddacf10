"""Who gets a request: the category's rule over who is there."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.core.builders import NOW, category, contact, facts, policy

from postroom.core.assignment import Choice, choose_owner
from postroom.core.effects import TakeTurn
from postroom.core.facts import CompanyFact, Facts, HandlerFact, TurnFact
from postroom.core.model import AssignMethod, Category, Member

HOUR = timedelta(hours=1)
AWAY = NOW + HOUR


def choose(where: Category, known: Facts, **more: Any) -> Choice:
    return choose_owner(where, policy(categories=(where,)), known, NOW, **more)


def taken(known: Facts, choice: Choice) -> Facts:
    """What the database knows after a turn was taken."""
    assert choice.turn is not None
    turn = choice.turn
    state = TurnFact(turn.category, turn.weights, turn.turns, turn.version + 1)
    return replace(known, turns={**known.turns, turn.category: state})


def series(where: Category, known: Facts, length: int) -> list[str]:
    owners: list[str] = []
    for _ in range(length):
        choice = choose(where, known)
        assert choice.owner is not None
        owners.append(choice.owner)
        known = taken(known, choice)
    return owners


def handlers(**away: Any) -> dict[str, HandlerFact]:
    return {name: HandlerFact(name, away_until=until) for name, until in away.items()}


def seen(**ago: timedelta) -> dict[str, HandlerFact]:
    return {name: HandlerFact(name, last_seen_at=NOW - past) for name, past in ago.items()}


# ---- round robin


def test_round_robin_gives_everybody_a_turn() -> None:
    owners = series(category(), facts(), 6)
    assert owners == ["eva", "omar", "kim", "eva", "omar", "kim"]


def test_round_robin_passes_over_who_is_away_and_lets_him_in_once_when_he_is_back() -> None:
    known = facts(handlers=handlers(omar=AWAY))
    first = choose(category(), known)
    assert (first.owner, dict(first.passed_over)) == ("eva", {"omar": "away"})
    known = taken(known, first)
    known = taken(known, choose(category(), known))
    assert series(category(), replace(known, handlers={}), 4) == ["omar", "eva", "kim", "omar"]


def test_a_turn_carries_the_version_of_the_facts() -> None:
    known = facts(turns={"support": TurnFact("support", {"eva": 4}, {"eva": 2}, 9)})
    assert choose(category(), known).turn == TakeTurn(
        "support", "omar", {"eva": 4}, {"eva": 2, "omar": 3}, 9
    )


# ---- weighted


@given(st.lists(st.integers(1, 7), min_size=1, max_size=5), st.integers(0, 30))
def test_weights_give_exact_shares_in_every_window(weights: list[int], start: int) -> None:
    members = tuple(Member(f"m{number}", weight) for number, weight in enumerate(weights))
    where = category(members=members, assign=AssignMethod.WEIGHTED)
    period = sum(weights)
    window = series(where, facts(), start + period)[start:]
    assert Counter(window) == {member.handler: member.weight for member in members}


def test_weights_are_interleaved_and_not_in_blocks() -> None:
    members = (Member("eva", 2), Member("omar", 1), Member("kim", 1))
    where = category(members=members, assign=AssignMethod.WEIGHTED)
    assert series(where, facts(), 4) == ["eva", "omar", "kim", "eva"]


def test_who_is_away_saves_up_no_turns() -> None:
    where = category(members=(Member("eva", 1), Member("omar", 1)), assign=AssignMethod.WEIGHTED)
    known = facts(handlers=handlers(omar=AWAY))
    for _ in range(5):
        choice = choose(where, known)
        assert choice.owner == "eva"
        known = taken(known, choice)
    owners = series(where, replace(known, handlers={}), 4)
    assert Counter(owners) == {"eva": 2, "omar": 2}


# ---- fewest open


def load(**of: tuple[int, timedelta | None]) -> dict[str, HandlerFact]:
    return {
        name: HandlerFact(name, NOW - ago if ago is not None else None, open_requests=count)
        for name, (count, ago) in of.items()
    }


@pytest.mark.parametrize(
    ("owner", "known"),
    [
        ("kim", load(eva=(2, HOUR), omar=(2, HOUR), kim=(1, timedelta(0)))),
        # Ties go to whoever was assigned longest ago …
        ("omar", load(eva=(1, HOUR), omar=(1, 2 * HOUR), kim=(1, HOUR))),
        (
            "omar",
            load(eva=(1, timedelta(seconds=1)), omar=(1, timedelta(seconds=1.5)), kim=(2, None)),
        ),
        # … or never.
        ("kim", load(eva=(0, HOUR), omar=(0, HOUR), kim=(0, None))),
        ("eva", {}),
    ],
)
def test_fewest_open(owner: str, known: dict[str, HandlerFact]) -> None:
    where = category(assign=AssignMethod.FEWEST_OPEN)
    assert owner == choose(where, facts(handlers=known)).owner


# ---- who is there


@pytest.mark.parametrize(
    ("owner", "passed_over", "where", "known", "more"),
    [
        ("omar", {"eva": "away"}, category(), facts(handlers=handlers(eva=AWAY)), {}),
        ("eva", {}, category(), facts(handlers=handlers(eva=NOW)), {}),
        ("omar", {"eva": "was the owner"}, category(), facts(), {"exclude": "eva"}),
        (
            "omar",
            {"eva": "weight 0"},
            category(members=(Member("eva", 0), Member("omar"))),
            facts(),
            {},
        ),
        (
            "kim",
            {"eva": "not seen lately", "omar": "not seen lately"},
            category(active_within=HOUR),
            facts(handlers=seen(omar=2 * HOUR, kim=HOUR)),
            {},
        ),
        (None, {}, category(assign=AssignMethod.NONE, fallback_to_administrator=True), facts(), {}),
        (None, {}, category(members=()), facts(), {}),
        ("eva", {}, category(members=(), fallback_to_administrator=True), facts(), {}),
        (
            "eva",
            {"omar": "away"},
            category(members=(Member("omar"),), fallback_to_administrator=True),
            facts(handlers=handlers(omar=AWAY)),
            {},
        ),
        (
            None,
            {},
            category(members=(), fallback_to_administrator=True, administrator=None),
            facts(),
            {},
        ),
    ],
)
def test_present(
    owner: str | None,
    passed_over: dict[str, str],
    where: Category,
    known: Facts,
    more: dict[str, str],
) -> None:
    choice = choose(where, known, **more)
    assert (owner, passed_over) == (choice.owner, dict(choice.passed_over))


# ---- the customer's own handler


@pytest.mark.parametrize(
    ("owner", "ago", "last", "known"),
    [
        ("kim", HOUR, "kim", {}),
        ("eva", HOUR + timedelta(seconds=1), "kim", {}),
        ("eva", HOUR, "kim", handlers(kim=AWAY)),
        ("eva", HOUR, "nobody", {}),
    ],
)
def test_the_same_customer_soon_gets_the_same_handler(
    owner: str, ago: timedelta, last: str, known: dict[str, HandlerFact]
) -> None:
    where = category(same_customer_within=HOUR)
    had = facts(handlers=known, last_owner=last, last_owner_at=NOW - ago)
    assert owner == choose(where, had).owner


def test_the_same_customer_is_asked_about_only_where_the_category_says_so() -> None:
    assert choose(category(), facts(last_owner="kim", last_owner_at=NOW)).owner == "eva"


@pytest.mark.parametrize(
    ("owner", "changes"),
    [
        ("omar", {"contact": contact(handler="omar", company_handler="kim")}),
        ("kim", {"contact": contact(company_handler="kim")}),
        ("kim", {"company": CompanyFact(1, "Big Corp", None, "kim")}),
        ("eva", {"contact": contact(handler="omar"), "handlers": handlers(omar=AWAY)}),
        ("eva", {"contact": contact(handler="left-us")}),
        ("eva", {"contact": contact()}),
        ("eva", {}),
    ],
)
def test_service_contact(owner: str, changes: dict[str, Any]) -> None:
    assert owner == choose(category(service_contact_first=True), facts(**changes)).owner


def test_the_service_contact_is_passed_over_when_he_is_to_be() -> None:
    known = facts(contact=contact(handler="omar"))
    where = category(service_contact_first=True)
    assert choose(where, known, exclude="omar").owner == "eva"


def test_the_last_handler_comes_before_the_service_contact() -> None:
    where = category(same_customer_within=HOUR, service_contact_first=True)
    known = facts(contact=contact(handler="omar"), last_owner="kim", last_owner_at=NOW)
    assert choose(where, known).owner == "kim"
