"""Writing one mail: a letter, fully resolved, becomes bytes.

Promise: the same letter always gives the same bytes; lines end with CRLF and are never longer than
998 octets; no value can add a header or a line of its own. Pure: Message-ID and Date are given.
Used by: work.sender.

Written by hand over the codecs of the standard library: `EmailMessage` needs 1 ms for an automatic
reply and draws random boundaries, so that a retry would not be the same mail. The tests read
everything back with the standard library's parser.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime

from postroom.mail.entities import Entity, attachment_part, multipart, picture_part, text_part
from postroom.mail.folding import LINE, MAX_NAME, encoded_words, folded, is_plain, one_line
from postroom.mail.message import Address

MAX_SUBJECT = 1_000
MAX_ADDRESS = 320  # RFC 5321 4.5.3.1: 64 + 1 + 255
MAX_ID = 900  # one line of its own; longer ones are left out
MAX_REFERENCES = 21  # the first, which names the thread, and the newest

ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-\x80-\U0010ffff]"  # RFC 6532 3.2
DOT_ATOM = re.compile(rf"{ATOM}+(?:\.{ATOM}+)*")
PHRASE = re.compile(rf"{ATOM}+(?: {ATOM}+)*")
HEADER_NAME = re.compile(r"[A-Za-z0-9\-]{1,70}")
MESSAGE_ID = re.compile(r"[!-;=?-~]+")
BASE64 = re.compile(r"[A-Za-z0-9+/]{1,960}={0,2}")  # that fits a header line
NOT_DOMAIN = re.compile(r"[^A-Za-z0-9._\-:\[\]]")


@dataclass(frozen=True, slots=True)
class Letter:
    """All that a mail will say. Ids without `<>`; `references` from old to new."""

    from_: Address
    to: tuple[Address, ...]
    subject: str
    text: str
    message_id: str
    date: datetime
    html: str | None = None
    cc: tuple[Address, ...] = ()
    reply_to: tuple[Address, ...] = ()
    in_reply_to: str | None = None
    references: tuple[str, ...] = ()
    thread_index: str = ""  # Outlook's, base64
    auto_submitted: str = ""  # or "auto-replied", "auto-generated" (RFC 3834)
    headers: tuple[tuple[str, str], ...] = ()  # further ones
    attachments: tuple[tuple[str, str, bytes], ...] = ()  # name, type, bytes
    # What the HTML shows by "cid:": Content-ID, name, type, bytes. Without HTML they are files.
    pictures: tuple[tuple[str, str, str, bytes], ...] = ()


def compose(letter: Letter) -> bytes:
    """Write a letter as RFC 5322 with CRLF line ends."""
    content = _content(letter)
    lines = (*_headers(letter), "MIME-Version: 1.0", *content.headers)
    return "\r\n".join(lines).encode(errors="replace") + b"\r\n\r\n" + content.body


def _content(letter: Letter) -> Entity:
    """Nest as Outlook, Gmail and Apple Mail do: mixed > alternative > (plain, related), files."""
    content = text_part(letter.text, "plain")
    files = [attachment_part(*one) for one in letter.attachments]
    if letter.html is None:
        files[:0] = [attachment_part(*one[1:]) for one in letter.pictures]
    else:
        parts = (content, _shown(letter, letter.html))
        content = multipart("alternative", parts, letter.message_id)
    if files:
        content = multipart("mixed", (content, *files), letter.message_id)
    return content


def _shown(letter: Letter, markup: str) -> Entity:
    """Return the HTML, with its pictures if there are any."""
    content = text_part(markup, "html")
    if not letter.pictures:
        return content
    pictures = [picture_part(*one) for one in letter.pictures]
    # RFC 2387 3.1: `type` is that of the root, which is the first part.
    return multipart("related", (content, *pictures), letter.message_id, root="text/html")


def _headers(letter: Letter) -> Iterator[str]:
    yield from _address_header("From", (letter.from_,))
    yield from _address_header("To", letter.to)
    yield from _address_header("Cc", letter.cc)
    yield from _address_header("Reply-To", letter.reply_to)
    yield _text_header("Subject", one_line(letter.subject)[:MAX_SUBJECT])
    yield f"Date: {format_datetime(letter.date)}"
    yield from _id_header("Message-ID", (letter.message_id,))
    if letter.in_reply_to is not None:
        yield from _id_header("In-Reply-To", (letter.in_reply_to,))
    yield from _id_header("References", letter.references)
    if BASE64.fullmatch(letter.thread_index):  # one word: it cannot be folded
        yield f"Thread-Index: {letter.thread_index}"
    if letter.auto_submitted:
        yield _text_header("Auto-Submitted", one_line(letter.auto_submitted))
    for name, value in letter.headers:
        if HEADER_NAME.fullmatch(name):
            yield _text_header(name, one_line(value))


# ---- header values


def _text_header(name: str, text: str) -> str:
    head = f"{name}: "
    if len(head) + len(text) <= LINE and is_plain(text):
        return head + text
    words = re.findall(r" *[^ ]+", text)
    if is_plain(text) and all(len(word) < LINE - len(head) for word in words):
        return folded(head, words)
    return folded(head, encoded_words(text, len(head)))


def _address_header(name: str, addresses: tuple[Address, ...]) -> Iterator[str]:
    if not addresses:
        return
    head = f"{name}: "
    words: list[str] = []
    for number, address in enumerate(addresses):
        own = _address_words(address, len(head))
        if number:
            words[-1] += ","
            own[0] = f" {own[0]}"
        words += own
    yield folded(head, words)


def _address_words(address: Address, used: int) -> list[str]:
    name = one_line(address.name)[:MAX_NAME]
    spec = addr_spec(address.address)
    if not name:
        return [spec]
    if len(name) > LINE - 20 or not is_plain(name):
        words = encoded_words(name, used + 1)
    elif PHRASE.fullmatch(name):
        words = [name]
    else:
        words = [_quoted(name)]
    return [*words, f" <{spec}>"]


def addr_spec(address: str) -> str:
    """Write an address so that it stays one: quoted where needed, its domain in ASCII."""
    local, at, domain = one_line(address)[:MAX_ADDRESS].rpartition("@")
    if not at:
        local, domain = domain, ""
    if local.startswith('"') and local.endswith('"') and len(local) > 1:
        local = re.sub(r"\\(.)", r"\1", local[1:-1])
    if not DOT_ATOM.fullmatch(local):
        local = _quoted(local)
    domain = _idna(domain) or domain.encode("ascii", "ignore").decode("ascii")
    return f"{local}@{NOT_DOMAIN.sub('', domain)}" if domain else local


def is_address(address: str) -> bool:
    """Whether mail can be sent there: `addr_spec` would change the spelling at most."""
    local, _, domain = address.rpartition("@")
    # U+FFFD stands where there was something that could not be kept (store.schema.PlainText).
    is_whole = one_line(address) == address and len(address) <= MAX_ADDRESS
    is_whole = is_whole and "\ufffd" not in address
    written = _idna(domain)
    return is_whole and bool(local and written) and not NOT_DOMAIN.search(written)


def _idna(domain: str) -> str:
    if domain.isascii():
        return domain
    try:
        return domain.encode("idna").decode("ascii")
    except UnicodeError:
        return ""


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", r"\\").replace('"', r"\"") + '"'


def _id_header(name: str, ids: tuple[str, ...]) -> Iterator[str]:
    fit = [item for item in ids if len(item) <= MAX_ID and MESSAGE_ID.fullmatch(item)]
    if len(fit) > MAX_REFERENCES:
        fit = [fit[0], *fit[1 - MAX_REFERENCES :]]
    if not fit:
        return
    words = [f"<{fit[0]}>", *(f" <{item}>" for item in fit[1:])]
    # An id cannot be split, and some readers fail to unfold it: the first stays in this line.
    yield folded(f"{name}:", [f" {words[0]}", *words[1:]])
