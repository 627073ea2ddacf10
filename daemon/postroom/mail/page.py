"""One mail as one page of HTML: nothing else is needed to show it, and nothing is loaded.

Promise: any bytes give a page of bounded size. What the sender wrote is sanitised, his pictures are
data: URIs in their places, and the page forbids whatever is left to act (Content-Security-Policy).
Used by: cli (`mail html`).
"""

from __future__ import annotations

import base64
import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from postroom.mail.cutting import decode_pieces
from postroom.mail.fresh import find_extents
from postroom.mail.message import Address, Attachment, ParsedMail
from postroom.mail.namesakes import Author, author_of
from postroom.mail.parse import read_mail, read_part
from postroom.mail.sanitize import sanitize_html

_PICTURES = 25 * 10**6  # octets of all pictures that are shown, each as often as it is
_LOOKS = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp"})
_MOST_ROWS = 200  # addresses of a header, attachments
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src {}; base-uri 'none'; form-action 'none'"
)
_STYLE = """
body { margin: 1.5em auto; max-width: 60em; padding: 0 1em; color: #222;
  font: 15px/1.45 sans-serif }
table.head th { text-align: left; vertical-align: top; padding-right: 1em; color: #777 }
table.head td, pre { overflow-wrap: anywhere }
.mail { border-top: 1px solid #bbb; border-bottom: 1px solid #bbb; margin: 1em 0; padding: 1em 0;
  overflow: auto; contain: content }
.mail img { max-width: 100%; height: auto }
pre { white-space: pre-wrap; font: inherit; margin: 0 }
pre.signature, summary, .aside { color: #777 }
.postroom-note { color: #a40000; background: #fff3c4 }
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A mail to be shown; `part` is an attached mail or text of it, or "" for the mail itself."""

    raw: bytes
    part: str = ""
    allows_remote: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """`blocked` counts what would have been loaded from elsewhere, `pictures` those shown."""

    html: str
    blocked: int = 0
    pictures: int = 0


def make_page(wanted: Wanted) -> Page | None:
    """Return the page of a mail; None if there is no such part, or it can only be saved."""
    raw = _part_of(wanted)
    if raw is None:
        return None
    mail = read_mail(raw)
    pictures = _Pictures(raw, mail)
    blocked = 0
    if mail.html is not None and mail.html.strip():
        shown = sanitize_html(mail.html, pictures.source, allows_remote=wanted.allows_remote)
        body, blocked = shown.html, shown.blocked
    else:
        author = author_of(mail.from_, mail.header("From"))
        body = "\n".join(_text(mail.text, author))
    return Page("\n".join(_lines(mail, body, blocked, wanted)), blocked, pictures.shown)


def _part_of(wanted: Wanted) -> bytes | None:
    """Return what is to be shown as a mail of its own."""
    if not wanted.part:
        return wanted.raw
    try:
        kind, name, octets = read_part(wanted.raw, wanted.part)
    except KeyError:
        return None
    if kind == "message/rfc822":
        return octets
    if kind in {"text/html", "application/xhtml+xml", "text/plain"}:
        subject = base64.b64encode(name.encode(errors="replace")).decode("ascii")
        return f"Subject: =?utf-8?b?{subject}?=\nContent-Type: {kind}\n\n".encode() + octets
    return None


class _Pictures:
    """The pictures of a mail, as data: URIs by their Content-ID, while there is room for them."""

    def __init__(self, raw: bytes, mail: ParsedMail) -> None:
        self.raw = raw
        self.known = {one.content_id: one for one in mail.attachments if one.content_id}
        self.left = _PICTURES
        self.shown = 0

    def source(self, content_id: str) -> str | None:
        found = self.known.get(unquote(content_id.strip()))
        # What it looks like is what a browser takes it for: what its sender says does not count.
        if found is None or found.looks_like not in _LOOKS or found.size > self.left:
            return None
        self.left -= found.size
        self.shown += 1
        octets = base64.b64encode(self._octets(found)).decode("ascii")
        return f"data:{found.looks_like};base64,{octets}"

    def _octets(self, file: Attachment) -> bytes:
        if (place := file.place) is None:
            return read_part(self.raw, file.part)[2]
        body = self.raw[place.offset : place.offset + place.length]
        return b"".join(decode_pieces([body], place.encoding))


def _lines(mail: ParsedMail, body: str, blocked: int, wanted: Wanted) -> Iterator[str]:
    sources = "data: https: http:" if wanted.allows_remote else "data:"
    yield "<!DOCTYPE html>"
    yield '<html><head><meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{_POLICY.format(sources)}">'
    yield '<meta name="referrer" content="no-referrer">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{_escaped(mail.subject)}</title>"
    yield f"<style>{_STYLE}</style></head><body>"
    yield from _head(mail)
    if blocked:
        yield f'<p class="postroom-note">{blocked} references to elsewhere are not shown.</p>'
    yield f'<div class="mail">{body}</div>'
    yield from _files(mail.attachments)
    yield "</body></html>"


def _head(mail: ParsedMail) -> Iterator[str]:
    rows = [
        ("Subject", mail.subject),
        ("From", _shown((mail.from_,) if mail.from_ is not None else ())),
        ("Reply-To", _shown(mail.reply_to)),
        ("To", _shown(mail.to)),
        ("Cc", _shown(mail.cc)),
        ("Date", mail.header("Date")),
        ("Message-ID", mail.message_id or ""),
        ("Odd", "; ".join(mail.defects)),
    ]
    yield '<table class="head">'
    for label, value in rows:
        if value:
            yield f"<tr><th>{label}</th><td><bdi>{_escaped(value)}</bdi></td></tr>"
    yield "</table>"


def _shown(addresses: Sequence[Address]) -> str:
    named = (
        f"{one.name} <{one.address}>" if one.name else one.address for one in addresses[:_MOST_ROWS]
    )
    more = len(addresses) - _MOST_ROWS
    return ", ".join(named) + (f" and {more} more" if more > 0 else "")


def _text(text: str, author: Author) -> Iterator[str]:
    """Yield a plain text: what is new, signatures in grey, quotes folded."""
    lines, extents = text.split("\n"), find_extents(text, author=author)
    kinds = [""] * len(lines)
    for kind, parts in (("own", extents.own), ("signature", extents.signatures)):
        for part in parts:
            kinds[part] = [kind] * len(kinds[part])
    start = 0
    for end in range(1, len(lines) + 1):
        if end == len(lines) or kinds[end] != kinds[start]:
            yield from _passage(lines[start:end], kinds[start])
            start = end


def _passage(lines: Sequence[str], kind: str) -> Iterator[str]:
    said = _escaped("\n".join(lines))
    if kind or not said.strip():
        yield f'<pre dir="auto" class="{kind}">{said}</pre>'
        return
    count = sum(bool(line.strip()) for line in lines)
    yield f"<details><summary>quoted: {count} lines</summary>"
    yield f'<pre dir="auto">{said}</pre></details>'


def _files(files: Sequence[Attachment]) -> Iterator[str]:
    if not files:
        return
    yield '<p class="aside">Attachments</p><ul>'
    for one in files[:_MOST_ROWS]:
        about = _escaped(f"part {one.part}, {one.type}, {one.size} octets")
        yield f'<li><bdi>{_escaped(one.name)}</bdi> <span class="aside">{about}</span></li>'
    if len(files) > _MOST_ROWS:
        yield f"<li>and {len(files) - _MOST_ROWS} more</li>"
    yield "</ul>"


def _escaped(text: str) -> str:
    return html.escape(text)
