"""A handler's day by mail: the notices that he gets, his answers and notes, and what they do."""

from __future__ import annotations

import email
import email.policy
from collections import deque
from collections.abc import Iterator
from email.message import EmailMessage
from email.utils import parseaddr
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.relay import Act, FakeRelay
from tests.houses import (
    CONFIG,
    LOUD,
    RULES,
    accept_hold,
    bounce_of,
    clock_of,
    fire,
    mail,
    make_house,
    put_in,
    reply_to,
    row,
    rows,
    send,
    shared_readers,
    shipped_rules,
    sound_house,
    text_of,
    words_of,
)

from postroom.core.changes import AssignTo, Close
from postroom.house import House
from postroom.mail.tokens import Token
from postroom.store import schema as t
from postroom.work import review
from postroom.work.relay import SmtpRelay

ANN = "Ann Berg <ann@example.net>"
BOB = "Bob Dahl <bob@example.org>"
CEM = "Cem Kaya <cem@example.net>"
EVA = "Eva Berg <eva@example.com>"
OMAR = "Omar Haddad <omar@example.com>"
US = "support@example.com"
TEMPLATE = "support+{token}@example.com"
ALONE = RULES["categories"].replace('["eva", "omar", "kim"]', '["eva"]')
OWNED = {"team": LOUD, "categories": ALONE}  # Eva gets everything
TRUST = '[trust]\nauthserv_id = ["mx.example.com"]\n'
PROVEN = {
    "Authentication-Results": "mx.example.com; dmarc=pass header.from=example.com",
    "Received": "from out.example.com (out.example.com [203.0.113.9]) by mx.example.com; x",
}
SECRET_WORDS = "Mr Miller has not paid his bills since last March"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with sound_house(tmp_path, rules=OWNED, config_extra=TRUST) as opened:
        yield opened


def asked(house: House, raw: bytes = b"") -> EmailMessage:
    """Ann writes; return Eva's notice."""
    assert put_in(house, raw or mail(message_id="first@example.net")).outcome == "opened"
    return to("eva", send(house))


def to(name: str, mails: list[EmailMessage]) -> EmailMessage:
    """Return the one mail to somebody, named by the local part of his address."""
    [found] = [one for one in mails if one["Delivered-To"].startswith(f"{name}@")]
    return found


def heard(mails: list[EmailMessage]) -> list[str]:
    return sorted(one["Delivered-To"].partition("@")[0] for one in mails)


def answer(
    house: House,
    notice: EmailMessage,
    text: str = "Pay by card, please.\n",
    *,
    sender: str = EVA,
    recipient: str = "",
    **headers: str,
) -> Any:
    """Let Eva reply to a notice; return the journal row."""
    at = recipient or str(notice["Reply-To"])
    parent = str(notice["Message-ID"]).strip("<> ")
    raw = mail(
        str(notice["Subject"]), text, sender=sender, to=at, in_reply_to=parent, headers=headers
    )
    clock_of(house).forward(minutes=1)
    return put_in(house, raw, recipient=parseaddr(at)[1])


def token_of(house: House, message: EmailMessage) -> Token:
    [found] = house.desk.signer.find([parseaddr(message["Reply-To"])[1]], [TEMPLATE])
    return found


def roles_in(house: House, message: EmailMessage) -> set[str]:
    """Return the roles of all of our tokens anywhere in a mail but its envelope sender."""
    del message["Return-Path"]
    parts = [part.get_content() for part in message.walk() if part.get_content_maintype() == "text"]
    text = "\n".join([*(str(value) for value in message.values()), *parts])
    found = house.desk.signer.find_in_text(text, [TEMPLATE])
    return {one.token.role for one in found} - {"m"}


def note_address(house: House, notice: EmailMessage) -> str:
    """Return the address for notes that stands in the text of a notice."""
    found = house.desk.signer.find_in_text(text_of(notice), [TEMPLATE])
    [token] = {one.token for one in found if one.token.role == "n"}
    return house.desk.signer.reply_address(TEMPLATE, token)


