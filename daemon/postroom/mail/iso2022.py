"""ISO-2022-JP as Windows writes it, and EUC-JP with the same additions.

Python's codecs know the standard's characters only. Mail programs on Windows (and telephones) also
write circled numbers, Roman numerals and company signs (row 13), IBM's kanji and half-width kana,
under the same label. All of them are in cp932, and a row and a column of JIS are two octets of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from operator import itemgetter

# Of several in a row the last counts; shift out and in: half-width kana of seven bits.
_ESCAPE = re.compile(rb"(?:\x1b(\$[@B]|\$\([@BD]|\([BJI]|\.A|\$A|\$\(C)|[\x0e\x0f]){1,200}")
_KANJI = frozenset({b"$@", b"$B", b"$(@", b"$(B"})
# Two octets of one line; a line that ends without the escape back to ASCII is one all the same.
_PAIRS = re.compile(rb"(?>(?:\r?\n){1,200})|[^\n](?!\r?\n)[^\n]|.", re.DOTALL)
_EUC_RUN = re.compile(
    rb"\x8e[\xa1-\xdf]|\x8f[\xa1-\xfe]{2}|[\xa1-\xfe]{2}|[\x00-\x7f]++|.", re.DOTALL
)
_HIGH = bytes(octet | 0x80 for octet in range(256))
_KANA = bytes(octet | 0x80 if 0x21 <= octet <= 0x5F else octet for octet in range(256))
_OCTET = itemgetter(0)
_LINE_ENDS = (b"\r\n", b"\n\n")


def decode_iso2022_jp_ms(raw: bytes) -> str:
    """Decode ISO-2022-JP with the additions of Windows; what is none becomes U+FFFD."""
    out: list[str] = []
    mode, position = b"(B", 0
    for match in _ESCAPE.finditer(raw):
        if match.start() > position:
            out.append(_piece(raw[position : match.start()], mode))
        position = match.end()
        match raw[position - 1]:
            case 0x0E:
                mode = b"(I"
            case 0x0F:
                mode = b"(B"
            case _:
                mode = match[1]
    out.append(_piece(raw[position:], mode))
    return "".join(out)


def _piece(raw: bytes, mode: bytes) -> str:
    if mode in _KANJI:
        return _looked_up(_PAIR_TEXT, _PAIRS.finditer(raw))
    if mode == b"(I":
        return raw.translate(_KANA).decode("cp932", "replace")
    if mode == b"$(D":
        return _looked_up(_MORE_TEXT, _PAIRS.finditer(raw))
    # Half-width kana are also seen as the eight bits of Shift_JIS.
    return raw.decode("cp932", "replace")


def _looked_up(table: dict[bytes, str], found: Iterable[re.Match[bytes]]) -> str:
    return "".join(map(table.__getitem__, map(_OCTET, found)))


class _Pairs(dict[bytes, str]):
    """The characters of JIS X 0208 by their octets, each worked out once."""

    def __missing__(self, octets: bytes) -> str:
        if len(octets) != 2 or octets in _LINE_ENDS:
            return octets.decode("ascii", "replace")
        return self.setdefault(octets, _jis(*octets))


class _More(dict[bytes, str]):
    """The same of JIS X 0212."""

    def __missing__(self, octets: bytes) -> str:
        if len(octets) != 2 or octets in _LINE_ENDS:
            return octets.decode("ascii", "replace")
        wide = b"\x8f" + octets.translate(_HIGH)
        return self.setdefault(octets, wide.decode("euc_jp", "replace"))


class _Euc(dict[bytes, str]):
    """What the tokens of EUC-JP stand for; the short ones are kept."""

    def __missing__(self, octets: bytes) -> str:
        if octets.isascii():
            text = octets.decode("ascii")
            return self.setdefault(octets, text) if len(octets) == 1 else text
        if octets[0] in {0x8E, 0x8F}:
            text = octets.decode("euc_jp", "replace")
        else:
            text = _jis(*octets) if len(octets) == 2 else "\ufffd"
        return self.setdefault(octets, text)


_PAIR_TEXT, _MORE_TEXT, _EUC_TEXT = _Pairs(), _More(), _Euc()


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
    return _looked_up(_EUC_TEXT, _EUC_RUN.finditer(raw))
