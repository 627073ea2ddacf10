"""The one decision about a mail: every outcome, what counts as a copy, and what holds a mail."""

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
    SALES,
    arrival,
    brakes,
    category,
    closed,
    contact,
    delivery,
    facts,
    handlers_token,
    loud,
    mail,
    numbered,
    participant,
    policy,
    request,
    rule,
    sender,
    sent,
    site,
    token,
)

from postroom.core.effects import (
    AddParticipant,
    AppendMessage,
    Assign,
    Decision,
    EndHold,
    HoldMail,
    KnowIds,
    LearnContact,
    LinkRequests,
    NoteMailbox,
    OpenRequest,
    QueueMail,
    RecordBounce,
    ReplaceAddresses,
    Reply,
    SetStatus,
    SetTags,
    SpendBrake,
)
from postroom.core.facts import (
    Arrival,
    BrakeFact,
    DeliveryFact,
    Facts,
    HandlerFact,
    KnownId,
    SameMail,
    Wish,
)
from postroom.core.intake import SAME_WITHIN, decide_mail, find_same
from postroom.core.model import Calendar, Direction, Outcome, Phase, Policy, Span, Visibility
from postroom.core.site import Budget, Site
from postroom.mail.message import Bounce, FailedRecipient, Origin

HOUR = timedelta(hours=1)
STRANGER = arrival(from_=sender(BOB), references=("ours@example.com",))
KNOWN = facts(request(), known=(sent(),))
OURS = site(authserv_ids=("mx.example.com",))


def decide(
    came: Arrival, known: Facts | None = None, rules: Policy | None = None, at: Site | None = None
) -> Decision:
    return decide_mail(came, known or facts(), rules or policy(), at or site(), NOW)


def only(decision: Decision, kind: type) -> list[Any]:
    return [effect for effect in decision.effects if isinstance(effect, kind)]


def forged(verdict: str = "fail", **more: Any) -> Arrival:
    said = ("Authentication-Results", f"mx.example.com; dmarc={verdict} header.from=example.com")
    received = ("Received", "from x (x [203.0.113.9]) by mx.example.com; x")
    return arrival(from_=sender(EVA), headers=(said, received), **more)


# ---- every outcome


BOUNCE = {
    "origin": Origin.BOUNCE,
    "bounce": Bounce(
        (FailedRecipient(ANN, "failed", "5.1.1", "no such user"),), "ours@example.com"
    ),
    "from_": sender("mailer-daemon@example.net"),
    "envelope_sender": "",
}


@pytest.mark.parametrize(
    ("outcome", "about", "reason", "came", "known", "rules"),
    [
        ("opened", None, "a new matter", arrival(), facts(), policy()),
        ("opened", None, "a new matter", arrival(origin=Origin.AUTOMATIC), facts(), policy()),
        ("opened", None, "a new matter", arrival(origin=Origin.LIST), facts(), policy()),
        ("opened", None, "a new matter", arrival(origin=Origin.REPORT), facts(), policy()),
        (
            "opened",
            None,
            "a new matter",
            arrival(from_=None, envelope_sender=""),
            facts(),
            policy(),
        ),
        (
            "opened",
            None,
            "request 7 is closed for good",
            arrival(tokens=(token(7),)),
            facts(closed(status="archived")),
            policy(),
        ),
        (
            "appended",
            7,
            "reply-token: token of role c",
            arrival(tokens=(token(7),)),
            facts(request()),
            policy(),
        ),
        (
            "appended",
            7,
            "delivery-token: delivery 4",
            arrival(bounce_deliveries=(4,)),
            facts(request(), deliveries={4: delivery()}),
            policy(),
        ),
        (
            "ignored",
            None,
            'ignored by rule "spam"',
            arrival(),
            facts(),
            policy(rule("spam", ignore=True)),
        ),
        (
            "ignored",
            None,
            "auto-reply mail opens no request (vacation)",
            arrival(origin=Origin.AUTO_REPLY, evidence=("vacation",)),
            facts(),
            policy(),
        ),
        (
            "ignored",
            None,
            "loop mail opens no request (X-Postroom-Loop is our own)",
            arrival(headers=(("X-Postroom-Loop", "acme"),), tokens=(token(7),)),
            facts(request()),
            policy(),
        ),
        # A stranger's out-of-office is no reason to ask a human.
        (
            "ignored",
            None,
            "auto-reply mail opens no request ()",
            replace(STRANGER, mail=replace(STRANGER.mail, origin=Origin.AUTO_REPLY)),
            KNOWN,
            policy(),
        ),
        (
            "held",
            7,
            "the sender is no participant of the request (<ours@example.com>)",
            STRANGER,
            KNOWN,
            policy(),
        ),
        ("held", None, "a rule holds such mail", arrival(), facts(), policy(rule(hold=True))),
        ("held", None, "look at it", arrival(), facts(), policy(rule(hold="look at it"))),
        ("bounce", 7, f"{ANN} 5.1.1 no such user", arrival(**BOUNCE), KNOWN, policy()),
        ("bounce", None, "no recipient named", arrival(origin=Origin.BOUNCE), facts(), policy()),
    ],
)
def test_outcome(
    outcome: str,
    about: int | None,
    reason: str,
    came: Arrival,
    known: Facts,
    rules: Policy,
) -> None:
    decision = decide(came, known, rules)
    assert (outcome, about, reason) == (decision.outcome, decision.request, decision.reason)
    assert decision.policy_version == "1"