def with_files(sizes: dict[str, int], **named: Any) -> bytes:
    built = email.message_from_bytes(mail(**named), policy=email.policy.SMTP)
    assert isinstance(built, EmailMessage)
    for name, size in sizes.items():
        built.add_attachment(b"x" * size, maintype="application", subtype="pdf", filename=name)
    return built.as_bytes()


def files_of(message: EmailMessage) -> list[str]:
    return [str(part.get_filename()) for part in message.iter_attachments()]


# ---- notices


def test_a_new_request_is_told_to_its_owner_whose_reply_answers(house: House) -> None:
    notice = asked(house)
    assert "eva@example.com" == notice["To"]
    assert ("h", 1) == (token_of(house, notice).role, token_of(house, notice).object_id)
    assert "New request 1 from Ann Berg." in text_of(notice)
    assert "Reply to this mail: your words go to the customer." in text_of(notice)
    assert "auto-generated" == notice["Auto-Submitted"]


def test_members_hear_of_new_requests_and_the_owner_of_messages(tmp_path: Path) -> None:
    loud = RULES["categories"].replace("assign =", "notify_members = true\nassign =")
    rules = {"team": LOUD, "categories": loud}
    with make_house(tmp_path, rules=rules) as house:
        put_in(house, mail(message_id="first@example.net"))
        assert ["ann", "eva", "kim", "omar"] == heard(send(house))
        put_in(house, mail("Re: it", references=("first@example.net",)))
        assert ["eva"] == heard(send(house))


def test_who_wants_to_hear_of_nothing_hears_of_nothing(tmp_path: Path) -> None:
    with make_house(tmp_path, rules={"categories": ALONE}) as house:
        put_in(house, mail())
        assert ["ann"] == heard(send(house))


def test_a_customers_message_is_told_with_his_words_and_files(house: House) -> None:
    asked(house)
    raw = with_files(
        {"bill.pdf": 2_000},
        subject="Re: it",
        text="Here it is.\n",
        references=("first@example.net",),
    )
    put_in(house, raw)
    notice = to("eva", send(house))
    assert "New message in request 1 from Ann Berg." in text_of(notice)
    assert "\n    Here it is.\n" in text_of(notice)
    assert ["bill.pdf"] == files_of(notice)
    assert "h" == token_of(house, notice).role


def test_files_that_are_too_large_are_only_named(tmp_path: Path) -> None:
    small = CONFIG.replace("readers = 1", 'readers = 1\nnotice_size = "1kB"')
    with make_house(tmp_path, rules=OWNED, config=small) as house:
        notice = asked(house, with_files({"bill.pdf": 2_000, "tiny.pdf": 10}))
        assert [] == files_of(notice)
        assert "Attached:   bill.pdf (2 kB)" in text_of(notice)
        assert "too large for a mail" in text_of(notice)


def test_all_notices_of_a_request_are_one_thread(house: House) -> None:
    notices = [asked(house, mail("SV: Printer", message_id="first@example.net"))]
    put_in(house, mail("It still does not work", references=("first@example.net",)))
    notices.append(to("eva", send(house)))
    put_in(house, mail("x", "Look at him.\n", sender=OMAR, references=("first@example.net",)))
    notices.append(to("eva", send(house)))
    house.desk.command(AssignTo("omar"), 1, "kim")
    notices.extend(send(house))  # both of them
    assert 5 == len(notices)
    assert 1 == len({notice["References"] for notice in notices})
    assert 1 == len({notice["In-Reply-To"] for notice in notices})
    assert 1 == len({notice["Subject"].removeprefix("Re: ") for notice in notices})
    assert 5 == len({notice["Message-ID"] for notice in notices})


