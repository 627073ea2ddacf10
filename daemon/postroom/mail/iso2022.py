"""ISO-2022-JP as Windows writes it, and EUC-JP with the same additions.

Python's codecs know the standard's characters only. Mail programs on Windows (and telephones) also
write circled numbers, Roman numerals and company signs (row 13), IBM's kanji and half-width kana,
under the same label. All of them are in cp932, and a row and a column of JIS are two octets of it.
"""

from __future__ import annotations

import re

_ESCAPE = re.compile(rb"\x1b(\$[@B]|\$\([@BD]|\([BJI]|\.A|\$A|\$\(C)|\x0e|\x0f")
_KANJI = frozenset({b"$@", b"$B", b"$(@", b"$(B"})
_EUC_RUN = re.compile(
    rb"\x8e[\xa1-\xdf]|\x8f[\xa1-\xfe]{2}|[\xa1-\xfe]{2}|[\x00-\x7f]+|.", re.DOTALL
)


def decode_iso2022_jp_ms(raw: bytes) -> str:
    """Decode ISO-2022-JP with the additions of Windows; what is none becomes U+FFFD."""
    out: list[str] = []
    mode, position = b"(B", 0
    for match in _ESCAPE.finditer(raw):
        out.append(_piece(raw[position : match.start()], mode))
        position = match.end()
        # Shift out and in: half-width kana of seven bits.
        mode = match[1] or (b"(I" if match[0] == b"\x0e" else b"(B")
    out.append(_piece(raw[position:], mode))
    return "".join(out)


def _piece(raw: bytes, mode: bytes) -> str:
    if mode in _KANJI:
        return "".join(_kanji_line(line) for line in re.split(rb"(\r?\n)", raw))
    if mode == b"(I":
        return bytes(octet | 0x80 if 0x21 <= octet <= 0x5F else octet for octet in raw).decode(
            "cp932", "replace"
        )
    if mode == b"$(D":
        pairs = (raw[at : at + 2] for at in range(0, len(raw), 2))
        return "".join(
            (b"\x8f" + bytes(octet | 0x80 for octet in pair)).decode("euc_jp", "replace")
            for pair in pairs
        )
    # Half-width kana are also seen as the eight bits of Shift_JIS.
    return raw.decode("cp932", "replace")


def _kanji_line(line: bytes) -> str:
    """A line that ends without the escape back to ASCII is one all the same."""
    if line in {b"\n", b"\r\n"}:
        return line.decode("ascii")
    pairs = [_jis(line[at], line[at + 1]) for at in range(0, len(line) - 1, 2)]
    rest = line[len(pairs) * 2 :]
    return "".join(pairs) + rest.decode("ascii", "replace")


def _jis(first: int, second: int) -> str:
    """Decode one character of JIS X 0208, by way of Shift_JIS."""
    first, second = first & 0x7F, second & 0x7F
    if not (0x21 <= first <= 0x7E and 0x21 <= second <= 0x7E):
        return bytes([first, second]).decode("ascii", "replace")
    lead = ((first - 0x21) >> 1) + 0x81
    lead += 0x40 if lead > 0x9F else 0
    # Odd rows lie in the lower half of the trail's range, which leaves out 0x7F.
    trail = second + 0x7E if first % 2 == 0 else second + (0x1F if second < 0x60 else 0x20)
    return bytes([lead, trail]).decode("cp932", "replace") if lead <= 0xFC else "\ufffd"


def decode_euc_jp_ms(raw: bytes) -> str:
    """Decode EUC-JP with the additions of Windows; what is none becomes U+FFFD."""
    return "".join(_euc(match[0]) for match in _EUC_RUN.finditer(raw))


def _euc(octets: bytes) -> str:
    if octets.isascii():
        return octets.decode("ascii")
    if octets[0] in {0x8E, 0x8F}:
        return octets.decode("euc_jp", "replace")
    return _jis(octets[0], octets[1]) if len(octets) == 2 else "\ufffd"
