"""The PROXY protocol: whose connection it is, said by the proxy in front of us."""

from __future__ import annotations

import socket
import ssl
import struct
from contextlib import suppress
from typing import Any

import pytest
from tests.fakes.certificates import Authority, Pair
from tests.wire.live_door import Open, make_site

from postroom.certificates import Certificate
from postroom.intake import proxied
from postroom.intake.listener import Listener
from postroom.intake.proxied import missing, spoken_for
from postroom.spool import Spool

MAIL = b"Subject: Hello\r\n\r\nHow are you?\r\n"
HERE = ("127.0.0.0/8",)
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def v2(command: int, family: int, addresses: bytes, length: int | None = None) -> bytes:
    size = len(addresses) if length is None else length
    return SIGNATURE + bytes([0x20 | command, family]) + struct.pack("!H", size) + addresses


def ip4(source: str) -> bytes:
    return socket.inet_aton(source) + socket.inet_aton("192.0.2.9") + struct.pack("!HH", 999, 25)


def ip6(source: str) -> bytes:
    there = socket.inet_pton(socket.AF_INET6, "2001:db8::9")
    return socket.inet_pton(socket.AF_INET6, source) + there + struct.pack("!HH", 999, 25)


GOOD = {
    "TCP4": (b"PROXY TCP4 192.0.2.1 192.0.2.9 999 25\r\n", "192.0.2.1"),
    "TCP6": (b"PROXY TCP6 2001:DB8::1 2001:db8::9 999 25\r\n", "2001:db8::1"),
    "TCP6, mapped": (b"PROXY TCP6 ::ffff:192.0.2.1 ::1 999 25\r\n", "192.0.2.1"),
    "UNKNOWN": (b"PROXY UNKNOWN\r\n", ""),
    "UNKNOWN and more": (b"PROXY UNKNOWN ffff::1 ffff::1 65535 65535\r\n", ""),
    "2, IPv4": (v2(1, 0x11, ip4("192.0.2.1")), "192.0.2.1"),
    "2, IPv6": (v2(1, 0x21, ip6("2001:db8::1")), "2001:db8::1"),
    "2, IPv6, mapped": (v2(1, 0x21, ip6("::ffff:192.0.2.1")), "192.0.2.1"),
    "2, with more behind": (v2(1, 0x11, ip4("192.0.2.1") + b"\4\0\3abc"), "192.0.2.1"),
    "2, LOCAL": (v2(0, 0x00, b""), "10.0.0.1"),
    "2, LOCAL with addresses": (v2(0, 0x11, ip4("192.0.2.1")), "10.0.0.1"),
    "2, no family": (v2(1, 0x00, b""), ""),
    "2, unix": (v2(1, 0x31, b"/run/x".ljust(216, b"\0")), ""),
    "2, a family of the future": (v2(1, 0xF1, b"?" * 30), ""),
}
BAD = {
    "SMTP": b"EHLO client.example.net\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 more",
    "no family": b"PROXY     \r\n",
    "wrong family": b"PROXY TCP5 192.0.2.1 192.0.2.9 999 25\r\n",
    "families mixed": b"PROXY TCP4 2001:db8::1 2001:db8::9 999 25\r\n",
    "no address": b"PROXY TCP4 192.0.2 192.0.2.9 999 25\r\n",
    "a scope": b"PROXY TCP6 fe80::1%eth0\0 ::1 999 25\r\n",
    "no port": b"PROXY TCP4 192.0.2.1 192.0.2.9 999\r\n",
    "large port": b"PROXY TCP4 192.0.2.1 192.0.2.9 99999 25\r\n",
    "zeros": b"PROXY TCP4 192.0.2.1 192.0.2.9 0999 25\r\n",
    "other digits": "PROXY TCP4 192.0.2.1 192.0.2.9 ²² 25\r\n".encode("latin-1"),
    "two blanks": b"PROXY TCP4  192.0.2.1 192.0.2.9 999 25\r\n",
    "endless": b"PROXY TCP4 " + b"1" * 200,
    "2, version 3": v2(0x11, 0x11, ip4("192.0.2.1")),
    "2, command 2": v2(2, 0x11, ip4("192.0.2.1")),
    "2, cut off": v2(1, 0x11, b"abc"),
    "2, IPv6 cut off": v2(1, 0x21, ip4("192.0.2.1")),
    "2, huge": v2(1, 0x11, b"", length=65535),
}


