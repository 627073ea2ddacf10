"""Questions to the DNS: bounded in time, number and size, and remembered.

Promise: all look-ups of one mail (an `Inquiry`) end in time, whatever the servers do; what is
known is not asked again for a minute to an hour.
Used by: work.vouching, work.inspection.
Fails:   Unavailable when it could not be found out: silence, SERVFAIL, nonsense, too many, too
         large. That a name or a record does not exist is an answer: ().
"""

from __future__ import annotations

import socket
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import cast

import dns.exception
import dns.message
import dns.name
import dns.nameserver
import dns.rdatatype
import dns.resolver
import dns.rrset

from postroom.errors import Unavailable

ANSWER_OCTETS = 16_384  # of one message; large companies have 8 KB of TXT
RECORDS = 100  # of one answer
QUERIES = 50  # that one mail may cause; what is remembered does not count
REMEMBERED = 1_000  # answers
SHORTEST, LONGEST = 60.0, 3600.0  # seconds that an answer is remembered
LONGEST_NO = 600.0  # the same for "does not exist": a new key may come any minute
FAILURE_FOR = 60.0  # the same for "could not find out"
TRY = 0.8  # seconds of a query for one server, before the next one
PAYLOAD = 1232  # octets by UDP, which no network fragments

# bytes: TXT, its strings joined; str: A, AAAA, PTR; (preference, host): MX
Record = bytes | str | tuple[int, str]


class _BadAnswer(dns.exception.DNSException):
    """An answer that is not taken; dnspython turns to the next server."""


class _Server(dns.nameserver.Do53Nameserver):
    """A name server whose answers have a largest size."""

    def query(
        self,
        request: dns.message.QueryMessage,
        timeout: float,
        source: str | None,
        source_port: int,
        max_size: bool,
        one_rr_per_rrset: bool = False,
        ignore_trailing: bool = False,
    ) -> dns.message.Message:
        if max_size:  # dnspython's way to say: by TCP, the answer by UDP was cut
            return _by_tcp(request, self.address, self.port, timeout)
        response = super().query(
            request, timeout, source, source_port, max_size, one_rr_per_rrset, ignore_trailing
        )
        if len(response.wire or b"") > ANSWER_OCTETS:
            raise _BadAnswer
        return response


def _by_tcp(
    request: dns.message.QueryMessage, address: str, port: int, seconds: float
) -> dns.message.Message:
    """Ask by TCP. dnspython would take, and parse, 64 KB."""
    ends_at = time.monotonic() + seconds
    wire = request.to_wire()
    with socket.create_connection((address, port), timeout=seconds) as connection:
        connection.sendall(len(wire).to_bytes(2, "big") + wire)
        octets = int.from_bytes(_read(connection, 2, ends_at), "big")
        if octets > ANSWER_OCTETS:
            raise _BadAnswer
        response = dns.message.from_wire(_read(connection, octets, ends_at))
    if not request.is_response(response):
        raise _BadAnswer
    return response


def _read(connection: socket.socket, octets: int, ends_at: float) -> bytes:
    read = b""
    while len(read) < octets:
        left = ends_at - time.monotonic()
        if left <= 0:
            raise dns.exception.Timeout
        connection.settimeout(left)
        piece = connection.recv(octets - len(read))
        if not piece:
            raise EOFError
        read += piece
    return read


