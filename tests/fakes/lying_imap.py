"""An IMAP server that lies: wrong sizes, the same UID twice, literals without an end, no octets.

`mails` are UID → octets. Each lie is a flag; what is not lied about is true.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import BinaryIO

from tests.fakes.server import LoopbackServer

_SECTION = re.compile(r"BODY\.PEEK\[([A-Z]*)\](?:<(\d+)\.(\d+)>)?")


@dataclass
class LyingImap(LoopbackServer):
    """Listens on a free loopback port while it is entered; any login is right."""

    mails: Mapping[int, bytes] = field(default_factory=dict)
    size: int | None = None  # of every mail, it says
    nil: frozenset[int] = frozenset()  # UIDs without a body
    refused: frozenset[int] = frozenset()  # UIDs that a FETCH of is answered NO to
    is_twice: bool = False  # every mail is listed, and sent, twice
    literal: str | None = None  # announced instead of the mail's own size
    is_endless: bool = False  # after the first literal there is no end of it
    babble: bytes = b""  # instead of the answer to FETCH
    hidden: frozenset[int] = frozenset()  # in SEARCH only
    said_no: str = ""  # to LOGIN
    welcome: bytes = b"* OK here\r\n"
    capabilities: str = "IMAP4rev1 UIDPLUS"
    is_mute_in_idle: bool = False  # it agrees to IDLE, and does not even hear DONE
    folders: set[str] = field(default_factory=set)  # that mails can be copied to
    no_folder: str = "[TRYCREATE] no such folder"  # said of others
    no_create: str = ""  # said to CREATE
    logins: int = 0
    commands: list[str] = field(default_factory=list)  # without their tags

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError), client.makefile("rb") as lines:
            client.sendall(self.welcome)
            while line := lines.readline():
                tag, _, rest = line.decode().strip().partition(" ")
                self.commands.append(rest)
                if rest.upper() == "IDLE" or rest.upper().startswith("AUTHENTICATE"):
                    client.sendall(b"+ \r\n")
                    self.commands.append(lines.readline().decode().strip())
                    if self.is_mute_in_idle and rest.upper() == "IDLE":
                        lines.read()
                for piece in self._answers(rest, lines):
                    client.sendall(piece)
                no = self._refusal(rest)
                client.sendall(f"{tag} {no or 'OK done'}\r\n".encode())
        self._let_go(client)

    def _refusal(self, command: str) -> str:
        words = command.upper().split()
        if words[0] == "LOGIN":
            self.logins += 1
            return f"NO {self.said_no}" if self.said_no else ""
        if words[:2] in (["UID", "COPY"], ["UID", "MOVE"]):
            is_there = _last(command) in self.folders
            return "" if is_there else f"NO {self.no_folder}"
        if words[0] == "CREATE":
            self.folders |= set() if self.no_create else {_last(command)}
            return f"NO {self.no_create}" if self.no_create else ""
        if (
            words[:2] == ["UID", "FETCH"]
            and "BODY.PEEK[]" in command
            and self.refused & _uids(words[2])
        ):
            return "NO the message could not be converted"
        return ""

    def _answers(self, command: str, lines: BinaryIO) -> Iterator[bytes]:
        words = command.upper().split()
        match words[:2]:
            case ["CAPABILITY", *_]:
                yield f"* CAPABILITY {self.capabilities}\r\n".encode()
            case ["LIST", *_]:
                if _last(command) in self.folders:
                    yield f'* LIST () "/" "{_last(command)}"\r\n'.encode()
            case ["SELECT" | "EXAMINE", *_]:
                yield f"* {len(self.mails)} EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n".encode()
                yield f"* OK [UIDNEXT {max(self.mails, default=0) + 1}] x\r\n".encode()
            case ["UID", "SEARCH"]:
                asked = _uids(words[-1])
                found = [uid for uid in self.mails if uid in asked] * (1 + self.is_twice)
                yield f"* SEARCH {' '.join(map(str, found))}\r\n".encode()
            case ["UID", "FETCH"]:
                if self.babble:
                    yield self.babble
                    return
                for uid in sorted(_uids(words[2]) & set(self.mails)) * (1 + self.is_twice):
                    yield from self._fetched(uid, command)

    def _fetched(self, uid: int, command: str) -> Iterator[bytes]:
        raw = self.mails[uid]
        if "RFC822.SIZE" in command.upper():
            if uid not in self.hidden:
                size = len(raw) if self.size is None else self.size
                date = '"01-Jan-2026 00:00:00 +0000"'
                yield (
                    f"* {uid} FETCH (UID {uid} RFC822.SIZE {size} INTERNALDATE {date})\r\n".encode()
                )
            return
        found = _SECTION.search(command)
        assert found is not None
        section, start, count = found[1], found[2], found[3]
        if section == "HEADER":
            raw = raw.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
        elif uid in self.refused:
            return
        name = f"BODY[{section}]" + (f"<{start}>" if start is not None else "")
        piece = raw if start is None else raw[int(start) : int(start) + int(count)]
        if uid in self.nil and not section:
            yield f"* {uid} FETCH (UID {uid} {name} NIL)\r\n".encode()
            return
        announced = str(len(piece)) if self.literal is None else self.literal
        yield f"* {uid} FETCH (UID {uid} {name} {{{announced}}}\r\n".encode() + piece
        while self.is_endless:
            yield b"x" * 65536
        yield b")\r\n"


def _last(command: str) -> str:
    return command.rpartition(" ")[2].strip('"')


def _uids(text: str) -> set[int]:
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition(":")
        if not first.isdigit():
            continue
        end = 10_000 if last == "*" else int(last or first)
        found.update(range(int(first), end + 1))
    return found
