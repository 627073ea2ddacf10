"""What the leak scan sees of attachments."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.mail.message import Envelope, Limits, ParsedMail
from postroom.mail.parse import from_envelope, read_mail

HEAD = b"From: Ann <ann@acme.example>\r\nSubject: x\r\n"
MIXED = HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhello\r\n"
INNER = (
    b"From: =?utf-8?q?K=C3=A4the?= <k@acme.example>\r\nTo: support+hxyz@example.com\r\n"
    b"Subject: The plan\r\nX-Else: not this\r\n"
)


def attach(*parts: bytes) -> bytes:
    return MIXED + b"".join(b"--b\r\n" + part + b"\r\n" for part in parts) + b"--b--\r\n"


def part(type_: str, body: bytes, name: str = "", encoding: str = "") -> bytes:
    lines = [f"Content-Type: {type_}"]
    if name:
        lines.append(f'Content-Disposition: attachment; filename="{name}"')
    if encoding == "base64":
        body = base64.encodebytes(body)
    if encoding:
        lines.append(f"Content-Transfer-Encoding: {encoding}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def read(*parts: bytes) -> ParsedMail:
    mail = read_mail(attach(*parts))
    assert mail.attached_text_is_whole
    assert () == mail.defects
    return mail


@pytest.mark.parametrize("raw", [HEAD + b"\r\nhello", attach()])
def test_a_mail_without_attachments_has_no_attached_text(raw: bytes) -> None:
    mail = read_mail(raw)
    assert ("", True) == (mail.attached_text, mail.attached_text_is_whole)


@pytest.mark.parametrize(
    ("expected", "attached"),
    [
        ("a.txt\n\nGrüße", part("text/plain; charset=latin1", b"Gr\xfc\xdfe", "a.txt")),
        ("a.txt\n\nGrüße", part("text/plain", "Grüße".encode("utf-16"), "a.txt", "base64")),
        (
            "a.html\n\nGrüße\nan alle",
            part("text/html", b"<p>Gr&uuml;&szlig;e<br> an alle", "a.html"),
        ),
        ("a.htm\n\nhi", part("application/octet-stream", b"<b>hi</b>", "a.htm", "base64")),
        (
            "a.html\n\nhi <x@y>\n\nmailto:x@y",
            part("text/html", b"<a href='mailto:x@y'>hi</a>", "a.html"),
        ),
        ("a.ics\n\nSUMMARY:Plan", part("text/calendar", b"SUMMARY:Plan", "a.ics", "base64")),
        ("BEGIN:VCARD", part("text/vcard", b"BEGIN:VCARD")),
        ("b\n\nplain words", part("application/octet-stream", b"plain words", "b", "base64")),
        ('a.json\n\n{"a": 1}', part("application/json", b'{"a": 1}', "a.json")),
        (
            "notes about Miller.png",
            part("image/png", b"\x89PNG\r\n\x1a\n\0", "notes about Miller.png"),
        ),
        ("a.pdf", part("application/pdf", b"%PDF-1.4\n1 0 obj", "a.pdf")),
        ("a.docx", part("application/zip", b"PK\x03\x04\x14\0secret", "a.docx", "base64")),
        ("Status: 5.0.0", part("message/delivery-status", b"Status: 5.0.0")),
    ],
)
def test_what_a_person_could_read_is_read(expected: str, attached: bytes) -> None:
    assert expected == read(attached).attached_text


INNER_TEXT = (
    "From: Käthe <k@acme.example>\nTo: support+hxyz@example.com\nSubject: The plan\n\nThe secret"
)


@pytest.mark.parametrize(
    ("type_", "name", "encoding"),
    [
        ("message/rfc822", "", ""),
        ("message/rfc822", "", "base64"),
        ("application/octet-stream", "a.eml", "base64"),
        ("application/octet-stream", "", "base64"),
        ("text/plain", "a.eml", ""),
    ],
)
def test_an_attached_mail_is_read_with_its_header(type_: str, name: str, encoding: str) -> None:
    inner = INNER + b"Content-Transfer-Encoding: base64\r\n\r\nVGhlIHNlY3JldA==\r\n"
    text = read(part(type_, inner, name, encoding)).attached_text
    assert f"{name}\n\n{INNER_TEXT}".strip() == text


def test_mails_inside_attached_mails_are_read() -> None:
    inner = INNER + b"\r\nThe secret"
    for level in range(4):
        inner = attach(part("message/rfc822", inner)).replace(b"--b", b"--c%d" % level)
        inner = inner.replace(b"boundary=b", b"boundary=c%d" % level)
    mail = read(part("message/rfc822", inner))
    assert mail.attached_text.endswith(INNER_TEXT)
    deeper = read_mail(
        attach(
            part("message/rfc822", attach(part("message/rfc822", inner)))
            .replace(b"--b", b"--d")
            .replace(b"boundary=b", b"boundary=d")
        )
    )
    assert not deeper.attached_text_is_whole
    assert "too many mails inside this mail" in deeper.defects


def test_the_html_form_of_an_attached_mail_is_read_too_if_it_says_something_else() -> None:
    body = (
        b"Content-Type: multipart/alternative; boundary=i\r\n\r\n--i\r\n\r\nplain\r\n"
        b"--i\r\nContent-Type: text/html\r\n\r\n<p>rich <a href='mailto:n@x'>mail</a>\r\n--i--\r\n"
    )
    assert read(part("message/rfc822", b"Subject: s\r\n" + body)).attached_text == (
        "Subject: s\n\nplain\n\nrich mail <n@x>\n\nmailto:n@x"
    )


@pytest.mark.parametrize("texts", [[b"y" * 11], [b"yyyy", b"yyyyy"], [b"yyyyyyyyyy", b"z"]])
def test_too_much_text_is_cut_and_said(texts: list[bytes]) -> None:
    raw = attach(*(part("text/csv", text) for text in texts))
    mail = read_mail(raw, Limits(attached_chars=10))
    assert len(mail.attached_text) <= 10
    assert not mail.attached_text_is_whole
    assert ("text of attachments longer than 10 characters",) == mail.defects


def test_text_as_long_as_the_limit_is_whole() -> None:
    mail = read_mail(attach(part("text/csv", b"y" * 10)), Limits(attached_chars=10))
    assert ("y" * 10, True) == (mail.attached_text, mail.attached_text_is_whole)


def test_parts_that_were_not_taken_apart_are_not_whole() -> None:
    raw = attach(*[part("text/csv", b"y")] * 20)
    assert not read_mail(raw, Limits(parts=10)).attached_text_is_whole


def test_many_small_mails_in_a_mail_are_bounded() -> None:
    inner = attach(*[part("text/csv", b"y")] * 50).replace(b"--b", b"--c")
    inner = inner.replace(b"boundary=b", b"boundary=c")
    mail = read_mail(attach(*[part("message/rfc822", inner)] * 50))
    assert not mail.attached_text_is_whole
    assert "hello" in mail.attached_text


def test_an_unreadable_mail_is_not_whole() -> None:
    envelope = Envelope("a@b.example", (), "smtp", "support", datetime(2026, 1, 1, tzinfo=UTC))
    assert not from_envelope(envelope, b"x", "why").attached_text_is_whole


@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                [
                    "text/html",
                    "text/x",
                    "message/rfc822",
                    "application/x",
                    "multipart/mixed",
                    "\xff",
                ]
            ),
            st.binary(max_size=200),
            st.sampled_from(["", "a.eml", "ü.html", "\u202e"]),
            st.sampled_from(["", "base64", "quoted-printable", "x-uue", "?"]),
        ),
        max_size=4,
    )
)
def test_any_bytes_are_read(parts: list[tuple[str, bytes, str, str]]) -> None:
    mail = read_mail(attach(*(part(*each) for each in parts)), Limits(attached_chars=100))
    assert len(mail.attached_text) <= 100
