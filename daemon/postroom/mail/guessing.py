"""What charset octets look like that nobody declared.

Promise: a codec or None, in time linear in a bounded sample.
Used by: mail.charset (where a label is missing or wrong), mail.parse (for raw octets in headers).

Mozilla's detector is made for pages; of a name or a subject it knows too little and names charsets
that nobody writes in. So its word counts for such only where the octets themselves say nothing.
"""

from __future__ import annotations

import re
from itertools import pairwise

import cchardet

from postroom.mail.labels import codec_of

_SAMPLE = 65_536
_LIKELY = 0.3  # of the detector's own confidence; below, Western text is likelier
_SHORT = 40  # octets beyond ASCII: less is a name or a subject
_FEW = 8
_FEWEST = 4
_RUN = re.compile(rb"[\x80-\xff]+")
_LOW = bytes(range(0x80))
_ASCII_LETTERS = bytes([*range(65, 91), *range(97, 123)])
# Letters of Western languages, and signs beside them: Turkish, Czech or Polish has others as well.
_WESTERN_LETTERS = bytes(
    octet for octet in range(0xC0, 0x100) if octet not in b"\xd0\xd7\xdd\xde\xf0\xf7\xfd\xfe"
)
_WESTERN = (
    _WESTERN_LETTERS
    + b"\x80\x84\x85\x91\x92\x93\x94\x96\x97\xa0\xa1\xa3\xa7\xa9\xab\xae\xb0\xb4\xbb\xbf"
)
# Signs in Western text, which stand in no word; letters in Polish, Czech, Slovak and Romanian.
_CENTRAL = re.compile(
    rb"[A-Za-z\xc0-\xff][\xa1\xa3\xa6\xaa\xaf\xb1\xb3\xb6\xb9\xba\xbc\xbf][A-Za-z\xc0-\xff]|[\xa3\xaa][a-z]"
)
_KOI8_LETTERS = bytes([*range(0xC0, 0x100), *b"\xa3\xa4\xa6\xa7\xad\xb3\xb4\xb6\xb7\xbd"])
_UKRAINIAN = re.compile(rb"[\xa4\xa6\xa7\xad][\xc0-\xff]|[\xc0-\xff][\xa4\xa6\xa7\xad]")
_WINDOWS = re.compile(
    rb"[\x8c\x8f\x9c\x9f\xa5\xb9]"
)  # letters of cp1250 that ISO 8859-2 has elsewhere
_PLAUSIBLE = frozenset(
    {"utf-8", "cp1252", "iso8859-2", "cp1250", "cp1251", "koi8-r", "koi8-u", "iso8859-5", "cp866"}
    | {"cp1253", "iso8859-7", "cp1254", "cp1255", "iso8859-8", "cp1256", "iso8859-6", "cp1257"}
    | {
        "iso8859-13",
        "cp874",
        "cp932",
        "euc_jp",
        "iso2022_jp_ext",
        "gb18030",
        "hz",
        "big5hkscs",
    }
    | {"cp949", "iso2022_kr", "mac_cyrillic", "utf-16", "utf-16-le", "utf-16-be"}
)
_EAST = frozenset({"cp949", "gb18030", "cp932", "euc_jp"})
_FOREIGN = frozenset(
    {"cp1251", "koi8-r", "koi8-u", "cp1253", "iso8859-7", "cp1255", "iso8859-8"}
    | {"cp1256", "cp874", "gb18030", "big5hkscs", "cp949", "euc_jp"}
)
_OTHER_SCRIPTS = frozenset({"cp1251", "koi8-r", "koi8-u", "cp1255", "cp1256", "cp1253"})
# Characters of most words: level 1 of GB 2312 and Big5, the syllables of KS X 1001; signs of each.
_HANGUL = re.compile(rb"(?:[\xb0-\xc8][\xa1-\xfe]|\xa1[\xa1-\xfe])+")
_HANZI = re.compile(rb"(?:[\xb0-\xd7][\xa1-\xfe]|[\xa1\xa3][\xa1-\xfe])+")
_BIG5 = re.compile(rb"(?:[\xa4-\xc6][\x40-\x7e\xa1-\xfe]|\xa1[\x40-\x7e\xa1-\xfe])+")
# A vowel or tone above or below stands upon a consonant.
_THAI = re.compile(
    rb"(?:[\xa1-\xce][\xd1\xd4-\xda\xe7-\xee]{0,3}|[\xcf\xd0\xd2\xd3\xdf-\xe6\xef-\xfb])+"
)
# Kana, and kanji of level 1, of Shift_JIS.
_SJIS = re.compile(
    rb"[\x82\x83][\x40-\x7e\x80-\xf1]|[\x88-\x98][\x40-\x7e\x80-\xfc]|\x81[\x40-\x9f]"
)
_GREEK_CAPITALS = bytes(range(0xC1, 0xDA))
_THAI_MARKS = b"\xd1\xd4\xd5\xd6\xd7\xd8\xd9\xe7\xe8\xe9\xec"