def test_who_loses_a_request_gets_a_note_and_who_gets_it_may_answer(house: House) -> None:
    asked(house)
    house.desk.command(AssignTo("omar"), 1, "kim")
    told = send(house)
    assert ["eva", "omar"] == heard(told)
    assert ["n", "h"] == [token_of(house, to(name, told)).role for name in ("eva", "omar")]
    assert "Request 1 has passed from you to omar" in text_of(to("eva", told))
    assert "\n    Hello\n" in text_of(to("omar", told))


# ---- answers


def test_an_answer_reaches_the_customer_as_a_mail_of_ours(house: House) -> None:
    entry = answer(house, asked(house))
    assert ("appended", "answered by eva") == (entry.outcome, entry.reason)
    [reply] = send(house)
    assert ("Eva at Acme Support", US) == parseaddr(reply["From"])
    assert ("ann@example.net", ANN, None) == (reply["Delivered-To"], reply["To"], reply["Cc"])
    assert "Re: How do I pay? [acme #1]" == reply["Subject"]
    assert ("c", 1) == (token_of(house, reply).role, token_of(house, reply).object_id)
    assert "<first@example.net>" == reply["In-Reply-To"]
    assert text_of(reply).startswith("Pay by card, please.\n\nOn ")
    assert "Ann Berg wrote:\n> Hello\n" in text_of(reply)
    assert reply["Auto-Submitted"] is None
    assert "eva@example.com" not in reply.as_string()


def test_all_who_are_in_a_request_see_each_other_and_get_one_mail_each(house: House) -> None:
    answer(house, asked(house, mail(headers={"Cc": f"{BOB}, {CEM}"})))
    replies = send(house)
    assert ["ann", "bob", "cem"] == heard(replies)
    # What Ann calls them is hers: they have not said their names.
    assert {(ANN, "bob@example.org, cem@example.net")} == {
        (one["To"], one["Cc"]) for one in replies
    }
    assert 1 == len({one["Message-ID"] for one in replies})
    assert all("> Hello" in text_of(one) for one in replies)  # all had it


def test_files_of_an_answer_go_out(house: House) -> None:
    notice = asked(house)
    raw = with_files({"form.pdf": 500}, subject="Re: it", sender=EVA, to=notice["Reply-To"])
    put_in(house, raw)
    assert ["form.pdf"] == files_of(to("ann", send(house)))


def test_files_alone_are_no_answer(house: House) -> None:
    notice = asked(house)
    raw = with_files(
        {"form.pdf": 500}, subject="Re: it", text="\n", sender=EVA, to=notice["Reply-To"]
    )
    # They may be the words: an encrypted body, or one that a program has put into a file.
    assert "no words of its own" in put_in(house, raw).reason
    assert ["eva"] == heard(send(house))


def test_a_cc_without_proof_or_token_is_added_to_nothing(house: House) -> None:
    notice = asked(house)
    raw = mail("Re: it", "More\n", references=("first@example.net",), headers={"Cc": BOB})
    put_in(house, raw)
    send(house)
    answer(house, notice)
    assert ["ann"] == heard(send(house))


def test_who_was_added_later_sees_nothing_of_what_was_said_before(house: House) -> None:
    notice = asked(house, mail(text="My PIN is 4711.\n", message_id="first@example.net"))
    answer(house, notice, "#cc bob@example.org\n", **PROVEN)
    send(house)
    answer(house, notice, "Pay by card.\n")
    replies = send(house)
    assert ["ann", "bob"] == heard(replies)
    assert all("4711" not in one.as_string() for one in replies)


def test_replied_at_is_the_moment_of_the_first_answer(house: House) -> None:
    notice = asked(house)
    answer(house, notice)
    first = clock_of(house)()
    answer(house, notice, "And by cheque.\n")
    assert first == row(house, t.request).replied_at
    assert 2 == len(rows(house, t.message, direction="out"))


