"""A name server on loopback, by UDP and TCP, whose zone is a dict and who can misbehave.

    with DnsServer({"example.net": {"TXT": ["v=spf1 -all"]}}) as server:
        Resolver([server.address])

It answers as a resolver does: aliases are followed. `asked` holds every question.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from enum import StrEnum
from types import TracebackType
from typing import Self

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset

IN = dns.rdataclass.IN
Zone = Mapping[str, Mapping[str, Sequence[str]]]


class Quirk(StrEnum):
    """How to treat the questions about one name."""

    SILENT = "silent"
    SERVFAIL = "servfail"
    TRUNCATED = "truncated"  # by UDP; by TCP it gets its answer
    MUTE_TCP = "mute tcp"  # the same, but nothing comes by TCP
    HUGE = "huge"  # the same, and the answer by TCP has 60 KB
    HUGE_UDP = "huge udp"
    GARBAGE = "garbage"
    OTHER = "other"  # the answer to another question
    LOOP = "loop"  # an alias of itself


class DnsServer:
    """Runs from `with` to the end of its block."""

    def __init__(
        self, zone: Zone | None = None, quirks: Mapping[str, Quirk] | None = None, ttl: int = 300
    ) -> None:
        self.zone = {name: dict(records) for name, records in (zone or {}).items()}
        self.quirks = dict(quirks or {})
        self.ttl = ttl
        self.asked: list[tuple[str, str]] = []
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        host, port = self._udp.getsockname()
        return host, port

    def count(self, name: str) -> int:
        """How often a name was asked for."""
        return sum(asked == name for asked, _ in self.asked)

    def __enter__(self) -> Self:
        self._tcp.bind(("127.0.0.1", 0))
        self._tcp.listen(50)
        self._udp.bind(self._tcp.getsockname())
        self._threads = [
            threading.Thread(target=self._serve_udp, daemon=True),
            threading.Thread(target=self._serve_tcp, daemon=True),
        ]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with suppress(OSError):
            self._tcp.shutdown(socket.SHUT_RDWR)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as waker:
            waker.sendto(b"", self._udp.getsockname())
        for thread in self._threads:
            thread.join(5)
        self._tcp.close()
        self._udp.close()

    def _serve_udp(self) -> None:
        while True:
            wire, peer = self._udp.recvfrom(4096)
            if not wire:
                return
            answer = self._answer(wire, by_tcp=False)
            if answer is not None:
                self._udp.sendto(answer, peer)

    def _serve_tcp(self) -> None:
        mute: list[socket.socket] = []
        while True:
            try:
                connection, _ = self._tcp.accept()
            except OSError:
                break
            connection.settimeout(5)
            with suppress(OSError, EOFError, struct.error):
                (size,) = struct.unpack("!H", connection.recv(2))
                answer = self._answer(connection.recv(size), by_tcp=True)
                if answer is None:
                    mute.append(connection)
                    continue
                connection.sendall(struct.pack("!H", len(answer)) + answer)
            connection.close()
        for connection in mute:
            connection.close()

    def _answer(self, wire: bytes, *, by_tcp: bool) -> bytes | None:
        query = dns.message.from_wire(wire)
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        kind = dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, kind))
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA
        match self.quirks.get(name):
            case Quirk.SILENT:
                return None
            case Quirk.SERVFAIL:
                response.set_rcode(dns.rcode.SERVFAIL)
                return response.to_wire()
            case Quirk.GARBAGE:
                return wire[:2] + b"\xff" * 60
            case Quirk.OTHER:
                other = dns.message.make_query("other.example.", "TXT", id=query.id)
                return dns.message.make_response(other).to_wire()
            case Quirk.LOOP:
                response.answer.append(
                    dns.rrset.from_text(question.name, self.ttl, IN, "CNAME", f"{name}.")
                )
                return response.to_wire()
            case Quirk.TRUNCATED | Quirk.MUTE_TCP | Quirk.HUGE if not by_tcp:
                response.flags |= dns.flags.TC
                return response.to_wire()
            case Quirk.MUTE_TCP:
                return None
            case Quirk.HUGE | Quirk.HUGE_UDP:
                texts = [f"{number} {'x' * 240}" for number in range(230)]
                response.answer.append(_rrset(question.name, "TXT", texts, self.ttl))
                return response.to_wire(max_size=65_535)
        self._fill(response, question.name, kind)
        wire = response.to_wire(max_size=65_535)
        if len(wire) > 1232 and not by_tcp:
            response.answer = []
            response.flags |= dns.flags.TC
            wire = response.to_wire()
        return wire

    def _fill(self, response: dns.message.Message, name: dns.name.Name, kind: str) -> None:
        for _ in range(30):
            records = self.zone.get(name.to_text(omit_final_dot=True).lower())
            if records is None:
                response.set_rcode(dns.rcode.NXDOMAIN)
                return
            if kind in records:
                response.answer.append(_rrset(name, kind, records[kind], self.ttl))
                return
            if "CNAME" not in records:
                return
            response.answer.append(_rrset(name, "CNAME", records["CNAME"], self.ttl))
            name = dns.name.from_text(records["CNAME"][0])


def _rrset(name: dns.name.Name, kind: str, values: Sequence[str], ttl: int) -> dns.rrset.RRset:
    if kind == "TXT":
        values = [
            " ".join(f'"{text[i : i + 250]}"' for i in range(0, len(text), 250) or [0])
            for text in (value.replace("\\", "\\\\").replace('"', '\\"') for value in values)
        ]
    return dns.rrset.from_text_list(name, ttl, IN, kind, values)