@pytest.mark.parametrize("name", GOOD)
def test_whose_connection_it_is(name: str) -> None:
    whole, expected = GOOD[name]
    head = b""
    # Never is more asked for than belongs to the header.
    while wanted := missing(head):
        assert len(head) + wanted <= len(whole)
        head += whole[len(head) : len(head) + wanted]
    assert head == whole
    assert expected == spoken_for(head, "10.0.0.1")


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_header_closes_the_connection(
    name: str, open_door: Open, events: list[Any]
) -> None:
    door = open_door([Listener("127.0.0.1:0", proxies=HERE)])
    with door.client() as client:
        client.send(BAD[name])
        with suppress(ConnectionError):  # what we did not read makes the kernel say so
            assert b"" == client.socket.recv(100)
    assert ["PROXY protocol"] == [
        event["why"].partition(":")[0] for event in events if event["event"] == "connection.refused"
    ]


@pytest.mark.parametrize("pieces", [1, 7, 1000])
@pytest.mark.parametrize("name", ["TCP4", "2, with more behind"])
def test_a_mail_through_a_proxy_is_from_whom_the_proxy_says(
    name: str, pieces: int, open_door: Open, spool: Spool
) -> None:
    door = open_door([Listener("127.0.0.1:0", proxies=HERE)])
    whole, expected = GOOD[name]
    with door.client() as client:
        client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start in range(0, len(whole), pieces):
            client.send(whole[start : start + pieces])
        assert client.greet().give(MAIL).startswith("250 2.0.0")
    assert expected == spool.list()[0].envelope.peer


def test_what_stands_behind_the_header_is_not_lost(open_door: Open, spool: Spool) -> None:
    """Neither a client's hello nor the beginning of his TLS."""
    door = open_door([Listener("127.0.0.1:0", proxies=HERE)])
    with door.client() as client:
        client.send(GOOD["TCP4"][0] + b"EHLO me\r\nNOOP\r\n")
        assert ["220", "250", "250"] == [client.reply()[:3] for _ in range(3)]


def test_tls_begins_behind_the_header(
    open_door: Open, authority: Authority, pair: Pair, spool: Spool
) -> None:
    certificate = Certificate(pair.certificate, pair.key)
    listener = Listener("127.0.0.1:0", tls="implicit", certificate=certificate, proxies=HERE)
    arrived, leaving = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = authority.context().wrap_bio(arrived, leaving, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    with open_door([listener]).client() as client:
        client.send(GOOD["2, IPv4"][0] + leaving.read())  # in one
        arrived.write(client.socket.recv(65536))
        tls.do_handshake()
        client.send(leaving.read())
        said = b""
        while b"220 " not in said:
            try:
                said += tls.read(1000)
            except ssl.SSLWantReadError:
                arrived.write(client.socket.recv(65536))


def test_who_is_no_proxy_is_refused(open_door: Open, events: list[Any], spool: Spool) -> None:
    door = open_door([Listener("127.0.0.1:0", proxies=("127.0.0.7/32",))])
    with door.client(source="127.0.0.8") as client, suppress(ConnectionError):
        client.send(GOOD["TCP4"][0])
        assert b"" == client.socket.recv(100)
    with door.client(source="127.0.0.7") as client:
        client.send(GOOD["TCP4"][0])
        client.greet()
    [refused] = [event for event in events if event["event"] == "connection.refused"]
    assert ("127.0.0.8", "PROXY protocol: is none of the proxies") == (
        refused["peer"],
        refused["why"],
    )


def test_limits_are_for_those_behind_the_proxy(open_door: Open) -> None:
    door = open_door(
        [Listener("127.0.0.1:0", proxies=HERE)], connections_per_address=1, site=make_site()
    )
    with door.client() as first, door.client() as again, door.client() as other:
        for client, name in ((first, "192.0.2.1"), (again, "192.0.2.1"), (other, "192.0.2.2")):
            client.send(f"PROXY TCP4 {name} 192.0.2.9 999 25\r\n".encode())
        first.greet()
        assert again.reply().startswith("421 4.7.0")
        other.greet()


def test_a_proxy_that_says_nothing_is_sent_away(
    open_door: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proxied, "SECONDS", 0.2)
    with open_door([Listener("127.0.0.1:0", proxies=HERE)]).client() as client:
        client.send(b"PROXY TC")
        assert b"" == client.socket.recv(100)


def test_stop_does_not_wait_for_headers(open_door: Open) -> None:
    door = open_door([Listener("127.0.0.1:0", proxies=HERE)])
    with door.client() as client:
        client.send(b"PROXY")
        while not door.door._connections:  # it is let in by another thread
            pass
        door.start_to_stop().result(10)
        assert b"" == client.socket.recv(100)
