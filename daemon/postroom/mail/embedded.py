"""Files that stand in the text of a mail: uuencoded, or as yEnc.

Promise: the words around them stay as they are, in their order; linear in the text. A block that
does not end is none: nobody knows what it was meant to be.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from postroom.mail.charset import decode_bytes
from postroom.mail.transfer import uu_line

_BEGIN = re.compile(
    rb"^(?:begin ([0-7]{3,4}) ([^\r\n]{1,250})|=ybegin ([^\r\n]{1,500}))\r?$", re.MULTILINE
)
_UU_END = re.compile(rb"^end[ \t]*\r?$", re.MULTILINE)
_Y_END = re.compile(rb"^=yend [^\r\n]*\r?$", re.MULTILINE)
_Y_NAME = re.compile(rb"\bname=([^\r\n]{1,250})")
_UNWANTED = re.compile(rb"\r?\n")
_Y_SHIFT = bytes((octet - 42) % 256 for octet in range(256))
_Y_ESCAPED = re.compile(rb"=(.)", re.DOTALL)
_FILES = 100  # of one text


@dataclass(frozen=True, slots=True)
class File:
    """A file out of a container; `type` is "" if nothing says it."""

    name: str
    octets: bytes
    type: str = ""
    content_id: str = ""


def take_files(raw: bytes) -> tuple[bytes, list[File]]:
    """Return the text without the files in it, and the files."""
    if b"begin " not in raw:
        return raw, []
    files: list[File] = []
    kept: list[bytes] = []
    position = 0
    for start, end, file in _blocks(raw):
        kept.append(raw[position:start])
        position = end
        files.append(file)
    return (b"".join([*kept, raw[position:]]), files) if files else (raw, [])


def _blocks(raw: bytes) -> Iterator[tuple[int, int, File]]:
    position, count = 0, 0
    spent: set[re.Pattern[bytes]] = set()  # ends that do not come again
    while count < _FILES and (begin := _BEGIN.search(raw, position)) is not None:
        position = begin.end()
        mark = _UU_END if begin[1] else _Y_END
        end = None if mark in spent else mark.search(raw, position)
        if end is None:
            spent.add(mark)
            continue
        body = raw[begin.end() : end.start()]
        octets = _uu(body) if begin[1] else _yenc(body)
        if octets is None:
            continue
        name = begin[2] if begin[1] else (_Y_NAME.search(begin[3]) or begin)[1] or b""
        position = end.end()
        while raw[position : position + 1] in {b"\r", b"\n"} and position - end.end() < 2:
            position += 1
        count += 1
        yield begin.start(), position, File(decode_bytes(name.strip(b' "'))[0], octets)


def _uu(body: bytes) -> bytes | None:
    """Decode the lines of a block; None if one of them is no line of it."""
    out = []
    for line in body.splitlines():
        bare = line.rstrip(b"\r\n")
        if not bare.strip():
            continue
        # The first letter says how many octets the line holds, so how long it has to be.
        count = (bare[0] - 32) & 63
        if not 32 <= bare[0] <= 96 or len(bare) > count * 4 // 3 + 8:
            return None
        piece = uu_line(bare)
        if piece is None:
            return None
        out.append(piece)
    return b"".join(out)


def _yenc(body: bytes) -> bytes:
    lines = [line for line in _UNWANTED.split(body) if not line.startswith(b"=ypart ")]
    # An escaped octet is moved by 64 before the move of all.
    joined = _Y_ESCAPED.sub(lambda match: bytes([(match[1][0] - 64) % 256]), b"".join(lines))
    return joined.translate(_Y_SHIFT)
