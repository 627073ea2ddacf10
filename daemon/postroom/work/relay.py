"""Handing one mail to a relay by SMTP, knowing at each step what is certain.

Promise: `deferred` and `failed`: the mail did not leave; `uncertain`: the relay may have it.
`handed()` is called, and has returned, before DATA begins.
Used by: work.transport. `send` may be called by several threads; each keeps its own connection.
Fails:   never for what relay and network do; what `handed` raises gets out, nothing was sent.
"""

from __future__ import annotations

import re
import smtplib
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from socket import socket
from typing import IO
from urllib.parse import urlsplit

from postroom.certificates import authorities
from postroom.core.endpoints import LOOPBACK
from postroom.core.settings import TlsPolicy
from postroom.errors import Unavailable
from postroom.work.reply import Reply

# RFC 5321 4.5.3.2.6: ten minutes for the reply to the final dot; less makes duplicates.
FINAL_TIMEOUT = 600.0
MAX_RESPONSE = 500
MAX_REPLY_LINES = 200
MAX_REPLY_LINE = 8_192
PIECE = 65_536
# RFC 4954 6: what these refuse is our log-in, not this mail.
LOGIN_CODES = frozenset({530, 534, 535, 538})
UNFIT_ADDRESS = re.compile(r"[\x00-\x1f\x7f<>]|^$")
LEADING_DOT = re.compile(rb"(?m)^\.")


@dataclass(frozen=True, slots=True)
class Probe:
    """What a relay said before a mail. `expires_at`: of its certificate, if it was verified."""

    encryption: str
    is_logged_in: bool
    refusal: str | None  # of MAIL or RCPT
    expires_at: datetime | None


class _Refused(Exception):
    """The server said no to one command."""

    def __init__(self, code: int, text: bytes) -> None:
        super().__init__(code)
        self.reply = _reply(code, text)


class _Bounded(smtplib.SMTP):
    """smtplib's client, whose replies end: a server must not fill our memory with `250-`."""

    def getreply(self) -> tuple[int, bytes]:
        """Read one reply (RFC 5321 4.2.1), at most MAX_REPLY_LINES lines of it."""
        if self.sock is None:
            raise smtplib.SMTPServerDisconnected("not connected")
        file = self.file = self.file or self.sock.makefile("rb")
        said = []
        for _ in range(MAX_REPLY_LINES):
            line = self._line(file)
            said.append(line[4:].strip(b" \t\r\n"))
            if not line[:3].isdigit():
                return -1, b"\n".join(said)
            if line[3:4] != b"-":
                return int(line[:3]), b"\n".join(said)
        self.close()
        raise smtplib.SMTPServerDisconnected("the reply does not end")

    def _line(self, file: IO[bytes]) -> bytes:
        try:
            line = file.readline(MAX_REPLY_LINE)
        except OSError as error:
            self.close()
            raise smtplib.SMTPServerDisconnected(f"no reply: {error}") from error
        if not line:
            self.close()
            raise smtplib.SMTPServerDisconnected("Connection unexpectedly closed")
        return line


class _BoundedTls(_Bounded, smtplib.SMTP_SSL):
    """The same over TLS from the start."""


