"""Rules: which match, what they say together, and why the others did not match."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.core.builders import mail, policy, rule

from postroom.core.model import Actions, Rule, Verdict
from postroom.core.routing import Routing, fill, match_rule, route
from postroom.mail.message import Address, Attachment, Origin

PDF = Attachment("2", "Invoice 22.pdf", "application/pdf", 5_000, inline=False)
MAIL = mail(
    subject="Invoice 22 for Order 4711",
    cc=(Address("", "boss@bigcorp.example"),),
    text="Dear all,\nplease pay order 815.",
    attachments=(PDF,),
    headers=(("X-Spam", "no"), ("X-Spam", "Yes, score=9"), ("X-Mailer", "Mutt")),
    size=5_000_000,
    language="nb-no",
)


def run(*rules: Rule, mailbox: str = "support", without: frozenset[str] = frozenset()) -> Routing:
    return route(policy(*rules), MAIL, mailbox, Verdict.PASS, "Big Corp", without)


@pytest.mark.parametrize(
    ("matches", "key", "value"),
    [
        (True, "from", "*@example.net"),
        (True, "from", ["*@bigcorp.example", "ANN@EXAMPLE.NET"]),
        (False, "from", "ann"),
        (False, "from", "Ann Berg"),
        (True, "to", "support@*"),
        (False, "to", "boss@bigcorp.example"),
        (True, "cc", "*@bigcorp.example"),
        (False, "cc", "support@*"),
        (True, "subject", "/invoice|faktura/i"),
        (False, "subject", "/invoice|faktura/"),
        (False, "subject", "invoice"),
        (True, "subject", "invoice*"),
        (True, "text", "*pay order*"),
        (False, "text", "/4711/"),
        (True, "header.X-Spam", "yes*"),
        (True, "header.x-mailer", "mutt"),
        (False, "header.X-Other", "*"),
        (True, "attachment", "*.pdf"),
        (False, "attachment", "*.exe"),
        (True, "size", "=5MB"),
        (True, "size", ">=5MB"),
        (True, "size", "<=5MB"),
        (False, "size", ">5MB"),
        (False, "size", "<5MB"),
        (True, "size", [">1GB", ">1KB"]),
        (True, "language", "nb*"),
        (False, "language", "en"),
        (True, "origin", ["person", "list"]),
        (False, "origin", "auto-reply"),
        (True, "verdict", "pass"),
        (False, "verdict", ["none", "fail"]),
        (True, "mailbox", "support"),
        (False, "mailbox", "sales"),
        (True, "company", "big corp"),
        (False, "company", "other"),
    ],
)
def test_condition(matches: bool, key: str, value: Any) -> None:
    trace = match_rule(rule(when={key: value}), MAIL, "support", Verdict.PASS, "Big Corp")
    assert (matches, key) == (trace.matched, trace.why.split(" ")[0])


def test_a_sender_without_company_matches_no_company() -> None:
    assert not match_rule(rule(when={"company": "*"}), MAIL, "support", Verdict.PASS, "").matched


def test_a_mail_without_from_matches_no_sender() -> None:
    nobody = mail(from_=None)
    assert not match_rule(rule(when={"from": "*"}), nobody, "support", Verdict.NONE, "").matched


@pytest.mark.parametrize(
    ("matches", "why", "given"),
    [
        (True, "no conditions", rule()),
        (
            True,
            "subject = invoice*, from = *@example.net",
            rule(when={"subject": "invoice*", "from": "*@example.net"}),
        ),
        (False, "from does not match", rule(when={"subject": "invoice*", "from": "x@y"})),
        (False, "unless: origin", rule(when={"subject": "*"}, unless={"origin": "person"})),
        (False, "unless: origin, cc", rule(unless={"origin": "person", "cc": "boss@*"})),
        # All keys of `unless` must match, as all of `when` must.
        (True, "no conditions", rule(unless={"origin": "person", "cc": "x@y"})),
        (True, "no conditions", rule(mailboxes=("sales", "support"))),
        (False, "mailbox is support", rule(mailboxes=("sales",))),
        (True, "header.X-Spam = *yes*", rule(when={"header.X-Spam": ["maybe", "*yes*"]})),
    ],
)
def test_a_rule_says_why(matches: bool, why: str, given: Rule) -> None:
    trace = match_rule(given, MAIL, "support", Verdict.PASS, "")
    assert (matches, why) == (trace.matched, trace.why)


def test_an_empty_text_is_a_test_like_any_other() -> None:
    nothing = mail(subject="")
    given = rule(unless={"subject": ""})
    assert not match_rule(given, nothing, "support", Verdict.PASS, "").matched


def test_the_first_rule_that_matches_acts_alone() -> None:
    routing = run(
        rule("other", when={"subject": "nothing"}, priority="low"),
        rule("first", when={"subject": "invoice*"}, priority="high"),
        rule("second", category="sales"),
    )
    assert Actions(priority="high") == routing.actions
    assert [(t.rule, t.matched) for t in routing.traces] == [
        ("other", False),
        ("first", True),
        ("second", False),
    ]
    assert routing.traces[-1].why == 'not looked at: "first" has decided'
    assert routing.because("priority", "the default") == 'rule "first"'
    assert routing.because("category", "the mailbox") == "the mailbox"


def test_later_rules_add_but_do_not_overwrite() -> None:
    routing = run(
        rule(
            "first", continue_=True, priority="high", tags=("a",), auto_reply=False, notify=("eva",)
        ),
        rule(
            "second",
            continue_=True,
            priority="low",
            tags=("a", "b"),
            auto_reply="answer",
            category="sales",
        ),
        rule("third", hold=True, tags=("c",), notify=("omar", "eva")),
        rule("never", close=True),
    )
    assert routing.actions == Actions(
        priority="high",
        tags=("a", "b", "c"),
        auto_reply=False,
        category="sales",
        hold=True,
        notify=("eva", "omar"),
    )
    assert dict(routing.by) == {
        "priority": "first",
        "tags": "first",
        "auto_reply": "first",
        "notify": "first",
        "category": "second",
        "hold": "third",
    }


def test_a_rule_left_out_by_hand_does_not_act() -> None:
    routing = run(rule("spam", ignore=True), without=frozenset({"spam"}))
    assert Actions() == routing.actions
    assert [trace.why for trace in routing.traces] == ["left out by hand"]


@pytest.mark.parametrize(
    ("value", "expression"),
    [
        ("4711", r"/order (\d+)/i"),  # the subject comes before the text
        ("815", r"/order (\d+)\./"),
        ("4711", r"/(order) (?P<number>\d+)/i"),  # the group of the same name
        ("Order", r"/(order) (?P<other>\d+)/i"),  # else the first group
        ("Order 4711", r"/order \d+/i"),  # else all of it
        ("", r"/Invoice 22( gross)?/"),  # a group that took no part
        (None, r"/refund (\d+)/"),
    ],
)
def test_extract(value: str | None, expression: str) -> None:
    assert value == run(rule(extract={"number": expression})).extracted.get("number")


def test_a_value_that_was_extracted_first_stays() -> None:
    routing = run(
        rule("a", continue_=True, extract={"number": r"/order (\d+)/i"}),
        rule("b", extract={"number": r"/invoice (\d+)/i", "other": r"/invoice (\d+)/i"}),
    )
    assert dict(routing.extracted) == {"number": "4711", "other": "22"}


def test_a_rule_that_does_not_match_extracts_nothing() -> None:
    assert not run(rule(when={"subject": "x"}, extract={"number": r"/order (\d+)/i"})).extracted


def test_a_subject_is_filled_with_what_was_extracted() -> None:
    given = rule(extract={"order": r"/order (\d+)/i"}, subject="Order {order}: {what}")
    assert run(given).actions.subject == "Order 4711: {what}"


def test_fill_leaves_braces_alone() -> None:
    assert fill("{a} {} {{a}} {B}", {"a": "{b}", "b": "x"}) == "{b} {} {{b}} {B}"


def test_what_a_rule_looks_at_is_bounded() -> None:
    long = mail(text="x" * 300_000 + "needle")
    assert not match_rule(
        rule(when={"text": "/needle/"}), long, "support", Verdict.NONE, ""
    ).matched


def test_origin_is_what_the_mail_says() -> None:
    machine = mail(origin=Origin.AUTOMATIC)
    given = rule(when={"origin": "automatic"})
    assert match_rule(given, machine, "support", Verdict.NONE, "").matched
