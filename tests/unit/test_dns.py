"""Look-ups: what comes back, what is remembered, and that all of it has an end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from tests.fakes.dns_server import DnsServer, Quirk

from postroom import dns
from postroom.dns import Resolver
from postroom.errors import Unavailable

ZONE = {
    "example.net": {
        "TXT": ["v=spf1 -all", "b" * 600],
        "A": ["192.0.2.1", "192.0.2.2"],
        "AAAA": ["2001:db8::1"],
        "MX": ["10 mx.example.net."],
    },
    "1.2.0.192.in-addr.arpa": {"PTR": ["mx.example.net."]},
    "alias.example.net": {"CNAME": ["example.net."]},
}


class Clock:
    """A clock that tests turn."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def resolver(server: DnsServer, clock: Callable[[], float] = time.monotonic) -> Resolver:
    return Resolver([server.address], query_seconds=0.5, mail_seconds=1.0, clock=clock)


@pytest.mark.parametrize(
    ("expected", "name", "kind"),
    [
        ({b"v=spf1 -all", b"b" * 600}, "example.net", "TXT"),
        ({b"v=spf1 -all", b"b" * 600}, "ALIAS.example.net.", "TXT"),
        ({"192.0.2.1", "192.0.2.2"}, "example.net", "A"),
        ({"2001:db8::1"}, "example.net", "AAAA"),
        ({(10, "mx.example.net")}, "example.net", "MX"),
        ({"mx.example.net"}, "1.2.0.192.in-addr.arpa", "PTR"),
        (set(), "example.net", "PTR"),
        (set(), "nobody.example.net", "TXT"),
        # These cannot be names, and are not asked for.
        (set(), "", "TXT"),
        (set(), "a..b", "TXT"),
        (set(), "x" * 64 + ".net", "TXT"),
        (set(), "x." * 200 + "net", "TXT"),
        (set(), "münchen.example", "TXT"),
    ],
)
def test_records(expected: set[object], name: str, kind: str) -> None:
    with DnsServer(ZONE) as server:
        assert expected == set(resolver(server).inquiry().ask(name, kind))


def test_cut_answer_comes_by_tcp() -> None:
    with DnsServer(ZONE, {"example.net": Quirk.TRUNCATED}) as server:
        assert 2 == len(resolver(server).inquiry().texts("example.net"))


@pytest.mark.parametrize("quirk", [each for each in Quirk if each is not Quirk.TRUNCATED])
def test_what_could_not_be_found_out_is_no_answer(quirk: Quirk) -> None:
    with DnsServer(ZONE, {"example.net": quirk}) as server:
        asked = resolver(server)
        with pytest.raises(Unavailable):
            asked.inquiry().texts("example.net")
        before = len(server.asked)
        with pytest.raises(Unavailable, match="a moment ago"):
            asked.inquiry().texts("example.net")
        assert before == len(server.asked)


def test_too_many_records_are_no_answer() -> None:
    zone = {"many.example": {"A": [f"192.0.2.{n}" for n in range(101)]}}
    with DnsServer(zone) as server, pytest.raises(Unavailable):
        resolver(server).inquiry().ask("many.example", "A")


@pytest.mark.parametrize(
    ("ttl", "name", "remembered"),
    [
        (300, "example.net", 300),
        (1, "example.net", 60),
        (86_400, "example.net", 3600),
        (1, "nobody.example", 300),  # no SOA, so no word how long
    ],
)
def test_answers_are_remembered_for_their_time(ttl: int, name: str, remembered: int) -> None:
    clock = Clock()
    with DnsServer(ZONE, ttl=ttl) as server:
        asked = resolver(server, clock)
        first = asked.inquiry().texts(name)
        clock.now += remembered - 1
        assert first == asked.inquiry().texts(name)
        assert 1 == server.count(name)
        clock.now += 2
        assert sorted(first) == sorted(asked.inquiry().texts(name))
        assert 2 == server.count(name)


def test_failures_are_forgotten_after_a_minute() -> None:
    clock = Clock()
    with DnsServer(ZONE, {"example.net": Quirk.SERVFAIL}) as server:
        asked = resolver(server, clock)
        with pytest.raises(Unavailable):
            asked.inquiry().texts("example.net")
        server.quirks.clear()
        clock.now += dns.FAILURE_FOR + 1
        assert asked.inquiry().texts("example.net")


def test_what_was_not_asked_for_longest_is_forgotten_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dns, "REMEMBERED", 2)
    with DnsServer(ZONE) as server:
        asked = resolver(server)
        for name in ("a.example", "b.example", "a.example", "c.example", "a.example", "b.example"):
            asked.inquiry().texts(name)
        assert (1, 2, 1) == tuple(server.count(f"{name}.example") for name in "abc")


def test_one_mail_has_so_many_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dns, "QUERIES", 3)
    with DnsServer(ZONE) as server:
        asked = resolver(server)
        inquiry = asked.inquiry()
        for name in ("a.example", "b.example", "c.example", "a.example"):
            inquiry.texts(name)
        with pytest.raises(Unavailable, match="more than 3"):
            inquiry.texts("d.example")
        assert () == asked.inquiry().texts("d.example")


def test_one_mail_has_so_much_time() -> None:
    clock = Clock()
    with DnsServer(ZONE) as server:
        asked = resolver(server, clock)
        inquiry = asked.inquiry()
        clock.now += 1.1
        with pytest.raises(Unavailable, match="too long"):
            inquiry.texts("example.net")
        assert [] == server.asked
        # The end of one mail's time says nothing about the name.
        assert asked.inquiry().texts("example.net")


def test_the_next_server_is_asked_when_one_is_silent() -> None:
    quirks = {"example.net": Quirk.SILENT}
    with DnsServer(ZONE, quirks) as silent, DnsServer(ZONE) as server:
        asked = Resolver([silent.address, server.address], query_seconds=5, mail_seconds=9)
        assert asked.inquiry().texts("example.net")


def test_many_threads_may_ask_at_once() -> None:
    found: list[int] = []
    with DnsServer(ZONE) as server:
        asked = resolver(server)

        def ask() -> None:
            found.append(len(asked.inquiry().texts("example.net")))

        threads = [threading.Thread(target=ask) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [2] * 20 == found


def test_without_any_server_nothing_can_be_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dns, "_stub", lambda servers: None)
    with pytest.raises(Unavailable, match="names no server"):
        Resolver().inquiry().texts("example.net")
