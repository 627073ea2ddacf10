"""Cutting a part out of a raw mail by its place, in pieces as small as wanted."""

from __future__ import annotations

from postroom.mail.cutting import decode_pieces
from postroom.mail.message import Place


def cut_out(raw: bytes, place: Place, step: int) -> bytes:
    end = place.offset + place.length
    pieces = [raw[start : min(start + step, end)] for start in range(place.offset, end, step)]
    return b"".join(decode_pieces(pieces, place.encoding))
