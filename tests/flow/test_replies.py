"""What customers, handlers and machines write back, and what each of them gets."""

from __future__ import annotations

from collections.abc import Iterator
from email.message import EmailMessage
from email.utils import parseaddr
from pathlib import Path
from typing import Any

import pytest
from tests.houses import (
    CATEGORIES,
    CONFIG,
    bounce_of,
    clock_of,
    mail,
    make_house,
    put_in,
    reply_to,
    row,
    rows,
    send,
    shared_readers,
)

from postroom.core.changes import ChangeStatus, Close
from postroom.core.commands import WriteAnswer
from postroom.house import House
from postroom.mail.tokens import Token
from postroom.store import schema as t

ANN = "Ann Berg <ann@example.net>"
BOB = "Bob Dahl <bob@example.org>"
EVA = "Eva Berg <eva@example.com>"
PASS = {
    "Authentication-Results": "mx.example.com; dmarc=pass header.from=example.net",
    "Received": "from out.example.net (out.example.net [203.0.113.9]) by mx.example.com; x",
}
TRUST = """
[trust]
authserv_id = ["mx.example.com"]
"""


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with make_house(tmp_path, config_extra=TRUST) as opened:
        yield opened


def answered(house: House, **changes: Any) -> EmailMessage:
    """Ann writes; return the automatic reply."""
    assert put_in(house, mail(**changes)).outcome == "opened"
    [reply] = send(house)
    return reply


def receipt_of(letter: EmailMessage) -> bytes:
    """Return what a mail program says when Ann has read a mail (RFC 8098)."""
    return (
        "From: Ann Berg <ann@example.net>\nTo: support@example.com\nSubject: Read: Broken\n"
        "Message-ID: <receipt@example.net>\nMIME-Version: 1.0\nContent-Type: multipart/report; "
        'report-type=disposition-notification; boundary="R"\n\n'
        "--R\nContent-Type: text/plain\n\nYour message was read.\n\n"
        "--R\nContent-Type: message/disposition-notification\n\n"
        "Final-Recipient: rfc822;ann@example.net\n"
        f"Original-Message-ID: {letter['Message-ID']}\n"
        "Disposition: manual-action/MDN-sent-manually; displayed\n\n--R--\n"
    ).encode()


def tokens(house: House, header: str) -> tuple[Token, ...]:
    templates = [mailbox.reply_address for mailbox in house.site.mailboxes.values()]
    return house.desk.signer.find([parseaddr(header)[1]], templates)


# ---- the automatic reply


def test_an_automatic_reply_is_what_rfc_3834_asks_for(house: House) -> None:
    reply = answered(house, message_id="first@example.net", references=("zero@example.net",))
    assert reply["Auto-Submitted"] == "auto-replied"
    assert reply["In-Reply-To"] == "<first@example.net>"
    assert reply["References"] == "<zero@example.net> <first@example.net>"
    assert parseaddr(reply["To"])[1] == "ann@example.net"
    assert parseaddr(reply["From"]) == ("Acme Support", "support@example.com")
    assert "[acme #1]" in reply["Subject"]
    assert reply["X-Postroom-Loop"] == "acme"


def test_an_automatic_reply_leads_back_by_every_carrier(house: House) -> None:
    reply = answered(house)
    delivery = row(house, t.delivery)
    [participant] = rows(house, t.participant)
    assert tokens(house, reply["Reply-To"]) == (Token("c", 1, participant.id),)
    assert tokens(house, reply["Return-Path"]) == (Token("b", delivery.id, 0),)
    verified = house.desk.signer.verify_message_id(reply["Message-ID"].strip("<>"))
    assert verified is not None
    assert verified.object_id == 1


def test_an_unknown_sender_is_answered_in_neutral_words(house: House) -> None:
    reply = answered(house, subject="Buy cheap pills", text="At http://pills.example today\n")
    said = reply.as_string()
    assert "pills" not in said
    assert "Ann Berg" not in said


def test_a_stranger_stays_one_until_a_handler_has_answered_him(house: House) -> None:
    for words in ("Buy pills", "Buy cheap pills"):
        assert "pills" not in answered(house, subject=words).as_string()
    typed = mail("Re: it", "We have no pills.\n", sender=EVA, to="ann@example.net")
    answer = WriteAnswer(shared_readers().read([typed])[0])  # type: ignore[arg-type]
    house.desk.command(answer, 1, "eva", raw=typed)
    clock_of(house).forward(hours=1)
    put_in(house, mail("About the pills"))
    assert "Re: About the pills [acme #3]" in [reply["Subject"] for reply in send(house)]


def test_a_proven_sender_is_answered_about_his_own_subject(house: House) -> None:
    reply = answered(house, subject="Broken printer", headers=PASS)
    assert reply["Subject"] == "Re: Broken printer [acme #1]"


