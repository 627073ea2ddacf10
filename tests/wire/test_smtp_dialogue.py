"""What the SMTP door answers, line by line."""

from __future__ import annotations

import pytest
from tests.wire.live_door import Client, Open, make_site

from postroom.mail.message import Envelope
from postroom.spool import Spool

MAIL = b"From: ann@example.net\r\nSubject: Hello\r\n\r\nHow are you?\r\n"

DIALOGUES = {
    "hello is needed": [("MAIL FROM:<a@example.net>", "503 5.5.1")],
    "hello needs a name": [("EHLO", "501 5.5.4"), ("HELO ", "501 5.5.4")],
    "helo": [("HELO me", "250 mx.example.com"), ("MAIL FROM:<a@example.net>", "250 2.1.0")],
    "commands without case": [
        ("ehlo me", "250-mx.example.com"),
        ("mail from:<a@example.net>", "250 2.1.0"),
        ("rcpt to:<Support@EXAMPLE.com>", "250 2.1.5"),
        ("rset", "250 2.0.0"),
        ("noop", "250 2.0.0"),
        ("quit", "221 2.0.0"),
    ],
    "order of commands": [
        ("EHLO me", "250-"),
        ("RCPT TO:<support@example.com>", "503 5.5.1"),
        ("DATA", "503 5.5.1"),
        ("MAIL FROM:<a@example.net>", "250 2.1.0"),
        ("MAIL FROM:<a@example.net>", "503 5.5.1"),
        ("DATA", "554 5.5.1"),
        ("RSET", "250 2.0.0"),
        ("RCPT TO:<support@example.com>", "503 5.5.1"),
        ("MAIL FROM:<a@example.net>", "250 2.1.0"),
        ("RCPT TO:<support@example.com>", "250 2.1.5"),
        ("EHLO again", "250-"),
        ("DATA", "503 5.5.1"),
    ],
    "senders": [
        ("EHLO me", "250-"),
        ("MAIL", "501 5.1.7"),
        ("MAIL FROM", "501 5.1.7"),
        ("MAIL FROM:", "501 5.1.7"),
        ("MAIL FROM:a@example.net", "501 5.1.7"),
        ("MAIL FROM:<a@example.net", "501 5.1.7"),
        ("MAIL FROM:<a b@example.net>", "501 5.1.7"),
        ("MAIL FROM:<a@@example.net>", "501 5.1.7"),
        ("MAIL TO:<a@example.net>", "501 5.1.7"),
        ("MAIL FROM:<" + "a" * 250 + "@example.net>", "553 5.1.7"),
        ("MAIL FROM:<grüße@example.net>", "553 5.6.7"),
        ("MAIL FROM:<a..b.@example.net>", "250 2.1.0"),
        ("RSET", "250 2.0.0"),
        ("MAIL FROM: <a@example.net>", "250 2.1.0"),
        ("RSET", "250 2.0.0"),
        ('MAIL FROM:<"a b"@example.net>', "250 2.1.0"),
        ("RSET", "250 2.0.0"),
        ("MAIL FROM:<bounces+" + "x" * 80 + "@example.net>", "250 2.1.0"),
        ("RSET", "250 2.0.0"),
        ("MAIL FROM:<>", "250 2.1.0"),
    ],
    "parameters of MAIL": [
        ("EHLO me", "250-"),
        ("MAIL FROM:<a@example.net> SIZE=x", "501 5.5.4"),
        ("MAIL FROM:<a@example.net> SIZE", "501 5.5.4"),
        ("MAIL FROM:<a@example.net> BODY=9BIT", "501 5.5.4"),
        ("MAIL FROM:<a@example.net> SMTPUTF8=yes", "501 5.5.4"),
        ("MAIL FROM:<a@example.net> RET=FULL", "555 5.5.4"),
        ("MAIL FROM:<a@example.net> SIZE=99999999999999999999", "552 5.3.4"),
        ("MAIL FROM:<a@example.net> size=1000 body=8bitmime smtputf8", "250 2.1.0"),
    ],
    "recipients": [
        ("EHLO me", "250-"),
        ("MAIL FROM:<a@example.net>", "250 2.1.0"),
        ("RCPT", "501 5.1.3"),
        ("RCPT TO:<>", "501 5.1.3"),
        ("RCPT TO:<support>", "501 5.1.3"),
        ("RCPT TO:support@example.com", "501 5.1.3"),
        ("RCPT TO:<nobody@example.com>", "550 5.1.1"),
        ("RCPT TO:<support@example.org>", "550 5.1.1"),
        ("RCPT TO:<postmaster>", "550 5.1.1"),
        ("RCPT TO:<support@example.com> NOTIFY=NEVER", "555 5.5.4"),
        ("RCPT TO:<support+" + "x" * 56 + "@example.com>", "250 2.1.5"),
        ("RCPT TO:<support+" + "x" * 57 + "@example.com>", "553 5.1.3"),
        ("RCPT TO:<support@" + "x" * 250 + ".example.com>", "553 5.1.3"),
        ("RCPT TO:<grüße@example.com>", "553 5.6.7"),
        ("RCPT TO:<@relay.example.org:support@example.com>", "250 2.1.5"),
        ("RCPT TO:<support+any.old.token@example.com>", "250 2.1.5"),
        ("DATA now", "501 5.5.4"),
    ],
    "what is not for strangers": [
        ("EHLO me", "250-"),
        ("VRFY support@example.com", "252 2.0.0"),
        ("VRFY nobody@example.com", "252 2.0.0"),
        ("EXPN support", "502 5.5.1"),
        ("ETRN example.com", "502 5.5.1"),
        ("TURN", "502 5.5.1"),
        ("AUTH PLAIN AGEAYg==", "502 5.5.1"),
        ("STARTTLS", "502 5.5.1"),
        ("HELP", "214 2.0.0"),
    ],
    "garbage": [
        ("", "500 5.5.1"),
        ("GET / HTTP/1.1", "500 5.5.1"),
        ("MAIL FROM:<a@example.net>\n", "500 5.5.2"),
        (b"EHLO \xff\xfe", "500 5.5.2"),
        (b"EHLO a\rb", "500 5.5.2"),
        (b"EHLO \0", "500 5.5.2"),
        ("NOOP " + "x" * 3000, "500 5.5.2"),
        ("NOOP", "250 2.0.0"),
    ],
}


