"""Outlook's .msg files (MS-OXMSG): what they say, and the mail that they stand for.

Promise: any octets give a message or None, in time linear in them; files, recipients and messages
inside of messages are bounded, and nothing is read beyond the octets.
Used by: mail.bodies (the files inside), mail.attachments (the words), mail.parse (the forward, and
a .msg that is read itself).
"""

from __future__ import annotations

import base64
import hashlib
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from urllib.parse import quote

from postroom.mail.charset import decode_bytes
from postroom.mail.compound import Storage, read_compound
from postroom.mail.embedded import File
from postroom.mail.mapi import Properties, file_of, words_of
from postroom.mail.structure import read_fields

_TYPES = frozenset({"application/vnd.ms-outlook", "application/msoutlook", "application/x-msg"})
_TABLE = "__properties_version1.0"
_STREAM = re.compile(r"__substg1\.0_([0-9a-f]{4})(001e|001f|0102)")
_INNER = "__substg1.0_3701000d"
_HEAD, _INNER_HEAD, _OTHER_HEAD = 32, 24, 8  # octets before the table (§2.4)
_FIXED = frozenset({0x02, 0x03, 0x0B, 0x40})
_CODEPAGES = (0x3FFD, 0x3FDE)
_HEADERS, _SUBJECT, _SENT_AT, _RECEIVED_AT = 0x007D, 0x0037, 0x0039, 0x0E06
# Who it is from comes before who sent it for him; SMTP addresses before Exchange's.
_FROM_NAMES, _FROM_ADDRESSES = (0x0042, 0x0C1A), (0x5D02, 0x0065, 0x5D01, 0x0C1F)
_NAMES, _ADDRESSES, _ROLE = (0x3001,), (0x39FE, 0x3003), 0x0C15
_IDS = ((0x1035, "Message-ID"), (0x1042, "In-Reply-To"), (0x1039, "References"))
_ROLES = {1: "To", 2: "Cc"}
_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
_FILES = 200
_RECIPIENTS = 1_000
_PROPERTIES = 5_000
_DEPTH = 5  # messages inside of messages
_LONGEST = 10_000  # characters of a header's value
_NOT_IN_ADDRESS = re.compile(r"[\s<>,;:\"()\x00-\x1f\x7f]")
_PREFIX = re.compile(r"\A\x01.")  # before a subject: how long its "Re:" is
_TYPE = re.compile(r"(?!multipart/|message/)[a-z0-9!#$&^_.+-]{1,60}/[a-z0-9!#$&^_.+-]{1,60}")


@dataclass(slots=True)
class Message:
    """What stands in a .msg; a message attached to it is a file that is a mail."""

    properties: Properties
    recipients: list[Properties] = field(default_factory=list)
    files: list[File] = field(default_factory=list)


def is_msg(kind: str, name: str) -> bool:
    """Say whether a part calls itself a .msg."""
    return kind in _TYPES or name.lower().rstrip().endswith(".msg")


def read_msg(octets: bytes) -> Message | None:
    """Open a .msg; None if it is none."""
    root = read_compound(octets)
    return None if root is None or _TABLE not in root.streams else _message(root, _HEAD, 1)


def mail_of_msg(octets: bytes) -> bytes | None:
    """Write the mail that a .msg stands for; None if it is none."""
    message = read_msg(octets)
    return None if message is None else mail_of(message)


def _message(storage: Storage, head: int, depth: int) -> Message:
    codec = _codec(_fixed(storage, head))
    message = Message(_properties(storage, head, codec))
    for name, inner in storage.storages.items():
        if name.startswith("__recip_version1.0_#") and len(message.recipients) < _RECIPIENTS:
            message.recipients.append(_properties(inner, _OTHER_HEAD, codec))
        elif name.startswith("__attach_version1.0_#") and len(message.files) < _FILES:
            message.files.append(_file(inner, codec, depth))
    return message


def _file(storage: Storage, codec: str, depth: int) -> File:
    properties = _properties(storage, _OTHER_HEAD, codec)
    inner = storage.storages.get(_INNER)
    if inner is None or _TABLE not in inner.streams or depth >= _DEPTH:
        return file_of(properties)
    return file_of_message(_message(inner, _INNER_HEAD, depth + 1), file_of(properties).name)


def file_of_message(message: Message, name: str) -> File:
    """Return a message inside of another one as a file that is a mail."""
    name = _first(message.properties, (_SUBJECT,)) or name or "message"
    return File(
        f"{name[:60].strip(' .').replace('/', '-')}.eml", mail_of(message), "message/rfc822"
    )


