"""Cutting an attachment out of a raw mail by where it lies, without reading the mail again.

Promise: the octets are those of `mail.parse.read_part`, whatever the mail; only some pieces of it
are in memory at a time, however long its lines are.
Used by: mail.attachments (place_of), store.raw (decode_pieces).
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterable, Iterator

from postroom.mail.message import Place
from postroom.mail.structure import Node, Structure
from postroom.mail.transfer import (
    MOST_PADDINGS,
    NOT_BASE64,
    PLAIN,
    decode_quads,
    decode_transfer,
    is_regular,
)

# Whole units of quoted-printable: what is left over goes on in the next piece. As binascii has it,
# "==" is "=", and everything between a soft line break's "=\r" and the next "\n" is dropped.
# So many at a time: each takes some memory while it is looked for.
_QUOTED = re.compile(rb"(?>(?:[^=]++|==|=\n|=\r[^\n]*+\n|=[^=\r\n][^=]|=[^=\r\n](?==)){1,1000})")
_UU_LINE = 200  # octets of a line that count: one says 63 octets at most, in 84 letters


def place_of(structure: Structure, leaf: Node) -> Place | None:
    """Say where the body of a leaf lies.

    None where the offsets are not those of the raw mail, or its encoding is broken so that only
    all of it says what is meant.
    """
    encoding = leaf.encoding
    if not structure.is_verbatim or not is_regular(structure.raw, leaf.body, leaf.end, encoding):
        return None
    return Place("" if encoding in PLAIN else encoding, leaf.body, leaf.end - leaf.body)


def decode_pieces(pieces: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """Undo the transfer encoding of a `Place`, piece by piece."""
    match encoding:
        case "base64":
            return _base64(pieces)
        case "quoted-printable":
            return _quoted(pieces)
        case "uuencode":
            return _uu(pieces)
        case _:
            return iter(pieces)


def _base64(pieces: Iterable[bytes]) -> Iterator[bytes]:
    kept, paddings, is_padding = b"", 0, False
    for piece in pieces:
        octets = piece.translate(None, NOT_BASE64)
        if is_padding:  # a run of "=" goes on
            octets = octets.lstrip(b"=")
        if not octets:
            continue
        if paddings < MOST_PADDINGS:
            *segments, octets = re.split(b"=+", octets, maxsplit=MOST_PADDINGS - paddings)
            for segment in segments:
                yield decode_quads(kept + segment)
                kept = b""
            paddings += len(segments)
            is_padding = not octets
        kept += octets.replace(b"=", b"")
        whole = len(kept) // 4 * 4
        yield binascii.a2b_base64(kept[:whole])
        kept = kept[whole:]
    yield decode_quads(kept)


def _quoted(pieces: Iterable[bytes]) -> Iterator[bytes]:
    kept = b""
    for piece in pieces:
        octets = kept + piece
        end = 0
        while (units := _QUOTED.match(octets, end)) is not None:
            end = units.end()
        yield binascii.a2b_qp(octets[:end])
        kept = b"=\r" if octets.startswith(b"=\r", end) else octets[end:]
    yield binascii.a2b_qp(kept)


def _uu(pieces: Iterable[bytes]) -> Iterator[bytes]:
    kept = b""
    for piece in pieces:
        lines = (kept + piece).splitlines(keepends=True)
        kept = b""
        if lines and not lines[-1].endswith((b"\r", b"\n")):
            kept = lines.pop()[:_UU_LINE]
        yield decode_transfer(b"".join(lines), "uuencode")
    yield decode_transfer(kept, "uuencode")
