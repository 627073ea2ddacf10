"""Brakes: token buckets that stop answers (never storage) and hold floods of requests.

DESIGN section 6. A bucket holds `count` tokens and refills evenly within `period`; its state is a
row, so a restart does not refill it. What is to end a loop refills at once, when nothing was taken
for a whole period: evenly, a partner who takes nine hours would get an answer each time.
"""

from __future__ import annotations

import re
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
# Notices of requests, to all handlers together.
NEWS_KEY = "notice-all"
# What the administrators are told of the site, such as that a brake has closed.
ALERT_KEYS = ("alert:flood", "alert:held", "alert:lost")
_ALERTS = Budget(1, timedelta(hours=1))
# Not of time: one token, taken when trouble is told of and given back when it is over.
ALARM_KEY = "alarm:"
# A handler is told that his mail was not what it should be. An out-of-office without any mark
# would come back for each of these, for ever: as with automatic answers, the third is the last.
_LOST_KEY = "lost-address:"
_LOST = Budget(3, timedelta(days=1))
_ERROR_KEY = "error-address:"  # of commands: no machine writes those
_ERRORS = Budget(50, timedelta(days=1))


# Addresses that differ by a number: a ticket system that answers from another one each time.
_ALIKE_KEY = "answer-alike:"
_AT_ONCE = ("answer-day:", _ALIKE_KEY, _LOST_KEY)


def request_key(address: str) -> str:
    """Name the bucket for new requests of one address."""
    return f"request-address:{_person(address)}"


def answer_keys(address: str) -> tuple[str, str, str, str]:
    """Name the buckets for answers to one address: its own two, its domain's, everybody's."""
    person = _person(address)
    own = f"answer-address:{person}", f"answer-day:{person}"
    return *own, f"answer-domain:{domain_of(person)}", "answer-all"


def keys_for(address: str) -> tuple[str, ...]:
    """Name every bucket that a decision about a mail of this address may look at."""
    person = _person(address)
    told = f"{_LOST_KEY}{person}", f"{_ERROR_KEY}{person}"
    own = request_key(address), *answer_keys(address), *_alike_keys(address)
    return *own, *told, NOTICE_KEY, NEWS_KEY, *ALERT_KEYS


def _person(address: str) -> str:
    """Return an address without its sub-address: one person has one bucket."""
    local, at, domain = address.lower().rpartition("@")
    return f"{local.partition('+')[0] or local}{at}{domain}"


def _alike_keys(address: str) -> tuple[str, ...]:
    """Name the bucket of addresses that differ by a number: `ticket-17@` and `ticket-18@` may be
    one machine. Not where the name is nothing but a number: those are people, at providers that
    number them.
    """
    person = _person(address)
    local, at, domain = person.rpartition("@")
    alike = _NUMBER.sub("0", local)
    is_numbered = alike != local and _LETTER.search(local)
    return (f"{_ALIKE_KEY}{alike}{at}{domain}",) if is_numbered else ()


_NUMBER = re.compile(r"[0-9]+")
_LETTER = re.compile(r"[^0-9._-]")


@dataclass(frozen=True, slots=True)
class Braked:
    """Whether a token could be taken: the effects that take it, else the bucket that was empty."""

    spent: tuple[SpendBrake, ...] = ()
    by: str | None = None


# Why a mail is held that is one too many.
TOO_MANY = "more new requests from this address than the intake brake lets through"


def brake_request(address: str, brakes: Brakes, facts: Facts, now: datetime) -> Braked:
    """Try to take one token for a new request of an address."""
    return _take([(request_key(address), brakes.requests_per_address)], facts, now)


def brake_answer(address: str, brakes: Brakes, facts: Facts, now: datetime) -> Braked:
    """Try to take one token of each bucket that an automatic answer needs; all or none."""
    own, daily, domain, everybody = answer_keys(address)
    return _take(
        [
            (own, brakes.answers_per_address),
            (daily, brakes.answers_per_day),
            *((key, brakes.answers_alike) for key in _alike_keys(address)),
            (domain, brakes.answers_per_domain),
            (everybody, brakes.answers_in_all),
        ],
        facts,
        now,
    )


def brake_notice(facts: Facts, now: datetime) -> Braked:
    """Try to take a token for telling somebody of a held mail: a flood of them is told of once."""
    return _take([(NOTICE_KEY, _NOTICES)], facts, now)


def brake_notices(brakes: Brakes, facts: Facts, now: datetime, count: int) -> Braked:
    """Try to take a token for each of several notices to people inside; all or none."""
    return _take([(NEWS_KEY, brakes.notices_in_all)], facts, now, count)


def brake_alert(cause: str, facts: Facts, now: datetime) -> Braked:
    """Try to take a token for telling the administrators of something; each cause has its own."""
    return _take([(f"alert:{cause}", _ALERTS)], facts, now)


def brake_error(address: str, facts: Facts, now: datetime) -> Braked:
    """Try to take a token for telling a handler of a mistake in his commands."""
    return _take([(f"{_ERROR_KEY}{_person(address)}", _ERRORS)], facts, now)


def brake_lost(address: str, facts: Facts, now: datetime) -> Braked:
    """Try to take a token for telling a handler that his mail came to no address of his."""
    return _take([(f"{_LOST_KEY}{_person(address)}", _LOST)], facts, now)


def is_floodgate(key: str | None) -> bool:
    """Whether a brake stands for more than one correspondent: its closing is told of."""
    return key in ("answer-domain", "answer-all")


def _take(buckets: list[tuple[str, Budget]], facts: Facts, now: datetime, count: int = 1) -> Braked:
    spent = []
    for key, budget in buckets:
        if budget.count == 0:  # "off"
            continue
        known = facts.brakes.get(key)
        level = float(budget.count)
        # A row from further ahead than it takes to refill was written by a clock that was wrong.
        if known is not None and known.at - now <= budget.period:
            share = max((now - known.at) / budget.period, 0.0)
            share = float(int(share)) if key.startswith(_AT_ONCE) else share
            level = min(level, known.tokens + share * budget.count)
        # More at once than a bucket ever holds takes all that is in it.
        wanted = float(min(count, budget.count))
        if level < wanted - _TOLERANCE:
            return Braked(by=key.partition(":")[0])
        version = known.version if known is not None else 0
        spent.append(SpendBrake(key, max(level - wanted, 0.0), version))
    return Braked(spent=tuple(spent))
