"""What wrote a mail: what only the envelope and our keys can add to what it says of itself."""

from __future__ import annotations

import json

import pytest
from tests.unit.core.builders import NOW, arrival, contact, facts, policy, rule, site

from postroom.core.facts import Arrival, CompanyFact
from postroom.core.judging import judge, judge_origin
from postroom.mail.message import Origin

LOOP = (("X-Postroom-Loop", "acme"),)
B = {"bounce_deliveries": (4,)}


@pytest.mark.parametrize(
    ("origin", "came"),
    [
        *((origin, arrival(origin=origin)) for origin in Origin),
        # The null sender is a machine's, unless a handler vouches for the mail.
        (Origin.AUTOMATIC, arrival(envelope_sender="")),
        (Origin.PERSON, arrival(envelope_sender="", is_vouched=True)),
        (Origin.AUTO_REPLY, arrival(envelope_sender="", origin=Origin.AUTO_REPLY)),
        (Origin.LIST, arrival(envelope_sender="", origin=Origin.LIST)),
        # Whatever comes to an envelope sender of ours is automatic, whatever it looks like.
        (Origin.AUTO_REPLY, arrival(**B)),
        (Origin.AUTO_REPLY, arrival(**B, envelope_sender="")),
        (Origin.AUTO_REPLY, arrival(**B, origin=Origin.AUTO_REPLY)),
        (Origin.AUTO_REPLY, arrival(**B, origin=Origin.LIST)),
        (Origin.AUTO_REPLY, arrival(**B, origin=Origin.AUTOMATIC)),
        (Origin.BOUNCE, arrival(**B, origin=Origin.BOUNCE)),
        (Origin.REPORT, arrival(**B, origin=Origin.REPORT)),
        # Our own mark at the top of a mail: our own words came back.
        (Origin.LOOP, arrival(headers=LOOP)),
        (Origin.LOOP, arrival(headers=(("x-postroom-loop", " ACME "),))),
        (Origin.LOOP, arrival(headers=LOOP, **B)),
        (Origin.LOOP, arrival(headers=LOOP, origin=Origin.AUTO_REPLY)),
        (Origin.BOUNCE, arrival(headers=LOOP, origin=Origin.BOUNCE)),
        (Origin.PERSON, arrival(headers=(("X-Postroom-Loop", "other"),))),
    ],
)
def test_origin(origin: Origin, came: Arrival) -> None:
    assert origin is judge_origin(came, site())[0]


def test_an_origin_that_was_judged_here_says_why() -> None:
    assert judge_origin(arrival(envelope_sender=""), site())[1] == ("null sender",)
    assert judge_origin(arrival(headers=LOOP), site())[1] == ("X-Postroom-Loop is our own",)
    assert judge_origin(arrival(**B), site())[1] == ("sent to an envelope sender of ours",)


@pytest.mark.parametrize(
    ("matched", "known"),
    [
        (True, facts(contact=contact(company="Big Corp"))),
        (True, facts(company=CompanyFact(1, "Big Corp", None, None))),
        (False, facts(contact=contact())),
        (False, facts()),
    ],
)
def test_rules_see_the_company_of_a_contact_or_of_his_domain(matched: bool, known: object) -> None:
    rules = policy(rule(when={"company": "big corp"}))
    judgement = judge(arrival(), known, rules, site(), NOW)  # type: ignore[arg-type]
    assert [matched] == [trace.matched for trace in judgement.routing.traces]


def test_an_explanation_is_plain_json_and_names_every_rule() -> None:
    rules = policy(
        rule("a", when={"subject": "x"}), rule("b", extract={"what": "/how/i"}), rule("c")
    )
    explanation = judge(arrival(), facts(), rules, site(), NOW).explanation(more="yes")
    assert explanation == json.loads(json.dumps(explanation))
    assert [(r["rule"], r["matched"]) for r in explanation["rules"]] == [
        ("a", False),
        ("b", True),
        ("c", False),
    ]
    assert explanation["extracted"] == {"what": "How"}
    assert (
        explanation["origin"],
        explanation["verdict"],
        explanation["thread"],
        explanation["more"],
    ) == ("person", "none", "no-evidence", "yes")
