"""The parts of a written mail: text, HTML, pictures and files become MIME entities.

Promise: the same content always gives the same bytes, boundaries included; lines end with CRLF and
are never longer than 998 octets; no file can end its part early or add one.
Used by: mail.compose.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from urllib.parse import quote

from postroom.mail.flowed import flow, is_flowing
from postroom.mail.folding import LINE, MAX_NAME, encoded_words, is_plain, one_line

LONGEST_LINE = 998

MIME_TYPE = re.compile(r"[a-z0-9!#$&^_.+\-]{1,63}/[a-z0-9!#$&^_.+\-]{1,63}")
NOT_ID = re.compile(r"[^A-Za-z0-9.@_-]")
LINE_END = re.compile(r"\r\n?")
# What does not survive every relay: white space at a line's end; nor mbox: "From ".
WILD = re.compile(r"[ \t]\n|^From |[\x00-\x08\x0b-\x1f\x7f]", re.MULTILINE)
# A flowed line that loses its last blank is only broken there.
WILD_IF_FLOWED = re.compile(r"\t\n|[\x00-\x08\x0b-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Entity:
    """One MIME entity: header lines without their last CRLF, and the encoded body."""

    headers: tuple[str, ...]
    body: bytes
    is_8bit: bool = False


def multipart(subtype: str, parts: tuple[Entity, ...], seed: str, *, root: str = "") -> Entity:
    """Join parts; the boundary comes from the Message-ID, so that it is always the same one."""
    boundary = _boundary(f"{subtype} {seed}", parts)
    body = bytearray()
    for part in parts:
        head = "\r\n".join(part.headers)
        body += f"--{boundary}\r\n{head}\r\n\r\n".encode("ascii") + part.body + b"\r\n"
    body += f"--{boundary}--\r\n".encode("ascii")
    kind = f'{subtype}; type="{root}"' if root else subtype
    headers: tuple[str, ...] = (f'Content-Type: multipart/{kind};\r\n boundary="{boundary}"',)
    is_8bit = any(part.is_8bit for part in parts)
    if is_8bit:  # RFC 2045 6.4: what holds 8bit is 8bit
        headers += ("Content-Transfer-Encoding: 8bit",)
    return Entity(headers, bytes(body), is_8bit)


def _boundary(seed: str, parts: tuple[Entity, ...]) -> str:
    # "=_" never stands in quoted-printable or base64, but an attached mail may say anything.
    for attempt in range(1_000_000):
        digest = hashlib.sha256(f"{seed} {attempt}".encode(errors="replace")).hexdigest()
        boundary = f"=_{digest[:32]}"
        if not any(boundary.encode("ascii") in part.body for part in parts):
            return boundary
    raise AssertionError("unreachable: a million digests in one mail")


def text_part(text: str, subtype: str) -> Entity:
    """Write a text as text/plain or text/html, in the plainest encoding that carries it."""
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
    return Entity(
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


def attachment_part(name: str, mime_type: str, raw: bytes) -> Entity:
    """Write a file that is saved, not shown; a mail stays a mail."""
    mime_type = mime_type.lower()
    if mime_type == "message/rfc822":
        return _attached_mail(name, raw)
    return _file(name, mime_type, raw, "attachment")


def picture_part(content_id: str, name: str, mime_type: str, raw: bytes) -> Entity:
    """Write a picture that HTML beside it shows by its Content-ID (RFC 2392)."""
    named = f"Content-ID: <{NOT_ID.sub('', content_id)[:MAX_NAME]}>"
    part = _file(name, mime_type.lower(), raw, "inline")
    return Entity((*part.headers, named), part.body)


def _file(name: str, mime_type: str, raw: bytes, disposition: str) -> Entity:
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
        _disposition(name, disposition),
    )
    return Entity(headers, _base64(raw))


def _old_name(name: str) -> str:
    """Write a name for readers that know no RFC 2231 (older Outlooks): as an encoded word.

    RFC 2047 §5 forbids it inside a quoted string; all clients write it so, and all read it.
    """
    if _is_simple(name):
        return f'"{name}"'
    return '"' + "\r\n".join(encoded_words(name, len(' name="'))) + '"'


def _attached_mail(name: str, raw: bytes) -> Entity:
    """Attach a mail as it is where RFC 2046 5.2.1 allows it (7bit, 8bit), else as plain bytes."""
    lines = raw.replace(b"\r\n", b"\n")
    is_odd = b"\r" in lines or b"\0" in lines or not lines
    if is_odd or max(map(len, lines.split(b"\n"))) > LONGEST_LINE:
        return attachment_part(name or "message.eml", "application/octet-stream", raw)
    is_8bit = not lines.isascii()
    headers = (
        "Content-Type: message/rfc822",
        f"Content-Transfer-Encoding: {'8bit' if is_8bit else '7bit'}",
        _disposition(name or "message.eml"),
    )
    return Entity(headers, lines.replace(b"\n", b"\r\n"), is_8bit)


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
    return len(name) <= LINE - 20 and is_plain(name) and not set(name) & set('"\\')


def _disposition(name: str, disposition: str = "attachment") -> str:
    """Name a file; RFC 2231 where the name is long or not plain ASCII."""
    name = _short(name)
    if not name:
        return f"Content-Disposition: {disposition}"
    if _is_simple(name):
        return f'Content-Disposition: {disposition};\r\n filename="{name}"'
    # Percent signs are not split: three characters each, 54 in a line.
    pieces = re.findall(r"(?:%..|[^%]){1,18}", quote(name, safe=""))
    if len(pieces) == 1:
        return f"Content-Disposition: {disposition};\r\n filename*=utf-8''{pieces[0]}"
    lines = [f" filename*{n}*={piece}" for n, piece in enumerate(pieces)]
    lines[0] = lines[0].replace("*=", "*=utf-8''", 1)
    return f"Content-Disposition: {disposition};\r\n" + ";\r\n".join(lines)
