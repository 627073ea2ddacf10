"""Outlook's .msg: a mail inside of a file, read as the mail that it was."""

from __future__ import annotations

import base64
import random
import struct
from datetime import UTC, datetime

import pytest
from tests.outlook import FREE, Tree, compound_file, message

from postroom.mail.compound import Storage, read_compound
from postroom.mail.message import Address
from postroom.mail.outlook import mail_of_msg, read_msg
from postroom.mail.parse import read_mail, read_part

SUBJECT, NAME, SMTP, BODY, HTML, RTF = 0x0037, 0x0042, 0x5D02, 0x1000, 0x1013, 0x1009
SENT_AT, MESSAGE_ID, HEADERS, CODEPAGE = 0x0039, 0x1035, 0x007D, 0x3FFD
LONG_NAME, OCTETS, KIND, CONTENT_ID = 0x3707, 0x3701, 0x370E, 0x3712
ANN = {NAME: "Ann Berg", SMTP: "ann@kunde.example"}
WORDS = {SUBJECT: "Größen", **ANN, BODY: "Which sizes?\r\nÄpfel.\r\n"}
PDF = {LONG_NAME: "Größen.pdf", OCTETS: b"%PDF-1.4 " * 600, KIND: "application/pdf"}


def saved(*attached: dict[int, str | bytes | int | datetime], **more: object) -> bytes:
    return compound_file(message(WORDS, attached, **more))  # type: ignore[arg-type]


def carried(msg: bytes, subject: str = "Question", text: str = "", name: str = "x.msg") -> bytes:
    """Write the mail that carries a .msg."""
    head = f"From: Bo <bo@kunde.example>\nSubject: {subject}\nMIME-Version: 1.0\n"
    start = f'{head}Content-Type: multipart/mixed; boundary="b"\n\n--b\n\n{text}\n--b\n'
    kind = f'Content-Type: application/octet-stream; name="{name}"\n'
    coded = base64.encodebytes(msg).decode()
    return f"{start}{kind}Content-Transfer-Encoding: base64\n\n{coded}\n--b--\n".encode()


def flat(storage: Storage) -> dict[str, object]:
    return {**storage.streams, **{name: flat(each) for name, each in storage.storages.items()}}


@pytest.mark.parametrize(
    "tree",
    [
        {},
        {"empty": b""},
        {"mini": b"x" * 4_095, "whole": b"y" * 4_096, "in": {"side": {"of": b"z" * 5_000}}},
        {f"s{number}": b"%d" % number for number in range(3_000)},
        {"large": bytes(range(256)) * 32_000},  # its table has sectors that the head does not name
    ],
)
def test_compound_files_give_their_streams(tree: Tree) -> None:
    found = read_compound(compound_file(tree))
    assert found is not None
    assert tree == flat(found)


def test_a_msg_is_read_as_the_mail_that_it_was() -> None:
    people = [
        {0x3001: "Support", 0x39FE: "support@example.com", 0x0C15: 1},
        {0x3001: "Cy", 0x3003: "cy@kunde.example", 0x0C15: 2},
        {0x3001: "Secret", 0x39FE: "di@kunde.example", 0x0C15: 3},
    ]
    sent = {SENT_AT: datetime(2026, 11, 20, 9, 15, tzinfo=UTC), MESSAGE_ID: "<m@kunde.example>"}
    mail = read_mail(compound_file(message({**WORDS, **sent}, [PDF], people)))
    assert Address("Ann Berg", "ann@kunde.example") == mail.from_
    assert "Größen" == mail.subject
    assert sent[SENT_AT] == mail.date
    assert "m@kunde.example" == mail.message_id
    assert (Address("Support", "support@example.com"),) == mail.to
    assert (Address("Cy", "cy@kunde.example"),) == mail.cc
    assert "Which sizes?\nÄpfel.\n" == mail.text
    assert not mail.defects


def test_its_files_can_be_cut_out() -> None:
    raw = saved(PDF)
    (pdf,) = read_mail(raw).attachments
    assert ("Größen.pdf", "application/pdf", 5_400) == (pdf.name, pdf.type, pdf.size)
    assert pdf.place is None  # it does not lie so in the file
    assert PDF[OCTETS] == read_part(raw, pdf.part)[2]


def test_strings_of_a_code_page_are_decoded() -> None:
    properties = {**WORDS, CODEPAGE: 1_251, SUBJECT: "Привет"}
    mail = read_mail(compound_file(message(properties | {BODY: "Слова"}, codec="cp1251")))
    assert ("Привет", "Слова") == (mail.subject, mail.text)


def test_words_may_stand_in_html_or_in_rtf_only() -> None:
    markup = {SUBJECT: "x", HTML: "<p>Größe <b>fünf</b>".encode(), 0x3FDE: 65_001}
    mail = read_mail(compound_file(message(markup)))
    assert ("Größe fünf", True) == (mail.text.strip(), mail.html is not None)
    source = rb"{\rtf1\ansi\ansicpg1252 Gr\'f6\'dfe\par f\'fcnf}"
    packed = struct.pack("<IIII", len(source) + 12, len(source), 0x414C454D, 0) + source
    assert "Größe\nfünf" == read_mail(compound_file(message({RTF: packed}))).text


