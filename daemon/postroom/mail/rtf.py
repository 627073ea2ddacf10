"""Rich text of Outlook (MS-OXRTFCP, MS-OXRTFEX) as text or, where it was made from it, as HTML.

Promise: any octets give some words, in linear time, and no more than what the header announces.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, field

from postroom.mail.charset import decode_bytes

_DICTIONARY = (
    rb"{\rtf1\ansi\mac\deff0\deftab720{\fonttbl;}{\f0\fnil \froman \fswiss \fmodern \fscript"
    rb" \fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\colortbl\red0\green0\blue0"
    b"\r\n"
    rb"\par \pard\plain\f0\fs20\b\i\u\tab\tx"
)
_WINDOW = 4_096
_LARGEST = 2 << 20
_TOKEN = re.compile(
    rb"\\([a-zA-Z]{1,32})(-?\d{1,10})? ?|\\'([0-9a-fA-F]{2})|\\([^a-zA-Z'])|([{}])"
    rb"|([^\\{}\r\n]+)|[\r\n]+|\\"
)
_UNSEEN = frozenset(
    {
        b"fonttbl",
        b"colortbl",
        b"stylesheet",
        b"info",
        b"pict",
        b"object",
        b"listtable",
        b"generator",
    }
    | {b"listoverridetable", b"themedata", b"datastore", b"latentstyles", b"fldinst", b"xmlnstbl"}
    | {b"header", b"footer", b"generator", b"pntext", b"pntxta", b"pntxtb", b"rsidtbl"}
)
_WORDS = {
    b"par": b"\n",
    b"line": b"\n",
    b"sect": b"\n",
    b"page": b"\n",
    b"row": b"\n",
    b"cell": b" ",
    b"tab": b"\t",
}
_SIGNS = {
    b"lquote": "\u2018",
    b"rquote": "\u2019",
    b"ldblquote": "\u201c",
    b"rdblquote": "\u201d",
    b"bullet": "\u2022",
    b"endash": "\u2013",
    b"emdash": "\u2014",
}
_DEEPEST = 1_000


def decompress(octets: bytes) -> bytes:
    """Undo LZFu; b"" if it is not that."""
    if len(octets) < 16:
        return b""
    _, raw_size, magic, _ = struct.unpack_from("<IIII", octets)
    raw_size = min(raw_size, _LARGEST)
    if magic == 0x414C454D:  # "MELA": not compressed
        return octets[16 : 16 + raw_size]
    return _expand(octets, raw_size) if magic == 0x75465A4C else b""


def _expand(octets: bytes, most: int) -> bytes:
    window = bytearray(_DICTIONARY.ljust(_WINDOW, b"\0"))
    place, position = len(_DICTIONARY), 16
    out = bytearray()
    while position < len(octets) and len(out) < most:
        control = octets[position]
        position += 1
        for bit in range(8):
            if position >= len(octets) or len(out) >= most:
                break
            if not control >> bit & 1:
                piece = octets[position : position + 1]
                position += 1
            else:
                if position + 2 > len(octets):
                    return bytes(out)
                word = octets[position] << 8 | octets[position + 1]
                position += 2
                offset, length = word >> 4, (word & 15) + 2
                if offset == place:
                    return bytes(out)
                # It may run into what it writes itself: repeat what is there.
                gap = (place - offset) % _WINDOW
                found = bytes(window[(offset + n) % _WINDOW] for n in range(min(length, gap)))
                piece = (found * (length // len(found) + 1))[:length]
            for octet in piece:
                window[place] = octet
                place = (place + 1) % _WINDOW
            out += piece
    return bytes(out[:most])


@dataclass(slots=True)
class _State:
    """What holds inside of a group."""

    is_unseen: bool = False
    is_markup: bool = False  # inside of \\*\\htmltag
    is_html_rtf: bool = False  # what only readers of RTF should see
    skip: int = 1  # octets that stand for a \\u


@dataclass(slots=True)
class _Reader:
    codec: str = "cp1252"
    is_from_html: bool = False
    state: _State = field(default_factory=_State)
    stack: list[_State] = field(default_factory=list)
    out: list[str] = field(default_factory=list)
    octets: bytearray = field(default_factory=bytearray)
    skipped: int = 0  # octets still to be passed over after a \\u
    is_starred: bool = False

    def flush(self) -> None:
        if self.octets:
            self.out.append(decode_bytes(bytes(self.octets), self.codec)[0])
            self.octets.clear()

    def say(self, octets: bytes) -> None:
        self.is_starred = False
        if self.skipped:
            passed = min(self.skipped, len(octets))
            octets, self.skipped = octets[passed:], self.skipped - passed
        if not (self.state.is_unseen or self.state.is_html_rtf):
            self.octets += octets

    def sign(self, text: str) -> None:
        self.flush()
        if not (self.state.is_unseen or self.state.is_html_rtf):
            self.out.append(text)

    def brace(self, brace: bytes) -> None:
        self.skipped = 0
        if brace == b"{":
            if len(self.stack) < _DEEPEST:
                self.stack.append(self.state)
            state = self.state
            self.state = _State(state.is_unseen, state.is_markup, state.is_html_rtf, state.skip)
        elif self.stack:
            self.state = self.stack.pop()

    def word(self, word: bytes, number: int | None) -> None:
        state, was_starred = self.state, self.is_starred
        self.is_starred = False
        if word == b"htmltag":
            state.is_markup, state.is_unseen = True, False
        elif word in _UNSEEN or was_starred:
            state.is_unseen = True
        elif word == b"fromhtml":
            self.is_from_html = True
        elif word == b"htmlrtf":
            state.is_html_rtf = number != 0
        elif word == b"ansicpg" and number is not None:
            self.codec = f"cp{number}" if number != 65001 else "utf-8"
        elif word == b"uc" and number is not None:
            state.skip = max(0, min(number, 10))
        elif word == b"u" and number is not None:
            self.sign(chr(number % 65_536))
            self.skipped = state.skip
        elif word in _WORDS:
            self.say(_WORDS[word])
        elif word in _SIGNS:
            self.sign(_SIGNS[word])


def read_rtf(source: bytes) -> tuple[str, bool]:
    """Return the words of RTF, and whether they are HTML."""
    reader = _Reader()
    for match in _TOKEN.finditer(source[:_LARGEST]):
        word, number, code, symbol, brace, text = match.groups()
        if word is not None:
            reader.word(word, int(number) if number else None)
        elif text is not None:
            reader.say(text)
        elif code is not None:
            reader.say(bytes([int(code, 16)]))
        elif brace is not None:
            reader.brace(brace)
        elif symbol == b"*":
            reader.is_starred = True
        elif symbol in {b"\\", b"{", b"}"}:
            reader.say(symbol)
        elif symbol == b"~":
            reader.say(b" ")
        elif symbol in {b"\n", b"\r"}:
            reader.say(b"\n")
    reader.flush()
    words = "".join(reader.out).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return words.replace("\0", ""), reader.is_from_html
