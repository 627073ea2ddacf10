"""The pure parts of the IMAP door: envelopes, stubs, troubles and pauses, sets of UIDs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from tests.houses import mail

from postroom.core.site import Brakes, Budget, Mailbox, Site
from postroom.intake.imap_mail import Place, arrived_at, envelope_of, stub
from postroom.intake.imap_session import written
from postroom.intake.imap_trouble import ImapTrouble, Kind, pause, told, words_of
from postroom.mail.parse import read_mail

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
OFF = Budget(0, timedelta(0))
SUPPORT = Mailbox("support", "support@example.com", "support+{token}@example.com", "support")
SALES = Mailbox("sales", "sales@example.com", "sales+{token}@example.com", "sales")
SITE = Site("acme", {"support": SUPPORT, "sales": SALES}, Brakes(OFF, OFF, OFF, OFF))
PLACE = Place("imap://ann@host:993/INBOX", 7, 9)


@pytest.mark.parametrize(
    ("head", "sender", "recipients"),
    [
        ("From: Ann <ann@example.net>\r\n", "ann@example.net", ("support@example.com",)),
        ("Return-Path: <>\r\nFrom: Ann <ann@example.net>\r\n", "", ("support@example.com",)),
        ("Return-Path: nonsense\r\nFrom: ann@example.net\r\n", "", ("support@example.com",)),
        (
            "Return-Path: <a@b.example>\r\nReturn-Path: <>\r\nFrom: ann@example.net\r\n",
            "a@b.example",
            ("support@example.com",),
        ),
        (
            "Delivered-To: support+c123@example.com\r\nTo: Team <support@example.com>\r\n",
            "",
            ("support+c123@example.com", "support@example.com"),
        ),
        ("To: sales@example.com\r\n", "", ("support@example.com",)),  # the folder is support's
        ("To: =?utf-8?q?x?=\r\n <SUPPORT@Example.COM>\r\n", "", ("SUPPORT@example.com",)),
        ("", "", ("support@example.com",)),
    ],
)
def test_an_envelope_is_what_the_headers_tell(
    head: str, sender: str, recipients: tuple[str, ...]
) -> None:
    raw = f"{head}Subject: x\r\n\r\nTo: support+other@example.com\r\n".encode()
    found = envelope_of(raw, SUPPORT, SITE, PLACE, NOW)
    assert (sender, recipients) == (found.sender, found.recipients)
    assert ("imap", "support", "") == (found.transport, found.mailbox, found.peer)
    assert "imap://ann@host:993/INBOX;UIDVALIDITY=7/;UID=9" == found.source


@pytest.mark.parametrize("raw", [b"", b"\r\n", b"\x00" * 1000, b"To:" * 100_000, b"a: b\n c\n" * 9])
def test_any_octets_have_an_envelope_and_a_stub(raw: bytes) -> None:
    assert envelope_of(raw, SUPPORT, SITE, PLACE, NOW).recipients == ("support@example.com",)
    assert "why" in read_mail(stub(raw, "why", NOW)).text


def test_a_stub_keeps_who_and_what_and_drops_how_it_was_written() -> None:
    head = mail("How?", message_id="q@x", in_reply_to="p@x")
    read = read_mail(stub(head.partition(b"\r\n\r\n")[0] + b"\r\n\r\n", "too large", NOW))
    assert ("How?", "q@x", ("p@x",)) == (read.subject, read.message_id, read.in_reply_to)
    assert read.from_ is not None
    assert "[too large]" == read.text.strip()
    assert () == read.defects


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (None, NOW),
        (NOW - timedelta(days=3), NOW - timedelta(days=3)),
        (NOW + timedelta(days=1), NOW),
        (datetime(1970, 1, 1, tzinfo=UTC), NOW),
    ],
)
def test_the_servers_date_is_believed_within_reason(
    at: datetime | None, expected: datetime
) -> None:
    assert expected == arrived_at(at, NOW)


@pytest.mark.parametrize(
    ("said", "kind", "seconds"),
    [
        ("Request is throttled. Suggested Backoff Time: 299000 milliseconds", Kind.THROTTLED, 299),
        ("Suggested Backoff Time: 999999999999 seconds", Kind.THROTTLED, 86_400),
        ("[AUTHENTICATIONFAILED] Invalid credentials", Kind.LOGIN, 0),
        ("[INUSE] somebody", Kind.AWAY, 0),
        ("no such thing", Kind.FOLDER, 0),
        ("error: b'[AUTHENTICATIONFAILED] no'", Kind.LOGIN, 0),
    ],
)
def test_what_a_server_says_is_read(said: str, kind: Kind, seconds: float) -> None:
    found = told(said, Kind.FOLDER)
    assert (kind, seconds) == (found.kind, found.retry_in.total_seconds())


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("b'[AUTHENTICATIONFAILED] Wrong.'", "[AUTHENTICATIONFAILED] Wrong."),
        ("""NO [b"it's \\xc3\\xa5 no"]""", "NO [it's å no]"),
        (r"b'it\'s \x1b[31m\xff'", "it's \ufffd[31m\ufffd"),
        ("b'cut off", "b'cut off"),
        ("grab'this' and no octets", "grab'this' and no octets"),
        ("two\r\nlines", "two lines"),
    ],
)
def test_the_words_of_a_server_are_text(said: str, words: str) -> None:
    assert words == words_of(said)


def test_pauses_grow_spread_and_obey() -> None:
    away = ImapTrouble(Kind.AWAY, "x")
    assert [0.75, 1.5, 3.0] == [pause(away, failures, 0.0) for failures in (1, 2, 3)]
    assert pause(away, 10**6, 1.0) <= 375
    assert pause(ImapTrouble(Kind.LOGIN, "x"), 1, 0.0) >= 60
    asked = ImapTrouble(Kind.THROTTLED, "x", timedelta(seconds=500))
    assert 500 <= pause(asked, 1, 1.0) < 520


def test_uids_are_written_as_runs() -> None:
    assert "1:3,5,7:8" == written([1, 2, 3, 5, 7, 8])
    assert "4294967295" == written([2**32 - 1])
