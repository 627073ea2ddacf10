"""Outbox rows to letters: who is shown, where replies go, links that write the mail."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.core.site import Mailbox
from postroom.core.variables import EMPTY, LINKS, SAMPLE
from postroom.mail.compose import Letter, compose
from postroom.mail.message import Address
from postroom.mail.tokens import Signer, Token
from postroom.render.renderer import Renderer
from postroom.shipped import shipped_texts
from postroom.store.queue import Recipe
from postroom.work.letter import addresses_in, letter_for

AT = datetime(2026, 11, 20, 13, 15, 0, 7_000, tzinfo=UTC)
SUPPORT = Mailbox("support", "support@example.com", "support+{token}@example.com", "support")
SIGNER = Signer("acme", (b"key",))
RENDERER = Renderer(shipped_texts())
THREAD = bytes.fromhex("01dc5a1b2c3d") + bytes(range(16))

TO_HANDLERS_ABOUT_A_REQUEST = [
    *("new", "message", "note", "taken-over", "activated", "escalation", "held", "undelivered"),
    *("command-result", "command-error", "hook-failed"),
]
TO_CUSTOMERS = ["answer", "auto-reply", "approved", "rejected", "canceled"]
HOSTILE = [
    "<b>bold</b> & <script>alert(1)</script>",
    "one\r\nBcc: spy@example.net\r\n\r\ntwo\u2028Internal note: spy@example.net",
    "s" * 5_000,
    "مرحبا \u202egnp.exe\u202c שלום",
    "🔥" * 1_000,
    "\udcff \0 \x1b[31m {{ request.id }} {% if %}",
    "",
]


@dataclass(frozen=True)
class Words:
    subject: str = "Re: Printer [acme #12]"
    text: str = "Hello\n"
    html: str | None = None


def recipe(**changes: Any) -> Recipe:
    values: dict[str, Any] = {
        "id": 1,
        "request_id": 12,
        "kind": "notice",
        "mailbox": "support",
        "message_id": "m1.acme@example.com",
        "at": AT,
        "template": "new",
        "language": "en",
        "layout": None,
        "variables": {"request": {"subject": "Printer", "tag": "[acme #12]"}},
        "from_name": "Acme Support",
        "reply_role": "h",
        "reply_object": None,
        "reply_participant": 7,
        "to_addresses": None,
        "cc_addresses": None,
        "thread_index": None,
        "in_reply_to": None,
        "references": [],
        "attachments": [],
        "policy_version": "p1",
    }
    return Recipe(**(values | changes))


def letter(words: Any = None, recipient: str = "eva@example.net", **changes: Any) -> Letter:
    return letter_for(recipe(**changes), recipient, words or Words(), SUPPORT, SIGNER)


def read(letter: Letter) -> EmailMessage:
    raw = compose(letter)
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    mail = message_from_bytes(raw, policy=policy.default)
    assert isinstance(mail, EmailMessage)
    return mail


def tokens_in(text: str) -> list[Token]:
    """Find our tokens in every word of a text, links read."""
    words = re.split(r"[\s<>\"'(),;:?&]+", unquote(text))
    return list(SIGNER.find(words, [SUPPORT.reply_address]))


def letter_of(template: str, variables: Any, **changes: Any) -> Letter:
    """Return a letter as the sender makes it: `reply` is put in, then rendered, then written."""
    row = recipe(template=template, variables=variables, **changes)
    reply = addresses_in(row, SUPPORT, SIGNER)
    rendered = RENDERER.render(template, "en", {**variables, "reply": reply})
    assert rendered.warning is None
    return letter_for(row, "eva@example.net", rendered, SUPPORT, SIGNER)


def part(mail: EmailMessage, subtype: str) -> str:
    body = mail.get_body(preferencelist=(subtype,))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


def hostile(value: str, *, many: int = 1) -> dict[str, Any]:
    """Return variables in which every text of a stranger is `value`."""
    names = {"from_name": value, "from_address": value, "at": value}
    attachments = [{"name": value, "size": "12 kB"}] * many
    return {
        **SAMPLE,
        "request": {**SAMPLE["request"], "subject": value},
        "contact": {"name": value, "address": value},
        "company": value,
        "message": {
            **SAMPLE["message"],
            **names,
            "text": value,
            "subject": value,
            "reply_to": value,
            "cc": [value] * many,
            "attachments": attachments,
            "pictures": [{"part": "2", "name": value, "start": 0, "end": 0, "cid": ""}],
        },
        "quoted": {"text": value, "from_name": value, "at": "yesterday"},
        "participants": [value] * many,
        "reason": value,
        "choices": [value],
        "changes": [{"request": value, "what": value, "from": value, "to": "", "because": value}],
    }


# ---- Reply-To, To, Cc


@pytest.mark.parametrize(
    ("expected", "changes"),
    [
        (Token("h", 12, 7), {}),
        (Token("n", 12, 7), {"reply_role": "n"}),
        (Token("n", 0, 7), {"reply_role": "n", "reply_object": 0}),
        (Token("s", 5, 7), {"reply_role": "s", "reply_object": 5}),
        (Token("n", 0, 0), {"reply_role": "n", "request_id": None, "reply_participant": None}),
    ],
)
def test_the_reply_address_names_role_object_and_participant(
    expected: Token, changes: dict[str, Any]
) -> None:
    (reply_to,) = letter(**changes).reply_to
    assert (expected,) == SIGNER.find([reply_to.address], [SUPPORT.reply_address])


def test_without_a_role_replies_go_to_the_mailbox() -> None:
    assert (Address("", "support@example.com"),) == letter(reply_role=None).reply_to


def test_the_recipient_alone_is_shown_unless_more_are_given() -> None:
    alone = letter()
    assert ((Address("", "eva@example.net"),), ()) == (alone.to, alone.cc)


def test_every_recipient_sees_the_same_to_and_cc() -> None:
    shown = {
        "to_addresses": [["Kari", "kari@example.org"]],
        "cc_addresses": [["", "ola@example.org"], ["Per, P", "per@example.org"]],
    }
    for recipient in ("kari@example.org", "ola@example.org"):
        mail = read(letter(recipient=recipient, **shown))
        assert mail["to"] == "Kari <kari@example.org>"
        assert mail["cc"] == 'ola@example.org, "Per, P" <per@example.org>'


@pytest.mark.parametrize("role", list("chnsb"))
def test_an_address_with_a_token_is_never_shown(role: str) -> None:
    secret = SIGNER.reply_address(SUPPORT.reply_address, Token(role, 12, 7))
    shown = letter(
        to_addresses=[["", secret.upper()]], cc_addresses=[["x", secret], ["", "a@x.no"]]
    )
    assert (Address("", "eva@example.net"),) == shown.to
    assert (Address("", "a@x.no"),) == shown.cc


def test_hostile_names_cannot_add_a_header() -> None:
    pairs = [["a\r\nBcc: spy@example.net", "b@x.no\r\nX-Evil: 1"]]
    mail = read(letter(to_addresses=pairs, cc_addresses=pairs, from_name="x\nX-Evil: 1"))
    assert not {"bcc", "x-evil"} & {name.lower() for name in mail}


@pytest.mark.parametrize(
    "kind", ["answer", "auto-reply", "notice", "command-result", "escalation", "alert", "digest"]
)
def test_only_the_headers_on_this_list_ever_go_out(kind: str) -> None:
    allowed = {
        *("from", "to", "cc", "reply-to", "subject", "date", "message-id", "in-reply-to"),
        *("references", "thread-index", "thread-topic", "auto-submitted", "x-postroom-loop"),
        *("x-auto-response-suppress", "list-id", "mime-version", "content-type"),
        "content-transfer-encoding",
    }
    full = letter(
        kind=kind,
        thread_index=base64.b64encode(THREAD).decode(),
        cc_addresses=[["", "ola@example.org"]],
        in_reply_to="a@x",
        references=["a@x"],
    )
    mail = read(full)
    assert {name.lower() for name in mail} <= allowed
    assert ("auto-submitted" in mail) == (kind != "answer")


# ---- Outlook's threads


def test_an_answer_continues_outlooks_thread() -> None:
    mail = read(letter(thread_index=base64.b64encode(THREAD).decode()))
    written = base64.b64decode(mail["thread-index"], validate=True)
    assert written[:22] == THREAD
    assert len(written) == 27
    assert mail["thread-topic"] == "Printer"


def test_the_child_block_says_how_long_after_the_first_mail_it_was_written() -> None:
    filetime = (AT - datetime(1601, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 10
    for days in (0, 1, 600, 1_000):
        began = filetime - days * 864_000_000_000
        thread = (began >> 16).to_bytes(6, "big") + bytes(16)
        index = letter(thread_index=base64.b64encode(thread).decode()).thread_index
        block = int.from_bytes(base64.b64decode(index)[22:], "big")
        unit = 23 if block >> 39 else 18
        ticks = (block >> 8 & 0x7FFFFFFF) << unit
        assert abs(ticks - days * 864_000_000_000) <= 1 << 23
        assert block & 0xFF == 7


@pytest.mark.parametrize(
    ("length", "expected"), [(21, False), (22, True), (23, True), (700, True), (701, False)]
)
def test_a_thread_index_has_a_sensible_length(length: int, expected: bool) -> None:
    index = base64.b64encode(b"\x01" * length).decode()
    mail = read(letter(thread_index=index))
    assert expected == ("thread-index" in mail) == ("thread-topic" in mail)


@pytest.mark.parametrize(
    "index", ["", "AQ==", "no base64 at all!", "é" * 40, "A" * 100_000, "A\0=="]
)
def test_what_is_no_thread_index_is_not_continued(index: str) -> None:
    assert letter(thread_index=index).thread_index == ""


def test_a_folded_thread_index_is_continued_too() -> None:
    index = base64.b64encode(THREAD).decode()
    assert letter(thread_index=index).thread_index == (
        letter(thread_index=f" {index[:10]}\r\n\t{index[10:]} ").thread_index
    )


@given(st.text(), st.datetimes(timezones=st.just(UTC)))
def test_no_thread_index_breaks_a_letter(index: str, at: datetime) -> None:
    read(letter(thread_index=index, at=at))


@given(st.binary(min_size=22, max_size=60), st.datetimes(timezones=st.just(UTC)))
def test_every_thread_index_of_that_length_is_continued(thread: bytes, at: datetime) -> None:
    index = letter(thread_index=base64.b64encode(thread).decode(), at=at).thread_index
    assert base64.b64decode(index)[: len(thread)] == thread


@pytest.mark.parametrize(
    ("topic", "subject"),
    [
        ("Printer", "Re: Printer [acme #12]"),
        ("Printer", "RE: SV: Printer [acme #12]"),
        ("We have received your message", "[acme #12] We have received your message"),
        ("Regards", "Regards"),
    ],
)
def test_the_thread_topic_has_neither_re_nor_tag(topic: str, subject: str) -> None:
    index = base64.b64encode(THREAD).decode()
    assert topic == read(letter(Words(subject), thread_index=index))["thread-topic"]


# ---- the variable `reply`


@pytest.mark.parametrize(
    ("tokens", "changes"),
    [
        ({"answer": Token("h", 12, 7), "note": Token("n", 12, 7)}, {}),
        ({"note": Token("n", 12, 7)}, {"reply_role": "n"}),
        ({"note": Token("n", 9, 7)}, {"reply_role": "n", "reply_object": 9}),
        ({"hold": Token("n", 0, 7)}, {"reply_role": "n", "reply_object": 0}),
        ({}, {"reply_role": "c"}),
        ({}, {"reply_role": "b"}),
        ({}, {"reply_role": None}),
    ],
)
def test_a_notice_knows_the_addresses_that_its_reader_may_use(
    tokens: dict[str, Token], changes: dict[str, Any]
) -> None:
    reply = addresses_in(recipe(**changes), SUPPORT, SIGNER)
    assert EMPTY["reply"].keys() == reply.keys()
    for name in ("answer", "note", "hold"):
        found = SIGNER.find([reply[name]], [SUPPORT.reply_address])
        assert found == ((tokens[name],) if name in tokens else ())
    assert bool(tokens) == bool(reply["links"])


@pytest.mark.parametrize(
    ("names", "changes"),
    [
        ({"accept", "refuse"}, {"reply_role": "n", "reply_object": 0}),
        ({"undo"}, {"reply_role": "n", "reply_object": 0, "kind": "command-result"}),
        (set(LINKS) - {"accept", "refuse"}, {"reply_role": "n", "kind": "command-result"}),
        (set(LINKS) - {"accept", "refuse", "undo"}, {"reply_role": "h"}),
    ],
)
def test_a_mail_has_the_links_that_fit(names: set[str], changes: dict[str, Any]) -> None:
    assert names == addresses_in(recipe(**changes), SUPPORT, SIGNER)["links"].keys()


def test_a_link_writes_the_mail() -> None:
    link = addresses_in(recipe(), SUPPORT, SIGNER)["links"]["postpone"]
    address = SIGNER.reply_address(SUPPORT.reply_address, Token("n", 12, 7))
    assert link == (
        f"mailto:{address.replace('+', '%2B')}"
        "?subject=Re%3A%20Printer%20%5Bacme%20%2312%5D&body=%23postpone%201d"
    )


@pytest.mark.parametrize("subject", HOSTILE)
@pytest.mark.parametrize("role", ["h", "n"])
def test_links_read_back_whatever_the_subject(subject: str, role: str) -> None:
    variables = {"request": {"subject": subject, "tag": "[acme #12]"}}
    links = addresses_in(recipe(variables=variables, reply_role=role), SUPPORT, SIGNER)["links"]
    for name, link in links.items():
        assert re.fullmatch(r"mailto:[A-Za-z0-9%@.?=&_~-]{1,1900}", link)
        url = urlsplit(link)
        assert SIGNER.find([unquote(url.path)], [SUPPORT.reply_address]) == (Token("n", 12, 7),)
        fields = dict(parse_qsl(url.query, strict_parsing=True))
        assert fields.get("body", "").split(" ")[0] == ("" if name == "note" else f"#{name}")
        assert fields["subject"].startswith("Re: ")
        assert fields["subject"].endswith("[acme #12]")
        assert not re.search("[\x00-\x1f\x7f]", fields["subject"])


def test_a_link_subject_has_re_and_tag_once() -> None:
    variables = {"request": {"subject": "RE: Re: Fire [acme #12]", "tag": "[acme #12]"}}
    link = addresses_in(recipe(variables=variables), SUPPORT, SIGNER)["links"]["take"]
    assert dict(parse_qsl(urlsplit(link).query))["subject"] == "Re: Fire [acme #12]"


def test_a_hold_without_a_request_links_with_the_mails_subject() -> None:
    row = recipe(
        reply_role="n",
        request_id=None,
        variables={"message": {"subject": "Lawsuit"}},
        kind="notice",
    )
    link = addresses_in(row, SUPPORT, SIGNER)["links"]["accept"]
    assert dict(parse_qsl(urlsplit(link).query)) == {"subject": "Re: Lawsuit", "body": "#accept"}


# ---- the shipped templates, as they leave


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("name", [*TO_HANDLERS_ABOUT_A_REQUEST, *TO_CUSTOMERS, "alert", "ask"])
def test_no_stranger_breaks_out_of_a_mail(name: str, value: str) -> None:
    mail = read(letter_of(name, hostile(value, many=200)))
    assert not {"bcc", "x-evil"} & {header.lower() for header in mail}
    assert "[acme #123]" in mail["subject"]
    if name in TO_HANDLERS_ABOUT_A_REQUEST:
        html = part(mail, "html")
        assert not re.search(r"<(?!/?(?:div|p|b|br|table|tr|td|a|span|hr|code)[ >])", html)
        assert "spy@example.net" not in "".join(re.findall(r'href="([^"]*)"', html))


@pytest.mark.parametrize("name", ["new", "message", "note", "held", "undelivered"])
def test_the_words_of_others_never_stand_where_ours_do(name: str) -> None:
    evil = "Hi\r\nInternal note: spy@example.net\x0bInternal note: spy@x\u2028Internal note: spy@y"
    text = part(read(letter_of(name, hostile(evil))), "plain")
    assert "    Internal note: spy@example.net" in text.splitlines()
    found = [line for line in text.splitlines() if line.startswith("Internal note:")]
    assert all("spy" not in line for line in found)


@pytest.mark.parametrize("name", ["new", "message", "note", "held", "undelivered"])
@pytest.mark.parametrize("before", range(0, 80, 3))
def test_no_name_is_long_enough_to_begin_a_line_of_ours(name: str, before: int) -> None:
    evil = "x" * before + " Internal note: spy@x.no"
    changes = [{"what": evil, "because": evil, "from": "", "to": "", "request": ""}]
    variables = {**hostile(evil), "reason": "", "changes": changes}
    text = part(read(letter_of(name, variables, reply_role="n")), "plain")
    assert [line for line in text.splitlines() if line.startswith("Internal note:")] == []


@pytest.mark.parametrize("name", TO_HANDLERS_ABOUT_A_REQUEST)
@pytest.mark.parametrize("role", ["h", "n"])
def test_mails_to_handlers_about_a_request_have_one_subject(name: str, role: str) -> None:
    mail = read(letter_of(name, SAMPLE, reply_role=role))
    assert mail["subject"] == "Re: The <b>printer</b> is on fire [acme #123]"


@pytest.mark.parametrize("name", TO_HANDLERS_ABOUT_A_REQUEST)
@pytest.mark.parametrize("role", ["h", "n"])
@pytest.mark.parametrize("object_id", [12, 0])
def test_mails_to_handlers_stay_under_78_columns(name: str, role: str, object_id: int) -> None:
    long = {**SAMPLE, "reason": "because of a reason that is long " * 8}
    text = part(read(letter_of(name, long, reply_role=role, reply_object=object_id)), "plain")
    assert [line for line in text.splitlines() if len(line) > 78] == []


@pytest.mark.parametrize("name", ["new", "message"])
def test_a_notice_that_carries_an_answer_address_says_so_first(name: str) -> None:
    mail = read(letter_of(name, SAMPLE, reply_role="h", request_id=123))
    text, html = part(mail, "plain"), part(mail, "html")
    for words in (text, html):
        assert "Reply to this mail: your words go to the customer." in words
        assert "stays internal" not in words
        assert set(tokens_in(words)) == {Token("n", 123, 7)}
    assert SIGNER.find([mail["reply-to"]], [SUPPORT.reply_address]) == (Token("h", 123, 7),)
    assert addresses_in(recipe(), SUPPORT, SIGNER)["hold"] == ""


@pytest.mark.parametrize("name", TO_HANDLERS_ABOUT_A_REQUEST)
def test_internal_mail_never_promises_that_the_customer_reads_it(name: str) -> None:
    mail = read(letter_of(name, SAMPLE, reply_role="n"))
    for words in (part(mail, "plain"), part(mail, "html")):
        assert "go to the customer" not in words
        assert "goes to the customer" not in words
        assert {token.role for token in tokens_in(words)} <= {"n"}


@pytest.mark.parametrize("name", ["note", "taken-over", "activated", "undelivered"])
def test_internal_mail_says_that_it_is(name: str) -> None:
    mail = read(letter_of(name, SAMPLE, reply_role="n"))
    for words in (part(mail, "plain"), part(mail, "html")):
        assert "This is internal: a reply to this mail stays internal." in words


@pytest.mark.parametrize("layout", [None, "letterhead"])
@pytest.mark.parametrize("name", TO_CUSTOMERS)
def test_mail_to_customers_carries_no_address_of_a_handler(name: str, layout: str | None) -> None:
    row = recipe(template=name, kind="answer", reply_role="c", variables=SAMPLE)
    reply = addresses_in(row, SUPPORT, SIGNER)
    rendered = RENDERER.render(name, "en", {**SAMPLE, "reply": reply}, layout=layout)
    mail = read(letter_for(row, "kari@example.org", rendered, SUPPORT, SIGNER))
    everything = "\n".join([*map(str, mail.values()), part(mail, "plain")])
    assert {token.role for token in tokens_in(everything)} == {"c"}
    assert mail.get_content_type() == "text/plain"


def test_an_answer_quotes_the_mail_that_it_answers() -> None:
    text = part(read(letter_of("answer", SAMPLE, kind="answer", reply_role="c")), "plain")
    assert text.endswith(
        "\n\nOn 2026-11-20 14:15 CET, Kari Nordmann wrote:\n"
        "> Is it the <b>big</b> one?\n>\n> Please answer soon.\n"
    )
    nothing = {**SAMPLE, "quoted": EMPTY["quoted"]}
    text = part(read(letter_of("answer", nothing, kind="answer", reply_role="c")), "plain")
    assert text == "It has been burning since Monday.\nCould you have a look?\n"


def test_a_hold_is_decided_by_a_reply_or_a_click() -> None:
    mail = read(letter_of("held", SAMPLE, reply_role="n", reply_object=0))
    text, html = part(mail, "plain"), part(mail, "html")
    assert "Reply with #accept on the first line" in text
    assert "nobody vouches for this sender" in text
    assert html.count("mailto:") == 2
    assert set(tokens_in(html)) == {Token("n", 0, 7)}
    assert "#take" not in text


@pytest.mark.parametrize(
    ("expected", "changes"), [(True, SAMPLE["changes"]), (False, EMPTY["changes"])]
)
def test_only_what_changed_can_be_undone(expected: bool, changes: Any) -> None:
    variables = {**SAMPLE, "changes": changes}
    mail = read(letter_of("command-result", variables, reply_role="n", kind="command-result"))
    assert expected == ("Reply with #undo" in part(mail, "plain"))
    assert expected == (">Undo</a>" in part(mail, "html"))
    assert ("* status: open -> closed (#close)" in part(mail, "plain")) == expected


def test_what_a_command_printed_keeps_its_columns() -> None:
    message = {**SAMPLE["message"], "text": "a    1\n  b  <2>"}
    mail = read(letter_of("command-result", {**SAMPLE, "message": message}, reply_role="n"))
    assert "\na    1\n  b  <2>\n" in part(mail, "plain")
    assert "a &nbsp;&nbsp;&nbsp;1<br>\n&nbsp;&nbsp;b &nbsp;&lt;2&gt;" in part(mail, "html")


@pytest.mark.parametrize(
    ("expected", "role"),
    [
        ("as a reply to this mail: it goes to the customer\nthen.", "h"),
        ("as a reply to this mail it stays internal; to\nanswer the customer,", "n"),
    ],
)
def test_a_command_error_says_where_the_next_try_goes(expected: str, role: str) -> None:
    text = part(read(letter_of("command-error", SAMPLE, reply_role=role)), "plain")
    assert expected in text
    assert "Possible here: #close, #reopen" in text
    assert "    It has been burning since Monday." in text


def test_an_answer_that_did_not_arrive_names_to_whom_and_why() -> None:
    change = {"what": "kari@example.org", "because": "550 5.1.1 no such user"}
    changes = [{"request": "", "from": "", "to": "", **change}]
    mail = read(letter_of("undelivered", {**SAMPLE, "changes": changes}, reply_role="n"))
    text = part(mail, "plain")
    assert text.startswith("Your answer in request R-123 could not be delivered:\n")
    assert "* kari@example.org\n    550 5.1.1 no such user\n" in text
    assert "Your words were:\n\n    It has been burning" in text


@pytest.mark.parametrize(
    ("expected", "verdict"),
    [("nobody vouches for this sender", "none"), ("FORGED", "fail"), ("", "pass"), ("", "")],
)
def test_a_doubtful_sender_is_named_so(expected: str, verdict: str) -> None:
    message = {**SAMPLE["message"], "verdict": verdict}
    text = part(read(letter_of("new", {**SAMPLE, "message": message})), "plain")
    assert expected in text
    assert bool(expected) == ("Sender:" in text)


@pytest.mark.parametrize(
    ("expected", "participants"),
    [
        ("Copies to:  ola@example.org (of every answer)", ["kari@example.org", "ola@example.org"]),
        ("", ["kari@example.org"]),
        ("", []),
    ],
)
def test_a_notice_says_who_else_hears_an_answer(expected: str, participants: list[str]) -> None:
    text = part(read(letter_of("new", {**SAMPLE, "participants": participants})), "plain")
    assert expected in text
    assert bool(expected) == ("Copies to:" in text)


def test_of_many_attachments_the_first_are_named() -> None:
    text = part(read(letter_of("new", hostile("x.pdf", many=200))), "plain")
    assert text.count("x.pdf (12 kB)") == 20
    assert "and 180 more" in text
    assert "too large for a mail: see `postroom request attachment`" in text


def test_a_letter_in_two_forms_has_text_first_and_attachments_last() -> None:
    made = letter_for(
        recipe(),
        "eva@example.net",
        Words(html="<p>Hello</p>"),
        SUPPORT,
        SIGNER,
        attachments=(("a.txt", "text/plain", b"x"),),
    )
    kinds = [part.get_content_type() for part in read(made).walk()]
    assert kinds == [
        *("multipart/mixed", "multipart/alternative", "text/plain", "text/html", "text/plain")
    ]


@pytest.mark.parametrize(
    ("kind", "role", "expected"),
    [
        ("notice", "h", ["<support.acme.example.com>"]),
        ("digest", "n", ["<support.acme.example.com>"]),
        ("alert", None, ["<support.acme.example.com>"]),
        ("escalation", "c", []),  # the customer is told of a delay
        ("auto-reply", "c", []),
        ("answer", "c", []),
    ],
)
def test_mail_to_the_team_can_be_sorted_by_a_list_id(
    kind: str, role: str | None, expected: list[str]
) -> None:
    headers = letter(kind=kind, reply_role=role).headers
    assert expected == [value for name, value in headers if name == "List-Id"]