def test_a_rule_that_holds_does_not_stop_what_belongs_to_a_request() -> None:
    decision = decide(arrival(tokens=(token(7),)), facts(request()), policy(rule(hold=True)))
    assert decision.outcome is Outcome.APPENDED


# ---- copies


def same(**changes: Any) -> SameMail:
    plain = SameMail(3, "support", "one@example.net", "hash", ANN, NOW, "opened", 7)
    return replace(plain, **changes)


@pytest.mark.parametrize(
    ("is_copy", "was", "came", "at"),
    [
        (True, same(), arrival(), site()),
        (True, same(sender=BOB), arrival(), site()),
        (True, same(received_at=NOW - 99 * HOUR), arrival(), site()),
        (False, same(content_hash="other"), arrival(), site()),
        (False, same(message_id="other@example.net"), arrival(), site()),
        (False, same(outcome="quarantined", request_id=None), arrival(), site()),
        # For another mailbox: a copy where mailboxes share, a mail of its own where not.
        (True, same(), arrival(SALES), site()),
        (False, same(), arrival(SALES), site(same_mail="separate")),
        (True, same(), arrival(), site(same_mail="separate")),
        # What another mailbox's rules ignored, this one has not seen yet.
        (False, same(outcome="ignored", request_id=None), arrival(SALES), site()),
        # Anybody may send a copy first, so that it is ignored or held: it swallows nothing.
        (False, same(outcome="ignored", request_id=None), arrival(), site()),
        (False, same(outcome="held"), arrival(), site()),
        (False, same(outcome="bounce", request_id=None), arrival(), site()),
        # Without Message-ID: content and envelope sender, within the hour, either way.
        (True, same(message_id=None), arrival(message_id=None), site()),
        (
            True,
            same(message_id=None, received_at=NOW - SAME_WITHIN),
            arrival(message_id=None),
            site(),
        ),
        (
            True,
            same(message_id=None, received_at=NOW + SAME_WITHIN),
            arrival(message_id=None),
            site(),
        ),
        (
            False,
            same(message_id=None, received_at=NOW - SAME_WITHIN - timedelta(seconds=1)),
            arrival(message_id=None),
            site(),
        ),
        (False, same(message_id=None, sender=BOB), arrival(message_id=None), site()),
        (False, same(), arrival(message_id=None), site()),
        (False, same(message_id=None), arrival(), site()),
    ],
)
def test_copy(is_copy: bool, was: SameMail, came: Arrival, at: Site) -> None:
    assert is_copy is (find_same(came, facts(same=(was,)), at) is not None)


def test_a_copy_in_a_strangers_request_swallows_nothing() -> None:
    # Bob sent Ann's mail first, to the reply address of a request of his own.
    of_bob = request(participants=(participant(BOB),))
    known = facts(of_bob, same=(same(outcome="appended"),))
    assert find_same(arrival(), known, site()) is None
    assert find_same(arrival(tokens=(token(7),)), known, site()) is not None


def test_a_copy_is_a_copy_of_the_first() -> None:
    decision = decide(
        arrival(), facts(request(), same=(same(), same(journal_id=4, outcome="duplicate")))
    )
    assert (Outcome.DUPLICATE, 7, "the same mail as journal 3", ()) == (
        decision.outcome,
        decision.request,
        decision.reason,
        decision.effects,
    )