@pytest.mark.parametrize("name", DIALOGUES)
def test_dialogue(name: str, open_door: Open) -> None:
    with open_door().client() as client:
        assert client.reply() == "220 mx.example.com ESMTP Postroom"
        for line, expected in DIALOGUES[name]:
            if isinstance(line, str) and line.endswith("\n"):
                client.send(line.encode())
                answer = client.reply()
            else:
                answer = client.say(line)
            assert answer.startswith(expected), line


def test_hello_announces_what_the_door_can(open_door: Open) -> None:
    with open_door(message_size=12345).client() as client:
        client.reply()
        assert client.say("EHLO me").split("\n") == [
            "250-mx.example.com",
            "250-PIPELINING",
            "250-SIZE 12345",
            "250-8BITMIME",
            "250-SMTPUTF8",
            "250 ENHANCEDSTATUSCODES",
        ]


def test_an_accepted_mail_is_in_the_spool_as_it_came(client: Client, spool: Spool) -> None:
    answer = client.give(MAIL, "Support+abc@example.com", "help@example.com")
    (mail,) = spool.claim(10, 10**6)
    assert answer == f"250 2.0.0 Ok: queued as {mail.id}"
    assert mail.raw == MAIL
    expected = Envelope(
        sender="ann@example.net",
        recipients=("Support+abc@example.com", "help@example.com"),
        transport="smtp",
        mailbox="support",
        received_at=mail.envelope.received_at,
        peer="127.0.0.1",
        options={"HELO": "client.example.net"},
    )
    assert mail.envelope == expected


def test_an_endless_helo_name_is_kept_up_to_255_characters(client: Client, spool: Spool) -> None:
    client.say("HELO " + "x" * 900)
    client.give(MAIL)
    (mail,) = spool.claim(10, 10**6)
    assert mail.envelope.options == {"HELO": "x" * 255}


def test_mails_follow_each_other_on_one_connection(any_client: Client, spool: Spool) -> None:
    answers = [any_client.give(MAIL) for _ in range(3)]
    assert [answer.rpartition("-")[2] for answer in answers] == ["1", "2", "3"]
    assert len(spool.list()) == 3


def test_the_null_sender_is_an_empty_one(any_client: Client, spool: Spool) -> None:
    any_client.give(MAIL, sender="<>")
    assert spool.list()[0].envelope.sender == ""


def test_one_mail_for_two_mailboxes_is_spooled_twice_and_together(
    client: Client, spool: Spool
) -> None:
    flushes = spool.flushes
    answer = client.give(
        MAIL, "sales@example.com", "support@example.com", "sales+x@example.com", "sales@example.com"
    )
    first, second = spool.list()
    assert answer == f"250 2.0.0 Ok: queued as {first.id}"
    assert spool.flushes == flushes + 1
    assert (first.envelope.mailbox, first.envelope.recipients) == (
        "sales",
        ("sales@example.com", "sales+x@example.com"),
    )
    assert (second.envelope.mailbox, second.envelope.recipients) == (
        "support",
        ("support@example.com",),
    )


