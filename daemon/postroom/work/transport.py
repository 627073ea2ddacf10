"""Handing one composed mail over: to a relay by SMTP, or into a Maildir.

Promise: the reply says what is certain. `deferred` and `failed`: the mail did not leave.
`uncertain`: the relay may have it. `handed()` is called, and has returned, before DATA begins.
Used by: work.sender. `send` may be called by several threads; each keeps a connection of its own.
Fails:   never for what relay, network or disk do; what `handed` raises gets out, nothing was sent.
"""

from __future__ import annotations

import os
import re
import smtplib
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

# RFC 5321 4.5.3.2.6: ten minutes for the reply to the final dot; less makes duplicates.
FINAL_TIMEOUT = 600.0
MAX_RESPONSE = 500
PIECE = 65_536
# RFC 4954 6: what these refuse is our log-in, not this mail.
LOGIN_CODES = frozenset({530, 534, 535, 538})
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
UNFIT_ADDRESS = re.compile(r"[\x00-\x1f\x7f<>]|^$")
LEADING_DOT = re.compile(rb"(?m)^\.")


@dataclass(frozen=True, slots=True)
class Reply:
    """What became of a mail: `state` is sent, deferred, failed or uncertain."""

    state: str
    response: str


class Transport(Protocol):
    """A way out. `needs_handed`: sending twice is possible, so `handed` must be durable first."""

    needs_handed: bool

    def send(
        self,
        delivery_id: int,
        sender: str,
        recipient: str,
        raw: bytes,
        handed: Callable[[], None],
    ) -> Reply:
        """Send a mail to one recipient."""
        ...

    def settle(self) -> None:
        """Make durable what `send` called sent; before that it must not be recorded. OSError."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


def from_url(
    url: str, instance: str, user: str = "", password: str = "", timeout: float = 60.0
) -> Transport:
    """Open `smtp://host:port`, `smtps://host:port` or `maildir:path`. Raises ValueError."""
    parts = urlsplit(url)
    match parts.scheme:
        case "smtp" | "smtps" if parts.hostname:
            return SmtpRelay(url, user, password, timeout)
        case "maildir" if parts.path and not parts.netloc:
            return Maildir(Path(unquote(parts.path)), instance)
        case _:
            raise ValueError(f"not smtp://host:port, smtps://host:port or maildir:path: {url!r}")


# ---- SMTP


class _Refused(Exception):  # noqa: N818 - an answer, not an error
    """The server said no to one command."""

    def __init__(self, code: int, text: bytes) -> None:
        super().__init__(code)
        self.reply = _reply(code, text)


class SmtpRelay:
    """A mail server of our own that takes everything.

    `smtps://` is TLS from the start, certificate verified. `smtp://` uses STARTTLS when it is
    offered; the certificate is verified when we log in to another machine, and then TLS is a must:
    otherwise anybody on the way could take the password.
    """

    needs_handed = True

    def __init__(
        self,
        url: str,
        user: str = "",
        password: str = "",
        timeout: float = 60.0,
        final_timeout: float = FINAL_TIMEOUT,
    ) -> None:
        parts = urlsplit(url)
        self._is_tls = parts.scheme == "smtps"
        self._host = parts.hostname or "localhost"
        self._port = parts.port or (465 if self._is_tls else 25)
        self._user = user
        self._password = password
        self._timeout = timeout
        self._final_timeout = final_timeout
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
            context = ssl.create_default_context()
            smtp: smtplib.SMTP = smtplib.SMTP_SSL(
                *address, name, timeout=self._timeout, context=context
            )
        else:
            smtp = smtplib.SMTP(*address, name, timeout=self._timeout)
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
        is_far = self._host not in LOOPBACK
        if not self._is_tls and smtp.has_extn("starttls"):
            context = ssl.create_default_context()
            if not (self._user and is_far):
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
            smtp.starttls(context=context)
            smtp.ehlo_or_helo_if_needed()
        elif self._user and is_far and not self._is_tls:
            raise smtplib.SMTPNotSupportedError("the relay offers no STARTTLS: no log-in")
        if self._user:
            smtp.login(self._user, self._password)

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


# ---- Maildir


class Maildir:
    """A folder of mails, for demonstrations, tests and sites whose own tools send them.

    The file name is the delivery's id: what is tried again is there once. Return-Path and
    Delivered-To are the envelope.
    """

    needs_handed = False

    def __init__(self, path: Path, instance: str) -> None:
        self._path = path
        self._suffix = re.sub(r"[^\w.\-]", "_", instance)
        self._lock = threading.Lock()
        self._is_settled = True
        self._read_at = -1  # st_mtime_ns of cur/ when its names were read
        self._read_names: frozenset[str] = frozenset()
        for folder in ("tmp", "new", "cur"):
            (path / folder).mkdir(parents=True, exist_ok=True)

    def send(
        self,
        delivery_id: int,
        sender: str,
        recipient: str,
        raw: bytes,
        handed: Callable[[], None],
    ) -> Reply:
        """Write a mail, unless it lies there already. A full disk defers it."""
        name = f"{delivery_id}.{self._suffix}"
        head = f"Return-Path: <{_bare(sender)}>\r\nDelivered-To: {_bare(recipient)}\r\n"
        handed()
        try:
            found = self._find(name)
            if found is None:
                self._write(name, head.encode("utf-8", "replace") + raw)
            elif not _is_same(found, raw):
                return Reply(
                    "deferred", f"another mail lies in {name}: was the database made anew?"
                )
            self._is_settled = False
        except OSError as error:
            return Reply("deferred", f"451 4.3.0 {error.strerror or type(error).__name__}")
        return Reply("sent", f"250 2.0.0 {name}")

    def settle(self) -> None:
        """Flush the folder: one flush for all mails since the last time."""
        with self._lock:
            if self._is_settled:
                return
            self._is_settled = True
            folder = os.open(self._path / "new", os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)
            except OSError:
                self._is_settled = False
                raise
            finally:
                os.close(folder)

    def close(self) -> None:
        """Nothing is kept open."""

    def _write(self, name: str, raw: bytes) -> None:
        tmp = self._path / "tmp" / name
        # The lease says that nobody else writes this one: what lies here a crash left behind.
        file = os.open(tmp, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640)
        try:
            with open(file, "wb") as stream:  # noqa: PTH123 - of a file descriptor
                stream.write(raw)
                stream.flush()
                os.fsync(file)
            with suppress(FileExistsError):
                os.link(tmp, self._path / "new" / name)
        finally:
            tmp.unlink(missing_ok=True)

    def _find(self, name: str) -> Path | None:
        """Look for a mail in new/, and in cur/, where a reader has moved it and added flags."""
        new = self._path / "new" / name
        if new.exists():
            return new
        cur = self._path / "cur"
        changed_at = cur.stat().st_mtime_ns
        with self._lock:
            if changed_at != self._read_at:
                self._read_names = frozenset(os.listdir(cur))  # noqa: PTH208 - names suffice
                self._read_at = changed_at
        return next(
            (cur / other for other in self._read_names if other.partition(":")[0] == name), None
        )


def _is_same(found: Path, raw: bytes) -> bool:
    """Whether a file holds this mail; its Message-ID, as keys of the envelope may have changed."""
    wanted = re.search(rb"(?im)^Message-ID: [^\r\n]+", raw)
    return wanted is None or wanted.group() in found.read_bytes()


def _bare(address: str) -> str:
    return UNFIT_ADDRESS.sub("", address)