def test_a_copy_for_another_mailbox_is_noted_on_the_request() -> None:
    decision = decide(arrival(SALES), facts(request(), same=(same(),)))
    reason = "a copy for mailbox sales of journal 3"
    assert (reason, (NoteMailbox(7, "sales", reason),)) == (decision.reason, decision.effects)


@pytest.mark.parametrize(
    ("was", "about"),
    [
        (same(), request(mailboxes=("sales",))),
        (same(), request(mailbox="sales")),
    ],
)
def test_a_copy_for_another_mailbox_is_noted_once_and_only_where_it_belongs(
    was: SameMail, about: Any
) -> None:
    assert decide(arrival(SALES), facts(about, same=(was,))).effects == ()


def test_separate_copies_are_linked() -> None:
    decision = decide(
        arrival(SALES), facts(request(), same=(same(),)), at=site(same_mail="separate")
    )
    twin = LinkRequests(None, 7, "twin", "the same mail came to support")
    assert (Outcome.OPENED, [twin]) == (decision.outcome, only(decision, LinkRequests))


def test_what_a_human_wants_is_never_a_copy() -> None:
    decision = decide(arrival(wish=Wish.TAKE_IN), facts(request(), same=(same(),)))
    assert decision.outcome is Outcome.OPENED


# ---- holds


def test_a_hold_has_somebody_responsible_who_is_told_and_a_time() -> None:
    decision = decide(STRANGER, KNOWN)
    [hold] = only(decision, HoldMail)
    assert (7, NOW + 4 * HOUR, "omar") == (hold.request, hold.until, hold.responsible)
    [letter] = only(decision, QueueMail)
    assert ("held", ("omar@example.com",), Reply.HOLD) == (
        letter.template,
        letter.recipients,
        letter.reply,
    )


def test_a_customer_at_a_handlers_answer_address_is_held_and_the_address_replaced() -> None:
    came = arrival(tokens=(handlers_token("eva", "h", 2),))
    known = facts(request(generations={"eva": 2}), handlers=numbered())
    decision = decide(came, known)
    assert (Outcome.HELD, 7) == (decision.outcome, decision.request)
    why = "came to a handler's answer address, from somebody who is no handler"
    assert why == decision.reason
    replaced = ReplaceAddresses(7, "eva", 3, f"{ANN} wrote to it")
    assert [replaced] == only(decision, ReplaceAddresses)
    # When its time is over it opens a request of its own, as any hold does.
    again = decide(replace(came, wish=Wish.OPEN, by="timer"), waiting(known))
    assert (Outcome.OPENED, ["opened"]) == (
        again.outcome,
        [ended.state for ended in only(again, EndHold)],
    )


@pytest.mark.parametrize(
    ("responsible", "known", "rules"),
    [
        ("omar", KNOWN, policy()),
        ("eva", facts(request(owner=None), known=(sent(),)), policy()),
        ("omar", facts(request(owner=None, category="sales"), known=(sent(),)), policy()),
        # Owner, category or its administrator are gone from the rules: an administrator.
        ("eva", facts(request(owner="left-us"), known=(sent(),)), policy()),
        ("eva", facts(request(owner=None, category="gone"), known=(sent(),)), policy()),
        (
            "eva",
            facts(request(owner=None), known=(sent(),)),
            policy(categories=(category(administrator=None),)),
        ),
    ],
)
def test_every_hold_has_somebody_responsible(responsible: str, known: Facts, rules: Policy) -> None:
    assert [responsible] == [h.responsible for h in only(decide(STRANGER, known, rules), HoldMail)]


def test_a_hold_without_a_request_is_the_category_administrators() -> None:
    [hold] = only(decide(arrival(SALES), facts(), policy(rule(hold=True))), HoldMail)
    assert (None, "omar") == (hold.request, hold.responsible)


def test_a_hold_lasts_so_long_in_working_time() -> None:
    never = Calendar("always", "UTC", ((),) * 7)
    [hold] = only(decide(STRANGER, KNOWN, policy(calendars={"always": never})), HoldMail)
    assert hold.until is None
    [hold] = only(decide(STRANGER, KNOWN, at=site(hold_for=Span(seconds=60))), HoldMail)
    assert hold.until == NOW + timedelta(minutes=1)


