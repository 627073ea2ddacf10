"""Bounds and dark corners of reading; the daylight is in the corpus."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from postroom.mail.address import parse_addresses
from postroom.mail.attachments import safe_name
from postroom.mail.dates import read_date
from postroom.mail.html import html_to_text
from postroom.mail.message import Envelope, Limits, Origin
from postroom.mail.parameters import read_disposition, read_type
from postroom.mail.parse import from_envelope, read_mail, read_part
from postroom.mail.refs import message_ids
from postroom.mail.words import decode_words

HEAD = b"From: Ann <ann@kunde.example>\r\nSubject: x\r\n"
MIXED = HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"


def test_parts_are_bounded() -> None:
    mail = read_mail(MIXED + b"--b\r\nContent-Type: a/b\r\n\r\nx\r\n" * 1000, Limits(parts=20))
    assert 19 == len(mail.attachments)
    assert "more than 20 parts" in mail.defects


def test_nesting_is_bounded_and_its_rest_is_a_file() -> None:
    opened = [
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n)
        for n in range(5000)
    ]
    raw = HEAD + b"".join(opened)
    mail = read_mail(raw)
    assert "nested deeper than 30" in mail.defects
    (rest,) = mail.attachments
    assert rest.size == len(read_part(raw, rest.part)[2])
    assert read_mail(raw, Limits(depth=10_000)).attachments


def test_headers_are_bounded() -> None:
    mail = read_mail(b"X: y\r\n" * 10_000 + HEAD + b"\r\nhi")
    assert 500 == len(mail.headers)
    assert ("more than 500 headers",) == mail.defects
    assert "hi" == mail.text


def test_long_header_is_cut() -> None:
    mail = read_mail(HEAD + b"X-Long: " + b"y" * 1_000_000 + b"\r\n\r\nhi")
    assert len(mail.header("x-long")) <= 16_384
    assert ("header X-Long longer than 16384 octets",) == mail.defects


def test_text_is_bounded() -> None:
    mail = read_mail(HEAD + b"\r\n" + "ä".encode() * 1_000, Limits(text_chars=10))
    assert "ä" * 10 == mail.text
    assert "text longer than 10 characters" in mail.defects


def test_addresses_and_references_are_bounded() -> None:
    raw = b"To: " + b"a@b.example, " * 2_000 + b"\r\nReferences: " + b"<a%d@b> " * 300 + b"\r\n\r\n"
    mail = read_mail(raw.replace(b"%d", b"x"), Limits(header_bytes=100, addresses=1_000))
    assert 1_000 == len(mail.to)
    assert "more than 1000 addresses in to" in mail.defects


def test_encoded_word_in_a_trace_header_stays_closed() -> None:
    forged = b"mx.example.com; spf=pass smtp.mailfrom==?utf-8?q?=3B_dmarc=3Dpass?=@evil.example"
    mail = read_mail(b"Authentication-Results: " + forged + b"\r\n" + HEAD + b"\r\n")
    assert forged.decode() == mail.header("authentication-results")


def test_same_mail_by_another_way_has_the_same_hash() -> None:
    mail = HEAD + b"Date: Fri, 20 Nov 2026 10:00:00 +0100\r\n\r\nHello\r\n"
    again = b"Received: from a by b\r\n" + mail.replace(b"\r\n", b"\n") + b"\n \n"
    other = mail.replace(b"Hello", b"Hullo")
    assert read_mail(mail).content_hash == read_mail(again).content_hash
    assert read_mail(mail).content_hash != read_mail(other).content_hash


def test_read_part_gives_the_whole_mail_and_refuses_what_is_not_there() -> None:
    assert ("message/rfc822", "message.eml", HEAD) == read_part(HEAD, "0")
    with pytest.raises(KeyError):
        read_part(HEAD, "7")


def test_lone_file_is_part_1() -> None:
    raw = (
        HEAD + b"Content-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nAAEC\r\n"
    )
    (pdf,) = read_mail(raw).attachments
    assert ("1", 3, "part-1.pdf") == (pdf.part, pdf.size, pdf.name)
    assert b"\0\1\2" == read_part(raw, "1")[2]


@pytest.mark.parametrize(
    "extra", [b"", b"Content-Type: \xff\r\n", b"Content-Type: text\r\n", b"Content-Type: ;;=\r\n"]
)
def test_senseless_type_is_text(extra: bytes) -> None:
    assert "hi" == read_mail(HEAD + extra + b"\r\nhi").text


@pytest.mark.parametrize("label", ["unicode_escape", "zlib", "rot13", "punycode", "idna", "x\0y"])
def test_codec_that_is_no_charset_is_not_used(label: str) -> None:
    raw = HEAD + f"Content-Type: text/plain; charset={label}\r\n\r\nC:\\new".encode()
    assert "C:\\new" == read_mail(raw).text


def test_nul_and_surrogates_are_gone() -> None:
    raw = HEAD + b"Content-Type: text/plain; charset=utf-7\r\n\r\na\0b+2AA-c"
    assert "\0" not in read_mail(raw).text
    assert read_mail(raw).text.encode()


@pytest.mark.parametrize(
    ("expected", "value"),
    [
        (datetime(2026, 11, 20, 9, 0, tzinfo=UTC), "Fri, 20 Nov 2026 10:00:00 +0100"),
        (datetime(2026, 11, 20, 10, 0, tzinfo=UTC), "20 Nov 2026 10:00:00 -0000"),
        (datetime(2026, 11, 20, 10, 0, tzinfo=UTC), "Fri, 20 Nov 26 10:00 GMT"),
        (None, "yesterday"),
        (None, ""),
        (None, "Fri, 31 Dec 9999 23:59:59 -2300"),
        (None, "Fri, 99 Nov 2026 99:99:99 +9999"),
    ],
)
def test_dates(expected: datetime | None, value: str) -> None:
    assert expected == read_date(value)


@pytest.mark.parametrize(
    ("expected", "name"),
    [
        ("passwd", "../../etc/passwd"),
        ("b.txt", "C:\\a\\b.txt"),
        ("htaccess", ".htaccess"),
        ("Invoice 11-2026.pdf", "Invoice 11/2026.pdf"),
        ("a.pdf", "/home/ann/a.pdf"),
        ("a b.txt", "a\r\n\0b.txt"),
        ("exe txt.scr", "exe\u202etxt.scr"),
        ("", "..."),
        ("", "///"),
        (f"{'x' * 116}.pdf", f"{'x' * 500}.pdf"),
    ],
)
def test_file_names_are_safe(expected: str, name: str) -> None:
    assert expected == safe_name(name)


def test_unreadable_mail_becomes_one_from_its_envelope() -> None:
    envelope = Envelope("eve@kunde.example", ("s@x",), "smtp", "support", datetime.now(UTC))
    mail = from_envelope(envelope, HEAD + b"Message-ID: <m@x>\r\n\r\nbody", "deadline")
    assert not mail.is_readable
    assert ("ann@kunde.example", "m@x", "x") == (
        mail.from_ and mail.from_.address,
        mail.message_id,
        mail.subject,
    )
    assert ("0", "message.eml") == (mail.attachments[0].part, mail.attachments[0].name)
    bare = from_envelope(envelope, b"\xff\0" * 100, "crash")
    assert bare.from_ is not None
    assert "eve@kunde.example" == bare.from_.address


@pytest.mark.parametrize(
    "header",
    [
        b"Auto-Submitted: auto-replied (vacation)",
        b"X-Autoreply: yes",
        b"Precedence: auto_reply",
        b"Subject: Automatic reply: hello",
        b"Auto-Submitted: auto-generated\r\nIn-Reply-To: <a@b>",
        b"X-Auto-Response-Suppress: OOF, AutoReply\r\nIn-Reply-To: <a@b>",
        b"Return-Path: <>\r\nReferences: <a@b>",
    ],
)
def test_answers_of_machines(header: bytes) -> None:
    mail = read_mail(b"From: a@b.example\r\n" + header + b"\r\n\r\nx")
    assert Origin.AUTO_REPLY is mail.origin
    assert mail.evidence


@pytest.mark.parametrize(
    "header",
    [b"Auto-Submitted: no", b"X-Auto-Response-Suppress: DR, RN, NRN", b"Subject: out of office?"],
)
def test_persons_stay_persons(header: bytes) -> None:
    assert Origin.PERSON is read_mail(b"From: a@b.example\r\n" + header + b"\r\n\r\nx").origin


def test_silent_sender_is_a_machine() -> None:
    assert Origin.AUTOMATIC is read_mail(b"From: no-reply@shop.example\r\n\r\nx").origin


@pytest.mark.parametrize(
    ("expected", "markup"),
    [
        ("a < b", "a < b"),
        ("ab", "a<!-- x > y -->b"),
        ("a", "a<!-- never closed"),
        ("x", "<div title='a>b'>x</div>"),
        ("don't", "<p don't>don't"),
        ("a\n\n> b\n\nc", "a<blockquote>b</blockquote>c"),
        ("1  2\n3", "<pre>1  2\n3</pre>"),
        ("\ufffd", "&#99999999999999999999;"),
        ("", "<script>alert(1)</script>"),
        ("deep", "<div>" * 100_000 + "deep"),
        ("ab", "a<!-->b"),
        ("abc", "a<!--->b<!-- <i> > -->c"),
    ],
)
def test_html_to_text(expected: str, markup: str) -> None:
    assert expected == html_to_text(markup)


@pytest.mark.parametrize(
    ("expected", "value"),
    [
        (("text/html", "utf-8"), "(ours) text / html ; charset = utf-8 (Unicode)"),
        (("text/html", "utf-8"), "text/html charset=utf-8"),
        (("text/plain", "utf-8"), "text; charset=utf-8;;format=flowed"),
        (("multipart/mixed", None), "multipart"),
        (("text/plain", None), "nonsense"),
        (("text/plain", "a"), "text/plain; charset=a; charset=b"),
    ],
)
def test_types_are_read_as_they_were_meant(expected: tuple[str, str], value: str) -> None:
    kind, parameters = read_type(value, "text/plain")
    assert expected == (kind, parameters.get("charset"))


@pytest.mark.parametrize(
    "piece", ['"', '" ', '\\"', " ", "a=", ";", "a ", "=?u?q?", "*0*=", '"a', "\t", "("]
)
def test_hostile_values_are_read_in_linear_steps(piece: str) -> None:
    """Two hundred thousand characters; the square of them would not come to an end."""
    value = piece * (200_000 // len(piece))
    read_type(f"x/y; name={value}", "")
    read_type(f'x/y; name="{value}', "")
    read_disposition(f"attachment {value}")
    parse_addresses(value)
    message_ids(value)
    decode_words(value)
