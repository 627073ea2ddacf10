"""The life of one connection: how it begins, is encrypted, is watched, and ends.

Of aiosmtpd's SMTP class this keeps the frame of a connection only. Its command loop and its DATA
are replaced (session.py): they take lines that end with a bare LF, let data without CRLF grow
without bound, drain an oversize mail for ever, hold a mail four times, refuse the null sender, and
answer without enhanced status codes. So is its STARTTLS: that has no end when the peer falls
silent in the middle, and keeps what was sent before the encryption in a buffer of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import structlog
from aiosmtpd.smtp import SMTP

from postroom.errors import Refused
from postroom.intake.gate import Gate, closing, peer_of
from postroom.intake.listener import Listener
from postroom.intake.wire import HangUp, Wire

log = structlog.get_logger()

_LINGER = 5.0  # seconds for a peer to read our last words
_HANDSHAKE = 30.0  # seconds for TLS to come about, or `idle` if that is less


class Connection(SMTP):
    """One connection; what is said on it is `_dialogue`, of a subclass."""

    line_length_limit = 64 * 1024  # of the stream's own buffer; lines are bounded in Wire

    def __init__(
        self,
        gate: Gate,
        listener: Listener,
        on_end: Callable[[Any], None],  # a subclass's own
        peer: str | None = None,
    ) -> None:
        loop = asyncio.get_running_loop()
        super().__init__(None, hostname=gate.hostname, loop=loop)
        self._gate = gate
        self._listener = listener
        self._on_end = on_end
        self._named = peer  # by a proxy
        self._peer = ""
        self._helo = ""
        self._tls = ""  # the version, once it is encrypted
        self._heard_at = self._mail_at = loop.time()
        self._unheard = 0  # octets after our last word
        self._lingering: asyncio.TimerHandle | None = None
        self._plain: asyncio.StreamWriter | None = None
        self._is_over = self._is_deaf = self._is_lost = False
        self._is_shaking = self._is_storing = False  # hands; a mail

    async def _dialogue(self) -> None:
        raise NotImplementedError

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the dialogue."""
        self._peer = peer_of(transport) if self._named is None else self._named
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Note that the peer lives; after our last word nothing is listened to."""
        self._heard_at = self.loop.time()
        if not self._is_over:
            self._reader.feed_data(data)
            return
        self._unheard += len(data)
        if self._unheard > self._gate.limits.message_size:
            self.abort()

    def eof_received(self) -> bool:
        """Let the dialogue finish what was received: aiosmtpd would break it off.

        Under TLS asyncio does: who closes before he is answered never hears the answer.
        """
        self._is_deaf = True
        if not self._is_over:
            self._reader.feed_eof()
        return not (self._is_over or self._tls)

    def connection_lost(self, error: Exception | None) -> None:
        """Forget the connection, and a mail that was not received whole."""
        if self._is_lost:
            return
        self._is_lost = True
        super().connection_lost(error)
        if self._lingering is not None:
            self._lingering.cancel()
        self._on_end(self)

    def stop(self) -> None:
        """Part from a peer that is not in the middle of a mail."""
        if self._is_shaking:
            self.abort()
        else:
            self._hang_up(closing())

    def abort(self) -> None:
        """Break off at once."""
        self._stream().abort()

    # What it may take

    def _reset_timeout(self, duration: float | None = None) -> None:
        """Arm the one timer of a connection, which looks at the clock rather than being moved
        with each command as in aiosmtpd."""
        if self._timeout_handle is not None:
            self._timeout_handle.cancel()
        at = self._ends_at() if duration is None else self.loop.time() + duration
        self._timeout_handle = self.loop.call_at(at, self._timeout_cb)

    def _timeout_cb(self) -> None:
        if self._is_storing or self._is_shaking:  # that has an end of its own
            self._reset_timeout(1)
        elif self.loop.time() < self._ends_at():
            self._reset_timeout()
        else:
            self._hang_up(Refused(421, "4.4.2", "You took too long"))

    def _ends_at(self) -> float:
        limits = self._gate.limits
        return min(
            self._heard_at + limits.idle.total_seconds(),
            self._mail_at + limits.total.total_seconds(),
        )

    # From the first to the last word

    async def _handle_client(self) -> None:
        try:
            with self._gate.visit(self._peer):
                if self._listener.tls == "implicit":
                    await self._encrypt()
                self._wire = Wire(self._reader)
                await self._dialogue()
        except Refused as refused:
            self._hang_up(refused)
        except HangUp as end:
            self._hang_up(end.refused)
        except ConnectionError:
            self._hang_up(None)
        except Exception:
            log.exception("connection.failed", peer=self._peer)
            self._hang_up(Refused(421, "4.3.0", "Internal error, try again later"))

    async def _say(self, reply: str) -> None:
        self._writer.write(reply.encode() + b"\r\n")
        await self._writer.drain()

    async def _encrypt(self) -> None:
        """Go on under TLS; nothing that was received before counts (RFC 3207 §4.2)."""
        certificate = self._listener.certificate
        if certificate is None:
            raise RuntimeError("a listener with TLS has no certificate")
        self._is_shaking, self._helo = True, ""
        # A new one, so that nothing in the old one is ever taken for encrypted; and now, because
        # the peer's first words may arrive with the end of the handshake.
        self._reader = asyncio.StreamReader(limit=self.line_length_limit, loop=self.loop)
        why = "the peer left"
        try:
            stream: asyncio.Transport | None = await self.loop.start_tls(
                self._stream(),
                self,
                certificate.context,
                server_side=True,
                ssl_handshake_timeout=min(_HANDSHAKE, self._gate.limits.idle.total_seconds()),
                ssl_shutdown_timeout=_LINGER,
            )
        except OSError as error:  # ssl.SSLError is one
            stream, why = None, getattr(error, "reason", None) or str(error) or why
        finally:
            self._is_shaking = False
        if stream is None or self._is_lost:  # None: it ended in the middle, by whomever
            log.info("handshake.failed", peer=self._peer, why=why)
            self.connection_lost(None)  # asyncio tells us only of some such ends
            raise HangUp
        self.transport = stream
        self._tls = stream.get_extra_info("ssl_object").version() or "TLS"
        self._reader.set_transport(stream)
        # A writer closes what it writes to when nobody holds it any more: keep the old one.
        self._plain = self._writer
        self._writer = asyncio.StreamWriter(stream, self, self._reader, self.loop)
        self._wire = Wire(self._reader)
        self._heard_at = self.loop.time()

    def _hang_up(self, refused: Refused | None) -> None:
        """Say a last word and end. Closing while the peer still sends would make the kernel
        reset the connection and the word be lost: so only our side is closed, for a while.
        Who has not even said hello has sent nothing yet, and does not get that while."""
        if self._is_over or self.transport is None:
            return
        self._is_over = True
        if refused is not None:
            log.info("connection.refused", peer=self._peer, code=refused.code, why=refused.text)
            if self._tls or self._listener.tls != "implicit":
                self._writer.write(f"{refused}\r\n".encode())
        transport = self._stream()
        self._lingering = self.loop.call_later(_LINGER, transport.abort)
        if self._is_deaf or not self._helo or not transport.can_write_eof():
            transport.close()
        elif not transport.is_closing():
            transport.write_eof()
            transport.resume_reading()

    def _stream(self) -> asyncio.Transport:
        return cast("asyncio.Transport", self.transport)
