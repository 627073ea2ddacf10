"""Any bytes can be read."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.cutting import cut_out

from postroom.mail.address import canonical, parse_addresses
from postroom.mail.auth import read_verdict
from postroom.mail.fresh import split_fresh
from postroom.mail.html import html_to_text
from postroom.mail.message import Envelope, Limits, ParsedMail
from postroom.mail.parse import from_envelope, read_mail, read_part
from postroom.mail.refs import find_tags, message_ids
from postroom.mail.sanitize import sanitize_html

CORPUS = [
    path.read_bytes() for path in sorted((Path(__file__).parents[1] / "corpus").glob("*.eml"))
]
SMALL = Limits(
    parts=10, depth=4, headers=20, header_bytes=200, text_chars=500, addresses=5, references=5
)
PIECES = st.sampled_from(
    [
        b"\r\n",
        b"\n",
        b"\r",
        b"--b",
        b"--b--",
        b"\r\n\r\n",
        b"=?utf-8?q?=",
        b"?=",
        b"=?x?b?",
        b"<",
        b">",
        b"@",
        b";",
        b",",
        b'"',
        b"(",
        b")",
        b"\\",
        b"\0",
        b"\xff",
        b"\x1b$B",
        b"*0*=",
        b"=",
        b"Content-Type: multipart/mixed; boundary=b\r\n",
        b"Content-Type: message/rfc822\r\n",
        b"Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n",
        b"Content-Type: message/delivery-status\r\n",
        b"Content-Transfer-Encoding: base64\r\n",
        b"Content-Transfer-Encoding: x-uuencode\r\n",
        b"Content-Type: text/html; charset=",
        b"From: ",
        b"To: ",
        b"Date: ",
        b"References: ",
        b"Subject: ",
        b"From ",
        b"charset=utf-7\r\n",
        b"Content-Disposition: attachment; filename*0*=utf-8''",
        b"Final-Recipient: rfc822;",
        b"<blockquote>",
        b"<pre>",
        b"<!--",
        b"&#",
        b"> ",
        b"-- \n",
        b"On 1 Ann wrote:\n",
        b"begin 644 x\n#86)C\n",
        b"end\n",
        b"=ybegin name=x\n",
        b"=yend size=1\n",
        b"Content-Type: application/ms-tnef\r\n",
        b"\x78\x9f\x3e\x22\1\0",
        b"\2\x02\x90\6\0\0\0\0\0\0\0",
        b"Content-Type: application/pkcs7-mime\r\n",
        b"\x30\x80\6\x09\x2a\x86\x48\x86\xf7\x0d\1\7\2\xa0\x80",
        b"Content-Type: text/calendar\r\n",
        b"BEGIN:VEVENT\nSUMMARY:x\n",
        b"Content-Type: text/enriched\r\n",
        b"<div style='display:none'>",
        b"</div>",
    ]
)
STRUCTURED = st.lists(st.one_of(PIECES, st.binary(max_size=8)), max_size=60).map(b"".join)
RELAXED = settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A mail of the corpus with some of it cut out, repeated or replaced."""
    raw = draw(st.sampled_from(CORPUS))
    for _ in range(draw(st.integers(1, 6))):
        start = draw(st.integers(0, len(raw)))
        end = min(len(raw), start + draw(st.integers(0, 80)))
        middle = draw(st.one_of(PIECES, st.binary(max_size=20), st.just(raw[start:end] * 2)))
        raw = raw[:start] + middle + raw[end:]
    return raw


def check(mail: ParsedMail, limits: Limits) -> None:
    """What every reader of a ParsedMail relies on."""
    assert pickle.loads(pickle.dumps(mail)) == mail
    assert len(mail.attachments) <= limits.parts
    assert len(mail.headers) <= limits.headers
    assert all(len(value) <= limits.header_bytes for _, value in mail.headers)
    assert len(mail.text) <= limits.text_chars
    assert len(mail.fresh) <= limits.text_chars
    assert len(mail.html or "") <= limits.text_chars
    assert max(len(mail.to), len(mail.cc), len(mail.reply_to)) <= limits.addresses
    assert len(mail.references) <= limits.references
    assert len({each.name.lower() for each in mail.attachments}) == len(mail.attachments)
    for each in mail.attachments:
        assert each.name
        assert not set(each.name) & set('/\\\0\r\n"')
    texts = repr(mail)  # every string is in it
    texts.encode()
    for text in (mail.text, mail.fresh, mail.subject, mail.html or ""):
        assert "\0" not in text
        assert "\r" not in text
        text.encode()
    for address in (mail.from_, *mail.to):
        if address is not None:
            assert canonical(address.address) == address.address
            assert "@" in address.address


@RELAXED
@given(st.one_of(st.binary(max_size=400), STRUCTURED, mutated()))
@example(b"")
@example(b"\n")
@example(b"--")
def test_any_bytes_are_read_within_the_limits(raw: bytes) -> None:
    for limits in (Limits(), SMALL):
        mail = read_mail(raw, limits)
        check(mail, limits)
        for each in mail.attachments:
            octets = read_part(raw, each.part, limits)[2]
            assert each.size == len(octets)
            assert each.place is None or octets == cut_out(raw, each.place, step=61)


@RELAXED
@given(st.one_of(st.binary(max_size=400), STRUCTURED, mutated()))
def test_any_bytes_give_a_mail_from_the_envelope(raw: bytes) -> None:
    envelope = Envelope("a@b.example", ("s@x.example",), "smtp", "s", datetime.now(UTC))
    check(from_envelope(envelope, raw, "deadline"), Limits())


@RELAXED
@given(st.text())
def test_any_text_is_taken_apart(text: str) -> None:
    parse_addresses(text)
    message_ids(text)
    find_tags(text, text)
    assert len(split_fresh(text, text).text) <= len(text)
    html_to_text(text).encode()
    sanitize_html(text.encode("utf-8", "replace").decode()).html.encode()
    read_verdict(
        [("Authentication-Results", text), ("Received", text)], "x.example", ["x"], lambda _: True
    )
