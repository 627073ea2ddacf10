"""What a header of a written mail can hold: one line of text, folded and encoded.

Promise: no text adds a header or a line of its own; lines have at most 78 characters where a word
fits in one.
Used by: mail.compose, mail.entities.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable

LINE = 78  # RFC 5322 2.1.1: should; 998 is must
MAX_NAME = 250  # of a person or a file

CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_PRINTABLE = re.compile(r"[ -~]*")


def one_line(text: str) -> str:
    """Make a text fit for a header: without control characters, so that it cannot add a line."""
    text = CONTROL.sub("", text.replace("\t", " "))
    return text.encode(errors="replace").decode().strip()


def is_plain(text: str) -> bool:
    """Say whether a text can stand in a header as it is."""
    # "=?" could be read as an encoded word that we never wrote.
    return _PRINTABLE.fullmatch(text) is not None and "=?" not in text


def folded(head: str, words: Iterable[str]) -> str:
    """Join words, each with the white space before it, in lines of at most 78 characters."""
    lines = [head]
    for word in words:
        if len(lines[-1]) + len(word) > LINE and lines[-1] != head:
            lines.append(word if word.startswith(" ") else f" {word}")
        else:
            lines[-1] += word
    return "\r\n".join(lines)


def encoded_words(text: str, used: int) -> list[str]:
    """Write a text as RFC 2047 encoded words, which split between characters and join again."""
    words: list[str] = []
    # 72 characters a word at most; 12 of them are frame, and 4 stand for each 3 octets.
    room = (LINE - 1 - max(used, 6) - 12) // 4 * 3
    chunk = b""
    for character in text:
        encoded = character.encode(errors="replace")
        if len(chunk) + len(encoded) > room:
            words.append(_encoded_word(chunk))
            chunk, room = b"", 45
        chunk += encoded
    words.append(_encoded_word(chunk))
    return [words[0], *(f" {word}" for word in words[1:])]


def _encoded_word(chunk: bytes) -> str:
    return f"=?utf-8?b?{base64.b64encode(chunk).decode('ascii')}?="