class Resolver:
    """Asks name servers (the system's, if none are named) and remembers. Safe for threads."""

    def __init__(
        self,
        servers: Sequence[tuple[str, int]] = (),
        *,
        query_seconds: float = 2.0,
        mail_seconds: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.query_seconds = query_seconds
        self.mail_seconds = mail_seconds
        self.clock = clock
        self._stub = _stub(servers)
        # None: it could not be found out.
        self._known: OrderedDict[tuple[str, str], tuple[float, tuple[Record, ...] | None]] = (
            OrderedDict()
        )
        self._lock = threading.Lock()

    def inquiry(self) -> Inquiry:
        """Begin the look-ups for one mail: their time runs from now."""
        return Inquiry(self)

    def recall(self, name: str, kind: str) -> tuple[Record, ...] | None:
        """Return what is remembered; None: nothing. Unavailable: it was tried a moment ago."""
        with self._lock:
            until, records = self._known.get((name, kind), (0.0, ()))
            if until <= self.clock():
                return None
            self._known.move_to_end((name, kind))
        if records is None:
            raise Unavailable(f"DNS: {name} {kind} could not be found out a moment ago")
        return records

    def find(self, name: str, kind: str, seconds: float) -> tuple[Record, ...]:
        """Ask the servers, and remember what they say."""
        question = _name(name)
        if question is None:
            return ()
        try:
            records, ttl = self._ask(question, kind, min(seconds, self.query_seconds))
        except Unavailable:
            # Cut short by the end of its mail, it says nothing about the name.
            if seconds >= self.query_seconds:
                self._remember(name, kind, None, FAILURE_FOR)
            raise
        longest = LONGEST if records else LONGEST_NO
        self._remember(name, kind, records, min(max(ttl, SHORTEST), longest))
        return records

    def _remember(
        self, name: str, kind: str, records: tuple[Record, ...] | None, seconds: float
    ) -> None:
        with self._lock:
            self._known[name, kind] = (self.clock() + seconds, records)
            self._known.move_to_end((name, kind))
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)

    def _ask(
        self, name: dns.name.Name, kind: str, seconds: float
    ) -> tuple[tuple[Record, ...], float]:
        """Return the records and for how long they hold."""
        if self._stub is None:
            raise Unavailable("DNS: this machine names no server to ask")
        try:
            answer = self._stub.resolve(
                name, kind, lifetime=seconds, search=False, raise_on_no_answer=False
            )
        except dns.resolver.NXDOMAIN as no:
            return (), _ttl_of_no(no, name)
        except (dns.exception.DNSException, OSError, ValueError, EOFError) as error:
            raise Unavailable(f"DNS: {type(error).__name__}") from error
        rrset = answer.rrset
        if rrset is not None and len(rrset) > RECORDS:
            raise Unavailable(f"DNS: more than {RECORDS} records")
        return _records(rrset, kind), float(answer.chaining_result.minimum_ttl)


class Inquiry:
    """The look-ups for one mail: together they have an end, in time and in number."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self._ends_at = resolver.clock() + resolver.mail_seconds
        self._left = QUERIES

    def ask(self, name: str, kind: str) -> tuple[Record, ...]:
        """Return the records of a name; () when there are none. Aliases are followed."""
        name = name.lower().removesuffix(".")
        known = self._resolver.recall(name, kind)
        if known is not None:
            return known
        seconds = self._ends_at - self._resolver.clock()
        if seconds <= 0:
            raise Unavailable("DNS: the look-ups of this mail took too long")
        if self._left <= 0:
            raise Unavailable(f"DNS: more than {QUERIES} look-ups for one mail")
        self._left -= 1
        return self._resolver.find(name, kind, seconds)

    def texts(self, name: str) -> tuple[bytes, ...]:
        """Return the TXT records of a name."""
        return cast("tuple[bytes, ...]", self.ask(name, "TXT"))


def _stub(servers: Sequence[tuple[str, int]]) -> dns.resolver.Resolver | None:
    try:
        stub = dns.resolver.Resolver(configure=not servers)
    except dns.resolver.NoResolverConfiguration:
        return None
    found = servers or [(str(address), 53) for address in stub.nameservers]
    stub.nameservers = [_Server(address, port) for address, port in found]
    stub.timeout = TRY
    stub.use_edns(0, 0, PAYLOAD)
    return stub


def _name(text: str) -> dns.name.Name | None:
    """Read a name literally: what cannot be one has no records."""
    try:
        return dns.name.Name([*(label.encode("ascii") for label in text.split(".")), b""])
    except (dns.exception.DNSException, UnicodeError):
        return None


def _records(rrset: dns.rrset.RRset | None, kind: str) -> tuple[Record, ...]:
    match kind:
        case "TXT":
            return tuple(b"".join(item.strings) for item in rrset or ())
        case "MX":
            return tuple(
                (item.preference, item.exchange.to_text(omit_final_dot=True))
                for item in rrset or ()
            )
        case "PTR":
            return tuple(item.target.to_text(omit_final_dot=True) for item in rrset or ())
        case _:
            return tuple(item.address for item in rrset or ())


def _ttl_of_no(no: dns.resolver.NXDOMAIN, name: dns.name.Name) -> float:
    try:
        response: dns.message.QueryMessage = no.response(name)  # type: ignore[no-untyped-call]
        return float(response.resolve_chaining().minimum_ttl)
    except (dns.exception.DNSException, KeyError, AttributeError):
        return SHORTEST