def guess_charset(raw: bytes) -> str | None:
    """Name the codec that octets beyond ASCII are most likely written in."""
    sample = raw[:_SAMPLE]
    high = sample.translate(None, _LOW)
    guess = _of_few(sample, high) if 0 < len(high) < _SHORT else _ask(sample)
    return "koi8-u" if guess == "koi8-r" and _UKRAINIAN.search(sample) is not None else guess


def guess_foreign(raw: bytes) -> str | None:
    """Name the charset of a text that only calls itself Western: it has long words of accents."""
    sample = raw[:_SAMPLE]
    high = sample.translate(None, _LOW)
    if len(high) < _SHORT or len(set(high)) < _FEW:
        return None
    if sum(len(run) for run in _RUN.findall(sample) if len(run) >= 3) * 5 < len(high) * 4:
        return None
    if sum(other == one + 1 for one, other in pairwise(high)) * 4 > len(high):
        return None  # a table of characters
    guess = guess_charset(raw)
    return guess if guess in _FOREIGN else None


def _ask(sample: bytes) -> str | None:
    found = cchardet.detect(sample)
    if not found["encoding"] or (found["confidence"] or 0) < _LIKELY:
        return None
    return codec_of(found["encoding"])


def _of_few(sample: bytes, high: bytes) -> str | None:
    runs = _RUN.findall(sample)
    is_western = _is_western(sample, high, runs)
    if is_western and len(high) < _FEW:
        return "cp1252"
    guess = _ask(sample)
    is_accents = max(map(len, runs)) == 1 and _ascii_letters(sample) >= len(high)
    if guess in _OTHER_SCRIPTS and (is_accents or not _is_cyrillic(guess, high)):
        guess = None
    if guess not in _OTHER_SCRIPTS and _is_central(sample, high):
        is_windows = guess == "cp1250" or _WINDOWS.search(sample) is not None
        return "cp1250" if is_windows else "iso8859-2"
    if guess == "iso8859-6":
        return "cp1256"  # the standard's own is hardly ever sent
    is_plausible = guess in _PLAUSIBLE or (guess == "iso8859-16" and len(high) >= _FEW)
    plausible = guess if is_plausible else "cp1252" if is_western else None
    is_greek = guess == "iso8859-7" and not high.translate(None, _GREEK_CAPITALS)
    is_known = is_western or is_greek or guess in _EAST or guess in _OTHER_SCRIPTS
    if is_known or len(high) < _FEWEST:
        return plausible
    return _by_pairs(sample, high, runs) or plausible


def _is_cyrillic(guess: str | None, high: bytes) -> bool:
    """Say whether KOI8 has letters there, if that is the guess; it has many signs, too."""
    return guess != "koi8-r" or not high.translate(None, _KOI8_LETTERS)


def _is_central(sample: bytes, high: bytes) -> bool:
    return _CENTRAL.search(sample) is not None and _ascii_letters(sample) * 2 > len(high)


def _by_pairs(sample: bytes, high: bytes, runs: list[bytes]) -> str | None:
    """Name the charset of the Far East whose common characters these are, or Thai."""
    if all(_HANGUL.fullmatch(run) for run in runs):
        return "cp949"
    if _is_thai(high, runs):
        return "cp874"
    if all(_HANZI.fullmatch(run) for run in runs):
        return "gb18030"
    if _is_all(_SJIS, sample, high):
        return "cp932"
    return "big5hkscs" if _is_all(_BIG5, sample, high) else None


def _is_western(sample: bytes, high: bytes, runs: list[bytes]) -> bool:
    """Say whether single letters with accents stand among the letters of ASCII."""
    if high.translate(None, _WESTERN) or _CENTRAL.search(sample) is not None:
        return False
    is_single = sum(len(run) == 1 for run in runs) * 4 >= len(runs) * 3
    return is_single and _ascii_letters(sample) >= 2 * len(high)


def _is_thai(high: bytes, runs: list[bytes]) -> bool:
    marks = len(high) - len(high.translate(None, _THAI_MARKS))
    return marks * 8 >= len(high) >= 8 and all(_THAI.fullmatch(run) for run in runs)


def _is_all(characters: re.Pattern[bytes], sample: bytes, high: bytes) -> bool:
    """Say whether such characters take up all octets beyond ASCII, and hardly a word is left."""
    found = b"".join(characters.findall(sample))
    letters = _ascii_letters(sample) - _ascii_letters(found)
    return len(found.translate(None, _LOW)) == len(high) and letters * 2 <= len(found)


def _ascii_letters(sample: bytes) -> int:
    return len(sample) - len(sample.translate(None, _ASCII_LETTERS))