@pytest.mark.parametrize(
    "came",
    [
        forged(tokens=(token(7),)),
        forged(references=("ours@example.com",)),
        forged(subject="[acme #7]"),
    ],
)
def test_a_forged_handler_is_held_and_never_opens_by_himself(came: Arrival) -> None:
    decision = decide(came, KNOWN, at=OURS)
    [hold] = only(decision, HoldMail)
    assert (Outcome.HELD, 7, None) == (decision.outcome, hold.request, hold.until)
    assert decision.reason == "it claims to be from eva, and is not proven to be"


def test_a_forged_handlers_new_mail_is_held_and_the_handler_told() -> None:
    decision = decide(forged(subject="Transfer the money"), at=OURS)
    [hold] = only(decision, HoldMail)
    assert (Outcome.HELD, None) == (decision.outcome, hold.until)
    told = {address for letter in only(decision, QueueMail) for address in letter.recipients}
    assert "eva@example.com" in told


def test_a_handler_whose_token_got_lost_is_told() -> None:
    decision = decide(forged("pass", references=("ours@example.com",)), KNOWN, at=OURS)
    [message] = only(decision, AppendMessage)
    assert Direction.NOTE is message.direction
    [letter] = only(decision, QueueMail)
    assert ("lost", ("eva@example.com",)) == (letter.template, letter.recipients)


def test_an_out_of_office_to_a_handlers_address_stays_inside() -> None:
    came = arrival(tokens=(token(7, "h"),), mail=mail(origin=Origin.AUTO_REPLY))
    [message] = only(decide(came, KNOWN), AppendMessage)
    assert Visibility.INTERNAL is message.visibility


@pytest.mark.parametrize(
    ("outcome", "verdict", "needed"),
    [
        ("appended", "pass", "not-fail"),
        ("appended", "none", "not-fail"),
        ("held", "fail", "not-fail"),
        ("appended", "pass", "pass"),
        ("held", "none", "pass"),
    ],
)
def test_how_well_a_handler_must_be_proven(outcome: str, verdict: str, needed: str) -> None:
    strict = replace(OURS, handlers_verdict=needed)
    decision = decide(forged(verdict, tokens=(token(7),)), KNOWN, at=strict)
    assert outcome == decision.outcome


def test_the_intake_brake_holds_and_does_not_refuse() -> None:
    braked = site(brakes=brakes(requests_per_address=Budget(1, HOUR)))
    first = decide(arrival(), at=braked)
    assert [SpendBrake(f"request-address:{ANN}", 0.0, 0)] == only(first, SpendBrake)
    key = f"request-address:{ANN}"
    empty = facts(brakes={key: BrakeFact(key, 0.0, NOW, 1)})
    assert decide(arrival(), empty, at=braked).outcome is Outcome.HELD
    # Replies and what a human takes in need no token.
    reply = arrival(tokens=(token(7),))
    assert (
        decide(reply, replace(empty, requests={7: request()}), at=braked).outcome
        is Outcome.APPENDED
    )
    assert decide(arrival(wish=Wish.TAKE_IN), empty, at=braked).outcome is Outcome.OPENED


# ---- what was held


def waiting(known: Facts, about: int | None = 7, state: str = "waiting") -> Facts:
    return replace(known, hold_request=about, hold_state=state)


def test_an_accepted_stranger_becomes_a_participant() -> None:
    decision = decide(replace(STRANGER, wish=Wish.ACCEPT, by="eva"), waiting(KNOWN))
    assert (Outcome.APPENDED, 7, "eva") == (decision.outcome, decision.request, decision.actor)
    assert EndHold("accepted") in decision.effects
    assert AddParticipant(7, BOB, "cc", "accepted by hand") in decision.effects


def test_a_hold_that_is_over_opens_a_request_linked_to_where_it_claimed_to_belong() -> None:
    decision = decide(replace(STRANGER, wish=Wish.OPEN, by="timer"), waiting(KNOWN))
    assert (Outcome.OPENED, "timer") == (decision.outcome, decision.actor)
    assert EndHold("opened") in decision.effects
    assert [LinkRequests(None, 7, "continues", "hold-over")] == only(decision, LinkRequests)


def test_an_accepted_mail_of_a_forged_handler_stays_inside() -> None:
    came = replace(forged(tokens=(token(7),)), wish=Wish.ACCEPT, by="eva")
    [message] = only(decide(came, waiting(KNOWN), at=OURS), AppendMessage)
    assert (Direction.NOTE, Visibility.INTERNAL) == (message.direction, message.visibility)


