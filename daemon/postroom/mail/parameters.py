"""Structured headers of MIME: a type or disposition, and parameters (RFC 2045, 2183, 2231).

Promise: any value gives a type and some parameters; what is sent instead of the standard is read
as its sender meant it. Linear in the value.
"""

from __future__ import annotations

import re

from postroom.mail.charset import decode_bytes
from postroom.mail.words import decode_words

# A quote ends its value where something can follow, or where no other quote comes before the next
# parameter: names with bare quotes inside are real, and so is "=" written as in quoted-printable.
_PARAMETER = re.compile(
    r"""(?:^|[;\s])\s*+([^\s=;:"'/]++)\s*+=\s*+(?>(?:3D|=)(?=")|)"""
    r"""(?:"([^"\\]*+(?>(?:(?:\\.|"(?=[^;"]*+")(?!\s*+(?:[;,]|$|[\w*-]++\s*+=)))[^"\\]*+)*))"?|([^;]*+))""",
    re.DOTALL,
)
_EXTENDED = re.compile(r"([^*]+)(?:\*(\d{1,3}))?(\*)?$")
_TYPE = re.compile(r"\s*+[\"']?([a-z0-9!#$&^_.+-]{1,100}+)\s*+/\s*+([a-z0-9!#$&^_.+*-]{1,100}+)")
_WORD = re.compile(r"\s*+[\"']?([A-Za-z0-9_.+/-]++)[\"']?(?=;|$|\s)(?!\s*+=)")
_BLANKS = re.compile(r"\s{2,}+")
_COMMENT = re.compile(r"\A\s*+\([^()]*+\)")  # before the type: allowed, and seen
_PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})")
_ESCAPED = re.compile(r"\\([\"\\])")
_UNSTARRED = re.compile(
    r"((?:utf-?8|iso-8859-\d+|windows-\d+|us-ascii)'[a-z-]{0,20}'.+)", re.IGNORECASE
)
_NEXT = re.compile(r"\s+[\w*-]{2,40}\s*=")  # a parameter whose semicolon was forgotten
# What can only have been meant.
_MEANT = {"text/*": "text/plain", "plain/text": "text/plain", "html/text": "text/html"}
_FILE_NAMES = frozenset({"name", "filename"})
_PARAMETERS = 100  # of one header


def read_type(value: str, default: str) -> tuple[str, dict[str, str]]:
    """Read a Content-Type; one that cannot be understood is the default, as RFC 2045 §5.2 wants."""
    if not value:
        return default, {}
    value = _COMMENT.sub("", value)
    match = _TYPE.match(value.lower())
    if match is not None:
        kind = _MEANT.get(match[0].strip(" \"'"), f"{match[1]}/{match[2]}")
        return kind, read_parameters(value[match.end() :])
    word = _WORD.match(value.lower())
    if word is not None and word[1] == "multipart":
        return "multipart/mixed", read_parameters(value[word.end() :])
    return "text/plain", read_parameters(value)


def read_disposition(value: str) -> tuple[str, dict[str, str]]:
    """Read a Content-Disposition; "" if it names none."""
    word = _WORD.match(value)
    rest = value[word.end() :] if word is not None else value
    return (word[1].lower() if word is not None else ""), read_parameters(rest)


def read_parameters(value: str) -> dict[str, str]:
    """Read parameters: RFC 2045, 2231 and what is sent instead. Of two the first counts."""
    value = _BLANKS.sub(" ", value)  # or looking for the next one costs the square of them
    plain: dict[str, str] = {}
    pieces: dict[str, dict[int, tuple[str, bool]]] = {}
    for key, text in _pairs(value):
        form = _EXTENDED.match(key)
        if form is None or "*" not in key:
            plain.setdefault(key, text)
            continue
        pieces.setdefault(form[1], {}).setdefault(int(form[2] or 0), (text, form[3] is not None))
    found = {key: _decode(key, text) for key, text in plain.items()}
    for key, parts in pieces.items():
        if (text := decode_words(_join(parts))) or key not in found:
            found[key] = text
    return found


def _pairs(value: str) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    position = 0
    while len(pairs) < _PARAMETERS and (match := _PARAMETER.search(value, position)) is not None:
        position = match.end()
        key = match[1].lower()
        if match[2] is not None:
            pairs.append((key, _ESCAPED.sub(r"\1", match[2])))
            continue
        text = match[3]
        # Only names of files have spaces without quotes around them.
        if (following := _NEXT.search(text)) is not None and "=?" not in text[: following.end()]:
            position = match.start(3) + following.start()
            text = text[: following.start()]
        if key == "boundary":
            text = text.partition(" (")[0]  # it may have blanks, too
        elif not key.startswith(("name", "filename")):
            text = text.strip().split(" ", 1)[0]
        text = text.strip().strip('"').strip()
        is_quoted = len(text) > 1 and text[0] == text[-1] == "'"
        pairs.append((key, text[1:-1] if is_quoted else text))
    return pairs


def _decode(key: str, text: str) -> str:
    if key == "boundary":
        return text
    if key in _FILE_NAMES and _UNSTARRED.fullmatch(text):
        return _join({0: (text, True)})
    # RFC 2047 forbids encoded words here, and most programs write them.
    return decode_words(text)


def _join(parts: dict[int, tuple[str, bool]]) -> str:
    """Put RFC 2231 continuations together; octets are joined before the charset is applied."""
    charset, octets = "", b""
    for place in sorted(parts):
        text, is_encoded = parts[place]
        if is_encoded and place == min(parts) and text.count("'") >= 2:
            charset, _, text = text.split("'", 2)
        piece = text.encode("utf-8", "replace")
        if is_encoded:
            piece = _PERCENT.sub(lambda match: bytes([int(match[1], 16)]), piece)
        octets += piece
    return decode_bytes(octets, charset or "utf-8")[0]