def test_a_forged_sender_is_not_answered(house: House) -> None:
    failed = PASS["Authentication-Results"].replace("pass", "fail")
    put_in(house, mail(headers={**PASS, "Authentication-Results": failed}))
    assert (row(house, t.request).auto_reply, send(house)) == ("the sender is forged", [])


@pytest.mark.parametrize(
    ("why", "headers", "sender"),
    [
        ("the mail is automatic", {"Auto-Submitted": "auto-generated"}, None),
        ("the mail is list", {"List-Id": "<all.example.net>"}, None),
        ("the mail is automatic", {}, ""),
    ],
)
def test_no_machine_is_answered(
    house: House, why: str, headers: dict[str, str], sender: str | None
) -> None:
    entry = put_in(house, mail(headers=headers), sender)
    assert (entry.outcome, row(house, t.request).auto_reply) == ("opened", why)
    assert send(house) == []


def test_brakes_stop_answers_and_nothing_else_and_survive_a_restart(tmp_path: Path) -> None:
    with make_house(tmp_path) as house:
        for _ in range(3):
            put_in(house, mail())
        assert len(send(house)) == 2
        now = clock_of(house)
    with make_house(tmp_path, clock=now) as house:
        assert put_in(house, mail()).outcome == "opened"
        assert send(house) == []
        why = [request.auto_reply for request in rows(house, t.request)]
        assert why == ["sent", "sent", *["brake: answer-address"] * 2]
        now.forward(minutes=10)
        put_in(house, mail())
        assert len(send(house)) == 1


# ---- the customer replies


def test_a_reply_to_the_reply_address_is_threaded_and_not_answered(house: House) -> None:
    first = answered(house)
    entry = put_in(house, reply_to(first))
    assert (entry.outcome, entry.request_id) == ("appended", 1)
    assert entry.reason == "reply-token: token of role c"
    assert len(rows(house, t.message, request_id=1, visibility="public")) == 2
    assert send(house) == []


def test_a_reply_whose_address_was_lost_is_found_by_its_references(house: House) -> None:
    first = answered(house)
    sent_id = first["Message-ID"].strip("<>")
    entry = put_in(house, mail("Re: no tag", references=(sent_id,)))
    assert (entry.outcome, entry.request_id) == ("appended", 1)
    assert entry.explanation["thread"] == "references"


def test_a_reply_to_his_own_mail_is_found(house: House) -> None:
    answered(house, message_id="first@example.net")
    entry = put_in(house, mail("One more thing", in_reply_to="first@example.net"))
    assert (entry.outcome, entry.request_id) == ("appended", 1)


def test_a_reply_that_lost_everything_but_its_subject_is_found(house: House) -> None:
    first = answered(house)
    entry = put_in(house, mail(f"SV: {first['Subject']}"))
    assert (entry.explanation["thread"], entry.request_id) == ("subject-tag", 1)


def test_a_reply_that_overtakes_its_parent_meets_it_again(house: House) -> None:
    late = put_in(house, mail("Re: Hello", references=("parent@example.net",)))
    parent = put_in(house, mail("Hello", message_id="parent@example.net"))
    assert (parent.outcome, parent.request_id) == ("appended", late.request_id)
    assert parent.explanation["thread"] == "late-branch"


def test_a_token_makes_a_sender_heard_and_grants_nothing(house: House) -> None:
    first = answered(house)
    entry = put_in(house, reply_to(first, "I am his boss.\n", sender=BOB))
    assert (entry.outcome, entry.request_id) == ("appended", 1)
    assert row(house, t.message, journal_id=entry.id).from_address == "bob@example.org"
    assert [p.role for p in rows(house, t.participant)] == ["requester"]


def test_a_handler_without_a_token_is_heard_inside_only(house: House) -> None:
    first = answered(house)
    sent_id = first["Message-ID"].strip("<>")
    entry = put_in(house, mail("Re: it", "He is lying.\n", sender=EVA, references=(sent_id,)))
    message = row(house, t.message, journal_id=entry.id)
    assert (message.direction, message.visibility, message.handler) == ("note", "internal", "eva")


# ---- and what it does to the status


def test_a_reply_to_a_closed_request_reopens_it(house: House) -> None:
    first = answered(house)
    house.desk.command(Close(), 1, "cli")
    put_in(house, reply_to(first))
    request = row(house, t.request)
    assert (request.status, request.phase, request.closed_at) == ("open", "active", None)
    [change] = rows(house, t.history, kind="status", to_value="open")
    assert (change.from_value, change.because) == ("closed", "customer wrote: reopened")
    assert change.actor == "ann@example.net"


