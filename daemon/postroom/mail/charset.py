"""Bytes of a mail to text, whatever the mail says about them.

Promise: never raises; the text has no NUL, no lone surrogate and only `\\n` as line end.
Labels mean what the WHATWG encoding standard says (a superset where mail programs use one).
"""

from __future__ import annotations

import binascii
import codecs
import re
from functools import lru_cache

# Labels whose senders mean a larger set, and labels that Python does not know.
_SUPERSETS = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "big5": "big5hkscs",
    "iso2022_jp": "iso2022_jp_ext",
}
_LABELS = {
    "ansi": "cp1252",
    "x-ansi": "cp1252",
    "iso-8859-8-i": "iso8859-8",
    "iso-8859-8-e": "iso8859-8",
    "x-gbk": "gb18030",
    "x-sjis": "cp932",
    "ms_kanji": "cp932",
    "ks_c_5601-1987": "cp949",
    "x-mac-cyrillic": "mac_cyrillic",
    "x-mac-roman": "mac_roman",
    "x-user-defined": "cp1252",
    "x-unknown": "",
    "unknown-8bit": "",
    "8bit": "",
    "default": "",
    "_iso-2022-jp$esc": "iso2022_jp_ext",
}
# Python's registry also holds codecs that are not charsets (unicode_escape mangles paths, pain 69).
_NOT_CHARSETS = frozenset(
    {"unicode_escape", "raw_unicode_escape", "unicode-escape", "raw-unicode-escape", "idna"}
    | {"punycode", "undefined", "mbcs", "oem", "palmos"}
)
_C1 = {
    code: chr(code) if code in {0x81, 0x8D, 0x8F, 0x90, 0x9D} else bytes([code]).decode("cp1252")
    for code in range(0x80, 0xA0)
}
MOST_PADDINGS = 100  # that end a piece of base64 within one body; later ones are passed over
NOT_BASE64 = bytes(
    code
    for code in range(256)
    if not (chr(code).isascii() and chr(code).isalnum()) and code not in b"+/="
)
_ENCODED_WORD = re.compile(r"=\?([^?*\s]{1,60}+)(?:\*[^?\s]{0,40})?\?([bBqQ])\?([^?]*+)\?=")
_BETWEEN_WORDS = re.compile(r"[ \t\r\n]*")
_Q_ESCAPE = re.compile(rb"=([0-9A-Fa-f]{2})")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


@lru_cache(maxsize=256)
def codec_of(label: str) -> str | None:
    """Name Python's codec for a charset label, or None when the label means nothing."""
    label = label.strip(" \t\r\n\"'").lower()
    if not label or len(label) > 60 or "\0" in label:
        return None
    wanted = _LABELS.get(label, label)
    try:
        name = codecs.lookup(wanted).name
        if name in _NOT_CHARSETS:
            return None
        b"a".decode(name)  # LookupError for zlib, rot13 and other codecs that make no text
    except UnicodeError:
        pass
    except (LookupError, ValueError):
        return None
    return _SUPERSETS.get(name, name)


def decode_bytes(raw: bytes, label: str = "", *, is_cut: bool = False) -> tuple[str, str]:
    """Decode a text by its declared charset, or else by what the bytes look like.

    Returns the text and the codec used. `is_cut` says that the end of the bytes was cut off, so
    that half a character there is no sign of a wrong label.
    """
    codec = codec_of(label)
    # A missing or ASCII label says nothing about bytes above 127: UTF-8 is then the better guess.
    order = [codec] if codec and label.lower() not in {"us-ascii", "ascii"} else []
    for guess in (*order, "utf-8"):
        text = _strictly(raw, guess, is_cut)
        if text is not None:
            return tidy(text.removeprefix("\ufeff")), guess
    text, used = _loosely(raw, order[0] if order else "utf-8")
    return tidy(text), used


def _strictly(raw: bytes, codec: str, is_cut: bool) -> str | None:
    if codec == "cp1252":
        return _cp1252(raw)
    try:
        return codecs.getincrementaldecoder(codec)("strict").decode(raw, final=not is_cut)
    except (UnicodeError, LookupError, ValueError):
        return None


def _loosely(raw: bytes, codec: str) -> tuple[str, str]:
    """Keep the declared charset if only a few bytes of the text break it, else take cp1252."""
    try:
        text = raw.decode(codec, "replace")
    except (UnicodeError, LookupError, ValueError):
        return _cp1252(raw), "cp1252"
    foreign = len(text) - len(text.encode("ascii", "ignore"))
    if text.count("\ufffd") * 4 <= foreign:
        return text, codec
    return _cp1252(raw), "cp1252"


