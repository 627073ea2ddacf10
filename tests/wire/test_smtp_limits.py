"""What strangers may ask of the SMTP door, and what happens beyond."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.wire.live_door import Client, Open, make_site

from postroom.intake.gate import FREE, peer_of
from postroom.spool import Spool

MAIL = b"Subject: Hello\r\n\r\nHow are you?\r\n"

SMUGGLERS = {
    "LF.LF": b"\n.\n",
    "LF.CRLF": b"\n.\r\n",
    "CRLF.LF": b"\r\n.\n",
    "CR.CR": b"\r.\r",
    "CR.CRLF": b"\r.\r\n",
    "CRLF.CR": b"\r\n.\r",
    "LF.CR": b"\n.\r",
    "CRLF NUL . CRLF with LF": b"\r\n\0.\r\n\n",
    "lone CR": b"a\rb",
    "lone LF": b"a\nb",
    "CRCRLF": b"a\r\r\n",
    "LFCR": b"\n\r",
}


@pytest.mark.parametrize("name", SMUGGLERS)
def test_a_bare_cr_or_lf_never_ends_a_mail_and_never_gets_in(
    name: str, any_client: Client, spool: Spool
) -> None:
    inner = b"MAIL FROM:<boss@example.com>\r\nRCPT TO:<sales@example.com>\r\nDATA\r\n" + MAIL
    answer = any_client.give(MAIL + SMUGGLERS[name] + inner)
    assert answer.startswith("550 5.5.2")
    assert any_client.say("NOOP") == "250 2.0.0 Ok"
    assert spool.list() == []
    assert any_client.give(MAIL).startswith("250 2.0.0")


def test_declared_size_is_refused_at_once(open_door: Open) -> None:
    with open_door(message_size=1000).client() as client:
        client.greet()
        assert client.say("MAIL FROM:<a@example.net> SIZE=1001").startswith("552 5.3.4")
        assert client.say("MAIL FROM:<a@example.net> SIZE=1000").startswith("250 2.1.0")


@pytest.mark.parametrize("size", [1000, 20_000, 300_000])
def test_size_is_counted_to_the_octet(size: int, open_door: Open, spool: Spool) -> None:
    with open_door(message_size=size, bytes_in_flight=10**7).client() as client:
        client.greet()
        assert client.give(b"x" * (size - 1) + b"\r\n").startswith("552 5.3.4")
        assert client.give(b"x" * (size - 2) + b"\r\n").startswith("250 2.0.0")
        assert client.give(b"x" * (size + size // 2) + b"\r\n").startswith("552 5.3.4")
        assert client.say("NOOP") == "250 2.0.0 Ok"
    assert [entry.size for entry in spool.list()] == [size]


def test_transparency_dots_do_not_count(open_door: Open, spool: Spool) -> None:
    with open_door(message_size=999).client() as client:
        client.greet()
        assert client.give(b"..\r\n" * 333).startswith("250 2.0.0")
    assert [entry.size for entry in spool.list()] == [999]


def test_an_endless_mail_is_cut_off(open_door: Open, spool: Spool) -> None:
    door = open_door(message_size=100_000)
    with door.client() as client:
        client.greet().start_mail()
        with pytest.raises(ConnectionError):  # noqa: PT012
            for _ in range(100_000):
                client.send(b"x" * 65536)
    assert spool.list() == []
    assert door.door.gate.bytes_in_flight == 0


def test_an_endless_mail_hears_why(open_door: Open) -> None:
    with open_door(message_size=100_000).client() as client:
        client.greet().start_mail().send(b"x" * 250_000)
        assert client.reply().startswith("552 5.3.4")
        assert client.reply() == ""


def test_an_endless_command_line_is_cut_off(open_door: Open) -> None:
    with open_door().client() as client:
        client.greet().send(b"x" * 200_000)
        assert client.reply().startswith("421 4.5.2")
        assert client.reply() == ""


def test_too_many_recipients(open_door: Open, spool: Spool) -> None:
    with open_door(recipients=2).client() as client:
        client.greet()
        client.say("MAIL FROM:<a@example.net>")
        assert client.say("RCPT TO:<support@example.com>").startswith("250 2.1.5")
        assert client.say("RCPT TO:<sales@example.com>").startswith("250 2.1.5")
        assert client.say("RCPT TO:<help@example.com>").startswith("452 4.5.3")
        client.say("DATA")
        client.send(MAIL + b".\r\n")
        assert client.reply().startswith("250 2.0.0")
    assert len(spool.list()) == 2


def test_too_many_hops(open_door: Open) -> None:
    hop = b"RECEIVED: from a\r\n by b\r\n"
    with open_door(hops=3).client() as client:
        client.greet()
        assert client.give(hop * 3 + b"\r\n" + hop * 9).startswith("250 2.0.0")
        assert client.give(hop * 4 + b"\r\n").startswith("554 5.4.6")


def test_disk_reserve(open_door: Open) -> None:
    with open_door(disk_reserve=2**62).client() as client:
        client.greet()
        assert client.say("MAIL FROM:<a@example.net>").startswith("452 4.3.1")


def test_bytes_in_flight_are_shared_by_all_connections(open_door: Open, spool: Spool) -> None:
    door = open_door(message_size=1_000_000, bytes_in_flight=800_000)
    with door.client() as first, door.client() as second:
        first.greet().start_mail().send(b"x" * 980_000)
        second.greet()
        assert _until(second, "MAIL FROM:<a@example.net> SIZE=900000").startswith("452 4.3.1")
        answer = second.give(b"y" * 900_000 + b"\r\n")
        assert answer.startswith("452 4.3.1")
        # However much others hold back, a small mail always finds room.
        assert second.give(b"y" * FREE + b"\r\n").startswith("250 2.0.0")
        first.send(b"\r\n.\r\n")
        assert first.reply().startswith("250 2.0.0")
        assert second.give(b"y" * 900_000 + b"\r\n").startswith("250 2.0.0")
    assert len(spool.list()) == 3


def _until(client: Client, line: str) -> str:
    """Say it until it is refused: what the other connection sent is on its way."""
    while (answer := client.say(line)).startswith("250"):
        client.say("RSET")
    return answer


def test_connections_in_all(open_door: Open) -> None:
    door = open_door(connections=2)
    with door.client() as first, door.client() as second, door.client() as third:
        first.greet()
        second.greet()
        assert third.reply().startswith("421 4.7.0")
        assert third.reply() == ""
        first.say("QUIT")
        assert first.reply() == ""
        with door.client() as fourth:
            fourth.greet()


def test_connections_per_address_but_not_for_our_relays(open_door: Open) -> None:
    door = open_door(connections_per_address=1, site=make_site(relays=("127.0.0.9/32", "unix")))
    with door.client() as first, door.client() as second:
        first.greet()
        assert second.reply().startswith("421 4.7.0")
        with door.client(source="127.0.0.8") as other:
            other.greet()
        with door.client(source="127.0.0.9") as relay, door.client(source="127.0.0.9") as again:
            relay.greet()
            again.greet()


def test_too_many_errors(open_door: Open) -> None:
    with open_door(errors=3).client() as client:
        client.greet()
        for _ in range(3):
            assert client.say("HELLO?").startswith("500 5.5.1")
        assert client.say("HELLO?").startswith("421 4.7.0")
        assert client.reply() == ""


def test_errors_are_forgotten_with_each_mail(open_door: Open) -> None:
    with open_door(errors=3).client() as client:
        client.greet()
        for _ in range(3):
            for _ in range(3):
                client.say("HELLO?")
            assert client.give(MAIL).startswith("250 2.0.0")


def test_endless_harmless_commands(open_door: Open) -> None:
    with open_door(commands=5).client() as client:
        client.greet()
        for _ in range(4):
            assert client.say("NOOP").startswith("250")
        assert client.say("NOOP").startswith("421 4.7.0")


@pytest.mark.parametrize("limit", ["idle", "total"])
@pytest.mark.parametrize("place", ["before hello", "in a command", "in DATA"])
def test_a_peer_that_falls_silent_is_sent_away(limit: str, place: str, open_door: Open) -> None:
    door = open_door(**{limit: timedelta(seconds=0.3)})
    with door.client() as client:
        match place:
            case "before hello":
                client.reply()
            case "in a command":
                client.greet().send(b"NOO")
            case _:
                client.greet().start_mail().send(b"Subject: He")
        assert client.reply().startswith("421 4.4.2")
        assert client.reply() == ""


def test_a_peer_that_drips_is_sent_away(open_door: Open, spool: Spool) -> None:
    door = open_door(total=timedelta(seconds=0.5))
    with door.client() as client:
        client.greet().start_mail()
        client.socket.settimeout(0.05)
        answer = b""
        while b"\n" not in answer:
            client.send(b"x")
            try:
                answer += client.socket.recv(1000)
            except TimeoutError:
                continue
        assert answer.startswith(b"421 4.4.2")
    assert spool.list() == []


def test_a_peer_that_never_reads_is_cut_off(open_door: Open) -> None:
    door = open_door(idle=timedelta(seconds=0.3), errors=10**9, commands=10**9, connections=1)
    with door.client() as client:
        client.socket.setblocking(False)
        try:
            while True:
                client.socket.send(b"HELP\r\n" * 10_000)
        except BlockingIOError:
            pass
        client.socket.settimeout(20)
        with pytest.raises(ConnectionError):  # noqa: PT012
            while True:
                client.socket.send(b"HELP\r\n" * 10_000)


@pytest.mark.parametrize("end", [b"", b"\r\n", b"\r\n.", b"\r\n.\r"])
@pytest.mark.parametrize("is_reset", [False, True])
def test_a_mail_that_breaks_off_is_not_taken(
    end: bytes, is_reset: bool, open_door: Open, spool: Spool
) -> None:
    door = open_door(connections=1)
    with door.client() as client:
        client.greet().start_mail().send(MAIL + b"more" + end)
        if is_reset:
            linger = socket.SO_LINGER, b"\1\0\0\0\0\0\0\0"
            client.socket.setsockopt(socket.SOL_SOCKET, *linger)
    _when_free(door)
    assert spool.list() == []
    assert door.door.gate.bytes_in_flight == 0


def _when_free(door: Any) -> None:
    """Return when the only place at the door is free again."""
    while True:
        with door.client() as client:
            if client.reply().startswith("220"):
                return


def test_several_listeners(open_door: Open, spool: Spool, tmp_path: Path) -> None:
    path = tmp_path / "smtp.sock"
    door = open_door(["127.0.0.1:0", f"unix:{path}", "127.0.0.2:0"])
    peers = []
    for number in range(3):
        with door.client(number, source=None if number == 1 else "127.0.0.3") as client:
            assert client.greet().give(MAIL).startswith("250 2.0.0")
        peers.append(spool.list()[-1].envelope.peer)
    assert peers == ["127.0.0.3", "unix", "127.0.0.3"]
    door.start_to_stop().result()
    assert not path.exists()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (("192.0.2.1", 25), "192.0.2.1"),
        (("::ffff:192.0.2.1", 25, 0, 0), "192.0.2.1"),
        (("fe80::1%eth0", 25, 0, 2), "fe80::1"),
        (None, ""),
    ],
)
def test_how_a_peer_is_called(name: object, expected: str) -> None:
    with socket.socket() as inet:
        transport = asyncio.BaseTransport({"socket": inet, "peername": name})
        assert peer_of(transport) == expected


def test_an_address_in_use_is_an_error_and_leaves_nothing_open(open_door: Open) -> None:
    taken = open_door().door.addresses[0]
    with pytest.raises(OSError, match="in use"):
        open_door(["127.0.0.1:0", taken])


def test_stop_lets_a_mail_in_hand_finish(open_door: Open, spool: Spool) -> None:
    door = open_door()
    with door.client() as idle, door.client() as busy, door.client() as begun:
        idle.greet()
        busy.greet().start_mail().send(MAIL)
        begun.greet().say("MAIL FROM:<a@example.net>")
        stopped = door.start_to_stop()
        assert idle.reply().startswith("421 4.3.2")
        assert idle.reply() == ""
        idle.close()
        busy.send(b".\r\n")
        assert busy.reply().startswith("250 2.0.0")
        assert busy.reply().startswith("421 4.3.2")
        busy.close()
        assert begun.say("RSET").startswith("250 2.0.0")
        assert begun.reply().startswith("421 4.3.2")
        begun.close()
        stopped.result(20)
    assert len(spool.list()) == 1


def test_stop_does_not_wait_longer_than_its_grace(open_door: Open, spool: Spool) -> None:
    door = open_door()
    with door.client() as client:
        client.greet().start_mail().send(MAIL)
        door.start_to_stop(grace=0.1).result(20)
        with suppress(ConnectionError):  # which of the two it is, is the kernel's choice
            assert client.reply() == ""
    assert spool.list() == []


def test_a_stopped_door_refuses_connections(open_door: Open) -> None:
    door = open_door()
    door.start_to_stop().result(20)
    with pytest.raises(ConnectionRefusedError):
        door.client()