def test_what_a_rule_held_opens_when_a_human_accepts_it() -> None:
    decision = decide(
        arrival(wish=Wish.ACCEPT), waiting(facts(), about=None), policy(rule(hold=True))
    )
    assert (Outcome.OPENED, [EndHold("accepted")]) == (decision.outcome, only(decision, EndHold))


@pytest.mark.parametrize(
    ("outcome", "wish"),
    [("opened", Wish.ACCEPT), ("ignored", Wish.OPEN), ("ignored", Wish.TAKE_IN)],
)
def test_what_a_human_accepts_is_stronger_than_a_rule_that_ignores(
    outcome: str, wish: Wish
) -> None:
    rules = policy(rule("spam", ignore=True))
    decision = decide(arrival(wish=wish), waiting(facts(), about=None), rules)
    assert outcome == decision.outcome
    assert only(decision, EndHold)


def test_a_held_mail_that_is_refused_may_be_taken_in_after_all() -> None:
    came = replace(STRANGER, wish=Wish.TAKE_IN)
    decision = decide(came, waiting(KNOWN, state="refused"))
    assert (Outcome.OPENED, []) == (decision.outcome, only(decision, EndHold))


# ---- appending


def append(came: Arrival, about: Any = None, rules: Policy | None = None, **known: Any) -> Decision:
    about = about or request()
    decision = decide(came, facts(about, known=(sent(),), **known), rules)
    assert decision.outcome is Outcome.APPENDED
    return decision


REPLY = arrival(tokens=(token(7),))


def test_a_reply_is_public_and_asks_for_the_version_it_was_decided_on() -> None:
    decision = append(REPLY)
    [message] = only(decision, AppendMessage)
    assert (Direction.IN, Visibility.PUBLIC, ANN) == (
        message.direction,
        message.visibility,
        message.author.address,
    )
    assert {7: 3} == dict(decision.versions)
    assert KnowIds(7, (("one@example.net", 0, "received"),)) in decision.effects


def test_another_sender_with_a_token_is_named_and_gets_no_rights() -> None:
    decision = append(replace(REPLY, mail=replace(REPLY.mail, from_=sender(BOB))))
    [message] = only(decision, AppendMessage)
    assert (BOB, []) == (message.author.address, only(decision, AddParticipant))


def test_a_handler_without_a_token_writes_a_note() -> None:
    decision = append(arrival(from_=sender(EVA), references=("ours@example.com",)), closed())
    [message] = only(decision, AppendMessage)
    assert (Direction.NOTE, Visibility.INTERNAL, "eva") == (
        message.direction,
        message.visibility,
        message.author.handler,
    )
    assert ("eva", []) == (decision.actor, only(decision, SetStatus))


@pytest.mark.parametrize("origin", [Origin.AUTO_REPLY, Origin.AUTOMATIC, Origin.REPORT])
def test_automatic_mail_touches_nothing(origin: Origin) -> None:
    rules = policy(categories=(category(reassign_when_absent=True),))
    away = {"omar": HandlerFact("omar", away_until=NOW + HOUR)}
    decision = append(arrival(tokens=(token(7),), origin=origin), closed(), rules, handlers=away)
    assert [] == only(decision, SetStatus) + only(decision, Assign)


@pytest.mark.parametrize("origin", [Origin.PERSON, Origin.LIST])
def test_what_a_person_writes_reopens(origin: Origin) -> None:
    decision = append(arrival(tokens=(token(7),), origin=origin), closed())
    assert ["open"] == [effect.to for effect in only(decision, SetStatus)]


def test_a_message_for_an_absent_owner_finds_a_new_one() -> None:
    rules = policy(categories=(category(reassign_when_absent=True),))
    away = {"omar": HandlerFact("omar", away_until=NOW + HOUR)}
    decision = append(REPLY, None, rules, handlers=away)
    assert [Assign(7, "omar", "eva", "omar is away: round robin")] == only(decision, Assign)
    assert [] == only(append(REPLY, None, rules), Assign)
    assert [] == only(append(REPLY, None, None, handlers=away), Assign)


def test_what_stays_closed_needs_no_new_owner() -> None:
    rules = policy(categories=(category(reassign_when_absent=True, thanks="note"),))
    away = {"omar": HandlerFact("omar", away_until=NOW + HOUR)}
    thanks = arrival(tokens=(token(7),), fresh="Thanks!")
    assert [] == only(append(thanks, closed(), rules, handlers=away), Assign)


