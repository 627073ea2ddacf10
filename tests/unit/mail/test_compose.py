"""Letters become bytes that the standard library reads back as the same letter."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import unquote
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.mail.compose import MAX_SUBJECT, Letter, addr_spec, compose, is_address
from postroom.mail.flowed import flow, unflow
from postroom.mail.folding import CONTROL, MAX_NAME
from postroom.mail.message import Address

AT = datetime(2026, 11, 20, 13, 15, tzinfo=UTC)
SUPPORT = Address("Acme Support", "support@example.com")
EVA = Address("", "eva@example.net")


def letter(**changes: Any) -> Letter:
    values: dict[str, Any] = {
        "from_": SUPPORT,
        "to": (EVA,),
        "subject": "Re: Printer",
        "text": "Hello Eva,\n\nwe are on it.\n",
        "message_id": "mabc.x1.acme@example.com",
        "date": AT,
    }
    return Letter(**(values | changes))


def read(raw: bytes) -> EmailMessage:
    assert_is_tidy(raw)
    parsed = message_from_bytes(raw, policy=policy.default)
    assert isinstance(parsed, EmailMessage)
    return parsed


def assert_is_tidy(raw: bytes) -> None:
    rest = raw.replace(b"\r\n", b"")
    assert b"\r" not in rest
    assert b"\n" not in rest
    assert b"\0" not in rest
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    assert raw.endswith(b"\r\n")


def text_of(parsed: EmailMessage, subtype: str = "plain") -> str:
    part = parsed.get_body(preferencelist=(subtype,))
    assert part is not None
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes)
    return content.decode().replace("\r\n", "\n")


def attachments_of(parsed: EmailMessage) -> list[tuple[str | None, str, Any]]:
    return [
        (part.get_filename(), part.get_content_type(), part.get_payload(decode=True))
        for part in parsed.iter_attachments()
    ]


def test_a_plain_letter_reads_as_a_person_would_write_it() -> None:
    expected = (
        b"From: Acme Support <support@example.com>\r\n"
        b"To: eva@example.net\r\n"
        b"Reply-To: support+cxyz@example.com\r\n"
        b"Subject: Re: Printer\r\n"
        b"Date: Fri, 20 Nov 2026 13:15:00 +0000\r\n"
        b"Message-ID: <mabc.x1.acme@example.com>\r\n"
        b"In-Reply-To: <b@x>\r\n"
        b"References: <a@x> <b@x>\r\n"
        b"Auto-Submitted: auto-replied\r\n"
        b"X-Postroom-Loop: acme\r\n"
        b"MIME-Version: 1.0\r\n"
        b'Content-Type: text/plain; charset="us-ascii"\r\n'
        b"Content-Transfer-Encoding: 7bit\r\n"
        b"\r\n"
        b"Hello Eva,\r\n\r\nwe are on it.\r\n"
    )
    assert expected == compose(
        letter(
            reply_to=(Address("", "support+cxyz@example.com"),),
            in_reply_to="b@x",
            references=("a@x", "b@x"),
            auto_submitted="auto-replied",
            headers=(("X-Postroom-Loop", "acme"),),
        )
    )


def test_the_same_letter_gives_the_same_bytes() -> None:
    one = letter(html="<p>Hi", attachments=(("a.pdf", "application/pdf", b"%PDF"),))
    assert compose(one) == compose(one)


# Lone surrogates cannot be written in UTF-8 and become "?".
any_text = st.text(st.characters(exclude_categories=("Cs",)), max_size=400)
hostile_text = st.lists(
    st.one_of(
        any_text,
        st.sampled_from(
            ["\r\n", "\n", "\r", "\0", "\n\n", "\r\nBcc: x@example.org\r\n", "=?utf-8?q?x?=", " ",
             "Grüße ", "漢字" * 30, "a" * 1200, ".", "From me", '"', "\\", "<>,;:@()", "\ud800",
             "\u2028"]
        ),
    ),
    max_size=8,
).map("".join)  # fmt: skip


def cleaned(text: str) -> str:
    text = CONTROL.sub("", text.replace("\t", " "))
    return text.encode(errors="replace").decode().strip()


def body(text: str) -> str:
    text = text.replace("\0", "").replace("\r\n", "\n").replace("\r", "\n")
    text = text.encode(errors="replace").decode()
    return text if text.endswith("\n") else text + "\n"


def without_spaces(text: str) -> str:
    return "".join(text.split())


def is_flowed(parsed: EmailMessage) -> bool:
    part = parsed.get_body(preferencelist=("plain",))
    assert part is not None
    return part.get_param("format") == "flowed"


def shown(parsed: EmailMessage) -> str:
    """What a reader shows of the text."""
    text = text_of(parsed)
    return unflow(text, is_delsp=False) if is_flowed(parsed) else text


def as_shown(text: str, parsed: EmailMessage) -> str:
    """A text without what format=flowed does not carry, if that was used."""
    return unflow(flow(text), is_delsp=False) if is_flowed(parsed) else text


@given(subject=hostile_text, text=hostile_text, html=st.none() | hostile_text)
def test_any_subject_and_text_are_read_back(subject: str, text: str, html: str | None) -> None:
    parsed = read(compose(letter(subject=subject, text=text, html=html)))
    assert str(parsed["subject"]) == cleaned(subject)[:MAX_SUBJECT]
    assert shown(parsed) == as_shown(body(text), parsed)
    if html is not None:
        assert text_of(parsed, "html") == body(html)
    assert [str(parsed[name]) for name in ("to", "bcc")] == ["eva@example.net", "None"]


local_parts = st.text("abcXYZ019.+-_'!#=/", min_size=1, max_size=64)
domains = st.from_regex(r"[a-z0-9]{1,20}(\.[a-z]{2,10}){1,3}", fullmatch=True)
addresses = st.builds("{}@{}".format, local_parts, domains)


@given(st.lists(st.builds(Address, hostile_text, addresses), min_size=1, max_size=4))
def test_any_names_and_addresses_are_read_back(people: list[Address]) -> None:
    raw = compose(letter(from_=people[0], to=tuple(people), reply_to=tuple(people[:1])))
    parsed = read(raw)
    found = parsed["to"].addresses
    assert [f"{item.username}@{item.domain}" for item in found] == [p.address for p in people]
    # The standard library's reader is free with white space in names.
    assert [without_spaces(item.display_name) for item in found] == [
        without_spaces(cleaned(item.name)[:MAX_NAME]) for item in people
    ]
    assert len(parsed["from"].addresses) == len(parsed["reply-to"].addresses) == 1


@given(
    address=hostile_text,
    message_id=hostile_text,
    name=hostile_text,
    mime_type=hostile_text,
    content=st.binary(max_size=300),
    header=st.tuples(hostile_text, hostile_text),
)
def test_no_value_breaks_the_lines(
    address: str,
    message_id: str,
    name: str,
    mime_type: str,
    content: bytes,
    header: tuple[str, str],
) -> None:
    raw = compose(
        letter(
            from_=Address(name, address),
            to=(Address(name, address),),
            message_id=message_id,
            in_reply_to=message_id,
            references=(message_id, "a@x"),
            auto_submitted=address,
            headers=(header, ("X-Note", name)),
            attachments=((name, mime_type, content),),
        )
    )
    parsed = read(raw)
    assert parsed["bcc"] is None
    assert str(parsed["subject"]) == "Re: Printer"
    [(_, _, found)] = attachments_of(parsed)
    assert found == content


@given(name=hostile_text, content=st.binary(max_size=300))
def test_attachments_are_read_back(name: str, content: bytes) -> None:
    parsed = read(compose(letter(attachments=((name, "image/png", content),))))
    [(found_name, found_type, found)] = attachments_of(parsed)
    wanted = cleaned(name)
    if len(wanted) > MAX_NAME:
        wanted = wanted[: MAX_NAME - 20] + wanted[-20:]
    assert found == content
    assert found_type == "image/png"
    # The standard library's reader takes quotes and spaces around any name for its own.
    assert (found_name or "") == unquote(wanted).strip()
    assert text_of(parsed) == letter().text


@pytest.mark.parametrize(
    "value", ["x\r\nBcc: spy@example.org", "x\nBcc: spy@example.org", "x\rBcc: y\0"]
)
def test_no_field_adds_a_header(value: str) -> None:
    raw = compose(
        letter(
            from_=Address(value, f"{value}@example.com"),
            to=(Address(value, f"eva@{value}"),),
            subject=value,
            message_id=value,
            in_reply_to=value,
            references=(value,),
            auto_submitted=value,
            headers=((value, "x"), ("X-Note", value)),
            attachments=((value, value, b"x"),),
        )
    )
    assert_is_tidy(raw)
    assert b"\nBcc" not in raw


def test_headers_fold_under_78_characters() -> None:
    raw = compose(
        letter(
            subject="a long subject with words " * 20,
            to=tuple(Address(f"Grüße Nummer {n}", f"eva{n}@example.net") for n in range(20)),
            references=tuple(f"{n}.some-reference@mail.example.net" for n in range(20)),
            headers=(("X-Long", "漢字" * 100),),
        )
    )
    head = raw.partition(b"\r\n\r\n")[0]
    assert max(map(len, head.split(b"\r\n"))) <= 78


def test_references_keep_the_first_and_the_newest() -> None:
    ids = tuple(f"{n}@x" for n in range(60))
    parsed = read(compose(letter(references=ids)))
    assert str(parsed["references"]).split() == ["<0@x>"] + [f"<{n}@x>" for n in range(40, 60)]


def test_an_id_too_long_to_fold_stays_whole_and_one_beyond_all_bounds_is_left_out() -> None:
    long = "a" * 400 + "@x"
    raw = compose(letter(in_reply_to=long, references=(long, "b" * 2_000 + "@x", "c@x")))
    assert_is_tidy(raw)
    assert f"In-Reply-To: <{long}>\r\n".encode() in raw
    assert f"References: <{long}>\r\n <c@x>\r\n".encode() in raw


def test_ids_that_are_no_ids_are_left_out() -> None:
    parsed = read(compose(letter(in_reply_to="", references=("a b@x", "<c@x>", "ü@x"))))
    assert parsed["in-reply-to"] is None
    assert parsed["references"] is None


def test_the_date_keeps_its_zone() -> None:
    date = AT.astimezone(timezone(timedelta(hours=1)))
    assert b"\r\nDate: Fri, 20 Nov 2026 14:15:00 +0100\r\n" in compose(letter(date=date))


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("plain\n", "7bit"),
        ("a" * 79, "quoted-printable"),
        ("From here\n", "quoted-printable"),
        ("-- \nEva", "quoted-printable"),
        ("Der Drucker im Büro streikt seit heute Morgen.\n", "quoted-printable"),
        ("漢字かな" * 40, "base64"),
        ("", "7bit"),
    ],
)
def test_the_plainest_encoding_that_fits_is_used(text: str, encoding: str) -> None:
    parsed = read(compose(letter(text=text)))
    assert parsed["content-transfer-encoding"] == encoding
    assert text_of(parsed) == body(text)


def test_text_and_html_are_alternatives_and_attachments_stand_beside_them() -> None:
    parsed = read(
        compose(
            letter(
                html="<p>Hello <b>Eva</b></p>",
                attachments=(
                    ("r.txt", "text/plain", "Größe".encode()),
                    ("b", "text/plain", b"\xff"),
                ),
            )
        )
    )
    assert parsed.get_content_type() == "multipart/mixed"
    assert [part.get_content_type() for part in parsed.walk()][1:4] == [
        "multipart/alternative",
        "text/plain",
        "text/html",
    ]
    texts = list(parsed.iter_attachments())
    assert [part.get_param("charset") for part in texts] == ["utf-8", None]
    assert attachments_of(parsed)[1] == ("b", "text/plain", b"\xff")


PNG = b"\x89PNG\r\n\x1a\n"
PICTURE = ("p1.x@example.com", "Tür.png", "image/png", PNG)


def test_pictures_stand_beside_the_html_that_shows_them() -> None:
    file = ("a.pdf", "application/pdf", b"x")
    made = letter(html='<img src="cid:p1.x@example.com">', pictures=(PICTURE,), attachments=(file,))
    parsed = read(compose(made))
    assert [
        *("multipart/mixed", "multipart/alternative", "text/plain", "multipart/related"),
        *("text/html", "image/png", "application/pdf"),
    ] == [part.get_content_type() for part in parsed.walk()]
    related = list(parsed.walk())[3]
    assert "text/html" == related.get_param("type")
    picture = list(parsed.walk())[5]
    assert ("<p1.x@example.com>", "inline", "Tür.png") == (
        picture["content-id"],
        picture.get_content_disposition(),
        picture.get_filename(),
    )
    assert PNG == picture.get_payload(decode=True)
    assert [("a.pdf", "application/pdf", b"x")] == attachments_of(parsed)
    assert compose(made) == compose(made)


def test_without_html_pictures_are_files() -> None:
    parsed = read(compose(letter(pictures=(PICTURE,))))
    assert [("Tür.png", "image/png", PNG)] == attachments_of(parsed)


@given(name=hostile_text, content_id=hostile_text, content=st.binary(max_size=300))
def test_no_picture_adds_a_header_or_a_part(name: str, content_id: str, content: bytes) -> None:
    made = letter(html="<p>", pictures=((content_id, name, "image/png", content),))
    parsed = read(compose(made))
    assert 5 == len(list(parsed.walk()))
    picture = list(parsed.walk())[4]
    assert content == picture.get_payload(decode=True)
    assert {"content-type", "content-transfer-encoding", "content-disposition", "content-id"} == {
        header.lower() for header in picture
    }


def test_non_ascii_attachment_names_are_rfc_2231() -> None:
    raw = compose(letter(attachments=(("Übersicht.pdf", "application/pdf", b"x"),)))
    assert b"filename*=utf-8''%C3%9Cbersicht.pdf" in raw


MAIL = b"From: a@x\r\nSubject: hi\r\n\r\nHello\r\n"


@pytest.mark.parametrize(
    ("raw", "encoding"),
    [(MAIL, "7bit"), (MAIL.replace(b"\r", b""), "7bit"), (MAIL + b"\xc3\xbc\r\n", "8bit")],
)
def test_a_mail_is_attached_as_a_mail(raw: bytes, encoding: str) -> None:
    parsed = read(compose(letter(attachments=(("", "message/rfc822", raw),))))
    [part] = parsed.iter_attachments()
    assert part.get_content_type() == "message/rfc822"
    assert part["content-transfer-encoding"] == encoding
    assert part.get_filename() == "message.eml"
    assert part.get_content()["subject"] == "hi"
    assert (parsed["content-transfer-encoding"] == "8bit") == (encoding == "8bit")


@pytest.mark.parametrize("odd", [b"a\rb", b"a\0b", b"a" * 999, b""])
def test_a_mail_with_odd_lines_is_attached_as_bytes(odd: bytes) -> None:
    raw = MAIL + odd if odd else b""
    parsed = read(compose(letter(attachments=(("", "message/rfc822", raw),))))
    assert attachments_of(parsed) == [("message.eml", "application/octet-stream", raw)]


def test_an_attached_mail_cannot_end_its_part_early() -> None:
    first = compose(letter(attachments=(("", "message/rfc822", MAIL),)))
    parsed = read(compose(letter(attachments=(("", "message/rfc822", first),))))
    [part] = parsed.iter_attachments()
    assert len(list(part.get_content().iter_attachments())) == 1


@pytest.mark.parametrize(
    ("address", "is_fit"),
    [
        ("eva@example.net", True),
        ('"a b"@example.net', True),
        ("jörg@büro.example", True),
        ("eva@my_host.example.net", True),
        ("", False),
        ("eva", False),
        ("@x", False),
        ("eva@", False),
        ("e\0va@x", False),
        ("eva@exa mple.net", False),
        (" eva@x", False),
        ("eva@" + "ü" * 70, False),
        ("a" * 320 + "@x", False),
    ],
)
def test_an_address_is_fit_if_nothing_of_it_would_be_lost(address: str, is_fit: bool) -> None:
    assert is_address(address) == is_fit


@pytest.mark.parametrize(
    ("address", "written"),
    [
        ("eva@example.net", "eva@example.net"),
        ("a b,c@example.net", '"a b,c"@example.net'),
        ('"a b"@example.net', '"a b"@example.net'),
        ('a"b@example.net', '"a\\"b"@example.net'),
        ("eva@büro.example", "eva@xn--bro-hoa.example"),
        ("jörg@example.net", "jörg@example.net"),
        ("eva@example.net>,x", "eva@example.netx"),
        ("nowhere", "nowhere"),
        ("eva@[192.0.2.1]", "eva@[192.0.2.1]"),
    ],
)
def test_addresses_stay_one_address(address: str, written: str) -> None:
    assert addr_spec(address) == written
