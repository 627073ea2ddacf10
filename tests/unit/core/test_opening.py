"""A mail becomes a new request: where each of its properties comes from."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.unit.core.builders import (
    ANN,
    NOW,
    OFF,
    SUPPORT,
    arrival,
    category,
    contact,
    facts,
    policy,
    rule,
    sender,
    site,
)

from postroom.core.effects import OpenRequest, QueueMail, SpendBrake, TakeTurn
from postroom.core.facts import Arrival, BrakeFact, CompanyFact, Facts
from postroom.core.intake import decide_mail
from postroom.core.model import Policy, RequestType, Rule
from postroom.core.site import Brakes, Budget, Site


def effects(
    came: Arrival | None = None,
    known: Facts | None = None,
    rules: Policy | None = None,
    at: Site | None = None,
) -> tuple[Any, ...]:
    return decide_mail(
        came or arrival(), known or facts(), rules or policy(), at or site(), NOW
    ).effects


def opened(*args: Any) -> OpenRequest:
    [found] = [effect for effect in effects(*args) if isinstance(effect, OpenRequest)]
    return found


def because(came: Arrival, known: Facts, rules: Policy) -> dict[str, str]:
    explanation = decide_mail(came, known, rules, site(), NOW).explanation
    return dict(explanation["properties"])


# ---- priority: rule, contact, company, mailbox, category, default (row 38)


HIGH_MAILBOX = replace(SUPPORT, priority="high")
LOW_CATEGORY = (category(priority="low"),)


@pytest.mark.parametrize(
    ("priority", "why", "came", "known", "rules"),
    [
        (
            "low",
            'rule "rule"',
            arrival(HIGH_MAILBOX),
            facts(contact=contact(priority="high")),
            policy(rule(priority="low")),
        ),
        (
            "low",
            "the contact's",
            arrival(HIGH_MAILBOX),
            facts(contact=contact(priority="low", company_priority="high")),
            policy(),
        ),
        (
            "low",
            "the company's",
            arrival(HIGH_MAILBOX),
            facts(contact=contact(company_priority="low")),
            policy(),
        ),
        (
            "low",
            "the company's",
            arrival(HIGH_MAILBOX),
            facts(company=CompanyFact(1, "Big Corp", "low", None)),
            policy(),
        ),
        (
            "high",
            "mailbox support",
            arrival(HIGH_MAILBOX),
            facts(),
            policy(categories=LOW_CATEGORY),
        ),
        ("low", "category support", arrival(), facts(), policy(categories=LOW_CATEGORY)),
        ("medium", "the default", arrival(), facts(), policy()),
        # What is gone from the rules is passed over.
        ("medium", "the default", arrival(), facts(contact=contact(priority="gone")), policy()),
        # A type may allow some only.
        (
            "high",
            "the first that urgent-claim allows",
            arrival(),
            facts(),
            policy(rule(type="urgent-claim")),
        ),
        (
            "high",
            "mailbox support",
            arrival(HIGH_MAILBOX),
            facts(contact=contact(priority="low")),
            policy(rule(type="urgent-claim")),
        ),
    ],
)
def test_priority(priority: str, why: str, came: Arrival, known: Facts, rules: Policy) -> None:
    assert priority == opened(came, known, rules).priority
    assert why == because(came, known, rules)["priority"]


# ---- type, category, status


@pytest.mark.parametrize(
    ("kind", "status", "came", "rules"),
    [
        ("general", "open", arrival(), policy()),
        ("general", "open", arrival(replace(SUPPORT, type="gone")), policy()),
        ("urgent-claim", "pending", arrival(replace(SUPPORT, type="urgent-claim")), policy()),
        (
            "claim",
            "pending",
            arrival(replace(SUPPORT, type="urgent-claim")),
            policy(rule(type="claim", extract={"order": "/how/i"})),
        ),
        # What the type requires is missing: the default type takes it.
        ("general", "open", arrival(), policy(rule(type="claim"))),
        ("general", "waiting", arrival(), policy(rule(status="waiting"))),
        ("general", "waiting", arrival(), policy(categories=(category(status="waiting"),))),
        ("general", "closed", arrival(), policy(rule(close=True))),
        ("general", "archived", arrival(), policy(rule(close=True, status="archived"))),
    ],
)
def test_type_and_status(kind: str, status: str, came: Arrival, rules: Policy) -> None:
    request = opened(came, facts(), rules)
    assert (kind, status) == (request.type, request.status)


def test_a_type_that_lacks_what_it_requires_says_so() -> None:
    words = 'rule "rule"; claim needs order, so the default type'
    assert because(arrival(), facts(), policy(rule(type="claim")))["type"] == words


def test_a_rule_moves_a_mail_to_another_category() -> None:
    request = opened(arrival(), facts(), policy(rule(category="sales")))
    assert (request.mailbox, request.category) == ("support", "sales")


@pytest.mark.parametrize(
    ("subject", "came", "given"),
    [
        ("How do I pay?", arrival(), rule()),
        ("(no subject)", arrival(subject="  "), rule()),
        ("Paying", arrival(), rule(subject="Paying")),
        ("x" * 500, arrival(subject="x" * 2_000), rule()),
    ],
)
def test_subject(subject: str, came: Arrival, given: Rule) -> None:
    assert subject == opened(came, facts(), policy(given)).subject


@pytest.mark.parametrize(
    ("language", "came", "known", "given"),
    [
        (
            "sv",
            arrival(language="nb-no"),
            facts(contact=contact(language="da")),
            rule(language="sv"),
        ),
        ("da", arrival(language="nb-no"), facts(contact=contact(language="da")), rule()),
        ("nb", arrival(language="nb-no"), facts(contact=contact()), rule()),
        ("de", arrival(replace(SUPPORT, language="de")), facts(), rule()),
    ],
)
def test_language(language: str, came: Arrival, known: Facts, given: Rule) -> None:
    assert language == opened(came, known, policy(given)).language


def test_a_company_comes_with_the_contact_or_with_the_domain() -> None:
    assert opened(arrival(), facts(contact=contact(company_id=5))).company_id == 5
    assert opened(arrival(), facts(company=CompanyFact(6, "Big", None, None))).company_id == 6


# ---- owner


@pytest.mark.parametrize(
    ("owner", "why", "takes_turn", "rules"),
    [
        ("eva", "round robin", True, policy()),
        ("kim", 'rule "rule"', False, policy(rule(owner="kim"))),
        (None, 'rule "rule"', False, policy(rule(owner="none"))),
        ("eva", 'rule "rule"', True, policy(rule(owner="auto"))),
    ],
)
def test_owner(owner: str | None, why: str, takes_turn: bool, rules: Policy) -> None:
    request = opened(arrival(), facts(), rules)
    assert (owner, why) == (request.owner, request.owner_because)
    turns = [effect for effect in effects(rules=rules) if isinstance(effect, TakeTurn)]
    assert takes_turn is bool(turns)


# ---- the automatic reply


def replies(*args: Any) -> list[QueueMail]:
    found = [effect for effect in effects(*args) if isinstance(effect, QueueMail)]
    return [effect for effect in found if effect.kind == "auto-reply"]


def test_a_neutral_reply_repeats_nothing() -> None:
    [reply] = replies(arrival(subject="Pills", text="Buy", fresh="Buy", from_=sender(ANN, "Pill")))
    assert reply.variables["neutral"] is True
    assert (reply.subject, reply.variables["message"]["text"]) == ("", "")
    assert (reply.in_reply_to, reply.reply_role, reply.reply_address) == (
        "one@example.net",
        "c",
        ANN,
    )


def test_a_known_sender_is_answered_about_his_own_words() -> None:
    [reply] = replies(arrival(), facts(contact=contact(), has_been_answered=True))
    assert reply.variables["neutral"] is False
    assert (reply.subject, reply.variables["message"]["text"]) == ("How do I pay?", "Hello")


def test_a_reply_spends_a_token_of_each_brake_and_none_when_it_is_not_sent() -> None:
    budget = Budget(2, timedelta(minutes=10))
    braked = site(brakes=Brakes(budget, OFF, budget, OFF))

    def spent(*args: Any) -> list[str]:
        return [e.key for e in effects(*args) if isinstance(e, SpendBrake)]

    assert spent(arrival(), facts(), policy(), braked) == [f"answer-address:{ANN}", "answer-all"]
    assert spent(arrival(), facts(), policy(rule(auto_reply=False)), braked) == []
    empty = facts(brakes={"answer-all": BrakeFact("answer-all", 0.0, NOW, 1)})
    request = opened(arrival(), empty, policy(), braked)
    assert request.auto_reply == "brake: answer-all"
    assert spent(arrival(), empty, policy(), braked) == []


# ---- who is told


@pytest.mark.parametrize(
    ("recipients", "names"),
    [
        (("eva@example.com",), ("owner",)),
        (("eva@example.com",), ("administrator", "owner", "eva")),
        (("eva@example.com", "omar@example.com", "kim@example.com"), ("members",)),
        (("omar@example.com", "kim@example.com"), ("group:second-line",)),
        (("kim@example.com", "x@example.org"), ("kim", "x@example.org", "nobody")),
    ],
)
def test_notify(recipients: tuple[str, ...], names: tuple[str, ...]) -> None:
    found = [e for e in effects(rules=policy(rule(notify=names))) if isinstance(e, QueueMail)]
    assert [recipients] == [e.recipients for e in found if e.kind == "notice"]


def test_forward_to_carries_the_whole_mail_and_no_reply_address() -> None:
    rules = policy(rule(forward_to=("books@example.org",)))
    [letter] = [e for e in effects(rules=rules) if isinstance(e, QueueMail) and e.kind == "notice"]
    assert (letter.template, letter.attachments, letter.reply_role) == ("forward", ("0",), None)


def test_types_without_limits_allow_every_priority() -> None:
    plain = policy()
    free = replace(plain, types={"general": RequestType("general", "request", default=True)})
    assert opened(arrival(HIGH_MAILBOX), facts(), free).priority == "high"
