"""Signed and encrypted mail: what can be read through, and what can only be kept.

Promise: a signature hides no word; nothing is checked here, so nothing is said about its worth.
S/MIME is RFC 8551, PGP/MIME RFC 3156; the octets of CMS are walked by hand, in one pass.
"""

from __future__ import annotations

from collections.abc import Iterator

from postroom.mail.message import Limits
from postroom.mail.parameters import read_disposition
from postroom.mail.structure import Structure, cut
from postroom.mail.transfer import decode_transfer

_PKCS7 = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
_SIGNED_DATA = b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"  # 1.2.840.113549.1.7.2
_DATA = b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01"
_ENVELOPED = (
    b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03",
    b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x17",
)
_SEQUENCE, _OID, _OCTETS, _OCTETS_MADE, _EXPLICIT = 0x30, 6, 4, 0x24, 0xA0
_DEEPEST = 8
_PIECES = 100_000
ENCRYPTED_SMIME = "This mail is encrypted (S/MIME). It is attached as it came."
ENCRYPTED_PGP = "This mail is encrypted (PGP). It is attached as it came."


def is_pkcs7(kind: str, name: str) -> bool:
    """Say whether a part holds S/MIME, by its type, or by its name if the type says nothing."""
    return kind in _PKCS7 or (kind == "application/octet-stream" and name.lower().endswith(".p7m"))


def open_signed(structure: Structure, limits: Limits) -> Structure:
    """Return the structure of the mail inside an opaque signature, or the one given.

    Its offsets lie in the octets that were signed, which are nowhere in the raw mail.
    """
    root = structure.root
    _, parameters = read_disposition(root.text("content-disposition"))
    if root.children or not is_pkcs7(root.type, parameters.get("filename", "")):
        return structure
    content = signed_content(decode_transfer(structure.slice(root), root.encoding))
    if content is None:
        return structure
    inside = cut(content, limits)
    inside.is_verbatim = False
    inside.defects = [*structure.defects, *inside.defects, "signed (S/MIME), not verified"]
    return inside


def is_enveloped(octets: bytes) -> bool:
    """Say whether S/MIME is encrypted, not only signed or compressed."""
    return any(kind in octets[:40] for kind in _ENVELOPED)


def signed_content(octets: bytes) -> bytes | None:
    """Take the mail out of an opaque signature; None if this is none (encrypted, or broken)."""
    try:
        return _content(octets)
    except (IndexError, ValueError):
        return None


def _content(octets: bytes) -> bytes | None:
    info = _inside(octets, 0, _SEQUENCE)
    kind, start, end = _element(octets, info)
    if kind != _OID or octets[start:end] != _SIGNED_DATA:
        return None
    signed = _inside(octets, _inside(octets, end, _EXPLICIT), _SEQUENCE)
    _, _, position = _element(octets, signed)  # the version
    position = _after(octets, position)  # the digest algorithms
    encapsulated = _inside(octets, position, _SEQUENCE)
    kind, start, end = _element(octets, encapsulated)
    if kind != _OID or octets[start:end] != _DATA:
        return None
    return b"".join(_strings(octets, _inside(octets, end, _EXPLICIT)))


def _strings(octets: bytes, position: int) -> Iterator[bytes]:
    """Yield the pieces of an octet string, which may be made of several, and those of others."""
    open_ends: list[int] = []
    for _ in range(_PIECES):
        kind, start, end = _element(octets, position)
        if kind == _OCTETS:
            yield octets[start:end]
            position = end
        elif kind == _OCTETS_MADE and len(open_ends) < _DEEPEST:
            open_ends.append(end)
            position = start
        elif kind == 0 and open_ends:  # the end of an indefinite length
            open_ends.pop()
            position = end
        else:
            raise ValueError("no octet string")
        while open_ends and open_ends[-1] >= 0 and position >= open_ends[-1]:
            open_ends.pop()
        if not open_ends:
            return


def _element(octets: bytes, position: int) -> tuple[int, int, int]:
    """Read a tag and length: tag, and where the content begins and ends (-1: indefinite)."""
    kind, first = octets[position], octets[position + 1]
    start = position + 2
    if first == 0x80:
        return kind, start, -1
    length = first
    if first & 0x80:
        count = first & 0x7F
        if count > 8:
            raise ValueError("length of more than 8 octets")
        length = int.from_bytes(octets[start : start + count], "big")
        start += count
    if start + length > len(octets):
        raise ValueError("cut off")
    return kind, start, start + length


def _inside(octets: bytes, position: int, wanted: int) -> int:
    kind, start, _ = _element(octets, position)
    if kind != wanted:
        raise ValueError("not what was expected")
    return start


def _after(octets: bytes, position: int) -> int:
    """Pass over one element, which may be of indefinite length."""
    depth = 0
    for _ in range(_PIECES):
        kind, start, end = _element(octets, position)
        if end < 0:
            depth, position = depth + 1, start
        else:
            position = end
            if kind == 0 and start == end:
                depth -= 1
        if depth <= 0:
            return position
    raise ValueError("no end")
