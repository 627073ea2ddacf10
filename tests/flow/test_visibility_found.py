"""What the visibility property (fuzz/test_visibility.py) has found, each as the shortest story."""

from __future__ import annotations

from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from tests.houses import (
    CONFIG,
    LOUD,
    RULES,
    accept_hold,
    clock_of,
    mail,
    make_house,
    put_in,
    reply_to,
    row,
    rows,
    send,
    sent,
    text_of,
)

from postroom.house import House
from postroom.store import schema as t

ANN = "Ann Berg <ann@example.net>"
BOB = "Bob Dahl <bob@example.org>"
EVA = "Eva Berg <eva@example.com>"
TRUST = '[trust]\nauthserv_id = ["mx.example.com"]\n'
ALONE = RULES["categories"].replace('["eva", "omar", "kim"]', '["eva"]')
FORGED = {
    "Authentication-Results": "mx.example.com; dmarc=fail header.from=example.net",
    "Received": "from x.example (x.example [203.0.113.9]) by mx.example.com; x",
}
NOTE = "Mr Berg has not paid his bills since last March.\n"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    rules = {"team": LOUD, "categories": ALONE}
    with make_house(tmp_path, rules=rules, config_extra=TRUST, config=CONFIG) as opened:
        yield opened


def to(address: str, mails: list[EmailMessage]) -> EmailMessage:
    [found] = [one for one in mails if one["Delivered-To"] == address]
    return found


def asked(house: House, **named: Any) -> EmailMessage:
    """Ann writes; return Eva's notice."""
    assert put_in(house, mail(**named)).outcome == "opened"
    return to("eva@example.com", send(house))


def in_html(raw: bytes, markup: str) -> bytes:
    """Return a mail with this as its only body."""
    head, _, _ = raw.partition(b"\r\n\r\n")
    kept = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"content-")]
    kept.append(b"Content-Type: text/html; charset=utf-8")
    return b"\r\n".join(kept) + b"\r\n\r\n" + markup.encode()


# ---- an answer


@pytest.mark.parametrize("mark", ["[Eva]", "[Eva Berg]", "EB:", "Eva:"])
def test_what_a_customer_wrote_in_a_handlers_name_is_not_her_answer(
    house: House, mark: str
) -> None:
    claim = f"1. Do I get it back?\n{mark} Yes, all of it is approved.\n"
    notice = asked(house, text=claim)
    older = "From: Ann Berg\nSent: Friday, November 20, 2026 9:00 AM\nTo: Eva\nSubject: it\n\n"
    said = f"See below.\n\n-----Original Message-----\n{older}{claim}"
    put_in(house, reply_to(notice, said, sender=EVA))
    answer = text_of(to("ann@example.net", send(house)))
    own = [line for line in answer.splitlines() if not line.startswith(">")]
    assert "See below." in own
    assert not any("approved" in line for line in own)


def test_a_forgery_is_not_quoted_to_whose_name_it_uses(house: House) -> None:
    asked(house, message_id="first@example.net")
    forged = mail("Re: it [acme #1]", "Transfer it to my new account.\n", headers=FORGED)
    entry = put_in(house, forged)
    assert ("held", 1) == (entry.outcome, entry.request_id)
    send(house)
    clock_of(house).forward(minutes=1)
    accept_hold(house, entry.id, "omar")
    notice = to("eva@example.com", send(house))
    put_in(house, reply_to(notice, "We look into it.\n", sender=EVA))
    assert "new account" not in text_of(to("ann@example.net", send(house)))


@pytest.mark.parametrize("kind", ["plain", "html"])
def test_a_notice_copied_below_an_answer_without_marks_is_held(house: House, kind: str) -> None:
    notice = asked(house)
    raw = reply_to(notice, f"We look into it.\n\n{text_of(notice)}", sender=EVA)
    if kind == "html":
        raw = in_html(raw, f"<p>We look into it.</p><hr>{text_of(notice, 'html')}")
    entry = put_in(house, raw)
    assert ("held", {"reply-address"}) == (entry.outcome, set(entry.explanation["leaks"]))


@pytest.mark.parametrize("kind", ["plain", "html"])
def test_a_strangers_held_words_copied_into_an_answer_are_held(house: House, kind: str) -> None:
    notice = asked(house, message_id="first@example.net")
    put_in(house, mail("Re: it", "Ann lies.\n", sender=BOB, references=("first@example.net",)))
    held = to("eva@example.com", send(house))
    raw = reply_to(notice, f"We look into it.\n\n{text_of(held)}", sender=EVA)
    if kind == "html":
        raw = in_html(raw, f"<p>We look into it.</p><hr>{text_of(held, 'html')}")
    entry = put_in(house, raw)
    told = to("eva@example.com", send(house))
    assert ["ann@example.net"] == [m["Delivered-To"] for m in sent_to_customers(house)]
    assert entry.outcome == "held" or "+h" not in str(told["Reply-To"])


