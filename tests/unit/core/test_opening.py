"""A mail becomes a new request: where each of its properties comes from."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.unit.core.builders import (
    ANN,
    BOB,
    EVA,
    NOW,
    SUPPORT,
    arrival,
    brakes,
    category,
    contact,
    facts,
    loud,
    policy,
    rule,
    sender,
    site,
)

from postroom.core.effects import (
    AddParticipant,
    OpenRequest,
    QueueMail,
    Reply,
    SpendBrake,
    TakeTurn,
)
from postroom.core.facts import Arrival, BrakeFact, CompanyFact, Facts
from postroom.core.intake import decide_mail
from postroom.core.model import Policy, RequestType, Rule
from postroom.core.site import Budget, Site


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
    assert (reply.in_reply_to, reply.reply, reply.reply_to) == (
        "one@example.net",
        Reply.CUSTOMER,
        ANN,
    )


def test_a_known_sender_is_answered_about_his_own_words() -> None:
    [reply] = replies(arrival(), facts(contact=contact(), has_been_answered=True))
    assert reply.variables["neutral"] is False
    assert (reply.subject, reply.variables["message"]["text"]) == ("How do I pay?", "Hello")


def test_a_reply_spends_a_token_of_each_brake_and_none_when_it_is_not_sent() -> None:
    budget = Budget(2, timedelta(minutes=10))
    braked = site(brakes=brakes(answers_per_address=budget, answers_in_all=budget))

    def spent(*args: Any) -> list[str]:
        return [e.key for e in effects(*args) if isinstance(e, SpendBrake)]

    assert spent(arrival(), facts(), policy(), braked) == [f"answer-address:{ANN}", "answer-all"]
    assert spent(arrival(), facts(), policy(rule(auto_reply=False)), braked) == []
    empty = facts(brakes={"answer-all": BrakeFact("answer-all", 0.0, NOW, 1)})
    request = opened(arrival(), empty, policy(), braked)
    assert request.auto_reply == "brake: answer-all"
    assert spent(arrival(), empty, policy(), braked) == ["alert:flood"]  # the administrators'


# ---- who is told


OMAR, KIM, BOOKS = "omar@example.com", "kim@example.com", "books@example.org"
MEMBERS_TOO = category(notify_members=True)


def told(*args: Any) -> list[QueueMail]:
    found = [effect for effect in effects(*args) if isinstance(effect, QueueMail)]
    return [effect for effect in found if effect.kind in ("notice", "alert")]


@pytest.mark.parametrize(
    ("recipients", "names"),
    [
        ((EVA,), ("owner",)),
        ((EVA,), ("administrator", "owner", "eva")),
        ((EVA, OMAR, KIM), ("members",)),
        ((OMAR, KIM), ("group:second-line",)),
        ((KIM, "x@example.org"), ("kim", "x@example.org", "nobody")),
        # A handler's address is his: he gets what handlers get, once.
        ((EVA,), ("Berg@example.com", "eva")),
    ],
)
def test_notify(recipients: tuple[str, ...], names: tuple[str, ...]) -> None:
    found = told(arrival(), facts(), policy(rule(notify=names)))
    assert [(address,) for address in recipients] == [letter.recipients for letter in found]
    for letter in found:
        is_handlers = letter.recipients[0].endswith("@example.com")
        assert letter.reply is (Reply.ANSWER if is_handlers else Reply.SIDE)
        assert (letter.kind, letter.template, letter.because) == ("notice", "new", 'rule "rule"')


@pytest.mark.parametrize(
    ("recipients", "rules"),
    [
        ([EVA], loud()),
        ([], policy()),
        ([EVA, OMAR, KIM], loud(categories=(MEMBERS_TOO,))),
        ([OMAR, EVA, KIM], loud(rule(owner="omar"), categories=(MEMBERS_TOO,))),
        ([], policy(categories=(MEMBERS_TOO,))),
        ([EVA, BOOKS], loud(categories=(category(notify=(BOOKS,)),))),
        ([], loud(rule(owner="none"))),
        ([EVA, OMAR], loud(rule(notify=("omar", "owner")))),
    ],
)
def test_who_hears_of_a_new_request(recipients: list[str], rules: Policy) -> None:
    found = told(arrival(), facts(), rules)
    assert [(address,) for address in recipients] == [letter.recipients for letter in found]


def test_the_notice_of_a_new_request_is_answered_to_the_customer() -> None:
    [letter] = told(arrival(), facts(), loud())
    assert (letter.reply, letter.reply_to, letter.reply_generation) == (Reply.ANSWER, "eva", 0)
    assert (letter.is_inside, letter.variables["message"]["text"]) == (True, "Hello")
    assert letter.variables["reason"] == "round robin"


def test_notices_that_a_brake_stops_alarm_the_administrators_once() -> None:
    flood = site(brakes=brakes(notices_in_all=Budget(300, timedelta(minutes=10))))
    empty = facts(brakes={"notice-all": BrakeFact("notice-all", 0.0, NOW, 1)})
    [alarm] = told(arrival(), empty, loud(), flood)
    assert (alarm.template, alarm.recipients, alarm.reply) == ("alert", (EVA,), None)
    both = replace(
        empty, brakes={**empty.brakes, "alert:flood": BrakeFact("alert:flood", 0.0, NOW, 1)}
    )
    assert [] == told(arrival(), both, loud(), flood)
    found = effects(arrival(), facts(), loud(), flood)
    spent = [effect for effect in found if isinstance(effect, SpendBrake)]
    assert [("notice-all", 299.0)] == [(one.key, one.tokens) for one in spent]


def test_automatic_replies_that_a_brake_for_all_stops_alarm_the_administrators() -> None:
    budget = Budget(2, timedelta(minutes=10))
    braked = site(brakes=brakes(answers_in_all=budget, answers_per_address=budget))
    empty = facts(brakes={"answer-all": BrakeFact("answer-all", 0.0, NOW, 1)})
    assert ["alert"] == [letter.kind for letter in told(arrival(), empty, policy(), braked)]
    own = f"answer-address:{ANN}"
    empty = facts(brakes={own: BrakeFact(own, 0.0, NOW, 1)})
    assert [] == told(arrival(), empty, policy(), braked)


def test_forward_to_carries_the_whole_mail_and_what_is_answered_stays_inside() -> None:
    [letter] = told(arrival(), facts(), policy(rule(forward_to=(BOOKS,))))
    assert (letter.kind, letter.template, letter.attachments) == ("notice", "forward", ("0",))
    assert (letter.recipients, letter.reply, letter.reply_to) == ((BOOKS,), Reply.SIDE, None)


def test_whom_a_new_mail_names_belongs_to_the_request_and_is_not_answered() -> None:
    named = (sender(SUPPORT.address), sender(BOB), sender(ANN.upper()))
    came = arrival(to=named, cc=(sender(KIM), sender("help@example.com"), sender(BOOKS)))
    found = effects(came)
    added = [effect for effect in found if isinstance(effect, AddParticipant)]
    assert [(ANN, "requester"), (BOB, "cc"), (BOOKS, "cc")] == [
        (one.address, one.role) for one in added
    ]
    [reply] = [e for e in found if isinstance(e, QueueMail) and e.kind == "auto-reply"]
    assert (opened(came).requester, reply.recipients) == (ANN, (ANN,))


def test_types_without_limits_allow_every_priority() -> None:
    plain = policy()
    free = replace(plain, types={"general": RequestType("general", "request", default=True)})
    assert opened(arrival(HIGH_MAILBOX), facts(), free).priority == "high"
