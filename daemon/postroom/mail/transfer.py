"""Content-Transfer-Encodings, as RFC 2045 §6 defines them and as they come broken.

Promise: any octets decode to something, in linear time; what is not of the encoding stays as text
where it can be told from it.
"""

from __future__ import annotations

import binascii
import re

_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
MOST_PADDINGS = 100  # that end a piece of base64 within one body; later ones are passed over
NOT_BASE64 = bytes(octet for octet in range(256) if octet not in _BASE64 + b"=")
_BLANKS = b" \t\r\n\v\f\0"
_NEITHER = bytes(octet for octet in range(256) if octet not in _BASE64 + b"=" + _BLANKS)
_WORDS = re.compile(rb"[^\s=]++[ \t]++[^\s=]")  # base64 has no spaces inside of a line
_LOOK = 4_096  # octets that tell whether this is base64 at all
# Soft line breaks as gateways leave them: blanks behind the mark, or half of the line end lost.
_ODD_BREAK = re.compile(rb"=(?:[ \t]++\r*+(?:\n|\Z)|[ \t]*+\r++(?!\n)|[ \t]*+\r{2,}+\n)")
_NAMES = {
    "base64": "base64",
    "xbase64": "base64",
    "b": "base64",
    "quotedprintable": "quoted-printable",
    "quotedprintible": "quoted-printable",
    "quotedprint": "quoted-printable",
    "qp": "quoted-printable",
    "q": "quoted-printable",
    "xuuencode": "uuencode",
    "uuencode": "uuencode",
    "xuue": "uuencode",
    "uue": "uuencode",
    "7bit": "7bit",
    "7bits": "7bit",
    "8bit": "8bit",
    "8bits": "8bit",
    "binary": "binary",
}
_NOT_LETTERS = re.compile(r"[^a-z0-9]+")
PLAIN = frozenset({"", "7bit", "8bit", "binary"})


def encoding_of(value: str) -> str:
    """Return the standard's name for what a Content-Transfer-Encoding header says, else ""."""
    value = value.partition("(")[0].partition(";")[0].lower()
    return _NAMES.get(_NOT_LETTERS.sub("", value), "")


def decode_transfer(raw: bytes, encoding: str) -> bytes:
    """Undo a Content-Transfer-Encoding; an unknown one is taken as none."""
    match encoding:
        case "base64":
            return decode_base64(raw)
        case "quoted-printable":
            return decode_quoted_printable(raw)
        case "uuencode":
            return decode_uu(raw)
        case _:
            return raw


def decode_quoted_printable(raw: bytes) -> bytes:
    """Decode quoted-printable; an escape that is none stays as it is."""
    if _ODD_BREAK.search(raw) is not None:
        raw = _ODD_BREAK.sub(b"=\n", raw)
    return binascii.a2b_qp(raw)


def is_regular(raw: bytes, start: int, end: int, encoding: str) -> bool:
    """Say whether `raw[start:end]` is what it claims to be, so that it decodes in pieces."""
    match encoding:
        case "base64":
            return not _is_plain(raw[start : min(start + _LOOK, end)]) and (
                _end_of_code(raw, start, end) == end
            )
        case "quoted-printable":
            return _ODD_BREAK.search(raw, start, end) is None
        case _:
            return True


def decode_base64(raw: bytes) -> bytes:
    """Decode base64, passing over whatever does not belong there.

    A text that only claims to be base64 is given back. Several encoded pieces, each with its
    padding, are decoded one after the other; a footer that was added below is left as text.
    """
    if _is_plain(raw[:_LOOK]):
        return raw
    end = _end_of_code(raw, 0, len(raw))
    octets = raw[:end].translate(None, NOT_BASE64)
    *segments, last = re.split(b"=+", octets, maxsplit=MOST_PADDINGS)
    return b"".join(map(decode_quads, [*segments, last.replace(b"=", b"")])) + raw[end:]


def _is_plain(start: bytes) -> bool:
    """Say whether what begins so is text that only claims to be base64."""
    start = start.lstrip()
    line = start.partition(b"\n")[0]
    foreign = len(start) - len(start.translate(None, _NEITHER)) + start.count(b" ")
    return foreign > len(start) // 16 and (_WORDS.search(line) is not None or b"<" in line)


def _end_of_code(raw: bytes, start: int, end: int) -> int:
    """Find where the words begin that a list's or a scanner's program added below encoded text."""
    padding = raw.find(b"=", start, end)
    if padding < 0:
        return end
    while padding < end and raw[padding] == 61:
        padding += 1
    return end if _WORDS.search(raw[padding : min(padding + _LOOK, end)]) is None else padding


def decode_quads(octets: bytes) -> bytes:
    """Decode base64 that has nothing else in it; its end may be incomplete."""
    if len(octets) % 4 == 1:
        octets = octets[:-1]
    return binascii.a2b_base64(octets + b"=" * (-len(octets) % 4))


def base64_size(raw: bytes, start: int, end: int) -> int:
    """Count the octets `decode_base64` would give for `raw[start:end]`, without making them."""
    padding = raw.find(b"=", start, end)
    padding = end if padding < 0 else padding
    step = 1 << 20
    digits = 0
    for each in range(start, padding, step):
        piece = raw[each : min(each + step, padding)]
        found = len(piece.translate(None, NOT_BASE64))
        if found + piece.count(b"\n") + piece.count(b"\r") != len(piece):
            return len(decode_base64(raw[start:end]))
        digits += found
    if raw[padding:end].translate(None, b"=\r\n"):
        return len(decode_base64(raw[start:end]))  # more follows after padding: count exactly
    return digits * 3 // 4


def decode_uu(raw: bytes) -> bytes:
    """Decode the lines of a uuencoded file, with or without its first and last line."""
    out = []
    for line in raw.splitlines():
        if line.startswith((b"begin ", b"end")) or not line.strip():
            continue
        out.append(uu_line(line) or b"")
    return b"".join(out)


def uu_line(line: bytes) -> bytes | None:
    """Decode one uuencoded line; None if it is none."""
    try:
        return binascii.a2b_uu(line)
    except binascii.Error:
        # Some encoders pad the line too far: cut it to what its length byte promises.
        wanted = (((line[0] - 32) & 63) * 4 + 5) // 3
        try:
            return binascii.a2b_uu(line[:wanted])
        except binascii.Error:
            return None