def test_headers_of_the_transport_stand_before_properties() -> None:
    head = (
        "Received: from a.example\r\nReceived: from b.example\r\nSubject: As it came\r\n"
        "From: Ann <ann@kunde.example>\r\nContent-Type: multipart/mixed;\r\n boundary=x\r\n\r\n"
    )
    mail = read_mail(compound_file(message({**WORDS, HEADERS: head})))
    assert ("As it came", 2) == (mail.subject, mail.hops)
    assert "Which sizes?" in mail.text


def test_prefix_of_a_subject_is_taken_off() -> None:
    mail = read_mail(compound_file(message({SUBJECT: "\x01\x05RE: Sizes"})))
    assert "RE: Sizes" == mail.subject


def test_what_is_inside_is_listed_beside_the_msg() -> None:
    msg = saved(PDF, message({**WORDS, SUBJECT: "Inner/one"}, is_inside=True))
    raw = carried(msg)
    mail = read_mail(raw)
    assert [
        ("2", "x.msg", len(msg)),
        ("2/1", "Größen.pdf", 5_400),
        ("2/2", "Inner-one.eml", mail.attachments[2].size),
    ] == [(each.part, each.name, each.size) for each in mail.attachments]
    assert msg == read_part(raw, "2")[2]
    assert PDF[OCTETS] == read_part(raw, "2/1")[2]
    kind, _, octets = read_part(raw, "2/2")
    assert ("message/rfc822", "Inner/one") == (kind, read_mail(octets).subject)
    # The scan for leaks reads all of it, once.
    assert 2 == mail.attached_text.count("Which sizes?")
    assert mail.attached_text_is_whole


@pytest.mark.parametrize(("subject", "text"), [("Question", ""), ("WG: Sizes", "See below.")])
def test_a_mail_with_a_msg_is_a_forward(subject: str, text: str) -> None:
    forward = read_mail(carried(saved(), subject, text)).forward
    assert forward is not None
    assert ("Ann Berg <ann@kunde.example>", "Größen") == (forward.from_, forward.subject)
    assert "Which sizes?\nÄpfel.\n" == forward.text


def test_a_file_that_only_calls_itself_msg_is_a_file() -> None:
    for octets in (b"", b"words", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", compound_file({"a": b"b"})):
        mail = read_mail(carried(octets))
        assert ["x.msg"] == [each.name for each in mail.attachments]
        assert mail.forward is None


def test_messages_inside_of_messages_end() -> None:
    inside = message(WORDS, is_inside=True)
    for _ in range(60):
        inside = message(WORDS, [inside], is_inside=True)
    mail = mail_of_msg(compound_file(message(WORDS, [inside])))
    assert mail is not None
    assert 5 == mail.count(b"MIME-Version: 1.0")


def test_streams_that_share_their_sectors_are_read_once() -> None:
    whole = compound_file({"large": b"y" * 600_000, **{f"s{n}": b"x" for n in range(500)}})
    file = bytearray(whole)
    (directory,) = struct.unpack_from("<I", file, 48)
    for number in range(1, 502):
        struct.pack_into("<IQ", file, 512 + directory * 512 + number * 128 + 116, 0, 600_000)
    found = read_compound(bytes(file))
    assert found is not None
    assert sum(map(len, found.streams.values())) <= len(file)


def test_a_table_in_circles_ends() -> None:
    file = bytearray(compound_file({"a": b"x" * 9_000}))
    (table,) = struct.unpack_from("<I", file, 76)
    for number in range(128):
        struct.pack_into("<I", file, 512 + table * 512 + number * 4, number // 2)
    assert read_compound(bytes(file)) is not None
    struct.pack_into("<II", file, 68, table, 0xFFFFFFFF)
    assert read_compound(bytes(file)) is not None


@pytest.mark.parametrize("seed", range(4))
def test_cut_and_broken_files_never_fail(seed: int) -> None:
    chance = random.Random(seed)
    whole = saved(PDF, message(WORDS, is_inside=True))
    for at in range(0, len(whole), 97):
        read_msg(whole[: at + seed])
    for _ in range(300):
        broken = bytearray(whole)
        for _ in range(chance.randrange(1, 12)):
            # Most in the head and the tables, where it matters.
            at = chance.choice([chance.randrange(512), chance.randrange(len(broken))])
            broken[at] = chance.choice([0, 0xFF, broken[at] ^ 1 << chance.randrange(8)])
        mail = mail_of_msg(bytes(broken))
        assert mail is None or len(mail) < 4 * len(whole)
        read_mail(carried(bytes(broken)))


def test_a_directory_in_circles_ends() -> None:
    file = bytearray(compound_file({"a": b"1", "b": b"2", "in": {"c": b"3"}}))
    (directory,) = struct.unpack_from("<I", file, 48)
    for number in range(5):
        struct.pack_into("<III", file, 512 + directory * 512 + number * 128 + 68, 0, 1, 3)
    assert read_compound(bytes(file)) is not None
    struct.pack_into("<I", file, 48, FREE)
    assert Storage() == read_compound(bytes(file))
