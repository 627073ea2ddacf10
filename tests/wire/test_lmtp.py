"""What LMTP (RFC 2033) says otherwise than SMTP."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from tests.wire.live_door import Client, LiveDoor, Open

from postroom.intake.listener import Listener
from postroom.spool import Spool

MAIL = b"From: ann@example.net\r\nSubject: Hello\r\n\r\nHow are you?\r\n"


@pytest.fixture
def door(open_door: Open) -> LiveDoor:
    return open_door([Listener("127.0.0.1:0", "lmtp")])


def _client(door: LiveDoor) -> Client:
    return door.client(hello="LHLO")


def test_the_dialogue_begins_with_lhlo_and_nothing_else(door: LiveDoor) -> None:
    with _client(door) as client:
        assert client.reply() == "220 mx.example.com LMTP Postroom"
        assert client.say("EHLO me").startswith("500 5.5.1")
        assert client.say("HELO me").startswith("500 5.5.1")
        assert client.say("MAIL FROM:<>") == "503 5.5.1 Say LHLO first"
        said = client.say("LHLO me").split("\n")
        assert {"250-PIPELINING", "250-8BITMIME", "250-SMTPUTF8"} < set(said)
        assert "250 ENHANCEDSTATUSCODES" == said[-1]


def test_lhlo_is_no_word_of_smtp(open_door: Open) -> None:
    with open_door().client() as client:
        client.reply()
        assert client.say("LHLO me").startswith("500 5.5.1")


def test_a_mail_is_taken_with_its_transport(door: LiveDoor, spool: Spool) -> None:
    with _client(door) as client:
        answer = client.greet().give(MAIL, "support+x@example.com", sender="<>")
    (mail,) = spool.claim(10, 10**6)
    assert answer == f"250 2.0.0 Ok: queued as {mail.id}"
    envelope = mail.envelope
    assert ("lmtp", "", "support") == (envelope.transport, envelope.sender, envelope.mailbox)
    assert ("support+x@example.com",) == envelope.recipients


def test_a_second_recipient_is_asked_to_come_by_himself(door: LiveDoor, spool: Spool) -> None:
    with _client(door) as client:
        client.greet()
        client.say("MAIL FROM:<a@example.net>")
        assert client.say("RCPT TO:<support@example.com>").startswith("250 2.1.5")
        assert client.say("RCPT TO:<sales@example.com>").startswith("452 4.5.3")
        assert client.say("RCPT TO:<nobody@example.com>").startswith("550 5.1.1")
        client.say("DATA")
        client.send(MAIL + b".\r\n")
        assert client.reply().startswith("250 2.0.0")
        # One recipient was accepted: there is one reply, and no other comes behind it.
        assert client.say("NOOP") == "250 2.0.0 Ok"
        assert client.give(MAIL, "sales@example.com").startswith("250 2.0.0")
    assert ["support", "sales"] == [entry.envelope.mailbox for entry in spool.list()]


def test_data_without_a_recipient_is_503(door: LiveDoor) -> None:
    with _client(door) as client:
        client.greet()
        client.say("MAIL FROM:<a@example.net>")
        client.say("RCPT TO:<nobody@example.com>")
        assert client.say("DATA").startswith("503 5.5.1")


def test_a_mail_that_is_too_large_is_refused_once(open_door: Open) -> None:
    door = open_door([Listener("127.0.0.1:0", "lmtp")], message_size=1000)
    with _client(door) as client:
        assert client.greet().give(b"x" * 2000 + b"\r\n").startswith("552 5.3.4")
        assert client.say("NOOP") == "250 2.0.0 Ok"


def test_a_unix_socket_for_the_mail_server_beside_us(
    open_door: Open, spool: Spool, tmp_path: Path
) -> None:
    path = tmp_path / "lmtp.sock"
    door = open_door([Listener(f"unix:{path}", "lmtp")])
    assert 0o666 == path.stat().st_mode & 0o777
    with _client(door) as client:
        assert client.greet().give(MAIL).startswith("250 2.0.0")
    assert "unix" == spool.list()[0].envelope.peer


def test_a_socket_where_somebody_listens_stays_his(open_door: Open, tmp_path: Path) -> None:
    path = tmp_path / "lmtp.sock"
    listener = Listener(f"unix:{path}", "lmtp")
    door = open_door([listener])
    with pytest.raises(OSError, match=f"unix:{path}: another process listens there"):
        open_door([listener])
    with _client(door) as client:
        assert client.greet().give(MAIL).startswith("250 2.0.0")


def test_a_dead_socket_is_replaced_and_a_strangers_is_not_removed(
    open_door: Open, tmp_path: Path
) -> None:
    path = tmp_path / "lmtp.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    door = open_door([Listener(f"unix:{path}", "lmtp")])
    with _client(door) as client:
        assert client.greet().give(MAIL).startswith("250 2.0.0")
    path.rename(tmp_path / "away")
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        door.start_to_stop().result(20)
        assert path.is_socket()


@pytest.mark.parametrize("is_dangling", [True, False])
def test_a_file_or_a_link_where_the_socket_should_be_is_refused(
    is_dangling: bool, open_door: Open, tmp_path: Path
) -> None:
    path, file = tmp_path / "lmtp.sock", tmp_path / "file"
    if not is_dangling:
        file.write_text("mine")
    path.symlink_to(file)
    with pytest.raises(OSError, match="in use"):
        open_door([Listener(f"unix:{path}", "lmtp")])
    assert path.is_symlink()
    assert is_dangling or "mine" == file.read_text()


def test_stop_lets_a_mail_in_hand_finish_and_refuses_the_next(door: LiveDoor, spool: Spool) -> None:
    with _client(door) as client:
        client.greet().start_mail().send(MAIL)
        stopped = door.start_to_stop()
        client.send(b".\r\n")
        assert client.reply().startswith("250 2.0.0")
        assert client.reply().startswith("421 4.3.2")
        client.close()
        stopped.result(20)
    assert 1 == len(spool.list())