class SmtpRelay:
    """A mail server of our own that takes everything.

    `smtps://` is TLS from the start, certificate verified. With `smtp://`, `tls` says what happens:
    "opportunistic" uses STARTTLS when it is offered; the certificate is verified when we log in to
    another machine, and then TLS is a must: otherwise anybody on the way could take the password.
    "verify" sends nothing without STARTTLS and a good certificate, "none" never encrypts.
    """

    needs_handed = True

    def __init__(
        self,
        url: str,
        user: str = "",
        password: str = "",
        timeout: float = 60.0,
        final_timeout: float = FINAL_TIMEOUT,
        tls: TlsPolicy = "opportunistic",
        ca_file: Path | None = None,
    ) -> None:
        parts = urlsplit(url)
        self._is_tls = parts.scheme == "smtps"
        self._host = parts.hostname or "localhost"
        self._port = parts.port or (465 if self._is_tls else 25)
        self._user = user
        self._password = password
        self._timeout = timeout
        self._final_timeout = final_timeout
        self._tls = tls
        self._is_verified = self._is_tls or tls == "verify" or bool(user and self._is_far)
        self._ca_file = ca_file
        self._own_name: str | None = None
        self._kept = threading.local()
        self._open: set[smtplib.SMTP] = set()
        self._lock = threading.Lock()

    def send(
        self,
        delivery_id: int,  # noqa: ARG002 - of the protocol
        sender: str,
        recipient: str,
        raw: bytes,
        handed: Callable[[], None],
    ) -> Reply:
        """Send a mail to one recipient, on this thread's connection."""
        if UNFIT_ADDRESS.search(recipient) or UNFIT_ADDRESS.search(sender):
            return Reply("failed", "501 5.1.3 not an address")
        try:
            smtp = self._addressed(sender, recipient, raw)
        except _Refused as refused:
            self._start_over()
            return refused.reply
        except (OSError, smtplib.SMTPException, ValueError) as error:
            self._drop()
            return Reply("deferred", _said(error))
        try:
            handed()
        except BaseException:
            self._drop()  # MAIL and RCPT were said; the next mail must not inherit them
            raise
        return self._data(smtp, raw)

    def probe(self, sender: str, recipient: str) -> Probe:
        """Do all that comes before a mail, and take it back: nothing is sent.

        Unavailable: it does not get as far as that.
        """
        refusal = None
        try:
            smtp = self._connect()
            encryption, expires_at = _encryption(smtp.sock)
            try:
                self._mail_and_rcpt(smtp, sender, recipient, b"")
            except _Refused as refused:
                refusal = refused.reply.response
            smtp.rset()
        except (OSError, smtplib.SMTPException, ValueError) as error:
            raise Unavailable(_said(error)) from error
        finally:
            self._drop()
        return Probe(encryption, bool(self._user), refusal, expires_at)

    def settle(self) -> None:
        """Nothing: the relay's 250 says that it is durable."""

    def close(self) -> None:
        """Close the connections of all threads."""
        with self._lock:
            for smtp in self._open:
                smtp.close()
            self._open.clear()

    def _addressed(self, sender: str, recipient: str, raw: bytes) -> smtplib.SMTP:
        """Say MAIL and RCPT; a kept connection that proves dead is replaced once."""
        kept: smtplib.SMTP | None = getattr(self._kept, "smtp", None)
        if kept is not None:
            try:
                self._mail_and_rcpt(kept, sender, recipient, raw)
            except _Refused as refused:
                if not refused.reply.response.startswith("421"):
                    raise
            except (OSError, smtplib.SMTPException):
                pass
            else:
                return kept
            self._drop()
        smtp = self._connect()
        self._mail_and_rcpt(smtp, sender, recipient, raw)
        return smtp

    def _connect(self) -> smtplib.SMTP:
        address, name = (self._host, self._port), self._own_name
        if self._is_tls:
            smtp: smtplib.SMTP = _BoundedTls(
                *address, name, timeout=self._timeout, context=self._context
            )
        else:
            smtp = _Bounded(*address, name, timeout=self._timeout)
        self._own_name = smtp.local_hostname  # looked up once: DNS may be slow
        try:
            self._greet(smtp)
        except BaseException:
            smtp.close()
            raise
        self._kept.smtp = smtp
        with self._lock:
            self._open.add(smtp)
        return smtp

    def _greet(self, smtp: smtplib.SMTP) -> None:
        smtp.ehlo_or_helo_if_needed()
        if not self._is_tls and self._tls != "none":
            if smtp.has_extn("starttls"):
                smtp.starttls(context=self._context)
                smtp.ehlo_or_helo_if_needed()
            elif self._is_verified:
                without = "log-in" if self._user else "mail"
                raise smtplib.SMTPNotSupportedError(f"the relay offers no STARTTLS: no {without}")
        if self._user:
            smtp.login(self._user, self._password)

    @property
    def _is_far(self) -> bool:
        return self._host not in LOOPBACK

    @cached_property
    def _context(self) -> ssl.SSLContext:
        """What TLS is made with; kept, because reading the authorities takes a while."""
        context = authorities(self._ca_file)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if not self._is_verified:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    @staticmethod
    def _mail_and_rcpt(smtp: smtplib.SMTP, sender: str, recipient: str, raw: bytes) -> None:
        options = ""
        if not raw.isascii() and smtp.has_extn("8bitmime"):
            options += " BODY=8BITMIME"
        if not (sender + recipient).isascii():
            if not smtp.has_extn("smtputf8"):  # RFC 6531 3.2
                raise _Refused(550, b"5.6.7 the relay takes no international addresses")
            options += " SMTPUTF8"
        smtp.command_encoding = "utf-8"
        for command, argument in (
            ("MAIL", f"FROM:<{sender}>{options}"),
            ("RCPT", f"TO:<{recipient}>"),
        ):
            code, text = smtp.docmd(command, argument)
            if not 200 <= code < 300:
                raise _Refused(code, text)

    def _data(self, smtp: smtplib.SMTP, raw: bytes) -> Reply:
        try:
            code, text = smtp.docmd("DATA")
        except (OSError, smtplib.SMTPException) as error:
            self._drop()
            return Reply("deferred", _said(error))  # nothing of the mail was said yet
        if code != 354:
            self._start_over()
            return _reply(code, text)
        said = LEADING_DOT.sub(b"..", raw)
        said += b".\r\n" if said.endswith(b"\r\n") else b"\r\n.\r\n"
        try:
            # A time-out is for a whole sendall(): in pieces, a slow line is no dead one.
            for start in range(0, len(said), PIECE):
                smtp.send(said[start : start + PIECE])
            _wait_at_most(smtp, self._final_timeout)
            code, text = smtp.getreply()
            _wait_at_most(smtp, self._timeout)
        except (OSError, smtplib.SMTPException) as error:
            self._drop()
            return Reply("uncertain", f"after DATA: {_said(error)}")
        if code == 421:
            self._drop()
        return _reply(code, text)

    def _start_over(self) -> None:
        """After a refusal: forget what was said, keep the connection if it is alive."""
        smtp: smtplib.SMTP | None = getattr(self._kept, "smtp", None)
        try:
            is_alive = smtp is not None and smtp.rset()[0] == 250
        except (OSError, smtplib.SMTPException):
            is_alive = False
        if not is_alive:
            self._drop()

    def _drop(self) -> None:
        smtp: smtplib.SMTP | None = getattr(self._kept, "smtp", None)
        if smtp is None:
            return
        self._kept.smtp = None
        with self._lock:
            self._open.discard(smtp)
        with suppress(OSError, smtplib.SMTPException):
            smtp.close()


