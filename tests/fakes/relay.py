"""A mail relay on a real socket that can be told to die, refuse, defer or say nothing.

One connection at a time for each thread of the sender; every mail it took is in `mails`. `script`
holds what to do with the next mails, one `Act` each; when it is used up, everything is accepted.
"""

from __future__ import annotations

import socket
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import BinaryIO

from tests.fakes.server import LoopbackServer


class Act(StrEnum):
    """What to do with one mail."""

    ACCEPT = "accept"
    DIE_AT_MAIL = "die at mail"
    DIE_BEFORE_DATA = "die before data"  # reads DATA, closes without a word
    DIE_INSIDE_DATA = "die inside data"  # says 354, reads a bit, closes
    DIE_AFTER_DOT = "die after dot"  # reads all, keeps the mail, closes without a word
    DIE_AFTER_REPLY = "die after reply"  # says 250, closes
    REFUSE_SENDER = "refuse sender"
    REFUSE_RECIPIENT = "refuse recipient"
    DEFER_RECIPIENT = "defer recipient"
    REFUSE_DATA = "refuse data"
    REFUSE_AFTER_DOT = "refuse after dot"
    DEFER_AFTER_DOT = "defer after dot"
    BUSY = "busy"  # 421 to MAIL, closes
    MUTE_AT_RCPT = "mute at rcpt"
    MUTE_AFTER_DOT = "mute after dot"
    NEED_LOGIN = "need login"


@dataclass(frozen=True, slots=True)
class Taken:
    """One mail as it came over the wire."""

    sender: str
    recipient: str
    raw: bytes
    options: str


@dataclass
class _Dialogue:
    act: Act = Act.ACCEPT
    sender: str = ""
    recipient: str = ""
    options: str = ""


class _Died(Exception):
    """This connection ends here."""


REPLIES = {
    Act.REFUSE_SENDER: ("MAIL", "553 5.1.8 sender refused"),
    Act.NEED_LOGIN: ("MAIL", "530 5.7.0 log in first"),
    Act.BUSY: ("MAIL", "421 4.3.2 busy"),
    Act.REFUSE_RECIPIENT: ("RCPT", "550 5.1.1 no such user"),
    Act.DEFER_RECIPIENT: ("RCPT", "451 4.7.1 greylisted"),
    Act.REFUSE_DATA: ("DATA", "554 5.7.1 no"),
}


@dataclass
class FakeRelay(LoopbackServer):
    """Listens on a free loopback port while it is entered."""

    extensions: tuple[str, ...] = ("8BITMIME", "SMTPUTF8")
    script: deque[Act] = field(default_factory=deque)
    mails: list[Taken] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    connections: int = 0

    @property
    def url(self) -> str:
        """Where to send."""
        return f"smtp://127.0.0.1:{self.port}"

    def _serve(self, connection: socket.socket) -> None:
        with self._lock:
            self.connections += 1
        with connection.makefile("rwb") as stream:
            dialogue = _Dialogue()
            with suppress(OSError, _Died):
                _say(stream, "220 fake.example ESMTP")
                while line := stream.readline():
                    self._command(stream, dialogue, line.decode().rstrip("\r\n"))
        self._let_go(connection)

    def _command(self, stream: BinaryIO, dialogue: _Dialogue, line: str) -> None:
        verb = line[:4].upper()
        with self._lock:
            self.commands.append(line)
            if verb == "MAIL":
                dialogue.act = self.script.popleft() if self.script else Act.ACCEPT
        at, refusal = REPLIES.get(dialogue.act, ("", ""))
        if verb == at:
            _say(stream, refusal)
            if dialogue.act is Act.BUSY:
                raise _Died
        elif verb == "EHLO":
            lines = ["fake.example", *self.extensions]
            _say(stream, *(f"250-{word}" for word in lines[:-1]), f"250 {lines[-1]}")
        elif verb == "MAIL":
            dialogue.sender, _, dialogue.options = line[11:].partition(">")
            self._die_if(dialogue, Act.DIE_AT_MAIL)
            _say(stream, "250 2.1.0 fine")
        elif verb == "RCPT":
            dialogue.recipient = line[9:].partition(">")[0]
            if dialogue.act is Act.MUTE_AT_RCPT:
                return
            _say(stream, "250 2.1.5 fine")
        elif verb == "DATA":
            self._die_if(dialogue, Act.DIE_BEFORE_DATA)
            _say(stream, "354 go on")
            self._data(stream, dialogue)
        elif verb == "QUIT":
            _say(stream, "221 bye")
            raise _Died
        else:
            _say(stream, "250 2.0.0 fine")

    def _data(self, stream: BinaryIO, dialogue: _Dialogue) -> None:
        raw = bytearray()
        while (line := stream.readline()) != b".\r\n":
            if not line:
                raise _Died
            raw += line[1:] if line.startswith(b".") else line
            self._die_if(dialogue, Act.DIE_INSIDE_DATA)
        if dialogue.act is Act.DEFER_AFTER_DOT:
            _say(stream, "452 4.3.1 disk full")
            return
        if dialogue.act is Act.REFUSE_AFTER_DOT:
            _say(stream, "554 5.6.0 content refused")
            return
        taken = Taken(dialogue.sender, dialogue.recipient, bytes(raw), dialogue.options.strip())
        with self._lock:
            self.mails.append(taken)
        self._die_if(dialogue, Act.DIE_AFTER_DOT)
        if dialogue.act is Act.MUTE_AFTER_DOT:
            return
        _say(stream, f"250 2.0.0 queued as {len(self.mails)}")
        self._die_if(dialogue, Act.DIE_AFTER_REPLY)

    @staticmethod
    def _die_if(dialogue: _Dialogue, act: Act) -> None:
        if dialogue.act is act:
            raise _Died


def _say(stream: BinaryIO, *lines: str) -> None:
    stream.write("".join(f"{line}\r\n" for line in lines).encode())
    stream.flush()
