"""A bounded connection to an IMAP server, underneath imapclient.

Promise: every wait ends: connecting, encrypting, each command by its patience, and by a least
speed, so that a server which trickles is left as surely as one that is mute; every answer is
bounded by the octets that the command may cost, so that no server can fill the memory.
Used by: imap_session.
Fails:   Unavailable, with what was waited for.
"""

from __future__ import annotations

import imaplib
import selectors
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from imapclient import IMAPClient
from imapclient.exceptions import IMAPClientAbortError, IMAPClientError

from postroom.errors import Unavailable

SLOWEST = 500  # octets a second; slower than that is as good as mute
MOST = 2**20  # octets that any command's answer may have, unless more is asked for
LONGEST_LINE = 16 * 2**20  # the UIDs of two million mails
_CHUNK = 256 * 1024
_NAMES = 120.0  # seconds that looking up a name may take: the system's resolver has its own end
_LEAST = 5.0  # seconds for one address of several


class Cord:
    """A hold on a connection, from before it is made: another thread may cut it.

    `on_wait` hears of each wait before it begins: how many seconds it lasts at most.
    """

    def __init__(self, on_wait: Callable[[float], None] = lambda _: None) -> None:
        self.sock: socket.socket | None = None
        self.on_wait = on_wait

    def cut(self) -> None:
        """Wake whoever waits for the server; below TLS, so at once."""
        if self.sock is not None:
            with suppress(OSError):
                socket.socket.shutdown(self.sock, socket.SHUT_RDWR)


class Wire(imaplib.IMAP4):
    """imaplib's connection with its reading replaced: one buffer, one budget for each command."""

    def __init__(
        self, host: str, port: int, context: ssl.SSLContext | None, seconds: float, cord: Cord
    ) -> None:
        self._context = context
        self._seconds = seconds
        self._cord = cord
        self._buffer = bytearray()
        self._started = time.monotonic()
        self._received = 0
        self._most = MOST
        self.total = 0  # octets received so far
        super().__init__(host, port, seconds)

    def expect(self, octets: int = MOST) -> None:
        """Begin a command: its answer may have so many octets."""
        self._started, self._received, self._most = time.monotonic(), 0, octets
        # imaplib keeps what nobody asked for; an idle server may say much in a day.
        self.untagged_responses.clear()
        self.tagged_commands.clear()

    def open(self, host: str = "", port: int = 993, timeout: float | None = None) -> None:
        """Connect, encrypted from the first octet if there is a context."""
        self.host, self.port = host, port
        plain = self._connected(host, port, timeout or self._seconds)
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock: Any = plain
        self._cord.sock = plain
        if self._context is None:
            return
        try:
            self._encrypt(self._context)
        except BaseException:
            self.sock.close()
            raise

    def starttls(self, ssl_context: ssl.SSLContext | None = None) -> Any:
        """Encrypt; what the server (or somebody between) said too early is not believed."""
        if ssl_context is None:
            raise Unavailable("no TLS context")
        answer = self._simple_command("STARTTLS")
        if answer[0] != "OK":
            return answer
        if self._buffer:
            raise Unavailable("the server spoke on in clear after STARTTLS")
        self._encrypt(ssl_context)
        self._tls_established = True
        self._get_capabilities()
        return answer

    def shutdown(self) -> None:
        """Close, without a word."""
        with suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()

    def read(self, size: int) -> bytes:
        """Return a literal."""
        if size > self._most - self._received + len(self._buffer):
            raise Unavailable(f"the server announced {size} octets, more than it was asked for")
        while len(self._buffer) < size:
            self._receive()
        return self._take(size)

    def readline(self) -> bytes:
        """Return a line with its end."""
        searched = 0
        while (end := self._buffer.find(b"\n", searched)) < 0:
            searched = len(self._buffer)
            if searched > LONGEST_LINE:
                raise Unavailable("the server sent a line without an end")
            self._receive()
        return self._take(end + 1)

    def send(self, data: Any) -> None:
        """Send a command."""
        self.sock.settimeout(self._seconds)
        self._cord.on_wait(self._seconds)
        try:
            self.sock.sendall(data)
        except OSError as error:
            raise Unavailable(f"the server took no command: {_words(error)}") from error

    def wait_readable(self, seconds: float, wakes: socket.socket) -> bool:
        """Wait until the server has something to say; False: time is over, or somebody woke us."""
        if self._buffer or (isinstance(self.sock, ssl.SSLSocket) and self.sock.pending()):
            return True
        self._cord.on_wait(seconds)
        with selectors.DefaultSelector() as selector:
            selector.register(self.sock, selectors.EVENT_READ)
            selector.register(wakes, selectors.EVENT_READ)
            ready = selector.select(seconds)
        return any(key.fileobj is self.sock for key, _ in ready)

    def _connected(self, host: str, port: int, seconds: float) -> socket.socket:
        """Try one address after the other; none of them takes the time of those that follow."""
        self._cord.on_wait(_NAMES)
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        until, failed = time.monotonic() + seconds, OSError("no address")
        for tried, (family, kind, protocol, _, address) in enumerate(addresses):
            left = max(until - time.monotonic(), 0.1)
            plain = socket.socket(family, kind, protocol)
            plain.settimeout(max(left / (len(addresses) - tried), min(left, _LEAST)))
            self._cord.on_wait(left)
            try:
                plain.connect(address)
            except OSError as error:
                plain.close()
                failed = error
            else:
                return plain
        raise failed

    def _encrypt(self, context: ssl.SSLContext) -> None:
        self._cord.on_wait(self._seconds)
        self.sock = context.wrap_socket(
            self.sock, server_hostname=self.host, do_handshake_on_connect=False
        )
        self._cord.sock = self.sock
        self.sock.settimeout(self._seconds)
        self.sock.do_handshake()

    def _take(self, size: int) -> bytes:
        taken = bytes(memoryview(self._buffer)[:size])
        del self._buffer[:size]
        return taken

    def _receive(self) -> None:
        elapsed = time.monotonic() - self._started
        left = self._seconds + self._received / SLOWEST - elapsed
        if left <= 0:
            raise Unavailable(f"the server is too slow: {self._received} octets in {elapsed:.0f} s")
        self.sock.settimeout(min(left, self._seconds))
        self._cord.on_wait(min(left, self._seconds))
        try:
            got = self.sock.recv(_CHUNK)
        except TimeoutError as error:
            raise Unavailable(f"the server was silent for {self._seconds:g} s") from error
        except OSError as error:
            raise Unavailable(f"the connection broke: {_words(error)}") from error
        if not got:
            raise Unavailable("the server closed the connection")
        self._buffer += got
        self._received += len(got)
        self.total += len(got)
        if self._received > self._most:
            raise Unavailable(f"the server sent more than {self._most} octets for one command")