def _fixed(storage: Storage, head: int) -> Properties:
    """Read the numbers and moments in the table of properties."""
    table = storage.streams.get(_TABLE, b"")[head:][: _PROPERTIES * 16]
    entries = struct.iter_unpack("<HHI8s", table[: len(table) // 16 * 16])
    return {identity: value for kind, identity, _, value in entries if kind in _FIXED}


def _codec(fixed: Properties) -> str:
    """Name the charset of strings that are not in Unicode."""
    numbers = (_number(fixed.get(each)) for each in _CODEPAGES)
    number = next(filter(None, numbers), 1_252)
    return "utf-8" if number == 65_001 else f"cp{number}"


def _properties(storage: Storage, head: int, codec: str) -> Properties:
    found = _fixed(storage, head)
    for name, octets in storage.streams.items():
        if (match := _STREAM.fullmatch(name)) is None:
            continue
        value: bytes | str = octets
        if match[2] != "0102":
            label = "utf-16-le" if match[2] == "001f" else codec
            value = decode_bytes(octets.rstrip(b"\0") if label == codec else octets, label)[0]
        found[int(match[1], 16)] = value
    return found


def _number(value: bytes | str | None) -> int:
    return int.from_bytes(value[:4], "little") if isinstance(value, bytes) else 0


def _first(properties: Properties, identities: tuple[int, ...]) -> str:
    """Return the first of these properties that says something, as one line."""
    values = (properties.get(each) for each in identities)
    lines = (" ".join(value[:_LONGEST].split()) for value in values if isinstance(value, str))
    return _PREFIX.sub("", next(filter(None, lines), ""))


def mail_of(message: Message) -> bytes:
    """Write a message as the mail that it was, or would have been."""
    fields = list(_sent_fields(message.properties))
    written = {name.lower() for name, _ in fields}
    fields += [
        (name, value)
        for name, value in _made_fields(message)
        if value and name.lower() not in written
    ]
    lines = [f"{name}: {value}\r\n" for name, value in fields]
    return "".join(lines).encode("utf-8", "replace") + b"MIME-Version: 1.0\r\n" + _body(message)


def _sent_fields(properties: Properties) -> Iterator[tuple[str, str]]:
    """Yield the header of a mail that came by SMTP, but for what its parts were."""
    source = properties.get(_HEADERS)
    raw = source.encode("utf-8", "replace") if isinstance(source, str) else b""
    for name, value in read_fields(raw.lstrip(), 0, 500)[0]:
        if not name.lower().startswith(("content-", "mime-version")):
            yield name, value.decode("utf-8", "replace").strip()


def _made_fields(message: Message) -> Iterator[tuple[str, str]]:
    properties = message.properties
    yield "From", _mailbox(properties, _FROM_NAMES, _FROM_ADDRESSES)
    for role, name in _ROLES.items():
        recipients = [each for each in message.recipients if _number(each.get(_ROLE)) == role]
        yield name, ", ".join(_mailbox(each, _NAMES, _ADDRESSES) for each in recipients)
    yield "Subject", _encoded(_first(properties, (_SUBJECT,)))
    yield "Date", _moment(properties.get(_SENT_AT)) or _moment(properties.get(_RECEIVED_AT))
    for identity, name in _IDS:
        yield name, _first(properties, (identity,))


def _mailbox(properties: Properties, names: tuple[int, ...], addresses: tuple[int, ...]) -> str:
    name = _first(properties, names)
    written = (_first(properties, (each,)) for each in addresses)
    address = next((each for each in written if "@" in each), "")
    address = _NOT_IN_ADDRESS.sub("", address)[:320]
    if name.isascii():
        escaped = name.replace("\\", "\\\\").replace('"', '\\"')
        name = f'"{escaped}"' if name else ""
    else:
        name = _encoded(name)
    return f"{name} <{address}>".strip() if address else name


def _encoded(text: str) -> str:
    """Write encoded words (RFC 2047), each with whole characters."""
    if text.isascii():
        return text
    pieces = (text[at : at + 15].encode("utf-8", "replace") for at in range(0, len(text), 15))
    return "\r\n ".join(f"=?utf-8?B?{base64.b64encode(piece).decode()}?=" for piece in pieces)


def _moment(value: bytes | str | None) -> str:
    """Write a count of 100 ns since 1601 as a Date."""
    if not isinstance(value, bytes) or not any(value):
        return ""
    try:
        since = timedelta(microseconds=int.from_bytes(value[:8], "little") // 10)
        return format_datetime(_EPOCH + since)
    except OverflowError:
        return ""


def _body(message: Message) -> bytes:
    """Write the words, and the files behind them."""
    text, markup = words_of(message.properties)
    forms = [_part("text/plain; charset=utf-8", text.encode("utf-8", "replace"))]
    if markup is not None:
        forms.append(_part("text/html; charset=utf-8", markup.encode("utf-8", "replace")))
    words = forms[0] if len(forms) == 1 else _multipart("alternative", forms)
    if not message.files:
        return words
    return _multipart("mixed", [words, *map(_attachment, message.files)])


def _multipart(kind: str, parts: list[bytes]) -> bytes:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    mark = f"=_{digest.hexdigest()}"  # nothing can hold the hash of itself
    head = f'Content-Type: multipart/{kind}; boundary="{mark}"\r\n'.encode()
    line = f"\r\n--{mark}".encode()
    return b"".join([head, *(b"%s\r\n%s" % (line, part) for part in parts), line, b"--\r\n"])


def _part(kind: str, octets: bytes, more: str = "") -> bytes:
    head = f"Content-Type: {kind}\r\n{more}Content-Transfer-Encoding: base64\r\n\r\n"
    return head.encode() + base64.encodebytes(octets)


def _attachment(file: File) -> bytes:
    name = quote(" ".join(file.name.split()).encode("utf-8", "replace"), safe="")
    more = f"Content-Disposition: attachment; filename*=utf-8''{name}\r\n"
    if content_id := _NOT_IN_ADDRESS.sub("", file.content_id):
        more += f"Content-ID: <{content_id}>\r\n"
    if file.type == "message/rfc822":
        return f"Content-Type: message/rfc822\r\n{more}\r\n".encode() + file.octets
    kind = file.type if _TYPE.fullmatch(file.type) else "application/octet-stream"
    return _part(kind, file.octets, more)
