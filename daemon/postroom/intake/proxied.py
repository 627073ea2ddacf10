"""The PROXY protocol, versions 1 and 2: a proxy says first for whom it speaks.

The specification is proxy-protocol.txt of HAProxy. Not an octet beyond the header is taken from
the socket: what follows may be the beginning of TLS. (aiosmtpd's reader takes what comes.)
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import cast

import structlog

from postroom.core.trust import is_among
from postroom.intake.gate import Gate, canonical, peer_of

log = structlog.get_logger()

SECONDS = 5.0  # a proxy speaks at once
_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"  # of version 2
_FIXED = 16  # octets of version 2 before its addresses
_LONGEST = 4096  # octets after these; certificates of clients do not interest us
_LINE = 107  # octets of version 1 at most, CRLF included
_PORT = re.compile(r"0|[1-9]\d{0,4}")
_UNKNOWN = ""  # nobody: no relay of ours, and no address that SPF could be asked about
_NOT = ValueError("no header of the PROXY protocol")


def missing(head: bytes) -> int:
    """Return how many octets to read next; 0: it is whole. ValueError: it is none."""
    if len(head) < len(_SIGNATURE):
        return len(_SIGNATURE) - len(head)
    if head.startswith(_SIGNATURE):
        if len(head) < _FIXED:
            return _FIXED - len(head)
        length = int.from_bytes(head[14:16], "big")
        if length > _LONGEST:
            raise ValueError(f"a header of {length} octets")
        return _FIXED + length - len(head)
    if not head.startswith(b"PROXY "):
        raise _NOT
    if head.endswith(b"\r\n"):
        return 0
    if len(head) >= _LINE:
        raise ValueError("a line that does not end")
    return 1  # where the line ends is not known before


def spoken_for(head: bytes, own: str) -> str:
    """Return the peer that a whole header names: an IP address, or "" when it names nobody.

    `own`, the proxy itself, when it says that it speaks for itself (to see whether we live).
    """
    return _version_2(head, own) if head.startswith(_SIGNATURE) else _version_1(head)


def _version_1(head: bytes) -> str:
    words = head[:-2].decode("latin-1").split(" ")
    if words[1:2] == ["UNKNOWN"]:
        return _UNKNOWN
    if len(words) != 6 or words[1] not in ("TCP4", "TCP6") or "%" in words[2]:
        raise _NOT  # after a "%" Python takes anything for the name of an interface
    if not all(_PORT.fullmatch(word) and int(word) < 65536 for word in words[4:]):
        raise ValueError("bad ports")
    source, target = ip_address(words[2]), ip_address(words[3])
    if not source.version == target.version == int(words[1][3]):
        raise ValueError("addresses of the wrong family")
    return canonical(str(source))


def _version_2(head: bytes, own: str) -> str:
    version, command, family = head[12] >> 4, head[12] & 15, head[13]
    if version != 2 or command not in (0, 1):
        raise _NOT
    if command == 0:
        return own
    match family:
        case 0x11 if len(head) >= _FIXED + 12:
            return str(IPv4Address(head[16:20]))
        case 0x21 if len(head) >= _FIXED + 36:
            return canonical(str(IPv6Address(head[16:32])))
        case 0x11 | 0x21:
            raise ValueError("addresses are cut off")
        case _:
            return _UNKNOWN  # a family that is none of the internet's, or not told


class Proxied(asyncio.BufferedProtocol):
    """A connection that has not said yet for whom it speaks.

    `begin(peer)` gives the protocol that goes on; `on_end(self)` is called at the end of this one.
    """

    def __init__(
        self,
        gate: Gate,
        proxies: tuple[str, ...],
        begin: Callable[[str], asyncio.Protocol],
        on_end: Callable[[Proxied], None],
    ) -> None:
        self._gate = gate
        self._proxies = proxies
        self._begin = begin
        self._on_end = on_end
        self._head = b""
        self._buffer = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let only the proxies in."""
        self._transport = cast("asyncio.Transport", transport)
        self._own = peer_of(transport)
        self._timer = asyncio.get_running_loop().call_later(SECONDS, self._refuse, "took too long")
        if self._gate.is_closing:
            self.abort()
        elif not is_among(self._own, self._proxies):
            self._refuse("is none of the proxies")

    def get_buffer(self, sizehint: int) -> bytearray:
        """Give room for what is missing, and no more."""
        del sizehint
        self._buffer = bytearray(missing(self._head))
        return self._buffer

    def buffer_updated(self, count: int) -> None:
        """Go on with the dialogue when the header is whole."""
        self._head += self._buffer[:count]
        try:
            if missing(self._head):
                return
            peer = spoken_for(self._head, self._own)
        except ValueError as error:
            self._refuse(str(error))
            return
        self._timer.cancel()
        self._on_end(self)
        protocol = self._begin(peer)
        self._transport.set_protocol(protocol)
        protocol.connection_made(self._transport)

    def eof_received(self) -> bool:
        """Let go of who leaves."""
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """Forget the connection."""
        del error
        self._timer.cancel()
        self._on_end(self)

    def stop(self) -> None:
        """Part from it: no mail has begun."""
        self.abort()

    def abort(self) -> None:
        """Break off at once."""
        self._transport.abort()

    def _refuse(self, why: str) -> None:
        log.info("connection.refused", peer=self._own, why=f"PROXY protocol: {why}")
        self.abort()
