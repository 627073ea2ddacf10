"""Header values as text: unfolding, raw 8-bit octets, and the encoded words of RFC 2047.

Promise: one line of text for any octets, in time linear in them; no control characters.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from postroom.mail.charset import decode_bytes, is_utf8
from postroom.mail.labels import codec_of
from postroom.mail.transfer import decode_base64

# RFC 2047 §2, and what is sent instead: spaces, and question marks that are not encoded. Their
# number is bounded, so that words without an end cost no more than a look at each.
ENCODED_WORD = re.compile(r"=\?([^?\s]{0,60}+)\?([bBqQ])\?([^?]*+(?>(?:\?(?!=)[^?]*+){0,8}))\?=")
_BETWEEN_WORDS = re.compile(r"[ \t\r\n]*")
_Q_ESCAPE = re.compile(rb"=[ \t]*+([0-9A-Fa-f]{2})")
_SOFT_BREAK = re.compile(rb"=[ \t]++(?==[0-9A-Fa-f]{2})")  # of a body, folded inside of a word
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_BREAKS = re.compile(r"[\r\n]+")


def decode_header(raw: bytes, fallback: str = "") -> str:
    """Decode the octets of a header value to one line; encoded words are left as they are.

    Raw 8-bit octets (RFC 6532, or older programs) are UTF-8, else the charset of the body.
    """
    if raw.isascii():
        text = raw.decode("ascii") if b"\x1b" not in raw else decode_bytes(raw, fallback)[0]
    else:
        text = raw.decode() if is_utf8(raw) else decode_bytes(raw, fallback)[0]
    text = text.replace("\r", "").replace("\n", "").replace("\t", " ")
    return _CONTROLS.sub("", text).strip(" ")


@dataclass(slots=True)
class _Run:
    """Encoded words of one charset with nothing but white space between them."""

    charset: str = ""
    octets: list[bytes] = field(default_factory=list)
    base64: list[str] = field(default_factory=list)  # their payloads, while all are base64

    def add(self, encoding: str, payload: str) -> None:
        self.octets.append(_word_octets(encoding, payload))
        self.base64.append(payload if encoding in "bB" else "")

    def text(self) -> str:
        """A character may be split between two words, so the octets are joined first."""
        octets = b"".join(self.octets)
        if len(self.octets) > 1 and all(self.base64) and not _is_clean(octets, self.charset):
            # Some programs cut the base64 itself in two, at any place.
            joined = decode_base64("".join(self.base64).encode("utf-8", "replace"))
            if _is_clean(joined, self.charset):
                octets = joined
        return decode_bytes(octets, self.charset)[0]


def _is_clean(octets: bytes, charset: str) -> bool:
    try:
        octets.decode(codec_of(charset) or "utf-8")
    except (UnicodeError, LookupError, ValueError):
        return False
    return True


def decode_words(text: str) -> str:
    """Decode the encoded words of RFC 2047 in an unfolded header value."""
    if "=?" not in text:
        return text
    out: list[str] = []
    run, position = _Run(), 0
    for match in ENCODED_WORD.finditer(text):
        between = text[position : match.start()]
        is_adjacent = bool(run.octets) and _BETWEEN_WORDS.fullmatch(between) is not None
        charset = match[1].partition("*")[0].lower()  # RFC 2231 §5: a language may follow
        if run.octets and not (is_adjacent and charset == run.charset):
            out.append(run.text())
            run = _Run()
        if not is_adjacent:
            out.append(between)
        run.charset, position = charset, match.end()
        run.add(match[2], match[3])
    if run.octets:
        out.append(run.text())
    out.append(text[position:])
    return _CONTROLS.sub("", _BREAKS.sub(" ", "".join(out)))


def _word_octets(encoding: str, payload: str) -> bytes:
    octets = payload.encode("utf-8", "replace")
    if encoding in "bB":
        # Folding, and programs that wrap base64 at its own width, put blanks inside of a word.
        return decode_base64(b"".join(octets.split()))
    octets = _SOFT_BREAK.sub(b"", octets).replace(b"_", b" ")
    return _Q_ESCAPE.sub(lambda match: bytes([int(match[1], 16)]), octets)
