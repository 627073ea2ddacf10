from __future__ import annotations

from collections import Counter

import pytest
from bench.corpus import CHARSETS, MAILBOX, make_corpus

from postroom.mail.message import Origin, ParsedMail
from postroom.mail.parse import read_mail

MAILS = make_corpus(400)
READ: list[ParsedMail] = [read_mail(mail.raw) for mail in MAILS]


def test_the_same_seed_makes_the_same_octets() -> None:
    assert [mail.raw for mail in MAILS[:50]] != [mail.raw for mail in make_corpus(50, seed=7)]
    assert make_corpus(400) == MAILS


def test_the_mixture_is_as_promised() -> None:
    kinds = Counter(mail.kind for mail in MAILS)
    assert kinds == {"plain": 240, "alternative": 100, "attachment": 48, "html": 12}
    assert sum(1 for mail in MAILS if mail.thread) == 120


def test_all_charsets_and_encodings_occur() -> None:
    assert set(CHARSETS) == {(mail.charset, mail.encoding) for mail in MAILS}


def test_senders_are_many_and_only_who_answers_writes_again() -> None:
    assert len({mail.sender for mail in MAILS}) == 280


def test_an_answer_refers_to_an_earlier_mail_of_its_sender() -> None:
    earlier: dict[str, str] = {}
    for mail in MAILS:
        if mail.thread:
            assert mail.sender == earlier[mail.thread[-1]]
        earlier[mail.message_id] = mail.sender


@pytest.mark.parametrize("number", range(0, 400, 7))
def test_a_mail_is_read_as_it_was_meant(number: int) -> None:
    mail, read = MAILS[number], READ[number]
    assert read.from_ is not None
    assert (mail.name, mail.sender) == (read.from_.name, read.from_.address)
    assert mail.subject == read.subject
    assert (mail.message_id, mail.thread) == (read.message_id, read.references)
    assert tuple(item.address for item in read.to) == (MAILBOX,)
    assert mail.text.split() == read.text.split()[: len(mail.text.split())]
    assert read.origin is Origin.PERSON
    assert read.defects == ()


@pytest.mark.parametrize("mail", [mail for mail in MAILS if mail.kind == "attachment"][:5])
def test_attachments_are_of_10_to_100_kilobytes(mail: object) -> None:
    number = MAILS.index(mail)  # type: ignore[arg-type]
    (attachment,) = READ[number].attachments
    assert 10_000 <= attachment.size <= 100_000


def test_lines_end_as_the_wire_wants_them() -> None:
    assert all(b"\n" not in mail.raw.replace(b"\r\n", b"") for mail in MAILS)
