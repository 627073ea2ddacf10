"""Reading reports and notices: the forms that RFC 3464 has, and those that it does not have."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.mail.bounce_text import addresses_in, read_notice
from postroom.mail.bounces import read_bounce
from postroom.mail.message import Limits
from postroom.mail.reports import Report, address_of, read_status, report_in_text

ANN = "ann@kunde.example"


@pytest.mark.parametrize(
    ("expected", "value"),
    [
        (ANN, "rfc822; ann@kunde.example"),
        (ANN, "RFC822;ann@kunde.example"),
        (ANN, "rfc822; <ann@kunde.example>"),
        (ANN, "rfc822;Ann Kunde <ann@kunde.example>"),
        (ANN, "rfc822; ann@kunde.example (Ann Kunde)"),
        (ANN, "rfc822; 'ann@kunde.example'"),
        (ANN, "smtp; ann@KUNDE.example."),
        (ANN, "ann@kunde.example"),
        (ANN, "rfc822; ann@kunde.example, via mx.kunde.example"),
        ("jörg@kunde.example", "utf-8; j\\x{F6}rg@kunde.example"),
        ("jörg@kunde.example", "utf-8; jörg@kunde.example"),
        (ANN, "rfc822;IMCEASMTP-ann+40kunde+2Eexample@example.com"),
        ("a_b@kunde.example", "rfc822;IMCEAINVALID-a+5Fb+40kunde+2Eexample@example.com"),
        ("ann", "rfc822; ann"),
        ("", "rfc822;"),
        ("", ""),
    ],
)
def test_address_of_a_recipient_field(expected: str, value: str) -> None:
    assert expected == address_of({"final-recipient": value})


def test_the_address_that_was_written_to_goes_before_the_last_one() -> None:
    fields = {"final-recipient": "rfc822; a@last.example", "original-recipient": f"rfc822;{ANN}"}
    assert ANN == address_of(fields)
    fields["original-recipient"] = "x400; /G=Ann/S=Kunde/"
    assert "a@last.example" == address_of(fields)


@pytest.mark.parametrize(
    ("expected", "original", "final"),
    [
        ("ann+tag@kunde.example", "ann+2Btag@kunde.example", "ann+tag@kunde.example"),
        (ANN, "ann+40kunde.example", "ann@kunde.example"),
        # A tag of two digits is one.
        ("ann+2026@kunde.example", "ann+2026@kunde.example", "ann@home.example"),
    ],
)
def test_escapes_that_were_left_in_are_undone(expected: str, original: str, final: str) -> None:
    fields = {"original-recipient": f"rfc822;{original}", "final-recipient": f"rfc822;{final}"}
    assert expected == address_of(fields)


@pytest.mark.parametrize(
    "status",
    [
        "Reporting-MTA: dns; x\n\nFinal-Recipient: rfc822; {0}\nAction: failed\nStatus: 5.1.1\n",
        "Final-Recipient: rfc822; {0}\n\nAction: failed\n\nStatus: 5.1.1\n",
        "Reporting-MTA: dns; x\nAction: failed\nStatus: 5.1.1\nFinal-Recipient: rfc822; {0}\n",
        "FINAL-RECIPIENT : rfc822;{0}\nSTATUS:5.1.1\n",
        " Final-Recipient: rfc822; {0}\n Action: failed\n Status: 5.1.1",
        "Final-Recipient: rfc822; {0}\nStatus: 5.0.0\nDiagnostic-Code: smtp;\n 550\n\t5.1.1 no\n",
        "Final-Recipient: rfc822; {0}\nStatus: 5.0.0\nDiagnostic-Code: x; 550-no\n550 5.1.1 no",
        "Final-Recipient: rfc822; {0}\nDiagnostic-Code: smtp; 550 User unknown\n",
    ],
)
def test_fields_stand_in_any_order_and_form(status: str) -> None:
    octets = status.format(ANN).encode()
    for line_end in (b"\n", b"\r\n"):
        report = Report("delivery-status", octets.replace(b"\n", line_end).replace(b"\r", b""))
        [one] = read_bounce(report, {}, "").recipients
        assert (ANN, "failed", "5.1.1") == (one.address, one.action, one.status)


def test_a_recipient_without_an_empty_line_before_is_another_one() -> None:
    status = "Final-Recipient: rfc822; a@x.example\nAction: failed\nStatus: 5.1.1\n"
    both = read_status((status + status.replace("a@", "b@")).encode(), 10)
    assert ["rfc822; a@x.example", "rfc822; b@x.example"] == [
        fields["final-recipient"] for fields in both.recipients
    ]


def test_a_recipient_named_twice_failed_if_he_failed_once() -> None:
    block = f"Final-Recipient: rfc822; {ANN}\nAction: {{}}\nStatus: {{}}\n\n"
    status = block.format("delayed", "4.4.1") + block.format("failed", "5.1.1")
    [one] = read_bounce(Report("delivery-status", status.encode()), {}, "").recipients
    assert ("failed", "5.1.1") == (one.action, one.status)


def test_a_bare_name_is_completed_from_the_failed_mail() -> None:
    status = b"Final-Recipient: rfc822; ann\nAction: failed\nStatus: 5.1.1\n"
    text = f"It failed.\n\n--- Original message ---\n\nMessage-ID: <a@b>\nTo: {ANN}\n"
    [one] = read_bounce(Report("delivery-status", status), {}, text).recipients
    assert ANN == one.address


def test_no_more_recipients_are_read_than_the_limit() -> None:
    lines = [f"Final-Recipient: rfc822; u{n}@x.example\nAction: failed\n" for n in range(50)]
    report = Report("delivery-status", "\n".join(lines).encode())
    assert 7 == len(read_bounce(report, {}, "", limits=Limits(addresses=7)).recipients)


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        ([ANN], f"<{ANN}>:\nUser unknown"),
        ([ANN], f"It could not be delivered to:\n\n   {ANN}\n"),
        ([ANN], f"  Recipient: [SMTP:{ANN}]\n  Reason: no"),
        ([ANN], f">>> RCPT To:<{ANN}>\n<<< 550 no"),
        ([ANN], f"Your message to {ANN} could not be delivered."),
        ([ANN], f"Unknown user: {ANN}\n"),
        ([ANN], f"550 <{ANN}>... User unknown"),
        ([ANN], f"{ANN}\nno such user\n\nFor help write to <postmaster@mx.example>."),
        ([ANN], f"{ANN}: failed\n\nPlease contact help@mx.example"),
        ([ANN], f"Failed: {ANN}\n\n-- Original message --\nTo: other@x.example\n"),
        ([ANN, "bob@x.example"], f"<{ANN}>: no\n\n<bob@x.example>: no"),
        ([], "The user could not be found."),
        ([], "From: someone@x.example"),
    ],
)
def test_those_who_failed_are_found_in_the_words(expected: list[str], text: str) -> None:
    assert expected == [name.address for name in read_notice(text, ()).names]


def test_the_sender_of_the_failed_mail_did_not_fail() -> None:
    text = f"Hello support@example.com, your message to {ANN} could not be delivered."
    assert [ANN] == [name.address for name in read_notice(text, {"support@example.com"}).names]


@pytest.mark.parametrize(
    ("expected", "line"),
    [
        (["a@b.example"], "x <a@b.example>, y"),
        (["a.b+c=d@e-f.example"], "to a.b+c=d@e-f.example."),
        (['"a b"@c.example'], '"a b"@c.example'),
        (["ann@kunde"], "<ann@kunde>"),
        ([], "a @ b, @x, x@"),
        (["a@b.example", "c@d.example"], "a@b.example;c@d.example"),
    ],
)
def test_addresses_in_a_line(expected: list[str], line: str) -> None:
    assert expected == [address for address, _, _ in addresses_in(line)]


def test_a_report_that_a_broken_mail_left_in_its_text_is_read() -> None:
    fields = f"Final-Recipient: rfc822; {ANN}\nStatus: 5.2.2\n"
    text = f"--X\nContent-Type: message/delivery-status\n\n{fields}"
    assert report_in_text(text).startswith(b"Final-Recipient")
    [one] = read_bounce(Report(), {}, text).recipients
    assert (ANN, "failed", "5.2.2") == (one.address, one.action, one.status)


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        ("x@me.example", "Original message ID: <x@me.example>"),
        ("x@me.example", "Internet-Message-ID: <x@me.example>"),
        ("x@me.example", "Nachrichten-ID: <x@me.example>"),
        (None, "Contact your administrator: postmaster@me.example"),
    ],
)
def test_what_stands_below_a_label_of_its_own_did_not_fail(expected: str | None, text: str) -> None:
    bounce = read_bounce(Report(), {}, f"Your mail to {ANN} was not delivered.\n\n{text}\n")
    assert [ANN] == [one.address for one in bounce.recipients]
    assert expected == bounce.message_id


def test_who_is_to_be_asked_instead_stands_in_a_sentence_of_his_own() -> None:
    text = f"The address {ANN} is not in use. Please write to bob@kunde.example from now on.\n"
    assert [ANN] == [one.address for one in read_bounce(Report(), {}, text).recipients]


@given(st.text(), st.binary(), st.binary())
def test_anything_gives_a_bounce(text: str, status: bytes, original: bytes) -> None:
    bounce = read_bounce(Report("delivery-status", status, original), {}, text)
    assert all(one.address and one.action and one.status for one in bounce.recipients)


@given(st.lists(st.sampled_from([ANN, "@", "<", ">", ":", "\n", "550 ", "5.1.1", "to ", "user "])))
def test_any_words_give_a_notice(words: list[str]) -> None:
    notice = read_notice("".join(words), ())
    assert all("@" in name.address for name in notice.names)