def _encryption(socket: socket | None) -> tuple[str, datetime | None]:
    """Say how a connection is encrypted, and until when the other side's certificate is valid."""
    if not isinstance(socket, ssl.SSLSocket):
        return "not encrypted", None
    certificate = socket.getpeercert() or {}
    until = certificate.get("notAfter")
    expires_at = None
    if isinstance(until, str):
        expires_at = datetime.fromtimestamp(ssl.cert_time_to_seconds(until), UTC)
    return socket.version() or "encrypted", expires_at


def _wait_at_most(smtp: smtplib.SMTP, seconds: float) -> None:
    if smtp.sock is not None:
        smtp.sock.settimeout(seconds)


def _reply(code: int, text: bytes) -> Reply:
    response = f"{code} {text.decode('utf-8', 'replace')}".replace("\n", " ")[:MAX_RESPONSE]
    if 200 <= code < 300:
        return Reply("sent", response)
    if 500 <= code < 600 and code not in LOGIN_CODES:
        return Reply("failed", response)
    return Reply("deferred", response)


def _said(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        text = error.smtp_error
        text = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
        return f"{error.smtp_code} {text}".replace("\n", " ")[:MAX_RESPONSE]
    return f"{type(error).__name__}: {error}"[:MAX_RESPONSE]
