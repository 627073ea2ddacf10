"""Whether a new request is answered automatically, in which words, and if not, why not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.core.builders import NOW, SUPPORT, arrival, contact, facts, policy, sender, site

from postroom.core.facts import Arrival, Facts
from postroom.core.judging import Case
from postroom.core.model import Actions, SenderVerdict, Verdict
from postroom.core.replies import ReplyVerdict, judge_auto_reply
from postroom.core.routing import Routing
from postroom.core.threads import Joining, ThreadReason, ThreadVerdict
from postroom.mail.message import Origin

PASS, NONE, FAIL = Verdict.PASS, Verdict.NONE, Verdict.FAIL
SILENT = replace(SUPPORT, auto_reply=False)
STRICT = replace(SUPPORT, auto_reply_needs="pass")


def judge(
    came: Arrival | None = None,
    known: Facts | None = None,
    verdict: Verdict = NONE,
    origin: Origin = Origin.PERSON,
    **actions: Any,
) -> ReplyVerdict:
    case = Case(
        came or arrival(),
        known or facts(),
        policy(),
        site(),
        NOW,
        origin,
        (),
        SenderVerdict(verdict, ""),
        ThreadVerdict(Joining.NEW, None, ThreadReason.NO_EVIDENCE),
        Routing(Actions(**actions)),
    )
    return judge_auto_reply(case)


@pytest.mark.parametrize(
    ("reason", "given"),
    [
        ("not wanted for this mail", {"came": arrival(may_auto_reply=False)}),
        ("a rule says so", {"auto_reply": False}),
        ("the mailbox sends none", {"came": arrival(SILENT)}),
        ("the mail is automatic", {"origin": Origin.AUTOMATIC}),
        ("the mail is auto-reply", {"origin": Origin.AUTO_REPLY}),
        ("the mail is list", {"origin": Origin.LIST}),
        ("the mail is bounce", {"origin": Origin.BOUNCE}),
        ("the mail is report", {"origin": Origin.REPORT}),
        ("the mail is loop", {"origin": Origin.LOOP}),
        ("null sender", {"came": arrival(envelope_sender="")}),
        ("the mail could not be read", {"came": arrival(is_readable=False)}),
        ("no address to answer", {"came": arrival(from_=None, envelope_sender="x@example.net")}),
        ("no address to answer", {"came": arrival(from_=sender("root"))}),
        ("our own address", {"came": arrival(from_=sender("Support+x@example.com"))}),
        ("our own address", {"came": arrival(from_=sender("help@example.com"))}),
        (
            "X-Auto-Response-Suppress",
            {"came": arrival(headers=(("X-Auto-Response-Suppress", "All"),))},
        ),
        (
            "X-Auto-Response-Suppress",
            {"came": arrival(headers=(("x-auto-response-suppress", "OOF, AutoReply"),))},
        ),
        ("the sender is forged", {"verdict": FAIL}),
        ("the sender is not proven", {"came": arrival(STRICT), "verdict": NONE}),
    ],
)
def test_no_automatic_reply(reason: str, given: dict[str, Any]) -> None:
    assert (None, reason) == (judge(**given).template, judge(**given).reason)


@pytest.mark.parametrize(
    "local",
    [
        *("noreply", "no-reply", "No_Reply", "no.reply", "donotreply", "do-not-reply"),
        *("noreply+123", "no-reply+123", "no-reply-orders", "do-not-reply.shop", "dontreply"),
        *("mailer-daemon", "MAILER-DAEMON", "postmaster", "bounce", "bounces", "bounce+abc"),
        *("bounces+123=ann", "bounces-list", "owner-list", "list-owner", "list-request"),
        *("listserv", "majordomo"),
    ],
)
def test_nobody_reads_that(local: str) -> None:
    came = arrival(from_=sender(f"{local}@example.net"))
    assert judge(came).reason == "nobody reads that address"


@pytest.mark.parametrize("local", ["norman", "reply", "noreplyish", "bouncer", "owner", "request"])
def test_somebody_reads_that(local: str) -> None:
    assert judge(arrival(from_=sender(f"{local}@example.net"))).template == "auto-reply"


@pytest.mark.parametrize(
    ("template", "is_neutral", "given"),
    [
        ("auto-reply", True, {}),
        ("auto-reply", False, {"verdict": PASS}),
        ("auto-reply", False, {"known": facts(contact=contact(), has_been_answered=True)}),
        # A contact proves nothing: the first forged mail makes one of its victim.
        ("auto-reply", True, {"known": facts(contact=contact())}),
        ("auto-reply", False, {"came": arrival(STRICT), "verdict": PASS}),
        ("thanks", True, {"auto_reply": "thanks"}),
        # A rule that names a template speaks for a mailbox that is silent otherwise.
        ("thanks", True, {"came": arrival(SILENT), "auto_reply": "thanks"}),
        ("auto-reply", True, {"came": arrival(headers=(("X-Auto-Response-Suppress", "DR, RN"),))}),
        (
            "auto-reply",
            False,
            {"came": arrival(envelope_sender="", is_vouched=True), "verdict": PASS},
        ),
    ],
)
def test_an_automatic_reply(template: str, is_neutral: bool, given: dict[str, Any]) -> None:
    reply = judge(**given)
    assert (template, "sent", is_neutral) == (reply.template, reply.reason, reply.is_neutral)
