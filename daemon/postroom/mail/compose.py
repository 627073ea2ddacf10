"""Writing one mail: a letter, fully resolved, becomes bytes.

Promise: the same letter always gives the same bytes; lines end with CRLF and are never longer than
998 octets; no value can add a header or a line of its own. Pure: Message-ID and Date are given.
Used by: work.sender.

Written by hand over the codecs of the standard library: `EmailMessage` needs 1 ms for an automatic
reply and draws random boundaries, so that a retry would not be the same mail. The tests read
everything back with the standard library's parser.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from urllib.parse import quote

from postroom.mail.flowed import flow, is_flowing
from postroom.mail.message import Address

LINE = 78  # RFC 5322 2.1.1: should; 998 is must
LONGEST_LINE = 998
MAX_SUBJECT = 1_000
MAX_NAME = 250
MAX_ADDRESS = 320  # RFC 5321 4.5.3.1: 64 + 1 + 255
MAX_ID = 900  # one line of its own; longer ones are left out
MAX_REFERENCES = 21  # the first, which names the thread, and the newest

ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-\x80-\U0010ffff]"  # RFC 6532 3.2
DOT_ATOM = re.compile(rf"{ATOM}+(?:\.{ATOM}+)*")
PHRASE = re.compile(rf"{ATOM}+(?: {ATOM}+)*")
PRINTABLE = re.compile(r"[ -~]*")
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
HEADER_NAME = re.compile(r"[A-Za-z0-9\-]{1,70}")
MIME_TYPE = re.compile(r"[a-z0-9!#$&^_.+\-]{1,63}/[a-z0-9!#$&^_.+\-]{1,63}")
MESSAGE_ID = re.compile(r"[!-;=?-~]+")
BASE64 = re.compile(r"[A-Za-z0-9+/]{1,960}={0,2}")  # that fits a header line
NOT_DOMAIN = re.compile(r"[^A-Za-z0-9._\-:\[\]]")
LINE_END = re.compile(r"\r\n?")
# What does not survive every relay: white space at a line's end; nor mbox: "From ".
WILD = re.compile(r"[ \t]\n|^From |[\x00-\x08\x0b-\x1f\x7f]", re.MULTILINE)
# A flowed line that loses its last blank is only broken there.
WILD_IF_FLOWED = re.compile(r"\t\n|[\x00-\x08\x0b-\x1f\x7f]")


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


@dataclass(frozen=True, slots=True)
class _Part:
    """One MIME entity: header lines without their last CRLF, and the encoded body."""

    headers: tuple[str, ...]
    body: bytes
    is_8bit: bool = False


def compose(letter: Letter) -> bytes:
    """Write a letter as RFC 5322 with CRLF line ends."""
    content = _content(letter)
    lines = (*_headers(letter), "MIME-Version: 1.0", *content.headers)
    return "\r\n".join(lines).encode(errors="replace") + b"\r\n\r\n" + content.body


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


def one_line(text: str) -> str:
    """Make a text fit for a header: without control characters, so that it cannot add a line."""
    text = CONTROL.sub("", text.replace("\t", " "))
    return text.encode(errors="replace").decode().strip()


def _text_header(name: str, text: str) -> str:
    head = f"{name}: "
    if len(head) + len(text) <= LINE and _is_plain(text):
        return head + text
    words = re.findall(r" *[^ ]+", text)
    if _is_plain(text) and all(len(word) < LINE - len(head) for word in words):
        return _folded(head, words)
    return _folded(head, _encoded_words(text, len(head)))


def _is_plain(text: str) -> bool:
    # "=?" could be read as an encoded word that we never wrote.
    return PRINTABLE.fullmatch(text) is not None and "=?" not in text


def _folded(head: str, words: Iterable[str]) -> str:
    """Join words, each with the white space before it, in lines of at most 78 characters."""
    lines = [head]
    for word in words:
        if len(lines[-1]) + len(word) > LINE and lines[-1] != head:
            lines.append(word if word.startswith(" ") else f" {word}")
        else:
            lines[-1] += word
    return "\r\n".join(lines)


def _encoded_words(text: str, used: int) -> list[str]:
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
    yield _folded(head, words)


def _address_words(address: Address, used: int) -> list[str]:
    name = one_line(address.name)[:MAX_NAME]
    spec = addr_spec(address.address)
    if not name:
        return [spec]
    if len(name) > LINE - 20 or not _is_plain(name):
        words = _encoded_words(name, used + 1)
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
    yield _folded(f"{name}:", [f" {words[0]}", *words[1:]])


# ---- content


def _content(letter: Letter) -> _Part:
    content = _text_part(letter.text, "plain")
    if letter.html is not None:
        parts = (content, _text_part(letter.html, "html"))
        content = _multipart("alternative", parts, letter.message_id)
    if letter.attachments:
        attached = [_attachment(*attachment) for attachment in letter.attachments]
        content = _multipart("mixed", (content, *attached), letter.message_id)
    return content


def _multipart(subtype: str, parts: tuple[_Part, ...], seed: str) -> _Part:
    """Join parts; the boundary comes from the Message-ID, so that it is always the same one."""
    boundary = _boundary(f"{subtype} {seed}", parts)
    body = bytearray()
    for part in parts:
        head = "\r\n".join(part.headers)
        body += f"--{boundary}\r\n{head}\r\n\r\n".encode("ascii") + part.body + b"\r\n"
    body += f"--{boundary}--\r\n".encode("ascii")
    headers: tuple[str, ...] = (f'Content-Type: multipart/{subtype};\r\n boundary="{boundary}"',)
    is_8bit = any(part.is_8bit for part in parts)
    if is_8bit:  # RFC 2045 6.4: what holds 8bit is 8bit
        headers += ("Content-Transfer-Encoding: 8bit",)
    return _Part(headers, bytes(body), is_8bit)


def _boundary(seed: str, parts: tuple[_Part, ...]) -> str:
    # "=_" never stands in quoted-printable or base64, but an attached mail may say anything.
    for attempt in range(1_000_000):
        digest = hashlib.sha256(f"{seed} {attempt}".encode(errors="replace")).hexdigest()
        boundary = f"=_{digest[:32]}"
        if not any(boundary.encode("ascii") in part.body for part in parts):
            return boundary
    raise AssertionError("unreachable: a million digests in one mail")


def _text_part(text: str, subtype: str) -> _Part:
    text = LINE_END.sub("\n", text.replace("\0", ""))
    if not text.endswith("\n"):
        text += "\n"
    is_flowed = subtype == "plain" and is_flowing(text, LINE)
    if is_flowed:
        text = flow(text)
    raw = text.encode(errors="replace").replace(b"\n", b"\r\n")
    encoding, body = _encoded(raw, text, WILD_IF_FLOWED if is_flowed else WILD)
    charset = "us-ascii" if raw.isascii() else "utf-8"
    flowed = "; format=flowed" if is_flowed else ""
    return _Part(
        (
            f'Content-Type: text/{subtype}; charset="{charset}"{flowed}',
            f"Content-Transfer-Encoding: {encoding}",
        ),
        body,
    )


def _encoded(raw: bytes, text: str, wild: re.Pattern[str]) -> tuple[str, bytes]:
    """Choose the plainest encoding that carries a text unharmed."""
    longest = max(map(len, raw.split(b"\r\n")))
    if raw.isascii() and longest <= LINE and not wild.search(text):
        return "7bit", raw
    foreign = len(raw) - len(raw.decode().encode("ascii", "ignore"))
    if foreign * 5 > len(raw):
        return "base64", _base64(raw)
    quoted = binascii.b2a_qp(raw, istext=True)
    return "quoted-printable", quoted


def _base64(raw: bytes) -> bytes:
    return base64.encodebytes(raw).replace(b"\n", b"\r\n")


def _attachment(name: str, mime_type: str, raw: bytes) -> _Part:
    mime_type = mime_type.lower()
    if mime_type == "message/rfc822":
        return _attached_mail(name, raw)
    major = mime_type.partition("/")[0]
    # RFC 2046 5.1.1, 5.2: these may not be base64, so their bytes travel as plain bytes.
    if not MIME_TYPE.fullmatch(mime_type) or major in ("multipart", "message"):
        mime_type = "application/octet-stream"
    name = _short(name)
    parameters = [f"name={_old_name(name)}"] if name else []
    if major == "text" and _is_utf8(raw):
        parameters.append('charset="utf-8"')
    headers = (
        ";\r\n ".join([f"Content-Type: {mime_type}", *parameters]),
        "Content-Transfer-Encoding: base64",
        _disposition(name),
    )
    return _Part(headers, _base64(raw))


def _old_name(name: str) -> str:
    """Write a name for readers that know no RFC 2231 (older Outlooks): as an encoded word.

    RFC 2047 §5 forbids it inside a quoted string; all clients write it so, and all read it.
    """
    if _is_simple(name):
        return f'"{name}"'
    return '"' + "\r\n".join(_encoded_words(name, len(' name="'))) + '"'


def _attached_mail(name: str, raw: bytes) -> _Part:
    """Attach a mail as it is where RFC 2046 5.2.1 allows it (7bit, 8bit), else as plain bytes."""
    lines = raw.replace(b"\r\n", b"\n")
    is_odd = b"\r" in lines or b"\0" in lines or not lines
    if is_odd or max(map(len, lines.split(b"\n"))) > LONGEST_LINE:
        return _attachment(name or "message.eml", "application/octet-stream", raw)
    is_8bit = not lines.isascii()
    headers = (
        "Content-Type: message/rfc822",
        f"Content-Transfer-Encoding: {'8bit' if is_8bit else '7bit'}",
        _disposition(name or "message.eml"),
    )
    return _Part(headers, lines.replace(b"\n", b"\r\n"), is_8bit)


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def _short(name: str) -> str:
    name = one_line(name)
    if len(name) > MAX_NAME:  # the end says what it is
        name = name[: MAX_NAME - 20] + name[-20:]
    return name


def _is_simple(name: str) -> bool:
    """Whether a name can stand in quotes; many readers stumble over an escaped one in it."""
    return len(name) <= LINE - 20 and _is_plain(name) and not set(name) & set('"\\')


def _disposition(name: str) -> str:
    """Name an attachment; RFC 2231 where the name is long or not plain ASCII."""
    name = _short(name)
    if not name:
        return "Content-Disposition: attachment"
    if _is_simple(name):
        return f'Content-Disposition: attachment;\r\n filename="{name}"'
    # Percent signs are not split: three characters each, 54 in a line.
    pieces = re.findall(r"(?:%..|[^%]){1,18}", quote(name, safe=""))
    if len(pieces) == 1:
        return f"Content-Disposition: attachment;\r\n filename*=utf-8''{pieces[0]}"
    lines = [f" filename*{n}*={piece}" for n, piece in enumerate(pieces)]
    lines[0] = lines[0].replace("*=", "*=utf-8''", 1)
    return "Content-Disposition: attachment;\r\n" + ";\r\n".join(lines)