@pytest.mark.parametrize(("owns", "owner"), [("true", "omar"), ("false", "eva")])
def test_who_answers_becomes_owner_where_the_category_says_so(
    tmp_path: Path, owns: str, owner: str
) -> None:
    rules = {
        **OWNED,
        "categories": ALONE.replace("assign =", f"owner_on_reply = {owns}\nassign =", 1),
    }
    with make_house(tmp_path, rules=rules) as house:
        answer(house, asked(house), sender=OMAR)
        assert owner == row(house, t.request).owner
        assert (["ann"] if owner == "eva" else ["ann", "eva"]) == heard(send(house))


def test_answers_and_messages_set_the_status_that_the_workflow_names(tmp_path: Path) -> None:
    flows = shipped_rules()["workflows"].replace('# on_answer = "waiting"', 'on_answer = "waiting"')
    with make_house(tmp_path, rules={**OWNED, "workflows": flows}) as house:
        answer(house, asked(house))
        assert "waiting" == row(house, t.request).status
        put_in(house, reply_to(to("ann", send(house))))
        assert "open" == row(house, t.request).status


@pytest.mark.parametrize(
    ("status", "command"), [("waiting", "#take"), ("waiting", "#tag vip"), ("open", "#status open")]
)
def test_only_a_status_that_is_named_keeps_the_answer_from_setting_one(
    tmp_path: Path, status: str, command: str
) -> None:
    flows = shipped_rules()["workflows"].replace('# on_answer = "waiting"', 'on_answer = "waiting"')
    with make_house(tmp_path, rules={**OWNED, "workflows": flows}) as house:
        answer(house, asked(house), f"{command}\n\nIt is done.\n", sender=OMAR)
        assert status == row(house, t.request).status


def test_a_closed_request_stays_closed_when_it_is_answered(house: House) -> None:
    notice = asked(house)
    house.desk.command(Close(), 1, "kim")
    answer(house, notice, "By the way: thank you.\n")
    assert "closed" == row(house, t.request).status
    assert ["ann"] == heard(send(house))


@pytest.mark.parametrize("header", ["To", "Cc"])
def test_who_got_a_reply_to_all_gets_it_once(house: House, header: str) -> None:
    notice = asked(house, mail(headers={"Cc": BOB}))
    at = f"{notice['Reply-To']}, {ANN}" if header == "To" else str(notice["Reply-To"])
    more = {"Cc": ANN} if header == "Cc" else {}
    raw = mail("Re: it", "By card.\n", sender=EVA, to=at, headers=more)
    put_in(house, raw, recipient=parseaddr(notice["Reply-To"])[1])
    assert ["bob"] == heard(send(house))
    assert ["ann@example.net", "bob@example.org"] == row(
        house, t.message, direction="out"
    ).to_addresses


# ---- answers that do not arrive


def check_undelivered(house: House, told: list[EmailMessage], why: str) -> None:
    assert ["eva"] == heard(told)
    [notice] = told
    assert "n" == token_of(house, notice).role
    assert "Your answer in request 1 could not be delivered" in text_of(notice)
    assert "ann@example.net" in text_of(notice)
    assert 1 == words_of(notice).count(why)
    assert "Pay by card, please." in text_of(notice)


def test_an_answer_that_the_relay_refuses_is_told_to_its_owner(house: House) -> None:
    answer(house, asked(house))
    with FakeRelay(script=deque([Act.REFUSE_RECIPIENT])) as relay:
        transport = SmtpRelay(relay.url, "", "", 10.0)
        assert [] == send(house, transport)
        transport.close()
    assert "failed" == rows(house, t.delivery)[-1].state
    assert 1 == fire(house)
    check_undelivered(house, send(house), "550 5.1.1 no such user")
    assert 0 == fire(house)


def test_an_answer_that_comes_back_is_told_to_its_owner(house: House) -> None:
    answer(house, asked(house))
    reply = to("ann", send(house))
    entry = put_in(house, bounce_of(reply), "", str(reply["Return-Path"]).strip("<>"))
    assert ("bounce", 1) == (entry.outcome, entry.request_id)
    check_undelivered(house, send(house), "550 no such user")