def _cp1252(raw: bytes) -> str:
    # WHATWG's windows-1252 gives the five bytes that Python's cp1252 refuses as C1 controls.
    return raw.decode("latin-1").translate(_C1)


def tidy(text: str) -> str:
    """Remove NULs and lone surrogates, and end every line with a newline."""
    if "\r" in text:
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


def decode_header(raw: bytes, fallback: str = "") -> str:
    """Decode the octets of a header value to one line; encoded words are left as they are.

    Raw 8-bit octets (RFC 6532, or older programs) are UTF-8, else the charset of the body.
    """
    text = raw.decode("ascii") if raw.isascii() else decode_bytes(raw, fallback)[0]
    text = text.replace("\r", "").replace("\n", "").replace("\t", " ")
    return _CONTROLS.sub("", text).strip(" ")


def decode_words(text: str) -> str:
    """Decode the encoded words of RFC 2047 in an unfolded header value."""
    if "=?" not in text:
        return text
    out: list[str] = []
    run: list[bytes] = []
    charset, position = "", 0
    for match in _ENCODED_WORD.finditer(text):
        between = text[position : match.start()]
        is_adjacent = bool(run) and _BETWEEN_WORDS.fullmatch(between) is not None
        # A character may be split between two words: join the octets before decoding.
        if run and not (is_adjacent and match[1].lower() == charset):
            out.append(decode_bytes(b"".join(run), charset)[0])
            run = []
        if not is_adjacent:
            out.append(between)
        charset, position = match[1].lower(), match.end()
        run.append(_word_octets(match[2], match[3]))
    if run:
        out.append(decode_bytes(b"".join(run), charset)[0])
    out.append(text[position:])
    return _CONTROLS.sub("", "".join(out).replace("\n", " "))


def _word_octets(encoding: str, payload: str) -> bytes:
    octets = payload.encode("utf-8", "replace")
    if encoding in "bB":
        return decode_base64(octets)
    octets = octets.replace(b"_", b" ")
    return _Q_ESCAPE.sub(lambda match: bytes([int(match[1], 16)]), octets)


def decode_base64(raw: bytes) -> bytes:
    """Decode base64, passing over whatever does not belong there."""
    octets = raw.translate(None, NOT_BASE64)
    *segments, last = re.split(b"=+", octets, maxsplit=MOST_PADDINGS)
    return b"".join(map(decode_quads, [*segments, last.replace(b"=", b"")]))


def decode_quads(octets: bytes) -> bytes:
    """Decode base64 that has nothing else in it; its end may be incomplete."""
    if len(octets) % 4 == 1:
        octets = octets[:-1]
    return binascii.a2b_base64(octets + b"=" * (-len(octets) % 4))


def base64_size(raw: bytes, start: int, end: int) -> int:
    """Count the octets `decode_base64` would give for `raw[start:end]`, without making them."""
    padding = raw.find(b"=", start, end)
    padding = end if padding < 0 else padding
    if raw[padding:end].translate(None, NOT_BASE64 + b"="):
        return len(decode_base64(raw[start:end]))  # more follows after padding: count exactly
    step = 1 << 20
    digits = sum(
        len(raw[each : min(each + step, padding)].translate(None, NOT_BASE64))
        for each in range(start, padding, step)
    )
    return digits * 3 // 4


def decode_transfer(raw: bytes, encoding: str) -> bytes:
    """Undo a Content-Transfer-Encoding; an unknown one is taken as none."""
    match encoding:
        case "base64":
            return decode_base64(raw)
        case "quoted-printable":
            return binascii.a2b_qp(raw)
        case "x-uuencode" | "uuencode" | "x-uue" | "uue":
            return _decode_uu(raw)
        case _:
            return raw


def _decode_uu(raw: bytes) -> bytes:
    out = []
    for line in raw.splitlines():
        if line.startswith((b"begin ", b"end")) or not line.strip():
            continue
        try:
            out.append(binascii.a2b_uu(line))
        except binascii.Error:
            # Some encoders pad the line too far: cut it to what its length byte promises.
            wanted = (((line[0] - 32) & 63) * 4 + 5) // 3
            try:
                out.append(binascii.a2b_uu(line[:wanted]))
            except binascii.Error:
                continue
    return b"".join(out)
