"""One SMTP connection: commands in, replies out (RFC 5321, 1870, 2920, 3463, 6152, 6531).

Of aiosmtpd's SMTP class this keeps the life of a connection (and, later, STARTTLS and AUTH). Its
command loop and its DATA are replaced: they take lines that end with a bare LF, let data without
CRLF grow without bound, drain an oversize mail for ever, hold a mail four times, refuse the null
sender, and answer without enhanced status codes.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

import structlog
from aiosmtpd.smtp import SMTP

from postroom import clock
from postroom.errors import Refused, Unavailable
from postroom.intake.address import declared_size, read_recipient, read_sender
from postroom.intake.gate import Gate, Load, closing, peer_of, too_large
from postroom.intake.wire import HangUp, Wire
from postroom.mail.message import Envelope
from postroom.spool.model import DiskFull

log = structlog.get_logger()

_LINGER = 5.0  # seconds for a peer to read our last words
_HEADERS = 256 * 1024  # octets in which hops are counted
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_HELO = 255  # characters; RFC 5321 §4.5.3.1.2
_LOGGED = 300  # characters of a refused command; no mail text gets here


@dataclass(slots=True)
class Transaction:
    """What is known of a mail before its DATA; recipients by the name of their mailbox."""

    sender: str
    options: dict[str, str]
    recipients: dict[str, list[str]] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """The number of recipients."""
        return sum(map(len, self.recipients.values()))


class SmtpSession(SMTP):
    """One connection of the SMTP door."""

    line_length_limit = 64 * 1024  # of the stream's own buffer; lines are bounded in Wire

    def __init__(self, gate: Gate, on_end: Callable[[SmtpSession], None]) -> None:
        loop = asyncio.get_running_loop()
        super().__init__(None, hostname=gate.hostname, loop=loop)
        self._gate = gate
        self._on_end = on_end
        self._peer = ""
        self._helo = ""
        self._transaction: Transaction | None = None
        self._errors = self._commands = 0  # since the last mail
        self._heard_at = self._mail_at = loop.time()
        self._unheard = 0  # octets after our last word
        self._lingering: asyncio.TimerHandle | None = None
        self._is_storing = self._is_over = self._is_deaf = False

    # The life of the connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the dialogue."""
        self._peer = peer_of(transport)
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Note that the peer lives; after our last word nothing is listened to."""
        self._heard_at = self.loop.time()
        if not self._is_over:
            super().data_received(data)
            return
        self._unheard += len(data)
        if self._unheard > self._gate.limits.message_size:
            self.abort()

    def eof_received(self) -> bool:
        """Let the dialogue finish what was received: aiosmtpd would break it off."""
        self._is_deaf = True
        if not self._is_over:
            asyncio.StreamReaderProtocol.eof_received(self)
        return not self._is_over

    def connection_lost(self, error: Exception | None) -> None:
        """Forget the connection, and a mail that was not received whole."""
        super().connection_lost(error)
        if self._lingering is not None:
            self._lingering.cancel()
        self._on_end(self)

    def stop(self) -> None:
        """Part from a peer that is not in the middle of a mail."""
        if self._transaction is None:
            self._hang_up(closing())

    def abort(self) -> None:
        """Break off at once."""
        self._stream().abort()

    def _reset_timeout(self, duration: float | None = None) -> None:
        """Arm the one timer of a connection, which looks at the clock rather than being moved
        with each command as in aiosmtpd."""
        if self._timeout_handle is not None:
            self._timeout_handle.cancel()
        at = self._ends_at() if duration is None else self.loop.time() + duration
        self._timeout_handle = self.loop.call_at(at, self._timeout_cb)

    def _timeout_cb(self) -> None:
        if self._is_storing:
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

    def _hang_up(self, refused: Refused | None) -> None:
        """Say a last word and end. Closing while the peer still sends would make the kernel
        reset the connection and the word be lost: so only our side is closed, for a while.
        Who has not even said hello has sent nothing yet, and does not get that while."""
        if self._is_over or self.transport is None:
            return
        self._is_over = True
        if refused is not None:
            log.info("connection.refused", peer=self._peer, code=refused.code, why=refused.text)
            self._writer.write(_line(refused))
        transport = self._stream()
        self._lingering = self.loop.call_later(_LINGER, transport.abort)
        if self._is_deaf or not self._helo or not transport.can_write_eof():
            transport.close()
        elif not transport.is_closing():
            transport.write_eof()
            transport.resume_reading()

    def _stream(self) -> asyncio.Transport:
        return cast("asyncio.Transport", self.transport)

    # The dialogue

    async def _handle_client(self) -> None:
        self._wire = Wire(self._reader)
        try:
            with self._gate.visit(self._peer):
                await self._say(f"220 {self.hostname} ESMTP Postroom")
                while not self._is_over:
                    await self._say(await self._answer())
                    if self._gate.is_closing:
                        self.stop()
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

    async def _answer(self) -> str:
        """Read one command and do it; return the reply."""
        line = ""
        try:
            line = _text(await self._wire.line())
            word, _, argument = line.partition(" ")
            return await self._obey(word.upper(), argument.strip())
        except Refused as refused:
            self._errors += 1
            log.info(
                "mail.refused"
                if self._transaction or line[:4].upper() == "MAIL"
                else "command.refused",
                peer=self._peer,
                code=refused.code,
                enhanced=refused.enhanced,
                why=refused.text,
                command=line[:_LOGGED],
            )
            if refused.code == 421:
                raise
            if self._errors > self._gate.limits.errors:
                raise HangUp(Refused(421, "4.7.0", "Too many errors")) from refused
            return str(refused)

    async def _obey(self, word: str, argument: str) -> str:
        if word == "RCPT":
            return self._rcpt(argument)
        self._commands += 1
        if self._commands > self._gate.limits.commands:
            raise Refused(421, "4.7.0", "Too many commands without a mail")
        match word:
            case "MAIL":
                return self._mail(argument)
            case "DATA":
                return await self._data(argument)
            case "EHLO" | "HELO":
                return self._hello(word, argument)
            case "RSET":
                self._transaction = None
                return "250 2.0.0 Ok"
            case "NOOP":
                return "250 2.0.0 Ok"
            case "QUIT":
                await self._say("221 2.0.0 Bye")
                raise HangUp
            case "VRFY":
                return "252 2.0.0 Send mail and see"  # RFC 5321 §3.5.3, says nothing
            case "HELP":
                return "214 2.0.0 RFC 5321"
            case "EXPN" | "ETRN" | "TURN" | "BDAT" | "AUTH" | "STARTTLS":
                raise Refused(502, "5.5.1", "Command not implemented")
            case _:
                raise Refused(500, "5.5.1", "Command unrecognized")

    def _hello(self, word: str, argument: str) -> str:
        if not argument:
            raise Refused(501, "5.5.4", f"Syntax: {word} hostname")
        self._helo = argument[:_HELO]
        self._transaction = None
        if word == "HELO":
            return f"250 {self.hostname}"
        words = (
            self.hostname,
            "PIPELINING",
            f"SIZE {self._gate.limits.message_size}",
            "8BITMIME",
            "SMTPUTF8",
            "ENHANCEDSTATUSCODES",
        )
        return "\r\n".join([*(f"250-{item}" for item in words[:-1]), f"250 {words[-1]}"])

    def _mail(self, argument: str) -> str:
        if self._gate.is_closing:
            raise closing()
        if not self._helo:
            raise Refused(503, "5.5.1", "Say EHLO first")
        if self._transaction is not None:
            raise Refused(503, "5.5.1", "One MAIL at a time")
        sender = read_sender(argument)
        size = declared_size(sender)
        self._gate.check_room(size)
        options = {"HELO": self._helo, **sender.options}
        self._transaction = Transaction(sender.address, options)
        return "250 2.1.0 Ok"

    def _rcpt(self, argument: str) -> str:
        if self._transaction is None:
            raise Refused(503, "5.5.1", "Say MAIL first")
        recipient = read_recipient(argument, is_utf8="SMTPUTF8" in self._transaction.options)
        if self._transaction.count >= self._gate.limits.recipients:
            raise Refused(452, "4.5.3", "Too many recipients, send the others another copy")
        mailbox = self._gate.site.mailbox_for(recipient)
        if mailbox is None:
            raise Refused(550, "5.1.1", "No such recipient here")
        known = self._transaction.recipients.setdefault(mailbox.name, [])
        if recipient not in known:
            known.append(recipient)
        return "250 2.1.5 Ok"

    async def _data(self, argument: str) -> str:
        if argument:
            raise Refused(501, "5.5.4", "Syntax: DATA")
        if self._transaction is None:
            raise Refused(503, "5.5.1", "Say MAIL first")
        if not self._transaction.recipients:
            raise Refused(554, "5.5.1", "No valid recipients")
        try:
            with Load(self._gate) as load:
                await self._say("354 End data with <CR><LF>.<CR><LF>")
                raw = await self._wire.mail(load.take, drain=self._gate.limits.message_size)
                self._check(raw)
                ids = await self._store(self._transaction, raw)
        finally:
            self._transaction = None
        self._errors = self._commands = 0
        return f"250 2.0.0 Ok: queued as {ids[0]}"

    def _check(self, raw: bytes) -> None:
        limits = self._gate.limits
        if len(raw) > limits.message_size:
            raise too_large(limits)
        # RFC 5321 §6.3: a simple count of Received headers finds loops.
        if count_hops(raw) > limits.hops:
            raise Refused(554, "5.4.6", "Too many hops, this mail runs in a circle")

    async def _store(self, transaction: Transaction, raw: bytes) -> list[str]:
        received_at = clock.now()
        mails = [
            (
                Envelope(
                    sender=transaction.sender,
                    recipients=tuple(recipients),
                    transport="smtp",
                    mailbox=mailbox,
                    received_at=received_at,
                    peer=self._peer,
                    options=transaction.options,
                ),
                raw,
            )
            for mailbox, recipients in transaction.recipients.items()
        ]
        self._is_storing = True
        try:
            ids = await asyncio.wrap_future(self._gate.spool.put_all(mails))
        except Unavailable as error:
            log.warning("spool.refused", peer=self._peer, why=str(error))
            if isinstance(error, DiskFull):
                raise Refused(452, "4.3.1", "Not enough room, try again later") from error
            raise Refused(451, "4.3.0", "Cannot keep mail now, try again later") from error
        finally:
            self._is_storing = False
            self._heard_at = self._mail_at = self.loop.time()
        log.info(
            "mail.accepted",
            spool_ids=ids,
            size=len(raw),
            mailboxes=[*transaction.recipients],
            peer=self._peer,
        )
        return ids


def count_hops(raw: bytes) -> int:
    """Return how many Received headers a mail has."""
    end = raw.find(b"\r\n\r\n", 0, _HEADERS)
    return (b"\r\n" + raw[: end if end >= 0 else _HEADERS]).lower().count(b"\r\nreceived:")


def _text(line: bytes) -> str:
    try:
        text = line.decode()
    except UnicodeDecodeError:
        raise Refused(500, "5.5.2", "Commands are UTF-8") from None
    if _CONTROL.search(text):
        raise Refused(500, "5.5.2", "Control characters in a command")
    return text


def _line(refused: Refused) -> bytes:
    return f"{refused}\r\n".encode()
