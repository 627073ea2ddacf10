"""What a handler's mail may look like that must not reach the customer, or not as it is."""

from __future__ import annotations

import email.policy
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest
from tests.houses import (
    LOUD,
    accept_hold,
    clock_of,
    fire,
    mail,
    make_house,
    put_in,
    reply_to,
    row,
    rows,
    send,
)

from postroom.house import House
from postroom.store import schema as t

ANN = "ann@example.net"
EVA, OMAR = "Eva Berg <eva@example.com>", "Omar Haddad <omar@example.com>"
SECRET = "Ann owes us money since March and must not get any credit"
CONFIG = '[trust]\nauthserv_id = ["mx.example.com"]\n'
FROM_OUTSIDE = "from mx.example.net ([203.0.113.9]) by mx.example.com with ESMTP"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with make_house(tmp_path, rules={"team": LOUD}, config_extra=CONFIG) as made:
        yield made


def asked(house: House) -> EmailMessage:
    """Let Ann ask, and return the notice to Eva."""
    put_in(house, mail())
    return next(one for one in send(house) if one["Delivered-To"] == "eva@example.com")


def note_address(house: House, notice: EmailMessage) -> str:
    body = notice.get_body(("plain",))
    assert body is not None
    words = str(body.get_content()).split()
    return next(word for word in words if word.startswith("support+n"))


def built(notice: EmailMessage, to: str = "", sender: str = EVA) -> EmailMessage:
    """Begin a handler's mail to the answer address of a notice."""
    message = EmailMessage(policy=email.policy.SMTP)
    message["From"], message["To"] = sender, to or str(notice["Reply-To"])
    message["Subject"], message["Message-ID"] = "Re: it", f"<{id(message)}@pc.example>"
    return message


def heard(house: House, who: str = ANN) -> list[EmailMessage]:
    return [one for one in send(house) if one["Delivered-To"] == who]


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (("application", "pkcs7-mime"), "smime.p7m"),
        (("application", "x-pkcs7-mime"), "smime.p7m"),
        (("application", "ms-tnef"), "winmail.dat"),
        (("application", "octet-stream"), "encrypted.asc"),
    ],
)
@pytest.mark.parametrize("words", ["", "Please see below.\n"])
def test_what_cannot_be_read_is_no_answer(
    house: House, kind: tuple[str, str], name: str, words: str
) -> None:
    message = built(asked(house))
    message.set_content(words)
    message.add_attachment(SECRET.encode(), *kind, filename=name)
    entry = put_in(house, message.as_bytes())
    assert entry.reason.startswith("not done: ")
    assert [] == heard(house)


def test_words_that_a_program_has_put_into_a_file_are_no_answer(house: House) -> None:
    message = built(asked(house))
    message.set_content(f"#note\n\n{SECRET}\n", disposition="attachment", filename="body.txt")
    entry = put_in(house, message.as_bytes())
    assert "no words of its own" in entry.reason
    assert [] == heard(house)


@pytest.mark.parametrize("mark", ["\u2800", "\u3164", "\u115f", "\uffa0", "\u200b"])
def test_a_command_behind_something_unseen_is_one(house: House, mark: str) -> None:
    notice = asked(house)
    put_in(house, reply_to(notice, f"{mark}#note\n\n{SECRET}\n", sender=EVA))
    assert [] == heard(house)


def test_a_note_below_a_greeting_is_no_answer(house: House) -> None:
    notice = asked(house)
    entry = put_in(house, reply_to(notice, f"Hi Ann\n\n# note\n{SECRET}\n", sender=EVA))
    assert entry.reason.startswith("not done: ")
    assert [] == heard(house)


@pytest.mark.parametrize("part", ["forwarded", "quoted", "file", "reason"])
def test_all_that_was_said_inside_is_looked_for(house: House, part: str) -> None:
    notice = asked(house)
    to = note_address(house, notice)
    message = built(notice, to)
    below = {
        "forwarded": f"FYI\n\n---- Forwarded message ----\nFrom: boss@example.com\n\n{SECRET}\n",
        "quoted": f"FYI\n\n> {SECRET}\n",
        "file": "FYI\n",
        "reason": f"#postpone 2d\n#reason {SECRET}\n",
    }
    message.set_content(below[part])
    if part == "file":
        message.add_attachment(f"{SECRET}\n", filename="memo.txt")
    put_in(house, message.as_bytes())
    send(house)
    entry = put_in(house, reply_to(notice, f"Well: {SECRET}.\n", sender=EVA))
    assert "held" == entry.outcome
    assert [] == heard(house)


