"""CNS 11643, Taiwan's own charset, in mail's two forms: EUC-TW and ISO-2022-CN (RFC 1922).

Promise: any octets give a text; what is none of the two planes of old, or of GB 2312, is U+FFFD, or
an error if that is wanted.
Used by: mail.oldsets.

Both planes hold the characters of Big5 nearly in its order, so that some ranges say all.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from operator import itemgetter

# Of each range: the place of its first character in the plane, the same in Big5, and its length.
_PLANE_1 = (
    "0:0:5 6:6:8 15:15:6 21:23:2 24:22:1 29:29:44 73:74:1 74:73:1 75:75:22 98:98:1 100:100:27 "
    "127:128:1 128:127:1 129:129:19 148:149:1 149:148:1 150:150:4 155:21:1 156:158:2 160:160:1 "
    "162:162:1 165:165:69 282:234:29 312:264:1 314:266:142 470:6101:20 3290:471:1412 "
    "4702:1884:424 5126:1883:1 5127:2308:1876 7003:4571:1 7004:4184:387 7391:4572:525 "
    "7916:5286:1 7917:5097:105 8023:5203:83 8106:5287:84 8190:5517:1 8191:5371:54 8245:5426:1 "
    "8246:5425:1 8247:5427:90 8337:5518:354 "
)
_PLANE_2 = (
    "0:6280:10 10:6291:33 43:6372:1 44:6324:48 92:6373:46 138:6586:1 139:6419:167 306:6587:1840 "
    "2146:9074:1 2147:8428:108 2255:8537:537 2792:8427:1 2793:9075:100 2893:8536:1 "
    "2894:9175:399 3293:9575:1637 4930:11761:1 4931:11212:146 5077:11899:1 5078:11358:287 "
    "5365:12508:1 5366:11645:116 5482:11762:137 5619:11900:104 5723:12425:1 5724:12004:222 "
    "5946:12227:198 6144:12426:82 6226:12509:86 6312:12226:1 6313:12595:8 6321:12604:153 "
    "6474:12758:56 6530:13114:1 6531:12814:113 6644:12603:1 6645:12927:142 6787:12757:1 "
    "6788:13069:45 6833:13115:71 6904:13380:1 6905:13186:194 7099:13381:490 7589:13914:1 "
    "7590:13871:43 7633:13915:1 7634:13917:11 7645:13916:1 7646:13928:4 "
)


_RANGES = {1: _PLANE_1, 2: _PLANE_2}
_EUC = re.compile(
    rb"\x8e[\xa1\xa2][\xa1-\xfe]{2}|[\xa1-\xfe]{2}|[\x00-\x7f]++|[\x80-\x8d\x8f-\xa0\xff]++|.",
    re.DOTALL,
)
# Designations, shifts out and in (of several in a row the last counts), and a shift for one
# character. Where nothing is designated, the end of a line changes nothing.
_SHIFTS = rb"(?:\x1b\$[)*+]([A-Z])){1,200}|[\x0e\x0f]*([\x0e\x0f])|\x1b[NO](..)"
_PLAIN = re.compile(_SHIFTS, re.DOTALL)
_SHIFTED = re.compile(_SHIFTS + rb"|\n*(\n)", re.DOTALL)
_HIGH = bytes(octet | 0x80 if octet > 0x20 else octet for octet in range(256))
_MOST = 4 << 20  # octets of one text
_ODD = "\ufffd"


@cache
def _plane(number: int) -> dict[bytes, str]:
    """Return the characters of a plane by their octets, by way of their places in Big5."""
    found: dict[bytes, str] = {}
    for each in _RANGES[number].split():
        first, big5, length = map(int, each.split(":"))
        for step in range(length):
            row, column = divmod(first + step, 94)
            lead, trail = divmod(big5 + step, 157)
            octets = bytes([lead + 0xA1, trail + (0x40 if trail < 63 else 0x62)])
            found[bytes([row + 0xA1, column + 0xA1])] = octets.decode("big5", "replace")
    return found


class _Tokens(dict[bytes, str]):
    """What the tokens of EUC-TW stand for; the short ones are kept."""

    def __missing__(self, octets: bytes) -> str:
        if octets.isascii():
            text = octets.decode("ascii")
        elif len(octets) == 2 and octets[0] > 0xA0:
            text = _characters(1, octets)
        elif len(octets) == 4 and octets[0] == 0x8E:
            return self.setdefault(octets, _characters(octets[1] - 0xA0, octets[2:]))
        else:
            text = _ODD
        return self.setdefault(octets, text) if len(octets) <= 2 else text


_TOKENS = _Tokens()


def decode_euc_tw(raw: bytes) -> str:
    """Decode EUC-TW."""
    return "".join(map(_TOKENS.__getitem__, map(itemgetter(0), _EUC.finditer(raw[:_MOST]))))


def decode_iso2022_cn(raw: bytes) -> str:
    """Decode ISO-2022-CN; what was designated counts to the end of the line."""
    out: list[str] = []
    designated, is_out, position = b"", False, 0
    raw = raw[:_MOST]
    while (
        shift := (_SHIFTED if designated or is_out else _PLAIN).search(raw, position)
    ) is not None:
        if shift.start() > position:
            out.append(_piece(raw[position : shift.start()], designated if is_out else b""))
        position = shift.end()
        if shift[1]:
            # H is the plane that single shifts are for
            designated = designated if shift[1] == b"H" else shift[1]
        elif shift[2]:
            is_out = shift[2] == b"\x0e"
        elif shift[3]:
            out.append(_second(shift[3]))
        else:
            out.append(shift[0].decode())
            designated, is_out = b"", False
    out.append(_piece(raw[position:], designated if is_out else b""))
    return "".join(out)


@lru_cache(maxsize=10_000)
def _second(raw: bytes) -> str:
    """Return a character of the second plane, or what stands there instead."""
    return _characters(2, raw.translate(_HIGH))


def _piece(raw: bytes, designated: bytes) -> str:
    if not designated:
        return raw.decode("ascii", "replace")
    return _short(raw, designated) if len(raw) <= 2 else _shifted(raw, designated)


def _shifted(raw: bytes, designated: bytes) -> str:
    raw = raw.translate(_HIGH)
    return _characters(1, raw) if designated == b"G" else raw.decode("gb2312", "replace")


_short = lru_cache(maxsize=20_000)(_shifted)


def _characters(plane: int, raw: bytes) -> str:
    known = _plane(plane)
    return "".join(known.get(raw[at : at + 2], _ODD) for at in range(0, len(raw), 2))