def test_a_reply_that_comes_too_late_opens_a_linked_request(tmp_path: Path) -> None:
    limited = CATEGORIES.replace('assign = "round-robin"', 'reopen_within = "30d"')
    with make_house(tmp_path, rules={"categories": limited}) as house:
        first = answered(house)
        house.desk.command(Close(), 1, "cli")
        clock_of(house).forward(days=31)
        entry = put_in(house, reply_to(first))
        assert (entry.outcome, entry.request_id) == ("opened", 2)
        assert entry.reason == "request 1 was closed too long ago"
        [link] = rows(house, t.request_link)
        assert (link.request_id, link.other_id, link.kind) == (2, 1, "continues")
        assert len(rows(house, t.history, kind="link")) == 2  # seen from both


def test_a_reply_to_a_deleted_request_does_not_bring_it_back(house: House) -> None:
    first = answered(house)
    house.desk.command(ChangeStatus("spam"), 1, "cli")
    entry = put_in(house, reply_to(first))
    assert (entry.outcome, entry.request_id) == ("opened", 2)
    assert row(house, t.request, id=1).phase == "deleted"


# ---- machines write back


AWAY = {"Auto-Submitted": "auto-replied"}


def out_of_office(to: str, text: str = "I am away.\n") -> bytes:
    return mail("Automatic reply: it", text, to=to, headers=AWAY)


@pytest.mark.parametrize("header", ["Return-Path", "Reply-To"])
def test_an_out_of_office_is_kept_and_neither_reopens_nor_is_answered(
    house: House, header: str
) -> None:
    first = answered(house)
    house.desk.command(Close(), 1, "cli")
    to = parseaddr(first[header])[1]
    entry = put_in(house, out_of_office(to), sender="", recipient=to)
    assert (entry.outcome, entry.request_id) == ("appended", 1)
    assert row(house, t.request).phase == "closed"
    assert send(house) == []


@pytest.mark.parametrize("headers", [{}, {"List-Id": "<x.example.net>"}, {"X-Loop": "yes"}])
def test_what_comes_to_an_envelope_sender_is_automatic_whatever_it_looks_like(
    house: House, headers: dict[str, str]
) -> None:
    first = answered(house)
    house.desk.command(Close(), 1, "cli")
    to = parseaddr(first["Return-Path"])[1]
    entry = put_in(house, mail("I am away", to=to, headers=headers), recipient=to)
    assert (entry.outcome, entry.request_id) == ("appended", 1)
    assert row(house, t.message, journal_id=entry.id).origin == "auto-reply"
    assert row(house, t.request).phase == "closed"
    assert send(house) == []


def test_an_out_of_office_about_nothing_is_journalled_only(house: House) -> None:
    entry = put_in(house, out_of_office("support@example.com"))
    assert (entry.outcome, entry.request_id) == ("ignored", None)
    assert rows(house, t.request) == []


def test_a_bounce_finds_the_delivery_that_failed(house: House) -> None:
    first = answered(house)
    to = parseaddr(first["Return-Path"])[1]
    entry = put_in(house, bounce_of(first), sender="", recipient=to)
    assert (entry.outcome, entry.request_id) == ("bounce", 1)
    delivery = row(house, t.delivery)
    assert delivery.last_response.startswith("bounced: ann@example.net 5.1.1")
    [line] = rows(house, t.history, kind="bounced")
    assert f"delivery {delivery.id}" in line.to_value
    assert row(house, t.message, journal_id=entry.id).visibility == "internal"
    assert send(house) == []


def test_a_bounce_to_the_mailbox_finds_its_request_by_the_message_id(house: House) -> None:
    first = answered(house)
    entry = put_in(house, bounce_of(first), sender="", recipient="support@example.com")
    assert (entry.outcome, entry.request_id) == ("bounce", 1)


def test_a_read_receipt_joins_its_request_and_nobody_hears_of_it(house: House) -> None:
    first = answered(house)
    entry = put_in(house, receipt_of(first), recipient="support@example.com")
    assert (entry.outcome, entry.request_id) == ("appended", 1)
    assert row(house, t.message, journal_id=entry.id).visibility == "internal"
    assert send(house) == []


def test_our_own_words_that_come_back_open_nothing(house: House) -> None:
    entry = put_in(house, mail(headers={"X-Postroom-Loop": "acme"}))
    assert (entry.outcome, rows(house, t.request)) == ("ignored", [])


def test_mails_from_nobody_do_not_get_in_each_others_way(tmp_path: Path) -> None:
    with make_house(tmp_path, config=CONFIG) as house:
        for number in range(3):
            raw = mail(f"Alarm {number}").replace(b"From: Ann Berg <ann@example.net>\r\n", b"")
            assert put_in(house, raw, sender="").outcome == "opened"
        assert send(house) == []
