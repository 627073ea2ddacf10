"""Properties of Outlook's messages (MS-OXPROPS): what they say, whatever container they came in.

Used by: mail.tnef (winmail.dat), mail.outlook (.msg).
"""

from __future__ import annotations

from postroom.mail.charset import decode_bytes
from postroom.mail.embedded import File
from postroom.mail.html import html_to_text
from postroom.mail.rtf import decompress, read_rtf

Properties = dict[int, bytes | str]  # by id; numbers and moments are octets, little-endian

_TEXT, _HTML, _RTF, _CPID = 0x1000, 0x1013, 0x1009, 0x3FDE
_LONG_NAME, _SHORT_NAME, _DISPLAY_NAME = 0x3707, 0x3704, 0x3001
_ATTACHED, _MIME_TYPE, _CONTENT_ID = 0x3701, 0x370E, 0x3712
_LONGEST_NAME = 1_000


def file_of(properties: Properties, title: str = "", octets: bytes = b"") -> File:
    """Return an attached file; `title` and `octets` are what stands beside its properties."""
    get = properties.get
    name = get(_LONG_NAME) or get(_SHORT_NAME) or title or get(_DISPLAY_NAME) or ""
    attached = get(_ATTACHED)
    return File(
        str(name)[:_LONGEST_NAME],
        attached if isinstance(attached, bytes) else octets,
        str(get(_MIME_TYPE) or "").lower()[:100],
        str(get(_CONTENT_ID) or "")[:250],
    )


def words_of(properties: Properties, body: str = "") -> tuple[str, str | None]:
    """Return the text, and the HTML if there is some."""
    markup = _markup(properties)
    text = properties.get(_TEXT) or body
    if not text and isinstance(source := properties.get(_RTF), bytes):
        words, is_html = read_rtf(decompress(source))
        if is_html:
            markup = markup or words
        else:
            text = words.strip("\n")
    if not text and markup:
        text = html_to_text(markup)
    return str(text).strip("\0"), markup


def _markup(properties: Properties) -> str | None:
    source = properties.get(_HTML)
    if isinstance(source, str):
        return source
    if source is None:
        return None
    cpid = properties.get(_CPID)
    number = int.from_bytes(cpid[:4], "little") if isinstance(cpid, bytes) else 0
    return decode_bytes(source, {65001: "utf-8", 0: ""}.get(number, f"cp{number}"))[0]
