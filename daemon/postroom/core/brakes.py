"""Brakes: token buckets that stop answers (never storage) and hold floods of requests.

DESIGN section 6. A bucket holds `count` tokens and refills evenly within `period`; its state is a
row, so a restart does not refill it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from postroom.core.effects import SpendBrake
from postroom.core.facts import Facts
from postroom.core.site import Brakes, Budget
from postroom.mail.address import domain_of

# A token that is due now must not wait because a fraction was rounded.
_TOLERANCE = 1e-9


# Notices of held mails, in all; `postroom hold list` has every one of them.
NOTICE_KEY = "notice-held"
_NOTICES = Budget(10, timedelta(minutes=10))


def request_key(address: str) -> str:
    """Name the bucket for new requests of one address."""
    return f"request-address:{_person(address)}"


def answer_keys(address: str) -> tuple[str, str, str]:
    """Name the buckets for answers to one address: its own, its domain's, everybody's."""
    person = _person(address)
    return f"answer-address:{person}", f"answer-domain:{domain_of(person)}", "answer-all"


def _person(address: str) -> str:
    """Return an address without its sub-address: one person has one bucket."""
    local, at, domain = address.lower().rpartition("@")
    return f"{local.partition('+')[0] or local}{at}{domain}"


@dataclass(frozen=True, slots=True)
class Braked:
    """Whether a token could be taken: the effects that take it, else the bucket that was empty."""

    spent: tuple[SpendBrake, ...] = ()
    by: str | None = None


def brake_request(address: str, brakes: Brakes, facts: Facts, now: datetime) -> Braked:
    """Try to take one token for a new request of an address."""
    return _take([(request_key(address), brakes.requests_per_address)], facts, now)


def brake_answer(address: str, brakes: Brakes, facts: Facts, now: datetime) -> Braked:
    """Try to take one token of each bucket that an automatic answer needs; all or none."""
    own, domain, everybody = answer_keys(address)
    return _take(
        [
            (own, brakes.answers_per_address),
            (domain, brakes.answers_per_domain),
            (everybody, brakes.answers_in_all),
        ],
        facts,
        now,
    )


def brake_notice(facts: Facts, now: datetime) -> Braked:
    """Try to take a token for telling somebody of a held mail: a flood of them is told of once."""
    return _take([(NOTICE_KEY, _NOTICES)], facts, now)


def _take(buckets: list[tuple[str, Budget]], facts: Facts, now: datetime) -> Braked:
    spent = []
    for key, budget in buckets:
        if budget.count == 0:  # "off"
            continue
        known = facts.brakes.get(key)
        level = float(budget.count)
        # A row from further ahead than it takes to refill was written by a clock that was wrong.
        if known is not None and known.at - now <= budget.period:
            refilled = (now - known.at) / budget.period * budget.count
            level = min(level, known.tokens + max(refilled, 0.0))
        if level < 1.0 - _TOLERANCE:
            return Braked(by=key.partition(":")[0])
        version = known.version if known is not None else 0
        spent.append(SpendBrake(key, max(level - 1.0, 0.0), version))
    return Braked(spent=tuple(spent))