def test_internationalised_addresses(client: Client, spool: Spool) -> None:
    client.say("MAIL FROM:<føø@exämple.net> SMTPUTF8 BODY=8BITMIME")
    assert client.say("RCPT TO:<Grüße@example.com>") == "250 2.1.5 Ok"
    client.say("DATA")
    raw = "Subject: Grüße\r\n\r\nÆ\r\n".encode()
    client.send(raw + b".\r\n")
    assert client.reply().startswith("250 2.0.0")
    (mail,) = spool.claim(1, 1)
    assert mail.raw == raw
    assert mail.envelope.sender == "føø@exämple.net"
    assert mail.envelope.options == {
        "HELO": "client.example.net",
        "SMTPUTF8": "",
        "BODY": "8BITMIME",
    }


@pytest.mark.parametrize(
    ("stuffed", "expected"),
    [
        (b"", b""),
        (b"\r\n", b"\r\n"),
        (b"..\r\n", b".\r\n"),
        (b"..a\r\n...b\r\n", b".a\r\n..b\r\n"),
        (b".a\r\n", b"a\r\n"),
        (b"a.\r\n b.\r\n", b"a.\r\n b.\r\n"),
        (b"\xff\xfe\0\r\n", b"\xff\xfe\0\r\n"),
        (b"x" * 200_000 + b"\r\n", b"x" * 200_000 + b"\r\n"),
        (b"x\r\n..\r\n" * 100_000, b"x\r\n.\r\n" * 100_000),
    ],
    ids=range(9),
)
def test_transparency_dots(
    stuffed: bytes, expected: bytes, any_client: Client, spool: Spool
) -> None:
    assert any_client.give(stuffed).startswith("250 2.0.0")
    assert spool.claim(1, 1)[0].raw == expected


def test_the_end_may_arrive_in_any_pieces(any_client: Client, spool: Spool) -> None:
    for cut in range(1, 8):
        any_client.start_mail()
        octets = b"Hello\r\n.\r\n"
        for piece in (octets[:-cut], octets[-cut:]):
            any_client.send(piece)
            any_client.socket.setsockopt(6, 1, 1)  # TCP_NODELAY: pieces travel alone
        assert any_client.reply().startswith("250 2.0.0")
    assert {spool.export(entry.id) for entry in spool.list()} == {b"Hello\r\n"}


def test_commands_may_be_pipelined(open_door: Open, spool: Spool) -> None:
    with open_door().client() as client:
        client.greet()
        client.send(
            b"MAIL FROM:<a@example.net>\r\nRCPT TO:<support@example.com>\r\n"
            b"RCPT TO:<nobody@example.com>\r\nDATA\r\n"
        )
        assert [client.reply()[:9] for _ in range(3)] == ["250 2.1.0", "250 2.1.5", "550 5.1.1"]
        assert client.reply()[:3] == "354"
        client.send(MAIL + b".\r\nMAIL FROM:<b@example.net>\r\nRSET\r\nQUIT\r\n")
        replies = [client.reply()[:9] for _ in range(4)]
        assert replies == ["250 2.0.0", "250 2.1.0", "250 2.0.0", "221 2.0.0"]
        assert client.reply() == ""
    assert len(spool.list()) == 1


def test_a_client_that_closes_its_side_early_is_still_answered(
    client: Client, spool: Spool
) -> None:
    client.start_mail().send(MAIL + b".\r\n")
    client.socket.shutdown(1)
    assert client.reply().startswith("250 2.0.0")
    assert client.reply() == ""
    assert len(spool.list()) == 1


def test_a_site_that_is_read_again_counts_at_once(open_door: Open) -> None:
    door = open_door()
    with door.client() as client:
        client.greet()
        door.door.gate.site = make_site(prefix="R-")
        assert client.give(MAIL).startswith("250 2.0.0")


def test_log_tells_of_accepted_and_refused_mail(
    client: Client, events: list[dict[str, object]]
) -> None:
    answer = client.give(MAIL)
    client.say("MAIL FROM:<ann@example.net>")
    client.say("RCPT TO:<nobody@example.com>")
    accepted = [event for event in events if event["event"] == "mail.accepted"]
    assert [(event["spool_ids"], event["size"], event["peer"]) for event in accepted] == [
        ([answer.rpartition(" ")[2]], len(MAIL), "127.0.0.1")
    ]
    refused = [event for event in events if event["event"] == "mail.refused"]
    assert [(event["code"], event["enhanced"], event["command"]) for event in refused] == [
        (550, "5.1.1", "RCPT TO:<nobody@example.com>")
    ]
    assert b"How are you" not in repr(events).encode()