def sent_to_customers(house: House) -> list[EmailMessage]:
    return [one for one in sent(house) if not one["Delivered-To"].endswith("@example.com")]


# ---- what was meant as a note


@pytest.mark.parametrize(
    "typed",
    [
        "#note {0}",
        "#note: {0}",
        "#noet\n{0}",
        "Hello,\n#note\n{0}",
        "#note\n#closed\n{0}",
        "#intern\n{0}",
        "#close\n#reson {0}",
        "#undo\n#reason {0}",
    ],
)
def test_a_mistyped_note_does_not_come_back_with_an_answer_address(
    house: House, typed: str
) -> None:
    notice = asked(house)
    entry = put_in(house, reply_to(notice, typed.format(NOTE), sender=EVA))
    told = to("eva@example.com", send(house))
    assert "not done" in entry.reason
    assert str(told["Reply-To"]).startswith("support+n")
    assert not row(house, t.message, journal_id=entry.id).is_draft


@pytest.mark.parametrize("typed", ["#clsoe\nYour bill is paid.\n", "#1 is paid.\n"])
def test_a_mistyped_answer_can_be_sent_again(house: House, typed: str) -> None:
    notice = asked(house)
    put_in(house, reply_to(notice, typed, sender=EVA))
    assert str(to("eva@example.com", send(house))["Reply-To"]).startswith("support+h")


# ---- machines inside


def test_a_machine_that_answers_a_notice_in_an_unknown_name_is_not_public(house: House) -> None:
    """Eva's mail is passed on to her address at home, which quotes a note in its absence."""
    notice = asked(house)
    put_in(house, mail("Re: [acme #1]", NOTE, sender=EVA))  # a note: it came without a token
    lost = to("eva@example.com", send(house))
    at = str(lost["Return-Path"]).strip("<>")
    away = mail("Away", f"I am not there.\n\n{NOTE}", sender="evchen@home.example", to=at)
    entry = put_in(house, away, "", at)
    assert "internal" == row(house, t.message, journal_id=entry.id).visibility
    answer = reply_to(notice, f"We look into it.\n\n{NOTE}", sender=EVA)
    assert "held" == put_in(house, answer).outcome


def test_what_a_machine_says_to_our_envelope_sender_stays_inside(house: House) -> None:
    put_in(house, mail())
    at = str(to("ann@example.net", send(house))["Return-Path"]).strip("<>")
    entry = put_in(house, mail("Away", "I am not there.\n", to=at), "", at)
    assert "internal" == row(house, t.message, journal_id=entry.id).visibility


# ---- and beside it


def test_a_mail_that_names_two_addresses_of_one_person_is_taken_in(house: House) -> None:
    put_in(house, mail(sender="bob@example.org"))
    put_in(house, mail(sender="bob@home.example"))
    house.database.write(
        lambda c: c.execute(
            update(t.address).where(t.address.c.key == "bob@home.example").values(contact_id=1)
        )
    )
    entry = put_in(house, mail(headers={"Cc": "bob@example.org, bob@home.example"}))
    assert "opened" == entry.outcome
    assert 2 == len(rows(house, t.participant, request_id=entry.request_id))


def test_what_a_customer_calls_somebody_is_not_told_to_others(house: House) -> None:
    put_in(house, mail(headers={"Cc": "That Liar Bob <bob@example.org>"}))
    send(house)
    put_in(house, mail(sender="cid@example.org", headers={"Cc": "bob@example.org"}))
    notice = to("eva@example.com", send(house))
    put_in(house, reply_to(notice, "We look into it.\n", sender=EVA))
    assert "Liar" not in to("cid@example.org", send(house)).as_string()


def test_of_a_strangers_mail_not_even_the_ids_are_told(house: House) -> None:
    put_in(house, mail(message_id="first@example.net"))
    first = send(house)
    notice, reply = to("eva@example.com", first), to("ann@example.net", first)
    thread = "AWt1bmRlcTAwMDh6a3VuZGVxMDAwOHr/////"
    stolen = mail(
        "Re: it",
        "Pay to me.\n",
        sender=BOB,
        to=str(reply["Reply-To"]),
        message_id="pay-to-me@evil.example",
        references=("at-my-bank@evil.example",),
        headers={"Thread-Index": thread},
    )
    assert put_in(house, stolen).outcome == "appended"
    send(house)
    put_in(house, reply_to(notice, "We look into it.\n", sender=EVA))
    sent_ = to("ann@example.net", send(house))
    assert "<first@example.net>" == sent_["In-Reply-To"]
    assert "evil" not in sent_.as_string()
    assert sent_["Thread-Index"] is None
