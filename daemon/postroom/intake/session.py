"""What is said on one connection: commands in, replies out.

SMTP (RFC 5321, 1870, 2920, 3207, 3463, 6152, 6531) and LMTP (RFC 2033), which differ in a few
words: a mail comes to one recipient, so the reply after DATA is one, as in SMTP.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from postroom import clock
from postroom.errors import Refused, Unavailable
from postroom.intake.address import declared_size, read_recipient, read_sender
from postroom.intake.connection import Connection
from postroom.intake.gate import Gate, Load, closing, too_large
from postroom.intake.listener import Listener
from postroom.intake.wire import HangUp
from postroom.mail.message import Envelope
from postroom.spool.model import DiskFull

log = structlog.get_logger()

_HEADERS = 256 * 1024  # octets in which hops are counted
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_HELO = 255  # characters; RFC 5321 §4.5.3.1.2
_LOGGED = 300  # characters of a refused command; no mail text gets here
_SPOKEN = frozenset(
    ("MAIL", "RCPT", "DATA", "EHLO", "HELO", "LHLO", "STARTTLS", "RSET", "NOOP", "VRFY", "QUIT")
)
_SAID_ALWAYS = {
    "NOOP": "250 2.0.0 Ok",
    "HELP": "214 2.0.0 RFC 5321",
    "VRFY": "252 2.0.0 Send mail and see",  # RFC 5321 §3.5.3, says nothing
}
_BEFORE_TLS = frozenset({"NOOP", "EHLO", "HELO", "LHLO", "STARTTLS", "QUIT"})  # RFC 3207 §4


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


class Session(Connection):
    """One connection of the mail door."""

    def __init__(
        self,
        gate: Gate,
        listener: Listener,
        on_end: Callable[[Session], None],
        peer: str | None = None,
    ) -> None:
        super().__init__(gate, listener, on_end, peer)
        self._is_lmtp = listener.protocol == "lmtp"
        self._transaction: Transaction | None = None
        self._errors = self._commands = 0  # since the last mail

    def stop(self) -> None:
        """Part from a peer that is not in the middle of a mail."""
        if self._transaction is None:
            super().stop()

    async def _dialogue(self) -> None:
        await self._say(f"220 {self.hostname} {'LMTP' if self._is_lmtp else 'ESMTP'} Postroom")
        while not self._is_over:
            await self._say(await self._answer())
            if self._gate.is_closing:
                self.stop()

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
                command=_harmless(line),
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
        if self._listener.require_tls and not self._tls and word not in _BEFORE_TLS:
            raise Refused(530, "5.7.0", "Say STARTTLS first")
        if word in _SAID_ALWAYS:
            return _SAID_ALWAYS[word]
        match word:
            case "MAIL":
                return self._mail(argument)
            case "DATA":
                return await self._data(argument)
            case "LHLO" | "EHLO" | "HELO" if (word == "LHLO") == self._is_lmtp:
                return self._hello(word, argument)
            case "STARTTLS" if self._listener.tls == "starttls":
                return await self._start_tls(argument)
            case "RSET":
                self._transaction = None
                return "250 2.0.0 Ok"
            case "QUIT":
                await self._say("221 2.0.0 Bye")
                raise HangUp
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
        words = [
            self.hostname,
            "PIPELINING",
            f"SIZE {self._gate.limits.message_size}",
            "8BITMIME",
            "SMTPUTF8",
            "ENHANCEDSTATUSCODES",
        ]
        if self._listener.tls == "starttls" and not self._tls:
            words.insert(2, "STARTTLS")
        return "\r\n".join([*(f"250-{item}" for item in words[:-1]), f"250 {words[-1]}"])

    async def _start_tls(self, argument: str) -> str:
        if argument:
            raise Refused(501, "5.5.4", "Syntax: STARTTLS")
        if self._tls:
            raise Refused(503, "5.5.1", "TLS is active already")
        if not self._wire.is_empty:
            # Whoever stands between could have put it there, to be taken for the peer's own.
            raise HangUp(Refused(554, "5.5.0", "Nothing may follow STARTTLS"))
        self._transaction = None
        await self._say("220 2.0.0 Ready to start TLS")
        await self._encrypt()
        return await self._answer()

    def _mail(self, argument: str) -> str:
        if self._gate.is_closing:
            raise closing()
        if not self._helo:
            raise Refused(503, "5.5.1", f"Say {'LHLO' if self._is_lmtp else 'EHLO'} first")
        if self._transaction is not None:
            raise Refused(503, "5.5.1", "One MAIL at a time")
        sender = read_sender(argument)
        size = declared_size(sender)
        self._gate.check_room(size)
        options = {"HELO": self._helo, **sender.options}
        if self._tls:
            options["TLS"] = self._tls
        self._transaction = Transaction(sender.address, options)
        return "250 2.1.0 Ok"

    def _rcpt(self, argument: str) -> str:
        if self._transaction is None:
            raise Refused(503, "5.5.1", "Say MAIL first")
        recipient = read_recipient(argument, is_utf8="SMTPUTF8" in self._transaction.options)
        mailbox = self._gate.site.mailbox_for(recipient)
        if mailbox is None:
            raise Refused(550, "5.1.1", "No such recipient here")
        # RFC 2033 §4.2 answers DATA once for each recipient: with one, it is an answer like SMTP's.
        most = 1 if self._is_lmtp else self._gate.limits.recipients
        if self._transaction.count >= most:
            raise Refused(452, "4.5.3", "Too many recipients, send the others another copy")
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
            # RFC 2033 §4.2 wants 503.
            raise Refused(503 if self._is_lmtp else 554, "5.5.1", "No valid recipients")
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
                    transport=self._listener.protocol,
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
            transport=self._listener.protocol,
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


def _harmless(line: str) -> str:
    """Return what may be logged of a command: some clients send a password unasked, after AUTH or
    on a line of its own."""
    word = line.partition(" ")[0].upper()
    if word in _SPOKEN:
        return line[:_LOGGED]
    return word if word == "AUTH" else f"({len(line)} characters)"
