"""What all connections of the mail door share: the limits, and how much of them is used up.

Belongs to one event loop; nothing here is locked.
"""

from __future__ import annotations

from asyncio import BaseTransport
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address
from socket import AF_UNIX
from typing import Self

from postroom.core.settings import LimitsTable
from postroom.core.site import Site
from postroom.core.trust import is_relay
from postroom.errors import Refused
from postroom.spool import Spool

FREE = 256 * 1024  # octets of each mail that no budget counts
_DOTS = 4096  # octets of transparency dots, beyond one in 64


@dataclass(slots=True)
class Gate:
    """Who is let in, and whether there is room for what they bring."""

    site: Site
    spool: Spool
    hostname: str
    limits: LimitsTable
    is_closing: bool = False
    bytes_in_flight: int = 0
    _visitors: Counter[str] = field(default_factory=Counter)

    @contextmanager
    def visit(self, peer: str) -> Iterator[None]:
        """Count a connection while it lasts; raise Refused if it is one too many."""
        limits = self.limits
        if self.is_closing:
            raise closing()
        if self._visitors.total() >= limits.connections:
            raise Refused(421, "4.7.0", "Too many connections, try again later")
        if self._visitors[peer] >= limits.connections_per_address and not self._is_relay(peer):
            raise Refused(421, "4.7.0", "Too many connections from your address")
        self._visitors[peer] += 1
        try:
            yield
        finally:
            self._visitors[peer] -= 1
            if not self._visitors[peer]:
                del self._visitors[peer]

    def check_room(self, size: int) -> None:
        """Raise Refused if a mail of that size (0: unknown) cannot be taken in now."""
        limits = self.limits
        if size > limits.message_size:
            raise too_large(limits)
        if self.bytes_in_flight + charged(size) > limits.bytes_in_flight:
            raise Refused(452, "4.3.1", "Too much mail at this moment, try again later")
        if self.spool.free_bytes() < limits.disk_reserve + size:
            raise Refused(452, "4.3.1", "Not enough room, try again later")

    def _is_relay(self, peer: str) -> bool:
        return is_relay(peer, self.site)


class Load:
    """The octets of one mail on their way into the spool."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._octets = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._let_go()

    def take(self, octets: int) -> None:
        """Count octets that arrived; raise Refused, and count no more, when it is too much."""
        more = charged(self._octets + octets) - charged(self._octets)
        self._octets += octets
        self._gate.bytes_in_flight += more
        limits = self._gate.limits
        # Transparency dots do not count (RFC 1870 §5); what remains is measured exactly later.
        if self._octets > limits.message_size + limits.message_size // 64 + _DOTS:
            self._let_go()
            raise too_large(limits)
        if self._gate.bytes_in_flight > limits.bytes_in_flight:
            self._let_go()
            raise Refused(452, "4.3.1", "Too much mail at this moment, try again later")

    def _let_go(self) -> None:
        self._gate.bytes_in_flight -= charged(self._octets)
        self._octets = 0


def charged(octets: int) -> int:
    """Return what a mail of so many octets takes of the budget: what is over FREE.

    Few connections that hold large mails back must not keep everybody's small ones out.
    """
    return max(octets - FREE, 0)


def too_large(limits: LimitsTable) -> Refused:
    """Say that a mail will never be taken."""
    return Refused(552, "5.3.4", f"Mail is larger than {limits.message_size} octets")


def closing() -> Refused:
    """Say that the daemon is about to stop."""
    return Refused(421, "4.3.2", "Shutting down, try again later")


def peer_of(transport: BaseTransport) -> str:
    """Return the peer's IP address, "unix", or "" if it was gone before it could be asked."""
    if transport.get_extra_info("socket").family == AF_UNIX:
        return "unix"
    name = transport.get_extra_info("peername")
    if name is None:
        return ""
    return canonical(str(name[0]).partition("%")[0])


def canonical(written: str) -> str:
    """Return an IP address in the one form that networks are compared with. ValueError: none."""
    address = ip_address(written)
    if address.version == 6 and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return str(address)