class Client(IMAPClient):  # type: ignore[misc]
    """imapclient over a Wire."""

    def __init__(
        self, host: str, port: int, context: ssl.SSLContext | None, seconds: float, cord: Cord
    ) -> None:
        self._wire_seconds = seconds
        self._cord = cord
        super().__init__(host, port, ssl=context is not None, ssl_context=context, timeout=seconds)
        self.normalise_times = False
        self._imap.debug = 0  # or every line is formatted, for a log that nobody reads

    @property
    def wire(self) -> Wire:
        """The connection."""
        wire: Wire = self._imap
        return wire

    def _create_IMAP4(self) -> Wire:  # noqa: N802 - imapclient's name
        return Wire(self.host, self.port, self.ssl_context, self._wire_seconds, self._cord)

    def _set_read_timeout(self) -> None:
        """The wire has its own."""

    def idle_begun(self) -> bool:
        """Begin to idle; return whether the server had news before it agreed."""
        wire = self.wire
        self._idle_tag = wire._command("IDLE")  # noqa: SLF001 - as imapclient does
        is_news = False
        while wire._get_response() is not None:  # noqa: SLF001
            if (answer := wire.tagged_commands[self._idle_tag]) is not None:
                raise IMAPClientError(f"IDLE failed: {answer}")
            is_news = is_news or "EXISTS" in wire.untagged_responses
        return is_news

    def idle_ended(self) -> None:
        """Leave IDLE; IMAPClientAbortError when the server has said BYE."""
        self.wire.expect()
        self.wire.tagged_commands[self._idle_tag] = None
        self.wire.send(b"DONE\r\n")
        self._consume_until_tagged_response(self._idle_tag, "IDLE")
        if "BYE" in self.wire.untagged_responses:
            raise IMAPClientAbortError(str(self.wire.untagged_responses["BYE"][-1]))


def _words(error: OSError) -> str:
    return error.strerror or str(error) or type(error).__name__