def test_words_of_a_mail_server_that_nobody_can_read_are_told_to_the_owner(house: House) -> None:
    answer(house, asked(house))
    reply = to("ann", send(house))
    back = str(reply["Return-Path"]).strip("<>")
    raw = mail("Zustellung fehlgeschlagen", "Leider nein.\n", sender="system@example.net", to=back)
    entry = put_in(house, raw, "", back)
    assert ("appended", 1) == (entry.outcome, entry.request_id)
    check_undelivered(house, send(house), "Zustellung fehlgeschlagen")


def test_an_automatic_reply_that_comes_back_is_nobodys_concern(house: House) -> None:
    put_in(house, mail())
    reply = to("ann", send(house))
    put_in(house, bounce_of(reply), "", str(reply["Return-Path"]).strip("<>"))
    assert [] == send(house)


# ---- notes


def test_a_note_goes_to_nobody_outside_and_the_owner_can_only_note_back(house: House) -> None:
    notice = asked(house)
    entry = answer(
        house, notice, "He is lying.\n", sender=OMAR, recipient=note_address(house, notice)
    )
    kept = row(house, t.message, journal_id=entry.id)
    assert ("note", "internal", "omar") == (kept.direction, kept.visibility, kept.handler)
    told = send(house)
    assert ["eva"] == heard(told)
    assert "Internal note in request 1 by Omar Haddad." in text_of(told[0])
    assert "He is lying." in text_of(told[0])
    assert {"n"} == roles_in(house, told[0])
    back = answer(house, told[0], "I know.\n")
    assert "internal" == row(house, t.message, journal_id=back.id).visibility
    assert [] == send(house)  # hers, and she owns it
    assert row(house, t.request).replied_at is None


def test_a_notice_of_a_colleagues_words_names_the_customer_as_the_customer(house: House) -> None:
    asked(house)
    put_in(house, mail("x", "Look.\n", sender=OMAR, references=("first@example.net",)))
    notice = to("eva", send(house))
    assert "Customer: Ann Berg <ann@example.net>" in words_of(notice)
    assert "by Omar Haddad" in text_of(notice)


def test_a_notice_that_may_be_answered_holds_nothing_internal(house: House) -> None:
    notice = asked(house)
    answer(house, notice, f"{SECRET_WORDS}.\n", recipient=note_address(house, notice))
    put_in(house, mail("And?", "Well?\n", references=("first@example.net",)))
    told = to("eva", send(house))
    assert "h" in roles_in(house, told)
    assert "Miller" not in told.as_string()


@pytest.mark.parametrize("rule", ["-" * 70, "---", "-----", "_" * 32, "=" * 40])
def test_a_notice_pasted_without_quote_marks_is_held_by_its_addresses(
    house: House, rule: str
) -> None:
    asked(house, mail(to=f"{US}, {BOB}", message_id="first@example.net"))
    put_in(house, mail("Re: [acme #1] x", "Confidential words.\n", sender=BOB))
    notice = to("eva", send(house))
    pasted = text_of(notice).replace("-" * 70, rule)
    assert "held" == answer(house, notice, f"#take\n\n{pasted}").outcome
    assert ["eva"] == heard(send(house))


def test_a_quoted_notice_below_an_answer_is_not_sent(house: House) -> None:
    notice = asked(house)
    quoted = "\n".join(f"> {line}" for line in text_of(notice).splitlines())
    answer(house, notice, f"By card.\n\nOn Friday, Acme Support wrote:\n{quoted}\n")
    reply = to("ann", send(house))
    assert "New request" not in reply.as_string()
    assert {"c"} == roles_in(house, reply)


# ---- what must not go out


def leaking(house: House) -> tuple[Any, EmailMessage]:
    """Eva notes something, and says it to Ann; return the journal row and what she is told."""
    notice = asked(house)
    answer(house, notice, f"{SECRET_WORDS}.\n", recipient=note_address(house, notice))
    entry = answer(house, notice, f"Sorry, but {SECRET_WORDS}, so no.\n")
    assert "held" == entry.outcome
    return entry, to("eva", send(house))


