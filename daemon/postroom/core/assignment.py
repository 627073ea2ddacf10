"""Who gets a request: the category's rule over who is there.

Rows 25-36; POLICY, categories.toml. Weighted assignment is smooth weighted round robin: exact
shares, no randomness.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from postroom.core.effects import TakeTurn
from postroom.core.facts import Facts, HandlerFact, TurnFact
from postroom.core.model import AssignMethod, Category, Member, Policy


@dataclass(frozen=True, slots=True)
class Choice:
    """An owner (or none) and why; `turn` is the state to keep."""

    owner: str | None
    reason: str
    turn: TakeTurn | None = None
    passed_over: Mapping[str, str] = field(default_factory=dict)  # handler → why not


def choose_owner(
    category: Category,
    policy: Policy,
    facts: Facts,
    now: datetime,
    *,
    exclude: str | None = None,
) -> Choice:
    """Name who should own a request in a category now."""
    if category.assign is AssignMethod.NONE:
        return Choice(None, "the category assigns nobody")
    present, absent = _present(category, facts, now, exclude)
    names = {member.handler for member in present}
    if (last := _same_customer(category, facts, now)) is not None and last in names:
        return _turn(category, facts, last, "has this customer's last request", absent)
    if category.service_contact_first:
        own = (facts.contact.handler or facts.contact.company_handler) if facts.contact else None
        own = own or (facts.company.handler if facts.company else None)
        is_there = own in policy.handlers and own != exclude
        if own is not None and is_there and is_present(facts, own, now):
            return _turn(category, facts, own, "the customer's own handler", absent)
    if present:
        return _by_method(category, facts, present, absent)
    administrator = category.administrator
    if category.fallback_to_administrator and administrator is not None:
        return Choice(administrator, "nobody available: the administrator", None, absent)
    return Choice(None, "nobody available", None, absent)


def is_present(facts: Facts, handler: str, now: datetime) -> bool:
    """Whether a handler has not said that he is away."""
    known = facts.handlers.get(handler)
    return known is None or known.away_until is None or known.away_until <= now


def _present(
    category: Category, facts: Facts, now: datetime, exclude: str | None
) -> tuple[list[Member], dict[str, str]]:
    present: list[Member] = []
    absent: dict[str, str] = {}
    for member in category.members:
        known = facts.handlers.get(member.handler, HandlerFact(member.handler))
        seen = known.last_seen_at
        if member.weight == 0:
            absent[member.handler] = "weight 0"
        elif member.handler == exclude:
            absent[member.handler] = "was the owner"
        elif not is_present(facts, member.handler, now):
            absent[member.handler] = "away"
        elif category.active_within is not None and (
            seen is None or now - seen > category.active_within
        ):
            absent[member.handler] = "not seen lately"
        else:
            present.append(member)
    return present, absent


def _same_customer(category: Category, facts: Facts, now: datetime) -> str | None:
    if category.same_customer_within is None or facts.last_owner_at is None:
        return None
    is_recent = now - facts.last_owner_at <= category.same_customer_within
    return facts.last_owner if is_recent else None


def _by_method(
    category: Category,
    facts: Facts,
    present: list[Member],
    absent: Mapping[str, str],
) -> Choice:
    turn = facts.turns.get(category.path, TurnFact(category.path))
    match category.assign:
        case AssignMethod.WEIGHTED:
            # Every present member gains its weight; who stands highest pays what all gained.
            weights = dict(turn.weights)
            for member in present:
                weights[member.handler] = weights.get(member.handler, 0) + member.weight
            chosen = max(present, key=lambda member: weights[member.handler]).handler
            weights[chosen] -= sum(member.weight for member in present)
            return _turn(category, facts, chosen, "weighted", absent, weights)
        case AssignMethod.FEWEST_OPEN:
            chosen = min(present, key=lambda member: _load(facts, member.handler)).handler
            return _turn(category, facts, chosen, "has the fewest open requests", absent)
        case _:
            chosen = min(present, key=lambda member: turn.turns.get(member.handler, 0)).handler
            return _turn(category, facts, chosen, "round robin", absent)


def _load(facts: Facts, handler: str) -> tuple[int, str]:
    known = facts.handlers.get(handler, HandlerFact(handler))
    last = known.last_assigned_at
    return known.open_requests, last.isoformat() if last is not None else ""


def _turn(
    category: Category,
    facts: Facts,
    handler: str,
    reason: str,
    absent: Mapping[str, str],
    weights: Mapping[str, int] | None = None,
) -> Choice:
    turn = facts.turns.get(category.path, TurnFact(category.path))
    taken = TakeTurn(
        category.path,
        handler,
        turn.weights if weights is None else weights,
        {**turn.turns, handler: max(turn.turns.values(), default=0) + 1},
        turn.version,
    )
    return Choice(handler, reason, taken, absent)
