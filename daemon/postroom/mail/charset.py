"""Bytes of a mail to text, whatever the mail says about them.

Promise: never raises; the text has no NUL, no lone surrogate and only `\\n` as line end.
"""

from __future__ import annotations

import codecs
import re

from postroom.mail.guessing import guess_charset, guess_foreign
from postroom.mail.iso2022 import decode_euc_jp_ms, decode_iso2022_jp_ms
from postroom.mail.labels import WITH_C1, codec_of

_LINE_END = re.compile(r"\r++\n")
_C1 = {
    code: chr(code) if code in {0x81, 0x8D, 0x8F, 0x90, 0x9D} else bytes([code]).decode("cp1252")
    for code in range(0x80, 0xA0)
}
_C1_OCTETS = bytes(range(0x80, 0xA0))
_ASCII_LABELS = frozenset({"us-ascii", "ascii", "usascii", "us_ascii"})
# Charsets in which nearly any octets mean something, so that nothing else shows a wrong label.
_ANYTHING = frozenset({"cp1252", "cp1250", "cp1254", "cp1257", "cp850", "cp437", "mac_roman"})
_ASCII_BELOW = _ANYTHING | {"utf-8", "koi8-r", "cp1251", "gb18030", "cp949", "big5hkscs", *WITH_C1}
_JAPANESE = {"iso2022_jp_ext": decode_iso2022_jp_ms, "euc_jp": decode_euc_jp_ms}
# Of so many characters beyond ASCII one may be broken, and the declared charset is still meant.
_FOREIGN = 4
_FOREIGN_UTF8 = 2  # by chance, octets of other charsets hardly ever are whole characters of it


def decode_bytes(raw: bytes, label: str = "", *, is_cut: bool = False) -> tuple[str, str]:
    """Decode a text by its declared charset, or else by what the bytes look like.

    Returns the text and the codec used. `is_cut` says that the end of the bytes was cut off, so
    that half a character there is no sign of a wrong label.
    """
    codec = codec_of(label)
    if raw.isascii() and (codec is None or codec in _ASCII_BELOW):
        if b"\x1b$" not in raw:
            return tidy(raw.decode("ascii")), codec or "utf-8"
        codec = "iso2022_jp_ext"  # the one charset of seven bits that comes without a label
    # A missing or ASCII label says nothing about bytes above 127.
    elif is_ascii_label(label):
        codec = None
    # UTF-8 is the better guess then, and where any octets have a meaning: by chance none are it.
    order = [
        *(["utf-8"] if codec is None or codec in _ANYTHING else []),
        *([codec] if codec else []),
    ]
    if codec == "cp1252" and (foreign := guess_foreign(raw)) is not None:
        order.insert(1, foreign)
    for guess in order:
        text = _strictly(raw, guess, is_cut)
        if text is not None:
            return tidy(text.removeprefix("\ufeff")), guess
    text, used = _loosely(raw, codec or "utf-8", is_cut=is_cut)
    return tidy(text.removeprefix("\ufeff")), used


def is_ascii_label(label: str) -> bool:
    """Say whether a label names ASCII, and so nothing of octets above 127."""
    return label.strip(" \t\"'").lower() in _ASCII_LABELS


def is_utf8(raw: bytes) -> bool:
    """Say whether octets are UTF-8."""
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def _strictly(raw: bytes, codec: str, is_cut: bool) -> str | None:
    if codec == "cp1252":
        return _cp1252(raw)
    if codec in WITH_C1 and len(raw.translate(None, _C1_OCTETS)) < len(raw):
        return _strictly(raw, WITH_C1[codec], is_cut)
    try:
        return codecs.getincrementaldecoder(codec)("strict").decode(raw, final=not is_cut)
    except (UnicodeError, LookupError, ValueError):
        return None


def _loosely(raw: bytes, codec: str, *, is_cut: bool) -> tuple[str, str]:
    """Keep the declared charset if only a few octets break it, else guess."""
    text = _replacing(raw, codec)
    foreign = len(text) - len(text.encode("ascii", "ignore"))
    most = _FOREIGN_UTF8 if codec == "utf-8" else _FOREIGN
    if text.count("\ufffd") * most <= foreign or (codec == "utf-8" and _ends_inside(raw)):
        return text, codec
    if (guess := guess_charset(raw)) is not None and guess != codec:
        found = _strictly(raw, guess, is_cut)
        if found is not None:
            return found, guess
    return _cp1252(raw), "cp1252"


def _ends_inside(raw: bytes) -> bool:
    """Say whether this is UTF-8 that was cut off inside of a character, behind its second octet."""
    decoder = codecs.getincrementaldecoder("utf-8")("strict")
    try:
        decoder.decode(raw)
    except UnicodeError:
        return False
    return len(decoder.getstate()[0]) > 1


def _replacing(raw: bytes, codec: str) -> str:
    try:
        if (decode := _JAPANESE.get(codec)) is not None:
            return decode(raw)
        return raw.decode(codec, "replace")
    except (UnicodeError, LookupError, ValueError):
        return "\ufffd" * len(raw)


def _cp1252(raw: bytes) -> str:
    # WHATWG's windows-1252 gives the five bytes that Python's cp1252 refuses as C1 controls.
    return raw.decode("latin-1").translate(_C1)


def tidy(text: str) -> str:
    """Remove NULs and lone surrogates, and end every line with a newline."""
    if "\r" in text:
        if "\r\r\n" in text:  # some gateways turn each line end into one more
            text = _LINE_END.sub("\n", text)
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if "\0" in text:
        text = text.replace("\0", "")
    return scrub(text)


def scrub(text: str) -> str:
    """Replace lone surrogates: utf-7 and character references can make them."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text