def test_rules_put_tags_on_a_reply_and_tell_people() -> None:
    rules = policy(
        rule("vip", tags=("vip", "old"), notify=("owner", "group:second-line", "x@example.org"))
    )
    decision = append(REPLY, request(tags=("old",)), rules)
    assert [SetTags(7, ("vip",), (), 'rule "vip"')] == only(decision, SetTags)
    letters = only(decision, QueueMail)
    assert [letter.recipients for letter in letters] == [
        ("omar@example.com",),
        ("kim@example.com",),
        ("x@example.org",),
    ]
    assert [letter.reply for letter in letters] == [Reply.ANSWER, Reply.ANSWER, Reply.SIDE]
    assert {"message"} == {letter.template for letter in letters}


@pytest.mark.parametrize(
    ("told", "owner", "rules"),
    [
        (["omar"], "omar", loud()),
        ([], "omar", policy()),
        ([], None, loud()),
        (["eva", "omar", "kim"], None, loud(categories=(category(notify_members=True),))),
        (["kim"], "kim", loud(categories=(category(notify_members=True),))),
        # Addresses that a category has told of new requests are told of nothing else.
        (["omar"], "omar", loud(categories=(category(notify=("x@example.org",)),))),
    ],
)
def test_who_hears_of_a_customers_message(
    told: list[str], owner: str | None, rules: Policy
) -> None:
    decision = append(REPLY, request(owner=owner), rules)
    letters = only(decision, QueueMail)
    assert told == [letter.reply_to for letter in letters]
    assert {("message", Reply.ANSWER)} >= {(one.template, one.reply) for one in letters}


def test_the_new_owner_of_an_absent_ones_request_hears_of_it_once() -> None:
    rules = loud(categories=(category(reassign_when_absent=True),))
    away = {"omar": HandlerFact("omar", away_until=NOW + HOUR)}
    letters = only(append(REPLY, None, rules, handlers=away), QueueMail)
    assert [("new", "eva"), ("taken-over", "omar")] == [
        (letter.template, letter.reply_to) for letter in letters
    ]


def test_a_note_is_told_the_owner_and_not_its_author() -> None:
    came = forged("pass", tokens=(token(7, "s"),), fresh="He is late, always.")
    letters = only(decide(came, facts(request(owner="kim")), loud(), OURS), QueueMail)
    assert [("note", "kim", Reply.NOTE)] == [
        (letter.template, letter.reply_to, letter.reply) for letter in letters
    ]
    assert [] == only(decide(came, facts(request(owner="eva")), loud(), OURS), QueueMail)


def test_a_reply_is_taken_in_though_its_category_left_the_rules() -> None:
    rules = policy(rule(notify=("owner", "administrator", "members")))
    [letter] = only(append(REPLY, request(category="gone"), rules), QueueMail)
    assert letter.recipients == ("omar@example.com",)


def test_a_message_id_that_is_known_elsewhere_gets_the_next_number() -> None:
    twice = tuple(KnownId("one@example.net", n, n + 1, "received") for n in range(2))
    known = facts(request(), known=twice)
    assert KnowIds(7, (("one@example.net", 2, "received"),)) in decide(REPLY, known).effects


def test_every_id_that_nobody_knew_is_kept() -> None:
    came = arrival(
        tokens=(token(7),), in_reply_to=("b@x",), references=("a@x", "b@x", "one@example.net")
    )
    [ids] = only(append(came), KnowIds)
    assert ids.ids == (
        ("one@example.net", 0, "received"),
        ("b@x", 0, "referenced"),
        ("a@x", 0, "referenced"),
    )


# ---- bounces


def test_a_bounce_finds_its_delivery_and_stays_inside() -> None:
    came = arrival(**BOUNCE, bounce_deliveries=(4, 5))
    decision = decide(came, facts(request(), deliveries={4: delivery()}))
    assert (Outcome.BOUNCE, 7) == (decision.outcome, decision.request)
    assert [RecordBounce(4, f"{ANN} 5.1.1 no such user", "bounce")] == only(decision, RecordBounce)
    [message] = only(decision, AppendMessage)
    assert message.visibility is Visibility.INTERNAL
    assert [] == only(decision, SetStatus)
    [letter] = only(decision, QueueMail)
    assert ("undelivered", Reply.NOTE) == (letter.template, letter.reply)
    [failed] = letter.variables["changes"]
    assert (ANN, f"{ANN} 5.1.1 no such user") == (failed["what"], failed["because"])
    assert "It is done." == letter.variables["message"]["text"]