def test_who_lets_an_answer_in_lets_nothing_else_out(house: House) -> None:
    notice = asked(house)
    to, other = note_address(house, notice), "The warehouse in Bergen burned down last night"
    put_in(house, mail("Re: it", f"{SECRET}.\n", sender=EVA, to=to))
    entry = put_in(house, reply_to(notice, f"{SECRET}.\n\n{other}.\n", sender=EVA))
    put_in(house, mail("Re: it", f"{other}.\n", sender=OMAR, to=to))
    send(house)
    clock_of(house).forward(seconds=1)
    accept_hold(house, entry.id)
    assert [] == heard(house)
    assert "more than when it was held" in row(house, t.journal, id=entry.id).reason


def test_a_single_word_of_letters_and_digits_is_a_secret(house: House) -> None:
    notice = asked(house)
    to = note_address(house, notice)
    put_in(house, mail("Re: it", "The password of db7 is Tr0ub4dor3 now.\n", sender=EVA, to=to))
    entry = put_in(house, reply_to(notice, "Try it with Tr0ub4dor3, please.\n", sender=EVA))
    assert "held" == entry.outcome


def test_the_same_words_with_other_files_are_three_answers(house: House) -> None:
    notice = asked(house)
    for number in range(3):
        message = built(notice)
        message.set_content("Please see the attachment.\n")
        message.add_attachment(b"%PDF", "application", "pdf", filename=f"invoice-{number}.pdf")
        assert "answered by eva" == put_in(house, message.as_bytes()).reason
    assert 3 == len(heard(house))


def test_a_signature_and_a_card_of_the_handler_stay_here(house: House) -> None:
    message = built(asked(house))
    message.set_content("It is done.\n")
    message.add_attachment(b"x", "application", "pkcs7-signature", filename="smime.p7s")
    message.add_attachment("BEGIN:VCARD\n", subtype="vcard", filename="eva.vcf")
    message.add_attachment(b"%PDF", "application", "pdf", filename="invoice.pdf")
    put_in(house, message.as_bytes())
    [answer] = heard(house)
    assert ["invoice.pdf"] == [one.get_filename() for one in answer.iter_attachments()]


def test_a_mail_of_two_authors_is_no_handlers(house: House) -> None:
    notice = asked(house)
    raw = reply_to(notice, "It is done.\n", sender=f"{EVA}, mallory@evil.example")
    passed = {"Authentication-Results": "mx.example.com; dmarc=pass header.from=evil.example"}
    head = "".join(f"{k}: {v}\r\n" for k, v in {**passed, "Received": FROM_OUTSIDE}.items())
    assert "held" == put_in(house, head.encode() + raw).outcome
    assert [] == heard(house)


def test_a_mail_in_a_handlers_name_is_let_in_by_proven_mail_only(house: House) -> None:
    notice = asked(house)
    failed = "Authentication-Results: mx.example.com; dmarc=fail header.from=example.com\r\n"
    forged = f"{failed}Received: {FROM_OUTSIDE}\r\n".encode() + reply_to(
        notice, "Wire the money.\n", sender=EVA
    )
    assert "held" == put_in(house, forged).outcome
    [told] = heard(house, "eva@example.com")
    entry = put_in(house, reply_to(told, "#accept\n", sender=OMAR))
    assert "needs a mail that is proven to be yours" in entry.reason
    passed = failed.replace("fail", "pass")
    proven = f"{passed}Received: {FROM_OUTSIDE}\r\n".encode()
    put_in(house, proven + reply_to(told, "#accept\n", sender=OMAR))
    clock_of(house).forward(seconds=1)
    fire(house)
    assert 1 == len(heard(house))


def test_a_stranger_who_is_let_in_by_mail_does_not_stay(house: House) -> None:
    asked(house)
    put_in(house, mail("Re: it [acme #1]", "Me too.\n", sender="mallory@example.org"))
    [told] = heard(house, "eva@example.com")
    put_in(house, reply_to(told, "#accept\n", sender=EVA))
    clock_of(house).forward(seconds=1)
    fire(house)
    assert ["accepted"] == [one.state for one in rows(house, t.hold)]
    assert ["requester"] == [one.role for one in rows(house, t.participant)]


def test_what_customers_write_stops_no_answer(house: House) -> None:
    notice = asked(house)
    long = "word " * 390_000
    for number in range(3):
        put_in(house, mail(f"More {number} [acme #1]", long, references=()))
    entry = put_in(house, reply_to(notice, "It is done.\n", sender=EVA))
    assert "answered by eva" == entry.reason


def test_a_victim_hears_of_each_forgery_though_others_flood_the_holds(house: House) -> None:
    notice = asked(house)
    for number in range(12):
        put_in(house, mail(f"A lawsuit {number}", sender=f"a@host-{number}.example"))
    send(house)
    failed = "Authentication-Results: mx.example.com; dmarc=fail header.from=example.com\r\n"
    raw = f"{failed}Received: {FROM_OUTSIDE}\r\n".encode() + reply_to(notice, "Yes.\n", sender=EVA)
    assert "held" == put_in(house, raw).outcome
    assert 1 == len(heard(house, "eva@example.com"))