def test_words_of_a_note_are_held_and_shown_to_their_author(house: House) -> None:
    entry, told = leaking(house)
    assert "your answer contains words of an internal note, so it was not sent" == entry.reason
    assert f"[[[ {SECRET_WORDS} ]]]" in words_of(told)
    assert {"n"} == roles_in(house, told)
    clock_of(house).forward(days=60)
    assert (0, []) == (fire(house), send(house))
    assert row(house, t.request).replied_at is None


def accept_by_mail(house: House, _: Any, told: EmailMessage) -> None:
    assert "command" == answer(house, told, "#accept\n").outcome
    assert 1 == fire(house)


def accept_at_a_shell(house: House, entry: Any, _: EmailMessage) -> None:
    clock_of(house).forward(minutes=1)
    accept_hold(house, entry.id)


@pytest.mark.parametrize("accept", [accept_by_mail, accept_at_a_shell])
def test_an_answer_that_was_held_goes_out_when_it_is_accepted(house: House, accept: Any) -> None:
    entry, told = leaking(house)
    accept(house, entry, told)
    assert "appended" == row(house, t.journal, id=entry.id).outcome
    reply = to("ann", send(house))
    assert SECRET_WORDS in words_of(reply)
    assert row(house, t.request).replied_at == clock_of(house)()
    assert "accepted" == row(house, t.hold).state


def refuse_by_mail(house: House, _: Any, told: EmailMessage) -> None:
    assert "command" == answer(house, told, "#refuse\n").outcome
    assert 1 == fire(house)


def refuse_at_a_shell(house: House, entry: Any, _: EmailMessage) -> None:
    clock_of(house).forward(minutes=1)
    review.refuse_hold(house.desk, shared_readers(), entry.id, "eva")


@pytest.mark.parametrize("refuse", [refuse_by_mail, refuse_at_a_shell])
def test_an_answer_that_was_held_and_refused_is_never_sent(house: House, refuse: Any) -> None:
    entry, told = leaking(house)
    refuse(house, entry, told)
    assert "ann" not in heard(send(house))
    assert "ignored" == row(house, t.journal, id=entry.id).outcome
    assert "refused" == row(house, t.hold).state


def test_an_address_of_people_inside_is_held(house: House) -> None:
    notice = asked(house)
    entry = answer(house, notice, f"Write to {note_address(house, notice)}, please.\n")
    assert (
        "held",
        "your answer contains a reply address of people inside, so it was not sent",
    ) == (
        entry.outcome,
        entry.reason,
    )
    assert ["eva"] == heard(send(house))


# ---- rules


def test_a_rule_tells_others_who_answer_or_note_as_what_they_are(tmp_path: Path) -> None:
    rule = (
        '[[rule]]\nname = "vip"\nwhen = { subject = "*pay*" }\n'
        'then = { notify = ["omar", "desk@example.org"], forward_to = ["boss@example.org"] }\n'
    )
    with make_house(tmp_path, rules={**OWNED, "routing": rule}) as house:
        put_in(house, with_files({"bill.pdf": 100}, message_id="first@example.net"))
        told = send(house)
        assert ["ann", "boss", "desk", "eva", "omar"] == heard(told)
        roles = {name: token_of(house, to(name, told)).role for name in heard(told)}
        assert {"ann": "c", "boss": "s", "desk": "s", "eva": "h", "omar": "h"} == roles
        forwarded = to("boss", told)
        assert "Fwd: How do I pay? [acme #1]" == forwarded["Subject"]
        assert ["message/rfc822"] == [
            one.get_content_type() for one in forwarded.iter_attachments()
        ]
        said = answer(house, forwarded, "He may.\n", sender="boss@example.org")
        assert "internal" == row(house, t.message, journal_id=said.id).visibility
        assert ["eva"] == heard(send(house))


def test_the_verdict_on_a_customer_is_told_to_the_handler(house: House) -> None:
    assert "nobody vouches for this sender" in words_of(asked(house))
