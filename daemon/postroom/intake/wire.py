"""Command lines and mails, cut out of the bytes of one connection.

Promise: memory is bounded whatever the peer sends; a mail ends at CRLF.CRLF and nowhere else
(RFC 5321 §4.1.1.4: SMTP smuggling lives on servers that also see an end in LF.LF, LF.CRLF …).
"""

from __future__ import annotations

from asyncio import StreamReader
from collections.abc import Callable

from postroom.errors import Refused

_CHUNK = 256 * 1024
_LINE = 2048  # RFC 5321 §4.5.3.1.4 asks for 512, extensions for more
_GARBAGE = 64 * 1024  # of one line that is too long; then the connection ends
_END = b"\r\n.\r\n"


class HangUp(Exception):
    """The connection must end; `refused` is what the peer is told before, if he is still there."""

    def __init__(self, refused: Refused | None = None) -> None:
        super().__init__(refused)
        self.refused = refused


class Wire:
    """The receiving side of one connection."""

    def __init__(self, reader: StreamReader) -> None:
        self._reader = reader
        self._buffer = bytearray()

    @property
    def is_empty(self) -> bool:
        """Whether nothing has arrived beyond what was read."""
        return not self._buffer

    async def line(self) -> bytes:
        """Return the next command line, without CRLF."""
        while (end := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) > _GARBAGE:
                raise HangUp(Refused(421, "4.5.2", "Line too long"))
            await self._more()
        line = bytes(self._buffer[: end + 1])
        del self._buffer[: end + 1]
        if len(line) > _LINE:
            raise Refused(500, "5.5.2", "Line too long")
        # RFC 5321 §2.3.8: nothing but CRLF ends a line.
        if not line.endswith(b"\r\n"):
            raise Refused(500, "5.5.2", "Lines end with CRLF")
        return line[:-2]

    async def mail(self, take: Callable[[int], None], drain: int) -> bytes:
        """Return the mail that follows DATA, without its end and its transparency dots.

        `take(octets)` is told of all that arrives and raises Refused when it is too much. The rest
        is then read and thrown away, so that the peer sees the answer, but not more than `drain`.
        """
        refused: Refused | None = None
        # The CRLF of the DATA command is the first half of the end of an empty mail.
        buffer = bytearray(b"\r\n") + self._buffer
        self._buffer, fresh = bytearray(), len(self._buffer)
        start = 0
        while True:
            if refused is None:
                try:
                    take(fresh)
                except Refused as error:
                    refused = error
            if (end := buffer.find(_END, start)) >= 0:
                break
            if refused is not None:
                drain -= fresh
                if drain < 0:
                    raise HangUp(refused)
                del buffer[: -len(_END)]
            start = max(0, len(buffer) - len(_END) + 1)
            chunk = await self._receive()
            buffer += chunk
            fresh = len(chunk)
        self._buffer += buffer[end + len(_END) :]
        if refused is not None:
            raise refused
        del buffer[end + 2 :]
        return _cleared(buffer)

    async def _more(self) -> None:
        self._buffer += await self._receive()

    async def _receive(self) -> bytes:
        chunk = await self._reader.read(_CHUNK)
        if not chunk:
            raise HangUp
        return chunk


def _cleared(lines: bytearray) -> bytes:
    """Return a mail (with one CRLF before it) as its author sent it; raise Refused if it has a
    bare CR or LF.

    RFC 5321 §2.3.8 forbids them. What one server passes on as text may end the mail for the next,
    and what follows is then a mail that the first one never checked.
    """
    ends = lines.count(b"\r\n")
    if lines.count(b"\n") != ends or lines.count(b"\r") != ends:
        raise Refused(550, "5.5.2", "Mail has a bare CR or LF; lines end with CRLF")
    # RFC 5321 §4.5.2: the first dot of any line goes.
    if lines.find(b"\r\n.") >= 0:
        lines[:] = lines.replace(b"\r\n.", b"\r\n")  # in place: never three copies of a mail
    return bytes(memoryview(lines)[2:])