@pytest.mark.parametrize(
    ("told", "failed", "rules", "action"),
    [
        (["omar"], delivery(), loud(), "failed"),
        # Somebody must hear of it: nobody asked to, so the administrators.
        (["omar"], delivery(), policy(), "failed"),
        ([], delivery(kind="auto-reply"), loud(), "failed"),
        ([], delivery(kind="notice"), loud(), "failed"),
        ([], delivery(), loud(), "delayed"),  # the relay still tries
    ],
)
def test_only_an_answer_that_came_back_is_told_of(
    told: list[str], failed: DeliveryFact, rules: Policy, action: str
) -> None:
    said = Bounce((FailedRecipient(ANN, action, "5.1.1", "no such user"),), None)
    came = arrival(**{**BOUNCE, "bounce": said}, bounce_deliveries=(4,))
    decision = decide(came, facts(request(), deliveries={4: failed}), rules)
    assert told == [letter.reply_to for letter in only(decision, QueueMail)]
    assert len(only(decision, RecordBounce)) == (action == "failed")


@pytest.mark.parametrize("kind", ["received", "referenced"])
def test_only_mail_that_we_sent_leads_a_bounce_to_its_request(kind: str) -> None:
    known = facts(request(), known=(KnownId("ours@example.com", 0, 7, kind),))
    assert decide(arrival(**BOUNCE), known).request is None


def test_a_bounce_reopens_nothing() -> None:
    decision = decide(arrival(**BOUNCE), facts(closed(), known=(sent(),)))
    assert (Outcome.BOUNCE, []) == (decision.outcome, only(decision, SetStatus))


def test_a_delivery_without_a_request_is_recorded_all_the_same() -> None:
    decision = decide(
        arrival(**BOUNCE, bounce_deliveries=(4,)), facts(deliveries={4: delivery(request_id=None)})
    )
    assert ([4], None) == ([e.delivery for e in only(decision, RecordBounce)], decision.request)


# ---- receipts


def receipt(action: str = "displayed") -> dict[str, Any]:
    said = Bounce((FailedRecipient(ANN, action),), "ours@example.com")
    return {"origin": Origin.REPORT, "bounce": said, "tokens": ()}


@pytest.mark.parametrize("action", ["displayed", "deleted", "delivered", "relayed"])
def test_a_receipt_joins_its_request_in_silence(action: str) -> None:
    decision = decide(arrival(**receipt(action)), facts(closed(), known=(sent(),)))
    assert (Outcome.APPENDED, 7) == (decision.outcome, decision.request)
    assert [Visibility.INTERNAL] == [one.visibility for one in only(decision, AppendMessage)]
    assert {AppendMessage, KnowIds} == {type(one) for one in decision.effects}


def test_a_complaint_is_no_receipt() -> None:
    decision = decide(arrival(**receipt("abuse")), facts(request(), known=(sent(),)))
    assert Outcome.OPENED == decision.outcome


def test_a_receipt_of_a_mail_that_we_do_not_know_opens_a_request() -> None:
    assert Outcome.OPENED == decide(arrival(**receipt()), facts(request())).outcome


# ---- opening a request is in test_opening.py; here only that it spends its token


def test_a_contact_is_learned_once() -> None:
    assert [LearnContact(ANN, "Ann Berg")] == only(decide(arrival()), LearnContact)
    assert [] == only(decide(arrival(), facts(contact=contact())), LearnContact)


def test_mails_from_nobody_share_one_bucket_of_the_intake_brake() -> None:
    braked = site(brakes=brakes(requests_per_address=Budget(1, HOUR)))
    nobody = arrival(from_=None, envelope_sender="")
    decision = decide(nobody, at=braked)
    assert [SpendBrake("request-address:", 0.0, 0)] == only(decision, SpendBrake)
    assert [None] == [opened.requester for opened in only(decision, OpenRequest)]
    empty = facts(brakes={"request-address:": BrakeFact("request-address:", 0.0, NOW, 1)})
    assert decide(nobody, empty, at=braked).outcome is Outcome.HELD


def test_a_status_of_the_deleted_phase_has_a_successor() -> None:
    gone = request(status="deleted", phase=Phase.DELETED)
    decision = decide(REPLY, facts(gone))
    assert (Outcome.OPENED, "request 7 was deleted") == (decision.outcome, decision.reason)
